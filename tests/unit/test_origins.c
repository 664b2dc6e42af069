/* SPDX-License-Identifier: Apache-2.0 */
/* Distinct origins within a time; the clock is a number. */
#include "common/clock.h"
#include "supervisor/origins.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME (60 * NS_PER_S)

static struct origins *origins;

static void
setup(void)
{
	origins = origins_new(LIFETIME);
	ck_assert_ptr_nonnull(origins);
}

static void
teardown(void)
{
	origins_free(origins);
}

static bool
seen(const char *name, uint64_t now_ns)
{
	return origins_seen(origins, name, strlen(name), now_ns);
}

static bool
seen_number(unsigned number, uint64_t now_ns)
{
	char name[32];

	snprintf(name, sizeof(name), "kubenurse-%u", number);
	return seen(name, now_ns);
}

START_TEST(counts_each_name_once)
{
	ck_assert(seen("a", 1));
	ck_assert(seen("b", 2));
	ck_assert(seen("a", 3));
	ck_assert_uint_eq(origins_count(origins, 3), 2);
}
END_TEST

START_TEST(blanks_at_the_ends_do_not_count_and_case_does)
{
	ck_assert(seen("a", 1));
	ck_assert(seen(" \ta\t ", 1));
	ck_assert_uint_eq(origins_count(origins, 1), 1);
	ck_assert(seen("A", 1));
	ck_assert(seen("a b", 1));
	ck_assert(seen("\xff", 1));
	ck_assert_uint_eq(origins_count(origins, 1), 4);
}
END_TEST

START_TEST(the_length_counts_not_a_nul)
{
	ck_assert(origins_seen(origins, "a\0b", 3, 1));
	ck_assert(origins_seen(origins, "a\0c", 3, 1));
	ck_assert(origins_seen(origins, "a", 1, 1));
	ck_assert_uint_eq(origins_count(origins, 1), 3);
}
END_TEST

START_TEST(an_empty_name_is_nobody)
{
	ck_assert(!seen("", 1));
	ck_assert(!seen(" \t ", 1));
	ck_assert_uint_eq(origins_count(origins, 1), 0);
}
END_TEST

/* F 2.5 */
START_TEST(a_name_longer_than_a_pods_is_not_counted)
{
	char name[ORIGIN_MAX_BYTES + 2];

	memset(name, 'x', sizeof(name));
	ck_assert(origins_seen(origins, name, ORIGIN_MAX_BYTES, 1));
	ck_assert(!origins_seen(origins, name, ORIGIN_MAX_BYTES + 1, 1));
	/* blanks do not make it longer */
	name[ORIGIN_MAX_BYTES] = ' ';
	ck_assert(origins_seen(origins, name, ORIGIN_MAX_BYTES + 1, 1));
	ck_assert_uint_eq(origins_count(origins, 1), 1);
}
END_TEST

START_TEST(a_name_goes_after_its_lifetime_to_the_nanosecond)
{
	seen("a", 1);
	ck_assert_uint_eq(origins_count(origins, LIFETIME), 1);
	ck_assert_uint_eq(origins_count(origins, LIFETIME + 1), 0);
}
END_TEST

START_TEST(being_seen_again_prolongs_it)
{
	seen("a", 1);
	seen("b", 2);
	seen("a", LIFETIME);
	ck_assert_uint_eq(origins_count(origins, LIFETIME + 2), 1);
	ck_assert_uint_eq(origins_count(origins, 2 * LIFETIME - 1), 1);
	ck_assert_uint_eq(origins_count(origins, 2 * LIFETIME), 0);
}
END_TEST

/* F 2.5 */
START_TEST(strangers_cannot_push_out_who_is_known)
{
	for (unsigned i = 0; i < ORIGINS_MAX; i++)
		ck_assert(seen_number(i, 1));
	ck_assert_uint_eq(origins_count(origins, 1), ORIGINS_MAX);
	ck_assert(!seen_number(ORIGINS_MAX, 2));
	ck_assert_uint_eq(origins_count(origins, 2), ORIGINS_MAX);
	/* those known are still recognised */
	for (unsigned i = 0; i < ORIGINS_MAX; i++)
		ck_assert(seen_number(i, 3));
}
END_TEST

START_TEST(room_comes_back_when_one_has_gone)
{
	seen("old", 1);
	for (unsigned i = 1; i < ORIGINS_MAX; i++)
		ck_assert(seen_number(i, 2));
	ck_assert(!seen("new", LIFETIME));
	/* nobody asked for the count in between */
	ck_assert(seen("new", LIFETIME + 1));
	ck_assert_uint_eq(origins_count(origins, LIFETIME + 1), ORIGINS_MAX);
	ck_assert_uint_eq(origins_count(origins, LIFETIME + 2), 1);
}
END_TEST

START_TEST(many_rounds_of_coming_and_going_keep_the_books)
{
	unsigned next = 0;

	for (uint64_t round = 0; round < 50; round++) {
		uint64_t now_ns = 1 + round * LIFETIME;

		for (unsigned i = 0; i < 600; i++)
			ck_assert(seen_number(next + i, now_ns));
		/* the half of them again, in another order */
		for (unsigned i = 600; i > 0; i -= 2)
			ck_assert(seen_number(next + i - 1, now_ns + 1));
		ck_assert_uint_eq(origins_count(origins, now_ns + 1), 600);
		ck_assert_uint_eq(
			origins_count(origins, now_ns + LIFETIME), 300);
		next += 600;
	}
}
END_TEST

/* F 2.5 */
START_TEST(the_lifetime_is_a_minute_or_three_intervals)
{
	ck_assert_uint_eq(origins_lifetime_ns(5 * NS_PER_S), 60 * NS_PER_S);
	ck_assert_uint_eq(origins_lifetime_ns(20 * NS_PER_S), 60 * NS_PER_S);
	ck_assert_uint_eq(origins_lifetime_ns(21 * NS_PER_S), 63 * NS_PER_S);
	ck_assert_uint_eq(origins_lifetime_ns(UINT64_MAX / 2), UINT64_MAX);
}
END_TEST

START_TEST(a_new_lifetime_holds_for_the_known)
{
	seen("a", 1);
	origins_set_lifetime(origins, 2 * LIFETIME);
	ck_assert_uint_eq(origins_count(origins, LIFETIME + 1), 1);
	origins_set_lifetime(origins, LIFETIME);
	ck_assert_uint_eq(origins_count(origins, LIFETIME + 1), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("origins");
	TCase *tcase = tcase_create("origins");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, counts_each_name_once);
	tcase_add_test(tcase, blanks_at_the_ends_do_not_count_and_case_does);
	tcase_add_test(tcase, the_length_counts_not_a_nul);
	tcase_add_test(tcase, an_empty_name_is_nobody);
	tcase_add_test(tcase, a_name_longer_than_a_pods_is_not_counted);
	tcase_add_test(tcase, a_name_goes_after_its_lifetime_to_the_nanosecond);
	tcase_add_test(tcase, being_seen_again_prolongs_it);
	tcase_add_test(tcase, strangers_cannot_push_out_who_is_known);
	tcase_add_test(tcase, room_comes_back_when_one_has_gone);
	tcase_add_test(tcase, many_rounds_of_coming_and_going_keep_the_books);
	tcase_add_test(tcase, the_lifetime_is_a_minute_or_three_intervals);
	tcase_add_test(tcase, a_new_lifetime_holds_for_the_known);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
