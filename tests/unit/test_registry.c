/* SPDX-License-Identifier: Apache-2.0 */
/* Series: who holds them, when they go, and the order they stand in. */
#include "supervisor/registry.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/label_text.h"
#include "supervisor/series.h"

#define TTL_NS      900000000000ULL
#define LABELS(...) ((const char *const[]){ __VA_ARGS__ })

enum id { REQUESTS, UP, SECONDS, NOBODY, ID_COUNT };

static struct registry *
make_registry(size_t max_series)
{
	static const double bounds_s[] = { 1e-6, 2e-6 };
	static const struct family_def defs[] = {
		[REQUESTS] = { .name = "requests_total",
			.help = "Requests.",
			.kind = KIND_COUNTER,
			.labels = { "type", "code" } },
		[UP] = { .name = "up", .help = "Up.", .kind = KIND_GAUGE },
		[SECONDS] = { .name = "seconds",
			.help = "Seconds.",
			.kind = KIND_HISTOGRAM,
			.labels = { "type" },
			.bounds_s = bounds_s,
			.n_bounds = 2 },
	};
	struct registry *registry = registry_new(ID_COUNT, max_series);

	ck_assert_ptr_nonnull(registry);
	for (size_t id = 0; id < NOBODY; id++)
		ck_assert_int_eq(registry_register(registry, id, &defs[id]), 0);
	return registry;
}

static struct series *
get_requests(struct registry *registry, const char *type)
{
	return registry_get(registry, REQUESTS, LABELS(type, "200"));
}

static size_t
count_shown(const struct registry *registry)
{
	const struct series *series = registry_first_after(registry, "", 0);
	size_t n_shown = 0;

	for (; series != NULL; series = series->next[0])
		n_shown++;
	return n_shown;
}

START_TEST(bad_definitions_are_refused)
{
	const double falling_s[] = { 2, 1 };
	const double equal_s[] = { .5, .5 };
	const struct family_def bad[] = {
		{ .name = "x",
			.help = "x",
			.kind = KIND_HISTOGRAM,
			.bounds_s = equal_s,
			.n_bounds = 2 },
		{ .name = "", .help = "x", .kind = KIND_GAUGE },
		{ .name = "x", .help = "", .kind = KIND_GAUGE },
		{ .name = "x", .help = "two\nlines", .kind = KIND_GAUGE },
		{ .name = "x", .help = "back\\slash", .kind = KIND_GAUGE },
		{ .name = "x",
			.help = "x",
			.kind = KIND_HISTOGRAM,
			.bounds_s = falling_s,
			.n_bounds = 2 },
	};
	const struct family_def good = {
		.name = "x", .help = "x", .kind = KIND_GAUGE
	};
	struct registry *registry = make_registry(10);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(
			registry_register(registry, NOBODY, &bad[i]), -EINVAL);
	ck_assert_int_eq(registry_register(registry, UP, &good), -EINVAL);
	ck_assert_int_eq(registry_register(registry, ID_COUNT, &good), -EINVAL);
	ck_assert_int_eq(registry_register(registry, NOBODY, &good), 0);
	registry_free(registry);
}
END_TEST

START_TEST(same_labels_are_the_same_series)
{
	struct registry *registry = make_registry(10);
	struct series *a = get_requests(registry, "me_service");
	struct series *b = get_requests(registry, "me_ingress");

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(a, get_requests(registry, "me_service"));
	ck_assert_uint_eq(registry_series_count(registry), 2);
	ck_assert_uint_eq(count_shown(registry), 2);
	registry_free(registry);
}
END_TEST

/* What joins two values must not be mistaken for one of them. */
START_TEST(labels_cannot_be_confused)
{
	struct registry *registry = make_registry(10);
	struct series *a =
		registry_get(registry, REQUESTS, LABELS("a\",code=\"b", "c"));
	struct series *b =
		registry_get(registry, REQUESTS, LABELS("a", "b\",code=\"c"));

	ck_assert_ptr_ne(a, b);
	registry_free(registry);
}
END_TEST

START_TEST(an_unregistered_family_has_no_series)
{
	struct registry *registry = make_registry(10);

	ck_assert_ptr_null(registry_get(registry, NOBODY, NULL));
	ck_assert_uint_eq(registry_refused_count(registry, REGISTRY_OWN), 0);
	series_add(NULL, 1);
	series_raise(NULL, 1);
	series_set(NULL, 1);
	series_observe(NULL, 1);
	registry_put(NULL, 1);
	registry_remove(NULL);
	registry_free(registry);
}
END_TEST

