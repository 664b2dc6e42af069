/* SPDX-License-Identifier: Apache-2.0 */
/* How many series each worker type may have, and what is said of more. */
#include "supervisor/series_budget.h"

#include "common/clock.h"
#include "supervisor/aggregate.h"
#include "supervisor/exposition.h"
#include "supervisor/metric_families.h"
#include "supervisor/neighbours.h"
#include "supervisor/series.h"
#include "tests/unit/conf_fixture.h"

#include <unistd.h>

#define CHECKS_COUNT 1000 /* CONF_CHECKS_MAX */
#define NAMESERVERS  3    /* resolv.conf(5): MAXNS */

static struct fixture fixture;
static struct registry *registry;
static struct series_budget budget;
static struct aggregate aggregate;
static struct target_table targets;

static void
open_with(const char *ini)
{
	fixture = load_bytes(ini, strlen(ini),
		ENV("KUBERNETES_SERVICE_HOST=10.96.0.1"), true);
	ck_assert_ptr_nonnull(fixture.conf);
	registry = registry_new(METRIC_ID_COUNT, 1);
	ck_assert_int_eq(metric_families_register(registry,
				 fixture.conf->histogram_buckets.bounds_s,
				 fixture.conf->histogram_buckets.n_bounds,
				 fixture.conf->victoriametrics_histogram, true),
		0);
	series_budget_init(&budget, registry);
	series_budget_apply(&budget, fixture.conf);
	aggregate = (struct aggregate){ .registry = registry };
	target_table_init(&targets);
}

static void
teardown(void)
{
	target_table_fini(&targets, 1);
	registry_free(registry);
	conf_free(fixture.conf);
	conf_problems_fini(&fixture.problems);
}

static struct target *
add_target(enum worker_type type, const char *label)
{
	struct target_spec spec = {
		.key = label, .label = label, .url = "https://h.test/"
	};
	size_t count = targets.count;

	ck_assert_int_eq(target_table_want(&targets, type, &spec, 0, NULL), 0);
	return targets.targets[count];
}

static void
count_status(struct target *target, uint16_t status)
{
	struct wire_sample sample = { .has_status = 1,
		.http_status = status,
		.outcome = status == 200 ? OUTCOME_OK : OUTCOME_STATUS,
		.events = (1 << EVENT_COUNT) - 1,
		.phases = (1 << PHASE_COUNT) - 1,
		.rtt_us = 1,
		.retransmits_syn = 1,
		.retransmits_data = 1,
		.cert_not_after_unix_s = 1,
		.chain_not_after_unix_s = 1,
		.last = 1 };

	aggregate_sample(&aggregate, target, &sample);
}

/* All that an honest check comes to. */
static void
count_all(struct target *target)
{
	count_status(target, 200);
	count_status(target, 503);
	for (unsigned i = 0; i < NAMESERVERS; i++)
		for (unsigned result = 0; result < DNS_RESULT_COUNT; result++) {
			struct wire_dns dns = { .result = result };

			snprintf(dns.nameserver, sizeof(dns.nameserver),
				"[2001:db8::%x]:53", i);
			aggregate_dns(&aggregate, target, &dns);
		}
}

static uint64_t
refused(enum worker_type type)
{
	return registry_refused_count(registry, series_budget_account(type));
}

static void
log_to_nowhere(void)
{
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
}

static char *
ini_of_checks(const char *more, int name_bytes)
{
	static char ini[CHECKS_COUNT * 400];
	int used = snprintf(ini, sizeof(ini), "[kubenurse]\n%s", more);

	for (int i = 0; i < CHECKS_COUNT; i++)
		used += snprintf(ini + used, sizeof(ini) - (size_t)used,
			"[check c%0*d]\nurl = http://h.test/\n", name_bytes - 1,
			i);
	return ini;
}

/* Whatever the buckets are, and however long the names. */
START_TEST(a_thousand_checks_have_all_their_series)
{
	static const struct {
		const char *more;
		int name_bytes;
	} cases[] = {
		{ "", 20 },
		{ "", 253 },
		{ "victoriametrics_histogram = true\n", 20 },
		{ "histogram_buckets = .001, .002, .003, .004, .005, .006, "
		  ".007, .008, .009, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n",
			20 },
	};

	open_with(ini_of_checks(cases[_i].more, cases[_i].name_bytes));
	for (size_t i = 0; i < CHECKS_COUNT; i++)
		count_all(add_target(
			WORKER_EXTRA, fixture.conf->checks.checks[i].name));
	ck_assert_uint_eq(refused(WORKER_EXTRA), 0);
	ck_assert_uint_gt(
		registry_line_count(registry), (size_t)CHECKS_COUNT * 200);
}
END_TEST

