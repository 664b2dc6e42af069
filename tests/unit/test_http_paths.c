/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets, and what is looked at in the headers of a request. */
#include "supervisor/http_path.h"
#include "supervisor/http_request.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *target;
	enum http_route route;
} targets[] = {
	{ "/alwayshappy", HTTP_ROUTE_ALWAYSHAPPY },
	{ "/ready", HTTP_ROUTE_READY },
	{ "/alive", HTTP_ROUTE_ALIVE },
	{ "/metrics", HTTP_ROUTE_METRICS },
	{ "/metrics?a=b", HTTP_ROUTE_METRICS },
	{ "/ready?%zz", HTTP_ROUTE_READY }, /* the query is not looked at */
	{ "/%61live", HTTP_ROUTE_ALIVE },
	{ "/aliv%65", HTTP_ROUTE_ALIVE },
	{ "/%6d%65trics?x", HTTP_ROUTE_METRICS },
	{ "%2falive", HTTP_ROUTE_INVALID },
	{ "http://host/alive", HTTP_ROUTE_ALIVE },
	{ "https://host:8443/metrics?x", HTTP_ROUTE_METRICS },
	{ "HTTP://[::1]:80/ready", HTTP_ROUTE_READY },
	{ "http://user@host/ready", HTTP_ROUTE_READY },
	{ "*", HTTP_ROUTE_SERVER },
	{ "/", HTTP_ROUTE_OTHER },
	{ "//alive", HTTP_ROUTE_OTHER },
	{ "/./alive", HTTP_ROUTE_OTHER },
	{ "/a/../alive", HTTP_ROUTE_OTHER },
	{ "/alive/", HTTP_ROUTE_OTHER },
	{ "/ALIVE", HTTP_ROUTE_OTHER },
	{ "/alive%00", HTTP_ROUTE_OTHER },
	{ "/alive%3fx", HTTP_ROUTE_OTHER },
	{ "/alive#x", HTTP_ROUTE_OTHER },
	{ "/alwayshappyalwayshappy", HTTP_ROUTE_OTHER },
	{ "/aliv", HTTP_ROUTE_OTHER },
	{ "/\xc3\xa9", HTTP_ROUTE_OTHER },
	{ "http://host", HTTP_ROUTE_OTHER },
	{ "http://host?alive", HTTP_ROUTE_OTHER },
	{ "http://host//alive", HTTP_ROUTE_OTHER },
	{ "", HTTP_ROUTE_INVALID },
	{ "alive", HTTP_ROUTE_INVALID },
	{ "host:80", HTTP_ROUTE_INVALID },
	{ "http:/alive", HTTP_ROUTE_INVALID },
	{ "http:///alive", HTTP_ROUTE_INVALID },
	{ "://h/alive", HTTP_ROUTE_INVALID },
	{ "1://h/alive", HTTP_ROUTE_INVALID },
	{ "**", HTTP_ROUTE_INVALID },
	{ "/%", HTTP_ROUTE_INVALID },
	{ "/%4", HTTP_ROUTE_INVALID },
	{ "/%zz", HTTP_ROUTE_INVALID },
	{ "/a-long-path-and-then-a-bad-escape%g1", HTTP_ROUTE_INVALID },
	{ "/al ive", HTTP_ROUTE_INVALID },
	{ "/alive ", HTTP_ROUTE_INVALID },
	{ "/alive\t", HTTP_ROUTE_INVALID },
	{ "/alive\x7f", HTTP_ROUTE_INVALID },
	{ "/alive?\x01", HTTP_ROUTE_INVALID },
};

/* K 2.18, F 2.19 */
START_TEST(a_target_leads_to_its_route)
{
	ck_assert_msg(http_path_route(targets[_i].target) == targets[_i].route,
		"%s: %d", targets[_i].target,
		(int)http_path_route(targets[_i].target));
}
END_TEST