/* F 4.14 */
START_TEST(a_series_given_back_goes_on_counting_until_it_expires)
{
	struct registry *registry = make_registry(10);
	struct series *series = get_requests(registry, "path_a");

	series_add(series, 3);
	registry_put(series, 1000);
	ck_assert_uint_eq(registry_expire(registry, 999 + TTL_NS, TTL_NS), 0);
	ck_assert_ptr_eq(series, get_requests(registry, "path_a"));
	series_add(series, 4);
	ck_assert_uint_eq(series->value.count, 7);
	/* Held again, it does not expire however late it is. */
	ck_assert_uint_eq(registry_expire(registry, 9 * TTL_NS, TTL_NS), 0);
	registry_put(series, 9 * TTL_NS);
	ck_assert_uint_eq(
		registry_expire(registry, 10 * TTL_NS - 1, TTL_NS), 0);
	ck_assert_uint_eq(registry_expire(registry, 10 * TTL_NS, TTL_NS), 1);
	ck_assert_uint_eq(registry_series_count(registry), 0);
	ck_assert_uint_eq(count_shown(registry), 0);
	series = get_requests(registry, "path_a");
	ck_assert_uint_eq(series->value.count, 0);
	registry_free(registry);
}
END_TEST

START_TEST(a_series_held_twice_needs_two_puts)
{
	struct registry *registry = make_registry(10);
	struct series *series = get_requests(registry, "path_a");

	get_requests(registry, "path_a");
	registry_put(series, 0);
	ck_assert_uint_eq(registry_expire(registry, TTL_NS, TTL_NS), 0);
	registry_put(series, TTL_NS);
	ck_assert_uint_eq(registry_expire(registry, 2 * TTL_NS, TTL_NS), 1);
	registry_free(registry);
}
END_TEST

/* Taking back one from the middle of those that wait leaves the others. */
/* F 4.14 */
START_TEST(only_those_that_are_due_expire)
{
	struct registry *registry = make_registry(10);
	struct series *series[3];
	char type[32];

	for (int i = 0; i < 3; i++) {
		snprintf(type, sizeof(type), "path_%d", i);
		series[i] = get_requests(registry, type);
	}
	for (int i = 0; i < 3; i++)
		registry_put(series[i], (uint64_t)i);
	ck_assert_ptr_eq(series[1], get_requests(registry, "path_1"));
	ck_assert_uint_eq(registry_expire(registry, TTL_NS + 1, TTL_NS), 1);
	ck_assert_uint_eq(registry_expire(registry, TTL_NS + 2, TTL_NS), 1);
	ck_assert_uint_eq(registry_series_count(registry), 1);
	ck_assert_ptr_eq(registry_first_after(registry, "", 0), series[1]);
	registry_free(registry);
}
END_TEST

START_TEST(expiry_takes_a_bounded_number_at_a_time)
{
	struct registry *registry = make_registry(1000);
	char type[32];

	for (int i = 0; i < REGISTRY_EXPIRE_MAX + 5; i++) {
		snprintf(type, sizeof(type), "path_%d", i);
		registry_put(get_requests(registry, type), 0);
	}
	ck_assert_uint_eq(
		registry_expire(registry, TTL_NS, TTL_NS), REGISTRY_EXPIRE_MAX);
	ck_assert_uint_eq(registry_expire(registry, TTL_NS, TTL_NS), 5);
	registry_free(registry);
}
END_TEST

START_TEST(a_removed_series_goes_with_its_last_holder)
{
	struct registry *registry = make_registry(10);
	struct series *series = registry_get(registry, UP, NULL);

	ck_assert_ptr_eq(series, registry_get(registry, UP, NULL));
	registry_remove(series);
	ck_assert_uint_eq(count_shown(registry), 1);
	registry_remove(series);
	ck_assert_uint_eq(count_shown(registry), 0);
	registry_free(registry);
}
END_TEST

START_TEST(what_is_too_much_is_refused_and_counted)
{
	struct registry *registry = make_registry(2);
	struct series *series = get_requests(registry, "a");
	char *endless = malloc(REGISTRY_KEY_MAX_BYTES + 1);

	memset(endless, 'x', REGISTRY_KEY_MAX_BYTES);
	endless[REGISTRY_KEY_MAX_BYTES] = '\0';
	ck_assert_ptr_null(get_requests(registry, endless));
	ck_assert_uint_eq(registry_refused_count(registry, REGISTRY_OWN), 1);
	ck_assert_ptr_nonnull(get_requests(registry, "b"));
	ck_assert_ptr_null(get_requests(registry, "c"));
	ck_assert_uint_eq(registry_refused_count(registry, REGISTRY_OWN), 2);
	/* What is there can still be had, and what goes makes room. */
	ck_assert_ptr_eq(series, get_requests(registry, "a"));
	registry_remove(series);
	registry_remove(series);
	ck_assert_ptr_nonnull(get_requests(registry, "c"));
	free(endless);
	registry_free(registry);
}
END_TEST