/* A worker that was taken over invents a status for each of its answers. */
START_TEST(invented_codes_cost_their_worker_alone)
{
	struct target *extra, *ingress;
	size_t lines;

	open_with("[kubenurse]\n[check shop]\nurl = http://h.test/\n");
	extra = add_target(WORKER_EXTRA, "shop");
	ingress = add_target(WORKER_ME_INGRESS, "me_ingress");
	for (int i = 0; i < 100; i++) {
		char label[16];

		snprintf(label, sizeof(label), "t%d", i);
		extra = add_target(WORKER_EXTRA, label);
		for (uint16_t status = 0; status < 1000; status++)
			count_status(extra, status);
	}
	lines = registry_line_count(registry);
	ck_assert_uint_lt(lines, 40000);
	ck_assert_uint_lt(registry_series_count(registry), 8000);
	count_all(ingress);
	ck_assert_uint_eq(refused(WORKER_ME_INGRESS), 0);
	ck_assert_uint_gt(registry_line_count(registry), lines + 200);
}
END_TEST

/* Neighbours that are there for a moment, one after the other, and those that
 * stay: without neighbour_limit, too. */
START_TEST(invented_neighbours_are_bounded)
{
	static const char *const inis[] = {
		"[kubenurse]\nneighbour_source = pods\n",
		"[kubenurse]\nneighbour_source = pods\nneighbour_limit = 0\n",
	};
	static const size_t most_lines[] = { 35000, SERIES_BUDGET_PATH_LINES };

	open_with(inis[_i]);
	aggregate.neighbour_detail = true;
	for (int i = 0; i < 4000; i++) {
		char label[32];
		struct target *target;

		snprintf(label, sizeof(label), "path_node-%d", i);
		target = add_target(WORKER_PATH, label);
		count_status(target, 200);
		if (i % 4 == 0)
			target_series_release(&target->series, 1);
	}
	ck_assert_uint_gt(refused(WORKER_PATH), 0);
	ck_assert_uint_le(registry_line_count(registry), most_lines[_i]);
	ck_assert_uint_gt(
		registry_line_count(registry), most_lines[_i] * 8 / 10);
	count_all(add_target(WORKER_EXTRA, "shop"));
	ck_assert_uint_eq(refused(WORKER_EXTRA), 0);
}
END_TEST

static uint64_t
shown_refused(const char *worker)
{
	const char *const labels[] = { worker };
	size_t before = registry_series_count(registry);
	struct series *series =
		registry_get(registry, METRIC_SERIES_REFUSED_TOTAL, labels);

	ck_assert_uint_eq(registry_series_count(registry), before);
	return series->value.count;
}

START_TEST(what_is_refused_is_counted_and_said_once)
{
	const struct registry_budget none = { 0, 0 };
	struct target *target;
	uint64_t now_ns = NS_PER_S;

	open_with("[kubenurse]\n");
	registry_set_budget(
		registry, series_budget_account(WORKER_PATH), &none);
	series_budget_report(&budget, now_ns);
	ck_assert_uint_eq(registry_series_count(registry), 0);
	target = add_target(WORKER_PATH, "path_a");
	count_status(target, 200);
	series_budget_report(&budget, now_ns);
	ck_assert(budget.said[series_budget_account(WORKER_PATH)]);
	ck_assert_uint_eq(shown_refused("path"), refused(WORKER_PATH));
	ck_assert_uint_gt(refused(WORKER_PATH), 0);
	count_status(target, 200);
	series_budget_report(&budget, now_ns += 599 * NS_PER_S);
	ck_assert_uint_eq(shown_refused("path"), refused(WORKER_PATH));
	/* ten minutes without one: the next is news */
	series_budget_report(&budget, now_ns += 599 * NS_PER_S);
	ck_assert(budget.said[series_budget_account(WORKER_PATH)]);
	series_budget_report(&budget, now_ns += NS_PER_S);
	ck_assert(!budget.said[series_budget_account(WORKER_PATH)]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("series_budget");
	TCase *tcase = tcase_create("series_budget");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, log_to_nowhere, teardown);
	tcase_add_loop_test(
		tcase, a_thousand_checks_have_all_their_series, 0, 4);
	tcase_add_test(tcase, invented_codes_cost_their_worker_alone);
	tcase_add_loop_test(tcase, invented_neighbours_are_bounded, 0, 2);
	tcase_add_test(tcase, what_is_refused_is_counted_and_said_once);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
