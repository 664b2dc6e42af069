/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on a scripted network: each phase, each failure in each state,
 * the kernel's stamps, all to the nanosecond.
 */
#include "tests/unit/fake_probe.h"

static void
assert_phases(const struct wire_sample *sample, uint64_t dns_ns,
	uint64_t connect_ns, uint64_t tls_ns, uint64_t write_ns,
	uint64_t wait_ns, uint64_t read_ns, uint64_t local_ns)
{
	ck_assert_uint_eq(sample->phase_ns[PHASE_DNS], dns_ns);
	ck_assert_uint_eq(sample->phase_ns[PHASE_CONNECT], connect_ns);
	ck_assert_uint_eq(sample->phase_ns[PHASE_TLS], tls_ns);
	ck_assert_uint_eq(sample->phase_ns[PHASE_WRITE], write_ns);
	ck_assert_uint_eq(sample->phase_ns[PHASE_WAIT], wait_ns);
	ck_assert_uint_eq(sample->phase_ns[PHASE_READ], read_ns);
	ck_assert_uint_eq(sample->phase_ns[PHASE_LOCAL], local_ns);
}

#define ANSWERS(after, text)                                                   \
	.steps = { { .after_ns = (after), .bytes = (text) }, FIN },            \
	.step_count = 2

/* K 4.7 */
START_TEST(a_plain_request_to_an_address)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.rtt_us = 2900,
		ANSWERS(7 * MS, OK_BYTES) });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	ck_assert_str_eq(sample->detail, "ok");
	ck_assert_uint_eq(sample->has_status, 1);
	ck_assert_uint_eq(sample->http_status, 200);
	ck_assert_uint_eq(sample->events, PLAIN_EVENTS);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_START], 0);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_DONE], 3 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_GOT_CONN], 3 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_WROTE_REQUEST], 3 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_GOT_FIRST_RESP_BYTE], 10 * MS);
	ck_assert_uint_eq(sample->response_ns, 10 * MS);
	assert_phases(sample, 0, 3 * MS, 0, 0, 7 * MS, 0, 0);
	ck_assert_uint_eq(sample->rtt_us, 2900);
	ck_assert_uint_eq(sample->stamped, 1);
	/* dns and tls did not happen */
	ck_assert_uint_eq(
		sample->phases & (1u << PHASE_DNS | 1u << PHASE_TLS), 0);
}
END_TEST

/* What this process does before it connects is nobody's time. */
START_TEST(the_clock_starts_right_before_connect)
{
	const struct wire_sample *sample;

	if (_i == 1) {
		use_proxies("http://192.0.2.1:80", "");
		spec.url = "http://far.example/";
	}
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(7 * MS, OK_BYTES) });
	fake.open_takes_ns = 40 * MS;
	sample = run_check();
	ck_assert_uint_eq(sample->started_mono_ns, FAKE_EPOCH_NS + 40 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_START], 0);
	ck_assert_uint_eq(sample->response_ns, 10 * MS);
	assert_phases(sample, 0, 3 * MS, 0, 0, 7 * MS, 0, 0);
	ck_assert_uint_eq(sample->duration_ns, 10 * MS);
	ck_assert_uint_eq(sample->check_duration_ns, 10 * MS);
}
END_TEST

/* By name it is known when to connect, and then it is this process's delay. */
START_TEST(making_the_socket_is_no_part_of_dns_nor_of_connect)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = 2 * MS,
		.ipv4_ns = 2 * MS,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(7 * MS, OK_BYTES) });
	spec.url = "http://shop.example/";
	fake.open_takes_ns = 40 * MS;
	sample = run_check();
	ck_assert_uint_eq(sample->started_mono_ns, FAKE_EPOCH_NS);
	assert_phases(sample, 2 * MS, 3 * MS, 0, 0, 7 * MS, 0, 40 * MS);
}
END_TEST

/* Of a check that goes well, over a new connection; see system_calls.py. */
START_TEST(no_system_call_is_made_in_vain)
{
	static const struct fake_peer peers[] = {
		{ .address = "192.0.2.1:80",
			.connect_ns = 3 * MS,
			ANSWERS(7 * MS, OK_BYTES) },
		/* the end comes later than the answer */
		{ .address = "192.0.2.1:80",
			.connect_ns = 3 * MS,
			.steps = { { .after_ns = 7 * MS, .bytes = OK_BYTES },
				{ .after_ns = 5 * MS } },
			.step_count = 2 },
	};

	fake.peers = &peers[_i];
	fake.peer_count = 1;
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_eq(fake.calls.opens, 1);
	ck_assert_uint_eq(fake.calls.connects, 1);
	ck_assert_uint_eq(fake.calls.controls, 1);
	ck_assert_uint_eq(fake.calls.infos, 2); /* connected, and at the end */
	ck_assert_uint_eq(fake.calls.writes, 1);
	ck_assert_uint_eq(fake.calls.reads, 1);
	ck_assert_uint_eq(fake.calls.in_vain, 0);
	ck_assert_uint_eq(fake_open_sockets(), 0);
	/* nothing wakes it before the next check */
	for (int i = 0; i < FAKE_MAX; i++)
		ck_assert(fake.timers[i] == NULL ||
			  fake.timers[i] == &worker.targets->timer);
}
END_TEST

