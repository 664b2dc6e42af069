/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory a worker has, by the kernel's word: its /proc/PID/statm,
 * which it opened before it talked to anyone, is read by the supervisor.
 */
#ifndef SUPERVISOR_WORKER_MEMORY_H
#define SUPERVISOR_WORKER_MEMORY_H

struct worker_process;
struct worker_slot;

/*
 * Reads it, shows it, and kills a worker that is larger than its targets
 * explain: it leaks, or was made to grow.  One whose memory cannot be read is
 * left alone; its rlimits remain (workers/birth.h).
 */
void worker_memory_judge(
	struct worker_slot *slot, struct worker_process *process);

#endif
