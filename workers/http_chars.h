/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classes of characters that HTTP/1.1 is written in, for the requests and
 * answers of the probers.  Independent of the locale.
 */
#ifndef WORKERS_HTTP_CHARS_H
#define WORKERS_HTTP_CHARS_H

#include <stdbool.h>
#include <string.h>

static inline bool
http_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool
http_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
http_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static inline char
http_to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* A character of a token: method, field name (RFC 9110 section 5.6.2). */
static inline bool
http_is_token_char(char c)
{
	if (http_is_digit(c) ||
		(http_to_lower(c) >= 'a' && http_to_lower(c) <= 'z'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

#endif
