/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many records discovery may write now, so that no source of neighbours,
 * however fast its changes come, makes it look like a flood to the supervisor.
 * Changes that wait merge.  Policy without system calls.
 */
#ifndef WORKERS_DISCOVERY_PACE_H
#define WORKERS_DISCOVERY_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* When there is no credit: so long until it is worth asking again. */
#define PACE_WAIT_NS 100000000ULL

struct pace {
	uint64_t credit_records;
	uint64_t refilled_mono_ns;
};

/* With the credit of a whole burst; see common/neighbour_limits.h. */
void pace_init(struct pace *pace, uint64_t now_mono_ns);
/* True: a record may be written, and is accounted for. */
bool pace_take(struct pace *pace, uint64_t now_mono_ns);

#endif
