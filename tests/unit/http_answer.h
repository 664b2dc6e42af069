/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the parser of answers, for its two test programs.  Every short answer
 * is fed whole, byte by byte and cut once at every place, and must mean the
 * same each time.
 */
#ifndef TESTS_UNIT_HTTP_ANSWER_H
#define TESTS_UNIT_HTTP_ANSWER_H

#include "workers/http_response.h"

#include <check.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define TOO_LARGE                                                              \
	"headers too large: more than 64 KiB; try method = HEAD, or another "  \
	"path"

enum end { STAYS_OPEN, ENDS };

/* What became of an answer. */
struct result {
	bool headers_done;
	enum http_progress end; /* HTTP_MORE: the answer is not complete */
	size_t used;
	struct http_response r;
};

/* Called for every byte of megabytes: checks only what went wrong. */
static void
feed(struct result *res, const char *bytes, size_t len)
{
	size_t taken = 0;

	do {
		size_t used = 0;

		res->end = http_response_feed(
			&res->r, bytes + taken, len - taken, &used);
		taken += used;
		if (taken > len || (res->end == HTTP_MORE && taken != len))
			ck_abort_msg("took %zu of %zu bytes", taken, len);
		if (res->end == HTTP_HEADERS_DONE && res->headers_done)
			ck_abort_msg("HTTP_HEADERS_DONE twice");
		res->headers_done |= res->end == HTTP_HEADERS_DONE;
	} while (res->end == HTTP_HEADERS_DONE);
	res->used += taken;
}

/* The same answer with the pieces [0, cut) and [cut, len); cut 0: byte by
 * byte.
 */
static struct result
run_cut(const char *bytes, size_t len, enum end end, size_t cut, bool head,
	bool connect)
{
	struct result res = { 0 };

	http_response_init(&res.r, head, connect);
	if (cut == 0) {
		for (size_t i = 0; i < len; i++)
			feed(&res, bytes + i, 1);
	} else {
		feed(&res, bytes, cut);
		feed(&res, bytes + cut, len - cut);
	}
	if (end == ENDS)
		res.end = http_response_eof(&res.r);
	return res;
}

static void
assert_same(const struct result *a, const struct result *b, size_t cut)
{
	const char *why_a = http_response_error(&a->r);
	const char *why_b = http_response_error(&b->r);

	ck_assert_msg(a->end == b->end && a->headers_done == b->headers_done &&
			      a->used == b->used,
		"cut at %zu: end %d/%d, used %zu/%zu", cut, (int)a->end,
		(int)b->end, a->used, b->used);
	ck_assert_str_eq(why_a ? why_a : "", why_b ? why_b : "");
	ck_assert_uint_eq(a->r.status, b->r.status);
	ck_assert_str_eq(a->r.status_text, b->r.status_text);
	ck_assert_str_eq(a->r.fields.location, b->r.fields.location);
	ck_assert_uint_eq(a->r.body, b->r.body);
	ck_assert_uint_eq(a->r.body_bytes, b->r.body_bytes);
	ck_assert_uint_eq(a->r.body_truncated_by_us, b->r.body_truncated_by_us);
	ck_assert_uint_eq(
		http_response_reusable(&a->r), http_response_reusable(&b->r));
}

static struct result
run_as(const char *bytes, size_t len, enum end end, bool head, bool connect)
{
	struct result whole = run_cut(bytes, len, end, len, head, connect);

	for (size_t cut = 0; cut < len && len < 4096; cut++) {
		struct result res =
			run_cut(bytes, len, end, cut, head, connect);

		assert_same(&whole, &res, cut);
	}
	return whole;
}

static struct result
run(const char *text, enum end end)
{
	return run_as(text, strlen(text), end, false, false);
}

#endif