/* K 4.3, K 4.7, N 4.22 */
START_TEST(every_phase_of_https_by_name)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = 2 * MS,
		.ipv4_ns = 1 * MS,
		.ipv6 = { "2001:db8::1" } });
	USE_PEERS({ .address = "[2001:db8::1]:443",
		.connect_ns = 3 * MS,
		.tls_ns = 5 * MS,
		.write_ns = 7 * MS,
		.not_after_unix_s = 1800000000,
		.chain_not_after_unix_s = 1790000000,
		.steps = { { .after_ns = 11 * MS,
				   .bytes = "HTTP/1.1 200 OK\r\n"
					    "Content-Length: 4\r\n\r\nab" },
			{ .after_ns = 13 * MS, .bytes = "cd" }, FIN },
		.step_count = 3 });
	spec.url = "https://shop.example/";
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	assert_phases(
		sample, 2 * MS, 3 * MS, 5 * MS, 7 * MS, 11 * MS, 13 * MS, 0);
	ck_assert_uint_eq(
		sample->events, PLAIN_EVENTS | TLS_EVENTS | DNS_EVENTS);
	ck_assert_uint_eq(sample->event_ns[EVENT_DNS_START], 0);
	ck_assert_uint_eq(sample->event_ns[EVENT_DNS_DONE], 2 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_START], 2 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_DONE], 5 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_TLS_HANDSHAKE_START], 5 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_TLS_HANDSHAKE_DONE], 10 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_GOT_CONN], 10 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_WROTE_REQUEST], 17 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_GOT_FIRST_RESP_BYTE], 28 * MS);
	ck_assert_uint_eq(sample->response_ns, 28 * MS);
	ck_assert_uint_eq(sample->duration_ns, 41 * MS);
	ck_assert_int_eq(sample->cert_not_after_unix_s, 1800000000);
	ck_assert_int_eq(sample->chain_not_after_unix_s, 1790000000);
	ck_assert_ptr_nonnull(strstr(fake.log, "[TLS shop.example]"));
}
END_TEST

/* This process runs 50 ms late each time: a quota that stops it. */
/* K 4.18 */
START_TEST(what_the_kernel_stamped_is_not_our_delay)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = 2 * MS,
		.ipv4_ns = 2 * MS,
		.ipv4 = { "192.0.2.1" },
		.late_ns = 40 * MS });
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(7 * MS, OK_BYTES) });
	spec.url = "http://shop.example/";
	fake.late_ns = 50 * MS;
	sample = run_check();
	/* dns 2 (by its stamp), 40 late; connect 3 + 50 (no stamp); wait 7 */
	assert_phases(sample, 2 * MS, 53 * MS, 0, 0, 7 * MS, 0, 90 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_DNS_DONE], 2 * MS);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_START], 42 * MS);
	ck_assert_uint_eq(sample->response_ns, 102 * MS);
	ck_assert_uint_eq(sample->duration_ns, 152 * MS);
	ck_assert_uint_eq(sample->stamped, 1);
}
END_TEST

static const struct wire_sample *
run_with_stamp(bool no_stamp, int64_t shift_ns)
{
	static struct fake_peer peer;

	peer = (struct fake_peer){ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(7 * MS, OK_BYTES) };
	peer.steps[0].no_stamp = no_stamp;
	peer.steps[0].stamp_shift_ns = shift_ns;
	fake.peers = &peer;
	fake.peer_count = 1;
	fake.late_ns = 50 * MS;
	return run_check();
}

/* K 4.18 */
START_TEST(without_a_stamp_the_own_clock_counts)
{
	const struct wire_sample *sample = run_with_stamp(true, 0);

	assert_phases(sample, 0, 53 * MS, 0, 0, 57 * MS, 0, 0);
	ck_assert_uint_eq(sample->stamped, 0);
}
END_TEST

/* K 4.18 */
START_TEST(a_stamp_before_the_request_was_written_is_discarded)
{
	const struct wire_sample *sample = run_with_stamp(false, -8 * 1000000);

	assert_phases(sample, 0, 53 * MS, 0, 0, 57 * MS, 0, 0);
	ck_assert_uint_eq(sample->stamped, 0);
}
END_TEST

