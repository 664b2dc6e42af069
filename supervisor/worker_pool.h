/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers: one slot per type.  A slot whose type has targets has a process
 * in charge, and for a moment a successor (new before old) when what a worker
 * got at birth has changed.  Counters live here, so that no death loses any.
 */
#ifndef SUPERVISOR_WORKER_POOL_H
#define SUPERVISOR_WORKER_POOL_H

#include "common/log.h"
#include "common/loop.h"
#include "common/sandbox.h"
#include "supervisor/aggregate.h"
#include "supervisor/discovery_order.h"
#include "supervisor/neighbours.h"
#include "supervisor/nursery.h"
#include "supervisor/registry.h"
#include "supervisor/target.h"
#include "supervisor/worker_slot.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What a worker may have: 5 to 7 MB, of which most is shared, and for each
 * target a request, an answer's headers (64 KiB at most) and a TLS session.
 * Discovery holds its neighbours, 600 bytes each, in the first.  A sanitizer
 * has shadow memory besides, and keeps freed memory back, 256 MB by default.
 */
#if SANDBOX_HAS_SANITIZER
#define WORKER_MEMORY_BASE_BYTES (512ULL * 1024 * 1024)
#else
#define WORKER_MEMORY_BASE_BYTES (48ULL * 1024 * 1024)
#endif
#define WORKER_MEMORY_TARGET_BYTES (256ULL * 1024)

/* A birth takes a millisecond, the loading of all CAs with it less than one
 * second. */
#define WORKER_BIRTH_MAX_NS (10 * 1000000000ULL)

/* Children that died before the nursery had said that they live. */
#define WORKER_POOL_EARLY_MAX 16
struct worker_pool_early {
	pid_t pid;
	struct worker_exit worker_exit;
};

struct worker_pool {
	struct loop *loop;
	struct nursery *nursery;
	struct registry *registry;
	struct aggregate *aggregate;
	struct target_table *targets;
	struct neighbours *neighbours;
	/* What each worker gets in its boot message. */
	enum log_level log_level;
	struct discovery_order discovery_order;
	uint32_t last_gen;
	bool stopping;
	bool has_foreign; /* the nursery has children: that has been said */
	struct worker_pipes pipes;
	struct worker_slot slots[WORKER_TYPE_COUNT];
	struct worker_pool_early early[WORKER_POOL_EARLY_MAX]; /* a ring */
	unsigned early_next;
	/* A check has ended with a result. */
	void (*on_result)(struct worker_pool *pool);
};

/*
 * The fields above `stopping`, and on_result, are filled in by the caller
 * before.  0 or a negative errno; then worker_pool_fini() is all that may be
 * called.
 */
int worker_pool_init(struct worker_pool *pool);
/* Targets of this type have changed: starts, tells, or ends its worker. */
void worker_pool_update(struct worker_pool *pool, enum worker_type type);
/* The same for all types. */
void worker_pool_update_all(struct worker_pool *pool);
/* What a worker got at birth has changed: new processes for all. */
void worker_pool_replace(struct worker_pool *pool);
/* What discovery was told has changed: a new process, new before old. */
void worker_pool_replace_discovery(struct worker_pool *pool);
/* Four times a second; what could not be told to a worker is tried again, too.
 * late_ns: how late the call itself is. */
void worker_pool_judge(
	struct worker_pool *pool, uint64_t now_ns, uint64_t late_ns);
/* Before anything is shown: what lies in the pipes counts. */
void worker_pool_read(struct worker_pool *pool);
/*
 * Leaves the pipes alone until then, so that what a scrape shows in several
 * pieces is of one moment: sums that must be equal are.  0: not any more.
 */
void worker_pool_hold(struct worker_pool *pool, uint64_t until_mono_ns);
/* The nursery's answer to one of our requests. */
void worker_pool_born(
	struct worker_pool *pool, const struct control_born *born);
/* The statm of the worker of this birth, which is the callee's; -1: none. */
void worker_pool_take_memory(
	struct worker_pool *pool, uint32_t worker_gen, int memory_fd);
/* No worker of some kind can be born any more, says worker_pool_judge() before:
 * the nursery has not answered for too long, or one that was killed was not
 * reaped.  That is logged. */
bool worker_pool_is_lost(const struct worker_pool *pool, uint64_t now_ns);
/* False: this pid is none of ours. */
bool worker_pool_reaped(struct worker_pool *pool, pid_t pid,
	const struct worker_exit *worker_exit);
/* All checks end at once and count nowhere; nothing is started any more. */
void worker_pool_stop(struct worker_pool *pool);
/* Processes that have not been reaped yet. */
unsigned worker_pool_running(const struct worker_pool *pool);
/* Kills and reaps what still runs.  Accepts a zeroed pool. */
void worker_pool_fini(struct worker_pool *pool);

#endif
