/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers say; see worker_records.h. */
#include "supervisor/worker_records.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "supervisor/worker_counts.h"
#include "supervisor/worker_pool.h"

#include <string.h>

/*
 * The hops of a check count together, with the last: a scrape that sees half
 * of them would show phases that are in no check.
 */
static void
keep_passed(struct worker_process *process, const struct wire_sample *sample)
{
	if (sample->hop == 0)
		process->passed_count = 0;
	if (sample->hop == process->passed_count &&
		sample->hop < WIRE_HOPS_MAX - 1)
		process->passed[process->passed_count++] = *sample;
}

/* Those of another check, whose end did not come, are nothing. */
static unsigned
passed_count(
	const struct worker_process *process, const struct wire_sample *last)
{
	const struct wire_sample *first = &process->passed[0];

	if (last->hop == 0 || last->hop != process->passed_count ||
		first->target_id != last->target_id ||
		first->target_gen != last->target_gen)
		return 0;
	return last->hop;
}

static void
observe_lateness(struct worker_slot *slot, const struct wire_sample *sample)
{
	if (sample->hop == 0)
		worker_counts_observe_lateness(slot, sample->lateness_ns);
	if (sample->stamped)
		worker_counts_observe_lateness(
			slot, sample->phase_ns[PHASE_LOCAL]);
}

/* A hop of a check that has ended; target: NULL, when it is nobody's. */
static void
count_hop(struct worker_slot *slot, struct target *target,
	const struct wire_sample *sample)
{
	uint64_t now_ns = clock_mono_ns();

	observe_lateness(slot, sample);
	if (target == NULL)
		return;
	if (sample->hop == 0)
		target->started_mono_ns = sample->started_mono_ns < now_ns
						  ? sample->started_mono_ns
						  : now_ns;
	aggregate_sample(slot->pool->aggregate, target, sample);
}

static void
take_sample(struct worker_process *process, const struct wire_sample *sample)
{
	struct worker_slot *slot = process->owner;
	struct worker_pool *pool = slot->pool;
	unsigned passed = passed_count(process, sample);
	struct target *target;

	if (!sample->last) {
		keep_passed(process, sample);
		return;
	}
	process->passed_count = 0;
	if (sample->outcome == OUTCOME_CANCELLED) {
		worker_counts_add_nowhere(slot, 1);
		return;
	}
	if (target_table_match(pool->targets, slot->type, sample->target_id,
		    sample->target_gen, &target) != TARGET_CURRENT)
		target = NULL;
	for (unsigned i = 0; i < passed; i++)
		count_hop(slot, target, &process->passed[i]);
	count_hop(slot, target, sample);
	if (target == NULL) {
		worker_counts_add_nowhere(slot, 1);
		return;
	}
	if (target->held && process != worker_slot_in_charge(slot)) {
		target->held = false;
		worker_slot_tell_targets(slot);
	}
	pool->on_result(pool);
}

static bool
is_of_us(struct worker_process *process, uint32_t id, uint32_t gen)
{
	struct worker_slot *slot = process->owner;
	struct target *target;

	if (target_table_match(slot->pool->targets, slot->type, id, gen,
		    &target) != TARGET_UNKNOWN)
		return true;
	LOG_ERROR(
		"a worker wrote a sample of a target it never got, killing it",
		LOG_STR("worker", worker_type_name(slot->type)));
	worker_process_kill(process, WORKER_END_NONSENSE);
	return false;
}

/* What follows is its death by a signal. */
static void
log_trap(const struct worker_slot *slot, const struct wire_trap *trap)
{
	char name[64];

	sandbox_call_name(trap->call_number, name, sizeof(name));
	LOG_ERROR("a worker made a forbidden system call",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_STR("call", name), LOG_INT("number", trap->call_number));
}

static void
take_neighbour(
	struct worker_process *process, const struct wire_neighbour *neighbour)
{
	struct worker_slot *slot = process->owner;

	if (neighbours_take(slot->pool->neighbours, neighbour) == 0)
		return;
	LOG_ERROR("a worker tells of more neighbours than there can be, "
		  "killing it",
		LOG_STR("worker", worker_type_name(slot->type)));
	worker_process_kill(process, WORKER_END_NONSENSE);
}

static void
take_status(struct worker_process *process, const struct wire_discovery *status)
{
	struct worker_slot *slot = process->owner;

	if (neighbours_take_status(slot->pool->neighbours, status) == 0)
		return;
	LOG_ERROR("a worker counts backwards, killing it",
		LOG_STR("worker", worker_type_name(slot->type)));
	worker_process_kill(process, WORKER_END_NONSENSE);
}

