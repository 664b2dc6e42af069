/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as JSON; see json_text.h. */
#include "supervisor/json_text.h"

#include <stdint.h>

/* U+2028 and U+2029: line ends to JavaScript. */
#define LINE_SEPARATOR      0x2028
#define PARAGRAPH_SEPARATOR 0x2029

/*
 * The length of the well-formed UTF-8 sequence that begins here (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF); 0: there is none.
 */
static size_t
sequence_len(const unsigned char *p, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n;

	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;
	code = p[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fU);
	}
	if (code < least[n] || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

/* NULL: the byte stands for itself. */
static const char *
short_escape(uint32_t code)
{
	switch (code) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

static bool
needs_escape(uint32_t code)
{
	return code < 0x20 || code == '"' || code == '\\' || code == '<' ||
	       code == '>' || code == '&' || code == LINE_SEPARATOR ||
	       code == PARAGRAPH_SEPARATOR;
}

static void
add_escape(struct strbuf *out, uint32_t code)
{
	static const char digits[] = "0123456789abcdef";
	const char *escape = short_escape(code);
	char text[6] = { '\\', 'u', digits[code >> 12 & 15],
		digits[code >> 8 & 15], digits[code >> 4 & 15],
		digits[code & 15] };

	if (escape != NULL)
		strbuf_add_string(out, escape);
	else
		strbuf_add(out, text, sizeof(text));
}

void
json_text_add(struct strbuf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t raw_start = 0, i = 0;

	strbuf_add_char(out, '"');
	while (i < len) {
		uint32_t code = 0xfffd;
		size_t n = sequence_len(p + i, len - i, &code);

		if (n > 0 && !needs_escape(code)) {
			i += n;
			continue;
		}
		strbuf_add(out, text + raw_start, i - raw_start);
		add_escape(out, code);
		i += n > 0 ? n : 1;
		raw_start = i;
	}
	strbuf_add(out, text + raw_start, len - raw_start);
	strbuf_add_char(out, '"');
}
