/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets, bounds and sums of histograms. */
#include "supervisor/histogram.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000000ULL

/* The index of the only bucket that a single value fills. */
static size_t
bucket_of(const struct hist_layout *layout, uint64_t value_ns)
{
	struct hist *hist = hist_new(layout);
	size_t found = layout->n_buckets;

	ck_assert_ptr_nonnull(hist);
	hist_record(hist, value_ns);
	ck_assert_uint_eq(hist->n_filled, 1);
	for (size_t i = 0; i < layout->n_buckets; i++)
		if (hist->buckets[i] == 1)
			found = i;
	hist_free(hist);
	ck_assert_uint_lt(found, layout->n_buckets);
	return found;
}

static void
expect_text(
	const struct hist_layout *layout, uint64_t value_ns, const char *want)
{
	const struct hist_text *text =
		&layout->texts[bucket_of(layout, value_ns)];
	size_t len_bytes = strlen(want);

	ck_assert_msg(text->len_bytes == len_bytes + 3 &&
			      memcmp(text->bytes, want, len_bytes) == 0 &&
			      memcmp(text->bytes + len_bytes, "\"} ", 3) == 0,
		"%llu ns: got %.*s, want %s", (unsigned long long)value_ns,
		(int)text->len_bytes, text->bytes, want);
}

/* K 4.15 */
START_TEST(a_value_on_a_bound_is_inside)
{
	const double bounds_s[] = { .005, 1, 10 };
	struct hist_layout *layout = hist_layout_new(bounds_s, 3);

	ck_assert_ptr_nonnull(layout);
	expect_text(layout, 0, "0.005");
	expect_text(layout, 5000000, "0.005");
	expect_text(layout, 5000001, "1");
	expect_text(layout, 1 * S, "1");
	expect_text(layout, 10 * S, "10");
	expect_text(layout, 10 * S + 1, "+Inf");
	expect_text(layout, UINT64_MAX, "+Inf");
	hist_layout_free(layout);
}
END_TEST

/* K 4.15 */
START_TEST(bounds_are_shown_as_they_were_written)
{
	static const double bounds_s[] = { 0, 1e-10, 5e-10, 1.5e-9, .005,
		.1234567891234, 0.3, 1, 123456789.123, 1e10, 1e300 };
	struct hist_layout *layout = hist_layout_new(bounds_s, 11);

	ck_assert_ptr_nonnull(layout);
	expect_text(layout, 0, "0");
	expect_text(layout, 1, "1.5e-09");
	expect_text(layout, 2, "0.005");
	expect_text(layout, 5000000, "0.005");
	expect_text(layout, 5000001, "0.1234567891234");
	expect_text(layout, 123456789, "0.1234567891234");
	expect_text(layout, 123456790, "0.3");
	expect_text(layout, 300000000, "0.3");
	expect_text(layout, 300000001, "1");
	expect_text(layout, 1 * S, "1");
	expect_text(layout, 1 * S + 1, "1.23456789123e+08");
	expect_text(layout, 1000000000 * S, "1e+10");
	ck_assert_mem_eq(layout->texts[1].bytes, "1e-10\"} ", 8);
	ck_assert_mem_eq(layout->texts[10].bytes, "1e+300\"} ", 9);
	ck_assert_mem_eq(layout->texts[11].bytes, "+Inf\"} ", 7);
	hist_layout_free(layout);
}
END_TEST

START_TEST(bounds_must_be_some)
{
	static const double bad_s[][2] = { { 1, 1 }, { 2, 1 }, { -1, 1 },
		{ 0, NAN }, { NAN, 1 }, { 1, INFINITY } };

	for (size_t i = 0; i < sizeof(bad_s) / sizeof(bad_s[0]); i++)
		ck_assert_ptr_null(hist_layout_new(bad_s[i], 2));
}
END_TEST

START_TEST(without_bounds_there_is_one_bucket)
{
	struct hist_layout *layout = hist_layout_new(NULL, 0);

	ck_assert_ptr_nonnull(layout);
	ck_assert_uint_eq(layout->n_buckets, 1);
	expect_text(layout, 7, "+Inf");
	hist_layout_free(layout);
}
END_TEST

START_TEST(the_sum_is_exact_and_outlives_64_bits_of_ns)
{
	struct hist_layout *layout = hist_layout_new(NULL, 0);
	struct hist *hist = hist_new(layout);

	hist_record(hist, 999999999);
	hist_record(hist, 2);
	ck_assert_uint_eq(hist->sum_s, 1);
	ck_assert_uint_eq(hist->sum_ns, 1);
	hist_record(hist, UINT64_MAX);
	hist_record(hist, UINT64_MAX);
	ck_assert_uint_eq(hist->count, 4);
	/* 2 * 18446744073.709551615 + 1.000000001 */
	ck_assert_uint_eq(hist->sum_s, 36893488148);
	ck_assert_uint_eq(hist->sum_ns, 419103231);
	hist_free(hist);
	hist_layout_free(layout);
}
END_TEST