/* The histogram of make_registry() has three buckets, a sum and a count. */
#define SECONDS_LINES 5

static struct series *
get_for(struct registry *registry, unsigned account, enum id id,
	const char *type)
{
	return registry_get_for(
		registry, account, (size_t)id, LABELS(type, "200"));
}

START_TEST(a_histogram_counts_by_its_lines)
{
	const struct registry_budget budget = { 100, 2 * SECONDS_LINES + 1 };
	struct registry *registry = make_registry(100);

	registry_set_budget(registry, 1, &budget);
	ck_assert_uint_eq(registry_lines_of(registry, SECONDS), SECONDS_LINES);
	ck_assert_uint_eq(registry_lines_of(registry, REQUESTS), 1);
	ck_assert_uint_eq(registry_lines_of(registry, NOBODY), 0);
	ck_assert_ptr_nonnull(get_for(registry, 1, SECONDS, "a"));
	ck_assert_ptr_nonnull(get_for(registry, 1, SECONDS, "b"));
	ck_assert_ptr_null(get_for(registry, 1, SECONDS, "c"));
	ck_assert_ptr_nonnull(get_for(registry, 1, REQUESTS, "a"));
	ck_assert_ptr_null(get_for(registry, 1, REQUESTS, "b"));
	ck_assert_uint_eq(registry_refused_count(registry, 1), 2);
	ck_assert_uint_eq(registry_line_count(registry), 2 * SECONDS_LINES + 1);
	registry_free(registry);
}
END_TEST

START_TEST(an_account_never_costs_another_its_series)
{
	const struct registry_budget budget = { 2, 100 };
	struct registry *registry = make_registry(3);
	struct series *shared;

	registry_set_budget(registry, 1, &budget);
	for (int i = 0; i < 1000; i++) {
		char type[16];

		snprintf(type, sizeof(type), "%d", i);
		registry_put(get_for(registry, 1, REQUESTS, type), 1);
		get_for(registry, 1, SECONDS, type);
	}
	ck_assert_uint_eq(registry_series_count(registry), 2);
	ck_assert_ptr_nonnull(get_for(registry, 2, REQUESTS, "a"));
	ck_assert_ptr_nonnull(get_requests(registry, "b"));
	ck_assert_uint_eq(registry_refused_count(registry, 2), 0);
	ck_assert_uint_eq(registry_refused_count(registry, REGISTRY_OWN), 0);
	/* what is there is anyone's, and is paid for once */
	shared = get_for(registry, 2, REQUESTS, "a");
	ck_assert_ptr_eq(get_for(registry, 1, REQUESTS, "a"), shared);
	registry_free(registry);
}
END_TEST

START_TEST(what_nobody_holds_makes_room_for_what_is_new)
{
	const struct registry_budget budget = { 100, SECONDS_LINES };
	struct registry *registry = make_registry(100);
	struct series *first, *held, *fifth;

	registry_set_budget(registry, 1, &budget);
	held = get_for(registry, 1, REQUESTS, "held");
	first = get_for(registry, 1, REQUESTS, "first");
	registry_put(get_for(registry, 1, REQUESTS, "second"), 1);
	registry_put(first, 2);
	get_for(registry, 1, REQUESTS, "third");
	get_for(registry, 1, REQUESTS, "fourth");
	ck_assert_uint_eq(count_shown(registry), SECONDS_LINES);
	/* the one longest unheld has gone, and no other */
	fifth = get_for(registry, 1, REQUESTS, "fifth");
	ck_assert_uint_eq(count_shown(registry), SECONDS_LINES);
	ck_assert_ptr_eq(get_for(registry, 1, REQUESTS, "first"), first);
	ck_assert_ptr_eq(get_for(registry, 1, REQUESTS, "held"), held);
	ck_assert_ptr_null(get_for(registry, 1, REQUESTS, "second"));
	/* a histogram does not fit beside what is held, and costs nothing */
	registry_put(fifth, 3);
	ck_assert_ptr_null(get_for(registry, 1, SECONDS, "a"));
	ck_assert_uint_eq(count_shown(registry), SECONDS_LINES);
	ck_assert_uint_eq(registry_refused_count(registry, 1), 2);
	registry_free(registry);
}
END_TEST

