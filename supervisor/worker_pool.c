/* SPDX-License-Identifier: Apache-2.0 */
/* The workers, one slot per type; see worker_pool.h. */
#include "supervisor/worker_pool.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "supervisor/metric_families.h"
#include "supervisor/target_message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void start(struct worker_slot *slot, unsigned index);

static struct worker_process *
in_charge(struct worker_slot *slot)
{
	return &slot->processes[slot->in_charge];
}

static struct worker_process *
successor(struct worker_slot *slot)
{
	return &slot->processes[1 - slot->in_charge];
}

static struct series *
get_series(struct worker_slot *slot, enum metric_id metric)
{
	const char *const labels[] = { worker_type_name(slot->type) };

	return registry_get(slot->pool->registry, metric, labels);
}

static void
get_all_series(struct worker_slot *slot)
{
	if (slot->up != NULL)
		return;
	slot->up = get_series(slot, METRIC_WORKER_UP);
	slot->resident = get_series(slot, METRIC_WORKER_RESIDENT_MEMORY);
	slot->cpu = get_series(slot, METRIC_WORKER_CPU_TOTAL);
	slot->sandbox_level = get_series(slot, METRIC_WORKER_SANDBOX_LEVEL);
	slot->lost = get_series(slot, METRIC_SAMPLES_LOST_TOTAL);
	if (slot->type == WORKER_DISCOVERY)
		return;
	slot->started = get_series(slot, METRIC_CHECKS_STARTED_TOTAL);
	slot->uncounted = get_series(slot, METRIC_CHECKS_UNCOUNTED_TOTAL);
}

static void
put_all_series(struct worker_slot *slot)
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
	slot->up = slot->resident = slot->sandbox_level = NULL;
	slot->cpu = slot->lost = slot->lateness = NULL;
	slot->started = slot->uncounted = NULL;
}

/* The slot has no process and wants none. */
static void
retire(struct worker_slot *slot)
{
	slot->replace = slot->replace_again = false;
	target_table_renew(slot->pool->targets, slot->type);
	put_all_series(slot);
}

static void
observe_lateness(struct worker_slot *slot, uint64_t late_ns)
{
	if (slot->lateness == NULL)
		slot->lateness = get_series(slot, METRIC_SCHEDULER_LATENESS);
	series_observe(slot->lateness, late_ns);
}

/* Tells the worker in charge what it does not know yet. */
static void
tell_targets(struct worker_slot *slot)
{
	struct worker_process *process = in_charge(slot);
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
			(target->held && target->news != TARGET_NEWS_GONE))
			continue;
		rc = target_message_send(process, target);
		if (rc == -EMSGSIZE)
			LOG_ERROR("a check's headers are too long to be sent "
				  "to its worker: it is not checked",
				LOG_STR("type", target->spec.label));
		else if (rc < 0)
			return; /* on_writable goes on, or the process ends */
		if (target->news == TARGET_NEWS_GONE)
			target_forget(target);
		else
			target->news = TARGET_NEWS_NONE;
	}
}

/* What a process says of itself never goes backwards. */
static void
count_progress(struct worker_slot *slot, struct worker_process *process)
{
	if (slot->started != NULL)
		series_add(slot->started,
			process->checks_started - process->started_counted);
	process->started_counted = process->checks_started;
	series_add(slot->lost,
		process->records_dropped - process->dropped_counted);
	process->dropped_counted = process->records_dropped;
}

/* A check that has ended, or was cut short, and is nobody's result. */
static void
count_nowhere(struct worker_slot *slot, uint64_t count)
{
	if (slot->uncounted != NULL)
		series_add(slot->uncounted, count);
}

