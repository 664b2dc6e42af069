/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole checks on a scripted network: redirects, the one budget, proxies, what
 * is said to whom, and a target that goes away at any moment.
 */
#include "tests/unit/fake_probe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* K 3.13 */
START_TEST(a_redirect_is_a_hop_of_its_own)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/there")),
		PEER("192.0.2.2:80", OK_BYTES));
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 2);
	ck_assert_uint_eq(record_at(0)->outcome, OUTCOME_REDIRECT);
	ck_assert_uint_eq(record_at(0)->http_status, 302);
	ck_assert_uint_eq(record_at(0)->events, PLAIN_EVENTS);
	ck_assert_uint_eq(last->outcome, OUTCOME_OK);
	ck_assert_uint_eq(last->events, PLAIN_EVENTS);
	ck_assert_uint_eq(last->check_duration_ns, 4 * MS);
	ck_assert_uint_eq(sent_count("GET /there HTTP/1.1\r\n"), 1);
	ck_assert_uint_eq(sent_count("Referer: http://192.0.2.1/\r\n"), 1);
}
END_TEST

START_TEST(a_redirect_is_an_answer_where_they_are_not_followed)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/there")));
	spec.follow_redirects = false;
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(last->outcome, OUTCOME_STATUS);
	ck_assert_str_eq(last->detail, "302 Found");
}
END_TEST

START_TEST(an_expected_redirect_is_success)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/there")));
	spec.expect[0] = (struct status_range){ 302, 302 };
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(fake.record_count, 1);
}
END_TEST

START_TEST(a_range_of_expected_statuses_has_both_ends)
{
	static const struct {
		uint16_t first, last;
		bool expected;
	} ranges[] = { { 302, 302, true }, { 300, 302, true },
		{ 302, 399, true }, { 303, 399, false }, { 200, 301, false } };

	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/there")));
	spec.follow_redirects = false;
	spec.expect_count = 2;
	spec.expect[1] =
		(struct status_range){ ranges[_i].first, ranges[_i].last };
	ck_assert_uint_eq(run_check()->outcome,
		ranges[_i].expected ? OUTCOME_OK : OUTCOME_STATUS);
}
END_TEST

/* K 3.12 */
START_TEST(ten_requests_and_no_more)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("/again")));
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 10);
	for (size_t i = 0; i < 9; i++)
		ck_assert_uint_eq(record_at(i)->outcome, OUTCOME_REDIRECT);
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->http_status, 302);
	ck_assert_str_eq(last->detail,
		"stopped after 10 redirects, at http://192.0.2.1/again");
}
END_TEST

START_TEST(where_redirects_end_is_said_without_secrets)
{
	static const struct {
		const char *location, *where;
	} cases[] = {
		{ "http://u:p@192.0.2.1/again?token=x",
			"http://redacted@192.0.2.1/again?redacted" },
		/* another host's path may be meant for others */
		{ "http://u:p@192.0.2.2:81/secret?token=x",
			"http://redacted@192.0.2.2:81/" },
	};
	char moved[128], want[128];
	struct fake_peer peers[] = { PEER("192.0.2.1:80", moved),
		PEER("192.0.2.2:81", moved) };

	snprintf(moved, sizeof(moved),
		"HTTP/1.1 302 Found\r\nLocation: %s\r\n"
		"Content-Length: 0\r\n\r\n",
		cases[_i].location);
	snprintf(want, sizeof(want), "stopped after 10 redirects, at %s",
		cases[_i].where);
	fake.peers = peers;
	fake.peer_count = 2;
	ck_assert_str_eq(run_check()->detail, want);
}
END_TEST

START_TEST(a_check_whose_hops_do_not_fit_into_the_pipe_is_lost_as_a_whole)
{
	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/")),
		PEER("192.0.2.2:80", MOVED("http://192.0.2.3/")),
		PEER("192.0.2.3:80", OK_BYTES));
	fake.record_room = 1;
	apply_target();
	fake_run_for(20 * S);
	ck_assert_uint_eq(fake.checks_ended, 1);
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(worker.records_dropped, 1);
}
END_TEST

