/* SPDX-License-Identifier: Apache-2.0 */
/* Records on the sample pipe; see wire.h. */
#include "common/wire.h"

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

static bool
sample_holds(const struct wire_sample *sample)
{
	return sample->outcome < OUTCOME_COUNT && sample->last <= 1 &&
		sample->stamped <= 1 && sample->http_status <= 999 &&
		sample->duration_ns <= WIRE_MAX_NS &&
		sample->check_duration_ns <= WIRE_MAX_NS &&
		sample->response_ns <= sample->duration_ns &&
		sample->lateness_ns <= WIRE_MAX_NS &&
		(sample->outcome != OUTCOME_REDIRECT || !sample->last) &&
		text_ends(sample->detail, sizeof(sample->detail)) &&
		events_hold(sample) && phases_hold(sample);
}

int
wire_check(const struct wire_record *record, uint32_t worker_gen)
{
	bool holds = false;

	if (record->magic != WIRE_MAGIC || record->worker_gen != worker_gen ||
		record->reserved != 0)
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
		holds = record->body.dns.result < DNS_RESULT_COUNT &&
			record->body.dns.duration_ns <= WIRE_MAX_NS &&
			text_ends(record->body.dns.nameserver,
				WIRE_NAMESERVER_BYTES);
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