/* K 4.18 */
START_TEST(a_stamp_after_now_is_discarded)
{
	const struct wire_sample *sample = run_with_stamp(false, 50000001);

	assert_phases(sample, 0, 53 * MS, 0, 0, 57 * MS, 0, 0);
	ck_assert_uint_eq(sample->stamped, 0);
}
END_TEST

START_TEST(a_stamp_at_the_edges_of_the_window_counts)
{
	const struct wire_sample *sample = run_with_stamp(false, 50000000);

	assert_phases(sample, 0, 53 * MS, 0, 0, 57 * MS, 0, 0);
	ck_assert_uint_eq(sample->stamped, 1);
}
END_TEST

/* On loopback: the answer is there before write(2) has returned. */
START_TEST(an_answer_before_the_write_returns_keeps_the_partition)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(1 * MS, OK_BYTES) });
	fake.write_takes_ns = 2 * MS;
	sample = run_check();
	assert_phases(sample, 0, 3 * MS, 0, 2 * MS, 0, 0, 0);
	ck_assert_uint_eq(sample->response_ns, 5 * MS);
	ck_assert_uint_eq(sample->stamped, 1);
}
END_TEST

static void
assert_failed(const struct wire_sample *sample, enum outcome outcome,
	enum phase phase, const char *detail)
{
	ck_assert_uint_eq(sample->outcome, outcome);
	ck_assert_str_eq(sample->detail, detail);
	ck_assert_uint_ne(sample->phases >> phase & 1, 0);
	ck_assert_uint_eq(sample->stamped, 0);
	ck_assert_uint_eq(sample->phase_ns[PHASE_LOCAL], 0);
}

START_TEST(nxdomain_is_a_failure_of_dns)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "nx.example",
		.ipv6_ns = 4 * MS,
		.ipv4_ns = 5 * MS,
		.result = DNS_NXDOMAIN });
	spec.url = "http://nx.example/";
	sample = run_check();
	assert_failed(sample, OUTCOME_DNS_FAILED, PHASE_DNS,
		"dns: nxdomain for nx.example");
	ck_assert_uint_eq(sample->events, EVENT_BIT(DNS_START));
	assert_phases(sample, 5 * MS, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(silence_of_dns_ends_with_the_dial_budget)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = FAKE_NEVER,
		.ipv4_ns = FAKE_NEVER });
	spec.url = "http://shop.example/";
	sample = run_check();
	assert_failed(sample, OUTCOME_DNS_FAILED, PHASE_DNS,
		"dns: timeout for shop.example");
	ck_assert_int_eq(sample->sys_errno, ETIMEDOUT);
	assert_phases(sample, 5 * S, 0, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(fake.expired_queries, 1);
}
END_TEST

/* The first is silent for the 5 s of resolv.conf; the other answers. */
START_TEST(a_second_nameserver_is_reached_within_the_check_s_budget)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = 5 * S + 1 * MS,
		.ipv4_ns = 5 * S + 1 * MS,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = "192.0.2.1:80", ANSWERS(7 * MS, OK_BYTES) });
	spec.url = "http://shop.example/";
	fake.has_other_server = true;
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sample->phase_ns[PHASE_DNS], 5 * S + 1 * MS);
	ck_assert_uint_eq(sample->dns_answered, 1);
}
END_TEST

START_TEST(another_nameserver_does_not_lengthen_the_check)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = FAKE_NEVER,
		.ipv4_ns = FAKE_NEVER });
	spec.url = "http://shop.example/";
	fake.has_other_server = true;
	sample = run_check();
	assert_failed(sample, OUTCOME_DNS_FAILED, PHASE_DNS,
		"dns: timeout for shop.example");
	ck_assert_uint_eq(sample->check_duration_ns, 6 * S);
}
END_TEST

START_TEST(a_check_that_goes_on_without_aaaa_says_so)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = FAKE_NEVER,
		.ipv4_ns = 1 * MS,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = "192.0.2.1:80", ANSWERS(7 * MS, OK_BYTES) });
	spec.url = "http://shop.example/";
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sample->dns_answered, 0);
	ck_assert_uint_eq(fake.left_behind, 1);
	ck_assert_uint_eq(fake.expired_queries, 0);
}
END_TEST

START_TEST(a_name_that_is_none_fails_at_once)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "unused" });
	spec.url = "http://.x/";
	sample = run_check();
	ck_assert_uint_eq(sample->duration_ns, 0);
	ck_assert_uint_ne(sample->outcome, OUTCOME_OK);
}
END_TEST

