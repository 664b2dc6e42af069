/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks.  Deadlines, phases and durations use the monotonic one; the
 * wall clock is for certificates, log lines and *_timestamp_seconds.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* CLOCK_MONOTONIC in nanoseconds.  Never 0, cannot fail. */
uint64_t clock_mono_ns(void);
/* CLOCK_REALTIME in nanoseconds since the epoch. */
uint64_t clock_unix_ns(void);
/*
 * Carries a wall-clock stamp of the kernel (SO_TIMESTAMPING) over to
 * CLOCK_MONOTONIC by the offset of this moment.  0: the stamp is unset or
 * cannot be carried over.
 */
uint64_t clock_unix_to_mono_ns(uint64_t unix_ns);
/* Saturating a - b: 0 when b is later than a. */
static inline uint64_t
clock_since_ns(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > b_ns ? a_ns - b_ns : 0;
}

#endif
