/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker that was taken over may write: whatever wire_check lets
 * through is safe to count, to print and to index tables by.
 */
#include "common/wire.h"

#include <stddef.h>
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void
must(int holds)
{
	if (!holds)
		abort();
}

static void
check_sample(const struct wire_sample *sample)
{
	uint64_t sum_ns = 0;

	must(outcome_name(sample->outcome) != NULL);
	must(strlen(sample->detail) < WIRE_DETAIL_BYTES);
	must(sample->http_status <= 999);
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		sum_ns += sample->phase_ns[i];
	must(sum_ns == sample->duration_ns && sum_ns <= WIRE_MAX_NS);
	for (unsigned i = 0; i < EVENT_COUNT; i++)
		must(sample->event_ns[i] <= sample->duration_ns);
	must(sample->events >> EVENT_COUNT == 0);
	must(sample->phases >> PHASE_COUNT == 0);
	must(sample->outcome != OUTCOME_STATUS || sample->has_status);
}

static void
check_neighbour(const struct wire_neighbour *neighbour)
{
	unsigned char address[16];

	must(strlen(neighbour->pod_name) > 0 &&
		strlen(neighbour->pod_name) < WIRE_NAME_BYTES);
	must(strlen(neighbour->namespace_name) < WIRE_NAMESPACE_BYTES);
	must(strlen(neighbour->node_name) < WIRE_NAME_BYTES);
	must(strlen(neighbour->host_ip) < WIRE_ADDRESS_BYTES);
	if ((neighbour->flags & WIRE_NEIGHBOUR_GONE) != 0)
		return;
	must(neighbour->node_name[0] != '\0');
	must(inet_pton(AF_INET, neighbour->pod_ip, address) == 1 ||
		inet_pton(AF_INET6, neighbour->pod_ip, address) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct wire_record record;

	memset(&record, 0, sizeof(record));
	memcpy(&record, bytes, len < sizeof(record) ? len : sizeof(record));
	if (wire_check(&record, 1) < 0)
		return 0;
	switch ((enum wire_kind)record.kind) {
	case WIRE_SAMPLE:
		check_sample(&record.body.sample);
		break;
	case WIRE_DNS:
		must(dns_result_name(record.body.dns.result) != NULL);
		must(strlen(record.body.dns.nameserver) <
			WIRE_NAMESERVER_BYTES);
		break;
	case WIRE_DNS_LATE:
		must(strlen(record.body.dns_late.detail) < WIRE_DETAIL_BYTES);
		break;
	case WIRE_NEIGHBOUR:
		check_neighbour(&record.body.neighbour);
		break;
	case WIRE_DISCOVERY:
		must(strlen(record.body.discovery.own_node_name) <
			WIRE_NAME_BYTES);
		must(strlen(record.body.discovery.detail) < WIRE_DETAIL_BYTES);
		break;
	case WIRE_HELLO:
	case WIRE_HEARTBEAT:
	case WIRE_TRAP:
		break;
	case WIRE_BUSY:
	case WIRE_IDLE:
		break;
	case WIRE_KIND_END:
		abort();
	}
	return 0;
}
