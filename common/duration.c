/* SPDX-License-Identifier: Apache-2.0 */
/* Go's duration syntax; see duration.h. */
#include "common/duration.h"

#include "common/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The magnitude of the smallest int64_t: one more than that of the largest. */
#define MAGNITUDE_MAX ((uint64_t)1 << 63)

struct unit {
	const char *name;
	uint64_t ns;
};

/* Longer names first where one begins like another. */
static const struct unit units[] = {
	{ "ns", 1 },
	{ "us", NS_PER_US },
	{ "\xc2\xb5s", NS_PER_US }, /* U+00B5 micro sign */
	{ "\xce\xbcs", NS_PER_US }, /* U+03BC Greek letter mu */
	{ "ms", NS_PER_MS },
	{ "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },
	{ "h", 3600 * NS_PER_S },
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const struct unit *
find_unit(const char *text)
{
	for (size_t i = 0; i < N_UNITS; i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(text, units[i].name, len) == 0)
			return &units[i];
	}
	return NULL;
}

/*
 * The nanoseconds of 0.DIGITS units, rounded down.  From the last digit to the
 * first every step divides by ten, and a floor of a floor is the floor: exact
 * for any number of digits.
 */
static uint64_t
fraction_ns(const char *digits, size_t n_digits, uint64_t unit_ns)
{
	uint64_t ns = 0;

	while (n_digits-- > 0)
		ns = ((uint64_t)(digits[n_digits] - '0') * unit_ns + ns) / 10;
	return ns;
}

/* One number with its unit, moving *text behind it. */
static int
parse_term(const char **text, uint64_t *ret_ns)
{
	const char *p = *text, *digits, *unit_name;
	const struct unit *unit;
	uint64_t whole = 0, ns;
	size_t n_whole, n_fraction = 0;
	bool too_large = false;

	for (digits = p; is_digit(*p); p++)
		too_large |= __builtin_mul_overflow(whole, 10, &whole) ||
			     __builtin_add_overflow(
				     whole, (uint64_t)(*p - '0'), &whole);
	n_whole = (size_t)(p - digits);
	if (*p == '.') {
		for (digits = ++p; is_digit(*p); p++)
			n_fraction++;
	}
	if (n_whole + n_fraction == 0)
		return -EINVAL;
	unit_name = p;
	unit = find_unit(unit_name);
	if (unit == NULL)
		return -EINVAL;
	*text = unit_name + strlen(unit->name);
	if (too_large || __builtin_mul_overflow(whole, unit->ns, &ns) ||
		__builtin_add_overflow(
			ns, fraction_ns(digits, n_fraction, unit->ns), &ns))
		return -ERANGE;
	*ret_ns = ns;
	return 0;
}

int
duration_parse(const char *text, int64_t *ret_ns)
{
	bool negative = *text == '-', too_large = false;
	uint64_t sum_ns = 0, term_ns;

	if (*text == '-' || *text == '+')
		text++;
	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (*text == '\0')
		return -EINVAL;
	while (*text != '\0') {
		int err = parse_term(&text, &term_ns);

		if (err == -EINVAL)
			return err;
		/* go on: a later part may be no duration at all */
		too_large |= err != 0 ||
			     __builtin_add_overflow(sum_ns, term_ns, &sum_ns);
	}
	if (too_large || sum_ns > MAGNITUDE_MAX ||
		(sum_ns == MAGNITUDE_MAX && !negative))
		return -ERANGE;
	if (sum_ns == MAGNITUDE_MAX)
		*ret_ns = INT64_MIN;
	else
		*ret_ns = negative ? -(int64_t)sum_ns : (int64_t)sum_ns;
	return 0;
}

/* value / unit with its decimals, without trailing zeros. */
static size_t
put_decimal(char *buf, size_t size, uint64_t value, uint64_t unit,
	const char *unit_name)
{
	char decimals[16];
	size_t n = 0;

	for (uint64_t rest = value % unit; rest != 0; rest = rest * 10 % unit)
		decimals[n++] = (char)('0' + rest * 10 / unit);
	decimals[n] = '\0';
	return (size_t)snprintf(buf, size, "%" PRIu64 "%s%s%s", value / unit,
		n > 0 ? "." : "", decimals, unit_name);
}

const char *
duration_format(int64_t ns, char buf[DURATION_TEXT_BYTES])
{
	uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	size_t n = 0;

	if (ns == 0)
		return strcpy(buf, "0s");
	if (ns < 0)
		buf[n++] = '-';
	if (left < NS_PER_US) {
		put_decimal(buf + n, DURATION_TEXT_BYTES - n, left, 1, "ns");
	} else if (left < NS_PER_MS) {
		put_decimal(buf + n, DURATION_TEXT_BYTES - n, left, NS_PER_US,
			"\xc2\xb5s");
	} else if (left < NS_PER_S) {
		put_decimal(buf + n, DURATION_TEXT_BYTES - n, left, NS_PER_MS,
			"ms");
	} else {
		uint64_t minutes = left / (60 * NS_PER_S);

		if (minutes >= 60)
			n += (size_t)snprintf(buf + n, DURATION_TEXT_BYTES - n,
				"%" PRIu64 "h", minutes / 60);
		if (minutes > 0)
			n += (size_t)snprintf(buf + n, DURATION_TEXT_BYTES - n,
				"%" PRIu64 "m", minutes % 60);
		put_decimal(buf + n, DURATION_TEXT_BYTES - n,
			left % (60 * NS_PER_S), NS_PER_S, "s");
	}
	return buf;
}