/* N 4.22 */
START_TEST(a_refused_connection)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.connect_errno = ECONNREFUSED });
	sample = run_check();
	assert_failed(sample, OUTCOME_CONNECT_FAILED, PHASE_CONNECT,
		"connect 192.0.2.1:80: Connection refused");
	ck_assert_int_eq(sample->sys_errno, ECONNREFUSED);
	ck_assert_uint_eq(sample->events, EVENT_BIT(CONNECT_START));
	assert_phases(sample, 0, 3 * MS, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(a_connection_that_cannot_even_begin)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80", .start_errno = ENETUNREACH });
	sample = run_check();
	assert_failed(sample, OUTCOME_CONNECT_FAILED, PHASE_CONNECT,
		"connect 192.0.2.1:80: Network is unreachable");
	ck_assert_uint_eq(sample->duration_ns, 0);
}
END_TEST

/* K 3.5, N 4.25 */
START_TEST(no_syn_ack_ends_with_the_dial_budget)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = FAKE_NEVER,
		.syn_retransmits = 4 });
	sample = run_check();
	assert_failed(sample, OUTCOME_CONNECT_FAILED, PHASE_CONNECT,
		"connect 192.0.2.1:80: timeout");
	assert_phases(sample, 0, 5 * S, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(sample->retransmits_syn, 4);
	ck_assert_uint_eq(sample->rtt_us, 0);
}
END_TEST

/* What failed is told, not that the other family's answer never came. */
START_TEST(a_refusal_is_told_also_when_the_other_answer_never_comes)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = FAKE_NEVER,
		.ipv4_ns = 1 * MS,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.connect_errno = ECONNREFUSED });
	spec.url = "http://shop.example/";
	sample = run_check();
	assert_failed(sample, OUTCOME_CONNECT_FAILED, PHASE_CONNECT,
		"connect 192.0.2.1:80: Connection refused");
	assert_phases(sample, 51 * MS, 5 * S - 51 * MS, 0, 0, 0, 0, 0);
	ck_assert_uint_eq(fake.expired_queries, 1);
}
END_TEST

/* K 3.5 */
START_TEST(dns_and_connect_share_the_dial_budget)
{
	const struct wire_sample *sample;

	USE_NAMES({ .name = "shop.example",
		.ipv6_ns = 4 * S,
		.ipv4_ns = 4 * S,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = "192.0.2.1:80", .connect_ns = FAKE_NEVER });
	spec.url = "http://shop.example/";
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_CONNECT_FAILED);
	assert_phases(sample, 4 * S, 1 * S, 0, 0, 0, 0, 0);
}
END_TEST

/* N 4.24, N 4.25 */
START_TEST(a_lost_syn_is_counted_and_gives_no_rtt)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 1003 * MS,
		.syn_retransmits = 1,
		.data_retransmits = 2,
		.rtt_us = 77,
		ANSWERS(7 * MS, OK_BYTES) });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sample->retransmits_syn, 1);
	ck_assert_uint_eq(sample->retransmits_data, 2);
	ck_assert_uint_eq(sample->rtt_us, 0);
}
END_TEST

#define HTTPS_PEER .address = "192.0.2.1:443", .connect_ns = 3 * MS

/* F 3.24 */
START_TEST(silence_in_the_handshake_ends_with_the_whole_budget)
{
	const struct wire_sample *sample;

	USE_PEERS({ HTTPS_PEER, .tls_ns = FAKE_NEVER });
	spec.url = "https://192.0.2.1/";
	sample = run_check();
	assert_failed(sample, OUTCOME_TLS_FAILED, PHASE_TLS, "tls: timeout");
	assert_phases(sample, 0, 3 * MS, 6 * S - 3 * MS, 0, 0, 0, 0);
	ck_assert_uint_eq(sample->events,
		EVENT_BIT(CONNECT_START) | EVENT_BIT(CONNECT_DONE) |
			EVENT_BIT(TLS_HANDSHAKE_START));
}
END_TEST

/* N 4.26 */
START_TEST(an_untrusted_certificate_still_shows_its_expiry)
{
	const struct wire_sample *sample;

	USE_PEERS({ HTTPS_PEER, .tls_ns = 5 * MS, .tls_errno = -1,
		.not_after_unix_s = 1700000000 });
	spec.url = "https://192.0.2.1/";
	sample = run_check();
	assert_failed(sample, OUTCOME_TLS_FAILED, PHASE_TLS,
		"tls: certificate has expired");
	assert_phases(sample, 0, 3 * MS, 5 * MS, 0, 0, 0, 0);
	ck_assert_int_eq(sample->cert_not_after_unix_s, 1700000000);
	ck_assert_int_eq(sample->chain_not_after_unix_s, 0);
}
END_TEST