START_TEST(a_location_that_cannot_be_checked_is_an_error)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://no..name/")));
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->http_status, 302);
	ck_assert_str_eq(last->detail,
		"bad Location: a dot of the host has no label before it");
}
END_TEST

/* K 3.12 */
START_TEST(another_scheme_is_a_request_that_fails)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("gopher://192.0.2.2/")));
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 2);
	ck_assert_uint_eq(record_at(0)->http_status, 302);
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->has_status, 0);
	ck_assert_uint_eq(last->events, 0);
	ck_assert_str_eq(last->detail,
		"bad Location: the scheme is neither http nor https");
}
END_TEST

/* F 3.14 */
START_TEST(a_second_hop_that_fails_is_the_checks_failure)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", MOVED("http://192.0.2.2/")),
		{ .address = "192.0.2.2:80", .start_errno = ENETUNREACH });
	last = run_check();
	ck_assert_uint_eq(fake.record_count, 2);
	ck_assert_uint_eq(last->outcome, OUTCOME_CONNECT_FAILED);
	ck_assert_uint_eq(last->check_duration_ns, 2 * MS);
}
END_TEST

/* K 3.5, K 3.12 */
START_TEST(all_hops_share_one_budget)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "192.0.2.1:80",
			  .connect_ns = 1 * S,
			  ANSWERS(3 * S, MOVED("http://192.0.2.2/")) },
		{ .address = "192.0.2.2:80", .connect_ns = FAKE_NEVER });
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_CONNECT_FAILED);
	ck_assert_uint_eq(last->check_duration_ns, 6 * S);
	ck_assert_uint_eq(last->phase_ns[PHASE_CONNECT], 2 * S);
}
END_TEST

START_TEST(each_hop_has_its_own_dial_budget)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "192.0.2.1:80",
			  .connect_ns = 1 * S,
			  ANSWERS(0, MOVED("http://192.0.2.2/")) },
		{ .address = "192.0.2.2:80", .connect_ns = FAKE_NEVER });
	spec.timeout_ns = 60 * S;
	last = run_check();
	ck_assert_uint_eq(last->phase_ns[PHASE_CONNECT], 5 * S);
	ck_assert_uint_eq(last->check_duration_ns, 6 * S);
}
END_TEST

/* F 3.17 */
START_TEST(a_url_that_is_none_is_refused)
{
	const struct wire_sample *last;

	spec.url = "http://[::1/";
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->has_status, 0);
	ck_assert_uint_eq(last->duration_ns, 0);
	ck_assert_uint_eq(last->events, 0);
	ck_assert_uint_eq(last->phases, 1u << PHASE_LOCAL);
	ck_assert_uint_gt(strlen(last->detail), 0);
}
END_TEST

/* --------------------------------------------------------- what is said */

#define BEARER "Authorization: Bearer sekrit\r\n"

static void
be_api_server_worker(void)
{
	worker.kind = &kind_api_server_direct;
}

/* K 3.9 */
START_TEST(the_token_goes_to_the_api_server)
{
	be_api_server_worker();
	USE_PEERS(PEER("10.0.0.1:6443", OK_BYTES));
	run_check();
	ck_assert_uint_eq(sent_count(BEARER), 1);
}
END_TEST

/* F 3.10 */
START_TEST(the_token_stays_at_home_on_a_redirect)
{
	be_api_server_worker();
	USE_PEERS(PEER("10.0.0.1:6443", MOVED("https://10.0.0.1:6444/version")),
		PEER("10.0.0.1:6444",
			MOVED("https://10.0.0.1:6443/version?back")));
	run_check();
	ck_assert_uint_eq(sent_count(BEARER), 1);
	ck_assert_uint_eq(sent_count("sekrit"), 1);
	ck_assert_uint_gt(fake.record_count, 2); /* it came back there */
}
END_TEST

/* F 3.10 */
START_TEST(the_token_is_not_sent_in_the_clear_or_elsewhere)
{
	static const char *const urls[] = { "http://10.0.0.1:6443/version",
		"https://10.0.0.9:6443/version", "https://10.0.0.1/version" };

	USE_PEERS(PEER("10.0.0.1:6443", OK_BYTES),
		PEER("10.0.0.1:443", OK_BYTES),
		PEER("10.0.0.9:6443", OK_BYTES));
	be_api_server_worker();
	settings.api_direct_url = urls[_i];
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("sekrit"), 0);
}
END_TEST

