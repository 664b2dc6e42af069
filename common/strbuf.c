/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string; see strbuf.h. */
#include "common/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP_BYTES 64

void
strbuf_init(struct strbuf *buf, size_t max_bytes)
{
	memset(buf, 0, sizeof(*buf));
	buf->max_bytes = max_bytes;
}

void
strbuf_fini(struct strbuf *buf)
{
	free(buf->text);
	strbuf_init(buf, buf->max_bytes);
}

void
strbuf_reset(struct strbuf *buf)
{
	buf->len_bytes = 0;
	buf->failed = false;
	if (buf->text != NULL)
		buf->text[0] = '\0';
}

/* Room for len_bytes more and the NUL. */
static bool
reserve(struct strbuf *buf, size_t len_bytes)
{
	size_t need_bytes = buf->len_bytes + len_bytes + 1;
	size_t cap_bytes =
		buf->cap_bytes > 0 ? buf->cap_bytes : FIRST_CAP_BYTES;
	char *text;

	if (buf->failed)
		return false;
	if (need_bytes < len_bytes ||
		(buf->max_bytes > 0 && need_bytes - 1 > buf->max_bytes)) {
		buf->failed = true;
		return false;
	}
	if (need_bytes <= buf->cap_bytes)
		return true;
	while (cap_bytes < need_bytes)
		cap_bytes *= 2;
	text = realloc(buf->text, cap_bytes);
	if (text == NULL) {
		buf->failed = true;
		return false;
	}
	buf->text = text;
	buf->cap_bytes = cap_bytes;
	return true;
}

void
strbuf_add(struct strbuf *buf, const char *bytes, size_t len_bytes)
{
	if (!reserve(buf, len_bytes))
		return;
	if (len_bytes > 0)
		memcpy(buf->text + buf->len_bytes, bytes, len_bytes);
	buf->len_bytes += len_bytes;
	buf->text[buf->len_bytes] = '\0';
}

void
strbuf_add_string(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void
strbuf_add_char(struct strbuf *buf, char c)
{
	strbuf_add(buf, &c, 1);
}

void
strbuf_printf(struct strbuf *buf, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !reserve(buf, (size_t)n)) {
		buf->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(buf->text + buf->len_bytes, (size_t)n + 1, format, args);
	va_end(args);
	buf->len_bytes += (size_t)n;
}

const char *
strbuf_text(const struct strbuf *buf)
{
	if (buf->failed)
		return NULL;
	return buf->text != NULL ? buf->text : "";
}

char *
strbuf_take(struct strbuf *buf)
{
	char *text = NULL;

	if (!buf->failed)
		text = buf->text != NULL ? buf->text : calloc(1, 1);
	if (text == buf->text)
		buf->text = NULL;
	strbuf_fini(buf);
	return text;
}
