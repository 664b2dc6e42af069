/* SPDX-License-Identifier: Apache-2.0 */
/* Host names beyond ASCII: examples of RFC 3492, letters, bounds. */
#include "common/idn.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *ascii;
} known[] = {
	{ "bücher.example", "xn--bcher-kva.example" },
	{ "BÜCHER.Example.", "xn--bcher-kva.example." },
	{ "straße", "xn--strae-oqa" },
	{ "żółć.ŻÓŁĆ", "xn--kda4b0koi.xn--kda4b0koi" },
	{ "ŵŷ", "xn--9gae" },
	{ "ağaç", "xn--aa-5ia6t" },
	{ "ελλάδα", "xn--hxakic4aa" },
	{ "Σίσυφος", "xn--kxa6ajbbmh" },
	{ "пример.Испытание", "xn--e1afmkfd.xn--80akhbyknj4f" },
	{ "ћирилица", "xn--80apaao2a9bwk" },
	{ "việtnam", "xn--vitnam-jk8b" },
	{ "他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye" },
	{ "なぜみんな日本語を話してくれないのか",
		"xn--n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa" },
	{ "3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b" },
	{ "-with-super-monkeys安室奈美恵",
		"xn---with-super-monkeys-8c58ag80a8qai00g7n9n" },
	{ "세계의모든사람들이한국어를이해한다면얼마나좋을까",
		"xn--989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jp"
		"sd879ccm6fea98c" },
	{ "למההםפשוטלאמדבריםעברית", "xn--4dbcagdahymbxekheh6e0a7fei0b" },
	{ "ليهمابتكلموشعربي؟", NULL }, /* a sign of punctuation */
	{ "почемужеонинеговорятпорусски",
		"xn--b1abfaaepdrnnbgefbadotcwatmq2g4l" },
	{ "ยจฆฟคฏข", "xn--22cdfh1b8fsa" },
	/* what names cannot have, or what would need tables */
	{ "u\xcc\x88.example", NULL },
	{ "ª", NULL },
	{ "İ", NULL },
	{ "a×b", NULL },
	{ "ｅｘａｍｐｌｅ", NULL },
	{ "a。é", NULL },
	{ "a\xe2\x80\x8d"
	  "é",
		NULL },
	{ "☃", NULL },
	/* no UTF-8 */
	{ "\xf6", NULL },
	{ "\xc3", NULL },
	{ "\xc3(", NULL },
	{ "\xc0\xaf", NULL },
	{ "\xe0\x83\xb6", NULL },
	{ "\xed\xa0\x80", NULL },
	{ "\xf4\x90\x80\x80", NULL },
	{ "\xff\xbf", NULL },
	/* ASCII is for others to judge */
	{ "a b/é", "xn--a b/-epa" },
	{ "..é", "..xn--9ca" },
	{ "", "" },
};

/* K 3.23 */
START_TEST(names)
{
	char ascii[IDN_NAME_BYTES];
	const char *error;

	memset(ascii, 'z', sizeof(ascii));
	error = idn_to_ascii(known[_i].name, strlen(known[_i].name), ascii);
	if (known[_i].ascii == NULL) {
		ck_assert_ptr_nonnull(error);
	} else {
		ck_assert_ptr_null(error);
		ck_assert_str_eq(ascii, known[_i].ascii);
	}
}
END_TEST

/* The largest that fits, and one more. */
START_TEST(bounds)
{
	char name[1024], ascii[IDN_NAME_BYTES];
	size_t len = 0;

	for (int i = 0; i < 63; i++)
		len += (size_t)(stpcpy(name + len, "ö") - (name + len));
	ck_assert_ptr_null(idn_to_ascii(name, len, ascii));
	strcpy(name + len, "ö");
	ck_assert_ptr_nonnull(idn_to_ascii(name, len + 2, ascii));
	len = 0;
	for (int i = 0; i < 31; i++) /* eight bytes each */
		len += (size_t)(stpcpy(name + len, "ö.") - (name + len));
	strcpy(name + len, "abcdef");
	ck_assert_ptr_null(idn_to_ascii(name, len + 6, ascii));
	ck_assert_uint_eq(strlen(ascii), IDN_NAME_BYTES - 1);
	strcpy(name + len, "abcdefg");
	ck_assert_ptr_nonnull(idn_to_ascii(name, len + 7, ascii));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("idn");
	TCase *tcase = tcase_create("names");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(
		tcase, names, 0, (int)(sizeof(known) / sizeof(known[0])));
	tcase_add_test(tcase, bounds);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
