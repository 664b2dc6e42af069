/* SPDX-License-Identifier: Apache-2.0 */
/* One name for each signal. */
#include "common/signal_name.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>

START_TEST(signals_have_the_names_of_signal_7)
{
	ck_assert_str_eq(signal_name(SIGKILL), "SIGKILL");
	ck_assert_str_eq(signal_name(SIGSYS), "SIGSYS");
	ck_assert_str_eq(signal_name(SIGTERM), "SIGTERM");
	ck_assert_str_eq(signal_name(SIGABRT), "SIGABRT");
}
END_TEST

START_TEST(what_has_no_name_has_a_number)
{
	ck_assert_str_eq(signal_name(0), "signal 0");
	ck_assert_str_eq(signal_name(-1), "signal -1");
	ck_assert_str_eq(signal_name(64), "signal 64");
	ck_assert_str_eq(signal_name(1000), "signal 1000");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("signal_name");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, signals_have_the_names_of_signal_7);
	tcase_add_test(tcase, what_has_no_name_has_a_number);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
