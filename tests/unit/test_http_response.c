/* SPDX-License-Identifier: Apache-2.0 */
/* Status lines and header blocks, good and bad. */
#include "tests/unit/http_answer.h"
#include "workers/http_greeting.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* K 3.25 */
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

START_TEST(a_greeting_says_what_it_is_of)
{
#define LONG        "0123456789012345678901234567890123456789"
#define BYTES(text) (text), sizeof(text) - 1
	static const char tls[] = "the server speaks TLS; use https://";
	static const char http2[] = "the server speaks HTTP/2, not HTTP/1.1";
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
		bool is_quoted;
	} cases[] = {
		{ BYTES(""), "", false },
		{ BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
			"SSH-2.0-OpenSSH_9.2p1 Debian-2", true },
		{ BYTES("\x15\x03\x01\0\x02\x02\x46"), tls, false },
		{ BYTES("\x15"), tls, false },
		{ BYTES("\x16\x03\x03\0\x7a"), tls, false },
		{ BYTES("\x15\x04"), "..", true },
		/* SETTINGS with two of them, with none, GOAWAY, a client */
		{ BYTES("\0\0\x0c\4\0\0\0\0\0\0\3\0\0\0\x80\0\4"), http2,
			false },
		{ BYTES("\0\0\0\4\0\0\0\0\0"), http2, false },
		{ BYTES("\0\0\x26\7\0\0\0\0\0\0\0\0\0"), http2, false },
		{ BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), http2, false },
		{ BYTES("\0\0\0\4\0\0\0\0\1"), ".........", true },
		/* MySQL, and what would spoil a log line */
		{ BYTES("J\0\0\0\n8.0.36\0"), "J....8.0.36.", true },
		{ BYTES("a\x1b[31m\"\xc3\xa9\x7f z\n"), "a.[31m\"... z", true },
		{ BYTES("\r\n\r\n"), "", true },
		{ BYTES(LONG "01234567"), LONG "01234567", true },
		{ BYTES(LONG "01234567\r\n"), LONG "01234567", true },
		{ BYTES(LONG "012345678"), LONG "01234567...", true },
	};
	char text[HTTP_GREETING_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		http_greeting_describe(cases[i].bytes, cases[i].len,
			HTTP_GREETING_SERVER, text);
		ck_assert_str_eq(text, cases[i].text);
		http_greeting_describe(cases[i].bytes, cases[i].len,
			HTTP_GREETING_STRANGER, text);
		ck_assert_str_eq(text, cases[i].is_quoted ? "" : cases[i].text);
	}
#undef BYTES
#undef LONG
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

/* F 3.26 */
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

/* K 3.25 */
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

/* F 3.26 */
START_TEST(headers_are_64_kib_at_most)
{
	struct result res = run_head_of(HTTP_RESPONSE_HEAD_MAX_BYTES);

	ck_assert_int_eq(res.end, HTTP_DONE);
	res = run_head_of(HTTP_RESPONSE_HEAD_MAX_BYTES + 1);
	ck_assert_int_eq(res.end, HTTP_BAD);
	ck_assert_str_eq(http_response_error(&res.r), TOO_LARGE);
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
	ck_assert_str_eq(http_response_error(&res.r), TOO_LARGE);
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
	ck_assert_str_eq(http_response_error(&res.r), TOO_LARGE);
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

static Suite *
suite_http_response(void)
{
	Suite *suite = suite_create("http_response");
	TCase *tcase = tcase_create("answers");

	tcase_add_test(tcase, status_lines_that_are_good);
	tcase_add_test(tcase, status_lines_that_are_bad);
	tcase_add_test(tcase, a_greeting_says_what_it_is_of);
	tcase_add_test(tcase, a_nul_in_the_reason_is_left_out);
	tcase_add_test(tcase, a_long_reason_is_cut);
	tcase_add_test(tcase, informational_answers_are_skipped);
	tcase_add_test(tcase, switching_protocols_is_final_and_has_no_body);
	tcase_add_test(tcase, a_hundred_informational_answers_and_no_more);
	tcase_add_test(tcase, a_bad_informational_answer_is_bad);
	tcase_add_test(tcase, headers_that_are_good);
	tcase_add_test(tcase, headers_that_are_bad);
	tcase_add_test(tcase, a_nul_in_a_header_is_bad);
	tcase_add_test(tcase, headers_are_64_kib_at_most);
	tcase_add_test(tcase, all_blocks_of_an_answer_count_together);
	tcase_add_test(tcase, a_header_line_without_end_is_bounded);
	tcase_add_test(tcase, the_location_is_kept);
	tcase_add_test(tcase, the_location_survives_the_trailers);
	tcase_add_test(tcase, a_location_is_bounded);
	/* under valgrind the tables take a while: no verdict by the clock */
	tcase_set_timeout(tcase, 0);
	suite_add_tcase(suite, tcase);
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
