/* SPDX-License-Identifier: Apache-2.0 */
/* Targets and their generations: what changes, what stays, what is stale. */
#include "supervisor/target.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct target_table table;

static void
setup(void)
{
	target_table_init(&table);
}

static void
teardown(void)
{
	target_table_fini(&table, 1);
}

static void
plan(enum worker_type type, const struct target_spec *specs, size_t count)
{
	target_table_begin(&table, type);
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(
			target_table_want(&table, type, &specs[i], i, NULL), 0);
	target_table_end(&table, type, 1);
}

static enum target_match
match(enum worker_type type, uint32_t id, uint32_t gen)
{
	struct target *target = NULL;
	enum target_match found =
		target_table_match(&table, type, id, gen, &target);

	ck_assert_int_eq(target != NULL, found == TARGET_CURRENT);
	return found;
}

static struct target_spec
a_spec(const char *key)
{
	return (struct target_spec){ .key = key, .url = "http://h/" };
}

START_TEST(what_does_not_change_keeps_its_generation)
{
	struct target_spec specs[2] = { a_spec("a"), a_spec("b") };
	uint32_t gen;

	plan(WORKER_EXTRA, specs, 2);
	ck_assert_uint_eq(table.count, 2);
	gen = table.targets[1]->gen;
	table.targets[1]->news = TARGET_NEWS_NONE;
	plan(WORKER_EXTRA, specs, 2);
	ck_assert_uint_eq(table.targets[1]->gen, gen);
	ck_assert_int_eq(table.targets[1]->news, TARGET_NEWS_NONE);
	ck_assert_int_eq(match(WORKER_EXTRA, 1, gen), TARGET_CURRENT);
}
END_TEST

#define CHANGE(change)                                                         \
	do {                                                                   \
		struct target_spec spec = a_spec("a");                         \
		uint32_t gen;                                                  \
		spec.expect[0].last = 200;                                     \
		spec.expect_count = 1;                                         \
		plan(WORKER_EXTRA, &spec, 1);                                  \
		gen = table.targets[0]->gen;                                   \
		table.targets[0]->news = TARGET_NEWS_NONE;                     \
		change;                                                        \
		plan(WORKER_EXTRA, &spec, 1);                                  \
		ck_assert_uint_gt(table.targets[0]->gen, gen);                 \
		ck_assert_int_eq(table.targets[0]->news, TARGET_NEWS_SPEC);    \
		ck_assert_int_eq(match(WORKER_EXTRA, 0, gen), TARGET_STALE);   \
	} while (0)

START_TEST(whatever_changes_makes_a_new_generation)
{
	CHANGE(spec.label = "x");
	CHANGE(spec.url = "http://i/");
	CHANGE(spec.method = "HEAD");
	CHANGE(spec.origin = "x");
	CHANGE(spec.headers = "A: b\n");
	CHANGE(spec.server_name = "x");
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++)
		CHANGE(spec.files[i] = "/x");
	CHANGE(spec.expect[0].last = 204);
	CHANGE(spec.expect_count = 0);
	CHANGE(spec.interval_ns = 7);
	CHANGE(spec.timeout_ns = 7);
	CHANGE(spec.dial_timeout_ns = 7);
	CHANGE(spec.tls_security_level = 1);
	CHANGE(spec.insecure = true);
	CHANGE(spec.follow_redirects = true);
	CHANGE(spec.reuse_connections = true);
	ck_assert_uint_eq(table.count, 1);
}
END_TEST

START_TEST(what_is_gone_is_stale_until_its_place_is_anothers)
{
	struct target_spec spec = a_spec("a");
	uint32_t gen;

	plan(WORKER_EXTRA, &spec, 1);
	gen = table.targets[0]->gen;
	plan(WORKER_EXTRA, NULL, 0);
	ck_assert(!target_table_has(&table, WORKER_EXTRA));
	ck_assert_int_eq(table.targets[0]->news, TARGET_NEWS_GONE);
	ck_assert_int_eq(match(WORKER_EXTRA, 0, gen), TARGET_STALE);
	/* its worker does not know yet: the place is not free */
	plan(WORKER_PATH, &spec, 1);
	ck_assert_uint_eq(table.count, 2);
	target_table_forget(&table, table.targets[0]);
	ck_assert_int_eq(match(WORKER_EXTRA, 0, gen), TARGET_STALE);
	spec = a_spec("c");
	target_table_begin(&table, WORKER_ME_INGRESS);
	target_table_want(&table, WORKER_ME_INGRESS, &spec, 0, NULL);
	target_table_end(&table, WORKER_ME_INGRESS, 1);
	ck_assert_uint_eq(table.count, 2);
	ck_assert_int_eq(table.targets[0]->type, WORKER_ME_INGRESS);
	ck_assert_int_eq(match(WORKER_EXTRA, 0, gen), TARGET_STALE);
}
END_TEST

