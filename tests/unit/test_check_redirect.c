/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects as an attack, on a scripted network: where a stranger's Location
 * leads a check, and what it takes along.
 */
#include "tests/unit/fake_probe.h"

/* F 3.28 */
START_TEST(own_headers_stay_with_scheme_host_and_port)
{
	static const char *const places[] = { "http://192.0.2.1/same",
		"http://192.0.2.1:81/", "https://192.0.2.1/",
		"http://192.0.2.2/" };
	char moved[128];
	struct fake_peer first = PEER("192.0.2.1:80", moved);
	struct fake_peer peers[4];

	snprintf(moved, sizeof(moved),
		"HTTP/1.1 302 Found\r\nLocation: %s\r\n"
		"Content-Length: 0\r\n\r\n",
		places[_i]);
	peers[0] = first;
	peers[1] = (struct fake_peer)PEER("192.0.2.1:81", OK_BYTES);
	peers[2] = (struct fake_peer)PEER("192.0.2.1:443", OK_BYTES);
	peers[3] = (struct fake_peer)PEER("192.0.2.2:80", OK_BYTES);
	fake.peers = peers;
	fake.peer_count = 4;
	spec.headers = "Authorization: Basic abc\nX-Key: k\n";
	run_check();
	ck_assert_uint_ge(sent_count("GET "), 2);
	ck_assert_uint_eq(
		sent_count("X-Key: k\r\n"), _i == 0 ? sent_count("GET ") : 1);
	ck_assert_uint_eq(sent_count("Authorization: Basic abc\r\n"),
		_i == 0 ? sent_count("GET ") : 1);
}
END_TEST

/* F 3.28 */
START_TEST(own_headers_do_not_come_back)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/")),
		PEER("192.0.2.2:80", MOVED("http://192.0.2.1/back")));
	spec.headers = "X-Key: k\n";
	run_check();
	ck_assert_uint_ge(sent_count("GET /back "), 1);
	ck_assert_uint_eq(sent_count("X-Key: k\r\n"), 1);
}
END_TEST

/* F 3.28 */
START_TEST(what_is_secret_in_the_url_stays_at_home)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://x:y@192.0.2.2/there")),
		PEER("192.0.2.2:80", OK_BYTES));
	spec.url = "http://u:p@192.0.2.1/secret?token=t";
	run_check();
	ck_assert_uint_eq(sent_count("Authorization: Basic dTpw\r\n"), 1);
	ck_assert_uint_eq(sent_count("Authorization"), 1);
	ck_assert_uint_eq(sent_count("Referer: http://192.0.2.1/\r\n"), 1);
	ck_assert_uint_eq(sent_count("token"), 1);
}
END_TEST

/* F 3.29 */
START_TEST(built_in_checks_stay_on_their_host)
{
	static const struct worker_kind *const kinds[] = { &kind_me_ingress,
		&kind_me_service, &kind_path, &kind_api_server_direct,
		&kind_api_server_dns };
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/there")));
	worker.kind = kinds[_i];
	settings.api_direct_url = settings.api_dns_url = spec.url;
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->http_status, 302);
	ck_assert_str_eq(last->detail,
		"redirect to another host is not followed: 192.0.2.2");
}
END_TEST

/* F 3.29 */
START_TEST(built_in_checks_go_to_https_of_their_host)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("https://192.0.2.1:8443/")),
		PEER("192.0.2.1:8443", OK_BYTES));
	worker.kind = &kind_me_ingress;
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(fake.record_count, 2);
}
END_TEST

/* F 3.29 */
START_TEST(another_hosts_words_are_not_shown)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/")),
		PEER("192.0.2.2:80", "HTTP/1.1 418 internal build 7\r\n"
				     "Content-Length: 0\r\n\r\n"));
	ck_assert_str_eq(run_check()->detail, "418");
}
END_TEST

START_TEST(nor_is_its_certificate)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("https://192.0.2.2/")),
		PEER("192.0.2.2:443", OK_BYTES));
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert(fake.terms.discreet);
}
END_TEST

START_TEST(that_of_its_own_host_is)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("https://192.0.2.1/")),
		PEER("192.0.2.1:443", OK_BYTES));
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert(!fake.terms.discreet);
}
END_TEST

START_TEST(nor_are_they_where_it_speaks_no_http)
{
	static const struct {
		const char *bytes, *detail;
	} cases[] = {
		{ "internal build 7\r\n", "http: malformed status line" },
		{ "HTTP/1.1 internal\r\n", "http: malformed status code" },
		{ "\x15\x03\x01",
			"http: malformed status line: the server speaks TLS; "
			"use https://" },
	};

	struct fake_peer peers[] = { PEER("192.0.2.1:80",
					     MOVED("http://192.0.2.2/")),
		PEER("192.0.2.2:80", cases[_i].bytes) };

	fake.peers = peers;
	fake.peer_count = 2;
	ck_assert_str_eq(run_check()->detail, cases[_i].detail);
}
END_TEST

/* ----------------------------------------- where redirects must not lead */

static void
assert_refused(const struct wire_sample *last, const char *detail)
{
	ck_assert_uint_eq(fake.record_count, 2);
	ck_assert_uint_eq(record_at(0)->outcome, OUTCOME_REDIRECT);
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->has_status, 0);
	ck_assert_str_eq(last->detail, detail);
}

