/* SPDX-License-Identifier: Apache-2.0 */
/* What a growing string holds, and what its bound and its end do. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"

START_TEST(empty_is_the_empty_text)
{
	struct strbuf buf;

	strbuf_init(&buf, 0);
	ck_assert_str_eq(strbuf_text(&buf), "");
	ck_assert_uint_eq(buf.len_bytes, 0);
	strbuf_fini(&buf);
}
END_TEST

START_TEST(appends_in_order)
{
	struct strbuf buf;

	strbuf_init(&buf, 0);
	strbuf_add_string(&buf, "path_");
	strbuf_add(&buf, "node-7xx", 6);
	strbuf_add_char(&buf, ' ');
	strbuf_printf(&buf, "%d%s", 200, "\n");
	ck_assert_str_eq(strbuf_text(&buf), "path_node-7 200\n");
	ck_assert_uint_eq(buf.len_bytes, strlen("path_node-7 200\n"));
	strbuf_fini(&buf);
}
END_TEST

START_TEST(keeps_every_byte_over_many_growths)
{
	struct strbuf buf;
	const char *text;

	strbuf_init(&buf, 0);
	for (unsigned i = 0; i < 100000; i++)
		strbuf_add_char(&buf, (char)('a' + i % 26));
	text = strbuf_text(&buf);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), 100000);
	for (unsigned i = 0; i < 100000; i++)
		ck_assert_int_eq(text[i], (char)('a' + i % 26));
	strbuf_fini(&buf);
}
END_TEST

START_TEST(printf_longer_than_the_room_there_is)
{
	struct strbuf buf;
	char wide[2001];

	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	strbuf_init(&buf, 0);
	strbuf_add_char(&buf, '<');
	strbuf_printf(&buf, "%s>", wide);
	ck_assert_uint_eq(buf.len_bytes, 2002);
	ck_assert_mem_eq(strbuf_text(&buf) + 1, wide, 2000);
	ck_assert_str_eq(strbuf_text(&buf) + 2001, ">");
	strbuf_fini(&buf);
}
END_TEST

START_TEST(over_the_bound_is_a_failure_that_stays)
{
	struct strbuf buf;

	strbuf_init(&buf, 8);
	strbuf_add_string(&buf, "12345678");
	ck_assert_str_eq(strbuf_text(&buf), "12345678");
	strbuf_add_char(&buf, '9');
	ck_assert_ptr_null(strbuf_text(&buf));
	strbuf_add_string(&buf, "");
	ck_assert_ptr_null(strbuf_text(&buf));
	ck_assert_ptr_null(strbuf_take(&buf));
	strbuf_reset(&buf);
	ck_assert_str_eq(strbuf_text(&buf), "");
	strbuf_fini(&buf);
}
END_TEST

START_TEST(take_hands_the_text_over)
{
	struct strbuf buf;
	char *text;

	strbuf_init(&buf, 0);
	strbuf_add_string(&buf, "mine");
	text = strbuf_take(&buf);
	ck_assert_str_eq(text, "mine");
	ck_assert_str_eq(strbuf_text(&buf), "");
	strbuf_fini(&buf);
	ck_assert_str_eq(text, "mine");
	free(text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("strbuf");
	TCase *tcase = tcase_create("strbuf");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, empty_is_the_empty_text);
	tcase_add_test(tcase, appends_in_order);
	tcase_add_test(tcase, keeps_every_byte_over_many_growths);
	tcase_add_test(tcase, printf_longer_than_the_room_there_is);
	tcase_add_test(tcase, over_the_bound_is_a_failure_that_stays);
	tcase_add_test(tcase, take_hands_the_text_over);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
