/* SPDX-License-Identifier: Apache-2.0 */
/* resourceVersions in their order. */
#include "workers/discovery/resource_version.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *older, *newer;
} pairs[] = {
	{ "1", "2" },
	{ "9", "10" },
	{ "0", "1" },
	{ "0009", "10" },
	{ "18446744073709551615", "18446744073709551616" },
	{ "99999999999999999999999999999999", "1000000000000000000000000000000"
					      "00" },
};

START_TEST(numbers_of_any_length_are_compared)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ck_assert(resource_version_is_older(
			pairs[i].older, pairs[i].newer));
		ck_assert(!resource_version_is_older(
			pairs[i].newer, pairs[i].older));
		ck_assert(!resource_version_is_older(
			pairs[i].newer, pairs[i].newer));
	}
	ck_assert(!resource_version_is_older("07", "7"));
	ck_assert(!resource_version_is_older("7", "07"));
}
END_TEST

START_TEST(of_what_is_no_number_nothing_is_known)
{
	static const char *const others[] = { "", "x", "1x", "-1", " 1",
		"1.0" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert(!resource_version_is_older(others[i], "5"));
		ck_assert(!resource_version_is_older("5", others[i]));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("resource_version");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, numbers_of_any_length_are_compared);
	tcase_add_test(tcase, of_what_is_no_number_nothing_is_known);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
