/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers good and bad.  Every answer of the tables is fed whole, byte by byte
 * and cut once at every place, and must mean the same each time.
 */
#include "workers/http_response.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"

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

static void
assert_good(const char *text, unsigned status, const char *status_text)
{
	struct result res = run(text, ENDS);

	ck_assert_msg(res.end == HTTP_DONE && res.headers_done,
		"%s: end %d: %s", text, (int)res.end,
		http_response_error(&res.r));
	ck_assert_uint_eq(res.r.status, status);
	ck_assert_str_eq(res.r.status_text, status_text);
	ck_assert_ptr_null(http_response_error(&res.r));
}

/* Bad by itself, not only by the end of the stream. */
static void
assert_bad(const char *text, const char *reason)
{
	struct result res = run(text, STAYS_OPEN);

	ck_assert_msg(res.end == HTTP_BAD && !res.headers_done, "%s: end %d",
		text, (int)res.end);
	ck_assert_str_eq(http_response_error(&res.r), reason);
	ck_assert(!http_response_reusable(&res.r));
	ck_assert_int_eq(http_response_eof(&res.r), HTTP_BAD);
}

/*
 * Status lines.
 */

START_TEST(status_lines_that_are_good)
{
	static const struct {
		const char *line;
		unsigned status;
		const char *text;
	} good[] = {
		{ "HTTP/1.1 200 OK\r\n", 200, "200 OK" },
		{ "HTTP/1.0 200 OK\r\n", 200, "200 OK" },
		{ "HTTP/1.9 200 OK\r\n", 200, "200 OK" },
		{ "HTTP/2.0 200 OK\r\n", 200, "200 OK" },
		{ "HTTP/0.9 200 OK\r\n", 200, "200 OK" },
		{ "HTTP/1.1 200 OK\n", 200, "200 OK" },
		{ "HTTP/1.1 200\r\n", 200, "200" },
		{ "HTTP/1.1 500\n", 500, "500" },
		{ "HTTP/1.1 599 \r\n", 599, "599 " },
		{ "HTTP/1.1  200 OK\r\n", 200, "200 OK" },
		{ "HTTP/1.1 404 Not Found\r\n", 404, "404 Not Found" },
		{ "HTTP/1.1 099 Low\r\n", 99, "099 Low" },
		{ "HTTP/1.1 000 Nil\r\n", 0, "000 Nil" },
		{ "HTTP/1.1 +20 Plus\r\n", 20, "+20 Plus" },
		{ "HTTP/1.1 -00 Minus\r\n", 0, "-00 Minus" },
		{ "HTTP/1.1 600 x\r\n", 600, "600 x" },
		{ "HTTP/1.1 999 x\r\n", 999, "999 x" },
		{ "HTTP/1.1 101 Switch\r\n", 101, "101 Switch" },
		/* control characters do not get out of here */
		{ "HTTP/1.1 200 O\x1b[1mK\x7f\r\n", 200, "200 O[1mK" },
		{ "HTTP/1.1 200 O\rK\r\n", 200, "200 OK" },
		{ "HTTP/1.1 200 \xc3\xa9t\xc3\xa9\r\n", 200,
			"200 \xc3\xa9t\xc3\xa9" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "%sX: y\r\n\r\n", good[i].line);
		assert_good(text, good[i].status, good[i].text);
	}
}
END_TEST

