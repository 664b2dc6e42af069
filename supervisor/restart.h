/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a worker that died is started again.  Policy without system calls: no
 * clock, no fork.
 */
#ifndef SUPERVISOR_RESTART_H
#define SUPERVISOR_RESTART_H

#include <stdint.h>

/* Who lived as long as this died of something new. */
#define RESTART_GOOD_LIFE_NS     (60 * 1000000000ULL)
#define RESTART_FIRST_DELAY_NS   (1 * 1000000000ULL)
#define RESTART_LONGEST_DELAY_NS (60 * 1000000000ULL)

struct restart {
	uint64_t last_delay_ns; /* 0: the last life was a good one */
};

/* How long to wait after a life of lived_ns: nothing, or 1 s doubling to 60. */
uint64_t restart_delay_ns(struct restart *restart, uint64_t lived_ns);

#endif
