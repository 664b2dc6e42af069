/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expected texts are what Go's strconv and kubenurse 1.x print for the same
 * numbers.
 */
#include "supervisor/number.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
expect(const char *dst, size_t len_bytes, const char *want)
{
	ck_assert_uint_le(len_bytes, NUMBER_MAX_BYTES);
	ck_assert_msg(
		len_bytes == strlen(want) && memcmp(dst, want, len_bytes) == 0,
		"got %.*s, want %s", (int)len_bytes, dst, want);
}

START_TEST(counts_are_plain_digits)
{
	static const struct {
		uint64_t value;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 9, "9" },
		{ 10, "10" },
		{ 99, "99" },
		{ 100, "100" },
		{ 1005, "1005" },
		{ 1234567890, "1234567890" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char dst[NUMBER_MAX_BYTES];

	for (size_t i = 0; i < COUNT(cases); i++)
		expect(dst, number_format_count(dst, cases[i].value),
			cases[i].want);
}
END_TEST

static const struct {
	double value;
	const char *shortest;
	const char *as_value;
} doubles[] = {
	{ 0, "0", "0" },
	{ -0.0, "-0", "0" },
	{ 1, "1", "1" },
	{ -5, "-5", "-5" },
	{ 0.005, "0.005", "0.005" },
	{ 0.1, "0.1", "0.1" },
	{ 2.5, "2.5", "2.5" },
	{ 0.0001, "0.0001", "0.0001" },
	{ 0.00012345, "0.00012345", "0.00012345" },
	{ 1e-5, "1e-05", "1e-05" },
	{ 1e-7, "1e-07", "1e-07" },
	{ 100000, "100000", "100000" },
	{ 123456.75, "123456.75", "123456.75" },
	{ 1e6, "1e+06", "1000000" },
	{ 1234567.5, "1.2345675e+06", "1.2345675e+06" },
	{ 1.1 + 2.2, "3.3000000000000003", "3.3000000000000003" },
	{ 1700000000, "1.7e+09", "1700000000" },
	{ 1e18, "1e+18", "1000000000000000000" },
	{ 9223372036854774784.0, "9.223372036854775e+18",
		"9223372036854774784" },
	{ 9223372036854775808.0, "9.223372036854776e+18",
		"9.223372036854776e+18" },
	{ 1e20, "1e+20", "1e+20" },
	{ -1e20, "-1e+20", "-1e+20" },
	{ 1e100, "1e+100", "1e+100" },
	{ 5e-324, "5e-324", "5e-324" },
	{ 2.2250738585072014e-308, "2.2250738585072014e-308",
		"2.2250738585072014e-308" },
	{ 1.7976931348623157e308, "1.7976931348623157e+308",
		"1.7976931348623157e+308" },
	/* Powers of two, where the nearest 16 digits do not read back. */
	{ 0x1p-1017, "7.120236347223045e-307", "7.120236347223045e-307" },
	{ 0x1p-808, "5.858190679279809e-244", "5.858190679279809e-244" },
	{ INFINITY, "+Inf", "+Inf" },
	{ -INFINITY, "-Inf", "-Inf" },
	{ NAN, "NaN", "NaN" },
};

START_TEST(doubles_are_as_go_prints_them)
{
	char dst[NUMBER_MAX_BYTES];

	for (size_t i = 0; i < COUNT(doubles); i++) {
		expect(dst, number_format_shortest(dst, doubles[i].value),
			doubles[i].shortest);
		expect(dst, number_format_value(dst, doubles[i].value),
			doubles[i].as_value);
	}
}
END_TEST

START_TEST(every_double_reads_back)
{
	uint64_t bits = 88172645463325252ULL;
	char dst[NUMBER_MAX_BYTES + 1];

	for (int i = 0; i < 20000; i++) {
		double value;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&value, &bits, sizeof(value));
		if (isnan(value))
			continue;
		dst[number_format_shortest(dst, value)] = '\0';
		ck_assert_msg(
			strtod(dst, NULL) == value, "%a as %s", value, dst);
	}
}
END_TEST

START_TEST(sums_are_rounded_once)
{
	static const struct {
		uint64_t seconds;
		uint32_t ns;
		const char *want;
	} cases[] = {
		{ 0, 0, "0" },
		{ 0, 100, "1e-07" },
		{ 0, 123456789, "0.123456789" },
		{ 3, 300000000, "3.3" },
		{ 1000000, 0, "1000000" },
		{ 1234567, 500000000, "1.2345675e+06" },
		/* The last second whose nanoseconds a double can tell apart. */
		{ 8388607, 999999999, "8.388607999999999e+06" },
		{ 8388608, 1, "8.388608000000002e+06" },
		{ 2251799813685248, 500000000, "2.2517998136852485e+15" },
		{ 9007199254740993, 400000000, "9007199254740994" },
		{ 9223372036854775807, 0, "9223372036854775807" },
		{ 9223372036854775808ULL, 0, "9.223372036854776e+18" },
	};
	char dst[NUMBER_MAX_BYTES];

	for (size_t i = 0; i < COUNT(cases); i++)
		expect(dst,
			number_format_seconds(
				dst, cases[i].seconds, cases[i].ns),
			cases[i].want);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("number");
	TCase *tcase = tcase_create("number");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, counts_are_plain_digits);
	tcase_add_test(tcase, doubles_are_as_go_prints_them);
	tcase_add_test(tcase, every_double_reads_back);
	tcase_add_test(tcase, sums_are_rounded_once);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
