/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hop writes down of itself: the events that it reached, and its time
 * divided into phases, which sum to its duration to the nanosecond.
 */
#ifndef WORKERS_HOP_RECORD_H
#define WORKERS_HOP_RECORD_H

#include "common/outcome.h"
#include "common/wire.h"

#include <stdint.h>

struct hop;

struct wire_sample *hop_record_sample(struct hop *hop);
void hop_record_event(struct hop *hop, enum event event, uint64_t now_ns);
/* The time since the mark belongs to this phase; the mark is now then. */
void hop_record_phase(struct hop *hop, enum phase phase, uint64_t now_ns);
/*
 * Before the connection goes: after that there is nothing to ask.  Notes on
 * the way whether the peer has ended.
 */
void hop_record_retransmits(struct hop *hop);

#endif
