/* SPDX-License-Identifier: Apache-2.0 */
/* Escaping of label values; see label_text.h. */
#include "supervisor/label_text.h"

#include <stdint.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool
in_range(unsigned char byte, unsigned char low, unsigned char high)
{
	return byte >= low && byte <= high;
}

/*
 * The length of the UTF-8 sequence at bytes (RFC 3629, section 4); 0 when
 * there is none.  The NUL at the end is no continuation, so that nothing is
 * read behind it.
 */
static size_t
sequence_length(const unsigned char *bytes)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t length;

	if (bytes[0] < 0x80)
		return 1;
	if (in_range(bytes[0], 0xc2, 0xdf))
		length = 2;
	else if (in_range(bytes[0], 0xe0, 0xef))
		length = 3;
	else if (in_range(bytes[0], 0xf0, 0xf4))
		length = 4;
	else
		return 0;
	if (bytes[0] == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (bytes[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (bytes[0] == 0xf0)
		low = 0x90; /* shorter forms exist */
	else if (bytes[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (!in_range(bytes[1], low, high))
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!in_range(bytes[i], 0x80, 0xbf))
			return 0;
	return length;
}

void
label_text_add(struct strbuf *out, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;

	while (*at != '\0') {
		size_t length = sequence_length(at);

		if (length == 0)
			strbuf_add_string(out, REPLACEMENT);
		else if (*at == '\n')
			strbuf_add_string(out, "\\n");
		else if (*at == '\\' || *at == '"')
			strbuf_add(out, *at == '"' ? "\\\"" : "\\\\", 2);
		else
			strbuf_add(out, (const char *)at, length);
		at += length > 0 ? length : 1;
	}
}
