/* SPDX-License-Identifier: Apache-2.0 */
/* When a worker is started again; see restart.h. */
#include "supervisor/restart.h"

uint64_t
restart_delay_ns(struct restart *restart, uint64_t lived_ns)
{
	if (lived_ns >= RESTART_GOOD_LIFE_NS)
		restart->last_delay_ns = 0;
	else if (restart->last_delay_ns == 0)
		restart->last_delay_ns = RESTART_FIRST_DELAY_NS;
	else if (restart->last_delay_ns >= RESTART_LONGEST_DELAY_NS / 2)
		restart->last_delay_ns = RESTART_LONGEST_DELAY_NS;
	else
		restart->last_delay_ns *= 2;
	return restart->last_delay_ns;
}
