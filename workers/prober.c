/* SPDX-License-Identifier: Apache-2.0 */
/* What the workers that check do; see prober.h. */
#include "workers/prober.h"

#include "common/log.h"
#include "workers/stamp.h"
#include "workers/target.h"
#include "workers/worker.h"

#include <errno.h>
#include <unistd.h>

void
prober_check_started(struct worker *worker)
{
	worker->checks_started++;
	worker->checks_running++;
}

void
prober_check_ended(struct worker *worker)
{
	worker->checks_running--;
	if (worker->draining && worker->checks_running == 0)
		loop_stop(worker->loop);
}

/*
 * The checks under way are ended here, all others are the successor's.  When
 * the pipe is too full for that to be said, he waits for this one's end.
 */
static void
tell_busy(struct worker *worker)
{
	struct wire_record record;
	int rc = 0;

	for (const struct target *target = worker->targets;
		target != NULL && rc == 0; target = target->next) {
		if (!target->check.running)
			continue;
		wire_init(&record, WIRE_BUSY, worker->gen);
		record.body.busy.target_id = target->id;
		record.body.busy.target_gen = target->gen;
		rc = worker_try_emit(worker, &record);
	}
	wire_init(&record, WIRE_IDLE, worker->gen);
	if (rc == 0)
		worker_try_emit(worker, &record);
}

static void
drain(struct worker *worker)
{
	worker->draining = true;
	target_stop_all(worker->targets);
	idle_pool_close_all(&worker->idle_pool);
	if (worker->checks_running == 0)
		loop_stop(worker->loop);
	else
		tell_busy(worker);
}

static void
on_message(struct worker *worker, struct control_message *message)
{
	switch (message->kind) {
	case CONTROL_TARGET:
		target_apply(worker, message);
		break;
	case CONTROL_TARGET_GONE:
		target_remove(worker, &message->body.gone);
		break;
	case CONTROL_DRAIN:
		drain(worker);
		break;
	case CONTROL_CANCEL:
		target_free_all(worker);
		loop_stop(worker->loop);
		break;
	case CONTROL_BOOT:
	case CONTROL_DISCOVERY:
	case CONTROL_NEIGHBOUR:
	case CONTROL_NEIGHBOURS_END:
	case CONTROL_BIRTH:
	case CONTROL_BORN:
	case CONTROL_ENDED:
	case CONTROL_MEMORY:
	case CONTROL_RENEW:
	case CONTROL_READY:
	case CONTROL_KIND_END:
		LOG_WARN("message of another kind on the control socket",
			LOG_INT("kind", message->kind));
		break;
	}
}

static void
on_server_answer(void *arg, uint32_t context_id, const char *nameserver,
	uint64_t duration_ns, enum dns_result result)
{
	struct worker *worker = arg;
	struct wire_record record;

	wire_init(&record, WIRE_DNS, worker->gen);
	record.body.dns.target_id = context_id;
	record.body.dns.target_gen = target_gen(worker, context_id);
	record.body.dns.duration_ns = duration_ns;
	record.body.dns.result = result;
	wire_set_text(
		record.body.dns.nameserver, WIRE_NAMESERVER_BYTES, nameserver);
	worker_emit(worker, &record);
}

static void
on_late(void *arg, uint32_t context_id, const struct dns_late *late)
{
	struct worker *worker = arg;
	struct wire_record record;

	wire_init(&record, WIRE_DNS_LATE, worker->gen);
	record.body.dns_late.target_id = context_id;
	record.body.dns_late.target_gen = target_gen(worker, context_id);
	record.body.dns_late.waited_ns = late->waited_ns;
	record.body.dns_late.ended = late->ended;
	record.body.dns_late.failed = late->failed;
	wire_set_text(
		record.body.dns_late.detail, WIRE_DETAIL_BYTES, late->text);
	worker_emit(worker, &record);
}

static int
prober_open(struct worker *worker)
{
	const struct resolver_options options = {
		.on_server_answer = on_server_answer,
		.on_late = on_late,
		.callback_arg = worker,
	};

	worker->stamp_holder_fd = stamp_holder_open();
	idle_pool_init(&worker->idle_pool, worker->loop, IDLE_POOL_KEEP_NS);
	worker->resolver = resolver_new(worker->loop, &options);
	return worker->resolver != NULL ? 0 : -ENOMEM;
}

static void
prober_close(struct worker *worker)
{
	target_free_all(worker);
	idle_pool_fini(&worker->idle_pool);
	resolver_free(worker->resolver);
	if (worker->stamp_holder_fd >= 0)
		close(worker->stamp_holder_fd);
}

const struct worker_body prober_body = {
	.open = prober_open,
	.on_message = on_message,
	.close = prober_close,
};
