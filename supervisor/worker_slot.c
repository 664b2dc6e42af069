/* SPDX-License-Identifier: Apache-2.0 */
/* One kind of worker; see worker_slot.h. */
#include "supervisor/worker_slot.h"

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/target_message.h"
#include "supervisor/worker_birth.h"
#include "supervisor/worker_counts.h"
#include "supervisor/worker_pool.h"
#include "supervisor/worker_records.h"

#include <errno.h>
#include <string.h>

struct worker_process *
worker_slot_in_charge(struct worker_slot *slot)
{
	return &slot->processes[slot->in_charge];
}

struct worker_process *
worker_slot_successor(struct worker_slot *slot)
{
	return &slot->processes[1 - slot->in_charge];
}

/* What waits for room in the socket goes on with on_writable, and one without a
 * reader with the end of the process; the rest is tried again. */
static void
put_off(struct worker_slot *slot, const struct target *target, int rc)
{
	bool was_put_off = slot->put_off;

	slot->put_off = rc != -EAGAIN && rc != -EPIPE;
	if (slot->put_off && !was_put_off)
		LOG_ERROR("a check cannot be handed to its worker for now",
			LOG_STR("type", target->spec.label), LOG_ERRNO(-rc));
}

void
worker_slot_try_again(struct worker_slot *slot)
{
	if (slot->put_off)
		worker_slot_tell_targets(slot);
}

/* This process may not open what that one will; see replace_for_unix(). */
static bool
is_for_successor(
	const struct worker_process *process, const struct target *target)
{
	return target->news == TARGET_NEWS_SPEC && target_is_unix(target) &&
	       !process->has_unix;
}

/* Tells the worker in charge what it does not know yet. */
void
worker_slot_tell_targets(struct worker_slot *slot)
{
	struct worker_process *process = worker_slot_in_charge(slot);
	struct target_table *table = slot->pool->targets;
	int rc;

	if (process->state != WORKER_SPEAKING)
		return;
	if (slot->type == WORKER_DISCOVERY) {
		/* one that is about to be replaced has heard enough */
		if (!slot->replace)
			discovery_order_send(&slot->pool->discovery_order,
				slot->pool->neighbours->conf, process);
		return;
	}
	for (size_t i = 0; i < table->count; i++) {
		struct target *target = table->targets[i];

		if (!target->used || target->type != slot->type ||
			target->news == TARGET_NEWS_NONE ||
			(target->held && target->news != TARGET_NEWS_GONE) ||
			is_for_successor(process, target))
			continue;
		rc = target_message_send(process, target);
		if (rc == -EMSGSIZE) {
			LOG_ERROR("a check's headers are too long to be sent "
				  "to its worker: it is not checked",
				LOG_STR("type", target->spec.label));
		} else if (rc < 0) {
			put_off(slot, target, rc);
			return;
		}
		if (target->news == TARGET_NEWS_GONE)
			target_table_forget(table, target);
		else
			target->news = TARGET_NEWS_NONE;
	}
	slot->put_off = false;
}

/* The slot has no process and wants none. */
static void
retire(struct worker_slot *slot)
{
	slot->replace = slot->replace_again = false;
	target_table_renew(slot->pool->targets, slot->type);
	worker_counts_close(slot);
}

static void
restart_later(struct worker_slot *slot, uint64_t lived_ns)
{
	uint64_t delay_ns = restart_delay_ns(&slot->restart, lived_ns);

	LOG_INFO("a worker is to be started again",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_INT("after_ms", delay_ns / NS_PER_MS));
	loop_timer_start(slot->pool->loop, &slot->restart_timer,
		clock_mono_ns() + delay_ns);
}

static void
start(struct worker_slot *slot, unsigned index)
{
	struct worker_process *process = &slot->processes[index];
	int rc;

	worker_counts_open(slot);
	rc = worker_birth_ask(slot, process);
	if (rc == 0)
		return;
	LOG_ERROR("cannot start a worker",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_ERRNO(-rc));
	if (process->state == WORKER_FREE)
		restart_later(slot, 0);
	else
		worker_process_born(process, rc, NULL);
}

/* What was asked for while the one before was still to go. */
static void
replace_again(struct worker_slot *slot)
{
	if (!slot->replace_again || !slot->wanted ||
		worker_slot_successor(slot)->state != WORKER_FREE)
		return;
	slot->replace_again = false;
	slot->replace = true;
	start(slot, 1 - slot->in_charge);
}

void
worker_slot_put_in_charge(
	struct worker_slot *slot, struct worker_process *process)
{
	slot->in_charge = (unsigned)(process - slot->processes);
	/* it has read resolv.conf anew */
	memset(slot->nameservers, 0, sizeof(slot->nameservers));
	target_table_forget_nameservers(
		slot->pool->targets, slot->type, clock_mono_ns());
	slot->replace = false;
	target_table_renew(slot->pool->targets, slot->type);
	if (process->state != WORKER_SPEAKING)
		return;
	series_set(slot->up, 1);
	if (slot->type == WORKER_DISCOVERY) {
		discovery_order_begin(&slot->pool->discovery_order);
		neighbours_begin(slot->pool->neighbours);
	}
	worker_slot_tell_targets(slot);
	replace_again(slot);
}

