/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a [check] section says about how its server is asked, on a scripted
 * network: by which name, and what of it follows a redirect.
 */
#include "tests/unit/fake_probe.h"

/* ------------------------------------------------------------- server_name */

START_TEST(an_address_is_asked_by_a_name)
{
	USE_PEERS(PEER("192.0.2.7:8443", OK_BYTES));
	spec.url = "https://192.0.2.7:8443/healthz";
	spec.server_name = "shop.example";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_str_eq(fake.log,
		"[TLS shop.example]GET /healthz HTTP/1.1\r\n"
		"Host: shop.example:8443\r\n"
		"User-Agent: kubenurse/" PACKAGE_VERSION "\r\n"
		"Connection: close\r\n\r\n");
}
END_TEST

/* By a path, by the address, and by the name, which is not looked up. */
START_TEST(a_redirect_to_the_same_server_keeps_the_name)
{
	static const char *const locations[] = { "/there",
		"https://192.0.2.7/there", "https://192.0.2.7:443/there",
		"//192.0.2.7/there", "https://Shop.example/there",
		"https://shop.example:443/there" };
	char moved[200];
	struct fake_peer first = PEER("192.0.2.7:443", moved);

	snprintf(moved, sizeof(moved), MOVED("%s"), locations[_i]);
	fake.peers = &first;
	fake.peer_count = 1;
	spec.url = "https://192.0.2.7/";
	spec.server_name = "shop.example";
	spec.headers = "X-Key: k\n";
	run_check();
	ck_assert_uint_eq(fake.record_count, 10);
	ck_assert_uint_eq(sent_count("[TLS shop.example]"), 10);
	ck_assert_uint_eq(sent_count("\r\nHost: shop.example"), 10);
	ck_assert_uint_eq(sent_count("X-Key: k\r\n"), 10);
	ck_assert_uint_eq(sent_count("Referer: https://shop.example"), 9);
	ck_assert_uint_eq(sent_count("192.0.2.7"), 0);
}
END_TEST

START_TEST(a_redirect_elsewhere_leaves_the_name)
{
	USE_PEERS(PEER("192.0.2.7:443", MOVED("https://192.0.2.8/a")),
		PEER("192.0.2.8:443", MOVED("https://192.0.2.7:444/b")),
		PEER("192.0.2.7:444", MOVED("https://192.0.2.7/c")));
	spec.url = "https://192.0.2.7/";
	spec.server_name = "shop.example";
	spec.headers = "Host: vhost.example\n";
	run_check();
	ck_assert_ptr_nonnull(strstr(fake.log,
		"[TLS shop.example]GET / HTTP/1.1\r\nHost: vhost.example\r\n"));
	ck_assert_ptr_nonnull(strstr(fake.log,
		"[TLS 192.0.2.8]GET /a HTTP/1.1\r\nHost: 192.0.2.8\r\n"));
	ck_assert_ptr_nonnull(strstr(fake.log,
		"[TLS 192.0.2.7]GET /b HTTP/1.1\r\nHost: 192.0.2.7:444\r\n"));
	/* at home it is needed again; the header was a secret */
	ck_assert_ptr_nonnull(strstr(fake.log,
		"[TLS shop.example]GET /c HTTP/1.1\r\nHost: shop.example\r\n"));
	ck_assert_uint_eq(sent_count("vhost"), 1);
	ck_assert_uint_eq(sent_count("Referer: https://shop.example/\r\n"), 3);
}
END_TEST

START_TEST(a_proxy_is_asked_for_the_address)
{
	static const struct fake_peer proxy[] = { {
		.address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		.tls_ns = 1 * MS,
		.tunnel = { .bytes = "HTTP/1.1 200 OK\r\n\r\n" },
		ANSWERS(1 * MS, OK_BYTES),
	} };

	fake.peers = proxy;
	fake.peer_count = 1;
	use_proxies("", "http://198.51.100.1:3128");
	spec.url = "https://192.0.2.7/";
	spec.server_name = "shop.example";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("CONNECT 192.0.2.7:443 HTTP/1.1\r\n"
				     "Host: 192.0.2.7:443\r\n"),
		1);
	ck_assert_uint_eq(sent_count("[TLS shop.example]GET / HTTP/1.1\r\n"
				     "Host: shop.example\r\n"),
		1);
}
END_TEST

START_TEST(an_api_worker_asks_for_the_api_server_alone)
{
	USE_PEERS(PEER("10.0.0.1:6443", OK_BYTES));
	worker.kind = &kind_api_server_direct;
	strcpy(fake.token, "secret");
	spec.server_name = "shop.example";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("[TLS 10.0.0.1]"), 1);
	ck_assert_uint_eq(sent_count("shop"), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("check_keys");
	TCase *tcase = tcase_create("check_keys");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, probe_setup, probe_teardown);
	tcase_add_test(tcase, an_address_is_asked_by_a_name);
	tcase_add_loop_test(
		tcase, a_redirect_to_the_same_server_keeps_the_name, 0, 6);
	tcase_add_test(tcase, a_redirect_elsewhere_leaves_the_name);
	tcase_add_test(tcase, a_proxy_is_asked_for_the_address);
	tcase_add_test(tcase, an_api_worker_asks_for_the_api_server_alone);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