START_TEST(status_lines_that_are_bad)
{
	static const struct {
		const char *text;
		const char *reason;
	} bad[] = {
		{ "HTTP/1 200 OK\r\n", "malformed status line" },
		{ "HTTP/1.10 200 OK\r\n", "malformed status line" },
		{ "HTTP/11.1 200 OK\r\n", "malformed status line" },
		{ "http/1.1 200 OK\r\n", "malformed status line" },
		{ "ICY 200 OK\r\n", "malformed status line" },
		{ "\r\nHTTP/1.1 200 OK\r\n", "malformed status line" },
		{ "\n", "malformed status line" },
		{ "SSH-2.0-x\r\n", "malformed status line" },
		{ "\x15\x03\x01", "malformed status line" },
		{ "HTTP/1.1\r\n", "malformed status line" },
		{ "HTTP/1.1\t200 OK\r\n", "malformed status line" },
		{ "HTTP/1.1 \r\n", "malformed status code" },
		{ "HTTP/1.1 99 x\r\n", "malformed status code" },
		{ "HTTP/1.1 1000 x\r\n", "malformed status code" },
		{ "HTTP/1.1 -20 x\r\n", "malformed status code" },
		{ "HTTP/1.1 +-2 x\r\n", "malformed status code" },
		{ "HTTP/1.1 2x0 x\r\n", "malformed status code" },
		{ "HTTP/1.1 20: x\r\n", "malformed status code" },
		{ "HTTP/1.1 200\tOK\r\n", "malformed status code" },
		{ "HTTP/1.1 200\r\r\n", "malformed status code" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_bad(bad[i].text, bad[i].reason);
}
END_TEST

START_TEST(a_nul_in_the_reason_is_left_out)
{
	static const char text[] = "HTTP/1.1 200 a\0b\r\n\r\n";
	struct result res = run_as(text, sizeof(text) - 1, ENDS, false, false);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_str_eq(res.r.status_text, "200 ab");
}
END_TEST

START_TEST(a_long_reason_is_cut)
{
	char text[1024];
	struct result res;

	snprintf(text, sizeof(text), "HTTP/1.1 200 %0600d\r\n\r\n", 0);
	res = run(text, ENDS);
	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(
		strlen(res.r.status_text), HTTP_RESPONSE_STATUS_TEXT_MAX);
}
END_TEST

/*
 * Informational answers.
 */

START_TEST(informational_answers_are_skipped)
{
	struct result res =
		run("HTTP/1.1 100 Continue\r\n\r\n"
		    "HTTP/1.1 102 Processing\r\n\r\n"
		    "HTTP/1.1 103 Hints\r\nLocation: /hint\r\n"
		    "Content-Length: 7\r\nConnection: close\r\n\r\n"
		    "HTTP/1.1 199 x\r\n\r\n"
		    "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nab",
			STAYS_OPEN);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(res.r.status, 404);
	ck_assert_uint_eq(res.r.body_bytes, 2);
	/* what the hints said is not said of the answer */
	ck_assert_str_eq(res.r.fields.location, "");
	ck_assert(http_response_reusable(&res.r));
}
END_TEST

START_TEST(switching_protocols_is_final_and_has_no_body)
{
	struct result res =
		run("HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\nabc", STAYS_OPEN);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(res.r.status, 101);
	ck_assert(!http_response_reusable(&res.r));
}
END_TEST

static struct result
run_informational(size_t count)
{
	static const char one[] = "HTTP/1.1 100 x\r\n\r\n";
	size_t len = count * strlen(one);
	char *text = malloc(len + 100);
	struct result res;

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * strlen(one), one, strlen(one));
	strcpy(text + len, OK "Content-Length: 0\r\n\r\n");
	res = run(text, STAYS_OPEN);
	free(text);
	return res;
}

START_TEST(a_hundred_informational_answers_and_no_more)
{
	struct result res = run_informational(100);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(res.r.status, 200);
	res = run_informational(101);
	ck_assert_int_eq(res.end, HTTP_BAD);
	ck_assert_str_eq(
		http_response_error(&res.r), "too many informational answers");
}
END_TEST

START_TEST(a_bad_informational_answer_is_bad)
{
	assert_bad("HTTP/1.1 100 x\r\nContent-Length: x\r\n\r\n",
		"malformed Content-Length");
	assert_bad("HTTP/1.1 100 x\r\n\r\nX", "malformed status line");
}
END_TEST

/*
 * Header fields.
 */

START_TEST(headers_that_are_good)
{
	static const char *const good[] = {
		"", "X: y\n", "x-LOWER: y\r\n", "X:y\r\n", "X:\r\n",
		"X:   \t y \t\r\n", "X: a\r\n b\r\n\tc\r\n",
		"X: a\r\n \r\nY: b\r\n", "X y: blank in the name\r\n",
		"X : blank after the name\r\n", "X: \xc3\xa9 raw bytes\r\n",
		"!#$%&'*+-.^_`|~09: all token characters\r\n", "X: : :\r\n",
		"Location: /a\r\n",
		"Content-Length: 0\r\nContent-Length: 0\r\n",
		"Content-Length: 0 \r\n", "Content-Length:\r\n 0\r\n",
		"content-length: 000\r\n",
		"Trailer: Content-Length\r\n", /* without chunks: nothing */
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), OK "%s\r\n", good[i]);
		assert_good(text, 200, "200 OK");
		snprintf(text, sizeof(text), OK "%s\n", good[i]);
		assert_good(text, 200, "200 OK");
	}
}
END_TEST

