/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of CA certificates: found by subject, whatever stands around it.
 * The "certificates" here have the shape up to the subject and no more.
 */
#include "workers/anchors.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, validity,
 * subject } }: the last two bytes are the subject's only one.
 */
#define SHAPE(serial, name)                                                    \
	{                                                                      \
		0x30, 24, 0x30, 22, 0xa0, 3, 2, 1, 2, 2, 1, serial, 0x30, 0,   \
			0x30, 1, 'i', 0x30, 2, 'v', 'v', 0x30, 1, name, 0x30,  \
			0                                                      \
	}
static const uint8_t alice[] = SHAPE(1, 'a');
static const uint8_t alice_again[] = SHAPE(2, 'a');
static const uint8_t bob[] = SHAPE(1, 'b');
static const uint8_t name_a[] = { 0x30, 1, 'a' };
static const uint8_t name_b[] = { 0x30, 1, 'b' };

static struct anchors *set;

static void
open_set(void)
{
	set = anchors_new(NULL);
	ck_assert_ptr_nonnull(set);
}

static void
close_set(void)
{
	anchors_free(set);
}

static void
expect(struct anchors_cursor *cursor, const struct anchors *where,
	const uint8_t *name, const uint8_t *der)
{
	size_t len_bytes = 0;
	const uint8_t *found =
		anchors_find(where, cursor, name, sizeof(name_a), &len_bytes);

	if (der == NULL) {
		ck_assert_ptr_null(found);
		return;
	}
	ck_assert_ptr_nonnull(found);
	ck_assert_uint_eq(len_bytes, sizeof(alice));
	ck_assert_mem_eq(found, der, len_bytes);
}

START_TEST(an_empty_set_has_nobody)
{
	struct anchors_cursor cursor = { 0 };

	expect(&cursor, set, name_a, NULL);
	ck_assert_uint_eq(anchors_count(set), 0);
	anchors_free(NULL);
}
END_TEST

START_TEST(all_of_one_name_are_found_in_order)
{
	struct anchors_cursor cursor = { 0 }, other = { 0 };

	ck_assert_int_eq(anchors_add(set, alice, sizeof(alice)), 0);
	ck_assert_int_eq(anchors_add(set, bob, sizeof(bob)), 0);
	ck_assert_int_eq(anchors_add(set, alice_again, sizeof(alice_again)), 0);
	expect(&cursor, set, name_a, alice);
	expect(&cursor, set, name_a, alice_again);
	expect(&cursor, set, name_a, NULL);
	expect(&cursor, set, name_a, NULL);
	expect(&other, set, name_b, bob);
	expect(&other, set, name_b, NULL);
}
END_TEST

START_TEST(a_double_counts_once)
{
	ck_assert_int_eq(anchors_add(set, alice, sizeof(alice)), 0);
	ck_assert_int_eq(anchors_add(set, alice, sizeof(alice)), 0);
	ck_assert_uint_eq(anchors_count(set), 1);
}
END_TEST

START_TEST(a_base_is_searched_after_the_own_and_outlives_its_owner)
{
	struct anchors_cursor cursor = { 0 };
	struct anchors *derived = anchors_new(set);

	ck_assert_int_eq(anchors_add(derived, alice, sizeof(alice)), 0);
	ck_assert_int_eq(anchors_add(set, alice_again, sizeof(alice_again)), 0);
	/* what the base has needs no second copy */
	ck_assert_int_eq(
		anchors_add(derived, alice_again, sizeof(alice_again)), 0);
	ck_assert_uint_eq(anchors_count(derived), 1);
	anchors_free(set);
	expect(&cursor, derived, name_a, alice);
	expect(&cursor, derived, name_a, alice_again);
	expect(&cursor, derived, name_a, NULL);
	anchors_free(derived);
	set = NULL;
}
END_TEST

START_TEST(many_are_kept)
{
	uint8_t one[] = SHAPE(0, 'a');
	struct anchors_cursor cursor = { 0 };
	unsigned i;

	for (i = 0; i < 256; i++) {
		one[11] = (uint8_t)i;
		ck_assert_int_eq(anchors_add(set, one, sizeof(one)), 0);
	}
	for (i = 0; i < 256; i++) {
		one[11] = (uint8_t)i;
		expect(&cursor, set, name_a, one);
	}
	expect(&cursor, set, name_a, NULL);
}
END_TEST

START_TEST(version_1_has_no_version)
{
	const uint8_t old[] = { 0x30, 16, 0x30, 14, 2, 1, 1, 0x30, 0, 0x30, 1,
		'i', 0x30, 0, 0x30, 1, 'a', 0 };
	struct anchors_cursor cursor = { 0 };
	size_t len_bytes;

	ck_assert_int_eq(anchors_add(set, old, sizeof(old)), 0);
	ck_assert_ptr_nonnull(
		anchors_find(set, &cursor, name_a, sizeof(name_a), &len_bytes));
	ck_assert_uint_eq(len_bytes, sizeof(old));
}
END_TEST

/* Cut anywhere it is none, with the lengths as they were. */
START_TEST(a_cut_certificate_is_none)
{
	uint8_t *cut = malloc((size_t)_i + 1);

	memcpy(cut, alice, (size_t)_i);
	ck_assert_int_eq(anchors_add(set, cut, (size_t)_i), -EBADMSG);
	ck_assert_uint_eq(anchors_count(set), 0);
	free(cut);
}
END_TEST

static const struct {
	uint8_t bytes[8];
	size_t len_bytes;
} bad[] = {
	{ { 0 }, 0 },
	{ { 0x30 }, 1 },
	{ { 0x30, 0x80, 0, 0 }, 4 },             /* indefinite */
	{ { 0x30, 0x84, 0, 0, 0, 0 }, 6 },       /* four octets of length */
	{ { 0x30, 0x83, 0xff, 0xff, 0xff }, 5 }, /* longer than it is */
	{ { 0x30, 0x82, 0 }, 3 },
	{ { 0x31, 2, 0x30, 0 }, 4 },
	{ { 0x30, 2, 0x31, 0 }, 4 },
	{ { 0x30, 2, 0x30, 0, 0 }, 5 }, /* something behind it */
	{ { 0x30, 0xff, 0xff }, 3 },
};

START_TEST(what_is_no_certificate_is_refused)
{
	ck_assert_int_eq(
		anchors_add(set, bad[_i].bytes, bad[_i].len_bytes), -EBADMSG);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("anchors");
	TCase *tcase = tcase_create("set");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_set, close_set);
	tcase_add_test(tcase, an_empty_set_has_nobody);
	tcase_add_test(tcase, all_of_one_name_are_found_in_order);
	tcase_add_test(tcase, a_double_counts_once);
	tcase_add_test(
		tcase, a_base_is_searched_after_the_own_and_outlives_its_owner);
	tcase_add_test(tcase, many_are_kept);
	tcase_add_test(tcase, version_1_has_no_version);
	tcase_add_loop_test(
		tcase, a_cut_certificate_is_none, 0, (int)sizeof(alice));
	tcase_add_loop_test(tcase, what_is_no_certificate_is_refused, 0,
		(int)(sizeof(bad) / sizeof(bad[0])));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
