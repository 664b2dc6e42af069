/* SPDX-License-Identifier: Apache-2.0 */
/* Mean and percentiles of measured times; see stats.h. */
#include "bench/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
stats_init(struct stats *stats)
{
	memset(stats, 0, sizeof(*stats));
}

void
stats_fini(struct stats *stats)
{
	free(stats->values_ns);
	stats_init(stats);
}

int
stats_add(struct stats *stats, uint64_t value_ns)
{
	if (stats->count == stats->cap_count) {
		size_t cap = stats->cap_count == 0 ? 256 : 2 * stats->cap_count;
		uint64_t *grown = reallocarray(
			stats->values_ns, cap, sizeof(stats->values_ns[0]));

		if (grown == NULL)
			return -ENOMEM;
		stats->values_ns = grown;
		stats->cap_count = cap;
	}
	stats->values_ns[stats->count++] = value_ns;
	stats->sum_ns += value_ns;
	return 0;
}

double
stats_mean_us(const struct stats *stats)
{
	if (stats->count == 0)
		return 0;
	return (double)stats->sum_ns / (double)stats->count / 1e3;
}

static int
compare_values(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

double
stats_percentile_us(struct stats *stats, double percent)
{
	size_t rank;

	if (stats->count == 0)
		return 0;
	qsort(stats->values_ns, stats->count, sizeof(stats->values_ns[0]),
		compare_values);
	rank = (size_t)(percent / 100 * (double)stats->count);
	if ((double)rank < percent / 100 * (double)stats->count)
		rank++; /* rounded up */
	if (rank == 0)
		rank = 1;
	return (double)stats->values_ns[rank - 1] / 1e3;
}

double
stats_share_percent(const struct stats *stats, uint64_t limit_ns)
{
	size_t within_count = 0;

	if (stats->count == 0)
		return 0;
	for (size_t i = 0; i < stats->count; i++)
		within_count += stats->values_ns[i] <= limit_ns;
	return 100 * (double)within_count / (double)stats->count;
}
