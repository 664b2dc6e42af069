/* SPDX-License-Identifier: Apache-2.0 */
/* What discovery keeps, and what it tells of it. */
#include "workers/discovery/item_store.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct item_fields
pod(const char *name, const char *ip)
{
	return (struct item_fields){ .namespace_name = "ns",
		.name = name,
		.node_name = "node",
		.ip = ip,
		.host_ip = "" };
}

/* Tells all that is to be told: "+a -b ". */
static const char *
tell(struct item_store *store)
{
	static char text[4096];
	struct item *item;
	size_t len = 0;

	text[0] = '\0';
	while ((item = item_store_first_changed(store)) != NULL) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%s ",
			item->gone ? '-' : '+', item_fields(item).name);
		item_store_told(store, item);
	}
	return text;
}

static void
list(struct item_store *store, const char *const *names, size_t count)
{
	item_store_begin(store);
	for (size_t i = 0; i < count; i++) {
		struct item_fields fields = pod(names[i], "10.0.0.1");

		ck_assert_int_eq(item_store_stage(store, &fields), 0);
	}
}

#define NAMES(...)                                                             \
	(const char *const[]){ __VA_ARGS__ },                                  \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

START_TEST(a_list_replaces_what_was_known)
{
	struct item_store store;

	item_store_init(&store);
	list(&store, NAMES("a", "b", "c"));
	ck_assert_str_eq(tell(&store), "");
	ck_assert_uint_eq(store.present_count, 0);
	item_store_commit(&store);
	ck_assert_uint_eq(store.present_count, 3);
	ck_assert_uint_eq(strlen(tell(&store)), 9);
	list(&store, NAMES("b", "d", "c"));
	item_store_commit(&store);
	ck_assert_uint_eq(store.present_count, 3);
	ck_assert_str_eq(tell(&store), "-a +d ");
	ck_assert_uint_eq(store.count, 3);
	item_store_fini(&store);
}
END_TEST

START_TEST(an_aborted_list_changes_nothing)
{
	struct item_store store;
	struct item_fields moved = pod("b", "10.0.0.9");

	item_store_init(&store);
	list(&store, NAMES("a", "b"));
	item_store_commit(&store);
	tell(&store);
	list(&store, NAMES("x", "y", "a"));
	ck_assert_int_eq(item_store_stage(&store, &moved), 0);
	item_store_abort(&store);
	ck_assert_str_eq(tell(&store), "");
	ck_assert_uint_eq(store.present_count, 2);
	ck_assert_uint_eq(store.count, 2);
	ck_assert_str_eq(
		item_fields(item_store_find(&store, "ns", "b")).ip, "10.0.0.1");
	/* what another list had staged goes as well */
	list(&store, NAMES("z"));
	list(&store, NAMES("b"));
	item_store_commit(&store);
	ck_assert_str_eq(tell(&store), "-a ");
	item_store_fini(&store);
}
END_TEST

START_TEST(a_confirmed_item_takes_no_memory)
{
	struct item_store store;

	item_store_init(&store);
	list(&store, NAMES("a", "b"));
	item_store_commit(&store);
	tell(&store);
	list(&store, NAMES("b", "a"));
	ck_assert_uint_eq(store.count, 2);
	item_store_commit(&store);
	ck_assert_str_eq(tell(&store), "");
	item_store_fini(&store);
}
END_TEST

START_TEST(a_name_twice_in_a_list)
{
	struct item_store store;
	struct item_fields a = pod("a", "10.0.0.1"), b = pod("b", "10.0.0.1");
	struct item_fields other = pod("a", "10.0.0.1");

	item_store_init(&store);
	item_store_begin(&store);
	ck_assert_int_eq(item_store_stage(&store, &a), 0);
	ck_assert_int_eq(item_store_stage(&store, &b), 0);
	ck_assert_int_eq(item_store_stage(&store, &a), -EEXIST);
	other.namespace_name = "other";
	ck_assert_int_eq(item_store_stage(&store, &other), 0);
	item_store_commit(&store);
	item_store_begin(&store); /* also for what is confirmed only */
	ck_assert_int_eq(item_store_stage(&store, &a), 0);
	ck_assert_int_eq(item_store_stage(&store, &a), -EEXIST);
	item_store_fini(&store);
}
END_TEST

