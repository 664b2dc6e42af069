/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait after a failure: 1 s, doubling to 60 s, each time a little
 * otherwise, so that the doctors of a cluster do not come back together.
 * Policy without clock and without a source of chance.
 */
#ifndef WORKERS_DISCOVERY_BACKOFF_H
#define WORKERS_DISCOVERY_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_NS   (1 * 1000000000ULL)
#define BACKOFF_LONGEST_NS (60 * 1000000000ULL)

struct backoff {
	uint64_t last_ns; /* without chance; 0: all is well */
};

/* From 75 % to 125 % of it, as far as that lies within 1 s to 60 s. */
uint64_t backoff_next_ns(struct backoff *backoff, uint32_t chance);
void backoff_reset(struct backoff *backoff);

#endif
