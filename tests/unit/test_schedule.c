/* SPDX-License-Identifier: Apache-2.0 */
/* When a target is checked: its own phase, never too early, never doubled. */
#include "workers/schedule.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define S 1000000000ULL

/* F 3.15 */
START_TEST(a_phase_lies_in_the_interval_and_does_not_move)
{
	uint64_t phase_ns = schedule_phase_ns("me", "http://h/", 5 * S);

	ck_assert_uint_lt(phase_ns, 5 * S);
	ck_assert_uint_eq(
		phase_ns, schedule_phase_ns("me", "http://h/", 5 * S));
	ck_assert_uint_ne(
		phase_ns, schedule_phase_ns("mf", "http://h/", 5 * S));
	ck_assert_uint_ne(
		phase_ns, schedule_phase_ns("me", "http://i/", 5 * S));
	ck_assert_uint_eq(schedule_phase_ns("me", "", 1), 0);
}
END_TEST

/* F 3.15 */
START_TEST(a_thousand_targets_are_spread)
{
	unsigned tenths[10] = { 0 };
	char label[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(label, sizeof(label), "path_node-%04d", i);
		tenths[schedule_phase_ns(label, "http://h/", 10 * S) / S]++;
	}
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_ge(tenths[i], 60);
		ck_assert_uint_le(tenths[i], 140);
	}
}
END_TEST

START_TEST(the_next_is_at_the_phase_half_an_interval_later_or_more)
{
	/* at 100 s the phase 2 s of an interval of 10 s is 102, 112, ... */
	ck_assert_uint_eq(
		schedule_next_ns(102 * S, 103 * S, 10 * S, 2 * S), 112 * S);
	ck_assert_uint_eq(
		schedule_next_ns(106 * S, 107 * S, 10 * S, 2 * S), 112 * S);
	ck_assert_uint_eq(
		schedule_next_ns(107 * S, 108 * S, 10 * S, 2 * S), 112 * S);
	ck_assert_uint_eq(
		schedule_next_ns(107 * S + 1, 108 * S, 10 * S, 2 * S), 122 * S);
}
END_TEST

START_TEST(what_was_missed_is_left_out)
{
	ck_assert_uint_eq(
		schedule_next_ns(102 * S, 160 * S, 10 * S, 2 * S), 162 * S);
	ck_assert_uint_eq(
		schedule_next_ns(102 * S, 162 * S, 10 * S, 2 * S), 162 * S);
	ck_assert_uint_eq(
		schedule_next_ns(102 * S, 162 * S + 1, 10 * S, 2 * S), 172 * S);
}
END_TEST

START_TEST(whatever_the_numbers_the_rules_hold)
{
	uint64_t state = 12345;

	for (int i = 0; i < 100000; i++) {
		uint64_t interval_ns, phase_ns, last_ns, now_ns, next_ns;

		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		interval_ns = 1 + (state >> 33);
		phase_ns = (state >> 7) % interval_ns;
		last_ns = interval_ns + (state >> 20);
		now_ns = last_ns + (state >> 40);
		next_ns = schedule_next_ns(
			last_ns, now_ns, interval_ns, phase_ns);
		ck_assert_uint_eq(next_ns % interval_ns, phase_ns);
		ck_assert_uint_ge(next_ns, now_ns);
		ck_assert_uint_ge(next_ns, last_ns + interval_ns / 2);
		/* and it is the first such moment */
		ck_assert(next_ns - interval_ns < now_ns ||
			  next_ns - interval_ns < last_ns + interval_ns / 2);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tcase = tcase_create("schedule");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_phase_lies_in_the_interval_and_does_not_move);
	tcase_add_test(tcase, a_thousand_targets_are_spread);
	tcase_add_test(
		tcase, the_next_is_at_the_phase_half_an_interval_later_or_more);
	tcase_add_test(tcase, what_was_missed_is_left_out);
	tcase_add_test(tcase, whatever_the_numbers_the_rules_hold);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
