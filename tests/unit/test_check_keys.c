/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a [check] section says about how its server is asked, on a scripted
 * network: by which name, and what of it follows a redirect.
 */
#include "tests/unit/fake_probe.h"
#include "tests/unit/tls_peer.h"

#include <openssl/pem.h>
#include <sys/mman.h>

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

/* -------------------------------------------------------------- cert, key */

static struct peer_identity ones, others;

static void
make_identities(void)
{
	const struct peer_subject subject = { .common_name = "client",
		.ends_in_s = PEER_DAY_S };

	ones = peer_identity_new(&subject, NULL);
	others = peer_identity_new(&subject, NULL);
}

static void
free_identities(void)
{
	peer_identity_free(&ones);
	peer_identity_free(&others);
}

/* A file with these in it. */
static int
pem_file(X509 *certificate, EVP_PKEY *key)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);
	BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);

	if (certificate != NULL)
		ck_assert_int_eq(PEM_write_bio_X509(bio, certificate), 1);
	if (key != NULL)
		ck_assert_int_eq(PEM_write_bio_PrivateKey(
					 bio, key, NULL, NULL, 0, NULL, NULL),
			1);
	BIO_free(bio);
	return fd;
}

/* The target with this certificate and key; either may be without. */
static void
apply_pair(X509 *certificate, EVP_PKEY *key)
{
	struct control_message message;

	spec.files[CONTROL_FILE_CERT] =
		(struct control_file){ .path = "/s/crt", .is_open = true };
	spec.files[CONTROL_FILE_KEY] =
		(struct control_file){ .path = "/s/key", .is_open = true };
	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_TARGET;
	message.body.target = spec;
	message.fds[0] = pem_file(certificate, NULL);
	message.fds[1] = pem_file(NULL, key);
	message.fd_count = 2;
	target_apply(&worker, &message);
	control_close_fds(&message);
}

static const struct wire_sample *
last_after(uint64_t ns)
{
	fake_run_for(ns);
	ck_assert_uint_gt(fake.record_count, 0);
	return &fake.records[fake.record_count - 1].body.sample;
}

START_TEST(a_certificate_is_for_its_own_server)
{
	USE_PEERS(PEER("192.0.2.1:443", MOVED("/a")),
		PEER("192.0.2.1:444", MOVED("https://192.0.2.2/b")),
		PEER("192.0.2.2:443", MOVED("https://192.0.2.1:444/c")));
	spec.url = _i == 0 ? "https://192.0.2.1/" : "https://192.0.2.1:444/";
	apply_pair(ones.certificate, ones.key);
	last_after(5 * S);
	ck_assert_uint_eq(fake.record_count, 10);
	/* ten times at home; else once, and not even on the way back */
	ck_assert_uint_eq(sent_count("[CERT]"), _i == 0 ? 10 : 1);
	ck_assert_uint_eq(sent_count("[TLS "), 10);
}
END_TEST

START_TEST(a_proxy_does_not_see_the_certificate)
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
	apply_pair(ones.certificate, ones.key);
	ck_assert_uint_eq(last_after(1 * S)->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("[CERT]"), 1);
	ck_assert_ptr_nonnull(strstr(fake.log, "[TLS 192.0.2.7][CERT]GET /"));
}
END_TEST

START_TEST(without_its_pair_no_handshake_is_made)
{
	static const char *const whys[] = {
		"cert /s/crt: there is no certificate in it",
		"key /s/key: there is no key in it that can be read",
		"key /s/key: the key does not belong to the certificate",
	};
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:443", OK_BYTES));
	spec.url = "https://192.0.2.1/";
	apply_pair(
		_i == 0 ? NULL : ones.certificate, _i == 1 ? NULL : others.key);
	last = last_after(1 * S);
	ck_assert_uint_eq(last->outcome, OUTCOME_TLS_FAILED);
	ck_assert_str_eq(last->detail, whys[_i]);
	ck_assert_uint_eq(sent_count("[CERT]"), 0);
	ck_assert_uint_eq(sent_count("GET"), 0);
}
END_TEST

START_TEST(a_file_that_is_missing_is_the_cause)
{
	USE_PEERS(PEER("192.0.2.1:443", OK_BYTES));
	spec.url = "https://192.0.2.1/";
	spec.files[CONTROL_FILE_CERT] =
		(struct control_file){ .path = "/s/crt", .error = ENOENT };
	ck_assert_str_eq(
		run_check()->detail, "cert /s/crt: No such file or directory");
}
END_TEST

START_TEST(one_file_may_hold_both)
{
	struct control_message message;

	USE_PEERS(PEER("192.0.2.1:443", OK_BYTES));
	spec.url = "https://192.0.2.1/";
	spec.files[CONTROL_FILE_CERT] =
		(struct control_file){ .path = "/s/both", .is_open = true };
	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_TARGET;
	message.body.target = spec;
	message.fds[0] = pem_file(ones.certificate, ones.key);
	message.fd_count = 1;
	target_apply(&worker, &message);
	control_close_fds(&message);
	ck_assert_uint_eq(last_after(1 * S)->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("[CERT]"), 1);
}
END_TEST

