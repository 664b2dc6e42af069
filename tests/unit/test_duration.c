/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations: what the Go program was seen to take and to refuse, and that no
 * nanosecond is lost on the way.
 */
#include "common/duration.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define NS_PER_HOUR 3600000000000

static const struct {
	const char *text;
	int64_t ns;
} good[] = {
	{ "0", 0 },
	{ "+0", 0 },
	{ "-0", 0 },
	{ "0s", 0 },
	{ ".5s", 500000000 },
	{ "5.s", 5000000000 },
	{ "+1s", 1000000000 },
	{ "-1s", -1000000000 },
	{ "1h2m", NS_PER_HOUR + 120000000000 },
	{ "5s5s", 10000000000 },
	{ "1.5h", NS_PER_HOUR * 3 / 2 },
	{ "7ns", 7 },
	{ "7us", 7000 },
	{ "7\xc2\xb5s", 7000 },
	{ "7\xce\xbcs", 7000 },
	{ "7ms", 7000000 },
	{ "1m30s", 90000000000 },
	{ "1m1ms", 60001000000 },
	{ "0005s", 5000000000 },
	/* cut, not rounded */
	{ "0.0000000001s", 0 },
	{ "0.9999999999ns", 0 },
	{ "1.0000000019s", 1000000001 },
	/* a double has no room for these */
	{ "0.1ns", 0 },
	{ "0.3s", 300000000 },
	{ "2540400.1s", 2540400100000000 },
	{ "9007199.254740993s", 9007199254740993 },
	{ "0.016666666666666666666667m", 1000000000 },
	{ "0.016666666666666666666666m", 999999999 },
	/* the ends of the range */
	{ "9223372036854775807ns", INT64_MAX },
	{ "2562047h47m16.854775807s", INT64_MAX },
	{ "-9223372036854775808ns", INT64_MIN },
};

static const char *const bad[] = { "", " ", " 5s", "5s ", "5", "1d", "1S",
	"1m 5s", "1e3ms", "1_0s", ".s", "s", ".", "1h-2m", "+", "-", "+-1s",
	"00", "0.0", "1s5", "1..5s", "0x1s", "\xc2s", "1\xc2\xb5", "inf", "nan",
	"1s\n", "99999999999999999999x" };

static const char *const too_large[] = { "9223372036854775808ns",
	"-9223372036854775809ns", "2562047h47m16.854775808s", "2562048h",
	"99999999999999999999s", "18446744073709551616ns",
	"18446744073709551615ns1ns", "9223372036s1s", "5124095h5124095h",
	"3000000h3000000h3000000h", "99999999999999999999999999999999h" };

/* K 1.34 */
START_TEST(takes_what_go_takes)
{
	int64_t ns = -42;

	ck_assert_int_eq(duration_parse(good[_i].text, &ns), 0);
	ck_assert_msg(ns == good[_i].ns, "%s gave %" PRId64, good[_i].text, ns);
}
END_TEST

/* K 1.34 */
START_TEST(refuses_what_go_refuses)
{
	int64_t ns = -42;

	ck_assert_msg(duration_parse(bad[_i], &ns) == -EINVAL, "'%s'", bad[_i]);
	ck_assert_int_eq(ns, -42);
}
END_TEST

START_TEST(too_large_is_an_error_of_its_own)
{
	int64_t ns = -42;

	ck_assert_msg(duration_parse(too_large[_i], &ns) == -ERANGE, "'%s'",
		too_large[_i]);
	ck_assert_int_eq(ns, -42);
}
END_TEST

static const struct {
	int64_t ns;
	const char *text;
} printed[] = {
	{ 0, "0s" },
	{ 1, "1ns" },
	{ 999, "999ns" },
	{ 1100, "1.1\xc2\xb5s" },
	{ 2200000, "2.2ms" },
	{ 500000000, "500ms" },
	{ 999999999, "999.999999ms" },
	{ 1000000001, "1.000000001s" },
	{ 5000000000, "5s" },
	{ 3300000000, "3.3s" },
	{ 60000000000, "1m0s" },
	{ 90000000000, "1m30s" },
	{ 245001000000, "4m5.001s" },
	{ NS_PER_HOUR, "1h0m0s" },
	{ NS_PER_HOUR * 15 / 60, "15m0s" },
	{ -90000000000, "-1m30s" },
	{ INT64_MAX, "2562047h47m16.854775807s" },
	{ INT64_MIN, "-2562047h47m16.854775808s" },
};

START_TEST(prints_as_go_prints)
{
	char buf[DURATION_TEXT_BYTES];

	ck_assert_str_eq(
		duration_format(printed[_i].ns, buf), printed[_i].text);
}
END_TEST

START_TEST(what_is_printed_parses_back)
{
	char buf[DURATION_TEXT_BYTES];
	int64_t back = 1;

	ck_assert_int_eq(
		duration_parse(duration_format(printed[_i].ns, buf), &back), 0);
	ck_assert_int_eq(back, printed[_i].ns);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int
main(void)
{
	Suite *suite = suite_create("duration");
	TCase *tcase = tcase_create("duration");
	SRunner *runner;
	int n_failed;

	tcase_add_loop_test(tcase, takes_what_go_takes, 0, COUNT(good));
	tcase_add_loop_test(tcase, refuses_what_go_refuses, 0, COUNT(bad));
	tcase_add_loop_test(
		tcase, too_large_is_an_error_of_its_own, 0, COUNT(too_large));
	tcase_add_loop_test(tcase, prints_as_go_prints, 0, COUNT(printed));
	tcase_add_loop_test(
		tcase, what_is_printed_parses_back, 0, COUNT(printed));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
