/* SPDX-License-Identifier: Apache-2.0 */
/* How long discovery waits after failures. */
#include "workers/discovery/backoff.h"

#include <check.h>
#include <stdlib.h>

#define S 1000000000ULL

START_TEST(doubles_to_a_minute)
{
	static const uint64_t wanted_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct backoff backoff = { 0 };

	for (size_t i = 0; i < sizeof(wanted_s) / sizeof(wanted_s[0]); i++) {
		uint64_t wait_ns = backoff_next_ns(&backoff, UINT32_MAX / 2);

		ck_assert_uint_ge(
			wait_ns, wanted_s[i] * S - wanted_s[i] * S / 7);
		ck_assert_uint_le(
			wait_ns, wanted_s[i] * S + wanted_s[i] * S / 7);
	}
}
END_TEST

START_TEST(chance_moves_it_within_bounds)
{
	static const uint32_t chances[] = { 0, 1, UINT32_MAX / 4,
		UINT32_MAX / 2, UINT32_MAX };

	for (size_t i = 0; i < sizeof(chances) / sizeof(chances[0]); i++) {
		struct backoff backoff = { 0 };
		uint64_t step_ns = S;

		for (unsigned n = 0; n < 20; n++) {
			uint64_t wait_ns =
				backoff_next_ns(&backoff, chances[i]);

			ck_assert_uint_ge(wait_ns, S);
			ck_assert_uint_le(wait_ns, 60 * S);
			ck_assert_uint_ge(wait_ns, step_ns - step_ns / 4);
			ck_assert_uint_le(wait_ns, step_ns + step_ns / 4);
			step_ns = step_ns >= 32 * S ? 60 * S : 2 * step_ns;
		}
	}
}
END_TEST

/* Nor do many wait for exactly the least or the most. */
START_TEST(chance_is_spread_over_all_of_it)
{
	struct backoff backoffs[16] = { 0 };

	for (unsigned n = 0; n < 20; n++) {
		uint64_t before_ns = 0;

		for (uint32_t i = 0; i < 16; i++) {
			uint64_t wait_ns = backoff_next_ns(
				&backoffs[i], i * (UINT32_MAX / 15));

			ck_assert_uint_ge(wait_ns, before_ns + S / 100);
			before_ns = wait_ns;
		}
	}
}
END_TEST

START_TEST(success_begins_anew)
{
	struct backoff backoff = { 0 };

	for (unsigned n = 0; n < 10; n++)
		backoff_next_ns(&backoff, 0);
	ck_assert_uint_ge(backoff_next_ns(&backoff, 0), 45 * S);
	backoff_reset(&backoff);
	ck_assert_uint_le(backoff_next_ns(&backoff, UINT32_MAX), 2 * S);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("backoff");
	TCase *tcase = tcase_create("backoff");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, doubles_to_a_minute);
	tcase_add_test(tcase, chance_moves_it_within_bounds);
	tcase_add_test(tcase, chance_is_spread_over_all_of_it);
	tcase_add_test(tcase, success_begins_anew);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
