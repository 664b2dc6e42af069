/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait after a failure; see backoff.h. */
#include "workers/discovery/backoff.h"

uint64_t
backoff_next_ns(struct backoff *backoff, uint32_t chance)
{
	uint64_t least_ns, most_ns;

	if (backoff->last_ns == 0)
		backoff->last_ns = BACKOFF_FIRST_NS;
	else if (backoff->last_ns >= BACKOFF_LONGEST_NS / 2)
		backoff->last_ns = BACKOFF_LONGEST_NS;
	else
		backoff->last_ns *= 2;
	/* the bounds first: what is cut off would come all at one moment */
	least_ns = backoff->last_ns - backoff->last_ns / 4;
	if (least_ns < BACKOFF_FIRST_NS)
		least_ns = BACKOFF_FIRST_NS;
	most_ns = backoff->last_ns + backoff->last_ns / 4;
	if (most_ns > BACKOFF_LONGEST_NS)
		most_ns = BACKOFF_LONGEST_NS;
	return least_ns + (most_ns - least_ns) / UINT32_MAX * chance +
	       (most_ns - least_ns) % UINT32_MAX * chance / UINT32_MAX;
}

void
backoff_reset(struct backoff *backoff)
{
	backoff->last_ns = 0;
}
