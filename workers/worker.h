/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker process: its loop, its birth, its way to the supervisor.  One
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

struct discovery;
struct target;
struct worker;

/* What a worker of some kind does; the rest of its life all kinds share. */
struct worker_body {
	/* While files may still be opened.  0 or a negative errno. */
	int (*open)(struct worker *worker);
	/* Every message but the first, which is the boot's. */
	void (*on_message)(
		struct worker *worker, struct control_message *message);
	/* After open, however that ended. */
	void (*close)(struct worker *worker);
};

struct worker {
	struct loop *loop;
	struct resolver *resolver; /* its body's */
	const struct worker_kind *kind;
	const struct control_nursery *settings;
	struct proxy_config proxy;
	struct idle_pool idle_pool;
	uint32_t gen;
	int control_fd;
	int pipe_fd;
	int stamp_holder_fd; /* keeps the kernel's stamping switched on */
	struct loop_watch control;
	struct loop_timer heartbeat;
	struct loop_timer bell;     /* rings in the loop's next turn */
	uint64_t rung_mono_ns;      /* the last time */
	unsigned unannounced_count; /* records since it rang */
	uint64_t checks_started;
	uint64_t records_dropped;
	unsigned checks_running;
	bool draining;
	bool has_unix; /* it may open sockets of this host */
	unsigned sandbox_level;
	struct target *targets; /* list */
	struct discovery *discovery;
	unsigned char message_bytes[CONTROL_MAX_BYTES];
};

/*
 * A worker's whole life, in the process that was born for it.  Owns both
 * descriptors.  has_unix: for one whose kind it is, it may open sockets of this
 * host.  parent_pid: see birth_tie_to_parent().  Returns the exit code.
 */
int worker_run(int control_fd, int pipe_fd, bool has_unix, pid_t parent_pid,
	const struct control_nursery *settings);
/* With the loop, before the first record. */
void worker_init_bell(struct worker *worker);
/* Fills in the head's counters and writes the record; a full pipe loses it,
 * counted. */
void worker_emit(struct worker *worker, struct wire_record *record);
/* The same, but a full pipe (-EAGAIN) is the caller's to wait for. */
int worker_try_emit(struct worker *worker, struct wire_record *record);

#endif
