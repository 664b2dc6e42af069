/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The series of one kind of worker.  They belong to the slot and not to the
 * process, so that no death loses any; a kind that has no process and wants
 * none has none, or it would look like one that is down.
 */
#ifndef SUPERVISOR_WORKER_COUNTS_H
#define SUPERVISOR_WORKER_COUNTS_H

#include "supervisor/worker_slot.h"

#include <stdint.h>

/* Idempotent. */
void worker_counts_open(struct worker_slot *slot);
void worker_counts_close(struct worker_slot *slot);
void worker_counts_observe_lateness(struct worker_slot *slot, uint64_t late_ns);
void worker_counts_set_resident(
	struct worker_slot *slot, uint64_t resident_bytes);
/* What is counted of a process never goes backwards. */
void worker_counts_add_progress(
	struct worker_slot *slot, struct worker_process *process);
/* A check that has ended, or was cut short, and is nobody's result. */
void worker_counts_add_nowhere(struct worker_slot *slot, uint64_t count);
/* The process has ended; what it had under way counts, too. */
void worker_counts_add_end(struct worker_slot *slot,
	const struct worker_process *process, enum worker_end end);

#endif