/* What a supervisor that was taken over would lead the token astray with. */
START_TEST(a_message_does_not_choose_what_an_api_worker_sends)
{
	static const struct worker_kind *const kinds[] = {
		&kind_api_server_direct, &kind_api_server_dns
	};
	struct control_message message;

	USE_PEERS(PEER("10.0.0.1:6443", OK_BYTES));
	USE_NAMES({ .name = "kubernetes.default",
		.ipv6_ns = 1 * MS,
		.ipv4_ns = 1 * MS,
		.ipv4 = { "10.0.0.1" } });
	be_api_server_worker();
	worker.kind = kinds[_i];
	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_TARGET;
	spec.url = "https://10.0.0.1:6443/api/v1/namespaces/kube-system/pods";
	spec.method = "POST";
	spec.headers = "Content-Type: application/json\n";
	spec.origin = "me";
	spec.insecure = true;
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++) {
		spec.files[i].path = "/file";
		spec.files[i].is_open = i % 2 == 0;
		spec.files[i].error = i % 2 == 0 ? 0 : EACCES;
	}
	message.body.target = spec;
	message.fds[0] = open("/dev/null", O_RDONLY);
	message.fds[1] = open("/dev/null", O_RDONLY);
	message.fd_count = 2;
	target_apply(&worker, &message);
	ck_assert_ptr_null(worker.targets->own_trust);
	ck_assert(!worker.targets->insecure);
	control_close_fds(&message);
	fake_run_for(20 * S);
	ck_assert_uint_eq(sent_count("GET /version HTTP/1.1\r\n"), 1);
	ck_assert_uint_eq(sent_count(BEARER), 1);
	ck_assert_uint_eq(sent_count("POST"), 0);
	ck_assert_uint_eq(sent_count("Content-Type"), 0);
	ck_assert_uint_eq(sent_count("Origin"), 0);
}
END_TEST

/* F 3.10 */
START_TEST(other_workers_have_no_token)
{
	USE_PEERS(PEER("10.0.0.1:6443", OK_BYTES));
	spec.url = settings.api_direct_url;
	run_check();
	ck_assert_uint_eq(sent_count("sekrit"), 0);
}
END_TEST

/* F 3.11 */
START_TEST(a_token_that_cannot_be_read_fails_as_wrote_request)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("10.0.0.1:6443", OK_BYTES));
	be_api_server_worker();
	fake.token_rc = -EACCES;
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_WRITE_FAILED);
	ck_assert_str_eq(last->detail, "token: /token: Permission denied");
	ck_assert_uint_eq(sent_count("GET"), 0);
}
END_TEST

static struct control_message
message_with_file(int fd)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_TARGET;
	message.body.target = spec;
	message.fds[0] = fd;
	message.fd_count = fd < 0 ? 0 : 1;
	return message;
}

/* Else a 401 would look like the server's fault. */
START_TEST(without_its_header_file_nothing_is_sent)
{
	static const struct {
		int file_errno;
		const char *text, *why;
	} cases[] = {
		{ EACCES, "", "Permission denied" },
		{ 0, "", "there is no header in it" },
		{ 0, "X-A: b\nAuthorization Bearer x\n",
			"line 2 is no header that a check may send" },
		{ 0, "X-A: b\n", NULL },
	};
	int fd = memfd_create("headers", MFD_CLOEXEC);
	struct control_message message;
	const struct wire_sample *last;
	char want[128];

	USE_PEERS(PEER("192.0.2.1:80", OK_BYTES));
	ck_assert_int_ge(dprintf(fd, "%s", cases[_i].text), 0);
	spec.files[CONTROL_FILE_HEADERS] = (struct control_file){
		.path = "/s/key",
		.error = (uint32_t)cases[_i].file_errno,
		.is_open = cases[_i].file_errno == 0,
	};
	message = message_with_file(cases[_i].file_errno == 0 ? fd : -1);
	target_apply(&worker, &message);
	close(fd);
	fake_run_for(1 * S);
	last = record_at(0);
	snprintf(want, sizeof(want), "header_file /s/key: %s", cases[_i].why);
	if (cases[_i].why == NULL) {
		ck_assert_uint_eq(last->outcome, OUTCOME_OK);
		ck_assert_uint_ge(sent_count("X-A: b\r\n"), 1);
		return;
	}
	ck_assert_str_eq(last->detail, want);
	ck_assert_uint_eq(last->outcome, OUTCOME_WRITE_FAILED);
	ck_assert_uint_eq(sent_count("GET"), 0);
	if (cases[_i].file_errno != 0)
		ck_assert_int_eq(last->sys_errno, EACCES);
}
END_TEST