/* Bytes of an attacker may come before a request to a server of this kind. */
START_TEST(a_server_without_rfc_5746_gets_no_token)
{
	USE_PEERS({ HTTPS_PEER, .tls_ns = 5 * MS, ANSWERS(4 * MS, OK_BYTES) });
	spec.url = settings.api_direct_url = "https://192.0.2.1/";
	if (_i == 1)
		worker.kind = &kind_api_server_direct;
	(void)run_check();
	ck_assert_int_eq(fake.terms.legacy_servers, _i == 0);
	ck_assert_int_eq(fake.terms.security_level, -1);
}
END_TEST

/* nginx answers 400; the API server asks everybody, and its 403 is another. */
START_TEST(a_refusal_for_want_of_a_certificate_is_told)
{
	static const struct {
		const char *bytes, *words;
		bool asks;
	} cases[] = {
		{ "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
			"400 Bad Request: the server asked for a client "
			"certificate",
			true },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
			"403 Forbidden: the server asked for a client "
			"certificate",
			true },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
			"404 Not Found", true },
		{ "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
			"400 Bad Request", false },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
			"403 Forbidden", true },
	};

	const struct fake_peer asked = { HTTPS_PEER, .tls_ns = 5 * MS,
		.asks_for_certificate = cases[_i].asks,
		ANSWERS(4 * MS, cases[_i].bytes) };

	fake.peers = &asked;
	fake.peer_count = 1;
	spec.url = settings.api_direct_url = "https://192.0.2.1/";
	if (_i == 4)
		worker.kind = &kind_api_server_direct;
	ck_assert_str_eq(run_check()->detail, cases[_i].words);
}
END_TEST

START_TEST(a_check_has_its_own_security_level)
{
	USE_PEERS({ HTTPS_PEER, .tls_ns = 5 * MS, ANSWERS(4 * MS, OK_BYTES) });
	spec.url = "https://192.0.2.1/";
	spec.tls_security_level = CONTROL_TLS_LEVEL_FIRST + 1;
	(void)run_check();
	ck_assert_int_eq(fake.terms.security_level, 1);
	ck_assert(!fake.terms.discreet);
}
END_TEST

START_TEST(tls_that_cannot_begin_closes_the_socket)
{
	const struct wire_sample *sample;

	USE_PEERS({ HTTPS_PEER, .transport_start_rc = -ENOMEM });
	spec.url = "https://192.0.2.1/";
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_TLS_FAILED);
	ck_assert_int_eq(sample->sys_errno, ENOMEM);
	ck_assert_uint_eq(fake_open_sockets(), 0);
}
END_TEST

START_TEST(a_request_that_cannot_be_written)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.write_ns = 2 * MS,
		.write_errno = EPIPE });
	sample = run_check();
	assert_failed(sample, OUTCOME_WRITE_FAILED, PHASE_WRITE,
		"write: Broken pipe");
	assert_phases(sample, 0, 3 * MS, 0, 2 * MS, 0, 0, 0);
	ck_assert_uint_eq(sample->events & EVENT_BIT(WROTE_REQUEST), 0);
}
END_TEST

START_TEST(a_full_socket_ends_with_the_whole_budget)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.write_ns = FAKE_NEVER });
	sample = run_check();
	assert_failed(
		sample, OUTCOME_WRITE_FAILED, PHASE_WRITE, "write: timeout");
	ck_assert_uint_eq(sample->check_duration_ns, 6 * S);
}
END_TEST

/* K 3.5 */
START_TEST(no_answer_ends_with_the_whole_budget)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80", .connect_ns = 3 * MS });
	sample = run_check();
	assert_failed(sample, OUTCOME_ROUND_TRIP_FAILED, PHASE_WAIT,
		"no answer: timeout");
	assert_phases(sample, 0, 3 * MS, 0, 0, 6 * S - 3 * MS, 0, 0);
	ck_assert_uint_eq(sample->has_status, 0);
}
END_TEST

START_TEST(a_reset_instead_of_an_answer)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS, .error = ECONNRESET } },
		.step_count = 1 });
	sample = run_check();
	assert_failed(sample, OUTCOME_ROUND_TRIP_FAILED, PHASE_WAIT,
		"no answer: Connection reset by peer");
	ck_assert_int_eq(sample->sys_errno, ECONNRESET);
	assert_phases(sample, 0, 3 * MS, 0, 0, 4 * MS, 0, 0);
}
END_TEST

START_TEST(an_end_instead_of_an_answer)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS } },
		.step_count = 1 });
	sample = run_check();
	assert_failed(sample, OUTCOME_ROUND_TRIP_FAILED, PHASE_WAIT,
		"no answer: the connection was closed");
}
END_TEST