START_TEST(headers_that_are_bad)
{
	static const char name[] = "malformed header name";
	static const char control[] = "control character in a header";
	static const char length[] = "malformed Content-Length";
	static const char differ[] = "different values of Content-Length";
	static const char coding[] = "unsupported Transfer-Encoding";
	static const struct {
		const char *headers;
		const char *reason;
	} bad[] = {
		{ "no colon\r\n", name },
		{ "X\r\n y: z\r\n", name },
		{ "X: y\r\nno colon\r\n", name },
		{ ": no name\r\n", name },
		{ " X: first line indented\r\n",
			"first header begins with a blank" },
		{ "\tX: y\r\n", "first header begins with a blank" },
		{ "X: a\x01z\r\n", control },
		{ "X: a\x7fz\r\n", control },
		{ "X: a\rz\r\n", control },
		{ "X: a\r\r\n", control },
		{ "X: a\r\n b\x01\r\n", control },
		{ "X\x01: y\r\n", name },
		{ "X\t: y\r\n", name },
		{ "X(: y\r\n", name },
		{ "X\xc3\xa9: y\r\n", name },
		{ "X: y\r\n\rz", name },
		{ "\r\r\n", name },
		{ "Content-Length: 1\r\nContent-Length: 2\r\n", differ },
		{ "Content-Length: 1\r\nContent-Length: 01\r\n", differ },
		{ "Content-Length:\r\n", length },
		{ "Content-Length: x\r\n", length },
		{ "Content-Length: +1\r\n", length },
		{ "Content-Length: -1\r\n", length },
		{ "Content-Length: 3, 3\r\n", length },
		{ "Content-Length: 0x3\r\n", length },
		{ "Content-Length: 1 2\r\n", length },
		{ "Content-Length: 9223372036854775808\r\n", length },
		{ "Content-Length: 99999999999999999999\r\n", length },
		{ "Transfer-Encoding: gzip\r\n", coding },
		{ "Transfer-Encoding: identity\r\n", coding },
		{ "Transfer-Encoding: gzip, chunked\r\n", coding },
		{ "Transfer-Encoding: chunked, chunked\r\n", coding },
		{ "Transfer-Encoding:\r\n", coding },
		{ "Transfer-Encoding: chunked\r\n"
		  "Transfer-Encoding: chunked\r\n",
			coding },
		{ "Transfer-Encoding: chunked\r\nContent-Length: x\r\n",
			length },
		{ "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n",
			"forbidden name in Trailer" },
		{ "Transfer-Encoding: chunked\r\nTrailer: X, trailer , Y\r\n",
			"forbidden name in Trailer" },
		{ "Trailer: Transfer-Encoding\r\n"
		  "Transfer-Encoding: chunked\r\n",
			"forbidden name in Trailer" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), OK "%s\r\n", bad[i].headers);
		assert_bad(text, bad[i].reason);
	}
}
END_TEST

START_TEST(a_nul_in_a_header_is_bad)
{
	static const char value[] = OK "X: a\0b\r\n\r\n";
	static const char name[] = OK "X\0: b\r\n\r\n";
	struct result res =
		run_as(value, sizeof(value) - 1, STAYS_OPEN, false, false);

	ck_assert_int_eq(res.end, HTTP_BAD);
	res = run_as(name, sizeof(name) - 1, STAYS_OPEN, false, false);
	ck_assert_int_eq(res.end, HTTP_BAD);
}
END_TEST

/* A final block of exactly len bytes. */
static struct result
run_head_of(size_t len)
{
	static const char end[] = "\r\nContent-Length: 0\r\n\r\n";
	char *text = malloc(len + 1);
	struct result res;

	ck_assert_ptr_nonnull(text);
	memset(text, 'a', len);
	memcpy(text, OK "X: ", strlen(OK "X: "));
	memcpy(text + len - strlen(end), end, strlen(end) + 1);
	res = run(text, STAYS_OPEN);
	free(text);
	return res;
}

START_TEST(headers_are_64_kib_at_most)
{
	struct result res = run_head_of(HTTP_RESPONSE_HEAD_MAX_BYTES);

	ck_assert_int_eq(res.end, HTTP_DONE);
	res = run_head_of(HTTP_RESPONSE_HEAD_MAX_BYTES + 1);
	ck_assert_int_eq(res.end, HTTP_BAD);
	ck_assert_str_eq(http_response_error(&res.r), "headers too large");
}
END_TEST