/* Nor is an unknown issuer the server's fault then. */
START_TEST(without_its_ca_no_handshake_is_made)
{
	int fd = memfd_create("ca", MFD_CLOEXEC);
	struct control_message message;
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:443", OK_BYTES),
		PEER("192.0.2.1:80", OK_BYTES));
	spec.url = _i == 2 ? "http://192.0.2.1/" : "https://192.0.2.1/";
	spec.insecure = _i == 3;
	spec.files[CONTROL_FILE_CA] = (struct control_file){
		.path = "/s/ca",
		.error = _i == 0 ? EACCES : 0,
		.is_open = _i != 0,
	};
	message = message_with_file(_i != 0 ? fd : -1);
	target_apply(&worker, &message);
	close(fd);
	fake_run_for(1 * S);
	last = record_at(0);
	if (_i >= 2) { /* no CA is needed */
		ck_assert_uint_eq(last->outcome, OUTCOME_OK);
		return;
	}
	ck_assert_uint_eq(last->outcome, OUTCOME_TLS_FAILED);
	ck_assert_str_eq(
		last->detail, _i == 0 ? "ca /s/ca: Permission denied"
				      : "ca /s/ca: no certificate in it");
}
END_TEST

/* K 3.4 */
START_TEST(neighbours_are_told_who_asks_and_nobody_else)
{
	USE_PEERS(PEER("192.0.2.1:80", OK_BYTES));
	worker.kind = _i == 0 ? &kind_path : &kind_extra;
	spec.origin = "kubenurse-abc";
	run_check();
	ck_assert_uint_eq(
		sent_count("Kubenurse-Neighbour-Origin: kubenurse-abc\r\n"),
		_i == 0);
}
END_TEST

/* -------------------------------------------------------------- proxies */

#define TUNNEL(text) .tunnel = { .after_ns = 2 * MS, .bytes = (text) }

/* K 1.44 */
START_TEST(http_through_a_proxy_is_in_absolute_form)
{
	USE_PEERS(PEER("198.51.100.1:3128", OK_BYTES));
	use_proxies("http://u:p@198.51.100.1:3128", "");
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sent_count("GET http://192.0.2.1/ HTTP/1.1\r\n"), 1);
	ck_assert_uint_eq(sent_count("Proxy-Authorization: Basic dTpw\r\n"), 1);
}
END_TEST

/* K 1.44 */
START_TEST(https_through_a_proxy_is_a_tunnel)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		.tls_ns = 3 * MS,
		TUNNEL("HTTP/1.1 200 Yes\r\n\r\n"),
		ANSWERS(4 * MS, OK_BYTES) });
	spec.url = "https://192.0.2.1/";
	use_proxies("", "http://u:p@198.51.100.1:3128");
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_OK);
	/* the tunnel belongs to connect */
	ck_assert_uint_eq(last->phase_ns[PHASE_CONNECT], 3 * MS);
	ck_assert_uint_eq(last->phase_ns[PHASE_TLS], 3 * MS);
	ck_assert_uint_eq(last->phase_ns[PHASE_WAIT], 4 * MS);
	ck_assert_uint_eq(last->events, PLAIN_EVENTS | TLS_EVENTS);
	ck_assert_uint_eq(sent_count("CONNECT 192.0.2.1:443 HTTP/1.1\r\n"), 1);
	ck_assert_uint_eq(sent_count("[TLS 192.0.2.1]"), 1);
	ck_assert_uint_eq(sent_count("Proxy-Authorization"), 1);
}
END_TEST