/* No check under way takes longer than its timeout. */
static uint64_t
drain_max_ns(const struct worker_slot *slot)
{
	const struct target_table *table = slot->pool->targets;
	uint64_t max_ns = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->used &&
			table->targets[i]->type == slot->type &&
			table->targets[i]->spec.timeout_ns > max_ns)
			max_ns = table->targets[i]->spec.timeout_ns;
	return max_ns + NS_PER_S;
}

static void
on_hello(struct worker_process *process)
{
	struct worker_slot *slot = process->owner;

	LOG_DEBUG("a worker is ready",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_INT("pid", process->pid));
	if (process == worker_slot_in_charge(slot))
		worker_slot_put_in_charge(slot, process);
	else
		/* its checks under way end first, then on_end hands over */
		worker_process_drain(
			worker_slot_in_charge(slot), drain_max_ns(slot));
}

static void
on_writable(struct worker_process *process)
{
	struct worker_slot *slot = process->owner;

	if (process == worker_slot_in_charge(slot))
		worker_slot_tell_targets(slot);
}

/* A successor that did not come to be, or the old one whose checks have ended
 * at last. */
static void
on_other_end(struct worker_slot *slot, uint64_t lived_ns)
{
	if (slot->replace) {
		restart_later(slot, lived_ns);
		return;
	}
	target_table_release(slot->pool->targets, slot->type);
	worker_slot_tell_targets(slot);
	replace_again(slot);
}

static void
on_end(struct worker_process *process, enum worker_end end, uint64_t lived_ns)
{
	struct worker_slot *slot = process->owner;
	struct worker_process *next = worker_slot_successor(slot);
	bool is_over = !slot->wanted || slot->pool->stopping;

	worker_counts_add_progress(slot, process);
	worker_counts_add_end(slot, process, end);
	if (process != worker_slot_in_charge(slot)) {
		on_other_end(slot, lived_ns);
		return;
	}
	series_set(slot->up, 0);
	/* one that still ends checks for this one does not come back */
	if (next->state != WORKER_DRAINING || is_over)
		target_table_release(slot->pool->targets, slot->type);
	if (next->state != WORKER_FREE &&
		(next->state != WORKER_DRAINING || is_over)) {
		worker_slot_put_in_charge(slot, next);
		return;
	}
	if (is_over) {
		retire(slot);
		return;
	}
	if (end == WORKER_END_PLANNED)
		start(slot, slot->in_charge);
	else
		restart_later(slot, lived_ns);
}

static const struct worker_process_ops process_ops = {
	.on_record = worker_records_take,
	.on_hello = on_hello,
	.on_writable = on_writable,
	.on_end = on_end,
};

static void
on_restart(struct loop_timer *timer)
{
	struct worker_slot *slot =
		LOOP_OWNER(timer, struct worker_slot, restart_timer);

	if (slot->pool->stopping || !slot->wanted)
		return;
	if (worker_slot_in_charge(slot)->state == WORKER_FREE)
		start(slot, slot->in_charge);
	else if (slot->replace &&
		 worker_slot_successor(slot)->state == WORKER_FREE)
		start(slot, 1 - slot->in_charge);
}

static bool
is_wanted(const struct worker_slot *slot)
{
	if (slot->type == WORKER_DISCOVERY)
		return discovery_order_wanted(slot->pool->neighbours->conf);
	return target_table_has(slot->pool->targets, slot->type);
}

void
worker_slot_replace(struct worker_slot *slot)
{
	if (!slot->wanted ||
		worker_slot_in_charge(slot)->state == WORKER_FREE ||
		slot->pool->stopping)
		return;
	if (worker_slot_successor(slot)->state != WORKER_FREE) {
		/* it may have read the old state of things already */
		slot->replace_again = true;
		return;
	}
	slot->replace = true;
	start(slot, 1 - slot->in_charge);
}

/*
 * What a process may open is fixed at its birth.  The first check of unix://
 * needs another one, and with the last such check the right to it goes, too.
 */
static void
replace_for_unix(struct worker_slot *slot)
{
	const struct worker_process *newest =
		slot->replace ? worker_slot_successor(slot)
			      : worker_slot_in_charge(slot);

	if (newest->state != WORKER_FREE &&
		newest->has_unix != target_table_needs_unix(
					    slot->pool->targets, slot->type))
		worker_slot_replace(slot);
}

void
worker_slot_init(struct worker_slot *slot, struct worker_pool *pool,
	enum worker_type type)
{
	memset(slot, 0, sizeof(*slot));
	slot->pool = pool;
	slot->type = type;
	loop_timer_init(&slot->restart_timer, on_restart);
	for (unsigned i = 0; i < 2; i++)
		worker_process_init(&slot->processes[i], pool->loop,
			&pool->pipes, type, &process_ops, slot);
}

void
worker_slot_update(struct worker_slot *slot)
{
	struct worker_pool *pool = slot->pool;
	struct worker_process *process = worker_slot_in_charge(slot);

	slot->wanted = is_wanted(slot);
	if (pool->stopping)
		return;
	if (slot->wanted && process->state == WORKER_FREE) {
		if (!slot->restart_timer.armed)
			start(slot, slot->in_charge);
	} else if (slot->wanted) {
		replace_for_unix(slot);
		worker_slot_tell_targets(slot);
	} else {
		loop_timer_stop(pool->loop, &slot->restart_timer);
		worker_process_cancel(worker_slot_successor(slot));
		worker_process_cancel(process);
		if (process->state == WORKER_FREE &&
			worker_slot_successor(slot)->state == WORKER_FREE)
			retire(slot);
	}
}