START_TEST(all_blocks_of_an_answer_count_together)
{
	static const char begin[] = "HTTP/1.1 103 Hints\r\nX: ";
	static char text[HTTP_RESPONSE_HEAD_MAX_BYTES + 200];
	struct result res;

	memset(text, 'a', HTTP_RESPONSE_HEAD_MAX_BYTES);
	memcpy(text, begin, strlen(begin));
	strcpy(text + HTTP_RESPONSE_HEAD_MAX_BYTES - 10, "\r\n\r\n" OK "\r\n");
	res = run(text, STAYS_OPEN);
	ck_assert_int_eq(res.end, HTTP_BAD);
	ck_assert_str_eq(http_response_error(&res.r), "headers too large");
}
END_TEST

START_TEST(a_header_line_without_end_is_bounded)
{
	static char text[HTTP_RESPONSE_HEAD_MAX_BYTES + 2];
	struct result res;

	memset(text, 'a', HTTP_RESPONSE_HEAD_MAX_BYTES + 1);
	memcpy(text, "HTTP/1.1 200 ", 13);
	res = run(text, STAYS_OPEN);
	ck_assert_int_eq(res.end, HTTP_BAD);
	ck_assert_str_eq(http_response_error(&res.r), "headers too large");
}
END_TEST

/*
 * Location.
 */

static const char *
location_of(const char *headers)
{
	static struct result res;
	char text[256];

	snprintf(text, sizeof(text), "HTTP/1.1 302 x\r\n%s\r\n", headers);
	res = run(text, ENDS);
	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert(!res.r.fields.location_too_long);
	return res.r.fields.location;
}

START_TEST(the_location_is_kept)
{
	ck_assert_str_eq(location_of("X: y\r\n"), "");
	ck_assert_str_eq(location_of("Location:\r\n"), "");
	ck_assert_str_eq(location_of("location: /a?b \r\n"), "/a?b");
	ck_assert_str_eq(location_of("LOCATION : /a\r\n"), "/a");
	ck_assert_str_eq(location_of("Locations: /a\r\n"), "");
	ck_assert_str_eq(location_of("Locatio: /a\r\n"), "");
	ck_assert_str_eq(location_of("Loc ation: /a\r\n"), "");
	ck_assert_str_eq(location_of("Location: a  b\r\n"), "a  b");
	ck_assert_str_eq(location_of("Location: a \r\n \t b\r\n"), "a b");
	ck_assert_str_eq(location_of("Location: /1\r\nLocation: /2\r\n"), "/1");
	ck_assert_str_eq(location_of("Location:\r\nLocation: /2\r\n"), "");
	ck_assert_str_eq(location_of("Location: /\xc3\xa9\r\n"), "/\xc3\xa9");
}
END_TEST

START_TEST(the_location_survives_the_trailers)
{
	struct result res = run("HTTP/1.1 302 x\r\nLocation: /a\r\n"
				"Transfer-Encoding: chunked\r\n\r\n"
				"0\r\nLocation: /b\r\n\r\n",
		STAYS_OPEN);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_str_eq(res.r.fields.location, "/a");
}
END_TEST

static struct result
run_location_of(size_t len)
{
	char text[HTTP_LOCATION_MAX + 200];

	/* blanks behind it do not count */
	snprintf(text, sizeof(text),
		"HTTP/1.1 302 x\r\nLocation: %0*d    \r\n\r\n", (int)len, 0);
	return run(text, ENDS);
}

START_TEST(a_location_is_bounded)
{
	struct result res = run_location_of(HTTP_LOCATION_MAX);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert(!res.r.fields.location_too_long);
	ck_assert_uint_eq(strlen(res.r.fields.location), HTTP_LOCATION_MAX);
	res = run_location_of(HTTP_LOCATION_MAX + 1);
	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert(res.r.fields.location_too_long);
	ck_assert_str_eq(res.r.fields.location, "");
}
END_TEST

/*
 * Bodies.
 */

static void
assert_body(const char *text, enum end end, enum http_body body,
	uint64_t body_bytes, size_t left_over)
{
	struct result res = run(text, end);

	ck_assert_msg(res.end == HTTP_DONE, "%s: end %d: %s", text,
		(int)res.end, http_response_error(&res.r));
	ck_assert_uint_eq(res.r.body, body);
	ck_assert_uint_eq(res.r.body_bytes, body_bytes);
	ck_assert_uint_eq(strlen(text) - res.used, left_over);
	ck_assert(!res.r.body_truncated_by_us);
}