/* K 3.25 */
START_TEST(what_is_no_http)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(4 * MS, "SSH-2.0-OpenSSH_9.2\r\n") });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(sample->has_status, 0);
	ck_assert_str_eq(sample->detail,
		"http: malformed status line: SSH-2.0-OpenSSH_9.2");
}
END_TEST

/* What the server says after all, however the network cuts it. */
START_TEST(what_is_no_http_is_quoted_from_its_start)
{
	static const struct {
		const char *bytes, *detail;
	} cases[] = {
		{ "\x15\x03\x01\x02\x02\x46",
			"http: malformed status line: the server speaks TLS; "
			"use https://" },
		{ "HTTP/1.1 103 Early Hints\r\n\r\n\x01+OK POP3\r\n",
			"http: malformed status line: .+OK POP3" },
		{ "HTTP/2 200\r\n", "http: malformed status line: HTTP/2 200" },
		{ "HTTP/1.1 2x0 Fine\r\n",
			"http: malformed status code: 2x0 Fine" },
		{ "HTTP/1.1 200 OK\r\n: x\r\n", "http: malformed header name" },
	};

	struct fake_peer peer = { .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(4 * MS, cases[_i].bytes) };

	fake.peers = &peer;
	fake.peer_count = 1;
	ck_assert_str_eq(run_check()->detail, cases[_i].detail);
}
END_TEST

START_TEST(an_end_in_the_headers_or_the_body)
{
	static const struct {
		const char *bytes, *detail;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n",
			"http: the connection was closed in the headers" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab",
			"http: the connection was closed in the body" },
	};

	struct fake_peer peer = { .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(4 * MS, cases[_i].bytes) };

	fake.peers = &peer;
	fake.peer_count = 1;
	ck_assert_str_eq(run_check()->detail, cases[_i].detail);
}
END_TEST

START_TEST(headers_that_stall)
{
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS,
			.bytes = "HTTP/1.1 200 OK\r\nX" } },
		.step_count = 1 });
	assert_failed(run_check(), OUTCOME_ROUND_TRIP_FAILED, PHASE_READ,
		"answer: timeout in the headers");
}
END_TEST

/* F 3.27 */
START_TEST(a_body_cut_short_keeps_its_status)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS,
				   .bytes = "HTTP/1.1 200 OK\r\n"
					    "Content-Length: 4\r\n\r\nab" },
			{ .after_ns = 5 * MS } },
		.step_count = 2 });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(sample->has_status, 1);
	ck_assert_uint_eq(sample->http_status, 200);
	ck_assert_uint_eq(sample->response_ns, 7 * MS);
	assert_phases(sample, 0, 3 * MS, 0, 0, 4 * MS, 5 * MS, 0);
}
END_TEST

#define IN_THE_BODY "answer: timeout in the body; method = HEAD asks for none"

START_TEST(a_body_that_stalls_ends_with_the_whole_budget)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS,
			.bytes = "HTTP/1.1 200 OK\r\n"
				 "Content-Length: 4\r\n\r\nab" } },
		.step_count = 1 });
	sample = run_check();
	assert_failed(
		sample, OUTCOME_ROUND_TRIP_FAILED, PHASE_READ, IN_THE_BODY);
	ck_assert_uint_eq(sample->check_duration_ns, 6 * S);
}
END_TEST

/* The time until the end is the server's, not ours. */
START_TEST(a_body_until_the_end_of_the_stream)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS,
				   .bytes = "HTTP/1.0 200 OK\r\n\r\nab" },
			{ .after_ns = 900 * MS } },
		.step_count = 2 });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	assert_phases(sample, 0, 3 * MS, 0, 0, 4 * MS, 900 * MS, 0);
	ck_assert_uint_eq(sample->stamped, 0);
}
END_TEST

START_TEST(under_tls_that_end_must_be_between_two_records)
{
	const struct wire_sample *sample;

	USE_PEERS({ HTTPS_PEER, .tls_ns = 5 * MS, .cuts_record = true,
		.steps = { { .after_ns = 4 * MS,
				   .bytes = "HTTP/1.0 200 OK\r\n\r\nab" },
			{ .after_ns = 9 * MS } },
		.step_count = 2 });
	spec.url = "https://192.0.2.1/";
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_uint_eq(sample->http_status, 200);
	ck_assert_str_eq(sample->detail,
		"answer: the connection was closed inside a TLS record");
}
END_TEST

START_TEST(with_a_length_it_need_not_be)
{
	const struct wire_sample *sample;

	USE_PEERS({ HTTPS_PEER, .tls_ns = 5 * MS, .cuts_record = true,
		ANSWERS(4 * MS, OK_BYTES) });
	spec.url = "https://192.0.2.1/";
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
}
END_TEST

