/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prober process: its loop, its targets, its way to the supervisor.  One
 * control socket in, one sample pipe out, and nothing else that it shares.
 */
#ifndef WORKERS_WORKER_H
#define WORKERS_WORKER_H

#include "common/control.h"
#include "common/loop.h"
#include "common/wire.h"
#include "workers/idle_pool.h"
#include "workers/kind.h"
#include "workers/proxy.h"
#include "workers/resolver.h"

struct target;

struct worker {
	struct loop *loop;
	struct resolver *resolver;
	const struct worker_kind *kind;
	const struct control_nursery *settings;
	struct proxy_config proxy;
	struct idle_pool idle_pool;
	uint32_t gen;
	int control_fd;
	int pipe_fd;
	int memory_fd;	     /* /proc/self/statm */
	int stamp_holder_fd; /* keeps the kernel's stamping switched on */
	struct loop_watch control;
	struct loop_timer heartbeat;
	uint64_t checks_started;
	uint64_t records_dropped;
	unsigned checks_running;
	bool draining;
	struct target *targets; /* list */
	unsigned char message_bytes[CONTROL_MAX_BYTES];
};

/*
 * A worker's whole life, in the process that was born for it.  Owns both
 * descriptors.  Returns the exit code.
 */
int worker_run(int control_fd, int pipe_fd,
	const struct control_nursery *settings);
/* Fills in the head's counters and writes the record; a full pipe loses it,
 * counted. */
void worker_emit(struct worker *worker, struct wire_record *record);
/* A check has started, or ended: bookkeeping for heartbeat and drain. */
void worker_check_started(struct worker *worker);
void worker_check_ended(struct worker *worker);

#endif