#define NOT_FOLLOWED(kind) "redirect is not followed: " kind " address"
#define LOOPBACK_NAMES                                                         \
	{                                                                      \
		.name = "here.test", .ipv6 = { "::1" }, .ipv4 = {              \
			"127.0.0.1"                                            \
		}                                                              \
	}

/* F 3.30 */
START_TEST(no_redirect_leads_to_this_machine)
{
	static const struct {
		const char *host, *detail;
	} cases[] = {
		{ "127.0.0.1:9999", NOT_FOLLOWED("loopback") },
		{ "0.0.0.0", NOT_FOLLOWED("unspecified") },
		{ "[::1]", NOT_FOLLOWED("loopback") },
		{ "[::]", NOT_FOLLOWED("unspecified") },
		{ "[::ffff:127.0.0.1]", NOT_FOLLOWED("loopback") },
		{ "[64:ff9b::127.0.0.1]", NOT_FOLLOWED("loopback") },
		{ "[fe80::1]", NOT_FOLLOWED("link-local") },
		{ "169.254.169.254", NOT_FOLLOWED("link-local") },
		{ "here.test", NOT_FOLLOWED("loopback") },
	};
	char moved[128];
	struct fake_peer peer = PEER("192.0.2.1:80", moved);

	USE_NAMES(LOOPBACK_NAMES);
	snprintf(moved, sizeof(moved),
		"HTTP/1.1 302 Found\r\nLocation: http://%s/admin\r\n"
		"Content-Length: 0\r\n\r\n",
		cases[_i].host);
	fake.peers = &peer;
	fake.peer_count = 1;
	assert_refused(run_check(), cases[_i].detail);
}
END_TEST

/* F 3.30 */
START_TEST(an_address_of_a_name_that_leads_elsewhere_is_tried)
{
	USE_NAMES(
		{ .name = "both.test", .ipv4 = { "127.0.0.1", "192.0.2.2" } });
	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://both.test/")),
		PEER("192.0.2.2:80", OK_BYTES));
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
}
END_TEST

/* F 3.30 */
START_TEST(this_machine_may_lead_to_itself)
{
	USE_NAMES(LOOPBACK_NAMES);
	USE_PEERS(PEER("127.0.0.1:80", MOVED("http://here.test:81/")),
		PEER("[::1]:81", OK_BYTES));
	spec.url = "http://127.0.0.1/";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
}
END_TEST

/* F 3.30 */
START_TEST(no_redirect_comes_back_to_this_machine)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("127.0.0.1:80", MOVED("http://192.0.2.1/")),
		PEER("192.0.2.1:80", MOVED("http://127.0.0.1/")));
	spec.url = "http://127.0.0.1/";
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 3);
	ck_assert_str_eq(last->detail, NOT_FOLLOWED("loopback"));
}
END_TEST

/* F 3.30 */
START_TEST(what_a_proxy_is_asked_for_is_judged_by_its_address)
{
	static const struct {
		const char *host, *detail;
	} cases[] = {
		{ "169.254.169.254", NOT_FOLLOWED("link-local") },
		{ "0xa9.254.43518", NOT_FOLLOWED("link-local") },
		{ "2130706433", NOT_FOLLOWED("loopback") },
		{ "192.0.2.2", "ok" },
	};
	char moved[128];
	struct fake_peer first = PEER("127.0.0.1:3128", moved),
			 then = PEER("127.0.0.1:3129", OK_BYTES);
	struct fake_peer peers[2] = { first, then };

	snprintf(moved, sizeof(moved),
		"HTTP/1.1 302 Found\r\nLocation: https://%s/\r\n"
		"Content-Length: 0\r\n\r\n",
		cases[_i].host);
	peers[1].tunnel =
		(struct fake_step){ .bytes = "HTTP/1.1 200 OK\r\n\r\n" };
	fake.peers = peers;
	fake.peer_count = 2;
	use_proxies("http://127.0.0.1:3128", "http://127.0.0.1:3129");
	ck_assert_str_eq(run_check()->detail, cases[_i].detail);
	ck_assert_uint_eq(sent_count("CONNECT"), _i == 3);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { own_headers_do_not_come_back,
		what_is_secret_in_the_url_stays_at_home,
		built_in_checks_go_to_https_of_their_host,
		another_hosts_words_are_not_shown, nor_is_its_certificate,
		that_of_its_own_host_is,
		an_address_of_a_name_that_leads_elsewhere_is_tried,
		this_machine_may_lead_to_itself,
		no_redirect_comes_back_to_this_machine };
	Suite *suite = suite_create("check_redirect");
	TCase *tcase = tcase_create("redirects");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, probe_setup, probe_teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(
		tcase, own_headers_stay_with_scheme_host_and_port, 0, 4);
	tcase_add_loop_test(tcase, built_in_checks_stay_on_their_host, 0, 5);
	tcase_add_loop_test(tcase, nor_are_they_where_it_speaks_no_http, 0, 3);
	tcase_add_loop_test(tcase, no_redirect_leads_to_this_machine, 0, 9);
	tcase_add_loop_test(tcase,
		what_a_proxy_is_asked_for_is_judged_by_its_address, 0, 4);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