/* First the certificate is replaced, a moment later the key. */
START_TEST(half_a_rotation_keeps_the_pair)
{
	USE_PEERS(PEER("192.0.2.1:443", OK_BYTES));
	spec.url = "https://192.0.2.1/";
	apply_pair(ones.certificate, ones.key);
	ck_assert_uint_eq(last_after(1 * S)->outcome, OUTCOME_OK);
	spec.gen++;
	apply_pair(others.certificate, ones.key);
	ck_assert_uint_eq(last_after(1 * S)->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("[CERT]"), 2);
	spec.gen++;
	apply_pair(others.certificate, others.key);
	ck_assert_uint_eq(last_after(1 * S)->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("[CERT]"), 3);
}
END_TEST

/* What was for one server is not shown to another that is configured next. */
START_TEST(a_pair_is_kept_for_its_server_alone)
{
	static const char *const urls[] = { "https://192.0.2.2/",
		"https://192.0.2.1:444/", "https://192.0.2.1/" };

	USE_PEERS(PEER("192.0.2.1:443", OK_BYTES),
		PEER("192.0.2.1:444", OK_BYTES),
		PEER("192.0.2.2:443", OK_BYTES));
	spec.url = "https://192.0.2.1/";
	apply_pair(ones.certificate, ones.key);
	last_after(1 * S);
	spec.url = urls[_i];
	if (_i == 2)
		spec.server_name = "other.example";
	apply_pair(NULL, NULL);
	ck_assert_uint_eq(last_after(1 * S)->outcome, OUTCOME_TLS_FAILED);
	ck_assert_uint_eq(sent_count("[CERT]"), 1);
}
END_TEST

/* ----------------------------------------------------------------- unix:// */

#define SOCKET(text)                                                           \
	{                                                                      \
		.address = "/run/app.sock", ANSWERS(1 * MS, text)              \
	}

START_TEST(a_socket_is_asked_as_localhost)
{
	const struct wire_sample *last;

	USE_PEERS(SOCKET(OK_BYTES));
	use_proxies("http://198.51.100.1:3128", "http://198.51.100.1:3128");
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock:/healthz?x=1";
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_OK);
	ck_assert_str_eq(fake.log,
		"GET /healthz?x=1 HTTP/1.1\r\n"
		"Host: localhost\r\n"
		"User-Agent: kubenurse/" PACKAGE_VERSION "\r\n"
		"Connection: close\r\n\r\n");
	/* what a check of an address comes past, and no name */
	ck_assert_uint_eq(last->events, PLAIN_EVENTS);
	ck_assert_uint_eq(last->phases & (1u << PHASE_DNS), 0);
	ck_assert_uint_eq(last->rtt_us, 0);
	ck_assert_uint_eq(last->retransmits_syn + last->retransmits_data, 0);
}
END_TEST

START_TEST(a_socket_has_the_name_that_is_configured)
{
	USE_PEERS(SOCKET(OK_BYTES));
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock";
	spec.server_name = "shop.example";
	if (_i == 1)
		spec.headers = "Host: vhost.example\n";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count(_i == 0 ? "\r\nHost: shop.example\r\n"
					     : "\r\nHost: vhost.example\r\n"),
		1);
}
END_TEST

START_TEST(what_a_socket_is_that_does_not_answer)
{
	static const struct {
		int start_errno;
		const char *detail;
	} cases[] = {
		{ ENOENT, "connect /run/app.sock: No such file or directory" },
		{ EACCES, "connect /run/app.sock: Permission denied" },
		{ ECONNREFUSED, "connect /run/app.sock: Connection refused" },
	};
	const struct fake_peer peer = { .address = "/run/app.sock",
		.start_errno = cases[_i].start_errno };
	const struct wire_sample *last;

	fake.peers = &peer;
	fake.peer_count = 1;
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock";
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_CONNECT_FAILED);
	ck_assert_int_eq(last->sys_errno, cases[_i].start_errno);
	ck_assert_str_eq(last->detail, cases[_i].detail);
}
END_TEST

/* An application would wait for room in the listener's queue. */
START_TEST(a_full_queue_is_waited_for)
{
	struct fake_peer peer = SOCKET(OK_BYTES);
	const struct wire_sample *last;

	peer.start_errno = EAGAIN;
	peer.connect_ns = _i == 0 ? 95 * MS : FAKE_NEVER / 2;
	fake.peers = &peer;
	fake.peer_count = 1;
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock";
	last = run_check();
	if (_i == 0) {
		ck_assert_uint_eq(last->outcome, OUTCOME_OK);
		ck_assert_uint_eq(last->phase_ns[PHASE_CONNECT], 100 * MS);
		return;
	}
	ck_assert_uint_eq(last->outcome, OUTCOME_CONNECT_FAILED);
	ck_assert_uint_eq(last->phase_ns[PHASE_CONNECT], 5 * S);
	ck_assert_str_eq(last->detail,
		"connect /run/app.sock: timeout: the listener's queue is full");
}
END_TEST