/* K 4.16 */
START_TEST(vmrange_texts_and_edges)
{
	struct hist_layout *layout = hist_layout_new_vmrange();

	ck_assert_ptr_nonnull(layout);
	expect_text(layout, 0, "0...1.000e-09");
	expect_text(layout, 1, "1.000e-09...1.136e-09");
	expect_text(layout, 2, "1.896e-09...2.154e-09");
	expect_text(layout, 10, "8.799e-09...1.000e-08");
	expect_text(layout, 11, "1.000e-08...1.136e-08");
	expect_text(layout, 12, "1.136e-08...1.292e-08");
	expect_text(layout, 1000000, "8.799e-04...1.000e-03");
	expect_text(layout, 1000001, "1.000e-03...1.136e-03");
	expect_text(layout, 1136463, "1.000e-03...1.136e-03");
	expect_text(layout, 1136464, "1.136e-03...1.292e-03");
	expect_text(layout, 1 * S, "8.799e-01...1.000e+00");
	expect_text(layout, 1 * S + 1, "1.000e+00...1.136e+00");
	expect_text(layout, 3 * S, "2.783e+00...3.162e+00");
	expect_text(layout, UINT64_MAX, "1.668e+10...1.896e+10");
	hist_layout_free(layout);
}
END_TEST

/* K 4.16 */
START_TEST(vmrange_powers_of_ten_lie_in_the_lower_bucket)
{
	struct hist_layout *layout = hist_layout_new_vmrange();
	uint64_t power_ns = 10;
	char want[HIST_TEXT_MAX_BYTES];

	for (int exponent = -8; exponent <= 10; exponent++, power_ns *= 10) {
		snprintf(want, sizeof(want), "8.799e%+03d...1.000e%+03d",
			exponent - 1, exponent);
		expect_text(layout, power_ns, want);
		snprintf(want, sizeof(want), "1.000e%+03d...1.136e%+03d",
			exponent, exponent);
		expect_text(layout, power_ns + 1, want);
	}
	hist_layout_free(layout);
}
END_TEST

/* (2^64 - 1)^18 has 1152 bits, and multiplying looks one limb further. */
#define LIMBS 40

struct big {
	uint64_t limbs[LIMBS]; /* base 2^32, lowest first */
};

/* Schoolbook: the low half of factor, and the high half one limb up. */
static void
big_multiply(struct big *big, uint64_t factor)
{
	struct big from = *big;
	uint64_t low = factor & UINT32_MAX;
	uint64_t high = factor >> 32;
	uint64_t carry_low = 0;
	uint64_t carry_high = 0;

	for (size_t i = 0; i < LIMBS; i++) {
		carry_low += from.limbs[i] * low;
		if (i > 0)
			carry_high += from.limbs[i - 1] * high;
		big->limbs[i] =
			(carry_low & UINT32_MAX) + (carry_high & UINT32_MAX);
		carry_low >>= 32;
		carry_high >>= 32;
		carry_low += big->limbs[i] >> 32;
		big->limbs[i] &= UINT32_MAX;
	}
	ck_assert_uint_eq(carry_low + carry_high, 0);
}

static struct big
big_power(uint64_t base, size_t exponent)
{
	struct big big = { .limbs = { 1 } };

	while (exponent-- > 0)
		big_multiply(&big, base);
	return big;
}

static int
big_compare(const struct big *a, const struct big *b)
{
	for (size_t i = LIMBS; i-- > 0;)
		if (a->limbs[i] != b->limbs[i])
			return a->limbs[i] < b->limbs[i] ? -1 : 1;
	return 0;
}

/* bound^18 <= 10^i < (bound + 1)^18, in whole numbers. */
/* K 4.16 */
START_TEST(vmrange_bounds_are_the_roots_rounded_down)
{
	struct hist_layout *layout = hist_layout_new_vmrange();

	ck_assert_uint_eq(layout->n_buckets, 348);
	for (size_t i = 1; i <= 346; i++) {
		struct big power = big_power(10, i);
		struct big below = big_power(layout->bounds_ns[i], 18);
		struct big above = big_power(layout->bounds_ns[i] + 1, 18);

		ck_assert_msg(big_compare(&below, &power) <= 0, "%zu", i);
		ck_assert_msg(big_compare(&power, &above) < 0, "%zu", i);
	}
	hist_layout_free(layout);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("histogram");
	TCase *tcase = tcase_create("histogram");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_value_on_a_bound_is_inside);
	tcase_add_test(tcase, bounds_are_shown_as_they_were_written);
	tcase_add_test(tcase, bounds_must_be_some);
	tcase_add_test(tcase, without_bounds_there_is_one_bucket);
	tcase_add_test(tcase, the_sum_is_exact_and_outlives_64_bits_of_ns);
	tcase_add_test(tcase, vmrange_texts_and_edges);
	tcase_add_test(tcase, vmrange_powers_of_ten_lie_in_the_lower_bucket);
	tcase_add_test(tcase, vmrange_bounds_are_the_roots_rounded_down);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