static void
take_sample(struct worker_process *process, const struct wire_sample *sample)
{
	struct worker_slot *slot = process->owner;
	struct worker_pool *pool = slot->pool;
	uint64_t now_ns = clock_mono_ns();
	struct target *target;

	if (sample->outcome == OUTCOME_CANCELLED) {
		count_nowhere(slot, sample->last);
		return;
	}
	if (sample->hop == 0)
		observe_lateness(slot, sample->lateness_ns);
	if (sample->stamped)
		observe_lateness(slot, sample->phase_ns[PHASE_LOCAL]);
	if (target_table_match(pool->targets, slot->type, sample->target_id,
		    sample->target_gen, &target) != TARGET_CURRENT) {
		count_nowhere(slot, sample->last);
		return;
	}
	if (sample->hop == 0)
		target->started_mono_ns = sample->started_mono_ns < now_ns
						  ? sample->started_mono_ns
						  : now_ns;
	aggregate_sample(pool->aggregate, target, sample);
	if (!sample->last)
		return;
	if (target->held && process != in_charge(slot)) {
		target->held = false;
		tell_targets(slot);
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

static void
take_heartbeat(struct worker_slot *slot, const struct wire_heartbeat *heartbeat)
{
	series_set(slot->resident, (double)heartbeat->resident_bytes);
	slot->cpu_ns = slot->cpu_of_the_dead_ns + heartbeat->cpu_ns;
	series_raise(slot->cpu, slot->cpu_ns);
}

/* More than its targets explain: it leaks, or was made to grow. */
static void
judge_memory(const struct worker_slot *slot, struct worker_process *process,
	uint64_t resident_bytes)
{
	uint64_t limit_bytes =
		WORKER_MEMORY_BASE_BYTES +
		WORKER_MEMORY_TARGET_BYTES *
			target_table_count(slot->pool->targets, slot->type);

	if (resident_bytes <= limit_bytes || process->killed)
		return;
	LOG_ERROR("a worker has grown too large, killing it",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_INT("resident_bytes", resident_bytes),
		LOG_INT("limit_bytes", limit_bytes));
	worker_process_kill(process, WORKER_END_MEMORY);
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
take_discovery(struct worker_process *process, const struct wire_record *record)
{
	struct worker_slot *slot = process->owner;

	if (slot->type != WORKER_DISCOVERY || process != in_charge(slot)) {
		LOG_ERROR("a worker speaks of neighbours unasked, killing it",
			LOG_STR("worker", worker_type_name(slot->type)));
		worker_process_kill(process, WORKER_END_NONSENSE);
		return;
	}
	if (!slot->wanted)
		return;
	if (record->kind == WIRE_NEIGHBOUR)
		neighbours_take(
			slot->pool->neighbours, &record->body.neighbour);
	else
		neighbours_take_status(
			slot->pool->neighbours, &record->body.discovery);
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

/* What was asked for while the one before was still to go. */
static void
replace_again(struct worker_slot *slot)
{
	if (!slot->replace_again || !slot->wanted ||
		successor(slot)->state != WORKER_FREE)
		return;
	slot->replace_again = false;
	slot->replace = true;
	start(slot, 1 - slot->in_charge);
}

static void
take_charge(struct worker_slot *slot, struct worker_process *process)
{
	slot->in_charge = (unsigned)(process - slot->processes);
	memset(slot->nameservers, 0, sizeof(slot->nameservers));
	slot->replace = false;
	target_table_renew(slot->pool->targets, slot->type);
	if (process->state != WORKER_SPEAKING)
		return;
	series_set(slot->up, 1);
	if (slot->type == WORKER_DISCOVERY) {
		discovery_order_begin(&slot->pool->discovery_order);
		neighbours_begin(slot->pool->neighbours);
	}
	tell_targets(slot);
	replace_again(slot);
}

/* It ends checks of ours, and may say so when it was asked to. */
static bool
may_hand_over(struct worker_process *process)
{
	struct worker_slot *slot = process->owner;

	if (process->state == WORKER_DRAINING)
		return process == in_charge(slot) && !process->cancelled;
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
	struct worker_process *next = successor(slot);

	if (!may_hand_over(process) || next->state != WORKER_SPEAKING)
		return;
	slot->cpu_of_the_dead_ns = slot->cpu_ns;
	take_charge(slot, next);
}

static void
on_record(struct worker_process *process, const struct wire_record *record)
{
	struct worker_slot *slot = process->owner;

	count_progress(slot, process);
	switch ((enum wire_kind)record->kind) {
	case WIRE_HELLO:
		series_set(slot->sandbox_level,
			(double)record->body.hello.sandbox_level);
		break;
	case WIRE_HEARTBEAT:
		if (process == in_charge(slot))
			take_heartbeat(slot, &record->body.heartbeat);
		judge_memory(
			slot, process, record->body.heartbeat.resident_bytes);
		break;
	case WIRE_SAMPLE:
		if (is_of_us(process, record->body.sample.target_id,
			    record->body.sample.target_gen))
			take_sample(process, &record->body.sample);
		break;
	case WIRE_DNS:
		take_dns(process, &record->body.dns);
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
	if (process == in_charge(slot))
		take_charge(slot, process);
	else
		/* its checks under way end first, then on_end hands over */
		worker_process_drain(in_charge(slot), drain_max_ns(slot));
}

static void
on_writable(struct worker_process *process)
{
	struct worker_slot *slot = process->owner;

	if (process == in_charge(slot))
		tell_targets(slot);
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
		break;
	}
	return NULL;
}

static void
count_end(struct worker_slot *slot, const struct worker_process *process,
	enum worker_end end)
{
	const char *const labels[] = { worker_type_name(slot->type),
		end_reason(end) };
	uint64_t in_flight = worker_process_in_flight(process);
	struct series *restarts;

	if (process->cancelled) /* it had no time to say so of each */
		count_nowhere(slot, in_flight);
	else
		series_add(slot->lost, in_flight);
	if (end == WORKER_END_PLANNED)
		return;
	restarts = registry_get(
		slot->pool->registry, METRIC_WORKER_RESTARTS_TOTAL, labels);
	series_add(restarts, 1);
	registry_put(restarts, clock_mono_ns());
	/* an address that was guessed once must not serve twice */
	if (end == WORKER_END_SIGNAL)
		nursery_renew(slot->pool->nursery);
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
	tell_targets(slot);
	replace_again(slot);
}

static void
on_end(struct worker_process *process, enum worker_end end, uint64_t lived_ns)
{
	struct worker_slot *slot = process->owner;
	struct worker_process *next = successor(slot);
	bool is_over = !slot->wanted || slot->pool->stopping;

	count_progress(slot, process);
	count_end(slot, process, end);
	if (process != in_charge(slot)) {
		on_other_end(slot, lived_ns);
		return;
	}
	slot->cpu_of_the_dead_ns = slot->cpu_ns;
	series_set(slot->up, 0);
	/* one that still ends checks for this one does not come back */
	if (next->state != WORKER_DRAINING || is_over)
		target_table_release(slot->pool->targets, slot->type);
	if (next->state != WORKER_FREE &&
		(next->state != WORKER_DRAINING || is_over)) {
		take_charge(slot, next);
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
	.on_record = on_record,
	.on_hello = on_hello,
	.on_writable = on_writable,
	.on_end = on_end,
};

/* A pipe whose read end is ours, and a pair of control sockets. */
static int
open_channels(int pipe_fds[2], int control_fds[2])
{
	int rc;

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	/* as much as we may: the default of 64 KiB does as well */
	(void)fcntl(pipe_fds[0], F_SETPIPE_SZ, WORKER_PIPE_BYTES);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0, control_fds) == 0)
		return 0;
	rc = -errno;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return rc;
}

static int
send_boot(struct worker_slot *slot, struct worker_process *process)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_BOOT;
	message.body.boot = (struct control_boot){
		.worker_type = slot->type,
		.worker_gen = process->gen,
		.http_proxy = slot->pool->http_proxy,
		.https_proxy = slot->pool->https_proxy,
		.no_proxy = slot->pool->no_proxy,
	};
	return worker_process_send(process, &message);
}

static bool
needs_tls(const struct worker_slot *slot)
{
	if (slot->type == WORKER_DISCOVERY)
		return discovery_order_needs_tls(slot->pool->neighbours->conf);
	return target_table_needs_tls(slot->pool->targets, slot->type);
}

static bool
is_wanted(const struct worker_slot *slot)
{
	if (slot->type == WORKER_DISCOVERY)
		return discovery_order_wanted(slot->pool->neighbours->conf);
	return target_table_has(slot->pool->targets, slot->type);
}

static int
try_start(struct worker_slot *slot, struct worker_process *process)
{
	struct worker_pool *pool = slot->pool;
	struct control_birth birth = {
		.worker_type = slot->type,
		.worker_gen = ++pool->last_gen,
		.needs_tls = needs_tls(slot),
	};
	int pipe_fds[2], control_fds[2];
	int rc = open_channels(pipe_fds, control_fds);

	if (rc < 0)
		return rc;
	rc = worker_process_ask(
		process, birth.worker_gen, control_fds[0], pipe_fds[0]);
	if (rc == 0)
		rc = nursery_ask(
			pool->nursery, &birth, control_fds[1], pipe_fds[1]);
	close(control_fds[1]);
	close(pipe_fds[1]);
	if (rc == 0)
		rc = send_boot(slot, process);
	return rc;
}

static void
start(struct worker_slot *slot, unsigned index)
{
	struct worker_process *process = &slot->processes[index];
	int rc;

	get_all_series(slot);
	rc = try_start(slot, process);
	if (rc == 0)
		return;
	LOG_ERROR("cannot start a worker",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_ERRNO(-rc));
	if (process->state == WORKER_FREE)
		restart_later(slot, 0);
	else
		worker_process_born(process, rc, 0);
}

static void
on_restart(struct loop_timer *timer)
{
	struct worker_slot *slot =
		LOOP_OWNER(timer, struct worker_slot, restart_timer);

	if (slot->pool->stopping || !slot->wanted)
		return;
	if (in_charge(slot)->state == WORKER_FREE)
		start(slot, slot->in_charge);
	else if (slot->replace && successor(slot)->state == WORKER_FREE)
		start(slot, 1 - slot->in_charge);
}

void
worker_pool_init(struct worker_pool *pool)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++) {
		struct worker_slot *slot = &pool->slots[i];

		memset(slot, 0, sizeof(*slot));
		slot->pool = pool;
		slot->type = (enum worker_type)i;
		loop_timer_init(&slot->restart_timer, on_restart);
		for (unsigned j = 0; j < 2; j++) {
			worker_process_init(&slot->processes[j], pool->loop,
				slot->type, &process_ops, slot);
			slot->processes[j].hold_until_ns = &pool->hold_until_ns;
		}
	}
}

