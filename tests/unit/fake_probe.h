/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker with one target on the scripted network: starts one check, lets it
 * end, and has its records.  Included by the one source of a test program.
 */
#ifndef TESTS_UNIT_FAKE_PROBE_H
#define TESTS_UNIT_FAKE_PROBE_H

#include "tests/unit/fake_network.h"

#define MS NS_PER_MS
#define S  NS_PER_S

#define OK_BYTES "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define FIN                                                                    \
	{                                                                      \
		.after_ns = 0                                                  \
	}

#define EVENT_BIT(name) (1u << EVENT_##name)
/* What a request over a new plain connection to an address comes past. */
#define PLAIN_EVENTS                                                           \
	(EVENT_BIT(CONNECT_START) | EVENT_BIT(CONNECT_DONE) |                  \
		EVENT_BIT(GOT_CONN) | EVENT_BIT(WROTE_REQUEST) |               \
		EVENT_BIT(GOT_FIRST_RESP_BYTE))
#define TLS_EVENTS                                                             \
	(EVENT_BIT(TLS_HANDSHAKE_START) | EVENT_BIT(TLS_HANDSHAKE_DONE))
#define DNS_EVENTS (EVENT_BIT(DNS_START) | EVENT_BIT(DNS_DONE))

static struct worker worker;
static struct control_nursery settings;
static struct control_target spec;

/* Changes to `spec`, `worker.kind` and `settings` go before run_check(). */
static void
probe_setup(void)
{
	fake_reset();
	memset(&worker, 0, sizeof(worker));
	settings = (struct control_nursery){ .api_host = "10.0.0.1",
		.api_port = 6443,
		.api_dns = "kubernetes.default",
		.api_direct_url = "https://10.0.0.1:6443/version",
		.api_dns_url = "https://kubernetes.default:6443/version",
		.token_path = "/token" };
	worker.settings = &settings;
	worker.kind = &kind_extra;
	worker.gen = 1;
	spec = (struct control_target){ .id = 5,
		.gen = 6,
		.label = "shop",
		.url = "http://192.0.2.1/",
		.method = "GET",
		.origin = "",
		.headers = "",
		.server_name = "",
		.files = { { .path = "" }, { .path = "" }, { .path = "" },
			{ .path = "" } },
		.expect = { { 200, 200 } },
		.expect_count = 1,
		.interval_ns = 1000 * S,
		.timeout_ns = 6 * S,
		.dial_timeout_ns = 5 * S,
		.follow_redirects = true };
	ck_assert_int_eq(proxy_config_init(&worker.proxy, "", "", ""), 0);
}

static inline void
use_proxies(const char *http, const char *https)
{
	proxy_config_fini(&worker.proxy);
	ck_assert_int_eq(proxy_config_init(&worker.proxy, http, https, ""), 0);
}

static inline void
apply_target(void)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_TARGET;
	message.body.target = spec;
	target_apply(&worker, &message);
	ck_assert_ptr_nonnull(worker.targets);
}

/* Every test ends with this: nothing may be left behind. */
static void
probe_teardown(void)
{
	target_free_all(&worker);
	proxy_config_fini(&worker.proxy);
	ck_assert_uint_eq(fake_open_sockets(), 0);
	ck_assert_uint_eq(fake.checks_started, fake.checks_ended);
	for (int i = 0; i < FAKE_MAX; i++) {
		ck_assert_ptr_null(fake.watches[i]);
		ck_assert_ptr_null(fake.timers[i]);
		ck_assert_ptr_null(fake.queries[i]);
	}
}

#define USE_PEERS(...)                                                         \
	static const struct fake_peer used_peers[] = { __VA_ARGS__ };          \
	fake.peers = used_peers;                                               \
	fake.peer_count = sizeof(used_peers) / sizeof(used_peers[0])

#define USE_NAMES(...)                                                         \
	static const struct fake_name used_names[] = { __VA_ARGS__ };          \
	fake.names = used_names;                                               \
	fake.name_count = sizeof(used_names) / sizeof(used_names[0])

/* What must hold of the hops of any check, whatever happened. */
static inline void
assert_sums(void)
{
	uint64_t sum_ns = 0,
		 started_ns = fake.records[0].body.sample.started_mono_ns;

	for (size_t i = 0; i < fake.record_count; i++) {
		const struct wire_sample *sample = &fake.records[i].body.sample;

		ck_assert_uint_eq(sample->hop, i);
		ck_assert_uint_eq(sample->last, i + 1 == fake.record_count);
		ck_assert_uint_eq(sample->target_id, 5);
		ck_assert_uint_eq(sample->target_gen, 6);
		ck_assert_uint_eq(sample->started_mono_ns, started_ns + sum_ns);
		for (int phase = 0; phase < PHASE_COUNT; phase++)
			sum_ns += sample->phase_ns[phase];
		if (sample->last)
			ck_assert_uint_eq(sample->check_duration_ns, sum_ns);
	}
}

/* One check from start to end; its last record. */
static inline const struct wire_sample *
run_check(void)
{
	apply_target();
	fake_run_for(20 * S);
	ck_assert_uint_eq(fake.checks_started, 1);
	ck_assert_uint_eq(fake.checks_ended, 1);
	ck_assert_uint_gt(fake.record_count, 0);
	assert_sums();
	return &fake.records[fake.record_count - 1].body.sample;
}

#define ANSWERS(after, text)                                                   \
	.steps = { { .after_ns = (after), .bytes = (text) }, FIN },            \
	.step_count = 2
#define PEER(where, text)                                                      \
	{                                                                      \
		.address = (where), .connect_ns = 1 * MS, .tls_ns = 1 * MS,    \
		ANSWERS(1 * MS, text)                                          \
	}
#define MOVED(location)                                                        \
	"HTTP/1.1 302 Found\r\nLocation: " location                            \
	"\r\nContent-Length: 0\r\n\r\n"

static inline const struct wire_sample *
record_at(size_t i)
{
	ck_assert_uint_lt(i, fake.record_count);
	return &fake.records[i].body.sample;
}

/* How often a text was sent. */
static inline unsigned
sent_count(const char *text)
{
	unsigned count = 0;

	for (const char *at = fake.log; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

#endif
