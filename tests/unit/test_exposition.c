/* SPDX-License-Identifier: Apache-2.0 */
/* The text at /metrics, byte by byte, in pieces of every size. */
#include "supervisor/exposition.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"

#define TEXT_MAX_BYTES (4 << 20)
#define LABELS(...)    ((const char *const[]){ __VA_ARGS__ })

enum id { ERRORS, SECONDS, INCOMING, PLAIN, RANGES, CPU, ID_COUNT };

static struct registry *
make_registry(void)
{
	static const double bounds_s[] = { .005, 1, 1000000 };
	static const struct family_def defs[ID_COUNT] = {
		[ERRORS] = { .name = "k_errors_total",
			.help = "Failed checks.",
			.kind = KIND_COUNTER,
			.labels = { "type", "event" } },
		[SECONDS] = { .name = "k_seconds",
			.help = "Time taken.",
			.kind = KIND_HISTOGRAM,
			.labels = { "type" },
			.bounds_s = bounds_s,
			.n_bounds = 3 },
		[INCOMING] = { .name = "k_incoming",
			.help = "Neighbours.",
			.kind = KIND_GAUGE },
		[PLAIN] = { .name = "k_plain_seconds",
			.help = "Without labels.",
			.kind = KIND_HISTOGRAM,
			.bounds_s = bounds_s,
			.n_bounds = 1 },
		[RANGES] = { .name = "k_ranges_seconds",
			.help = "VictoriaMetrics.",
			.kind = KIND_VMRANGE,
			.labels = { "type" } },
		[CPU] = { .name = "k_cpu_seconds_total",
			.help = "CPU.",
			.kind = KIND_COUNTER_NS },
	};
	struct registry *registry = registry_new(ID_COUNT, 1000);

	ck_assert_ptr_nonnull(registry);
	for (size_t id = 0; id < ID_COUNT; id++)
		ck_assert_int_eq(registry_register(registry, id, &defs[id]), 0);
	return registry;
}

static void
fill(struct registry *registry)
{
	struct series *series;

	series_add(registry_get(registry, ERRORS, LABELS("me", "dns_done")), 2);
	series_add(registry_get(registry, ERRORS,
			   LABELS("a\"b\\c\nd", "status_code_404")),
		1);
	series_set(registry_get(registry, INCOMING, NULL), 3);
	series_add(registry_get(registry, CPU, NULL), 1230000000);
	series = registry_get(registry, SECONDS, LABELS("me"));
	series_observe(series, 1000000);
	series_observe(series, 5000000);
	series_observe(series, 5000001);
	series_observe(series, 2000000000);
	registry_get(registry, SECONDS, LABELS("zero"));
	series_observe(registry_get(registry, PLAIN, NULL), 3000000000);
	registry_get(registry, RANGES, LABELS("a_silent"));
	series = registry_get(registry, RANGES, LABELS("me"));
	series_observe(series, 0);
	series_observe(series, 1000000);
	series_observe(series, 1000000);
	series_observe(series, 1000001);
}

static const char plain_text[] =
	"k_cpu_seconds_total 1.23\n"
	"k_errors_total{type=\"a\\\"b\\\\c\\nd\",event=\"status_code_404\"} 1\n"
	"k_errors_total{type=\"me\",event=\"dns_done\"} 2\n"
	"k_incoming 3\n"
	"k_plain_seconds_bucket{le=\"0.005\"} 0\n"
	"k_plain_seconds_bucket{le=\"+Inf\"} 1\n"
	"k_plain_seconds_sum 3\n"
	"k_plain_seconds_count 1\n"
	"k_ranges_seconds_bucket{type=\"me\",vmrange=\"0...1.000e-09\"} 1\n"
	"k_ranges_seconds_bucket{type=\"me\","
	"vmrange=\"8.799e-04...1.000e-03\"} 2\n"
	"k_ranges_seconds_bucket{type=\"me\","
	"vmrange=\"1.000e-03...1.136e-03\"} 1\n"
	"k_ranges_seconds_sum{type=\"me\"} 0.003000001\n"
	"k_ranges_seconds_count{type=\"me\"} 4\n"
	"k_seconds_bucket{type=\"me\",le=\"0.005\"} 2\n"
	"k_seconds_bucket{type=\"me\",le=\"1\"} 3\n"
	"k_seconds_bucket{type=\"me\",le=\"1e+06\"} 4\n"
	"k_seconds_bucket{type=\"me\",le=\"+Inf\"} 4\n"
	"k_seconds_sum{type=\"me\"} 2.011000001\n"
	"k_seconds_count{type=\"me\"} 4\n"
	"k_seconds_bucket{type=\"zero\",le=\"0.005\"} 0\n"
	"k_seconds_bucket{type=\"zero\",le=\"1\"} 0\n"
	"k_seconds_bucket{type=\"zero\",le=\"1e+06\"} 0\n"
	"k_seconds_bucket{type=\"zero\",le=\"+Inf\"} 0\n"
	"k_seconds_sum{type=\"zero\"} 0\n"
	"k_seconds_count{type=\"zero\"} 0\n";

