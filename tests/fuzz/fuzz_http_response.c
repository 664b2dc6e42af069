/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of hostile servers.  The first byte says what was asked and where to
 * cut; the rest is fed whole, in pieces and byte by byte, and must come to the
 * same each time.
 */
#include "workers/http_greeting.h"
#include "workers/http_response.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum request {
	REQUEST_HEAD = 1,
	REQUEST_CONNECT = 2,
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

struct result {
	enum http_progress end;
	bool headers_done;
	size_t used;
	struct http_response r;
};

static void
feed(struct result *res, const char *bytes, size_t len)
{
	size_t taken = 0;

	do {
		size_t used = SIZE_MAX;

		res->end = http_response_feed(
			&res->r, bytes + taken, len - taken, &used);
		require(used <= len - taken);
		taken += used;
		if (res->end == HTTP_HEADERS_DONE) {
			require(!res->headers_done);
			res->headers_done = true;
		}
	} while (res->end == HTTP_HEADERS_DONE);
	require(res->end != HTTP_MORE || taken == len);
	require(res->end != HTTP_BAD_BODY || res->headers_done);
	require(res->end != HTTP_BAD || !res->headers_done);
	res->used += taken;
}

static void
run(struct result *res, const char *bytes, size_t len, size_t piece,
	unsigned request)
{
	memset(res, 0, sizeof(*res));
	http_response_init(&res->r, (request & REQUEST_HEAD) != 0,
		(request & REQUEST_CONNECT) != 0);
	for (size_t i = 0; i < len; i += piece)
		feed(res, bytes + i, len - i < piece ? len - i : piece);
}

static void
require_same(const struct result *a, const struct result *b)
{
	require(a->end == b->end && a->headers_done == b->headers_done);
	require(a->used == b->used && a->r.status == b->r.status);
	require(http_response_error(&a->r) == http_response_error(&b->r));
	require(http_response_reusable(&a->r) == http_response_reusable(&b->r));
	require(a->r.body == b->r.body && a->r.body_bytes == b->r.body_bytes);
	require(a->r.body_truncated_by_us == b->r.body_truncated_by_us);
	require(strcmp(a->r.status_text, b->r.status_text) == 0);
	require(strcmp(a->r.fields.location, b->r.fields.location) == 0);
}

/* What holds of every answer. */
static void
require_sane(const struct result *res)
{
	bool is_bad = res->end == HTTP_BAD || res->end == HTTP_BAD_BODY;

	require((http_response_error(&res->r) != NULL) == is_bad);
	require(res->r.status <= 999);
	require(res->r.body_bytes <= HTTP_RESPONSE_BODY_MAX_BYTES);
	for (const char *c = res->r.status_text; *c != '\0'; c++)
		require((unsigned char)*c >= 0x20 && *c != 0x7f);
	for (const char *c = res->r.fields.location; *c != '\0'; c++)
		require(((unsigned char)*c >= 0x20 && *c != 0x7f) ||
			*c == '\t');
	if (http_response_reusable(&res->r))
		require(res->end == HTTP_DONE &&
			res->r.body != HTTP_BODY_UNTIL_CLOSE);
}

/* What is repeated of a stranger's bytes. */
static void
require_quotable(const struct result *res, const char *bytes, size_t len)
{
	size_t alien = http_response_alien_bytes(&res->r);
	char text[HTTP_GREETING_BYTES];

	require(alien <= res->used);
	require(alien == 0 || res->end == HTTP_BAD);
	if (alien == 0)
		return;
	alien = res->used - alien;
	http_greeting_describe(
		bytes + alien, len - alien, HTTP_GREETING_SERVER, text);
	require(memchr(text, '\0', sizeof(text)) != NULL);
	for (const char *c = text; *c != '\0'; c++)
		require(*c >= ' ' && *c <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct result whole, pieces;
	const char *bytes = (const char *)data + 1;
	enum http_progress end;
	unsigned request;

	if (size < 2)
		return 0;
	request = data[0] & (REQUEST_HEAD | REQUEST_CONNECT);
	run(&whole, bytes, size - 1, size - 1, request);
	require_sane(&whole);
	require_quotable(&whole, bytes, size - 1);
	run(&pieces, bytes, size - 1, 1, request);
	require_same(&whole, &pieces);
	run(&pieces, bytes, size - 1, 1 + data[0] / 4, request);
	require_same(&whole, &pieces);
	end = http_response_eof(&whole.r);
	require(end == http_response_eof(&pieces.r));
	require(end == HTTP_DONE || end == HTTP_BAD || end == HTTP_BAD_BODY);
	require(whole.end == HTTP_MORE || whole.end == end);
	return 0;
}
