/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of /alive, byte for byte. */
#include "common/strbuf.h"
#include "supervisor/alive.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER(name, value)                                                    \
	{                                                                      \
		name, value, sizeof(name) - 1, sizeof(value) - 1               \
	}
#define RESULT(name, what)                                                     \
	{                                                                      \
		.type = (name), .text = (what)                                 \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct alive_view
empty_view(void)
{
	return (struct alive_view){ .hostname = "h" };
}

static char *
render(const struct alive_request *request, const struct alive_view *view,
	size_t cap)
{
	struct alive_writer *writer = alive_start(request, view);
	struct strbuf out;
	char *buf = malloc(cap);
	ssize_t n;

	ck_assert_ptr_nonnull(writer);
	strbuf_init(&out, 0);
	while ((n = alive_read(writer, buf, cap)) > 0)
		strbuf_add(&out, buf, (size_t)n);
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(alive_read(writer, buf, cap), 0);
	alive_free(writer);
	free(buf);
	return strbuf_take(&out);
}

static void
check_view(const struct alive_view *view, const char *results)
{
	static const struct alive_request request = { NULL, 0, "/alive",
		"127.0.0.1:1234" };
	static const size_t caps[] = { 1, 3, 64, 100000 };
	struct strbuf expected;

	strbuf_init(&expected, 0);
	strbuf_add_string(&expected, "{\n"
				     " \"hostname\": \"h\",\n"
				     " \"headers\": {},\n"
				     " \"user_agent\": \"\",\n"
				     " \"request_uri\": \"/alive\",\n"
				     " \"remote_addr\": \"127.0.0.1:1234\",\n"
				     " \"last_check_result\": ");
	strbuf_add_string(&expected, results);
	strbuf_add_string(&expected, "\n}\n");
	for (size_t i = 0; i < COUNT(caps); i++) {
		char *text = render(&request, view, caps[i]);

		ck_assert_str_eq(text, strbuf_text(&expected));
		free(text);
	}
	strbuf_fini(&expected);
}

START_TEST(nothing_known_is_an_empty_object)
{
	struct alive_view view = empty_view();

	check_view(&view, "{}");
}
END_TEST

/* K 2.9 */
START_TEST(results_are_sorted_by_bytes_with_the_neighbourhood_among_them)
{
	static const struct alive_result results[] = {
		RESULT("path_node-b", "ok"),
		RESULT("me_service", "404 Not Found"),
		RESULT("path_node-B", "ok"),
		RESULT("api_server_dns", "skipped"),
		RESULT("neighbourhood_", "a"),
		RESULT("neighbourhooe", "b"),
		RESULT("path_node-a", "ok"),
		RESULT("api_server_direct", "ok"),
		RESULT("", "nameless"),
		RESULT("\xc3\xa9", "last"),
	};
	static const struct alive_neighbour neighbours[] = {
		{ "pod-1", "10.0.0.1", "192.0.2.1", "node-1",
			16406829232824261652ULL },
		{ "pod-0", "fd00::1", "", "node-0", 0 },
	};
	struct alive_view view = empty_view();

	view.results = results;
	view.n_results = COUNT(results);
	view.neighbourhood_enabled = true;
	view.neighbourhood_state = "ok";
	view.neighbours = neighbours;
	view.n_neighbours = 2;
	check_view(&view, "{\n"
			  "  \"\": \"nameless\",\n"
			  "  \"api_server_direct\": \"ok\",\n"
			  "  \"api_server_dns\": \"skipped\",\n"
			  "  \"me_service\": \"404 Not Found\",\n"
			  "  \"neighbourhood\": [\n"
			  "   {\n"
			  "    \"PodName\": \"pod-1\",\n"
			  "    \"PodIP\": \"10.0.0.1\",\n"
			  "    \"HostIP\": \"192.0.2.1\",\n"
			  "    \"NodeName\": \"node-1\",\n"
			  "    \"NodeHash\": 16406829232824261652\n"
			  "   },\n"
			  "   {\n"
			  "    \"PodName\": \"pod-0\",\n"
			  "    \"PodIP\": \"fd00::1\",\n"
			  "    \"HostIP\": \"\",\n"
			  "    \"NodeName\": \"node-0\",\n"
			  "    \"NodeHash\": 0\n"
			  "   }\n"
			  "  ],\n"
			  "  \"neighbourhood_\": \"a\",\n"
			  "  \"neighbourhood_state\": \"ok\",\n"
			  "  \"neighbourhooe\": \"b\",\n"
			  "  \"path_node-B\": \"ok\",\n"
			  "  \"path_node-a\": \"ok\",\n"
			  "  \"path_node-b\": \"ok\",\n"
			  "  \"\xc3\xa9\": \"last\"\n"
			  " }");
}
END_TEST

/* K 2.11 */
START_TEST(no_neighbours_are_an_empty_array)
{
	struct alive_view view = empty_view();

	view.neighbourhood_enabled = true;
	view.neighbourhood_state = "ok";
	check_view(&view, "{\n"
			  "  \"neighbourhood\": [],\n"
			  "  \"neighbourhood_state\": \"ok\"\n"
			  " }");
}
END_TEST

/* F 2.14 */
START_TEST(switched_off_there_is_no_array)
{
	struct alive_view view = empty_view();

	view.neighbourhood_state = "skipped";
	check_view(&view, "{\n"
			  "  \"neighbourhood_state\": \"skipped\"\n"
			  " }");
}
END_TEST

/* F 2.14 */
START_TEST(of_two_results_of_a_type_the_later_shows)
{
	static const struct alive_result results[] = { RESULT("b", "1"),
		RESULT("a", "2"), RESULT("b", "3"), RESULT("b", "4"),
		RESULT("neighbourhood_state", "hidden") };
	struct alive_view view = empty_view();

	view.results = results;
	view.n_results = COUNT(results);
	view.neighbourhood_state = "skipped";
	check_view(&view, "{\n"
			  "  \"a\": \"2\",\n"
			  "  \"b\": \"4\",\n"
			  "  \"neighbourhood_state\": \"skipped\"\n"
			  " }");
}
END_TEST

START_TEST(what_stands_beside_results_has_objects_of_its_own)
{
	static const struct alive_result results[] = {
		{ .type = "b", .text = "ok", .warning = "dns: <late>" },
		{ .type = "c", .text = "ok", .ended = "2026" },
		{ .type = "a", .text = "timeout", .warning = "w" },
	};
	struct alive_view view = empty_view();

	view.results = results;
	view.n_results = COUNT(results);
	check_view(&view, "{\n"
			  "  \"a\": \"timeout\",\n"
			  "  \"b\": \"ok\",\n"
			  "  \"c\": \"ok\"\n"
			  " },\n"
			  " \"last_check_ended\": {\n"
			  "  \"c\": \"2026\"\n"
			  " },\n"
			  " \"last_check_warning\": {\n"
			  "  \"a\": \"w\",\n"
			  "  \"b\": \"dns: \\u003clate\\u003e\"\n"
			  " }");
}
END_TEST

/* K 2.9 */
START_TEST(strings_are_escaped_as_the_go_program_does)
{
	static const struct alive_result results[] = {
		RESULT("1", "<a href=\"x\">&\\</a>"),
		RESULT("2", "\t\n\r\b\f\x01\x1f\x7f"),
		RESULT("3", "\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xaa"),
		RESULT("4", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		/* a lone byte, a cut sequence, an overlong one, a surrogate,
		 * above the last code point; a U+FFFD that was sent */
		RESULT("5", "\xff"),
		RESULT("6", "\xe2\x82"),
		RESULT("7", "\xc0\xaf"),
		RESULT("8", "\xed\xa0\x80"),
		RESULT("9", "\xf4\x90\x80\x80"),
		RESULT("A", "\xef\xbf\xbd"),
		RESULT("B", "a\xc3|\x80z"),
		RESULT("C", "\xe0\x80\x80\xf0\x80\x80\x80"),
		RESULT("<", "k"),
	};
	struct alive_view view = empty_view();

	view.results = results;
	view.n_results = COUNT(results);
	check_view(&view,
		"{\n"
		"  \"1\": \"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\\\"
		"\\u003c/a\\u003e\",\n"
		"  \"2\": \"\\t\\n\\r\\b\\f\\u0001\\u001f\x7f\",\n"
		"  \"3\": \"\\u2028|\\u2029|\xe2\x80\xaa\",\n"
		"  \"4\": \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\n"
		"  \"5\": \"\\ufffd\",\n"
		"  \"6\": \"\\ufffd\\ufffd\",\n"
		"  \"7\": \"\\ufffd\\ufffd\",\n"
		"  \"8\": \"\\ufffd\\ufffd\\ufffd\",\n"
		"  \"9\": \"\\ufffd\\ufffd\\ufffd\\ufffd\",\n"
		"  \"\\u003c\": \"k\",\n"
		"  \"A\": \"\xef\xbf\xbd\",\n"
		"  \"B\": \"a\\ufffd|\\ufffdz\",\n"
		"  \"C\": \"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"
		"\\ufffd\"\n"
		" }");
}
END_TEST

static void
check_headers(const struct alive_header *headers, size_t n, const char *object,
	const char *user_agent)
{
	struct alive_request request = { headers, n, "http://h/alive?<",
		"[::1]:9" };
	struct alive_view view = empty_view();
	char *text = render(&request, &view, 4096);
	struct strbuf expected;

	strbuf_init(&expected, 0);
	strbuf_printf(&expected,
		"{\n"
		" \"hostname\": \"h\",\n"
		" \"headers\": %s,\n"
		" \"user_agent\": \"%s\",\n"
		" \"request_uri\": \"http://h/alive?\\u003c\",\n"
		" \"remote_addr\": \"[::1]:9\",\n"
		" \"last_check_result\": {}\n"
		"}\n",
		object, user_agent);
	ck_assert_str_eq(text, strbuf_text(&expected));
	strbuf_fini(&expected);
	free(text);
}

/* K 2.12 */
START_TEST(header_names_are_canonical_and_sorted_values_in_order)
{
	static const struct alive_header headers[] = { HEADER("x-a-b1C",
							       "2 , 1"),
		HEADER("user-AGENT", " curl \t"), HEADER("X_Under", "a"),
		HEADER("HOST", "h"), HEADER("X-A-B1c", "\t1"),
		HEADER("transfer-encoding", "chunked"), HEADER("Trailer", "x"),
		HEADER("Accept", ""), HEADER("User-Agent", "second"),
		HEADER("content-length", "0"), HEADER("connection", "close"),
		HEADER("X-A", "<\xff>") };

	check_headers(headers, COUNT(headers),
		"{\n"
		"  \"Accept\": [\n"
		"   \"\"\n"
		"  ],\n"
		"  \"Connection\": [\n"
		"   \"close\"\n"
		"  ],\n"
		"  \"Content-Length\": [\n"
		"   \"0\"\n"
		"  ],\n"
		"  \"User-Agent\": [\n"
		"   \"curl\",\n"
		"   \"second\"\n"
		"  ],\n"
		"  \"X-A\": [\n"
		"   \"\\u003c\\ufffd\\u003e\"\n"
		"  ],\n"
		"  \"X-A-B1c\": [\n"
		"   \"2 , 1\",\n"
		"   \"1\"\n"
		"  ],\n"
		"  \"X_under\": [\n"
		"   \"a\"\n"
		"  ]\n"
		" }",
		"curl");
}
END_TEST

/* F 2.15 */
START_TEST(secrets_never_show)
{
	static const struct alive_header headers[] = {
		HEADER("AUTHORIZATION", "Bearer abc"), HEADER("cookie", "a=b"),
		HEADER("Cookie", "c=d"), HEADER("proxy-authorization", "Basic")
	};

	check_headers(headers, COUNT(headers),
		"{\n"
		"  \"Authorization\": [\n"
		"   \"redacted\"\n"
		"  ],\n"
		"  \"Cookie\": [\n"
		"   \"redacted\",\n"
		"   \"redacted\"\n"
		"  ],\n"
		"  \"Proxy-Authorization\": [\n"
		"   \"redacted\"\n"
		"  ]\n"
		" }",
		"");
}
END_TEST

START_TEST(pragma_no_cache_adds_cache_control)
{
	static const struct alive_header pragma[] = { HEADER(
		"pragma", " no-cache ") };
	static const struct alive_header both[] = {
		HEADER("Pragma", "no-cache"), HEADER("cache-control", "x")
	};
	static const struct alive_header other[] = { HEADER("Pragma", "x"),
		HEADER("Pragma", "no-cache") };

	check_headers(pragma, 1,
		"{\n"
		"  \"Cache-Control\": [\n"
		"   \"no-cache\"\n"
		"  ],\n"
		"  \"Pragma\": [\n"
		"   \"no-cache\"\n"
		"  ]\n"
		" }",
		"");
	check_headers(both, 2,
		"{\n"
		"  \"Cache-Control\": [\n"
		"   \"x\"\n"
		"  ],\n"
		"  \"Pragma\": [\n"
		"   \"no-cache\"\n"
		"  ]\n"
		" }",
		"");
	check_headers(other, 2,
		"{\n"
		"  \"Pragma\": [\n"
		"   \"x\",\n"
		"   \"no-cache\"\n"
		"  ]\n"
		" }",
		"");
}
END_TEST

START_TEST(only_hidden_headers_are_none)
{
	static const struct alive_header headers[] = { HEADER("Host", "h") };

	check_headers(headers, 1, "{}", "");
}
END_TEST

START_TEST(ten_thousand_results_come_out_sorted_in_pieces)
{
	enum { N = 10000 };
	static char types[N][16];
	struct alive_result *results = calloc(N, sizeof(*results));
	struct alive_view view = empty_view();
	struct alive_request request = { NULL, 0, "/", "" };
	char *text, *at;

	for (unsigned i = 0; i < N; i++) {
		snprintf(types[i], sizeof(types[i]), "path_%05u", i * 7919 % N);
		results[i] = (struct alive_result)RESULT(types[i], "ok");
	}
	view.results = results;
	view.n_results = N;
	text = render(&request, &view, 16384);
	at = strstr(text, "\"path_");
	for (unsigned i = 0; i < N; i++) {
		char line[40];

		snprintf(line, sizeof(line), "\"path_%05u\": \"ok\"", i);
		ck_assert_ptr_nonnull(at);
		ck_assert_msg(strncmp(at, line, strlen(line)) == 0, "%s", line);
		at = strstr(at + 1, "\"path_");
	}
	ck_assert_ptr_null(at);
	free(text);
	free(results);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("alive");
	TCase *tcase = tcase_create("alive");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, nothing_known_is_an_empty_object);
	tcase_add_test(tcase,
		results_are_sorted_by_bytes_with_the_neighbourhood_among_them);
	tcase_add_test(tcase, no_neighbours_are_an_empty_array);
	tcase_add_test(tcase, switched_off_there_is_no_array);
	tcase_add_test(tcase, of_two_results_of_a_type_the_later_shows);
	tcase_add_test(
		tcase, what_stands_beside_results_has_objects_of_its_own);
	tcase_add_test(tcase, strings_are_escaped_as_the_go_program_does);
	tcase_add_test(
		tcase, header_names_are_canonical_and_sorted_values_in_order);
	tcase_add_test(tcase, secrets_never_show);
	tcase_add_test(tcase, pragma_no_cache_adds_cache_control);
	tcase_add_test(tcase, only_hidden_headers_are_none);
	tcase_add_test(tcase, ten_thousand_results_come_out_sorted_in_pieces);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
