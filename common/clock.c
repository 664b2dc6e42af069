/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks; see clock.h. */
#include "common/clock.h"

#include <time.h>

static uint64_t
read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t
clock_mono_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_unix_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint64_t
clock_unix_to_mono_ns(uint64_t unix_ns)
{
	uint64_t now_unix_ns = clock_unix_ns();
	uint64_t now_mono_ns = clock_mono_ns();
	uint64_t age_ns;

	if (unix_ns == 0 || unix_ns > now_unix_ns)
		return 0;
	age_ns = now_unix_ns - unix_ns;
	return age_ns < now_mono_ns ? now_mono_ns - age_ns : 0;
}
