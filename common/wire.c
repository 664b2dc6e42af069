/* SPDX-License-Identifier: Apache-2.0 */
/* Records on the sample pipe; see wire.h. */
#include "common/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

void
wire_init(struct wire_record *record, enum wire_kind kind, uint32_t worker_gen)
{
	memset(record, 0, sizeof(*record));
	record->magic = WIRE_MAGIC;
	record->kind = kind;
	record->worker_gen = worker_gen;
}

void
wire_set_text(char *field, size_t field_bytes, const char *text)
{
	size_t len = strnlen(text, field_bytes - 1);

	memcpy(field, text, len);
	memset(field + len, 0, field_bytes - len);
}

static bool
text_ends(const char *field, size_t field_bytes)
{
	return memchr(field, '\0', field_bytes) != NULL;
}

static bool
events_hold(const struct wire_sample *sample)
{
	if (sample->events >= 1u << EVENT_COUNT)
		return false;
	for (unsigned i = 0; i < EVENT_COUNT; i++) {
		bool set = (sample->events >> i & 1) != 0;

		if (!set && sample->event_ns[i] != 0)
			return false;
		if (set && sample->event_ns[i] > sample->duration_ns)
			return false;
	}
	return true;
}

static bool
phases_hold(const struct wire_sample *sample)
{
	uint64_t sum_ns = 0;

	if (sample->phases >= 1u << PHASE_COUNT)
		return false;
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		if (sample->phase_ns[i] > WIRE_MAX_NS)
			return false;
		if ((sample->phases >> i & 1) == 0 && sample->phase_ns[i] != 0)
			return false;
		sum_ns += sample->phase_ns[i];
	}
	return sum_ns == sample->duration_ns;
}

/* What the hop says it met must fit what it says came back. */
static bool
outcome_holds(const struct wire_sample *sample)
{
	switch ((enum outcome)sample->outcome) {
	case OUTCOME_OK:
	case OUTCOME_STATUS:
		return sample->has_status && sample->last;
	case OUTCOME_REDIRECT:
		return sample->has_status && !sample->last;
	case OUTCOME_DNS_FAILED:
	case OUTCOME_CONNECT_FAILED:
	case OUTCOME_TLS_FAILED:
	case OUTCOME_WRITE_FAILED:
		return !sample->has_status && sample->last;
	case OUTCOME_ROUND_TRIP_FAILED: /* a body may break after its status */
	case OUTCOME_CANCELLED:
		return sample->last;
	case OUTCOME_COUNT:
		break;
	}
	return false;
}

static bool
times_hold(const struct wire_sample *sample)
{
	return sample->duration_ns <= WIRE_MAX_NS &&
	       sample->response_ns <= sample->duration_ns &&
	       sample->lateness_ns <= WIRE_MAX_NS &&
	       sample->check_duration_ns <= WIRE_MAX_NS &&
	       (!sample->last ||
		       sample->check_duration_ns >= sample->duration_ns) &&
	       events_hold(sample) && phases_hold(sample);
}

static bool
sample_holds(const struct wire_sample *sample)
{
	return sample->last <= 1 && sample->stamped <= 1 &&
	       sample->hop < WIRE_HOPS_MAX && sample->has_status <= 1 &&
	       sample->dns_answered <= 1 && sample->http_status <= 999 &&
	       sample->retransmits_syn <= WIRE_MAX_RETRANSMITS &&
	       sample->retransmits_data <= WIRE_MAX_RETRANSMITS &&
	       sample->rtt_us <= WIRE_MAX_NS / 1000 &&
	       (sample->has_status || (sample->http_status == 0 &&
					      sample->response_ns == 0)) &&
	       outcome_holds(sample) && times_hold(sample) &&
	       text_ends(sample->detail, sizeof(sample->detail));
}

