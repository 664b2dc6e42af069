/* SPDX-License-Identifier: Apache-2.0 */
/* How long a worker waits for its next life. */
#include "supervisor/restart.h"

#include <check.h>
#include <stdlib.h>

#define S 1000000000ULL

START_TEST(one_second_doubling_to_sixty)
{
	static const uint64_t delays_s[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
	struct restart restart = { 0 };

	for (size_t i = 0; i < sizeof(delays_s) / sizeof(delays_s[0]); i++)
		ck_assert_uint_eq(
			restart_delay_ns(&restart, 0), delays_s[i] * S);
}
END_TEST

START_TEST(a_minutes_life_forgives_all)
{
	struct restart restart = { 0 };

	restart_delay_ns(&restart, 0);
	ck_assert_uint_eq(restart_delay_ns(&restart, 60 * S - 1), 2 * S);
	ck_assert_uint_eq(restart_delay_ns(&restart, 60 * S), 0);
	ck_assert_uint_eq(restart_delay_ns(&restart, 60 * S), 0);
	ck_assert_uint_eq(restart_delay_ns(&restart, 59 * S), 1 * S);
	ck_assert_uint_eq(restart_delay_ns(&restart, UINT64_MAX), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("restart");
	TCase *tcase = tcase_create("restart");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, one_second_doubling_to_sixty);
	tcase_add_test(tcase, a_minutes_life_forgives_all);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
