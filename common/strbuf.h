/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing string.  Running out of memory or over the bound sets a sticky
 * flag instead of failing each call; whoever uses the text asks once, at the
 * end.
 */
#ifndef COMMON_STRBUF_H
#define COMMON_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *text; /* NUL-terminated once anything was appended, else NULL */
	size_t len_bytes;
	size_t cap_bytes;
	size_t max_bytes; /* 0: no bound */
	bool failed;
};

void strbuf_init(struct strbuf *buf, size_t max_bytes);
void strbuf_fini(struct strbuf *buf);
/* Empties it and keeps the memory. */
void strbuf_reset(struct strbuf *buf);
void strbuf_add(struct strbuf *buf, const char *bytes, size_t len_bytes);
void strbuf_add_string(struct strbuf *buf, const char *text);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The text ("" when empty); NULL when it failed. */
const char *strbuf_text(const struct strbuf *buf);
/* Hands the text over, to be freed by the caller; NULL when it failed. */
char *strbuf_take(struct strbuf *buf);

#endif
