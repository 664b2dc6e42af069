/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the head of a request is what libmicrohttpd before 1.0 makes of it.
 * That cuts its buffer into strings where it stands, and does not say what it
 * left out: the rest of a line behind a NUL; all headers behind a line that
 * begins with a NUL or a colon, which are then taken for the next request; and
 * a folded line is added to the name of its header.  Left out is what lies
 * between two of the strings and is not the end of a line.  Only compares and
 * reads bytes of that buffer.
 */
#ifndef SUPERVISOR_HTTP_LAYOUT_H
#define SUPERVISOR_HTTP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct http_layout {
	const char *at, *end; /* what was not looked at */
	bool is_broken;
};

/* The buffer begins with the method, a string. */
void http_layout_init(
	struct http_layout *layout, const char *method, size_t head_bytes);
/* The target and then the version, which was one blank further. */
void http_layout_word(struct http_layout *layout, const char *word, size_t len);
/* The next header. */
void http_layout_header(struct http_layout *layout, const char *name,
	size_t name_len, const char *value, size_t value_len);
/* After the last header: nothing was left out. */
bool http_layout_is_whole(struct http_layout *layout);

#endif