START_TEST(a_head_request_through_a_tunnel_has_no_body)
{
	USE_PEERS({ .address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		TUNNEL("HTTP/1.1 200 Yes\r\n\r\n"),
		.steps = { { .bytes = "HTTP/1.1 200 OK\r\n"
				      "Content-Length: 99\r\n\r\n" } },
		.step_count = 1 });
	spec.url = "https://192.0.2.1/";
	spec.method = "HEAD";
	use_proxies("", "http://198.51.100.1:3128");
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
}
END_TEST

START_TEST(a_proxy_that_refuses_the_tunnel)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		TUNNEL("HTTP/1.1 403 No Way\r\nContent-Length: 0\r\n\r\n") });
	spec.url = "https://192.0.2.1/";
	use_proxies("", "http://198.51.100.1:3128");
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->has_status, 0);
	ck_assert_str_eq(last->detail, "proxy: 403 No Way");
	ck_assert_uint_eq(last->phase_ns[PHASE_CONNECT], 3 * MS);
}
END_TEST

START_TEST(a_proxy_that_is_none)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		TUNNEL("SSH-2.0-OpenSSH\r\n") });
	spec.url = "https://192.0.2.1/";
	use_proxies("", "http://198.51.100.1:3128");
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_str_eq(last->detail,
		"proxy 198.51.100.1:3128: malformed status line: "
		"SSH-2.0-OpenSSH");
}
END_TEST

START_TEST(a_silent_proxy_ends_with_the_whole_budget)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		.tunnel = { .after_ns = FAKE_NEVER } });
	spec.url = "https://192.0.2.1/";
	use_proxies("", "http://198.51.100.1:3128");
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_str_eq(last->detail,
		"proxy 198.51.100.1:3128: no answer to CONNECT: timeout");
	ck_assert_uint_eq(last->check_duration_ns, 6 * S);
}
END_TEST

#define SQUID "198.51.100.1:3128"

/* Whatever goes wrong between this node and its proxy names the proxy. */
START_TEST(a_proxy_that_fails_is_called_a_proxy)
{
	const struct {
		struct fake_peer peer;
		const char *proxy, *http, *https; /* of which scheme */
	} cases[] = {
		{ { .address = SQUID, .connect_errno = ECONNREFUSED }, SQUID,
			"proxy " SQUID ": Connection refused",
			"proxy " SQUID ": Connection refused" },
		{ { .address = SQUID, .connect_ns = FAKE_NEVER }, SQUID,
			"proxy " SQUID ": timeout",
			"proxy " SQUID ": timeout" },
		{ { .address = SQUID }, "no.test:3128",
			"proxy: dns: nxdomain for no.test",
			"proxy: dns: nxdomain for no.test" },
		{ { .address = SQUID,
			  .tunnel = { .bytes = NULL },
			  .steps = { { .bytes = NULL } },
			  .step_count = 1 },
			SQUID,
			"proxy " SQUID ": no answer: the connection was closed",
			"proxy " SQUID ": no answer to CONNECT: "
			"the connection was closed" },
		{ { .address = SQUID,
			  .tunnel = { .error = ECONNRESET },
			  .steps = { { .error = ECONNRESET } },
			  .step_count = 1 },
			SQUID,
			"proxy " SQUID ": no answer: Connection reset by peer",
			"proxy " SQUID ": no answer to CONNECT: "
			"Connection reset by peer" },
		{ { .address = SQUID, .tunnel = { .after_ns = FAKE_NEVER } },
			SQUID, "proxy " SQUID ": no answer: timeout",
			"proxy " SQUID ": no answer to CONNECT: timeout" },
		{ { .address = SQUID,
			  TUNNEL("SSH-2.0-x\r\n"),
			  ANSWERS(1 * MS, "SSH-2.0-x\r\n") },
			SQUID,
			"proxy " SQUID ": http: malformed status line: "
			"SSH-2.0-x",
			"proxy " SQUID ": malformed status line: SSH-2.0-x" },
		{ { .address = SQUID,
			  TUNNEL("\x15\x03\x01"),
			  ANSWERS(1 * MS, "\x15\x03\x01") },
			SQUID,
			"proxy " SQUID ": http: malformed status line: "
			"it speaks TLS, and only http:// can be used",
			"proxy " SQUID ": malformed status line: "
			"it speaks TLS, and only http:// can be used" },
		{ { .address = SQUID,
			  TUNNEL("HTTP/1.1 407 Proxy Authentication "
				 "Required\r\n\r\n"),
			  ANSWERS(1 * MS,
				  "HTTP/1.1 407 Proxy Authentication "
				  "Required\r\nContent-Length: 0\r\n\r\n") },
			SQUID, "proxy: 407 Proxy Authentication Required",
			"proxy: 407 Proxy Authentication Required" },
	};
	bool https = _i % 2 == 1;
	char proxy[64];

	USE_NAMES({ .name = "no.test", .result = DNS_NXDOMAIN });

	fake.peers = &cases[_i / 2].peer;
	fake.peer_count = 1;
	snprintf(proxy, sizeof(proxy), "http://%s", cases[_i / 2].proxy);
	spec.url = https ? "https://192.0.2.1/" : "http://192.0.2.1/";
	use_proxies(proxy, proxy);
	ck_assert_str_eq(run_check()->detail,
		https ? cases[_i / 2].https : cases[_i / 2].http);
}
END_TEST

