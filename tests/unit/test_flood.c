/* SPDX-License-Identifier: Apache-2.0 */
/* How much a worker may say. */
#include "supervisor/flood.h"

#include "common/clock.h"

#include <check.h>
#include <stdlib.h>

static struct flood flood;

static void
setup(void)
{
	flood_init(&flood, FLOOD_BURST_RECORDS);
}

START_TEST(a_burst_is_well_and_one_more_is_none)
{
	ck_assert(!flood_judge(&flood, FLOOD_BURST_RECORDS, 0, 1000));
	ck_assert(flood_judge(&flood, 1, 0, 1000));
}
END_TEST

START_TEST(credit_comes_with_time_and_ends_at_a_burst)
{
	flood_judge(&flood, FLOOD_BURST_RECORDS, 0, 1000);
	ck_assert(!flood_judge(&flood, 500, 500 * NS_PER_MS, 1000));
	ck_assert(flood_judge(&flood, 501, 500 * NS_PER_MS, 1000));
	ck_assert(!flood_judge(
		&flood, FLOOD_BURST_RECORDS, UINT64_MAX, UINT32_MAX));
	ck_assert(flood_judge(
		&flood, FLOOD_BURST_RECORDS + 1, UINT64_MAX, UINT32_MAX));
}
END_TEST

/* Who says as much as he may is never blamed, who says twice of it is within
 * three seconds of saying more than ten thousand a second. */
START_TEST(a_flood_is_noticed_within_three_seconds)
{
	int turns = 0;

	for (int i = 0; i < 100000; i++)
		ck_assert(!flood_judge(&flood, 250, 500 * NS_PER_MS, 500));
	while (!flood_judge(&flood, 5000, 500 * NS_PER_MS, 500))
		turns++;
	ck_assert_int_lt(turns, 6);
}
END_TEST

START_TEST(targets_explain_records)
{
	uint64_t most = flood_add_target(FLOOD_RECORDS_PER_S, 5 * NS_PER_S);

	ck_assert_uint_eq(
		most, FLOOD_RECORDS_PER_S + FLOOD_RECORDS_PER_CHECK / 5);
	ck_assert_uint_eq(flood_add_target(FLOOD_RECORDS_PER_S, 0),
		FLOOD_RECORDS_PER_S_MAX);
	for (int i = 0; i < 100000; i++)
		most = flood_add_target(most, 10 * NS_PER_MS);
	ck_assert_uint_eq(most, FLOOD_RECORDS_PER_S_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("flood");
	TCase *tcase = tcase_create("flood");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_burst_is_well_and_one_more_is_none);
	tcase_add_test(tcase, credit_comes_with_time_and_ends_at_a_burst);
	tcase_add_test(tcase, a_flood_is_noticed_within_three_seconds);
	tcase_add_test(tcase, targets_explain_records);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
