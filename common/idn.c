/* SPDX-License-Identifier: Apache-2.0 */
/* Host names beyond ASCII; see idn.h. */
#include "common/idn.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A label has 63 bytes at most (RFC 1035 section 2.3.4), and Punycode has no
 * fewer digits than there are characters. */
#define LABEL_MAX 63

/* The parameters that RFC 3492 section 5 gives for names. */
#define BASE         36U
#define T_MIN        1U
#define T_MAX        26U
#define SKEW         38U
#define DAMP         700U
#define INITIAL_BIAS 72U
#define INITIAL_N    0x80U

#define REFUSED                                                                \
	"a character of the host is not known here; write the host's "         \
	"xn-- form"
#define TOO_LONG "a label of the host is longer than 63 bytes in its xn-- form"

enum letters {
	SMALL,     /* or without a size */
	LARGE,     /* `shift` leads to the small one */
	EVEN_PAIR, /* large and small in turn, the large ones even */
	ODD_PAIR,  /* the same, the large ones odd */
};

/*
 * Which characters names may have, and what becomes of them.  What is missing:
 * marks that combine (they would have to be composed), forms for
 * compatibility, joiners, symbols, scripts that nobody has asked for.
 */
static const struct range {
	uint32_t first, last;
	enum letters letters;
	uint32_t shift;
} ranges[] = {
	{ 0x00c0, 0x00d6, LARGE, 0x20 },
	{ 0x00d8, 0x00de, LARGE, 0x20 },
	{ 0x00df, 0x00f6, SMALL, 0 },
	{ 0x00f8, 0x00ff, SMALL, 0 },
	{ 0x0100, 0x012f, EVEN_PAIR, 0 },
	{ 0x0131, 0x0131, SMALL, 0 },
	{ 0x0134, 0x0137, EVEN_PAIR, 0 },
	{ 0x0138, 0x0138, SMALL, 0 },
	{ 0x0139, 0x013e, ODD_PAIR, 0 },
	{ 0x0141, 0x0148, ODD_PAIR, 0 },
	{ 0x014a, 0x0177, EVEN_PAIR, 0 },
	{ 0x0179, 0x017e, ODD_PAIR, 0 },
	{ 0x01cd, 0x01dc, ODD_PAIR, 0 },
	{ 0x01de, 0x01ef, EVEN_PAIR, 0 },
	{ 0x01f8, 0x021f, EVEN_PAIR, 0 },
	{ 0x0222, 0x0233, EVEN_PAIR, 0 },
	{ 0x0388, 0x038a, LARGE, 0x25 },
	{ 0x0390, 0x0390, SMALL, 0 },
	{ 0x0391, 0x03a1, LARGE, 0x20 },
	{ 0x03a3, 0x03ab, LARGE, 0x20 },
	{ 0x03ac, 0x03ce, SMALL, 0 },
	{ 0x0400, 0x040f, LARGE, 0x50 },
	{ 0x0410, 0x042f, LARGE, 0x20 },
	{ 0x0430, 0x045f, SMALL, 0 },
	{ 0x0460, 0x0481, EVEN_PAIR, 0 },
	{ 0x048a, 0x04bf, EVEN_PAIR, 0 },
	{ 0x04c1, 0x04ce, ODD_PAIR, 0 },
	{ 0x04d0, 0x052f, EVEN_PAIR, 0 },
	{ 0x0531, 0x0556, LARGE, 0x30 },
	{ 0x0561, 0x0586, SMALL, 0 },
	{ 0x05d0, 0x05ea, SMALL, 0 }, /* Hebrew */
	{ 0x0620, 0x063f, SMALL, 0 }, /* Arabic */
	{ 0x0641, 0x064a, SMALL, 0 },
	{ 0x0671, 0x0674, SMALL, 0 },
	{ 0x0679, 0x06d3, SMALL, 0 },
	{ 0x0e01, 0x0e32, SMALL, 0 }, /* Thai */
	{ 0x0e34, 0x0e3a, SMALL, 0 },
	{ 0x0e40, 0x0e4e, SMALL, 0 },
	{ 0x10d0, 0x10fa, SMALL, 0 }, /* Georgian */
	{ 0x1e00, 0x1e95, EVEN_PAIR, 0 },
	{ 0x1ea0, 0x1eff, EVEN_PAIR, 0 }, /* Vietnamese */
	{ 0x3005, 0x3007, SMALL, 0 },     /* Japanese, Chinese, Korean */
	{ 0x3041, 0x3096, SMALL, 0 },
	{ 0x30a1, 0x30fa, SMALL, 0 },
	{ 0x30fc, 0x30fe, SMALL, 0 },
	{ 0x3400, 0x4dbf, SMALL, 0 },
	{ 0x4e00, 0x9fff, SMALL, 0 },
	{ 0xac00, 0xd7a3, SMALL, 0 },
	{ 0x20000, 0x2a6df, SMALL, 0 },
};