/* Reads to the end in pieces of cap_bytes; the buffer has no byte more. */
static char *
render(struct registry *registry, bool metadata, size_t cap_bytes)
{
	struct exposition *e = malloc(sizeof(*e));
	char *piece = malloc(cap_bytes);
	struct strbuf text;
	ssize_t n_bytes;

	strbuf_init(&text, 0);
	exposition_start(e, registry, metadata);
	while ((n_bytes = exposition_read(e, piece, cap_bytes)) > 0) {
		ck_assert_uint_le((size_t)n_bytes, cap_bytes);
		strbuf_add(&text, piece, (size_t)n_bytes);
		/* It must come to an end. */
		ck_assert_uint_lt(text.len_bytes, TEXT_MAX_BYTES);
	}
	ck_assert_int_eq(n_bytes, 0);
	ck_assert_int_eq(exposition_read(e, piece, cap_bytes), 0);
	exposition_fini(e);
	free(piece);
	free(e);
	return strbuf_take(&text);
}

static void
expect_text(struct registry *registry, bool metadata, size_t cap_bytes,
	const char *want)
{
	char *text = render(registry, metadata, cap_bytes);

	ck_assert_str_eq(text, want);
	free(text);
}

/* K 4.15 */
START_TEST(text_is_exact_in_pieces_of_every_size)
{
	struct registry *registry = make_registry();

	fill(registry);
	for (size_t cap_bytes = 1; cap_bytes < 3000; cap_bytes++)
		expect_text(registry, false, cap_bytes, plain_text);
	registry_free(registry);
}
END_TEST

START_TEST(nothing_is_an_empty_text)
{
	struct registry *registry = make_registry();

	expect_text(registry, true, 100, "");
	/* Not even metadata for a family that shows nothing. */
	registry_get(registry, RANGES, LABELS("silent"));
	expect_text(registry, true, 100, "");
	registry_free(registry);
}
END_TEST

/* K 1.39 */
START_TEST(metadata_stands_once_before_each_family)
{
	static const char want[] = "# HELP k_errors_total Failed checks.\n"
				   "# TYPE k_errors_total counter\n"
				   "k_errors_total{type=\"a\",event=\"x\"} 0\n"
				   "k_errors_total{type=\"b\",event=\"x\"} 0\n"
				   "# HELP k_incoming Neighbours.\n"
				   "# TYPE k_incoming gauge\n"
				   "k_incoming 0\n"
				   "# HELP k_plain_seconds Without labels.\n"
				   "# TYPE k_plain_seconds histogram\n"
				   "k_plain_seconds_bucket{le=\"0.005\"} 0\n"
				   "k_plain_seconds_bucket{le=\"+Inf\"} 0\n"
				   "k_plain_seconds_sum 0\n"
				   "k_plain_seconds_count 0\n"
				   "# HELP k_ranges_seconds VictoriaMetrics.\n"
				   "# TYPE k_ranges_seconds untyped\n"
				   "k_ranges_seconds_bucket{type=\"a\","
				   "vmrange=\"0...1.000e-09\"} 1\n"
				   "k_ranges_seconds_sum{type=\"a\"} 0\n"
				   "k_ranges_seconds_count{type=\"a\"} 1\n";
	struct registry *registry = make_registry();

	registry_get(registry, ERRORS, LABELS("a", "x"));
	registry_get(registry, ERRORS, LABELS("b", "x"));
	registry_get(registry, INCOMING, NULL);
	registry_get(registry, PLAIN, NULL);
	series_observe(registry_get(registry, RANGES, LABELS("a")), 0);
	for (size_t cap_bytes = 1; cap_bytes < 1000; cap_bytes++)
		expect_text(registry, true, cap_bytes, want);
	registry_free(registry);
}
END_TEST