START_TEST(changes_are_told_once)
{
	struct item_store store;
	struct item_fields a = pod("a", "10.0.0.1"), b = pod("b", "10.0.0.1");

	item_store_init(&store);
	item_store_set(&store, &a);
	item_store_set(&store, &b);
	a.ip = "10.0.0.2";
	item_store_set(&store, &a);
	a.ip = "10.0.0.3";
	item_store_set(&store, &a);
	ck_assert_uint_eq(store.count, 2);
	ck_assert_str_eq(tell(&store), "+b +a ");
	item_store_set(&store, &a);
	ck_assert_str_eq(tell(&store), "");
	item_store_touch(&store, item_store_find(&store, "ns", "a"));
	item_store_touch(&store, item_store_find(&store, "ns", "a"));
	ck_assert_str_eq(tell(&store), "+a ");
	item_store_fini(&store);
}
END_TEST

START_TEST(who_comes_and_goes_untold_leaves_no_trace)
{
	struct item_store store;
	struct item_fields a = pod("a", "10.0.0.1");

	item_store_init(&store);
	item_store_set(&store, &a);
	item_store_remove(&store, "ns", "a");
	item_store_remove(&store, "ns", "never");
	ck_assert_str_eq(tell(&store), "");
	ck_assert_uint_eq(store.count, 0);
	/* told, gone and back before that was told */
	item_store_set(&store, &a);
	tell(&store);
	item_store_remove(&store, "ns", "a");
	ck_assert_ptr_null(item_store_find(&store, "ns", "a"));
	item_store_set(&store, &a);
	ck_assert_str_eq(tell(&store), "+a ");
	item_store_remove(&store, "ns", "a");
	item_store_remove(&store, "ns", "a");
	ck_assert_str_eq(tell(&store), "-a ");
	ck_assert_uint_eq(store.count, 0);
	ck_assert_uint_eq(store.present_count, 0);
	item_store_fini(&store);
}
END_TEST

START_TEST(all_can_leave)
{
	struct item_store store;

	item_store_init(&store);
	list(&store, NAMES("a", "b"));
	item_store_commit(&store);
	tell(&store);
	list(&store, NAMES("c"));
	item_store_clear(&store);
	ck_assert_uint_eq(store.present_count, 0);
	item_store_commit(&store);
	ck_assert_uint_eq(store.present_count, 1);
	tell(&store);
	ck_assert_uint_eq(store.count, 1);
	item_store_fini(&store);
}
END_TEST

START_TEST(it_is_bounded)
{
	struct item_store store;
	char name[32];
	int rc = 0;
	size_t n = 0;

	item_store_init(&store);
	for (; rc == 0 && n < 10 * ITEM_STORE_MAX_ITEMS; n++) {
		struct item_fields fields = pod(name, "10.0.0.1");

		snprintf(name, sizeof(name), "p%zu", n);
		rc = item_store_set(&store, &fields);
	}
	ck_assert_int_eq(rc, -E2BIG);
	ck_assert_uint_eq(store.present_count, ITEM_STORE_MAX_ITEMS);
	item_store_begin(&store);
	for (rc = 0; rc == 0 && n < 20 * ITEM_STORE_MAX_ITEMS; n++) {
		struct item_fields fields = pod(name, "10.0.0.1");

		snprintf(name, sizeof(name), "q%zu", n);
		rc = item_store_stage(&store, &fields);
	}
	ck_assert_int_eq(rc, -E2BIG);
	item_store_abort(&store);
	ck_assert_uint_eq(store.count, ITEM_STORE_MAX_ITEMS);
	item_store_fini(&store);
}
END_TEST

static void
tell_silently(struct item_store *store)
{
	struct item *item;

	while ((item = item_store_first_changed(store)) != NULL)
		item_store_told(store, item);
}

static int
stage_many(struct item_store *store, size_t count)
{
	int rc = 0;

	item_store_begin(store);
	for (size_t i = 0; i < count && rc == 0; i++) {
		char name[32];
		struct item_fields fields = pod(name, "10.0.0.1");

		snprintf(name, sizeof(name), "p%zu", i);
		rc = item_store_stage(store, &fields);
	}
	return rc;
}

