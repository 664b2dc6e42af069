/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker process; see worker.h.  It trusts its control socket and nothing
 * else.
 */
#include "workers/worker.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/log_record.h"
#include "common/sandbox.h"
#include "common/title.h"
#include "workers/birth.h"
#include "workers/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Hellos of all eight workers are out in milliseconds; a boot message that
 * does not come in this time means that the supervisor is in trouble. */
#define BOOT_TIMEOUT_MS 10000

/* Between two bells, except for a pipe that fills: too short to be seen. */
#define BELL_PAUSE_NS (10 * NS_PER_MS)

/*
 * After so many records the supervisor is told, so that the pipe does not fill
 * while it is left alone: half of the smallest one, which has 16 pages, and a
 * record does not cross them (pipe(7), fs/pipe.c).
 */
#define UNANNOUNCED_MAX (16 * (4096 / sizeof(struct wire_record)) / 2)

static void
ring(struct worker *worker)
{
	static const char bell[] = LOG_RECORD_BELL;

	worker->unannounced_count = 0;
	worker->rung_mono_ns = loop_now_ns(worker->loop);
	/* in a full pipe there is enough to be heard */
	if (write(STDERR_FILENO, bell, sizeof(bell) - 1) < 0)
		return;
}

static void
on_bell(struct loop_timer *timer)
{
	ring(LOOP_OWNER(timer, struct worker, bell));
}

void
worker_init_bell(struct worker *worker)
{
	loop_timer_init(&worker->bell, on_bell);
}

/* Whether the supervisor may read it as late as it does (worker_pipes.h). */
static bool
can_wait(const struct worker *worker, const struct wire_record *record)
{
	const struct wire_sample *sample = &record->body.sample;

	switch ((enum wire_kind)record->kind) {
	case WIRE_SAMPLE:
		return !worker->draining &&
		       (sample->outcome == OUTCOME_OK || !sample->last);
	case WIRE_DNS:
		return record->body.dns.result == DNS_OK ||
		       record->body.dns.result == DNS_NXDOMAIN;
	case WIRE_DNS_LATE:
		return !record->body.dns_late.failed;
	case WIRE_HEARTBEAT:
	case WIRE_TRAP: /* the end of the process tells of it */
		return true;
	case WIRE_HELLO:
	case WIRE_NEIGHBOUR:
	case WIRE_DISCOVERY:
	case WIRE_BUSY:
	case WIRE_IDLE:
	case WIRE_KIND_END:
		break;
	}
	return false;
}

/*
 * Once for all that a turn of the loop has written, or for a part of much; and
 * not for each of a thousand failures in a second.
 */
static void
announce(struct worker *worker, const struct wire_record *record)
{
	if (++worker->unannounced_count == UNANNOUNCED_MAX)
		ring(worker);
	else if (!can_wait(worker, record) && !worker->bell.armed)
		loop_timer_start(worker->loop, &worker->bell,
			worker->rung_mono_ns + BELL_PAUSE_NS);
}

int
worker_try_emit(struct worker *worker, struct wire_record *record)
{
	int rc;

	record->checks_started = worker->checks_started;
	record->records_dropped = worker->records_dropped;
	rc = wire_write(worker->pipe_fd, record);
	if (rc == 0)
		announce(worker, record);
	else if (rc == -EAGAIN)
		ring(worker);
	else
		loop_stop(worker->loop); /* nobody reads any more */
	return rc;
}

void
worker_emit(struct worker *worker, struct wire_record *record)
{
	if (worker_try_emit(worker, record) == -EAGAIN &&
		record->kind == WIRE_SAMPLE)
		worker->records_dropped++;
}

static void
on_heartbeat(struct loop_timer *timer)
{
	struct worker *worker = LOOP_OWNER(timer, struct worker, heartbeat);
	struct wire_record record;

	wire_init(&record, WIRE_HEARTBEAT, worker->gen);
	worker_emit(worker, &record);
	loop_timer_start(worker->loop, timer,
		loop_now_ns(worker->loop) + WIRE_HEARTBEAT_NS);
}

static void
on_control(struct loop_watch *watch, unsigned ready)
{
	struct worker *worker = LOOP_OWNER(watch, struct worker, control);
	struct control_message message;
	int rc;

	(void)ready;
	rc = control_receive(worker->control_fd, &message,
		worker->message_bytes, sizeof(worker->message_bytes));
	if (rc == 0)
		return;
	if (rc == -EPROTO) {
		LOG_ERROR("the control socket brought no message");
		return;
	}
	if (rc == 1 && message.fds_are_lost) {
		/* the next one is told all anew */
		LOG_ERROR("no descriptors are left for the files of a check, "
			  "ending");
		loop_stop(worker->loop);
		return;
	}
	if (rc < 0) { /* end of file: the supervisor does not want us */
		loop_stop(worker->loop);
		return;
	}
	worker->kind->body->on_message(worker, &message);
	control_close_fds(&message);
}