/* The closing quote takes part in the order, and so does the brace. */
/* K 4.10 */
START_TEST(series_stand_in_the_order_of_their_bytes)
{
	static const char *const values[] = { "a9", "a", "\xc3\xa9", "a!", "A",
		"a10", "a_", "", "a b", "\"x" };
	static const char *const names[] = { "n_total", "n", "n_" };
	static const char want[] = "n_ 0\n"
				   "n_total 0\n"
				   "n{l=\"\"} 0\n"
				   "n{l=\"A\"} 0\n"
				   "n{l=\"\\\"x\"} 0\n"
				   "n{l=\"a b\"} 0\n"
				   "n{l=\"a!\"} 0\n"
				   "n{l=\"a\"} 0\n"
				   "n{l=\"a10\"} 0\n"
				   "n{l=\"a9\"} 0\n"
				   "n{l=\"a_\"} 0\n"
				   "n{l=\"\xc3\xa9\"} 0\n";
	struct registry *registry = registry_new(3, 100);

	for (size_t id = 0; id < 3; id++)
		registry_register(registry, id,
			&(struct family_def){ .name = names[id],
				.help = "x",
				.kind = KIND_GAUGE,
				.labels = { id == 1 ? "l" : NULL } });
	registry_get(registry, 0, NULL);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		registry_get(registry, 1, &values[i]);
	registry_get(registry, 2, NULL);
	expect_text(registry, false, 4096, want);
	expect_text(registry, false, 1, want);
	registry_free(registry);
}
END_TEST

START_TEST(gauges_show_what_a_double_can_be)
{
	struct registry *registry = make_registry();
	struct series *series = registry_get(registry, INCOMING, NULL);

	series_set(series, NAN);
	expect_text(registry, false, 100, "k_incoming NaN\n");
	series_set(series, INFINITY);
	expect_text(registry, false, 100, "k_incoming +Inf\n");
	series_set(series, 1700000000.5);
	expect_text(registry, false, 100, "k_incoming 1.7000000005e+09\n");
	registry_free(registry);
}
END_TEST

static void
expect_piece(
	struct exposition *e, char *buf, size_t cap_bytes, const char *want)
{
	ssize_t n_bytes = exposition_read(e, buf, cap_bytes);

	ck_assert_int_ge(n_bytes, 0);
	ck_assert_msg((size_t)n_bytes == strlen(want) &&
			      memcmp(buf, want, strlen(want)) == 0,
		"got %.*s, want %s", (int)n_bytes, buf, want);
}

static struct series *
get_errors(struct registry *registry, const char *type)
{
	return registry_get(registry, ERRORS, LABELS(type, "x"));
}

/* 150 bytes hold one of these series, but not surely a second one. */
START_TEST(series_may_come_and_go_between_two_pieces)
{
	struct registry *registry = make_registry();
	struct series *b = get_errors(registry, "b");
	struct series *d = get_errors(registry, "d");
	struct series *f = get_errors(registry, "f");
	struct exposition e;
	char buf[150];

	exposition_start(&e, registry, true);
	expect_piece(&e, buf, sizeof(buf),
		"# HELP k_errors_total Failed checks.\n"
		"# TYPE k_errors_total counter\n"
		"k_errors_total{type=\"b\",event=\"x\"} 0\n");
	/* The last one shown goes, the next one too; one comes on each side. */
	registry_remove(b);
	registry_remove(d);
	get_errors(registry, "a");
	get_errors(registry, "c");
	series_add(f, 7);
	expect_piece(
		&e, buf, 100, "k_errors_total{type=\"c\",event=\"x\"} 0\n");
	expect_piece(
		&e, buf, 100, "k_errors_total{type=\"f\",event=\"x\"} 7\n");
	registry_get(registry, INCOMING, NULL);
	expect_piece(&e, buf, sizeof(buf),
		"# HELP k_incoming Neighbours.\n"
		"# TYPE k_incoming gauge\n"
		"k_incoming 0\n");
	expect_piece(&e, buf, sizeof(buf), "");
	exposition_fini(&e);
	registry_free(registry);
}
END_TEST