#define CHUNKED OK "Transfer-Encoding: chunked\r\n"

START_TEST(bodies_that_are_good)
{
	assert_body(OK "Content-Length: 3\r\n\r\nabc", STAYS_OPEN,
		HTTP_BODY_LENGTH, 3, 0);
	assert_body(OK "Content-Length: 3\r\n\r\nabcHTTP", STAYS_OPEN,
		HTTP_BODY_LENGTH, 3, 4);
	assert_body(OK "Content-Length : 3\r\n\r\nabc", STAYS_OPEN,
		HTTP_BODY_LENGTH, 3, 0);
	assert_body(OK "Content-Length: 0\r\n\r\n", STAYS_OPEN,
		HTTP_BODY_LENGTH, 0, 0);
	assert_body(OK "\r\n", ENDS, HTTP_BODY_UNTIL_CLOSE, 0, 0);
	assert_body(OK "\r\nabc", ENDS, HTTP_BODY_UNTIL_CLOSE, 3, 0);
	assert_body(
		CHUNKED "\r\n0\r\n\r\n", STAYS_OPEN, HTTP_BODY_CHUNKED, 0, 0);
	assert_body(CHUNKED "\r\n3\r\nabc\r\n0\r\n\r\nX", STAYS_OPEN,
		HTTP_BODY_CHUNKED, 3, 1);
	assert_body(CHUNKED "\r\n00A\r\n0123456789\r\n1 \t\r\n\n\r\n"
			    "0;a=\"b\t\"\r\n\r\n",
		STAYS_OPEN, HTTP_BODY_CHUNKED, 11, 0);
	assert_body(CHUNKED "\r\n3;ext\r\nabc\r\n0 ; x\r\nX: y\r\n z\r\n\r\n",
		STAYS_OPEN, HTTP_BODY_CHUNKED, 3, 0);
	assert_body(OK "transfer-encoding: CHUNKED\r\nTrailer: X\r\n\r\n"
		       "0\r\nX: y\r\n\r\n",
		STAYS_OPEN, HTTP_BODY_CHUNKED, 0, 0);
	/* a trailer changes nothing any more */
	assert_body(CHUNKED "\r\n0\r\nContent-Length: x\r\n\r\n", STAYS_OPEN,
		HTTP_BODY_CHUNKED, 0, 0);
	/* chunks win over a length */
	assert_body(CHUNKED "Content-Length: 99\r\n\r\n0\r\n\r\n", STAYS_OPEN,
		HTTP_BODY_CHUNKED, 0, 0);
	/* HTTP/1.0 knows no chunks */
	assert_body("HTTP/1.0 200 OK\r\nTransfer-Encoding: gzip\r\n"
		    "Content-Length: 2\r\n\r\nab",
		STAYS_OPEN, HTTP_BODY_LENGTH, 2, 0);
}
END_TEST

START_TEST(answers_without_a_body)
{
	assert_body("HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\nabc",
		STAYS_OPEN, HTTP_BODY_NONE, 0, 3);
	assert_body("HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", STAYS_OPEN,
		HTTP_BODY_NONE, 0, 0);
	assert_body("HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n",
		STAYS_OPEN, HTTP_BODY_NONE, 0, 0);
}
END_TEST

START_TEST(the_answer_to_head_has_no_body)
{
	static const char text[] = OK "Content-Length: 3\r\n\r\n";
	struct result res = run_as(text, strlen(text), STAYS_OPEN, true, false);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(res.r.body, HTTP_BODY_NONE);
	ck_assert(http_response_reusable(&res.r));
}
END_TEST

START_TEST(a_tunnel_begins_after_the_headers)
{
	static const char good[] = OK "Content-Length: 3\r\n\r\n\x16\x03";
	static const char refused[] =
		"HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nabc";
	struct result res = run_as(good, strlen(good), STAYS_OPEN, false, true);

	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(res.used, strlen(good) - 2);
	ck_assert(!http_response_reusable(&res.r));
	res = run_as(refused, strlen(refused), STAYS_OPEN, false, true);
	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert_uint_eq(res.r.body_bytes, 3);
}
END_TEST