static void
take_discovery(struct worker_process *process, const struct wire_record *record)
{
	struct worker_slot *slot = process->owner;

	if (slot->type != WORKER_DISCOVERY ||
		process != worker_slot_in_charge(slot)) {
		LOG_ERROR("a worker speaks of neighbours unasked, killing it",
			LOG_STR("worker", worker_type_name(slot->type)));
		worker_process_kill(process, WORKER_END_NONSENSE);
		return;
	}
	if (!slot->wanted)
		return;
	if (record->kind == WIRE_NEIGHBOUR)
		take_neighbour(process, &record->body.neighbour);
	else
		take_status(process, &record->body.discovery);
}

/* A worker that was taken over must not fill the registry with its inventions.
 */
static bool
knows_nameserver(struct worker_slot *slot, const char *name)
{
	for (size_t i = 0; i < WORKER_NAMESERVERS_MAX; i++) {
		char *known = slot->nameservers[i];

		if (known[0] == '\0')
			wire_set_text(known, WIRE_NAMESERVER_BYTES, name);
		if (strcmp(known, name) == 0)
			return true;
	}
	return false;
}

static void
take_dns(struct worker_process *process, const struct wire_dns *dns)
{
	struct worker_slot *slot = process->owner;
	struct target *target;

	if (!is_of_us(process, dns->target_id, dns->target_gen))
		return;
	if (!knows_nameserver(slot, dns->nameserver)) {
		LOG_ERROR("a worker names more nameservers than there can be, "
			  "killing it",
			LOG_STR("worker", worker_type_name(slot->type)));
		worker_process_kill(process, WORKER_END_NONSENSE);
		return;
	}
	if (target_table_match(slot->pool->targets, slot->type, dns->target_id,
		    dns->target_gen, &target) == TARGET_CURRENT)
		aggregate_dns(slot->pool->aggregate, target, dns);
}

static void
take_dns_late(struct worker_process *process, const struct wire_dns_late *late)
{
	struct worker_slot *slot = process->owner;
	struct target *target;

	if (is_of_us(process, late->target_id, late->target_gen) &&
		target_table_match(slot->pool->targets, slot->type,
			late->target_id, late->target_gen,
			&target) == TARGET_CURRENT)
		aggregate_dns_late(slot->pool->aggregate, target, late);
}

/* It ends checks of ours, and may say so when it was asked to. */
static bool
may_hand_over(struct worker_process *process)
{
	struct worker_slot *slot = process->owner;

	if (process->state == WORKER_DRAINING)
		return process == worker_slot_in_charge(slot) &&
		       !process->cancelled;
	LOG_ERROR("a worker leaves unasked, killing it",
		LOG_STR("worker", worker_type_name(slot->type)));
	worker_process_kill(process, WORKER_END_NONSENSE);
	return false;
}

static void
take_busy(struct worker_process *process, const struct wire_busy *busy)
{
	struct worker_slot *slot = process->owner;
	struct target *target;

	if (may_hand_over(process) &&
		is_of_us(process, busy->target_id, busy->target_gen) &&
		target_table_match(slot->pool->targets, slot->type,
			busy->target_id, busy->target_gen,
			&target) == TARGET_CURRENT)
		target->held = true;
}

/* The new one need not wait for the checks that the old one ends. */
static void
hand_over(struct worker_process *process)
{
	struct worker_slot *slot = process->owner;
	struct worker_process *next = worker_slot_successor(slot);

	if (!may_hand_over(process) || next->state != WORKER_SPEAKING)
		return;
	worker_slot_put_in_charge(slot, next);
}

void
worker_records_take(
	struct worker_process *process, const struct wire_record *record)
{
	struct worker_slot *slot = process->owner;

	worker_counts_add_progress(slot, process);
	switch ((enum wire_kind)record->kind) {
	case WIRE_HELLO:
		series_set(slot->sandbox_level,
			(double)record->body.hello.sandbox_level);
		break;
	case WIRE_HEARTBEAT:
		break;
	case WIRE_SAMPLE:
		if (is_of_us(process, record->body.sample.target_id,
			    record->body.sample.target_gen))
			take_sample(process, &record->body.sample);
		break;
	case WIRE_DNS:
		take_dns(process, &record->body.dns);
		break;
	case WIRE_DNS_LATE:
		take_dns_late(process, &record->body.dns_late);
		break;
	case WIRE_NEIGHBOUR:
	case WIRE_DISCOVERY:
		take_discovery(process, record);
		break;
	case WIRE_TRAP:
		log_trap(slot, &record->body.trap);
		break;
	case WIRE_BUSY:
		take_busy(process, &record->body.busy);
		break;
	case WIRE_IDLE:
		hand_over(process);
		break;
	case WIRE_KIND_END:
		break;
	}
}
