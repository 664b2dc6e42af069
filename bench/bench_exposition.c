/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scrape of a hundred thousand series costs: the whole text and its
 * longest piece of 16 KiB, beside the bounds of the design.  A series here is
 * a line, as Prometheus counts; the same is shown for whole histograms.  Times
 * are CPU time, for the machine may have other work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "supervisor/exposition.h"
#include "supervisor/metric_families.h"

#define LINES_WANTED      100000
#define HISTOGRAMS_WANTED 100000
#define LINES_PER_HIST    15 /* 12 bounds, +Inf, sum, count */
#define PIECE_BYTES       16384
#define ROUNDS            10
#define BOUND_TOTAL_MS    100.0
#define BOUND_PIECE_MS    1.0

struct cost {
	uint64_t total_ns;
	uint64_t longest_piece_ns;
	size_t n_bytes;
	size_t n_lines;
};

static uint64_t
cpu_ns(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec;
}

static double
to_ms(uint64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

/* As the program's own series: mostly histograms, some counters. */
static void
fill(struct registry *registry, size_t n_hists, size_t n_counters)
{
	uint64_t random = 88172645463325252ULL;
	char type[32];

	for (size_t i = 0; i < n_hists + n_counters; i++) {
		snprintf(type, sizeof(type), "path_node-%06zu", i);
		if (i >= n_hists) {
			series_add(
				registry_get(registry,
					METRIC_HTTPCLIENT_REQUESTS_TOTAL,
					(const char *const[]){ type, "200" }),
				i * 977);
			continue;
		}
		for (int j = 0; j < 20; j++) {
			random = random * 6364136223846793005ULL + 1;
			series_observe(
				registry_get(registry, METRIC_PHASE_DURATION,
					(const char *const[]){
						type, "connect" }),
				(random >> 32) % (20 * NS_PER_MS));
		}
	}
}

static struct cost
render(struct registry *registry)
{
	static struct exposition e;
	static char buf[PIECE_BYTES];
	struct cost cost = { 0 };
	ssize_t n_bytes;

	exposition_start(&e, registry, true);
	do {
		uint64_t start_ns = cpu_ns();
		uint64_t took_ns;

		n_bytes = exposition_read(&e, buf, sizeof(buf));
		took_ns = cpu_ns() - start_ns;
		cost.total_ns += took_ns;
		if (took_ns > cost.longest_piece_ns)
			cost.longest_piece_ns = took_ns;
		for (ssize_t i = 0; i < n_bytes; i++)
			cost.n_lines += buf[i] == '\n';
		cost.n_bytes += n_bytes > 0 ? (size_t)n_bytes : 0;
	} while (n_bytes > 0);
	exposition_fini(&e);
	return cost;
}

/* False: a bound of the design was missed. */
static bool
run(const char *name, size_t n_hists, size_t n_counters, bool bounded)
{
	struct registry *registry =
		registry_new(METRIC_ID_COUNT, n_hists + n_counters);
	struct cost best = { .total_ns = UINT64_MAX,
		.longest_piece_ns = UINT64_MAX };
	uint64_t start_ns;

	if (registry == NULL ||
		metric_families_register(registry, NULL, 0, false, true) < 0) {
		fprintf(stderr, "no memory\n");
		exit(EXIT_FAILURE);
	}
	start_ns = cpu_ns();
	fill(registry, n_hists, n_counters);
	printf("%s: %zu made and filled in %.0f ms\n", name,
		registry_series_count(registry), to_ms(cpu_ns() - start_ns));
	for (int i = 0; i < ROUNDS; i++) {
		struct cost cost = render(registry);

		/* The best of both: interrupts are not ours. */
		if (cost.longest_piece_ns > best.longest_piece_ns)
			cost.longest_piece_ns = best.longest_piece_ns;
		if (cost.total_ns > best.total_ns)
			cost.total_ns = best.total_ns;
		best = cost;
	}
	registry_free(registry);
	printf("%s: %zu lines, %zu bytes: %.2f ms", name, best.n_lines,
		best.n_bytes, to_ms(best.total_ns));
	if (bounded)
		printf(" (bound %.0f ms)", BOUND_TOTAL_MS);
	printf("; longest piece of %d bytes %.3f ms (bound %.0f ms)\n",
		PIECE_BYTES, to_ms(best.longest_piece_ns), BOUND_PIECE_MS);
	return (!bounded || to_ms(best.total_ns) <= BOUND_TOTAL_MS) &&
	       to_ms(best.longest_piece_ns) <= BOUND_PIECE_MS;
}

int
main(void)
{
	size_t n_hists = LINES_WANTED / 10 * 9 / LINES_PER_HIST;
	size_t n_counters = LINES_WANTED - n_hists * LINES_PER_HIST;
	bool good = run("series as lines", n_hists, n_counters, true);

	good = run("counters only", 0, LINES_WANTED, true) && good;
	good = run("whole histograms", HISTOGRAMS_WANTED, 0, false) && good;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
