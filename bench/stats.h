/* SPDX-License-Identifier: Apache-2.0 */
/* A growing set of measured times, and what is said about them. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats {
	uint64_t *values_ns;
	size_t count, cap_count;
	uint64_t sum_ns;
};

void stats_init(struct stats *stats);
void stats_fini(struct stats *stats);
/* 0 or -ENOMEM; on failure the value is not in the set. */
int stats_add(struct stats *stats, uint64_t value_ns);
/* 0 when empty. */
double stats_mean_us(const struct stats *stats);
/*
 * Nearest rank: the smallest value that at least `percent` of 100 of all values
 * do not exceed.  Sorts the set.  0 when empty.
 */
double stats_percentile_us(struct stats *stats, double percent);
/* How many of 100 values do not exceed the limit.  0 when empty. */
double stats_share_percent(const struct stats *stats, uint64_t limit_ns);

#endif
