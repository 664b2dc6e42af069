/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of answers, the end of the stream, and what may be used again. */
#include "tests/unit/http_answer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	ck_assert_str_eq(http_response_error(&res.r), TOO_LARGE);
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
	static const char headers[] =
		"the connection was closed in the headers";
	static const char body[] = "the connection was closed in the body";
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
	ck_assert_str_eq(http_response_error(&r),
		"the connection was closed without an answer");
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

/* F 3.27 */
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
suite_http_body(void)
{
	Suite *suite = suite_create("http_body");
	TCase *tcase = tcase_create("answers");

	tcase_add_test(tcase, bodies_that_are_good);
	tcase_add_test(tcase, answers_without_a_body);
	tcase_add_test(tcase, the_answer_to_head_has_no_body);
	tcase_add_test(tcase, a_tunnel_begins_after_the_headers);
	tcase_add_test(tcase, bodies_that_are_bad_leave_the_status_standing);
	tcase_add_test(tcase, trailers_are_bounded);
	tcase_add_test(tcase, trailers_have_a_bound_of_their_own);
	tcase_add_test(tcase, the_end_of_the_stream);
	tcase_add_test(tcase, the_end_of_the_stream_without_a_byte);
	tcase_add_test(tcase,
		the_end_of_the_stream_after_a_complete_answer_changes_nothing);
	tcase_add_test(tcase, the_headers_end_exactly_where_they_end);
	tcase_add_test(tcase, a_body_is_read_up_to_its_bound);
	tcase_add_test(tcase, endless_tiny_chunks_are_bounded);
	tcase_add_test(tcase, keep_alive);
	tcase_add_test(tcase, not_reusable_before_the_end);
	/* under valgrind the tables take a while: no verdict by the clock */
	tcase_set_timeout(tcase, 0);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite_http_body());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