/* Blocks: there is nothing else to do before it. */
static int
receive_boot(struct worker *worker, struct control_boot *ret_boot)
{
	struct pollfd pollfd = { .fd = worker->control_fd, .events = POLLIN };
	struct control_message message;
	int rc;

	do
		rc = poll(&pollfd, 1, BOOT_TIMEOUT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return -ETIMEDOUT;
	rc = control_receive(worker->control_fd, &message,
		worker->message_bytes, sizeof(worker->message_bytes));
	if (rc <= 0)
		return rc < 0 ? rc : -ETIMEDOUT;
	control_close_fds(&message);
	if (message.kind != CONTROL_BOOT)
		return -EPROTO;
	*ret_boot = message.body.boot;
	return 0;
}

/* The supervisor has read it with the same parser: this is a fault of ours. */
static void
log_bad_proxy(const struct proxy *proxy, const char *setting)
{
	if (proxy->kind == PROXY_BAD)
		LOG_ERROR("a proxy cannot be used: checks that have to go "
			  "through it fail",
			LOG_STR("setting", setting),
			LOG_STR("error", proxy->error));
}

static int
apply_boot(struct worker *worker, const struct control_boot *boot)
{
	int rc;

	worker->kind = kind_find(boot->worker_type);
	worker->gen = boot->worker_gen;
	if (worker->kind == NULL || boot->log_level > LOG_LEVEL_ERROR)
		return -EPROTO;
	log_to_supervisor((enum log_level)boot->log_level);
	title_set(worker_type_name(boot->worker_type));
	rc = proxy_config_init(&worker->proxy, worker->settings->http_proxy,
		worker->settings->https_proxy, worker->settings->no_proxy);
	if (rc < 0)
		return rc;
	log_bad_proxy(&worker->proxy.http, "http_proxy");
	log_bad_proxy(&worker->proxy.https, "https_proxy");
	return 0;
}

/* What has to be opened while it still may be. */
static int
open_own(struct worker *worker)
{
	int rc;

	worker->loop = loop_new();
	if (worker->loop == NULL)
		return -ENOMEM;
	loop_watch_init(&worker->control, on_control);
	loop_timer_init(&worker->heartbeat, on_heartbeat);
	worker_init_bell(worker);
	rc = worker->kind->body->open(worker);
	if (rc < 0)
		return rc;
	return loop_watch_open(
		worker->loop, &worker->control, worker->control_fd, LOOP_READ);
}

/*
 * The order of birth.  Each step is the last moment at which what it takes
 * away may have been used; the sandbox closes before the hello.
 */
static int
be_born(struct worker *worker, pid_t parent_pid)
{
	struct control_boot boot;
	int rc = birth_tie_to_parent(parent_pid);

	if (rc == 0)
		rc = receive_boot(worker, &boot);
	if (rc == 0)
		rc = apply_boot(worker, &boot);
	if (rc == 0)
		rc = open_own(worker);
	if (rc == 0)
		rc = sandbox_drop_rights(0);
	if (rc == 0)
		rc = birth_limit_resources();
	if (rc == 0)
		rc = worker_sandbox_enter(worker);
	return rc;
}

static void
say_hello(struct worker *worker)
{
	struct wire_record record;

	wire_init(&record, WIRE_HELLO, worker->gen);
	record.body.hello.sandbox_level = worker->sandbox_level;
	record.body.hello.pid = getpid();
	worker_emit(worker, &record);
	loop_timer_start(worker->loop, &worker->heartbeat, clock_mono_ns());
}

static void
release(struct worker *worker)
{
	if (worker->loop != NULL) {
		worker->kind->body->close(worker);
		loop_watch_close(worker->loop, &worker->control);
	}
	loop_free(worker->loop);
	close(worker->control_fd);
	close(worker->pipe_fd);
}

int
worker_run(int control_fd, int pipe_fd, bool has_unix, pid_t parent_pid,
	const struct control_nursery *settings)
{
	static struct worker worker;
	int rc;

	worker.settings = settings;
	worker.control_fd = control_fd;
	worker.pipe_fd = pipe_fd;
	worker.has_unix = has_unix;
	rc = be_born(&worker, parent_pid);
	if (rc == 0) {
		say_hello(&worker);
		rc = loop_run(worker.loop);
	} else if (rc != -EPIPE) {
		LOG_ERROR("a worker could not be born", LOG_ERRNO(-rc));
	}
	release(&worker);
	return rc == 0 ? 0 : 1;
}
