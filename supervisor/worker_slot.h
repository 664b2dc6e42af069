/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kind of worker.  When it has targets it has a process in charge, and for
 * a moment a successor (new before old) when what a worker got at birth has
 * changed.  For the pool and its parts; others see the pool only.
 */
#ifndef SUPERVISOR_WORKER_SLOT_H
#define SUPERVISOR_WORKER_SLOT_H

#include "common/loop.h"
#include "supervisor/restart.h"
#include "supervisor/worker_process.h"

#include <stdbool.h>
#include <stdint.h>

struct series;
struct worker_pool;

/* resolv.conf(5) has three; a new one is read with each replacement. */
#define WORKER_NAMESERVERS_MAX 16

struct worker_slot {
	struct worker_pool *pool;
	enum worker_type type;
	struct worker_process processes[2];
	unsigned in_charge; /* index of the one that has the targets */
	bool wanted;
	bool replace;       /* the one in charge is to be replaced */
	bool replace_again; /* and so is the successor under way */
	bool put_off;       /* the one in charge has not been told all */
	struct restart restart;
	struct loop_timer restart_timer;
	/* Whom it says to have asked: each is a label of several series. */
	char nameservers[WORKER_NAMESERVERS_MAX][WIRE_NAMESERVER_BYTES];
	struct series *up, *cpu, *sandbox_level;
	struct series *resident; /* NULL: not known yet */
	struct series *lateness, *lost;
	struct series *started, *uncounted; /* NULL: it makes no checks */
	struct series *restarts[WORKER_END_COUNT]; /* from the first one on */
};

void worker_slot_init(struct worker_slot *slot, struct worker_pool *pool,
	enum worker_type type);
struct worker_process *worker_slot_in_charge(struct worker_slot *slot);
struct worker_process *worker_slot_successor(struct worker_slot *slot);
/* Its targets have changed: starts, tells, or ends its worker. */
void worker_slot_update(struct worker_slot *slot);
/* What a worker got at birth has changed: a new process, new before old. */
void worker_slot_replace(struct worker_slot *slot);
/* Tells the worker in charge what it does not know yet. */
void worker_slot_tell_targets(struct worker_slot *slot);
/* The same, when it could not be told all for want of descriptors or memory. */
void worker_slot_try_again(struct worker_slot *slot);
/* All targets are this one's from now on. */
void worker_slot_put_in_charge(
	struct worker_slot *slot, struct worker_process *process);

#endif