void
worker_pool_update(struct worker_pool *pool, enum worker_type type)
{
	struct worker_slot *slot = &pool->slots[type];
	struct worker_process *process = in_charge(slot);

	slot->wanted = is_wanted(slot);
	if (pool->stopping)
		return;
	if (slot->wanted && process->state == WORKER_FREE) {
		if (!slot->restart_timer.armed)
			start(slot, slot->in_charge);
	} else if (slot->wanted) {
		tell_targets(slot);
	} else {
		loop_timer_stop(pool->loop, &slot->restart_timer);
		worker_process_cancel(successor(slot));
		worker_process_cancel(process);
		if (process->state == WORKER_FREE &&
			successor(slot)->state == WORKER_FREE)
			retire(slot);
	}
}

static void
replace(struct worker_slot *slot)
{
	if (!slot->wanted || in_charge(slot)->state == WORKER_FREE ||
		slot->pool->stopping)
		return;
	if (successor(slot)->state != WORKER_FREE) {
		/* it may have read the old state of things already */
		slot->replace_again = true;
		return;
	}
	slot->replace = true;
	start(slot, 1 - slot->in_charge);
}

void
worker_pool_replace(struct worker_pool *pool)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		replace(&pool->slots[i]);
}

void
worker_pool_replace_discovery(struct worker_pool *pool)
{
	replace(&pool->slots[WORKER_DISCOVERY]);
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
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++) {
		struct worker_slot *slot = &pool->slots[i];
		uint64_t most = records_per_s(slot);

		for (unsigned j = 0; j < 2; j++) {
			slot->processes[j].records_per_s = most;
			worker_process_judge(
				&slot->processes[j], now_ns, late_ns);
		}
	}
}

