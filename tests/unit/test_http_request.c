/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads byte for byte, and what must never get into one. */
#include "workers/http_request.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct http_request
plain_request(void)
{
	return (struct http_request){
		.method = "GET",
		.target = "/alwayshappy",
		.host = "shop.example",
		.version = "2.0",
	};
}

static void
assert_text(const struct http_request *request, const char *expected)
{
	char buf[2048];
	int len = http_request_format(buf, sizeof(buf), request);

	ck_assert_int_eq(len, (int)strlen(expected));
	ck_assert_str_eq(buf, expected);
}

static void
assert_fails(const struct http_request *request, int error)
{
	char buf[2048];

	ck_assert_int_eq(http_request_format(buf, sizeof(buf), request), error);
}

/* K 3.3 */
START_TEST(a_plain_request)
{
	struct http_request request = plain_request();

	assert_text(&request, "GET /alwayshappy HTTP/1.1\r\n"
			      "Host: shop.example\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "Connection: close\r\n"
			      "\r\n");
	request.keep_alive = true;
	assert_text(&request, "GET /alwayshappy HTTP/1.1\r\n"
			      "Host: shop.example\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "\r\n");
}
END_TEST

START_TEST(own_headers_are_sorted)
{
	const struct http_header headers[] = {
		{ "x-b", "2" },
		{ "X-A", "1" },
		{ "Accept", "*/*" },
		{ "X-B", "3" },
		{ "Zone", "" },
	};
	struct http_request request = plain_request();

	request.bearer_token = "abc.def";
	request.neighbour_origin = "pod-1";
	request.referer = "http://a/";
	request.headers = headers;
	request.n_headers = 5;
	assert_text(&request, "GET /alwayshappy HTTP/1.1\r\n"
			      "Host: shop.example\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "Accept: */*\r\n"
			      "Authorization: Bearer abc.def\r\n"
			      "Kubenurse-Neighbour-Origin: pod-1\r\n"
			      "Referer: http://a/\r\n"
			      "X-A: 1\r\n"
			      "x-b: 2\r\n"
			      "X-B: 3\r\n"
			      "Zone: \r\n"
			      "Connection: close\r\n"
			      "\r\n");
}
END_TEST

/* The value of the Host line and of the proxy's absolute form. */
static void
assert_host(const char *host, const char *port, const char *expected)
{
	struct http_request request = plain_request();
	char text[512];

	request.host = host;
	request.port = port;
	request.keep_alive = true;
	request.target = "/a?b c";
	snprintf(text, sizeof(text),
		"GET /a?b c HTTP/1.1\r\nHost: %s\r\n"
		"User-Agent: kubenurse/2.0\r\n\r\n",
		expected);
	assert_text(&request, text);
	request.absolute_form = true;
	snprintf(text, sizeof(text),
		"GET http://%s/a?b c HTTP/1.1\r\nHost: %s\r\n"
		"User-Agent: kubenurse/2.0\r\n\r\n",
		expected, expected);
	assert_text(&request, text);
}

START_TEST(the_host_line)
{
	assert_host("Shop.Example", NULL, "Shop.Example");
	assert_host("h", "", "h");
	assert_host("h", "80", "h:80");
	assert_host("h", "09901", "h:09901");
	assert_host("192.0.2.7", "8080", "192.0.2.7:8080");
	assert_host("::1", "9902", "[::1]:9902");
	assert_host("2001:db8::1", NULL, "[2001:db8::1]");
	assert_host("fe80::1%eth0", "80", "[fe80::1]:80");
}
END_TEST

START_TEST(host_and_user_agent_of_a_check_replace_ours)
{
	const struct http_header headers[] = {
		{ "host", "vhost.example" },
		{ "user-agent", "doctor" },
	};
	struct http_request request = plain_request();

	request.headers = headers;
	request.n_headers = 2;
	assert_text(&request, "GET /alwayshappy HTTP/1.1\r\n"
			      "Host: vhost.example\r\n"
			      "User-Agent: doctor\r\n"
			      "Connection: close\r\n"
			      "\r\n");
}
END_TEST

START_TEST(a_server_name_is_in_host_and_not_in_the_proxys_form)
{
	const struct http_header header = { "Host", "vhost.example" };
	struct http_request request = plain_request();

	request.host = "192.0.2.7";
	request.port = "8080";
	request.server_name = "shop.example";
	request.absolute_form = true;
	assert_text(&request,
		"GET http://192.0.2.7:8080/alwayshappy HTTP/1.1\r\n"
		"Host: shop.example:8080\r\n"
		"User-Agent: kubenurse/2.0\r\n"
		"Connection: close\r\n"
		"\r\n");
	request.headers = &header;
	request.n_headers = 1;
	assert_text(&request,
		"GET http://192.0.2.7:8080/alwayshappy HTTP/1.1\r\n"
		"Host: vhost.example\r\n"
		"User-Agent: kubenurse/2.0\r\n"
		"Connection: close\r\n"
		"\r\n");
}
END_TEST

/* Which Authorization is sent. */
static void
assert_authorization(const struct http_request *request, const char *expected)
{
	char text[512];

	snprintf(text, sizeof(text),
		"GET /alwayshappy HTTP/1.1\r\nHost: shop.example\r\n"
		"User-Agent: kubenurse/2.0\r\nAuthorization: %s\r\n"
		"Connection: close\r\n\r\n",
		expected);
	assert_text(request, text);
}

/* K 3.22 */
START_TEST(basic_authorization)
{
	/* RFC 4648 section 10 gives "f", "fo" and so on; here "u:" and more */
	static const struct {
		const char *user;
		const char *password;
		const char *expected;
	} cases[] = {
		{ "", "", "Basic Og==" },
		{ "u", NULL, "Basic dTo=" },
		{ "u", "p", "Basic dTpw" },
		{ "u", "pw", "Basic dTpwdw==" },
		{ "Aladdin", "open sesame",
			"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" }, /* RFC 7617 */
		{ "test", "123\xc2\xa3", "Basic dGVzdDoxMjPCow==" },
		{ "\xff\xfe", "\xfb\xff", "Basic //46+/8=" },
		{ "a\r\nb", "", "Basic YQ0KYjo=" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_request request = plain_request();

		request.user = cases[i].user;
		request.password = cases[i].password;
		assert_authorization(&request, cases[i].expected);
	}
}
END_TEST

START_TEST(one_authorization_at_most)
{
	const struct http_header header = { "authorization", "Own x" };
	struct http_request request = plain_request();
	char buf[512];

	request.user = "u";
	request.headers = &header;
	request.n_headers = 1;
	ck_assert_int_gt(http_request_format(buf, sizeof(buf), &request), 0);
	ck_assert_ptr_nonnull(strstr(buf, "\r\nauthorization: Own x\r\n"));
	ck_assert_ptr_null(strstr(buf, "Basic"));
	request.bearer_token = "t";
	assert_authorization(&request, "Bearer t");
}
END_TEST

START_TEST(methods)
{
	struct http_request request = plain_request();

	request.target = "/";
	request.keep_alive = true;
	request.method = "HEAD";
	assert_text(&request, "HEAD / HTTP/1.1\r\nHost: shop.example\r\n"
			      "User-Agent: kubenurse/2.0\r\n\r\n");
	request.method = "POST";
	assert_text(&request, "POST / HTTP/1.1\r\nHost: shop.example\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "Content-Length: 0\r\n\r\n");
	request.method = "OPTIONS";
	request.target = "*";
	assert_text(&request, "OPTIONS * HTTP/1.1\r\nHost: shop.example\r\n"
			      "User-Agent: kubenurse/2.0\r\n\r\n");
}
END_TEST

START_TEST(through_a_plain_proxy)
{
	struct http_request request = plain_request();

	request.proxy_user = "u";
	request.proxy_password = "p";
	request.port = "80";
	request.absolute_form = true;
	assert_text(&request,
		"GET http://shop.example:80/alwayshappy HTTP/1.1\r\n"
		"Host: shop.example:80\r\n"
		"User-Agent: kubenurse/2.0\r\n"
		"Connection: close\r\n"
		"Proxy-Authorization: Basic dTpw\r\n"
		"\r\n");
	/* inside a tunnel the proxy's password is nobody's business */
	request.absolute_form = false;
	assert_text(&request, "GET /alwayshappy HTTP/1.1\r\n"
			      "Host: shop.example:80\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "Connection: close\r\n"
			      "\r\n");
}
END_TEST

START_TEST(connect)
{
	struct http_request request = plain_request();
	char buf[512];
	int len;

	request.port = "443";
	request.bearer_token = "secret";
	request.proxy_user = "u";
	len = http_connect_format(buf, sizeof(buf), &request);
	ck_assert_str_eq(buf, "CONNECT shop.example:443 HTTP/1.1\r\n"
			      "Host: shop.example:443\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "Proxy-Authorization: Basic dTo=\r\n"
			      "\r\n");
	ck_assert_int_eq(len, (int)strlen(buf));
	request.host = "2001:db8::1";
	request.proxy_user = NULL;
	http_connect_format(buf, sizeof(buf), &request);
	ck_assert_str_eq(buf, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"
			      "Host: [2001:db8::1]:443\r\n"
			      "User-Agent: kubenurse/2.0\r\n"
			      "\r\n");
	request.port = NULL;
	ck_assert_int_eq(
		http_connect_format(buf, sizeof(buf), &request), -EINVAL);
	request.port = "44\r\n3";
	ck_assert_int_eq(
		http_connect_format(buf, sizeof(buf), &request), -EINVAL);
}
END_TEST

/* No part of a request may hold a byte that ends its line. */
START_TEST(no_value_breaks_out_of_its_line)
{
	static const char *const evil[] = { "a\r\nX: y", "a\n", "\r", "a\x01",
		"a\x7f" };

	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		struct http_header header = { "X", evil[i] };
		struct http_request request = plain_request();
		char target[64];

		request.method = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		snprintf(target, sizeof(target), "/%s", evil[i]);
		request.target = target;
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.host = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.port = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.version = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.bearer_token = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.neighbour_origin = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.referer = evil[i];
		assert_fails(&request, -EINVAL);
		request = plain_request();
		request.headers = &header;
		request.n_headers = 1;
		assert_fails(&request, -EINVAL);
		header = (struct http_header){ evil[i], "x" };
		assert_fails(&request, -EINVAL);
		header = (struct http_header){ "Host", evil[i] };
		assert_fails(&request, -EINVAL);
		header = (struct http_header){ "User-Agent", evil[i] };
		assert_fails(&request, -EINVAL);
	}
}
END_TEST

START_TEST(parts_that_are_refused)
{
	static const char *const names[] = { "", "a b", "a:", "Connection",
		"content-length", "Transfer-Encoding", "Proxy-Authorization",
		"Trailer", "TE", "Upgrade", "Keep-Alive" };
	struct http_request request = plain_request();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct http_header header = { names[i], "x" };

		request.headers = &header;
		request.n_headers = 1;
		assert_fails(&request, -EINVAL);
		ck_assert(!http_request_allows_header(names[i], "x"));
	}
	ck_assert(http_request_allows_header("X-A", "b\tc \xc3\xa9"));
	ck_assert(!http_request_allows_header("X-A", "b\n"));
	request = plain_request();
	request.method = "";
	assert_fails(&request, -EINVAL);
	request = plain_request();
	request.host = "";
	assert_fails(&request, -EINVAL);
	request.host = "a b";
	assert_fails(&request, -EINVAL);
	request.host = "a/b";
	assert_fails(&request, -EINVAL);
	request.host = "user@a";
	assert_fails(&request, -EINVAL);
	request = plain_request();
	request.target = "";
	assert_fails(&request, -EINVAL);
	request.target = "x";
	assert_fails(&request, -EINVAL);
}
END_TEST

START_TEST(too_many_headers)
{
	struct http_header headers[HTTP_REQUEST_MAX_HEADERS + 1];
	struct http_request request = plain_request();
	char buf[4096];

	for (size_t i = 0; i <= HTTP_REQUEST_MAX_HEADERS; i++)
		headers[i] = (struct http_header){ "X", "y" };
	request.headers = headers;
	request.n_headers = HTTP_REQUEST_MAX_HEADERS;
	request.bearer_token = request.referer = request.neighbour_origin = "z";
	ck_assert_int_gt(http_request_format(buf, sizeof(buf), &request), 0);
	request.n_headers++;
	ck_assert_int_eq(
		http_request_format(buf, sizeof(buf), &request), -E2BIG);
}
END_TEST

START_TEST(a_buffer_too_small)
{
	struct http_request request = plain_request();
	char buf[256];
	int len;

	request.user = "user";
	request.port = "443";
	len = http_request_format(buf, sizeof(buf), &request);
	ck_assert_int_gt(len, 0);
	for (size_t cap = 0; cap <= (size_t)len; cap++) {
		char *small = malloc(cap + 1);

		ck_assert_ptr_nonnull(small);
		small[cap] = 'E';
		ck_assert_int_eq(
			http_request_format(small, cap, &request), -ENOSPC);
		ck_assert_int_eq(small[cap], 'E');
		free(small);
	}
	ck_assert_int_eq(
		http_request_format(buf, (size_t)len + 1, &request), len);
	len = http_connect_format(buf, sizeof(buf), &request);
	ck_assert_int_eq(
		http_connect_format(buf, (size_t)len, &request), -ENOSPC);
}
END_TEST

static Suite *
suite_http_request(void)
{
	Suite *suite = suite_create("http_request");
	TCase *tcase = tcase_create("format");

	tcase_add_test(tcase, a_plain_request);
	tcase_add_test(tcase, own_headers_are_sorted);
	tcase_add_test(tcase, the_host_line);
	tcase_add_test(tcase, host_and_user_agent_of_a_check_replace_ours);
	tcase_add_test(
		tcase, a_server_name_is_in_host_and_not_in_the_proxys_form);
	tcase_add_test(tcase, basic_authorization);
	tcase_add_test(tcase, one_authorization_at_most);
	tcase_add_test(tcase, methods);
	tcase_add_test(tcase, through_a_plain_proxy);
	tcase_add_test(tcase, connect);
	tcase_add_test(tcase, no_value_breaks_out_of_its_line);
	tcase_add_test(tcase, parts_that_are_refused);
	tcase_add_test(tcase, too_many_headers);
	tcase_add_test(tcase, a_buffer_too_small);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite_http_request());
	int n_failed;

	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
