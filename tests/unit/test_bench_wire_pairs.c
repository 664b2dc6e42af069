/* SPDX-License-Identifier: Apache-2.0 */
/* Captured segments become times on the wire, and times percentiles. */
#include "bench/stats.h"
#include "bench/wire_pairs.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define US          1000ULL
#define SERVER      0x7f000001U
#define SERVER_PORT 8080
#define CLIENT_PORT 40000

static struct wire_pairs pairs;

static void
setup(void)
{
	wire_pairs_init(&pairs);
}

static void
teardown(void)
{
	wire_pairs_fini(&pairs);
}

static void
see(uint64_t at_us, bool from_client, bool syn, uint32_t payload_bytes)
{
	const struct wire_segment segment = {
		.at_ns = at_us * US,
		.server_address = SERVER,
		.client_port = CLIENT_PORT,
		.from_client = from_client,
		.syn = syn,
		.payload_bytes = payload_bytes,
	};

	ck_assert_int_eq(wire_pairs_add(&pairs, &segment), 0);
}

START_TEST(an_answered_request_gives_its_three_times)
{
	see(1000, true, true, 0);
	see(1030, false, true, 0);
	see(1031, true, false, 0);
	see(1070, true, false, 90);
	see(1100, false, false, 0);
	see(1150, false, false, 60);
	see(1160, false, false, 60);
	see(1170, true, false, 0);
	ck_assert_uint_eq(pairs.request.count, 1);
	ck_assert_double_eq(stats_mean_us(&pairs.request), 150);
	ck_assert_double_eq(stats_mean_us(&pairs.wait), 80);
	ck_assert_double_eq(stats_mean_us(&pairs.network), 110);
	ck_assert_uint_eq(pairs.unpaired_count, 0);
}
END_TEST

START_TEST(a_syn_sent_again_does_not_restart_the_time)
{
	see(1000, true, true, 0);
	see(2000, true, true, 0);
	see(2030, false, true, 0);
	see(2070, true, false, 90);
	see(2150, false, false, 60);
	ck_assert_double_eq(stats_mean_us(&pairs.request), 1150);
}
END_TEST

START_TEST(a_port_used_again_is_a_new_connection)
{
	for (uint64_t begin_us = 1000; begin_us <= 2000; begin_us += 1000) {
		see(begin_us, true, true, 0);
		see(begin_us + 10, false, true, 0);
		see(begin_us + 20, true, false, 90);
		see(begin_us + 30, false, false, 60);
	}
	ck_assert_uint_eq(pairs.request.count, 2);
	ck_assert_double_eq(stats_mean_us(&pairs.request), 30);
}
END_TEST

START_TEST(without_its_beginning_a_connection_gives_no_time)
{
	see(1070, true, false, 90);
	see(1150, false, false, 60);
	ck_assert_uint_eq(pairs.request.count, 0);
	ck_assert_uint_eq(pairs.unpaired_count, 2);
}
END_TEST

START_TEST(an_answer_before_the_request_gives_no_time)
{
	see(1000, true, true, 0);
	see(1030, false, true, 0);
	see(1040, false, false, 60);
	ck_assert_uint_eq(pairs.request.count, 0);
}
END_TEST

/* A SYN with 4 bytes of TCP options and 3 of data, written out. */
static const uint8_t packet[] = { 0x45, 0, 0, 47, 0, 0, 0x40, 0, 64, 6, 0, 0,
	127, 0, 0, 1, 127, 0, 0, 2, 0x9c, 0x40, 0x1f, 0x90, 0, 0, 0, 0, 0, 0, 0,
	0, 0x60, 0x02, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xb4, 'a', 'b', 'c' };

START_TEST(a_packet_is_read)
{
	struct wire_segment segment;

	ck_assert(wire_segment_parse(
		packet, sizeof(packet), SERVER_PORT, &segment));
	ck_assert(segment.from_client);
	ck_assert(segment.syn);
	ck_assert_uint_eq(segment.client_port, CLIENT_PORT);
	ck_assert_uint_eq(segment.server_address, 0x7f000002U);
	ck_assert_uint_eq(segment.payload_bytes, 3);
}
END_TEST

START_TEST(what_is_no_such_packet_is_refused)
{
	struct wire_segment segment;
	uint8_t other[sizeof(packet)];

	for (uint32_t len = 0; len < 40; len++)
		ck_assert(!wire_segment_parse(
			packet, len, SERVER_PORT, &segment));
	ck_assert(!wire_segment_parse(packet, sizeof(packet), 81, &segment));
	memcpy(other, packet, sizeof(packet));
	other[0] = 0x65; /* IPv6 */
	ck_assert(!wire_segment_parse(
		other, sizeof(other), SERVER_PORT, &segment));
	other[0] = 0x4f; /* header longer than what was captured */
	ck_assert(!wire_segment_parse(
		other, sizeof(other), SERVER_PORT, &segment));
	memcpy(other, packet, sizeof(packet));
	other[9] = 17; /* UDP */
	ck_assert(!wire_segment_parse(
		other, sizeof(other), SERVER_PORT, &segment));
	memcpy(other, packet, sizeof(packet));
	other[3] = 39; /* total length shorter than the headers */
	ck_assert(!wire_segment_parse(
		other, sizeof(other), SERVER_PORT, &segment));
}
END_TEST

START_TEST(percentiles_are_of_the_nearest_rank)
{
	struct stats stats;

	stats_init(&stats);
	ck_assert_double_eq(stats_percentile_us(&stats, 50), 0);
	ck_assert_double_eq(stats_share_percent(&stats, 50), 0);
	for (uint64_t i = 1000; i > 0; i--)
		ck_assert_int_eq(stats_add(&stats, i * US), 0);
	ck_assert_double_eq(stats_percentile_us(&stats, 50), 500);
	ck_assert_double_eq(stats_percentile_us(&stats, 99), 990);
	ck_assert_double_eq(stats_percentile_us(&stats, 99.95), 1000);
	ck_assert_double_eq(stats_percentile_us(&stats, 100), 1000);
	ck_assert_double_eq(stats_percentile_us(&stats, 0), 1);
	ck_assert_double_eq(stats_mean_us(&stats), 500.5);
	ck_assert_double_eq(stats_share_percent(&stats, 250 * US), 25);
	ck_assert_double_eq(stats_share_percent(&stats, 250 * US - 1), 24.9);
	stats_fini(&stats);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bench_wire_pairs");
	TCase *tcase = tcase_create("times");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_answered_request_gives_its_three_times);
	tcase_add_test(tcase, a_syn_sent_again_does_not_restart_the_time);
	tcase_add_test(tcase, a_port_used_again_is_a_new_connection);
	tcase_add_test(tcase, without_its_beginning_a_connection_gives_no_time);
	tcase_add_test(tcase, an_answer_before_the_request_gives_no_time);
	tcase_add_test(tcase, a_packet_is_read);
	tcase_add_test(tcase, what_is_no_such_packet_is_refused);
	tcase_add_test(tcase, percentiles_are_of_the_nearest_rank);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
