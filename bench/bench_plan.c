/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan of the neighbours costs that changes nothing, as a rollout makes
 * up to four a second: on the thread that serves /alwayshappy, so it has a
 * bound.  CPU time, the median of many; the first plan, which makes all
 * targets, stands beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "supervisor/metric_families.h"
#include "supervisor/neighbours.h"

#define ROUNDS      51
#define BOUND_COUNT 10000
#define BOUND_MS    5.0

static double
cpu_ms(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return (double)spent.tv_sec * 1e3 + (double)spent.tv_nsec / 1e6;
}

static int
compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static void
must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "bench_plan: no memory\n");
		exit(EXIT_FAILURE);
	}
}

static double
plan(struct neighbours *neighbours)
{
	double start_ms = cpu_ms();

	must(neighbours_plan(neighbours, neighbours->targets, clock_mono_ns()));
	return cpu_ms() - start_ms;
}

/* The count's place is taken by the first plan. */
static void
on_change(struct neighbours *neighbours)
{
	printf("%zu neighbours: the first plan took %.2f ms of CPU time\n",
		neighbours->table.count, plan(neighbours));
}

static void
say_neighbours(struct neighbours *neighbours, size_t count)
{
	struct wire_discovery status = { .up = 1, .complete = 1 };
	uint64_t random = 88172645463325252ULL;

	neighbours_begin(neighbours);
	for (size_t i = 0; i < count; i++) {
		struct wire_neighbour record = { .flags =
							 WIRE_NEIGHBOUR_READY };

		random = random * 6364136223846793005ULL + 1;
		record.node_hash = random;
		snprintf(
			record.pod_name, WIRE_NAME_BYTES, "kubenurse-%05zu", i);
		snprintf(record.node_name, WIRE_NAME_BYTES,
			"ip-10-%zu-%zu.eu-central-1.compute.internal", i / 256,
			i % 256);
		snprintf(record.pod_ip, WIRE_ADDRESS_BYTES, "10.%zu.%zu.2",
			i / 256, i % 256);
		wire_set_text(record.namespace_name, WIRE_NAMESPACE_BYTES,
			"monitoring");
		must(neighbours_take(neighbours, &record));
	}
	must(neighbours_take_status(neighbours, &status));
}

static double
unchanged_ms(size_t count)
{
	static const double bounds_s[] = { 1 };
	struct conf conf = { .neighbour_source = CONF_SOURCE_PODS,
		.check_neighbourhood = true,
		.neighbour_port = 8080,
		.check_interval_ns = 5 * (int64_t)NS_PER_S };
	struct target_table targets;
	struct neighbours neighbours = { .on_change = on_change,
		.targets = &targets };
	double ms[ROUNDS];

	conf.pod_name = conf.node_name = conf.namespace = "";
	conf.neighbour_filter = conf.neighbour_service = "";
	neighbours.loop = loop_new();
	neighbours.registry = registry_new(METRIC_ID_COUNT, 1000);
	if (neighbours.loop == NULL || neighbours.registry == NULL)
		must(-1);
	must(metric_families_register(
		neighbours.registry, bounds_s, 1, false, true));
	target_table_init(&targets);
	neighbours_init(&neighbours);
	neighbours_configure(&neighbours, &conf);
	say_neighbours(&neighbours, count);
	for (size_t i = 0; i < ROUNDS; i++)
		ms[i] = plan(&neighbours);
	qsort(ms, ROUNDS, sizeof(ms[0]), compare);
	target_table_fini(&targets, clock_mono_ns());
	neighbours_fini(&neighbours);
	registry_free(neighbours.registry);
	loop_free(neighbours.loop);
	return ms[ROUNDS / 2];
}

int
main(void)
{
	static const size_t counts[] = { 1000, 5000, BOUND_COUNT };
	double ms = 0;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		ms = unchanged_ms(counts[i]);
		printf("%zu neighbours: an unchanged plan takes %.2f ms\n",
			counts[i], ms);
	}
	printf("%d neighbours: %.2f ms (bound %.0f): %s\n", BOUND_COUNT, ms,
		BOUND_MS, ms <= BOUND_MS ? "ok" : "MISSED");
	return ms <= BOUND_MS ? EXIT_SUCCESS : EXIT_FAILURE;
}
