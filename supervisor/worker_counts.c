/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a slot; see worker_counts.h. */
#include "supervisor/worker_counts.h"

#include "common/clock.h"
#include "supervisor/metric_families.h"
#include "supervisor/worker_pool.h"

#include <string.h>

static struct series *
get_series(struct worker_slot *slot, enum metric_id metric)
{
	const char *const labels[] = { worker_type_name(slot->type) };

	return registry_get(slot->pool->registry, metric, labels);
}

void
worker_counts_open(struct worker_slot *slot)
{
	if (slot->up != NULL)
		return;
	slot->up = get_series(slot, METRIC_WORKER_UP);
	slot->cpu = get_series(slot, METRIC_WORKER_CPU_TOTAL);
	slot->sandbox_level = get_series(slot, METRIC_WORKER_SANDBOX_LEVEL);
	slot->lost = get_series(slot, METRIC_SAMPLES_LOST_TOTAL);
	if (slot->type == WORKER_DISCOVERY)
		return;
	slot->started = get_series(slot, METRIC_CHECKS_STARTED_TOTAL);
	slot->uncounted = get_series(slot, METRIC_CHECKS_UNCOUNTED_TOTAL);
}

void
worker_counts_close(struct worker_slot *slot)
{
	uint64_t now_ns = clock_mono_ns();

	/* what there is no process for must not look like one that is down */
	registry_remove(slot->up);
	registry_remove(slot->resident);
	registry_remove(slot->sandbox_level);
	registry_put(slot->cpu, now_ns);
	registry_put(slot->lost, now_ns);
	registry_put(slot->lateness, now_ns);
	registry_put(slot->started, now_ns);
	registry_put(slot->uncounted, now_ns);
	for (unsigned i = 0; i < WORKER_END_COUNT; i++)
		registry_put(slot->restarts[i], now_ns);
	memset(slot->restarts, 0, sizeof(slot->restarts));
	slot->up = slot->resident = slot->sandbox_level = NULL;
	slot->cpu = slot->lost = slot->lateness = NULL;
	slot->started = slot->uncounted = NULL;
}

void
worker_counts_observe_lateness(struct worker_slot *slot, uint64_t late_ns)
{
	if (slot->lateness == NULL)
		slot->lateness = get_series(slot, METRIC_SCHEDULER_LATENESS);
	series_observe(slot->lateness, late_ns);
}

void
worker_counts_set_resident(struct worker_slot *slot, uint64_t resident_bytes)
{
	if (slot->resident == NULL)
		slot->resident =
			get_series(slot, METRIC_WORKER_RESIDENT_MEMORY);
	series_set(slot->resident, (double)resident_bytes);
}

/* What is counted of a process never goes backwards. */
void
worker_counts_add_progress(
	struct worker_slot *slot, struct worker_process *process)
{
	if (slot->started != NULL)
		series_add(slot->started,
			process->checks_started - process->started_counted);
	process->started_counted = process->checks_started;
	series_add(slot->lost,
		process->records_dropped - process->dropped_counted);
	process->dropped_counted = process->records_dropped;
	series_add(slot->cpu, process->cpu_ns - process->cpu_counted_ns);
	process->cpu_counted_ns = process->cpu_ns;
}

/* A check that has ended, or was cut short, and is nobody's result. */
void
worker_counts_add_nowhere(struct worker_slot *slot, uint64_t count)
{
	if (slot->uncounted != NULL)
		series_add(slot->uncounted, count);
}

static const char *
end_reason(enum worker_end end)
{
	switch (end) {
	case WORKER_END_SIGNAL:
		return "signal";
	case WORKER_END_SILENT:
		return "silent";
	case WORKER_END_NONSENSE:
		return "nonsense";
	case WORKER_END_MEMORY:
		return "memory";
	case WORKER_END_EXIT:
	case WORKER_END_UNBORN:
		return "exit";
	case WORKER_END_PLANNED:
	case WORKER_END_COUNT:
		break;
	}
	return NULL;
}

/*
 * Of its own or of ours.  An address that was guessed once must not serve
 * twice, and a guess that fails may as well hang a worker, or have it write
 * nonsense.
 */
static bool
is_by_signal(enum worker_end end)
{
	switch (end) {
	case WORKER_END_SIGNAL:
	case WORKER_END_SILENT:
	case WORKER_END_NONSENSE:
	case WORKER_END_MEMORY:
		return true;
	case WORKER_END_EXIT:
	case WORKER_END_UNBORN:
	case WORKER_END_PLANNED:
	case WORKER_END_COUNT:
		break;
	}
	return false;
}

void
worker_counts_add_end(struct worker_slot *slot,
	const struct worker_process *process, enum worker_end end)
{
	const char *const labels[] = { worker_type_name(slot->type),
		end_reason(end) };
	uint64_t in_flight = worker_process_in_flight(process);

	if (process->cancelled) /* it had no time to say so of each */
		worker_counts_add_nowhere(slot, in_flight);
	else
		series_add(slot->lost, in_flight);
	if (end == WORKER_END_PLANNED)
		return;
	if (slot->restarts[end] == NULL)
		slot->restarts[end] = registry_get(slot->pool->registry,
			METRIC_WORKER_RESTARTS_TOTAL, labels);
	series_add(slot->restarts[end], 1);
	if (is_by_signal(end))
		nursery_renew(slot->pool->nursery);
}
