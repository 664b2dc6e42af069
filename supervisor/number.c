/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as the Prometheus text shows them; see number.h.  Integers and
 * nanoseconds are written by hand, for a scrape prints a great many of them;
 * the C library is asked only where the digits of a double must be found.
 */
#include "supervisor/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* 2^64 - 1 has 20 digits, a double never needs more than 17. */
#define DIGITS_MAX 20
/* A double of so many significant digits always survives as decimal. */
#define SAFE_DIGITS DBL_DIG
#define FULL_DIGITS DBL_DECIMAL_DIG
/* The exponent form starts at 10^6, as in Go's %g of shortest precision. */
#define EXPONENT_FORM_FROM  6
#define EXPONENT_FORM_BELOW (-4)
/*
 * Below 2^23 neighbouring doubles are less than 1 ns apart, so the decimal
 * digits of a number of nanoseconds are already the shortest ones.
 */
#define EXACT_SECONDS_BELOW (1ULL << 23)
#define TWO_POW_63          9223372036854775808.0

/* 0.d1 d2 d3 ... times 10^point. */
struct decimal {
	char digits[DIGITS_MAX];
	size_t n_digits; /* no zeros at the end; 0 is "0" with point 1 */
	int point;
};

size_t
number_format_count(char *dst, uint64_t value)
{
	static const char pairs[] = "00010203040506070809"
				    "10111213141516171819"
				    "20212223242526272829"
				    "30313233343536373839"
				    "40414243444546474849"
				    "50515253545556575859"
				    "60616263646566676869"
				    "70717273747576777879"
				    "80818283848586878889"
				    "90919293949596979899";
	char text[DIGITS_MAX];
	size_t at = sizeof(text);

	while (value >= 100) {
		at -= 2;
		memcpy(text + at, pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(text + at, pairs + value * 2, 2);
	} else {
		text[--at] = (char)('0' + value);
	}
	memcpy(dst, text + at, sizeof(text) - at);
	return sizeof(text) - at;
}

static void
strip_zeros(struct decimal *d)
{
	while (d->n_digits > 1 && d->digits[d->n_digits - 1] == '0')
		d->n_digits--;
}

/* value times 10^exponent. */
static void
decimal_from_count(struct decimal *d, uint64_t value, int exponent)
{
	d->n_digits = number_format_count(d->digits, value);
	d->point = value == 0 ? 1 : (int)d->n_digits + exponent;
	strip_zeros(d);
}

static size_t
format_exponent(char *dst, const struct decimal *d)
{
	int exponent = d->point - 1;
	unsigned size = (unsigned)abs(exponent);
	char *p = dst;

	*p++ = d->digits[0];
	if (d->n_digits > 1) {
		*p++ = '.';
		memcpy(p, d->digits + 1, d->n_digits - 1);
		p += d->n_digits - 1;
	}
	*p++ = 'e';
	*p++ = exponent < 0 ? '-' : '+';
	if (size < 10)
		*p++ = '0';
	p += number_format_count(p, size);
	return (size_t)(p - dst);
}

static size_t
format_decimal(char *dst, const struct decimal *d)
{
	int exponent = d->point - 1;
	char *p = dst;
	size_t n_whole;

	if (exponent < EXPONENT_FORM_BELOW || exponent >= EXPONENT_FORM_FROM)
		return format_exponent(dst, d);
	if (d->point <= 0) {
		*p++ = '0';
		*p++ = '.';
		memset(p, '0', (size_t)-d->point);
		p += -d->point;
		memcpy(p, d->digits, d->n_digits);
		return (size_t)(p - dst) + d->n_digits;
	}
	n_whole = (size_t)d->point;
	if (d->n_digits <= n_whole) {
		memcpy(p, d->digits, d->n_digits);
		memset(p + d->n_digits, '0', n_whole - d->n_digits);
		return n_whole;
	}
	memcpy(p, d->digits, n_whole);
	p[n_whole] = '.';
	memcpy(p + n_whole + 1, d->digits + n_whole, d->n_digits - n_whole);
	return d->n_digits + 1;
}

/* The decimal of n_digits nearest to value (finite, above 0). */
static void
decimal_nearest(struct decimal *d, double value, int n_digits)
{
	char text[FULL_DIGITS + 16];
	const char *exponent;

	snprintf(text, sizeof(text), "%.*e", n_digits - 1, value);
	exponent = strchr(text, 'e');
	assert(exponent != NULL);
	d->digits[0] = text[0];
	d->n_digits = 1;
	if (n_digits > 1) {
		memcpy(d->digits + 1, text + 2, (size_t)n_digits - 1);
		d->n_digits = (size_t)n_digits;
	}
	d->point = atoi(exponent + 1) + 1;
}

static bool
decimal_reads_as(const struct decimal *d, double value)
{
	char text[DIGITS_MAX + 16];

	snprintf(text, sizeof(text), ".%.*se%d", (int)d->n_digits, d->digits,
		d->point);
	return strtod(text, NULL) == value;
}

/* One more in the last digit. */
static void
decimal_step_up(struct decimal *d)
{
	size_t at = d->n_digits;

	while (at > 0 && d->digits[at - 1] == '9')
		d->digits[--at] = '0';
	if (at > 0) {
		d->digits[at - 1]++;
		return;
	}
	d->digits[0] = '1';
	d->point++;
}

static void
decimal_shortest(struct decimal *d, double value)
{
	/* Subnormal numbers have fewer digits than DBL_DIG promises. */
	int n_digits = value < DBL_MIN ? 1 : SAFE_DIGITS;

	for (; n_digits < FULL_DIGITS; n_digits++) {
		decimal_nearest(d, value, n_digits);
		if (decimal_reads_as(d, value))
			break;
		/*
		 * Below a power of two the doubles lie twice as close as
		 * above it: the next decimal upwards may read back although
		 * the nearest one does not.
		 */
		decimal_step_up(d);
		if (decimal_reads_as(d, value))
			break;
	}
	if (n_digits == FULL_DIGITS)
		decimal_nearest(d, value, n_digits);
	strip_zeros(d);
}

static size_t
put_text(char *dst, const char *text)
{
	size_t len_bytes = strlen(text);

	memcpy(dst, text, len_bytes);
	return len_bytes;
}

size_t
number_format_shortest(char *dst, double value)
{
	struct decimal d;

	if (isnan(value))
		return put_text(dst, "NaN");
	if (isinf(value))
		return put_text(dst, value > 0 ? "+Inf" : "-Inf");
	if (signbit(value)) {
		*dst = '-';
		return 1 + number_format_shortest(dst + 1, -value);
	}
	if (value == 0)
		return put_text(dst, "0");
	decimal_shortest(&d, value);
	return format_decimal(dst, &d);
}

size_t
number_format_value(char *dst, double value)
{
	if (!(value > -TWO_POW_63 && value < TWO_POW_63) ||
		value != (double)(int64_t)value)
		return number_format_shortest(dst, value);
	if (value >= 0)
		return number_format_count(dst, (uint64_t)value);
	*dst = '-';
	return 1 + number_format_count(dst + 1, (uint64_t)-value);
}

/* Rounded once: dividing a double of nanoseconds would round twice. */
static double
seconds_nearest(uint64_t seconds, uint32_t ns)
{
	char text[2 * DIGITS_MAX];

	snprintf(text, sizeof(text), "%llu.%09u", (unsigned long long)seconds,
		(unsigned)ns);
	return strtod(text, NULL);
}

static size_t
format_exact_seconds(char *dst, uint64_t value_ns)
{
	struct decimal d;

	decimal_from_count(&d, value_ns, -9);
	return format_decimal(dst, &d);
}

size_t
number_format_seconds(char *dst, uint64_t seconds, uint32_t ns)
{
	assert(ns < NS_PER_S);
	if (ns == 0 && seconds <= INT64_MAX)
		return number_format_count(dst, seconds);
	if (seconds < EXACT_SECONDS_BELOW)
		return format_exact_seconds(dst, seconds * NS_PER_S + ns);
	return number_format_value(dst, seconds_nearest(seconds, ns));
}
