/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Racing addresses (RFC 8305), through a check on the scripted network: who is
 * tried when, who wins, and that losers are no error.
 */
#include "tests/unit/fake_probe.h"

#define ANSWER                                                                 \
	.steps = { { .after_ns = 1 * MS, .bytes = OK_BYTES }, FIN },           \
	.step_count = 2
#define SIX  "[2001:db8::1]:80"
#define FOUR "192.0.2.1:80"
#define NAME .name = "shop.example"

static const struct wire_sample *
run_race(void)
{
	spec.url = "http://shop.example/";
	return run_check();
}

static void
assert_won(const struct wire_sample *sample, uint64_t dns_ns,
	uint64_t winner_start_ns, uint64_t connected_ns)
{
	ck_assert_uint_eq(sample->outcome, OUTCOME_OK);
	ck_assert_uint_eq(sample->event_ns[EVENT_DNS_DONE], dns_ns);
	ck_assert_uint_eq(
		sample->event_ns[EVENT_CONNECT_START], winner_start_ns);
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_DONE], connected_ns);
	/* from the first attempt on, whoever made it */
	ck_assert_uint_eq(
		sample->phase_ns[PHASE_CONNECT], connected_ns - dns_ns);
	ck_assert_uint_eq(sample->events, PLAIN_EVENTS | DNS_EVENTS);
}

START_TEST(ipv6_is_first_when_both_are_known)
{
	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX, .connect_ns = 299 * MS, ANSWER },
		{ .address = FOUR, .connect_ns = 0, ANSWER });
	assert_won(run_race(), 2 * MS, 2 * MS, 301 * MS);
}
END_TEST

/* K 3.18 */
START_TEST(a_slow_first_gives_the_second_a_turn_after_300_ms)
{
	const struct wire_sample *sample;

	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX,
			  .connect_ns = FAKE_NEVER,
			  .syn_retransmits = 3 },
		{ .address = FOUR, .connect_ns = 5 * MS, ANSWER });
	sample = run_race();
	assert_won(sample, 2 * MS, 302 * MS, 307 * MS);
	/* what the loser had to send again counts, too */
	ck_assert_uint_eq(sample->retransmits_syn, 3);
}
END_TEST

/* F 3.19 */
START_TEST(the_first_may_still_win_while_the_second_tries)
{
	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX, .connect_ns = 400 * MS, ANSWER },
		{ .address = FOUR, .connect_ns = 200 * MS });
	assert_won(run_race(), 2 * MS, 2 * MS, 402 * MS);
}
END_TEST

/* K 3.18 */
START_TEST(a_failed_first_gives_the_second_a_turn_at_once)
{
	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX,
			  .connect_ns = 3 * MS,
			  .connect_errno = ECONNREFUSED },
		{ .address = FOUR, .connect_ns = 5 * MS, ANSWER });
	assert_won(run_race(), 2 * MS, 5 * MS, 10 * MS);
}
END_TEST

START_TEST(a_first_that_cannot_begin_costs_nothing)
{
	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX, .start_errno = ENETUNREACH },
		{ .address = FOUR, .connect_ns = 5 * MS, ANSWER });
	assert_won(run_race(), 2 * MS, 2 * MS, 7 * MS);
}
END_TEST

START_TEST(ipv4_alone_waits_50_ms_for_ipv6)
{
	USE_NAMES({ NAME, .ipv6_ns = FAKE_NEVER, .ipv4_ns = 2 * MS,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = FOUR, .connect_ns = 5 * MS, ANSWER });
	assert_won(run_race(), 52 * MS, 52 * MS, 57 * MS);
}
END_TEST

START_TEST(an_answer_that_there_is_no_ipv6_ends_that_wait)
{
	USE_NAMES({ NAME, .ipv6_ns = 12 * MS, .ipv4_ns = 2 * MS,
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = FOUR, .connect_ns = 5 * MS, ANSWER });
	assert_won(run_race(), 12 * MS, 12 * MS, 17 * MS);
}
END_TEST

START_TEST(ipv6_that_comes_in_time_is_first)
{
	USE_NAMES({ NAME, .ipv6_ns = 51 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX, .connect_ns = 3 * MS, ANSWER },
		{ .address = FOUR, .connect_ns = 0 });
	assert_won(run_race(), 51 * MS, 51 * MS, 54 * MS);
}
END_TEST

START_TEST(ipv6_does_not_wait_for_ipv4)
{
	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = FAKE_NEVER,
		.ipv6 = { "2001:db8::1" } });
	USE_PEERS({ .address = SIX, .connect_ns = 3 * MS, ANSWER });
	assert_won(run_race(), 2 * MS, 2 * MS, 5 * MS);
	ck_assert_uint_eq(fake.expired_queries, 0);
}
END_TEST

START_TEST(a_failed_ipv6_waits_for_the_other_answer)
{
	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 100 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX,
			  .connect_ns = 3 * MS,
			  .connect_errno = EHOSTUNREACH },
		{ .address = FOUR, .connect_ns = 5 * MS, ANSWER });
	assert_won(run_race(), 2 * MS, 100 * MS, 105 * MS);
}
END_TEST