START_TEST(a_long_key_counts_as_several)
{
	const struct registry_budget budget = { 100, 3 };
	struct registry *registry = make_registry(100);
	char type[REGISTRY_LINE_KEY_BYTES + 1];

	memset(type, 'x', sizeof(type));
	type[sizeof(type) - 1] = '\0';
	registry_set_budget(registry, 1, &budget);
	ck_assert_ptr_nonnull(get_for(registry, 1, REQUESTS, type));
	type[0] = 'y';
	ck_assert_ptr_null(get_for(registry, 1, REQUESTS, type));
	ck_assert_ptr_nonnull(get_for(registry, 1, REQUESTS, "z"));
	ck_assert_uint_eq(registry_line_count(registry), 3);
	registry_free(registry);
}
END_TEST

START_TEST(a_smaller_budget_takes_nothing_away)
{
	const struct registry_budget budget = { 1, 1 };
	struct registry *registry = make_registry(100);

	get_requests(registry, "a");
	get_requests(registry, "b");
	registry_set_budget(registry, REGISTRY_OWN, &budget);
	ck_assert_ptr_nonnull(get_requests(registry, "a"));
	ck_assert_ptr_null(get_requests(registry, "c"));
	ck_assert_uint_eq(count_shown(registry), 2);
	registry_free(registry);
}
END_TEST

START_TEST(a_counter_never_goes_down)
{
	struct registry *registry = make_registry(10);
	struct series *series = get_requests(registry, "a");

	series_raise(series, 10);
	series_raise(series, 9);
	ck_assert_uint_eq(series->value.count, 10);
	registry_free(registry);
}
END_TEST

static void
add_one(void *arg)
{
	++*(int *)arg;
}

START_TEST(hooks_run_at_each_scrape_and_are_bounded)
{
	struct registry *registry = make_registry(10);
	int n_calls = 0;

	for (int i = 0; i < REGISTRY_HOOKS_MAX; i++)
		ck_assert_int_eq(
			registry_on_collect(registry, add_one, &n_calls), 0);
	ck_assert_int_eq(
		registry_on_collect(registry, add_one, &n_calls), -ENOSPC);
	registry_collect(registry);
	registry_collect(registry);
	ck_assert_int_eq(n_calls, 2 * REGISTRY_HOOKS_MAX);
	registry_free(registry);
}
END_TEST

static void
expect_escaped(const char *value, const char *want)
{
	struct strbuf text;

	strbuf_init(&text, 0);
	label_text_add(&text, value);
	ck_assert_str_eq(strbuf_text(&text), want);
	strbuf_fini(&text);
}

