/* SPDX-License-Identifier: Apache-2.0 */
/* The sample pipes of all workers; see worker_pipes.h. */
#include "supervisor/worker_pipes.h"

#include "common/clock.h"

#include <errno.h>
#include <string.h>

/* The next whole multiple: what is due at several of them comes at once. */
static uint64_t
later_ns(const struct worker_pipes *pipes)
{
	uint64_t now_ns = loop_now_ns(pipes->loop);

	return now_ns - now_ns % WORKER_PIPES_LATE_NS + WORKER_PIPES_LATE_NS;
}

static void
leave_alone(struct worker_pipes *pipes, uint64_t until_ns)
{
	loop_watch_change(pipes->loop, &pipes->watch, 0);
	loop_timer_start(pipes->loop, &pipes->timer, until_ns);
}

static void
listen_again(struct worker_pipes *pipes)
{
	loop_timer_stop(pipes->loop, &pipes->timer);
	loop_watch_change(pipes->loop, &pipes->watch, LOOP_READ);
}

static bool
is_held(const struct worker_pipes *pipes)
{
	return loop_now_ns(pipes->loop) < pipes->hold_until_ns;
}

void
worker_pipes_read(struct worker_pipes *pipes)
{
	pipes->found_records = pipes->left_records = false;
	pipes->is_rung = false;
	pipes->read_mono_ns = loop_now_ns(pipes->loop);
	/* epoll itself fails for a bad descriptor only */
	(void)loop_turn(pipes->set, 0);
	if (pipes->left_records)
		listen_again(pipes);
}

void
worker_pipes_note(
	struct worker_pipes *pipes, unsigned record_count, bool may_be_more)
{
	pipes->found_records = pipes->found_records || record_count > 0;
	pipes->left_records = pipes->left_records || may_be_more;
}

/* One record now and then is heard at once. */
static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct worker_pipes *pipes =
		LOOP_OWNER(watch, struct worker_pipes, watch);
	uint64_t now_ns = loop_now_ns(pipes->loop);
	bool is_busy = clock_since_ns(now_ns, pipes->read_mono_ns) <
		       WORKER_PIPES_LATE_NS;

	(void)ready;
	if (is_held(pipes)) {
		leave_alone(pipes, pipes->hold_until_ns);
		return;
	}
	worker_pipes_read(pipes);
	if (is_busy && !pipes->left_records)
		leave_alone(pipes, later_ns(pipes));
}

static void
on_timer(struct loop_timer *timer)
{
	struct worker_pipes *pipes =
		LOOP_OWNER(timer, struct worker_pipes, timer);

	if (is_held(pipes)) {
		leave_alone(pipes, pipes->hold_until_ns);
		return;
	}
	worker_pipes_read(pipes);
	if (pipes->found_records && !pipes->left_records)
		leave_alone(pipes, later_ns(pipes));
	else
		listen_again(pipes);
}

void
worker_pipes_ring(struct worker_pipes *pipes)
{
	if (is_held(pipes))
		pipes->is_rung = true;
	else
		worker_pipes_read(pipes);
}

void
worker_pipes_hold(struct worker_pipes *pipes, uint64_t until_mono_ns)
{
	pipes->hold_until_ns = until_mono_ns;
	if (until_mono_ns == 0 && pipes->is_rung)
		worker_pipes_read(pipes);
}

int
worker_pipes_open(struct worker_pipes *pipes, struct loop *loop)
{
	int rc;

	memset(pipes, 0, sizeof(*pipes));
	pipes->loop = loop;
	pipes->set = loop_new();
	if (pipes->set == NULL)
		return -ENOMEM;
	loop_watch_init(&pipes->watch, on_ready);
	loop_timer_init(&pipes->timer, on_timer);
	rc = loop_watch_open(
		loop, &pipes->watch, loop_fd(pipes->set), LOOP_READ);
	if (rc < 0)
		worker_pipes_close(pipes);
	return rc;
}

void
worker_pipes_close(struct worker_pipes *pipes)
{
	if (pipes->set == NULL)
		return;
	loop_timer_stop(pipes->loop, &pipes->timer);
	loop_watch_close(pipes->loop, &pipes->watch);
	loop_free(pipes->set);
	memset(pipes, 0, sizeof(*pipes));
}