START_TEST(families_take_turns)
{
	USE_NAMES({ NAME, .ipv6_ns = 0, .ipv4_ns = 0,
		.ipv6 = { "2001:db8::1", "2001:db8::2" },
		.ipv4 = { "192.0.2.1", "192.0.2.2" } });
	USE_PEERS({ .address = SIX, .connect_ns = FAKE_NEVER },
		{ .address = "[2001:db8::2]:80", .connect_ns = FAKE_NEVER },
		{ .address = FOUR, .connect_ns = FAKE_NEVER },
		{ .address = "192.0.2.2:80", .connect_ns = 1 * MS, ANSWER });
	/* 6a 0, 4a 300, 6b 600, 4b 900 */
	assert_won(run_race(), 0, 900 * MS, 901 * MS);
}
END_TEST

START_TEST(when_all_fail_the_first_failure_is_told_once)
{
	const struct wire_sample *sample;

	USE_NAMES({ NAME, .ipv6_ns = 2 * MS, .ipv4_ns = 2 * MS,
		.ipv6 = { "2001:db8::1" }, .ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX,
			  .connect_ns = 3 * MS,
			  .connect_errno = EHOSTUNREACH },
		{ .address = FOUR,
			.connect_ns = 4 * MS,
			.connect_errno = ECONNREFUSED });
	sample = run_race();
	ck_assert_uint_eq(fake.record_count, 1);
	ck_assert_uint_eq(sample->outcome, OUTCOME_CONNECT_FAILED);
	ck_assert_str_eq(
		sample->detail, "connect [2001:db8::1]:80: No route to host");
	ck_assert_uint_eq(sample->duration_ns, 9 * MS);
	ck_assert_uint_eq(
		sample->events, DNS_EVENTS | EVENT_BIT(CONNECT_START));
	ck_assert_uint_eq(sample->event_ns[EVENT_CONNECT_START], 2 * MS);
}
END_TEST

START_TEST(all_silent_ends_with_the_dial_budget_and_no_socket)
{
	const struct wire_sample *sample;

	USE_NAMES({ NAME, .ipv6_ns = 0, .ipv4_ns = 0, .ipv6 = { "2001:db8::1" },
		.ipv4 = { "192.0.2.1" } });
	USE_PEERS({ .address = SIX,
			  .connect_ns = FAKE_NEVER,
			  .syn_retransmits = 4 },
		{ .address = FOUR,
			.connect_ns = FAKE_NEVER,
			.syn_retransmits = 3 });
	sample = run_race();
	ck_assert_uint_eq(sample->outcome, OUTCOME_CONNECT_FAILED);
	ck_assert_uint_eq(sample->duration_ns, 5 * S);
	ck_assert_uint_eq(sample->retransmits_syn, 7);
	ck_assert_uint_eq(fake_open_sockets(), 0);
}
END_TEST

START_TEST(literals_zones_and_names_are_told_apart)
{
	struct race_address address;
	char text[80];

	ck_assert(race_parse_literal(&address, "192.0.2.1", "", 80));
	ck_assert_str_eq(race_format_address(&address, text, sizeof(text)),
		"192.0.2.1:80");
	ck_assert(race_parse_literal(&address, "fe80::1", "lo", 443));
	ck_assert_uint_eq(address.socket.ipv6.sin6_scope_id, 1);
	ck_assert_str_eq(race_format_address(&address, text, sizeof(text)),
		"[fe80::1]:443");
	ck_assert(race_parse_literal(&address, "fe80::1", "7", 443));
	ck_assert_uint_eq(address.socket.ipv6.sin6_scope_id, 7);
	ck_assert(race_parse_literal(&address, "::1", "", 443));
	ck_assert_uint_eq(address.socket.ipv6.sin6_scope_id, 0);
	ck_assert(!race_parse_literal(&address, "127.1", "", 80));
	ck_assert(!race_parse_literal(&address, "shop.example", "", 80));
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { ipv6_is_first_when_both_are_known,
		a_slow_first_gives_the_second_a_turn_after_300_ms,
		the_first_may_still_win_while_the_second_tries,
		a_failed_first_gives_the_second_a_turn_at_once,
		a_first_that_cannot_begin_costs_nothing,
		ipv4_alone_waits_50_ms_for_ipv6,
		an_answer_that_there_is_no_ipv6_ends_that_wait,
		ipv6_that_comes_in_time_is_first, ipv6_does_not_wait_for_ipv4,
		a_failed_ipv6_waits_for_the_other_answer, families_take_turns,
		when_all_fail_the_first_failure_is_told_once,
		all_silent_ends_with_the_dial_budget_and_no_socket,
		literals_zones_and_names_are_told_apart };
	Suite *suite = suite_create("race");
	TCase *tcase = tcase_create("race");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, probe_setup, probe_teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