START_TEST(a_target_goes_while_it_waits_for_a_queue)
{
	struct fake_peer peer = SOCKET(OK_BYTES);

	peer.start_errno = EAGAIN;
	peer.connect_ns = FAKE_NEVER / 2;
	fake.peers = &peer;
	fake.peer_count = 1;
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock";
	apply_target();
	fake_run_for(50 * MS);
	target_free_all(&worker);
	fake_run_for(1 * S);
	ck_assert_uint_eq(fake.checks_ended, 1);
}
END_TEST

/* Servers behind a socket make their Location of the Host header, too. */
START_TEST(a_redirect_stays_at_the_socket)
{
	static const char *const locations[] = { "/there",
		"http://localhost/there", "http://LOCALHOST:80/there" };
	char moved[200];
	struct fake_peer peer = SOCKET(moved);

	snprintf(moved, sizeof(moved), MOVED("%s"), locations[_i]);
	fake.peers = &peer;
	fake.peer_count = 1;
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock";
	spec.headers = "X-Key: k\n";
	run_check();
	ck_assert_uint_eq(fake.record_count, 10);
	ck_assert_uint_eq(sent_count("X-Key: k\r\n"), 10);
	ck_assert_uint_eq(sent_count("\r\nHost: localhost"), 10);
	ck_assert_uint_eq(sent_count("Referer: http://localhost"), 9);
}
END_TEST

/* Where a server of this host leads is as open as where any other does. */
START_TEST(a_redirect_from_a_socket)
{
	static const struct {
		const char *location, *detail;
	} cases[] = {
		{ "http://192.0.2.2/", "ok" },
		{ "http://127.0.0.1/", "redirect is not followed: loopback "
				       "address" },
		{ "https://localhost/", NULL },
		{ "unix:///run/other.sock",
			"bad Location: the scheme is neither http nor https" },
		{ "unix:///run/app.sock",
			"bad Location: the scheme is neither http nor https" },
	};
	char moved[200];
	struct fake_peer peers[] = { SOCKET(moved),
		PEER("192.0.2.2:80", OK_BYTES) };
	const struct wire_sample *last;

	USE_NAMES({ .name = "localhost",
		.ipv6_ns = 1 * MS,
		.ipv4_ns = 1 * MS,
		.ipv4 = { "127.0.0.1" } });
	snprintf(moved, sizeof(moved), MOVED("%s"), cases[_i].location);
	fake.peers = peers;
	fake.peer_count = 2;
	worker.has_unix = true;
	spec.url = "unix:///run/app.sock";
	spec.headers = "X-Key: k\n";
	last = run_check();
	ck_assert_str_eq(last->detail,
		cases[_i].detail != NULL ? cases[_i].detail : cases[1].detail);
	ck_assert_uint_eq(sent_count("X-Key"), 1);
}
END_TEST

START_TEST(no_redirect_leads_to_a_socket)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("unix:///run/app.sock:/x")));
	worker.has_unix = true;
	ck_assert_str_eq(run_check()->detail,
		"bad Location: the scheme is neither http nor https");
	ck_assert_uint_eq(fake.record_count, 2);
	ck_assert_uint_eq(fake.calls.connects, 1);
}
END_TEST

/* It would end the process; or the token would go along. */
START_TEST(who_may_not_open_a_socket_does_not_try)
{
	static const struct worker_kind *const kinds[] = { &kind_extra,
		&kind_path, &kind_me_ingress };

	worker.kind = kinds[_i];
	worker.has_unix = _i != 0;
	spec.url = "unix:///run/app.sock";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(fake.calls.opens, 0);
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
	tcase_add_unchecked_fixture(tcase, make_identities, free_identities);
	tcase_add_loop_test(tcase, a_certificate_is_for_its_own_server, 0, 2);
	tcase_add_test(tcase, a_proxy_does_not_see_the_certificate);
	tcase_add_loop_test(tcase, without_its_pair_no_handshake_is_made, 0, 3);
	tcase_add_test(tcase, a_file_that_is_missing_is_the_cause);
	tcase_add_test(tcase, one_file_may_hold_both);
	tcase_add_test(tcase, half_a_rotation_keeps_the_pair);
	tcase_add_loop_test(tcase, a_pair_is_kept_for_its_server_alone, 0, 3);
	tcase_add_test(tcase, a_socket_is_asked_as_localhost);
	tcase_add_loop_test(
		tcase, a_socket_has_the_name_that_is_configured, 0, 2);
	tcase_add_loop_test(tcase, what_a_socket_is_that_does_not_answer, 0, 3);
	tcase_add_loop_test(tcase, a_full_queue_is_waited_for, 0, 2);
	tcase_add_test(tcase, a_target_goes_while_it_waits_for_a_queue);
	tcase_add_loop_test(tcase, a_redirect_stays_at_the_socket, 0, 3);
	tcase_add_loop_test(tcase, a_redirect_from_a_socket, 0, 5);
	tcase_add_test(tcase, no_redirect_leads_to_a_socket);
	tcase_add_loop_test(
		tcase, who_may_not_open_a_socket_does_not_try, 0, 3);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