/* 0: it may not stand in a name. */
static uint32_t
small_letter(uint32_t c)
{
	if (c < INITIAL_N)
		return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct range *range = &ranges[i];

		if (c < range->first || c > range->last)
			continue;
		switch (range->letters) {
		case SMALL:
			return c;
		case LARGE:
			return c + range->shift;
		case EVEN_PAIR:
			return c | 1;
		case ODD_PAIR:
			return c + (c & 1);
		}
	}
	return 0;
}

/* The next character of UTF-8; 0: there is none that is well written. */
static uint32_t
decode(const unsigned char **text, const unsigned char *end)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *(*text)++;
	unsigned more;
	uint32_t c;

	if (first < 0x80)
		return first;
	more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	if (first < 0xc2 || first > 0xf4 || end - *text < (ptrdiff_t)more)
		return 0;
	c = first & (0x3fU >> more);
	for (unsigned i = 0; i < more; i++) {
		if ((**text & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (*(*text)++ & 0x3fU);
	}
	return c >= least[more] ? c : 0; /* surrogates are in no range */
}

struct out {
	char *text;
	size_t len, cap;
};

static bool
put(struct out *out, char c)
{
	if (out->len + 1 >= out->cap)
		return false;
	out->text[out->len++] = c;
	return true;
}

static bool
put_digit(struct out *out, uint32_t digit)
{
	return put(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26));
}

/* RFC 3492 section 6.1. */
static uint32_t
adapt(uint32_t delta, uint32_t count, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / count;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static bool
put_number(struct out *out, uint32_t number, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias           ? T_MIN
			     : k >= bias + T_MAX ? T_MAX
						 : k - bias;

		if (number < t)
			return put_digit(out, number);
		if (!put_digit(out, t + (number - t) % (BASE - t)))
			return false;
		number = (number - t) / (BASE - t);
	}
}

/* The least character that is not yet done with. */
static uint32_t
next_character(const uint32_t *label, size_t count, uint32_t n)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < count; i++)
		if (label[i] >= n && label[i] < least)
			least = label[i];
	return least;
}

/*
 * RFC 3492 section 6.3.  Nothing overflows: 63 characters below 2^18 make no
 * number beyond 2^24.
 */
static bool
put_punycode(struct out *out, const uint32_t *label, size_t count)
{
	uint32_t n = INITIAL_N, delta = 0, bias = INITIAL_BIAS;
	uint32_t n_basic = 0, done;

	for (size_t i = 0; i < count; i++) {
		if (label[i] >= INITIAL_N)
			continue;
		if (!put(out, (char)label[i]))
			return false;
		n_basic++;
	}
	if (n_basic > 0 && !put(out, '-'))
		return false;
	for (done = n_basic; done < count; n++, delta++) {
		uint32_t next = next_character(label, count, n);

		delta += (next - n) * (done + 1);
		n = next;
		for (size_t i = 0; i < count; i++) {
			delta += label[i] < n;
			if (label[i] != n)
				continue;
			if (!put_number(out, delta, bias))
				return false;
			bias = adapt(delta, done + 1, done == n_basic);
			delta = 0;
			done++;
		}
	}
	return true;
}

/* One label, in characters. */
static bool
put_label(struct out *out, const uint32_t *label, size_t count)
{
	bool is_ascii = true;

	for (size_t i = 0; i < count; i++)
		is_ascii &= label[i] < INITIAL_N;
	if (!is_ascii)
		return put(out, 'x') && put(out, 'n') && put(out, '-') &&
		       put(out, '-') && put_punycode(out, label, count);
	for (size_t i = 0; i < count; i++)
		if (!put(out, (char)label[i]))
			return false;
	return true;
}

const char *
idn_to_ascii(const char *name, size_t len, char ret_ascii[IDN_NAME_BYTES])
{
	struct out out = { ret_ascii, 0, IDN_NAME_BYTES };
	const unsigned char *text = (const unsigned char *)name;
	const unsigned char *end = text + len;
	uint32_t label[LABEL_MAX], c;
	size_t count = 0;

	while (text < end) {
		c = small_letter(decode(&text, end));
		if (c == 0)
			return REFUSED;
		if (c != '.' && count == LABEL_MAX)
			return TOO_LONG;
		if (c != '.')
			label[count++] = c;
		if (c != '.' && text < end)
			continue;
		if (!put_label(&out, label, count) ||
			(c == '.' && !put(&out, '.')))
			return "the host is longer than 253 bytes in its "
			       "xn-- form";
		count = 0;
	}
	out.text[out.len] = '\0';
	return NULL;
}
