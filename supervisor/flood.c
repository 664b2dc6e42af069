/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a worker says more than its checks explain; see flood.h. */
#include "supervisor/flood.h"

#include "common/clock.h"

void
flood_init(struct flood *flood, uint64_t burst_records)
{
	flood->credit_records = flood->burst_records = burst_records;
}

uint64_t
flood_add_target(uint64_t records_per_s, uint64_t interval_ns)
{
	uint64_t more_per_s = interval_ns > 0 ? FLOOD_RECORDS_PER_CHECK *
							NS_PER_S / interval_ns
					      : FLOOD_RECORDS_PER_S_MAX;

	if (more_per_s > FLOOD_RECORDS_PER_S_MAX - records_per_s)
		return FLOOD_RECORDS_PER_S_MAX;
	return records_per_s + more_per_s;
}

bool
flood_judge(struct flood *flood, uint64_t n_records, uint64_t since_ns,
	uint64_t records_per_s)
{
	uint64_t since_ms = since_ns / NS_PER_MS;

	/* a day without a judgement overflows nothing */
	if (since_ms > flood->burst_records * 1000)
		since_ms = flood->burst_records * 1000;
	flood->credit_records += records_per_s * since_ms / 1000;
	if (flood->credit_records > flood->burst_records)
		flood->credit_records = flood->burst_records;
	if (n_records > flood->credit_records)
		return true;
	flood->credit_records -= n_records;
	return false;
}
