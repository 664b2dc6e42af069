/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a target is checked.  Each target has its own phase in the interval,
 * from a hash of its type and name: checks are spread, so that they do not
 * time each other, and neither a restart nor a reload moves them.  Pure
 * functions of the monotonic clock.
 */
#ifndef WORKERS_SCHEDULE_H
#define WORKERS_SCHEDULE_H

#include <stdint.h>

/* 0 <= phase < interval. */
uint64_t schedule_phase_ns(
	const char *label, const char *url, uint64_t interval_ns);
/*
 * The first moment of the phase that lies at least half an interval after
 * last_ns (when the last check began) and not before now_ns.  Moments missed
 * meanwhile are left out: a check is late rather than doubled.
 */
uint64_t schedule_next_ns(uint64_t last_ns, uint64_t now_ns,
	uint64_t interval_ns, uint64_t phase_ns);

#endif