/* Headers as "name: value" lines without blanks of their own. */
static void
parse(struct http_request *request, const char *target, const char *headers)
{
	http_request_init(request, target);
	while (*headers != '\0') {
		size_t len = strcspn(headers, "\n");
		const char *colon = memchr(headers, ':', len);

		ck_assert_ptr_nonnull(colon);
		http_request_header(request, headers, (size_t)(colon - headers),
			colon + 1, (size_t)(headers + len - colon - 1));
		headers += len + (headers[len] == '\n');
	}
}

static const struct {
	const char *method, *target, *version, *headers;
	unsigned status;
} refusals[] = {
	{ "GET", "/alive", "HTTP/1.1", "Host:a", 0 },
	{ "HEAD", "/x", "HTTP/1.1", "host:", 0 },
	{ "GET", "/alive", "HTTP/1.0", "", 0 },
	{ "GET", "/alive", "HTTP/1.1", "", 400 },
	{ "GET", "/alive", "HTTP/1.2", "", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nHost:a", 400 },
	{ "GET", "/alive", "HTTP/1.0", "Host:a\nhOST:b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host: [fe80::1%eth0]:80 ", 0 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a/b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:\xc3\xa9", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX Y:b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host :a", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\n:b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX(Y:b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX\xe9:b", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX:\x01", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX:\x7f", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX:a\rb", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nX:a\tb\xff", 0 },
	{ "GET", "/%zz", "HTTP/1.1", "Host:a", 400 },
	{ "GET", "*", "HTTP/1.1", "Host:a", 400 },
	{ "OPTIONS", "*", "HTTP/1.1", "Host:a", 0 },
	{ "OPTIONS", "/alive", "HTTP/1.1", "Host:a", 0 },
	{ "OPTIONS", "/", "HTTP/1.0", "", 0 },
	{ "OPTIONS", "/", "HTTP/1.1", "", 400 },
	{ "POST", "*", "HTTP/1.1", "Host:a", 405 },
	{ "POST", "/alive", "HTTP/1.1", "Host:a", 405 },
	{ "get", "/alive", "HTTP/1.1", "Host:a", 405 },
	{ "CONNECT", "a:443", "HTTP/1.1", "Host:a:443", 405 },
	{ "GET", "a:443", "HTTP/1.1", "Host:a:443", 400 },
	{ "G(T", "/alive", "HTTP/1.1", "Host:a", 400 },
	{ "", "/alive", "HTTP/1.1", "Host:a", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nContent-Length:65536", 0 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nContent-Length:65537", 413 },
	{ "GET", "/alive", "HTTP/1.1",
		"Host:a\nContent-Length:99999999999999999999999999", 413 },
	{ "GET", "/alive", "HTTP/1.1",
		"Host:a\nContent-Length:5\nContent-Length: 5", 0 },
	{ "GET", "/alive", "HTTP/1.1",
		"Host:a\nContent-Length:5\nContent-Length:6", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nContent-Length:", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nContent-Length:-1", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nContent-Length:5,5", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nTransfer-Encoding:Chunked",
		400 },
	{ "POST", "/alive", "HTTP/1.1", "Host:a\nTransfer-Encoding:chunked",
		405 },
	{ "GET", "/alive", "HTTP/1.0", "Transfer-Encoding:chunked", 400 },
	{ "GET", "/alive", "HTTP/1.1",
		"Host:a\nTransfer-Encoding:chunked\nContent-Length:0", 400 },
	{ "POST", "/alive", "HTTP/1.1",
		"Host:a\nContent-Length:5\nTransfer-Encoding:gzip", 400 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nTransfer-Encoding:gzip", 501 },
	{ "GET", "/alive", "HTTP/1.1",
		"Host:a\nTransfer-Encoding:chunked\nTransfer-Encoding:chunked",
		501 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nExpect: 100-Continue", 0 },
	{ "GET", "/alive", "HTTP/1.1", "Host:a\nExpect:200-ok", 417 },
	/* the first reason is the one given; a bad Host before a bad method */
	{ "POST", "/alive", "HTTP/1.1", "Expect:x", 400 },
	{ "POST", "/alive", "HTTP/1.1", "Host:a\nExpect:x\nX Y:b", 417 },
};

/* F 2.21 */
START_TEST(a_bad_request_is_refused_with_its_status)
{
	struct http_request request;
	unsigned status;

	parse(&request, refusals[_i].target, refusals[_i].headers);
	status = http_request_refusal(
		&request, refusals[_i].method, refusals[_i].version);
	ck_assert_msg(status == refusals[_i].status, "%s %s %s: %u",
		refusals[_i].method, refusals[_i].target, refusals[_i].headers,
		status);
}
END_TEST

static const struct {
	const char *headers;
	bool gzip;
} encodings[] = {
	{ "", false },
	{ "Accept-Encoding:", false },
	{ "Accept-Encoding: gzip", true },
	{ "accept-encoding: deflate, GZIP;q=1.0, br", true },
	{ "Accept-Encoding: x-gzip", true },
	{ "Accept-Encoding: gzip;q=0", false },
	{ "Accept-Encoding: gzip;q=0.000", false },
	{ "Accept-Encoding: gzip;q=0.001", true },
	{ "Accept-Encoding: gzip ; Q=0.5", true },
	{ "Accept-Encoding: *", true },
	{ "Accept-Encoding: *;q=0", false },
	{ "Accept-Encoding: gzip;q=0, *", false },
	{ "Accept-Encoding: identity, gzip;q=0.5", false },
	{ "Accept-Encoding: identity;q=0.5, gzip", true },
	{ "Accept-Encoding: identity;q=0.5, gzip;q=0.5", true },
	{ "Accept-Encoding: gzip;q=", false },
	{ "Accept-Encoding: gzip;q=1.001", false },
	{ "Accept-Encoding: gzip;q=2", false },
	{ "Accept-Encoding: gzip;q=0.1234", false },
	{ "Accept-Encoding: gzip;q=x", false },
	{ "Accept-Encoding: gzip;level=9", false },
	{ "Accept-Encoding: gzipped", false },
	{ "Accept-Encoding: ,,;,gzip,", true },
	{ "Accept-Encoding: br\nAccept-Encoding: gzip", true },
};

/* N 2.17 */
START_TEST(gzip_is_sent_to_who_asks_for_it)
{
	struct http_request request;

	parse(&request, "/metrics", encodings[_i].headers);
	ck_assert_msg(http_request_wants_gzip(&request) == encodings[_i].gzip,
		"%s", encodings[_i].headers);
}
END_TEST

/* K 2.4 */
START_TEST(the_first_origin_alone_counts_and_is_trimmed)
{
	struct http_request request;

	parse(&request, "/alwayshappy",
		"kubenurse-NEIGHBOUR-origin: \tpod-a \n"
		"Kubenurse-Neighbour-Origin:pod-b");
	ck_assert_uint_eq(request.origin_len, 5);
	ck_assert_mem_eq(request.origin, "pod-a", 5);
	parse(&request, "/alwayshappy",
		"Kubenurse-Neighbour-Origin:  \n"
		"Kubenurse-Neighbour-Origin:pod-b");
	ck_assert_uint_eq(request.origin_len, 0);
}
END_TEST

START_TEST(a_body_is_announced_by_either_header)
{
	struct http_request request;

	parse(&request, "/", "Content-Length:0");
	ck_assert(!http_request_has_body(&request));
	parse(&request, "/", "Content-Length:1");
	ck_assert(http_request_has_body(&request));
	parse(&request, "/", "Transfer-Encoding:chunked");
	ck_assert(http_request_has_body(&request));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http_paths");
	TCase *tcase = tcase_create("http_paths");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(
		tcase, a_target_leads_to_its_route, 0, COUNT(targets));
	tcase_add_loop_test(tcase, a_bad_request_is_refused_with_its_status, 0,
		COUNT(refusals));
	tcase_add_loop_test(
		tcase, gzip_is_sent_to_who_asks_for_it, 0, COUNT(encodings));
	tcase_add_test(tcase, the_first_origin_alone_counts_and_is_trimmed);
	tcase_add_test(tcase, a_body_is_announced_by_either_header);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