/* The same bound for a first list, and for one that mostly confirms. */
START_TEST(a_list_has_so_many_and_not_one_more)
{
	struct item_store store;

	item_store_init(&store);
	ck_assert_int_eq(stage_many(&store, ITEM_STORE_MAX_ITEMS + 1), -E2BIG);
	item_store_abort(&store);
	ck_assert_uint_eq(store.count, 0);
	ck_assert_int_eq(stage_many(&store, ITEM_STORE_MAX_ITEMS), 0);
	item_store_commit(&store);
	tell_silently(&store);
	ck_assert_int_eq(stage_many(&store, ITEM_STORE_MAX_ITEMS + 1), -E2BIG);
	item_store_abort(&store);
	ck_assert_uint_eq(store.present_count, ITEM_STORE_MAX_ITEMS);
	ck_assert_ptr_null(item_store_first_changed(&store));
	item_store_fini(&store);
}
END_TEST

/* One that is known changes, though there is no room for another. */
START_TEST(a_full_store_takes_changes)
{
	const struct item_fields change = pod("p7", "10.0.0.7");
	const struct item_fields another = pod("q", "10.0.0.7");
	struct item_store store;

	item_store_init(&store);
	ck_assert_int_eq(stage_many(&store, ITEM_STORE_MAX_ITEMS), 0);
	item_store_commit(&store);
	tell_silently(&store);
	ck_assert_int_eq(item_store_set(&store, &another), -E2BIG);
	ck_assert(!item_store_is_changed(&store, "ns", "p7"));
	ck_assert_int_eq(item_store_set(&store, &change), 0);
	ck_assert(item_store_is_changed(&store, change.namespace_name, "p7"));
	ck_assert(!item_store_is_changed(&store, change.namespace_name, "p8"));
	ck_assert_uint_eq(store.present_count, ITEM_STORE_MAX_ITEMS);
	item_store_fini(&store);
}
END_TEST

/* Against a plain array, through lists, sets and removals at random. */
START_TEST(like_a_plain_array)
{
	enum { NAMES_COUNT = 40 };
	struct item_store store;
	bool known[NAMES_COUNT] = { false }, told[NAMES_COUNT] = { false };
	uint32_t seed = 1;

	item_store_init(&store);
	for (unsigned step = 0; step < 20000; step++) {
		char name[16];
		unsigned i, what;
		struct item_fields fields = pod(name, "10.0.0.1");
		struct item *item;

		seed = seed * 1664525u + 1013904223u;
		i = seed >> 8 & 31;
		what = seed >> 20 & 15;
		snprintf(name, sizeof(name), "n%u", i);
		if (what < 6) {
			item_store_set(&store, &fields);
			known[i] = true;
		} else if (what < 12) {
			item_store_remove(&store, "ns", name);
			known[i] = false;
		} else if (what < 14) {
			item_store_begin(&store);
			for (unsigned j = 0; j < NAMES_COUNT; j++) {
				snprintf(name, sizeof(name), "n%u", j);
				if ((j * 7 + seed) % 3 == 0)
					item_store_stage(&store, &fields);
				if (what == 12)
					known[j] = (j * 7 + seed) % 3 == 0;
			}
			if (what == 12)
				item_store_commit(&store);
			else
				item_store_abort(&store);
		} else {
			while ((item = item_store_first_changed(&store)) !=
				NULL) {
				told[atoi(item_fields(item).name + 1)] =
					!item->gone;
				item_store_told(&store, item);
			}
			for (unsigned j = 0; j < NAMES_COUNT; j++)
				ck_assert_int_eq(told[j], known[j]);
		}
		for (unsigned j = 0; j < NAMES_COUNT; j++) {
			snprintf(name, sizeof(name), "n%u", j);
			ck_assert_int_eq(
				item_store_find(&store, "ns", name) != NULL,
				known[j]);
		}
	}
	item_store_fini(&store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("item_store");
	TCase *tcase = tcase_create("item_store");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_list_replaces_what_was_known);
	tcase_add_test(tcase, an_aborted_list_changes_nothing);
	tcase_add_test(tcase, a_confirmed_item_takes_no_memory);
	tcase_add_test(tcase, a_name_twice_in_a_list);
	tcase_add_test(tcase, changes_are_told_once);
	tcase_add_test(tcase, who_comes_and_goes_untold_leaves_no_trace);
	tcase_add_test(tcase, all_can_leave);
	tcase_add_test(tcase, it_is_bounded);
	tcase_add_test(tcase, a_list_has_so_many_and_not_one_more);
	tcase_add_test(tcase, a_full_store_takes_changes);
	tcase_add_test(tcase, like_a_plain_array);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
