/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a worker says more than its checks explain.  A worker that floods
 * its pipe would cost the supervisor a core for ever.  Policy without system
 * calls: a bucket of credit, filled as time passes.
 */
#ifndef SUPERVISOR_FLOOD_H
#define SUPERVISOR_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

/* At once: discovery tells of 20,000 neighbours (conf.h), and a whole pipe of
 * 1 MiB is read at the end of a supervisor's own delay. */
#define FLOOD_BURST_RECORDS 25000ULL
/*
 * A check writes a sample for each of eleven hops, and for the name of each two
 * queries to each entry of a search list of six and the name itself.
 */
#define FLOOD_RECORDS_PER_CHECK 256ULL
/* Heartbeats, a state of discovery's source each second, one rolling update of
 * all neighbours in a minute. */
#define FLOOD_RECORDS_PER_S 500ULL
/* One core does 13,000 checks a second, with a sample and two queries each. */
#define FLOOD_RECORDS_PER_S_MAX 100000ULL

struct flood {
	uint64_t credit_records;
};

void flood_init(struct flood *flood);
/*
 * What targets add that are checked once in each interval; add them up,
 * beginning with FLOOD_RECORDS_PER_S.
 */
uint64_t flood_add_target(uint64_t records_per_s, uint64_t interval_ns);
/* True: so many records in this time are more than there is credit for. */
bool flood_judge(struct flood *flood, uint64_t n_records, uint64_t since_ns,
	uint64_t records_per_s);

#endif