START_TEST(tls_that_cannot_begin_in_a_tunnel_closes_the_socket)
{
	USE_PEERS({ .address = "198.51.100.1:3128",
		.connect_ns = 1 * MS,
		TUNNEL("HTTP/1.1 200 Yes\r\n\r\n"),
		.transport_start_rc = -ENOMEM });
	spec.url = "https://192.0.2.1/";
	use_proxies("", "http://198.51.100.1:3128");
	ck_assert_uint_ne(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(fake_open_sockets(), 0);
}
END_TEST

START_TEST(proxies_that_cannot_be_gone_through_are_refused)
{
	static const struct {
		const char *url, *http, *https;
	} cases[] = {
		{ "http://192.0.2.1/", "socks5://198.51.100.1:1080", "" },
		{ "https://192.0.2.1/", "", "socks5://198.51.100.1:1080" },
		{ "https://192.0.2.1/", "", "https://198.51.100.1:3128" },
		{ "http://192.0.2.1/", "https://198.51.100.1:3128", "" },
	};
	const struct wire_sample *last;

	spec.url = cases[_i].url;
	use_proxies(cases[_i].http, cases[_i].https);
	last = run_check();
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->duration_ns, 0);
	ck_assert_int_eq(strncmp(last->detail, "proxy: ", 7), 0);
	ck_assert_ptr_nonnull(strstr(last->detail, "not supported"));
}
END_TEST

START_TEST(a_proxys_zone_is_not_part_of_its_address)
{
	USE_PEERS(PEER("[fe80::1]:3128", OK_BYTES));
	use_proxies("http://[fe80::1%25lo]:3128", "");
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
}
END_TEST

/* ---------------------------------------------------- going away, coming */

static const struct fake_name slow_names[] = { { .name = "shop.example",
	.ipv6_ns = 10 * MS,
	.ipv4_ns = 10 * MS,
	.ipv4 = { "192.0.2.1" } } };
static const struct fake_peer slow_peers[] = {
	{ .address = "198.51.100.1:3128",
		.connect_ns = 10 * MS,
		.tls_ns = 10 * MS,
		.write_ns = 10 * MS,
		.tunnel = { .after_ns = 10 * MS,
			.bytes = "HTTP/1.1 200 Yes\r\n\r\n" },
		.steps = { { .after_ns = 10 * MS,
			.bytes = MOVED("http://shop.example/") } },
		.step_count = 1 },
	{ .address = "192.0.2.1:80",
		.connect_ns = 10 * MS,
		.write_ns = 10 * MS,
		.steps = { { .after_ns = 10 * MS,
				   .bytes = "HTTP/1.1 200 OK\r\n"
					    "Content-Length: 2\r\n\r\na" },
			{ .after_ns = 10 * MS, .bytes = "b" } },
		.step_count = 2 },
};

/* Through a tunnel, a redirect, a name: all states there are, 10 ms each. */
static void
begin_slow_check(void)
{
	fake.names = slow_names;
	fake.name_count = 1;
	fake.peers = slow_peers;
	fake.peer_count = 2;
	spec.url = "https://192.0.2.9/";
	use_proxies("", "http://198.51.100.1:3128");
	apply_target();
}