START_TEST(informational_answers_are_passed_over)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS,
				   .bytes =
					   "HTTP/1.1 103 Early Hints\r\n\r\n" },
			{ .after_ns = 5 * MS, .bytes = OK_BYTES }, FIN },
		.step_count = 3 });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sample->http_status, 200);
	ck_assert_uint_eq(sample->event_ns[EVENT_GOT_FIRST_RESP_BYTE], 7 * MS);
	ck_assert_uint_eq(sample->response_ns, 12 * MS);
	assert_phases(sample, 0, 3 * MS, 0, 0, 4 * MS, 5 * MS, 0);
}
END_TEST

START_TEST(a_status_of_000_is_an_answer)
{
	const struct wire_sample *sample;

	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		ANSWERS(4 * MS,
			"HTTP/1.1 000 \r\nContent-Length: 0\r\n\r\n") });
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_STATUS);
	ck_assert_uint_eq(sample->has_status, 1);
	ck_assert_uint_eq(sample->http_status, 0);
}
END_TEST

START_TEST(the_server_is_given_100_ms_to_close_first)
{
	apply_target();
	USE_PEERS({ .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS, .bytes = OK_BYTES } },
		.step_count = 1 });
	fake_run_for(8 * MS);
	ck_assert_uint_eq(fake.record_count, 1); /* does not wait for it */
	ck_assert_uint_eq(fake_open_sockets(), 1);
	fake_run_for(98 * MS);
	ck_assert_uint_eq(fake_open_sockets(), 1);
	fake_run_for(1 * MS);
	ck_assert_uint_eq(fake_open_sockets(), 0);
}
END_TEST

/* F 3.16 */
START_TEST(an_answer_that_is_there_at_once_takes_turns_with_others)
{
	static char answer[100 * 1024];
	static const struct fake_peer peer = { .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS, .bytes = answer }, FIN },
		.step_count = 2 };
	int head_len = snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	struct fake_event event;

	memset(answer + head_len, 'x', 100000);
	fake.peers = &peer;
	fake.peer_count = 1;
	fake.reads_per_turn = 4;
	apply_target();
	fake_run_for(7 * MS - 1);
	fake.now_ns++;
	event = fake_next_event();
	ck_assert_ptr_nonnull(event.watch);
	event.watch->on_ready(event.watch, fake_readiness(event.watch));
	ck_assert_uint_eq(fake.sockets[0].step_taken_bytes, 64 * 1024);
	ck_assert_uint_eq(fake.record_count, 0);
	/* it asks to go on at once, and leaves the turn to others */
	event = fake_next_event();
	ck_assert_ptr_nonnull(event.timer);
	ck_assert_uint_eq(event.due_ns, fake.now_ns);
	fake_run_for(0);
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(fake.records[0].body.sample.outcome, OUTCOME_OK);
}
END_TEST

#define HINTS "HTTP/1.1 103 Early Hints\r\n\r\n"

/* In each state that reads: the smallest turns, of one byte each. */
static const struct {
	const char *tunnel, *answer;
} crumbs[] = {
	{ NULL, OK_BYTES },
	{ NULL, HINTS HINTS HINTS OK_BYTES },
	{ NULL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		"1\r\na\r\n1\r\nb\r\n0\r\n\r\n" },
	{ "HTTP/1.1 200 Yes\r\nX-Filler: crumbs\r\n\r\n", OK_BYTES },
};

START_TEST(crumbs_take_turns_in_every_state)
{
	const struct fake_peer peer = {
		.address = crumbs[_i].tunnel != NULL ? "198.51.100.1:3128"
						     : "192.0.2.1:443",
		.connect_ns = 3 * MS,
		.tunnel = { .after_ns = 2 * MS, .bytes = crumbs[_i].tunnel },
		.steps = { { .after_ns = 4 * MS, .bytes = crumbs[_i].answer },
			FIN },
		.step_count = 2,
		.read_max_bytes = 1,
	};
	size_t len_bytes = strlen(crumbs[_i].answer);

	if (crumbs[_i].tunnel != NULL) {
		len_bytes += strlen(crumbs[_i].tunnel);
		use_proxies("", "http://198.51.100.1:3128");
	}
	fake.peers = &peer;
	fake.peer_count = 1;
	fake.reads_per_turn = 1;
	spec.url = "https://192.0.2.1/";
	ck_assert_uint_eq(run_check()->outcome, OUTCOME_OK);
	ck_assert_uint_ge(fake.turns, len_bytes);
}
END_TEST

