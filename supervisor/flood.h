/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a worker says more than its checks explain.  A worker that floods
 * its pipe would cost the supervisor a core for ever.  Policy without system
 * calls: a bucket of credit, filled as time passes.
 */
#ifndef SUPERVISOR_FLOOD_H
#define SUPERVISOR_FLOOD_H

#include "common/neighbour_limits.h"

#include <stdbool.h>
#include <stdint.h>

/* At once: a second of all that one core can do, which is more than a whole
 * pipe of 1 MiB, read at the end of a supervisor's own delay. */
#define FLOOD_BURST_RECORDS 25000ULL
/* What discovery tells at once, and such a pipe. */
#define FLOOD_BURST_DISCOVERY_RECORDS (NEIGHBOUR_RECORDS_BURST + 5000)
/*
 * A check writes a sample for each of eleven hops, and for the name of each two
 * queries to each entry of a search list of six and the name itself.
 */
#define FLOOD_RECORDS_PER_CHECK 256ULL
/* What discovery tells, and heartbeats. */
#define FLOOD_RECORDS_PER_S (NEIGHBOUR_RECORDS_PER_S + 100)
/* One core does 13,000 checks a second, with a sample and two queries each. */
#define FLOOD_RECORDS_PER_S_MAX 100000ULL

struct flood {
	uint64_t credit_records;
	uint64_t burst_records; /* the most credit there is */
};

void flood_init(struct flood *flood, uint64_t burst_records);
/*
 * What targets add that are checked once in each interval; add them up,
 * beginning with FLOOD_RECORDS_PER_S.
 */
uint64_t flood_add_target(uint64_t records_per_s, uint64_t interval_ns);
/* True: so many records in this time are more than there is credit for. */
bool flood_judge(struct flood *flood, uint64_t n_records, uint64_t since_ns,
	uint64_t records_per_s);

#endif