/* F 6.4 */
START_TEST(a_target_may_go_at_any_moment)
{
	const struct control_target_gone gone = { 5, 6 };
	const struct wire_sample *last;

	begin_slow_check();
	fake_run_for((uint64_t)_i * 5 * MS);
	target_remove(&worker, &gone);
	ck_assert_ptr_null(worker.targets);
	ck_assert_uint_eq(fake_open_sockets(), 0);
	fake_run_for(20 * S);
	ck_assert_uint_eq(fake.checks_started, 1);
	ck_assert_uint_eq(fake.checks_ended, 1);
	last = record_at(fake.record_count - 1);
	ck_assert_uint_eq(last->last, 1);
	/* the whole takes 100 ms, then it lingers */
	ck_assert_uint_eq(
		last->outcome, _i < 20 ? OUTCOME_CANCELLED : OUTCOME_OK);
	/* the redirect that it had come past counts nowhere, either */
	if (last->outcome == OUTCOME_CANCELLED)
		ck_assert_uint_eq(fake.record_count, 1);
	else
		assert_sums();
}
END_TEST

START_TEST(a_changed_target_begins_anew)
{
	begin_slow_check();
	fake_run_for((uint64_t)_i * 5 * MS + 1);
	fake.record_count = 0;
	spec.gen = 7;
	spec.url = "http://192.0.2.1/";
	apply_target();
	fake_run_for(20 * S);
	ck_assert_uint_eq(fake.checks_started, 2);
	ck_assert_uint_eq(record_at(fake.record_count - 1)->target_gen, 7);
	ck_assert_uint_eq(
		record_at(fake.record_count - 1)->outcome, OUTCOME_OK);
}
END_TEST

/* F 3.16 */
START_TEST(a_check_never_overlaps_itself_and_goes_on_for_ever)
{
	USE_PEERS({ .address = "192.0.2.1:80", .connect_ns = FAKE_NEVER });
	spec.interval_ns = 1 * S;
	apply_target();
	fake_run_for(60 * S);
	ck_assert_uint_ge(fake.record_count, 9);
	ck_assert_uint_le(fake.record_count, 12);
	for (size_t i = 1; i < fake.record_count; i++)
		ck_assert_uint_ge(record_at(i)->started_mono_ns,
			record_at(i - 1)->started_mono_ns + 5 * S);
}
END_TEST

/* N 4.31 */
START_TEST(a_late_timer_is_said_to_be_late)
{
	const struct wire_sample *last;

	USE_PEERS(PEER("192.0.2.1:80", OK_BYTES));
	apply_target();
	fake.now_ns += 123;
	fake_run_for(1 * S);
	last = record_at(0);
	ck_assert_uint_eq(last->lateness_ns, 123);
}
END_TEST

/* This process is stopped for a minute, two seconds after the check began. */
static const struct wire_sample *
run_held_check(uint64_t then_ns)
{
	apply_target();
	fake_run_for(2 * S);
	ck_assert_uint_eq(fake.record_count, 0);
	fake.now_ns += 60 * S;
	fake.held_ns += 60 * S;
	fake_run_for(then_ns);
	ck_assert_uint_gt(fake.record_count, 0);
	return record_at(fake.record_count - 1);
}

START_TEST(the_time_in_which_this_process_was_held_is_no_timeout)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 1 * S,
		ANSWERS(63 * S, OK_BYTES) });
	last = run_held_check(3 * S);
	ck_assert_uint_eq(last->outcome, OUTCOME_OK);
	ck_assert_uint_eq(last->check_duration_ns, 64 * S);
}
END_TEST

START_TEST(nor_is_it_one_of_the_hops_that_follow)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "192.0.2.1:80",
			  .connect_ns = 1 * S,
			  ANSWERS(59 * S, MOVED("http://192.0.2.2/")) },
		{ .address = "192.0.2.2:80",
			.connect_ns = 1 * S,
			ANSWERS(0, OK_BYTES) });
	last = run_held_check(3 * S);
	ck_assert_uint_eq(last->hop, 1);
	ck_assert_uint_eq(last->outcome, OUTCOME_OK);
}
END_TEST

