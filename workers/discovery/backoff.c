/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait after a failure; see backoff.h. */
#include "workers/discovery/backoff.h"

uint64_t
backoff_next_ns(struct backoff *backoff, uint32_t chance)
{
	uint64_t wait_ns;

	if (backoff->last_ns == 0)
		backoff->last_ns = BACKOFF_FIRST_NS;
	else if (backoff->last_ns >= BACKOFF_LONGEST_NS / 2)
		backoff->last_ns = BACKOFF_LONGEST_NS;
	else
		backoff->last_ns *= 2;
	wait_ns = backoff->last_ns - backoff->last_ns / 4 +
		  backoff->last_ns / 2 / UINT32_MAX * chance +
		  backoff->last_ns / 2 % UINT32_MAX * chance / UINT32_MAX;
	if (wait_ns < BACKOFF_FIRST_NS)
		return BACKOFF_FIRST_NS;
	return wait_ns < BACKOFF_LONGEST_NS ? wait_ns : BACKOFF_LONGEST_NS;
}

void
backoff_reset(struct backoff *backoff)
{
	backoff->last_ns = 0;
}