/* The deadline comes between two turns. */
START_TEST(crumbs_without_end_are_a_timeout)
{
	static char answer[100 * 1024];
	static const struct fake_peer peer = { .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS, .bytes = answer }, FIN },
		.step_count = 2,
		.read_max_bytes = 1 };
	int head_len = snprintf(answer, sizeof(answer),
		"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
	const struct wire_sample *sample;

	memset(answer + head_len, 'x', 100000);
	fake.peers = &peer;
	fake.peer_count = 1;
	fake.reads_per_turn = 1;
	fake.read_takes_ns = 1 * MS;
	sample = run_check();
	ck_assert_uint_eq(sample->outcome, OUTCOME_ROUND_TRIP_FAILED);
	ck_assert_str_eq(sample->detail, IN_THE_BODY);
	ck_assert_uint_eq(sample->check_duration_ns, 6 * S);
}
END_TEST

/* What it would send yet is of no use: the bound is one of reading, too. */
START_TEST(a_body_beyond_the_bound_is_closed_at_once)
{
	static char answer[HTTP_RESPONSE_BODY_MAX_BYTES + 100];
	static const struct fake_peer peer = { .address = "192.0.2.1:80",
		.connect_ns = 3 * MS,
		.steps = { { .after_ns = 4 * MS, .bytes = answer },
			{ .after_ns = 1 * MS, .bytes = "and more" } },
		.step_count = 2 };
	int head_len =
		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\n\r\n");

	memset(answer + head_len, 'x', sizeof(answer) - (size_t)head_len - 1);
	fake.peers = &peer;
	fake.peer_count = 1;
	apply_target();
	fake_run_for(7 * MS);
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(fake.records[0].body.sample.outcome, OUTCOME_OK);
	ck_assert_uint_eq(fake_open_sockets(), 0);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_plain_request_to_an_address,
		making_the_socket_is_no_part_of_dns_nor_of_connect,
		every_phase_of_https_by_name,
		what_the_kernel_stamped_is_not_our_delay,
		without_a_stamp_the_own_clock_counts,
		a_stamp_before_the_request_was_written_is_discarded,
		a_stamp_after_now_is_discarded,
		a_stamp_at_the_edges_of_the_window_counts,
		an_answer_before_the_write_returns_keeps_the_partition,
		nxdomain_is_a_failure_of_dns,
		silence_of_dns_ends_with_the_dial_budget,
		a_second_nameserver_is_reached_within_the_check_s_budget,
		another_nameserver_does_not_lengthen_the_check,
		a_check_that_goes_on_without_aaaa_says_so,
		a_name_that_is_none_fails_at_once, a_refused_connection,
		a_connection_that_cannot_even_begin,
		no_syn_ack_ends_with_the_dial_budget,
		a_refusal_is_told_also_when_the_other_answer_never_comes,
		dns_and_connect_share_the_dial_budget,
		a_lost_syn_is_counted_and_gives_no_rtt,
		silence_in_the_handshake_ends_with_the_whole_budget,
		an_untrusted_certificate_still_shows_its_expiry,
		a_check_has_its_own_security_level,
		tls_that_cannot_begin_closes_the_socket,
		a_request_that_cannot_be_written,
		a_full_socket_ends_with_the_whole_budget,
		no_answer_ends_with_the_whole_budget,
		a_reset_instead_of_an_answer, an_end_instead_of_an_answer,
		what_is_no_http, headers_that_stall,
		a_body_cut_short_keeps_its_status,
		a_body_that_stalls_ends_with_the_whole_budget,
		a_body_until_the_end_of_the_stream,
		under_tls_that_end_must_be_between_two_records,
		with_a_length_it_need_not_be,
		informational_answers_are_passed_over,
		a_status_of_000_is_an_answer,
		the_server_is_given_100_ms_to_close_first,
		an_answer_that_is_there_at_once_takes_turns_with_others,
		crumbs_without_end_are_a_timeout,
		a_body_beyond_the_bound_is_closed_at_once };
	Suite *suite = suite_create("hop");
	TCase *tcase = tcase_create("hop");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, probe_setup, probe_teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(
		tcase, what_is_no_http_is_quoted_from_its_start, 0, 5);
	tcase_add_loop_test(tcase, an_end_in_the_headers_or_the_body, 0, 2);
	tcase_add_loop_test(tcase, the_clock_starts_right_before_connect, 0, 2);
	tcase_add_loop_test(tcase, no_system_call_is_made_in_vain, 0, 2);
	tcase_add_loop_test(
		tcase, a_server_without_rfc_5746_gets_no_token, 0, 2);
	tcase_add_loop_test(
		tcase, a_refusal_for_want_of_a_certificate_is_told, 0, 5);
	tcase_add_loop_test(tcase, crumbs_take_turns_in_every_state, 0,
		sizeof(crumbs) / sizeof(crumbs[0]));
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
