/* SPDX-License-Identifier: Apache-2.0 */
/* The series of one target; see target_series.h. */
#include "supervisor/target_series.h"

#include <stddef.h>
#include <string.h>

static void
put_all(struct series **series, size_t count, uint64_t now_ns)
{
	for (size_t i = 0; i < count; i++)
		registry_put(series[i], now_ns);
}

void
target_series_release_nameservers(struct target_series *series, uint64_t now_ns)
{
	for (size_t i = 0; i < TARGET_SERIES_NAMESERVERS; i++) {
		registry_put(series->nameservers[i].duration, now_ns);
		put_all(series->nameservers[i].errors, DNS_RESULT_COUNT,
			now_ns);
	}
	memset(series->nameservers, 0, sizeof(series->nameservers));
}

void
target_series_release(struct target_series *series, uint64_t now_ns)
{
	for (size_t i = 0; i < TARGET_SERIES_CODES; i++) {
		registry_put(series->codes[i].requests, now_ns);
		registry_put(series->codes[i].errors, now_ns);
	}
	target_series_release_nameservers(series, now_ns);
	put_all(series->errors, TARGET_ERROR_COUNT, now_ns);
	put_all(series->trace, EVENT_COUNT, now_ns);
	put_all(series->phases, PHASE_COUNT, now_ns);
	put_all(series->check_duration, 2, now_ns);
	put_all(series->retransmits, 2, now_ns);
	registry_put(series->request_duration, now_ns);
	registry_put(series->tcp_rtt, now_ns);
	registry_put(series->certificate_expiry, now_ns);
	registry_put(series->chain_expiry, now_ns);
	registry_put(series->last_success, now_ns);
	registry_put(series->dns_wait, now_ns);
	memset(series, 0, sizeof(*series));
}
