/* SPDX-License-Identifier: Apache-2.0 */
/* Who checks whom: the contract's vectors, and what must hold of any cluster.
 */
#include "supervisor/ring.h"
#include "workers/discovery/node_hash.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 200
#define LIMIT     10

struct cluster {
	char names[NODES_MAX][40];
	size_t count;
};

static struct ring_candidate
candidate(const char *node_name, const char *pod_name, bool ready)
{
	return (struct ring_candidate){
		.node_hash = node_hash(node_name),
		.node_name = node_name,
		.pod_name = pod_name,
		.ready = ready,
	};
}

/* K 5.5 */
START_TEST(hashes_of_kubenurse_1)
{
	ck_assert_uint_eq(node_hash(""), 16406829232824261652ULL);
	ck_assert_uint_eq(node_hash("kind-worker"), 7596140118108080231ULL);
	ck_assert_uint_eq(node_hash("node-01"), 8113651844681518500ULL);
}
END_TEST

/* K 5.3, K 5.5 */
START_TEST(the_next_ten_of_a_thousand)
{
	static const char *const wanted[LIMIT] = { "628", "075", "859", "481",
		"613", "167", "297", "793", "361", "695" };
	static char names[1000][40];
	static struct ring_candidate candidates[1000];
	size_t count = 0;

	for (unsigned i = 0; i < 1000; i++)
		snprintf(names[i], sizeof(names[i]),
			"a1-k8s-abcd%03u.domain.tld", i);
	for (unsigned i = 1; i < 1000; i++)
		candidates[count++] = candidate(names[i], names[i], true);
	ck_assert_uint_eq(
		ring_select(candidates, count, node_hash(names[0]), LIMIT),
		LIMIT);
	for (unsigned i = 0; i < LIMIT; i++)
		ck_assert(strncmp(candidates[i].node_name + 11, wanted[i], 3) ==
			  0);
}
END_TEST

static void
make_cluster(struct cluster *cluster, size_t count, unsigned seed)
{
	cluster->count = count;
	for (size_t i = 0; i < count; i++)
		snprintf(cluster->names[i], sizeof(cluster->names[i]),
			"node-%zu-%u", i, seed * 7919u + (unsigned)i * 31u);
}

/* Bit by bit: does node i check node j? */
static void
select_all(const struct cluster *cluster, bool checks[NODES_MAX][NODES_MAX])
{
	struct ring_candidate candidates[NODES_MAX];

	memset(checks, 0, sizeof(bool) * NODES_MAX * NODES_MAX);
	for (size_t i = 0; i < cluster->count; i++) {
		size_t count = 0, selected;

		for (size_t j = 0; j < cluster->count; j++)
			if (j != i) {
				candidates[count] = candidate(cluster->names[j],
					cluster->names[j], j % 3 != 0);
				candidates[count++].owner =
					(void *)(uintptr_t)j;
			}
		selected = ring_select(
			candidates, count, node_hash(cluster->names[i]), LIMIT);
		for (size_t k = 0; k < selected; k++)
			checks[i][(uintptr_t)candidates[k].owner] = true;
	}
}

/* K 5.3 */
START_TEST(every_node_is_checked_by_exactly_limit_others)
{
	static bool checks[NODES_MAX][NODES_MAX];
	static struct cluster cluster;

	for (unsigned seed = 0; seed < 30; seed++) {
		size_t n = LIMIT + 1 + seed * 37 % (NODES_MAX - LIMIT - 1);

		make_cluster(&cluster, n, seed);
		select_all(&cluster, checks);
		for (size_t j = 0; j < n; j++) {
			size_t observers = 0;

			for (size_t i = 0; i < n; i++)
				observers += checks[i][j];
			ck_assert_uint_eq(observers, LIMIT);
			ck_assert(!checks[j][j]);
		}
	}
}
END_TEST

START_TEST(one_more_node_changes_the_sets_of_limit_others)
{
	static bool before[NODES_MAX][NODES_MAX], after[NODES_MAX][NODES_MAX];
	static struct cluster cluster;

	for (unsigned seed = 0; seed < 20; seed++) {
		size_t n = LIMIT + 1 + seed * 9, changed = 0;

		make_cluster(&cluster, n + 1, seed);
		select_all(&cluster, after);
		cluster.count = n; /* without the last one */
		select_all(&cluster, before);
		for (size_t i = 0; i < n; i++) {
			size_t lost = 0;

			for (size_t j = 0; j < n; j++)
				lost += before[i][j] != after[i][j];
			ck_assert_uint_eq(lost, after[i][n] ? 1 : 0);
			changed += after[i][n];
		}
		ck_assert_uint_eq(changed, LIMIT);
	}
}
END_TEST

/* F 5.4 */
START_TEST(two_pods_of_a_node_count_once)
{
	struct ring_candidate candidates[] = {
		candidate("a", "a-old", false),
		candidate("b", "b-1", true),
		candidate("a", "a-new", true),
		candidate("b", "b-0", true),
		candidate("c", "c-1", false),
		candidate("c", "c-0", false),
	};
	const char *pods[3];
	size_t n;

	candidates[1].selected = true;
	n = ring_select(candidates, 6, 0, 0);
	ck_assert_uint_eq(n, 3);
	for (size_t i = 0; i < n; i++)
		pods[candidates[i].node_name[0] - 'a'] = candidates[i].pod_name;
	ck_assert_str_eq(pods[0], "a-new"); /* the ready one */
	ck_assert_str_eq(pods[1], "b-1");   /* the one that was checked */
	ck_assert_str_eq(pods[2], "c-0");   /* any, but always the same */
}
END_TEST

/* K 1.31 */
START_TEST(limits)
{
	struct ring_candidate candidates[20];
	char names[20][8];

	for (int64_t limit = -1; limit <= 21; limit++) {
		size_t wanted = limit <= 0 || limit > 20 ? 20 : (size_t)limit;

		for (size_t i = 0; i < 20; i++) {
			snprintf(names[i], sizeof(names[i]), "n%zu", i);
			candidates[i] = candidate(names[i], names[i], true);
		}
		ck_assert_uint_eq(
			ring_select(candidates, 20, UINT64_MAX, limit), wanted);
	}
	ck_assert_uint_eq(ring_select(NULL, 0, 1, 10), 0);
}
END_TEST

/* K 5.3 */
START_TEST(the_ring_wraps)
{
	struct ring_candidate candidates[] = {
		{ .node_hash = 5, .node_name = "low", .pod_name = "low" },
		{ .node_hash = UINT64_MAX,
			.node_name = "top",
			.pod_name = "top" },
		{ .node_hash = UINT64_MAX - 20,
			.node_name = "behind",
			.pod_name = "behind" },
	};

	ck_assert_uint_eq(ring_select(candidates, 3, UINT64_MAX - 10, 2), 2);
	ck_assert_str_eq(candidates[0].node_name, "top");
	ck_assert_str_eq(candidates[1].node_name, "low");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ring");
	TCase *tcase = tcase_create("ring");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, hashes_of_kubenurse_1);
	tcase_add_test(tcase, the_next_ten_of_a_thousand);
	tcase_add_test(tcase, every_node_is_checked_by_exactly_limit_others);
	tcase_add_test(tcase, one_more_node_changes_the_sets_of_limit_others);
	tcase_add_test(tcase, two_pods_of_a_node_count_once);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, the_ring_wraps);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
