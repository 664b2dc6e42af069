/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in a row: none is lost, equal ones share. */
#include <check.h>

#include <stdlib.h>
#include <string.h>

#include "common/text_pack.h"

START_TEST(each_text_is_where_it_says)
{
	const char *const texts[] = { "node-1", "", "10.0.0.1", "node-10" };
	char bytes[64];
	uint16_t at[4], asked[4];
	size_t len_bytes = text_pack(texts, 4, asked, NULL);

	memset(bytes, 'x', sizeof(bytes));
	ck_assert_uint_eq(len_bytes, 7 + 1 + 9 + 8);
	ck_assert_uint_eq(text_pack(texts, 4, at, bytes), len_bytes);
	for (int i = 0; i < 4; i++) {
		ck_assert_str_eq(bytes + at[i], texts[i]);
		ck_assert_uint_eq(at[i], asked[i]);
	}
	ck_assert_int_eq(bytes[len_bytes], 'x'); /* and nothing behind it */
}
END_TEST

START_TEST(equal_texts_are_kept_once)
{
	const char *const texts[] = { "a", "b", "a", "", "b", "" };
	uint16_t at[6];
	char bytes[16];

	ck_assert_uint_eq(text_pack(texts, 6, at, bytes), 2 + 2 + 1);
	ck_assert_uint_eq(at[2], at[0]);
	ck_assert_uint_eq(at[4], at[1]);
	ck_assert_uint_eq(at[5], at[3]);
	ck_assert_str_eq(bytes + at[4], "b");
}
END_TEST

START_TEST(no_text_takes_no_byte)
{
	ck_assert_uint_eq(text_pack(NULL, 0, NULL, NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("text_pack");
	TCase *tcase = tcase_create("text_pack");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, each_text_is_where_it_says);
	tcase_add_test(tcase, equal_texts_are_kept_once);
	tcase_add_test(tcase, no_text_takes_no_byte);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
