/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sample pipes of all workers, read together.  Waking up costs more than
 * reading, so while records come often all pipes are left alone for up to
 * WORKER_PIPES_LATE_NS and then read in one go.  For what must not wait, a
 * failure or a pipe that fills, a worker rings (LOG_RECORD_BELL).
 *
 * They have an epoll set of their own, which the supervisor's loop watches as
 * one descriptor: one call leaves all of them alone, however many there are.
 */
#ifndef SUPERVISOR_WORKER_PIPES_H
#define SUPERVISOR_WORKER_PIPES_H

#include "common/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* A record is read so late at most. */
#define WORKER_PIPES_LATE_NS (50 * 1000000ULL)

struct worker_pipes {
	struct loop *loop; /* the supervisor's; it is not owned */
	struct loop *set;  /* watches the pipes and nothing else */
	struct loop_watch
		watch; /* of the set; mute while they are left alone */
	struct loop_timer timer; /* ends that */
	uint64_t read_mono_ns;   /* the last time */
	uint64_t hold_until_ns;
	bool is_rung; /* while they are held */
	/* Of the reading under way. */
	bool found_records, left_records;
};

/* 0 or a negative errno. */
int worker_pipes_open(struct worker_pipes *pipes, struct loop *loop);
/* No pipe may be watched any more.  Accepts a zeroed object. */
void worker_pipes_close(struct worker_pipes *pipes);
/* Reads what is there now; that of a flood in several calls. */
void worker_pipes_read(struct worker_pipes *pipes);
/* A worker has rung: the same, or at the end of a hold. */
void worker_pipes_ring(struct worker_pipes *pipes);
/* From now to then nothing but worker_pipes_read() reads; 0: not any more. */
void worker_pipes_hold(struct worker_pipes *pipes, uint64_t until_mono_ns);
/*
 * For the owner of a pipe, whose watch is in the set, as it reads.  There may
 * be more records than it has taken in this turn.
 */
void worker_pipes_note(
	struct worker_pipes *pipes, unsigned record_count, bool may_be_more);

#endif