START_TEST(bodies_that_are_bad_leave_the_status_standing)
{
	static const char size[] = "malformed chunk size";
	static const char end[] = "malformed end of a chunk";
	static const struct {
		const char *body;
		const char *reason;
	} bad[] = {
		{ "x\r\n", size },
		{ "\r\n", size },
		{ ";a\r\n", size },
		{ "-1\r\n", size },
		{ "0x3\r\n", size },
		{ "3 4\r\n", size },
		{ "3\nabc\r\n", size },
		{ "3\rabc", size },
		{ "00000000000000003\r\n", size },
		{ "3;a\nb\r\n", "control character in a chunk extension" },
		{ "3;a\x01\r\n", "control character in a chunk extension" },
		{ "3;a\rb\r\n", size },
		{ "3\r\nabcd\r\n", end },
		{ "3\r\nabc\n0\r\n", end },
		{ "3\r\nabc\rX", end },
		{ "0\r\nno colon\r\n", "malformed header name" },
		{ "0\r\n X: y\r\n", "first header begins with a blank" },
		{ "0\r\nX: \x01\r\n", "control character in a header" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];
		struct result res;

		snprintf(text, sizeof(text), CHUNKED "\r\n%s", bad[i].body);
		res = run(text, STAYS_OPEN);
		ck_assert_msg(res.end == HTTP_BAD_BODY && res.headers_done,
			"%s: end %d", bad[i].body, (int)res.end);
		ck_assert_uint_eq(res.r.status, 200);
		ck_assert_str_eq(http_response_error(&res.r), bad[i].reason);
		ck_assert(!http_response_reusable(&res.r));
	}
}
END_TEST

START_TEST(trailers_are_bounded)
{
	static char text[HTTP_RESPONSE_HEAD_MAX_BYTES + 200];
	struct result res;
	int len = snprintf(text, sizeof(text), CHUNKED "\r\n0\r\nX: ");

	memset(text + len, 'a', HTTP_RESPONSE_HEAD_MAX_BYTES);
	res = run(text, STAYS_OPEN);
	ck_assert_int_eq(res.end, HTTP_BAD_BODY);
	ck_assert_str_eq(http_response_error(&res.r), "headers too large");
}
END_TEST

START_TEST(trailers_have_a_bound_of_their_own)
{
	static char text[2 * HTTP_RESPONSE_HEAD_MAX_BYTES];
	struct result res;

	snprintf(text, sizeof(text),
		CHUNKED "X: %060000d\r\n\r\n0\r\nX: %060000d\r\n\r\n", 0, 0);
	res = run(text, STAYS_OPEN);
	ck_assert_int_eq(res.end, HTTP_DONE);
}
END_TEST

START_TEST(the_end_of_the_stream)
{
	static const char headers[] = "end of stream in the headers";
	static const char body[] = "end of stream in the body";
	static const struct {
		const char *text;
		enum http_progress end;
		const char *reason;
	} cases[] = {
		{ "H", HTTP_BAD, headers },
		{ "HTTP/1.1 200 OK", HTTP_BAD, headers },
		{ "HTTP/1.1 200 OK\r\n", HTTP_BAD, headers },
		{ OK "X: y\r\n\r", HTTP_BAD, headers },
		{ "HTTP/1.1 100 x\r\n\r\n", HTTP_BAD, headers },
		{ OK "Content-Length: 3\r\n\r\n", HTTP_BAD_BODY, body },
		{ OK "Content-Length: 3\r\n\r\nab", HTTP_BAD_BODY, body },
		{ CHUNKED "\r\n", HTTP_BAD_BODY, body },
		{ CHUNKED "\r\n3", HTTP_BAD_BODY, body },
		{ CHUNKED "\r\n3\r\nab", HTTP_BAD_BODY, body },
		{ CHUNKED "\r\n3\r\nabc\r\n", HTTP_BAD_BODY, body },
		{ CHUNKED "\r\n0\r\n", HTTP_BAD_BODY, body },
		{ CHUNKED "\r\n0\r\nX: y\r\n", HTTP_BAD_BODY, body },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result res = run(cases[i].text, ENDS);

		ck_assert_msg(res.end == cases[i].end, "%s: end %d",
			cases[i].text, (int)res.end);
		ck_assert_str_eq(http_response_error(&res.r), cases[i].reason);
		res = run(cases[i].text, STAYS_OPEN);
		ck_assert_int_eq(res.end, HTTP_MORE);
	}
}
END_TEST

