/* SPDX-License-Identifier: Apache-2.0 */
/* The workers, one slot per type; see worker_pool.h. */
#include "supervisor/worker_pool.h"

#include "common/clock.h"
#include "supervisor/worker_birth.h"
#include "supervisor/worker_memory.h"

#include <unistd.h>

int
worker_pool_init(struct worker_pool *pool)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		worker_slot_init(&pool->slots[i], pool, (enum worker_type)i);
	return worker_pipes_open(&pool->pipes, pool->loop);
}

void
worker_pool_update(struct worker_pool *pool, enum worker_type type)
{
	worker_slot_update(&pool->slots[type]);
}

/*
 * The nursery loads the CAs for the first worker that needs them, which takes
 * as long as all births together: workers that need none are born first.
 */
void
worker_pool_update_all(struct worker_pool *pool)
{
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
			if (worker_birth_needs_tls(&pool->slots[i]) ==
				(pass == 1))
				worker_slot_update(&pool->slots[i]);
}

void
worker_pool_replace(struct worker_pool *pool)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		worker_slot_replace(&pool->slots[i]);
}

void
worker_pool_replace_discovery(struct worker_pool *pool)
{
	worker_slot_replace(&pool->slots[WORKER_DISCOVERY]);
}

/* As many records as its targets explain. */
static uint64_t
records_per_s(const struct worker_slot *slot)
{
	const struct target_table *table = slot->pool->targets;
	uint64_t most = FLOOD_RECORDS_PER_S;

	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->used &&
			table->targets[i]->type == slot->type)
			most = flood_add_target(
				most, table->targets[i]->spec.interval_ns);
	return most;
}

void
worker_pool_judge(struct worker_pool *pool, uint64_t now_ns, uint64_t late_ns)
{
	aggregate_tell_suppressed(pool->aggregate, now_ns);
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++) {
		struct worker_slot *slot = &pool->slots[i];
		uint64_t most = records_per_s(slot);

		worker_slot_try_again(slot);
		for (unsigned j = 0; j < 2; j++) {
			slot->processes[j].records_per_s = most;
			worker_memory_judge(slot, &slot->processes[j]);
			worker_process_judge(
				&slot->processes[j], now_ns, late_ns);
		}
	}
}

void
worker_pool_read(struct worker_pool *pool)
{
	worker_pipes_read(&pool->pipes);
}

void
worker_pool_hold(struct worker_pool *pool, uint64_t until_mono_ns)
{
	worker_pipes_hold(&pool->pipes, until_mono_ns);
}

/* Some process has been asked for whose pid the nursery has not told yet. */
static bool
expects_birth(const struct worker_pool *pool)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++)
			if (pool->slots[i].processes[j].state != WORKER_FREE &&
				pool->slots[i].processes[j].pid == 0)
				return true;
	return false;
}

static bool
is_lost(const struct worker_process *process, uint64_t now_ns)
{
	if (worker_process_is_undead(process, now_ns)) {
		LOG_ERROR("a worker was killed and does not end, "
			  "and so this program must",
			LOG_STR("worker", worker_type_name(process->type)),
			LOG_INT("pid", process->pid));
		return true;
	}
	if (process->state == WORKER_FREE || process->pid != 0 ||
		clock_since_ns(now_ns, process->born_mono_ns) <
			WORKER_BIRTH_MAX_NS)
		return false;
	LOG_ERROR("the nursery does not answer, and so this program must end");
	return true;
}

bool
worker_pool_is_lost(const struct worker_pool *pool, uint64_t now_ns)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++)
			if (is_lost(&pool->slots[i].processes[j], now_ns))
				return true;
	return false;
}

/* How a child ended that was reaped before it was known. */
static const struct worker_exit *
early_exit(const struct worker_pool *pool, pid_t pid)
{
	static const struct worker_exit unknown = { 0 };

	for (unsigned i = 0; i < WORKER_POOL_EARLY_MAX; i++)
		if (pool->early[i].pid == pid)
			return &pool->early[i].worker_exit;
	return &unknown;
}

static void
note_foreign(struct worker_pool *pool)
{
	if (!pool->has_foreign)
		LOG_INFO(
			"this kernel ignores CLONE_PARENT, as gVisor does: the "
			"nursery reaps the workers");
	pool->has_foreign = true;
}

void
worker_pool_born(struct worker_pool *pool, const struct control_born *born)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++) {
			struct worker_process *process =
				&pool->slots[i].processes[j];

			if (process->state != WORKER_FREE &&
				process->gen == born->worker_gen &&
				process->pid == 0) {
				process->is_nurserys = born->is_nurserys;
				if (born->is_nurserys)
					note_foreign(pool);
				worker_process_born(process, born->pid,
					early_exit(pool, born->pid));
				return;
			}
		}
}

void
worker_pool_take_memory(
	struct worker_pool *pool, uint32_t worker_gen, int memory_fd)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++) {
			struct worker_process *process =
				&pool->slots[i].processes[j];

			if (process->state != WORKER_FREE &&
				process->gen == worker_gen) {
				worker_process_take_memory(process, memory_fd);
				worker_memory_judge(&pool->slots[i], process);
				return;
			}
		}
	if (memory_fd >= 0) /* it has ended */
		close(memory_fd);
}

bool
worker_pool_reaped(struct worker_pool *pool, pid_t pid,
	const struct worker_exit *worker_exit)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++) {
			struct worker_process *process =
				&pool->slots[i].processes[j];

			if (process->state != WORKER_FREE &&
				process->pid == pid) {
				worker_process_reaped(process, worker_exit);
				return true;
			}
		}
	if (expects_birth(pool)) {
		pool->early[pool->early_next] =
			(struct worker_pool_early){ pid, *worker_exit };
		pool->early_next =
			(pool->early_next + 1) % WORKER_POOL_EARLY_MAX;
	}
	return false;
}

void
worker_pool_stop(struct worker_pool *pool)
{
	pool->stopping = true;
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++) {
		loop_timer_stop(pool->loop, &pool->slots[i].restart_timer);
		for (unsigned j = 0; j < 2; j++)
			worker_process_cancel(&pool->slots[i].processes[j]);
	}
}

unsigned
worker_pool_running(const struct worker_pool *pool)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++)
			count += pool->slots[i].processes[j].state !=
				 WORKER_FREE;
	return count;
}

void
worker_pool_fini(struct worker_pool *pool)
{
	if (pool->loop == NULL)
		return;
	pool->stopping = true;
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++)
			worker_process_end(&pool->slots[i].processes[j]);
	worker_pipes_close(&pool->pipes);
}