/* F 4.11 */
START_TEST(label_values_are_escaped)
{
	expect_escaped("", "");
	expect_escaped("plain", "plain");
	expect_escaped("a\\b\"c\nd", "a\\\\b\\\"c\\nd");
	/* Legal as they are. */
	expect_escaped("\t\x01\x7f", "\t\x01\x7f");
	expect_escaped("\xc2\xad\xe2\x80\xa8\xc3\xa9\xf0\x9f\xa9\xba",
		"\xc2\xad\xe2\x80\xa8\xc3\xa9\xf0\x9f\xa9\xba");
	expect_escaped("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
	expect_escaped("\xed\x9f\xbf", "\xed\x9f\xbf");
}
END_TEST

#define BAD "\xef\xbf\xbd"

/* F 4.11 */
START_TEST(what_is_not_utf8_is_replaced)
{
	expect_escaped("a\xff"
		       "b",
		"a" BAD "b");
	expect_escaped("\x80", BAD);
	expect_escaped("\xc3", BAD);
	expect_escaped("\xc3\"", BAD "\\\"");
	expect_escaped("\xe2\x80", BAD BAD);
	expect_escaped("\xf0\x9f\xa9", BAD BAD BAD);
	expect_escaped("\xc0\xaf", BAD BAD);
	expect_escaped("\xc1\xbf", BAD BAD);
	expect_escaped("\xe0\x9f\xbf", BAD BAD BAD);
	expect_escaped("\xed\xa0\x80", BAD BAD BAD);
	expect_escaped("\xf0\x8f\xbf\xbf", BAD BAD BAD BAD);
	expect_escaped("\xf4\x90\x80\x80", BAD BAD BAD BAD);
	expect_escaped("\xf5\x80\x80\x80", BAD BAD BAD BAD);
}
END_TEST

static int
compare_keys(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint64_t
draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random >> 11;
}

static bool
stands(char *const *keys, size_t n_keys, const char *key)
{
	for (size_t i = 0; i < n_keys; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

/* A short label of bytes that are close to the closing quote and the brace. */
static void
draw_label(uint64_t *random, char label[static 6])
{
	static const char bytes[] = " !#,{}aAz09_|~";
	size_t len_bytes = draw(random) % 6;

	for (size_t i = 0; i < len_bytes; i++)
		label[i] = bytes[draw(random) % (sizeof(bytes) - 1)];
	label[len_bytes] = '\0';
}

static void
expect_order(const struct registry *registry, char **keys, size_t n_keys)
{
	const struct series *series = registry_first_after(registry, "", 0);

	qsort(keys, n_keys, sizeof(keys[0]), compare_keys);
	for (size_t i = 0; i < n_keys; i++) {
		ck_assert_ptr_nonnull(series);
		ck_assert_uint_eq(series->key_len_bytes, strlen(keys[i]));
		ck_assert_mem_eq(
			series_key(series), keys[i], series->key_len_bytes);
		series = series->next[0];
		ck_assert_ptr_eq(series, registry_first_after(registry, keys[i],
						 strlen(keys[i])));
	}
	ck_assert_ptr_null(series);
}

/* Random names and labels come and go; the order stays that of the bytes. */
/* K 4.10 */
START_TEST(order_is_that_of_the_bytes)
{
	static const char *const names[] = { "a", "a_b", "ab", "a_", "aB", "b",
		"a_total", "a0" };
	enum { N_NAMES = 8, N_KEYS = 1500 };
	static char *keys[N_KEYS];
	struct registry *registry = registry_new(N_NAMES, N_KEYS);
	uint64_t random = 2463534242;
	size_t n_keys = 0;

	for (size_t i = 0; i < N_NAMES; i++)
		registry_register(registry, i,
			&(struct family_def){ .name = names[i],
				.help = "x",
				.kind = KIND_GAUGE,
				.labels = { i == 1 ? NULL : "l" } });
	for (size_t i = 0; i < N_KEYS; i++) {
		size_t id = draw(&random) % N_NAMES;
		struct series *series;
		char label[6];
		char key[32];

		draw_label(&random, label);
		snprintf(key, sizeof(key), id == 1 ? "%s" : "%s{l=\"%s\"}",
			names[id], label);
		series = registry_get(registry, id, LABELS(label));
		ck_assert_ptr_nonnull(series);
		if (stands(keys, n_keys, key))
			registry_put(series, i);
		else if (draw(&random) % 4 == 0)
			registry_remove(series);
		else
			keys[n_keys++] = strdup(key);
	}
	ck_assert_uint_gt(n_keys, 500);
	ck_assert_uint_eq(registry_series_count(registry), n_keys);
	expect_order(registry, keys, n_keys);
	for (size_t i = 0; i < n_keys; i++)
		free(keys[i]);
	registry_free(registry);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, bad_definitions_are_refused);
	tcase_add_test(tcase, same_labels_are_the_same_series);
	tcase_add_test(tcase, labels_cannot_be_confused);
	tcase_add_test(tcase, an_unregistered_family_has_no_series);
	tcase_add_test(
		tcase, a_series_given_back_goes_on_counting_until_it_expires);
	tcase_add_test(tcase, a_series_held_twice_needs_two_puts);
	tcase_add_test(tcase, only_those_that_are_due_expire);
	tcase_add_test(tcase, expiry_takes_a_bounded_number_at_a_time);
	tcase_add_test(tcase, a_removed_series_goes_with_its_last_holder);
	tcase_add_test(tcase, what_is_too_much_is_refused_and_counted);
	tcase_add_test(tcase, a_histogram_counts_by_its_lines);
	tcase_add_test(tcase, an_account_never_costs_another_its_series);
	tcase_add_test(tcase, what_nobody_holds_makes_room_for_what_is_new);
	tcase_add_test(tcase, a_long_key_counts_as_several);
	tcase_add_test(tcase, a_smaller_budget_takes_nothing_away);
	tcase_add_test(tcase, a_counter_never_goes_down);
	tcase_add_test(tcase, hooks_run_at_each_scrape_and_are_bounded);
	tcase_add_test(tcase, label_values_are_escaped);
	tcase_add_test(tcase, what_is_not_utf8_is_replaced);
	tcase_add_test(tcase, order_is_that_of_the_bytes);
}

int
main(void)
{
	Suite *suite = suite_create("registry");
	TCase *tcase = tcase_create("registry");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	add_tests(tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