START_TEST(the_end_of_the_stream_without_a_byte)
{
	struct http_response r;

	http_response_init(&r, false, false);
	ck_assert_int_eq(http_response_eof(&r), HTTP_BAD);
	ck_assert_str_eq(
		http_response_error(&r), "end of stream without an answer");
}
END_TEST

START_TEST(the_end_of_the_stream_after_a_complete_answer_changes_nothing)
{
	struct result res = run(OK "Content-Length: 1\r\n\r\na", STAYS_OPEN);
	size_t used = 99;

	ck_assert_int_eq(http_response_eof(&res.r), HTTP_DONE);
	ck_assert_int_eq(http_response_feed(&res.r, "x", 1, &used), HTTP_DONE);
	ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(the_headers_end_exactly_where_they_end)
{
	static const char text[] = OK "Content-Length: 3\r\n\r\nabc";
	struct http_response r;
	size_t used;

	http_response_init(&r, false, false);
	ck_assert_int_eq(http_response_feed(&r, text, strlen(text), &used),
		HTTP_HEADERS_DONE);
	ck_assert_uint_eq(used, strlen(text) - 3);
	ck_assert_int_eq(http_response_feed(&r, "", 0, &used), HTTP_MORE);
	ck_assert_int_eq(http_response_feed(&r, "abcd", 4, &used), HTTP_DONE);
	ck_assert_uint_eq(used, 3);
}
END_TEST

/*
 * The bound of a body.
 */

/* Feeds headers and body_len bytes of body in pieces. */
static struct result
run_big_body(const char *headers, size_t body_len, size_t piece_len)
{
	static char piece[65536];
	struct result res = { 0 };

	http_response_init(&res.r, false, false);
	feed(&res, headers, strlen(headers));
	while (body_len > 0 && res.end == HTTP_MORE) {
		size_t n = body_len < piece_len ? body_len : piece_len;

		feed(&res, piece, n);
		body_len -= n;
	}
	return res;
}

START_TEST(a_body_is_read_up_to_its_bound)
{
	static const char exact[] = OK "Content-Length: 1048576\r\n\r\n";
	static const char more[] = OK "Content-Length: 1048577\r\n\r\n";
	static const char huge[] =
		OK "Content-Length: 9223372036854775807\r\n\r\n";
	static const char chunk[] =
		OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
	static const size_t pieces[] = { 1, 4095, 65536 };

	for (size_t i = 0; i < 3; i++) {
		struct result res = run_big_body(exact, 1048576, pieces[i]);

		ck_assert_int_eq(res.end, HTTP_DONE);
		ck_assert(!res.r.body_truncated_by_us);
		ck_assert(http_response_reusable(&res.r));

		res = run_big_body(more, 1048577, pieces[i]);
		ck_assert_int_eq(res.end, HTTP_DONE);
		ck_assert(res.r.body_truncated_by_us);
		ck_assert_uint_eq(res.r.body_bytes, 1048576);
		ck_assert(!http_response_reusable(&res.r));

		res = run_big_body(huge, 1048575, pieces[i]);
		ck_assert_int_eq(res.end, HTTP_MORE);

		res = run_big_body(OK "\r\n", 2000000, pieces[i]);
		ck_assert_int_eq(res.end, HTTP_DONE);
		ck_assert(res.r.body_truncated_by_us);

		res = run_big_body(chunk, 2000000, pieces[i]);
		ck_assert_int_eq(res.end, HTTP_DONE);
		ck_assert(res.r.body_truncated_by_us);
	}
}
END_TEST

START_TEST(endless_tiny_chunks_are_bounded)
{
	struct result res = { 0 };
	size_t n = 0;

	http_response_init(&res.r, false, false);
	feed(&res, CHUNKED "\r\n", strlen(CHUNKED "\r\n"));
	for (; res.end == HTTP_MORE; n++)
		feed(&res, "1;abc\r\na\r\n", 10);
	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert(res.r.body_truncated_by_us);
	ck_assert_uint_eq(n, 104858);
}
END_TEST

/*
 * Whether the connection may be used again.
 */

START_TEST(keep_alive)
{
	static const struct {
		const char *text;
		bool reusable;
	} cases[] = {
		{ "HTTP/1.1 200 x\r\n", true },
		{ "HTTP/1.9 200 x\r\n", true },
		{ "HTTP/1.0 200 x\r\n", false },
		{ "HTTP/0.9 200 x\r\nConnection: keep-alive\r\n", false },
		{ "HTTP/1.0 200 x\r\nConnection: keep-alive\r\n", true },
		{ "HTTP/1.0 200 x\r\nConnection: Keep-Alive, close\r\n",
			false },
		{ "HTTP/1.1 200 x\r\nConnection: close\r\n", false },
		{ "HTTP/1.1 200 x\r\nconnection: CLOSE\r\n", false },
		{ "HTTP/1.1 200 x\r\nConnection: a , close ,b\r\n", false },
		{ "HTTP/1.1 200 x\r\nConnection: a\r\nConnection: close\r\n",
			false },
		{ "HTTP/1.1 200 x\r\nConnection: a,\r\n\tclose\r\n", false },
		{ "HTTP/1.1 200 x\r\nConnection: closed, not close\r\n", true },
		{ "HTTP/1.1 200 x\r\nX : loose\r\n", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		struct result res;

		snprintf(text, sizeof(text), "%sContent-Length: 1\r\n\r\na",
			cases[i].text);
		res = run(text, STAYS_OPEN);
		ck_assert_int_eq(res.end, HTTP_DONE);
		ck_assert_msg(
			http_response_reusable(&res.r) == cases[i].reusable,
			"%s", cases[i].text);
	}
}
END_TEST

START_TEST(not_reusable_before_the_end)
{
	struct result res = run(OK "Content-Length: 3\r\n\r\nab", STAYS_OPEN);

	ck_assert_int_eq(res.end, HTTP_MORE);
	ck_assert(!http_response_reusable(&res.r));
	res = run(OK "\r\nab", ENDS);
	ck_assert_int_eq(res.end, HTTP_DONE);
	ck_assert(!http_response_reusable(&res.r));
}
END_TEST

static Suite *
suite_http_response(void)
{
	Suite *suite = suite_create("http_response");
	TCase *head = tcase_create("head");
	TCase *body = tcase_create("body");

	tcase_add_test(head, status_lines_that_are_good);
	tcase_add_test(head, status_lines_that_are_bad);
	tcase_add_test(head, a_nul_in_the_reason_is_left_out);
	tcase_add_test(head, a_long_reason_is_cut);
	tcase_add_test(head, informational_answers_are_skipped);
	tcase_add_test(head, switching_protocols_is_final_and_has_no_body);
	tcase_add_test(head, a_hundred_informational_answers_and_no_more);
	tcase_add_test(head, a_bad_informational_answer_is_bad);
	tcase_add_test(head, headers_that_are_good);
	tcase_add_test(head, headers_that_are_bad);
	tcase_add_test(head, a_nul_in_a_header_is_bad);
	tcase_add_test(head, headers_are_64_kib_at_most);
	tcase_add_test(head, all_blocks_of_an_answer_count_together);
	tcase_add_test(head, a_header_line_without_end_is_bounded);
	tcase_add_test(head, the_location_is_kept);
	tcase_add_test(head, the_location_survives_the_trailers);
	tcase_add_test(head, a_location_is_bounded);
	tcase_add_test(body, bodies_that_are_good);
	tcase_add_test(body, answers_without_a_body);
	tcase_add_test(body, the_answer_to_head_has_no_body);
	tcase_add_test(body, a_tunnel_begins_after_the_headers);
	tcase_add_test(body, bodies_that_are_bad_leave_the_status_standing);
	tcase_add_test(body, trailers_are_bounded);
	tcase_add_test(body, trailers_have_a_bound_of_their_own);
	tcase_add_test(body, the_end_of_the_stream);
	tcase_add_test(body, the_end_of_the_stream_without_a_byte);
	tcase_add_test(body,
		the_end_of_the_stream_after_a_complete_answer_changes_nothing);
	tcase_add_test(body, the_headers_end_exactly_where_they_end);
	tcase_add_test(body, a_body_is_read_up_to_its_bound);
	tcase_add_test(body, endless_tiny_chunks_are_bounded);
	tcase_add_test(body, keep_alive);
	tcase_add_test(body, not_reusable_before_the_end);
	/* under valgrind the tables take a while: no verdict by the clock */
	tcase_set_timeout(head, 0);
	tcase_set_timeout(body, 0);
	suite_add_tcase(suite, head);
	suite_add_tcase(suite, body);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite_http_response());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
