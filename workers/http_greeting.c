/* SPDX-License-Identifier: Apache-2.0 */
/* What is behind a port that does not speak HTTP/1.1; see http_greeting.h. */
#include "workers/http_greeting.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TLS_ALERT            0x15 /* RFC 8446 section 5.1 */
#define TLS_HANDSHAKE        0x16
#define TLS_MAJOR            3
#define HTTP2_FRAME_BYTES    9 /* RFC 9113 section 4.1 */
#define HTTP2_FRAME_SETTINGS 4
#define HTTP2_FRAME_GOAWAY   7

static bool
is_tls(const uint8_t *bytes, size_t len)
{
	return (bytes[0] == TLS_ALERT || bytes[0] == TLS_HANDSHAKE) &&
	       (len == 1 || bytes[1] == TLS_MAJOR);
}

/*
 * A server's first frame is SETTINGS; one that has understood that this is no
 * HTTP/2 may say GOAWAY.  Both are of stream 0 and shorter than 64 KiB.
 */
static bool
is_http2(const uint8_t *bytes, size_t len)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n";
	static const uint8_t stream[4] = { 0 };

	if (len >= sizeof(preface) - 1 &&
		memcmp(bytes, preface, sizeof(preface) - 1) == 0)
		return true;
	return len >= HTTP2_FRAME_BYTES && bytes[0] == 0 &&
	       (bytes[3] == HTTP2_FRAME_SETTINGS ||
		       bytes[3] == HTTP2_FRAME_GOAWAY) &&
	       memcmp(bytes + 5, stream, sizeof(stream)) == 0;
}

static bool
is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

void
http_greeting_quote(
	const char *bytes, size_t len, char ret_text[HTTP_GREETING_BYTES])
{
	char *to = ret_text;
	size_t n;

	while (len > 0 && (bytes[len - 1] == '\r' || bytes[len - 1] == '\n'))
		len--;
	n = len < HTTP_GREETING_QUOTE_MAX ? len : HTTP_GREETING_QUOTE_MAX;
	for (size_t i = 0; i < n; i++)
		*to++ = is_printable(bytes[i]) ? bytes[i] : '.';
	strcpy(to, n < len ? "..." : "");
}

void
http_greeting_describe(const char *bytes, size_t len,
	enum http_greeting_from from, char ret_text[HTTP_GREETING_BYTES])
{
	ret_text[0] = '\0';
	if (len == 0)
		return;
	if (is_tls((const uint8_t *)bytes, len))
		snprintf(ret_text, HTTP_GREETING_BYTES, "%s",
			from == HTTP_GREETING_PROXY
				? "it speaks TLS, and only http:// can be used"
				: "the server speaks TLS; use https://");
	else if (is_http2((const uint8_t *)bytes, len))
		snprintf(ret_text, HTTP_GREETING_BYTES,
			"the server speaks HTTP/2, not HTTP/1.1");
	else if (from != HTTP_GREETING_STRANGER)
		http_greeting_quote(bytes, len, ret_text);
}