START_TEST(who_was_held_waits_for_the_rest_of_the_time_and_no_longer)
{
	const struct wire_sample *last;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 1 * S,
		ANSWERS(FAKE_NEVER, OK_BYTES) });
	last = run_held_check(5 * S);
	ck_assert_uint_eq(last->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(last->check_duration_ns, 66 * S);
}
END_TEST

START_TEST(a_lingering_connection_gives_way_to_the_next_check)
{
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 1 * MS,
		.steps = { { .after_ns = 1 * MS, .bytes = OK_BYTES } },
		.step_count = 1 });
	spec.interval_ns = 10 * MS;
	apply_target();
	fake_run_for(300 * MS);
	ck_assert_uint_ge(fake.record_count, 29);
	ck_assert_uint_le(fake_open_sockets(), 1);
}
END_TEST

START_TEST(draining_ends_what_is_under_way_and_starts_nothing)
{
	begin_slow_check();
	spec.interval_ns = 200 * MS;
	fake_run_for(15 * MS);
	worker.draining = true;
	target_stop_all(worker.targets);
	fake_run_for(20 * S);
	ck_assert_uint_eq(fake.checks_started, 1);
	ck_assert_uint_eq(
		record_at(fake.record_count - 1)->outcome, OUTCOME_OK);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_redirect_is_a_hop_of_its_own,
		a_redirect_is_an_answer_where_they_are_not_followed,
		an_expected_redirect_is_success, ten_requests_and_no_more,
		a_check_whose_hops_do_not_fit_into_the_pipe_is_lost_as_a_whole,
		a_location_that_cannot_be_checked_is_an_error,
		another_scheme_is_a_request_that_fails,
		a_second_hop_that_fails_is_the_checks_failure,
		all_hops_share_one_budget, each_hop_has_its_own_dial_budget,
		a_url_that_is_none_is_refused, the_token_goes_to_the_api_server,
		the_token_stays_at_home_on_a_redirect,
		other_workers_have_no_token,
		a_token_that_cannot_be_read_fails_as_wrote_request,
		http_through_a_proxy_is_in_absolute_form,
		https_through_a_proxy_is_a_tunnel,
		a_head_request_through_a_tunnel_has_no_body,
		a_proxy_that_refuses_the_tunnel, a_proxy_that_is_none,
		a_silent_proxy_ends_with_the_whole_budget,
		tls_that_cannot_begin_in_a_tunnel_closes_the_socket,
		a_proxys_zone_is_not_part_of_its_address,
		a_check_never_overlaps_itself_and_goes_on_for_ever,
		a_late_timer_is_said_to_be_late,
		the_time_in_which_this_process_was_held_is_no_timeout,
		nor_is_it_one_of_the_hops_that_follow,
		who_was_held_waits_for_the_rest_of_the_time_and_no_longer,
		a_lingering_connection_gives_way_to_the_next_check,
		draining_ends_what_is_under_way_and_starts_nothing };
	Suite *suite = suite_create("check");
	TCase *tcase = tcase_create("check");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, probe_setup, probe_teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(
		tcase, a_range_of_expected_statuses_has_both_ends, 0, 5);
	tcase_add_loop_test(
		tcase, the_token_is_not_sent_in_the_clear_or_elsewhere, 0, 3);
	tcase_add_loop_test(tcase,
		a_message_does_not_choose_what_an_api_worker_sends, 0, 2);
	tcase_add_loop_test(
		tcase, neighbours_are_told_who_asks_and_nobody_else, 0, 2);
	tcase_add_loop_test(
		tcase, proxies_that_cannot_be_gone_through_are_refused, 0, 4);
	tcase_add_loop_test(tcase, a_proxy_that_fails_is_called_a_proxy, 0, 18);
	tcase_add_loop_test(
		tcase, without_its_header_file_nothing_is_sent, 0, 4);
	tcase_add_loop_test(tcase, without_its_ca_no_handshake_is_made, 0, 4);
	tcase_add_loop_test(
		tcase, where_redirects_end_is_said_without_secrets, 0, 2);
	tcase_add_loop_test(tcase, a_target_may_go_at_any_moment, 0, 40);
	tcase_add_loop_test(tcase, a_changed_target_begins_anew, 0, 40);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
