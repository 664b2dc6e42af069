/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long answers, /alive and /metrics, as streams: each read costs one
 * block and no more, so that nobody waits for the whole.
 */
#ifndef SUPERVISOR_HTTP_BODY_H
#define SUPERVISOR_HTTP_BODY_H

#include "supervisor/gzip_stream.h"
#include "supervisor/http_source.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HTTP_BODY_BLOCK_BYTES GZIP_STREAM_BLOCK_BYTES

struct http_body;

/* The source must outlive the body.  NULL: no memory, or the source failed. */
struct http_body *http_body_alive(
	const struct http_source *source, const struct alive_request *request);
struct http_body *http_body_metrics(
	const struct http_source *source, bool gzip);
void http_body_free(struct http_body *body);
/*
 * Whether the whole body has at most max bytes, which must be less than a
 * block; then it is at *ret_text until the body is freed.  Before the first
 * read alone.  Nothing is lost when it is longer.
 */
bool http_body_is_short(struct http_body *body, size_t max,
	const char **ret_text, size_t *ret_len);
/* 0: that was all; -EAGAIN: nothing yet, ask again; another negative errno. */
ssize_t http_body_read(struct http_body *body, char *buf, size_t cap);

#endif
