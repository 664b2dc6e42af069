/* SPDX-License-Identifier: Apache-2.0 */
/* What a hop writes down of itself; see hop_record.h. */
#include "workers/hop_record.h"

#include "common/clock.h"
#include "workers/hop.h"

struct wire_sample *
hop_record_sample(struct hop *hop)
{
	return &hop->record.body.sample;
}

void
hop_record_event(struct hop *hop, enum event event, uint64_t now_ns)
{
	struct wire_sample *sample = hop_record_sample(hop);

	sample->events = (uint16_t)(sample->events | 1u << event);
	sample->event_ns[event] =
		clock_since_ns(now_ns, sample->started_mono_ns);
}

void
hop_record_phase(struct hop *hop, enum phase phase, uint64_t now_ns)
{
	struct wire_sample *sample = hop_record_sample(hop);

	sample->phases = (uint16_t)(sample->phases | 1u << phase);
	if (now_ns <= hop->mark_ns)
		return;
	sample->phase_ns[phase] += now_ns - hop->mark_ns;
	hop->mark_ns = now_ns;
}

void
hop_record_retransmits(struct hop *hop)
{
	struct tcp_observation observation;

	if (socket_observe_tcp(hop->watch->fd, &observation) < 0)
		return;
	hop_record_sample(hop)->retransmits_data +=
		observation.retransmit_count - hop->retransmits_before;
	hop->is_blocked = observation.is_established;
	if (observation.peer_has_ended)
		transport_note_fin(&hop->transport);
}
