/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is behind a port, by its first bytes where an HTTP status line should
 * be.  The bytes are a stranger's: only printable ASCII of them is repeated,
 * and little of it.
 */
#ifndef WORKERS_HTTP_GREETING_H
#define WORKERS_HTTP_GREETING_H

#include <stddef.h>

/* Of the bytes, those that are quoted; a banner of SSH is 20 to 40 long. */
#define HTTP_GREETING_QUOTE_MAX 48
#define HTTP_GREETING_BYTES     (HTTP_GREETING_QUOTE_MAX + sizeof("..."))

enum http_greeting_from {
	HTTP_GREETING_SERVER,
	HTTP_GREETING_STRANGER, /* its bytes are not quoted */
	HTTP_GREETING_PROXY,
};

/*
 * A protocol that is known by it, in words for the log, else the bytes
 * themselves, cleaned; "" without any, or where they are not quoted.
 */
void http_greeting_describe(const char *bytes, size_t len,
	enum http_greeting_from from, char ret_text[HTTP_GREETING_BYTES]);
/* The bytes alone, without the end of the line. */
void http_greeting_quote(
	const char *bytes, size_t len, char ret_text[HTTP_GREETING_BYTES]);

#endif