START_TEST(gone_and_wanted_again_at_once_is_a_new_one)
{
	struct target_spec spec = a_spec("a");

	plan(WORKER_EXTRA, &spec, 1);
	plan(WORKER_EXTRA, NULL, 0);
	plan(WORKER_EXTRA, NULL, 0);
	plan(WORKER_EXTRA, &spec, 1);
	ck_assert_uint_eq(table.count, 2);
	ck_assert(target_table_has(&table, WORKER_EXTRA));
}
END_TEST

START_TEST(what_was_never_issued_is_unknown)
{
	struct target_spec spec = a_spec("a");
	uint32_t gen;

	ck_assert_int_eq(match(WORKER_EXTRA, 0, 0), TARGET_UNKNOWN);
	plan(WORKER_EXTRA, &spec, 1);
	gen = table.targets[0]->gen;
	ck_assert_int_eq(match(WORKER_EXTRA, 0, gen), TARGET_CURRENT);
	ck_assert_int_eq(match(WORKER_EXTRA, 0, gen + 1), TARGET_UNKNOWN);
	ck_assert_int_eq(match(WORKER_EXTRA, 1, gen), TARGET_UNKNOWN);
	ck_assert_int_eq(match(WORKER_EXTRA, UINT32_MAX, gen), TARGET_UNKNOWN);
	ck_assert_int_eq(match(WORKER_PATH, 0, gen), TARGET_UNKNOWN);
}
END_TEST

START_TEST(files_that_changed_make_a_new_generation)
{
	struct target_spec specs[2] = { a_spec("a"), a_spec("b") };
	uint32_t gen;

	specs[1].files[CONTROL_FILE_KEY] = "/ca";
	plan(WORKER_EXTRA, specs, 2);
	gen = table.last_gen;
	target_table_touch_files(&table);
	ck_assert_uint_lt(table.targets[0]->gen, gen);
	ck_assert_uint_eq(table.targets[1]->gen, gen + 1);
	ck_assert_int_eq(match(WORKER_EXTRA, 1, gen), TARGET_STALE);
}
END_TEST

START_TEST(a_new_worker_is_told_all_and_nothing_of_the_gone)
{
	struct target_spec specs[2] = { a_spec("a"), a_spec("b") };

	plan(WORKER_EXTRA, specs, 2);
	table.targets[0]->news = TARGET_NEWS_NONE;
	plan(WORKER_EXTRA, specs, 1);
	target_table_renew(&table, WORKER_EXTRA);
	ck_assert_int_eq(table.targets[0]->news, TARGET_NEWS_SPEC);
	ck_assert(!table.targets[1]->used);
}
END_TEST

START_TEST(tls_is_needed_where_a_url_is_https)
{
	struct target_spec specs[2] = { a_spec("a"), a_spec("b") };

	plan(WORKER_EXTRA, specs, 2);
	ck_assert(!target_table_needs_tls(&table, WORKER_EXTRA));
	specs[1].url = "HTTPS://h/";
	plan(WORKER_EXTRA, specs, 2);
	ck_assert(target_table_needs_tls(&table, WORKER_EXTRA));
	ck_assert(!target_table_needs_tls(&table, WORKER_PATH));
	ck_assert(!target_table_needs_unix(&table, WORKER_EXTRA));
	ck_assert(!target_is_unix(table.targets[0]));
	specs[0].url = "unix:///run/app.sock";
	plan(WORKER_EXTRA, specs, 1);
	ck_assert(target_table_needs_unix(&table, WORKER_EXTRA));
	ck_assert(!target_table_needs_tls(&table, WORKER_EXTRA));
	ck_assert(target_is_unix(table.targets[0]));
	plan(WORKER_EXTRA, NULL, 0);
	ck_assert(!target_table_needs_unix(&table, WORKER_EXTRA));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("target_table");
	TCase *tcase = tcase_create("target_table");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_does_not_change_keeps_its_generation);
	tcase_add_test(tcase, whatever_changes_makes_a_new_generation);
	tcase_add_test(
		tcase, what_is_gone_is_stale_until_its_place_is_anothers);
	tcase_add_test(tcase, gone_and_wanted_again_at_once_is_a_new_one);
	tcase_add_test(tcase, what_was_never_issued_is_unknown);
	tcase_add_test(tcase, files_that_changed_make_a_new_generation);
	tcase_add_test(tcase, a_new_worker_is_told_all_and_nothing_of_the_gone);
	tcase_add_test(tcase, tls_is_needed_where_a_url_is_https);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
