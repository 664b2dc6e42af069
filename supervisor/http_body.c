/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the long answers; see http_body.h.  A block of its own stands
 * between producer and connection, for the room a connection offers depends
 * on the size of the request.
 */
#include "supervisor/http_body.h"

#include <stdlib.h>
#include <string.h>

struct http_body {
	const struct http_source *source;
	ssize_t (*fill)(struct http_body *body, char *buf, size_t cap);
	struct alive_view view;
	struct alive_writer *alive; /* of /alive */
	void *metrics;              /* of /metrics */
	struct gzip_stream *gzip;
	size_t block_pos, block_len;
	char block[HTTP_BODY_BLOCK_BYTES];
};

static ssize_t
fill_alive(struct http_body *body, char *buf, size_t cap)
{
	return alive_read(body->alive, buf, cap);
}

static ssize_t
fill_metrics(struct http_body *body, char *buf, size_t cap)
{
	return body->source->metrics_read(body->metrics, buf, cap);
}

static ssize_t
fill_gzip(struct http_body *body, char *buf, size_t cap)
{
	return gzip_stream_read(body->gzip, buf, cap);
}

static struct http_body *
new_body(const struct http_source *source,
	ssize_t (*fill)(struct http_body *, char *, size_t))
{
	struct http_body *body = malloc(sizeof(*body));

	if (body == NULL)
		return NULL;
	/* the block is left as it is */
	memset(body, 0, offsetof(struct http_body, block));
	body->source = source;
	body->fill = fill;
	return body;
}

struct http_body *
http_body_alive(
	const struct http_source *source, const struct alive_request *request)
{
	struct http_body *body = new_body(source, fill_alive);

	if (body == NULL)
		return NULL;
	if (source->alive_open(source->arg, &body->view) < 0) {
		free(body);
		return NULL;
	}
	body->alive = alive_start(request, &body->view);
	if (body->alive == NULL) {
		source->alive_close(source->arg, &body->view);
		free(body);
		return NULL;
	}
	return body;
}

struct http_body *
http_body_metrics(const struct http_source *source, bool gzip)
{
	struct http_body *body =
		new_body(source, gzip ? fill_gzip : fill_metrics);

	if (body == NULL)
		return NULL;
	body->metrics = source->metrics_open(source->arg);
	if (body->metrics != NULL && gzip)
		body->gzip =
			gzip_stream_new(source->metrics_read, body->metrics);
	if (body->metrics == NULL || (gzip && body->gzip == NULL)) {
		http_body_free(body);
		return NULL;
	}
	return body;
}

void
http_body_free(struct http_body *body)
{
	const struct http_source *source;

	if (body == NULL)
		return;
	source = body->source;
	gzip_stream_free(body->gzip);
	if (body->metrics != NULL)
		source->metrics_close(body->metrics);
	if (body->alive != NULL) {
		alive_free(body->alive);
		source->alive_close(source->arg, &body->view);
	}
	free(body);
}

bool
http_body_is_short(struct http_body *body, size_t max, const char **ret_text,
	size_t *ret_len)
{
	ssize_t n = 1;

	while (n > 0 && body->block_len <= max) {
		n = body->fill(body, body->block + body->block_len,
			sizeof(body->block) - body->block_len);
		if (n > 0)
			body->block_len += (size_t)n;
	}
	*ret_text = body->block;
	*ret_len = body->block_len;
	return n == 0;
}

ssize_t
http_body_read(struct http_body *body, char *buf, size_t cap)
{
	size_t len;

	if (body->block_pos == body->block_len) {
		ssize_t n = body->fill(body, body->block, sizeof(body->block));

		if (n <= 0)
			return n;
		body->block_pos = 0;
		body->block_len = (size_t)n;
	}
	len = body->block_len - body->block_pos;
	if (len > cap)
		len = cap;
	memcpy(buf, body->block + body->block_pos, len);
	body->block_pos += len;
	return (ssize_t)len;
}