static bool
is_address(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* address:port, [v6]:port: what is a label is not anything at all. */
static bool
nameserver_holds(const char *name)
{
	const char *colon = strrchr(name, ':');
	char address[WIRE_NAMESERVER_BYTES];
	size_t len;

	if (colon == NULL || colon == name || colon[1] == '\0' ||
		strlen(colon + 1) > 5 ||
		strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	len = (size_t)(colon - name);
	if (name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
	}
	memcpy(address, name, len);
	address[len] = '\0';
	return is_address(address);
}

static bool
dns_holds(const struct wire_dns *dns)
{
	return dns->result < DNS_RESULT_COUNT &&
	       dns->duration_ns <= WIRE_MAX_NS &&
	       text_ends(dns->nameserver, WIRE_NAMESERVER_BYTES) &&
	       nameserver_holds(dns->nameserver);
}

static bool
dns_late_holds(const struct wire_dns_late *late)
{
	return late->waited_ns <= WIRE_MAX_NS && late->ended <= 1 &&
	       late->failed <= 1 && text_ends(late->detail, WIRE_DETAIL_BYTES);
}

/* What is no address does not become a URL. */
static bool
neighbour_holds(const struct wire_neighbour *neighbour)
{
	bool gone = (neighbour->flags & WIRE_NEIGHBOUR_GONE) != 0;

	return neighbour->flags < WIRE_NEIGHBOUR_FLAGS_END &&
	       text_ends(neighbour->pod_name, WIRE_NAME_BYTES) &&
	       text_ends(neighbour->namespace_name, WIRE_NAMESPACE_BYTES) &&
	       text_ends(neighbour->node_name, WIRE_NAME_BYTES) &&
	       text_ends(neighbour->pod_ip, WIRE_ADDRESS_BYTES) &&
	       text_ends(neighbour->host_ip, WIRE_ADDRESS_BYTES) &&
	       neighbour->pod_name[0] != '\0' &&
	       (gone || (neighbour->node_name[0] != '\0' &&
				is_address(neighbour->pod_ip)));
}

static bool
discovery_holds(const struct wire_discovery *discovery)
{
	for (unsigned i = 0; i < DISCOVERY_ERROR_COUNT; i++)
		if (discovery->errors[i] > WIRE_MAX_COUNT)
			return false;
	return discovery->received_bytes <= WIRE_MAX_COUNT &&
	       discovery->up <= 1 && discovery->complete <= 1 &&
	       discovery->own_cordoned <= 1 &&
	       text_ends(discovery->own_node_name, WIRE_NAME_BYTES) &&
	       text_ends(discovery->detail, WIRE_DETAIL_BYTES);
}

int
wire_check(const struct wire_record *record, uint32_t worker_gen)
{
	bool holds = false;

	if (record->magic != WIRE_MAGIC || record->worker_gen != worker_gen ||
		record->reserved != 0 ||
		record->checks_started > WIRE_MAX_COUNT ||
		record->records_dropped > WIRE_MAX_COUNT)
		return -EPROTO;
	switch ((enum wire_kind)record->kind) {
	case WIRE_HELLO:
		holds = record->body.hello.sandbox_level <= 2;
		break;
	case WIRE_HEARTBEAT:
		holds = true;
		break;
	case WIRE_SAMPLE:
		holds = sample_holds(&record->body.sample);
		break;
	case WIRE_DNS:
		holds = dns_holds(&record->body.dns);
		break;
	case WIRE_DNS_LATE:
		holds = dns_late_holds(&record->body.dns_late);
		break;
	case WIRE_NEIGHBOUR:
		holds = neighbour_holds(&record->body.neighbour);
		break;
	case WIRE_DISCOVERY:
		holds = discovery_holds(&record->body.discovery);
		break;
	case WIRE_TRAP:
		holds = record->body.trap.call_number >= 0 &&
			record->body.trap.reserved == 0;
		break;
	case WIRE_BUSY:
	case WIRE_IDLE:
		holds = true; /* what it names is the owner's to know */
		break;
	case WIRE_KIND_END:
		break;
	}
	return holds ? 0 : -EPROTO;
}

int
wire_write(int fd, const struct wire_record *record)
{
	ssize_t n;

	do
		n = write(fd, record, sizeof(*record));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*record) ? 0 : -EIO;
}

int
wire_read(int fd, struct wire_record *ret_records, unsigned count)
{
	ssize_t n_bytes = read(fd, ret_records, count * sizeof(*ret_records));

	if (n_bytes < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n_bytes == 0)
		return -EPIPE;
	if ((size_t)n_bytes % sizeof(*ret_records) != 0)
		return -EPROTO;
	return (int)((size_t)n_bytes / sizeof(*ret_records));
}