/* Cumulative buckets, sum and count must be of the same moment. */
START_TEST(a_series_in_parts_is_of_one_moment)
{
	static const char want[] = "k_plain_seconds_bucket{le=\"0.005\"} 1\n"
				   "k_plain_seconds_bucket{le=\"+Inf\"} 1\n"
				   "k_plain_seconds_sum 0.001\n"
				   "k_plain_seconds_count 1\n";
	struct registry *registry = make_registry();
	struct series *series = registry_get(registry, PLAIN, NULL);
	struct exposition e;
	struct strbuf text;
	char buf[10];
	ssize_t n_bytes;

	strbuf_init(&text, 0);
	series_observe(series, 1000000);
	exposition_start(&e, registry, false);
	n_bytes = exposition_read(&e, buf, sizeof(buf));
	ck_assert_int_eq(n_bytes, sizeof(buf));
	strbuf_add(&text, buf, (size_t)n_bytes);
	series_observe(series, 9000000);
	registry_remove(series);
	while ((n_bytes = exposition_read(&e, buf, sizeof(buf))) > 0)
		strbuf_add(&text, buf, (size_t)n_bytes);
	ck_assert_str_eq(strbuf_text(&text), want);
	exposition_fini(&e);
	strbuf_fini(&text);
	registry_free(registry);
}
END_TEST

START_TEST(it_can_be_left_half_way_and_wants_room)
{
	struct registry *registry = make_registry();
	struct exposition e;
	char buf[10];

	fill(registry);
	exposition_start(&e, registry, false);
	ck_assert_int_eq(exposition_read(&e, buf, 0), -EINVAL);
	ck_assert_int_eq(exposition_read(&e, buf, sizeof(buf)), sizeof(buf));
	exposition_fini(&e);
	registry_free(registry);
}
END_TEST

/* Keys of the greatest length, and every vmrange bucket filled. */
START_TEST(the_longest_series_fits_its_estimate)
{
	char label[REGISTRY_KEY_MAX_BYTES];
	struct registry *registry = make_registry();
	size_t label_bytes =
		REGISTRY_KEY_MAX_BYTES - strlen("k_ranges_seconds{type=\"\"}");
	struct series *series;
	char *text;
	size_t n_lines = 0;

	memset(label, 'x', label_bytes);
	label[label_bytes] = '\0';
	series = registry_get(registry, RANGES, LABELS(label));
	ck_assert_ptr_nonnull(series);
	series_observe(series, 0);
	for (double value_ns = 1; value_ns < 1.8e19; value_ns *= 1.05)
		series_observe(series, (uint64_t)value_ns);
	text = render(registry, true, 16384);
	for (const char *at = text; *at != '\0'; at++)
		n_lines += *at == '\n';
	/* Of the first 18 ranges only ten hold a whole nanosecond. */
	ck_assert_uint_gt(n_lines, 300);
	free(text);
	registry_free(registry);
}
END_TEST

static void
raise_gauge(void *arg)
{
	series_set(arg, 42);
}

START_TEST(hooks_run_before_the_first_byte)
{
	struct registry *registry = make_registry();

	registry_on_collect(
		registry, raise_gauge, registry_get(registry, INCOMING, NULL));
	expect_text(registry, false, 100, "k_incoming 42\n");
	registry_free(registry);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("exposition");
	TCase *tcase = tcase_create("exposition");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	/* Thousands of renderings; valgrind is slow. */
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, text_is_exact_in_pieces_of_every_size);
	tcase_add_test(tcase, nothing_is_an_empty_text);
	tcase_add_test(tcase, metadata_stands_once_before_each_family);
	tcase_add_test(tcase, series_stand_in_the_order_of_their_bytes);
	tcase_add_test(tcase, gauges_show_what_a_double_can_be);
	tcase_add_test(tcase, series_may_come_and_go_between_two_pieces);
	tcase_add_test(tcase, a_series_in_parts_is_of_one_moment);
	tcase_add_test(tcase, it_can_be_left_half_way_and_wants_room);
	tcase_add_test(tcase, the_longest_series_fits_its_estimate);
	tcase_add_test(tcase, hooks_run_before_the_first_byte);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