void
worker_pool_read(struct worker_pool *pool)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++)
			worker_process_read(&pool->slots[i].processes[j]);
}

void
worker_pool_hold(struct worker_pool *pool, uint64_t until_mono_ns)
{
	pool->hold_until_ns = until_mono_ns;
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

bool
worker_pool_birth_is_overdue(const struct worker_pool *pool, uint64_t now_ns)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++) {
			const struct worker_process *process =
				&pool->slots[i].processes[j];

			if (process->state != WORKER_FREE &&
				process->pid == 0 &&
				clock_since_ns(now_ns, process->born_mono_ns) >=
					WORKER_BIRTH_MAX_NS)
				return true;
		}
	return false;
}

/* How a child ended that was reaped before it was known. */
static int
early_status(const struct worker_pool *pool, pid_t pid)
{
	for (unsigned i = 0; i < WORKER_POOL_EARLY_MAX; i++)
		if (pool->early[i].pid == pid)
			return pool->early[i].wait_status;
	return 0; /* who knows: an exit */
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
				worker_process_born(process, born->pid,
					early_status(pool, born->pid));
				return;
			}
		}
}

bool
worker_pool_reaped(struct worker_pool *pool, pid_t pid, int wait_status)
{
	for (unsigned i = 0; i < WORKER_TYPE_COUNT; i++)
		for (unsigned j = 0; j < 2; j++) {
			struct worker_process *process =
				&pool->slots[i].processes[j];

			if (process->state != WORKER_FREE &&
				process->pid == pid) {
				worker_process_reaped(process, wait_status);
				return true;
			}
		}
	if (expects_birth(pool)) {
		pool->early[pool->early_next] =
			(struct worker_pool_early){ pid, wait_status };
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
}
