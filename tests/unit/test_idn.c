/* SPDX-License-Identifier: Apache-2.0 */
/* Host names beyond ASCII: letters, what is none, bounds. */
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
	{ "u\xcc\x88.example", "xn--tda.example" }, /* composed */
	{ "ｅｘａｍｐｌｅ", "example" },
	{ "a。é", "a.xn--9ca" },
	{ "żółć.ŻÓŁĆ", "xn--kda4b0koi.xn--kda4b0koi" },
	{ "ελλάδα", "xn--hxakic4aa" },
	{ "Σίσυφος", "xn--kxa6ajbbmh" },
	{ "пример.Испытание", "xn--e1afmkfd.xn--80akhbyknj4f" },
	{ "việtnam", "xn--vitnam-jk8b" },
	{ "他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye" },
	{ "3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b" },
	{ "למההםפשוטלאמדבריםעברית", "xn--4dbcagdahymbxekheh6e0a7fei0b" },
	{ "ยจฆฟคฏข", "xn--22cdfh1b8fsa" },
	/* what names cannot have */
	{ "☃", NULL },
	{ "-é", NULL },
	{ "é-", NULL },
	{ "a\xe2\x80\x8d"
	  "é",
		NULL },
	/* no UTF-8 */
	{ "\xf6", NULL },
	{ "\xc3", NULL },
	{ "\xc3(", NULL },
	{ "\xc0\xaf", NULL },
	{ "\xed\xa0\x80", NULL },
	{ "\xf4\x90\x80\x80", NULL },
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

START_TEST(too_long_a_name)
{
	char name[16 * 1024], ascii[IDN_NAME_BYTES];
	size_t len = 0;

	/* a label of 63 bytes is the longest: RFC 1035 section 2.3.4 */
	while (len + 2 < sizeof(name))
		len += (size_t)(stpcpy(name + len, "ö") - (name + len));
	ck_assert_ptr_null(idn_to_ascii(name, 2 * (size_t)10, ascii));
	ck_assert_ptr_nonnull(idn_to_ascii(name, 2 * (size_t)64, ascii));
	ck_assert_ptr_nonnull(idn_to_ascii(name, len, ascii));
	/* and so is a name of 253: labels of nine bytes and a dot each */
	len = 0;
	for (int i = 0; i < 25; i++)
		len += (size_t)(stpcpy(name + len, "xö.") - (name + len));
	ck_assert_ptr_null(idn_to_ascii(name, len, ascii));
	ck_assert_uint_le(strlen(ascii), IDN_NAME_BYTES - 1);
	for (int i = 0; i < 3; i++)
		len += (size_t)(stpcpy(name + len, "xö.") - (name + len));
	ck_assert_ptr_nonnull(idn_to_ascii(name, len, ascii));
}
END_TEST

START_TEST(a_nul_ends_no_name)
{
	char ascii[IDN_NAME_BYTES] = "untouched";

	ck_assert_ptr_nonnull(idn_to_ascii("ö\0.b", 5, ascii));
	ck_assert_str_eq(ascii, "untouched");
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
	tcase_add_test(tcase, too_long_a_name);
	tcase_add_test(tcase, a_nul_ends_no_name);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
