/* SPDX-License-Identifier: Apache-2.0 */
/* How many records may be written now; see pace.h. */
#include "workers/discovery/pace.h"

#include "common/clock.h"
#include "common/neighbour_limits.h"

#define RECORD_NS (NS_PER_S / NEIGHBOUR_RECORDS_PER_S)

void
pace_init(struct pace *pace, uint64_t now_mono_ns)
{
	pace->credit_records = NEIGHBOUR_RECORDS_BURST;
	pace->refilled_mono_ns = now_mono_ns;
}

static void
refill(struct pace *pace, uint64_t now_ns)
{
	uint64_t since_ns = clock_since_ns(now_ns, pace->refilled_mono_ns);
	uint64_t missing = NEIGHBOUR_RECORDS_BURST - pace->credit_records;
	uint64_t more = since_ns / RECORD_NS;

	if (more >= missing) {
		pace->credit_records = NEIGHBOUR_RECORDS_BURST;
		pace->refilled_mono_ns = now_ns;
		return;
	}
	pace->credit_records += more;
	pace->refilled_mono_ns += more * RECORD_NS;
}

bool
pace_take(struct pace *pace, uint64_t now_mono_ns)
{
	refill(pace, now_mono_ns);
	if (pace->credit_records == 0)
		return false;
	pace->credit_records--;
	return true;
}
