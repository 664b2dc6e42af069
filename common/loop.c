/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop; see loop.h.  The only file that knows epoll.  It never
 * allocates after loop_new.
 */
#include "common/loop.h"

#include "common/clock.h"

#include <errno.h>
#include <linux/time_types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH_COUNT 64

struct loop {
	int epoll_fd;
	bool running;
	bool no_pwait2; /* epoll_pwait2 came with Linux 5.11 */
	uint64_t now_ns;
	uint64_t held_ns;
	struct loop_timer *timers; /* root: the earliest */
	struct epoll_event batch[BATCH_COUNT];
	int batch_count, batch_index;
};

struct loop *
loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	loop->now_ns = clock_mono_ns();
	return loop;
}

int
loop_fd(const struct loop *loop)
{
	return loop->epoll_fd;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	close(loop->epoll_fd);
	free(loop);
}

static uint32_t
to_epoll(unsigned wanted)
{
	return (wanted & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
	       (wanted & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0) |
	       (wanted & LOOP_RDHUP ? (uint32_t)EPOLLRDHUP : 0) |
	       (wanted & LOOP_EDGE ? (uint32_t)EPOLLET : 0);
}

static unsigned
from_epoll(uint32_t events)
{
	return (events & EPOLLIN ? (unsigned)LOOP_READ : 0) |
	       (events & EPOLLOUT ? (unsigned)LOOP_WRITE : 0) |
	       (events & EPOLLRDHUP ? (unsigned)LOOP_RDHUP : 0) |
	       (events & EPOLLHUP ? (unsigned)LOOP_HUP : 0) |
	       (events & EPOLLERR ? (unsigned)LOOP_ERR : 0);
}

void
loop_watch_init(struct loop_watch *watch,
	void (*on_ready)(struct loop_watch *, unsigned))
{
	watch->fd = -1;
	watch->wanted = 0;
	watch->on_ready = on_ready;
}

static int
control(struct loop *loop, int op, int fd, struct loop_watch *watch)
{
	struct epoll_event event;

	memset(&event, 0, sizeof(event));
	event.events = to_epoll(watch->wanted);
	event.data.ptr = watch;
	return epoll_ctl(loop->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

int
loop_watch_open(
	struct loop *loop, struct loop_watch *watch, int fd, unsigned wanted)
{
	int rc;

	watch->wanted = wanted;
	rc = control(loop, EPOLL_CTL_ADD, fd, watch);
	watch->fd = rc < 0 ? -1 : fd;
	return rc;
}

int
loop_watch_change(struct loop *loop, struct loop_watch *watch, unsigned wanted)
{
	if (watch->fd < 0)
		return -EBADF;
	if (watch->wanted == wanted || (watch->wanted & LOOP_EDGE) != 0)
		return 0;
	watch->wanted = wanted;
	return control(loop, EPOLL_CTL_MOD, watch->fd, watch);
}

void
loop_watch_forget(struct loop *loop, struct loop_watch *watch)
{
	/* what this turn still holds for it must not be delivered */
	for (int i = loop->batch_index; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
	watch->fd = -1;
	watch->wanted = 0;
}

void
loop_watch_close(struct loop *loop, struct loop_watch *watch)
{
	if (watch->fd < 0)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	loop_watch_forget(loop, watch);
}

/*
 * The pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986).  prev is the
 * left sibling, or the parent for a first child.
 */
static struct loop_timer *
heap_meld(struct loop_timer *a, struct loop_timer *b)
{
	struct loop_timer *swap;

	if (a == NULL)
		return b;
	if (b == NULL)
		return a;
	if (b->due_mono_ns < a->due_mono_ns) {
		swap = a;
		a = b;
		b = swap;
	}
	b->next = a->child;
	if (a->child != NULL)
		a->child->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Melds the siblings in pairs from the left, then those from the right. */
static struct loop_timer *
heap_merge_siblings(struct loop_timer *first)
{
	struct loop_timer *pairs = NULL, *root = NULL;

	while (first != NULL) {
		struct loop_timer *a = first, *b = a->next;

		first = b != NULL ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b != NULL)
			b->next = b->prev = NULL;
		a = heap_meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct loop_timer *a = pairs;

		pairs = a->next;
		a->next = a->prev = NULL;
		root = heap_meld(root, a);
	}
	return root;
}

void
loop_timer_init(struct loop_timer *timer, void (*on_due)(struct loop_timer *))
{
	memset(timer, 0, sizeof(*timer));
	timer->on_due = on_due;
}

void
loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	struct loop_timer *rest;

	if (!timer->armed)
		return;
	timer->armed = false;
	rest = heap_merge_siblings(timer->child);
	timer->child = NULL;
	if (loop->timers == timer) {
		loop->timers = rest;
		return;
	}
	if (timer->prev->child == timer)
		timer->prev->child = timer->next;
	else
		timer->prev->next = timer->next;
	if (timer->next != NULL)
		timer->next->prev = timer->prev;
	timer->next = timer->prev = NULL;
	loop->timers = heap_meld(loop->timers, rest);
}

void
loop_timer_start(
	struct loop *loop, struct loop_timer *timer, uint64_t due_mono_ns)
{
	loop_timer_stop(loop, timer);
	/* never in the turn that arms it: a timer that re-arms itself for now
	 * must not starve the descriptors */
	timer->due_mono_ns =
		due_mono_ns > loop->now_ns ? due_mono_ns : loop->now_ns + 1;
	timer->armed = true;
	loop->timers = heap_meld(loop->timers, timer);
}

static void
fire_timers(struct loop *loop)
{
	uint64_t now_ns = loop->now_ns;

	while (loop->timers != NULL && loop->timers->due_mono_ns <= now_ns) {
		struct loop_timer *timer = loop->timers;

		loop_timer_stop(loop, timer);
		timer->on_due(timer);
	}
}

static uint64_t
time_to_wait(const struct loop *loop, uint64_t timeout_ns)
{
	uint64_t left_ns;

	if (loop->timers == NULL)
		return timeout_ns;
	left_ns = clock_since_ns(loop->timers->due_mono_ns, clock_mono_ns());
	return left_ns < timeout_ns ? left_ns : timeout_ns;
}

static int
wait_events(struct loop *loop, uint64_t timeout_ns)
{
	struct __kernel_timespec ts = { (int64_t)(timeout_ns / NS_PER_S),
		(int64_t)(timeout_ns % NS_PER_S) };
	int timeout_ms;

	if (!loop->no_pwait2) {
		/* by number: musl has no wrapper */
		int n = (int)syscall(SYS_epoll_pwait2, loop->epoll_fd,
			loop->batch, BATCH_COUNT, &ts, NULL, 0);

		/* EPERM: a container's filter that does not know the call */
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n < 0 ? -errno : n;
		loop->no_pwait2 = true;
	}
	timeout_ms = timeout_ns >= 3600 * NS_PER_S
			     ? 3600 * 1000
			     : (int)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS);
	timeout_ms = epoll_wait(
		loop->epoll_fd, loop->batch, BATCH_COUNT, timeout_ms);
	return timeout_ms < 0 ? -errno : timeout_ms;
}

static uint64_t
late_ns(const struct loop *loop)
{
	return loop->timers == NULL ? 0
				    : clock_since_ns(loop->now_ns,
					      loop->timers->due_mono_ns);
}

int
loop_turn(struct loop *loop, uint64_t timeout_ns)
{
	int n = wait_events(loop, time_to_wait(loop, timeout_ns));

	/* one that was stopped hears this (signal(7)), and not what came: no
	 * timer may be told that it did not */
	if (n == -EINTR)
		n = wait_events(loop, 0);
	if (n == -EINTR)
		n = 0;
	if (n < 0)
		return n;
	loop->now_ns = clock_mono_ns();
	if (late_ns(loop) >= LOOP_HELD_NS)
		loop->held_ns += late_ns(loop);
	loop->batch_count = n;
	for (loop->batch_index = 0; loop->batch_index < loop->batch_count;) {
		struct epoll_event *event = &loop->batch[loop->batch_index++];
		struct loop_watch *watch = event->data.ptr;

		if (watch != NULL)
			watch->on_ready(watch, from_epoll(event->events));
	}
	loop->batch_count = loop->batch_index = 0;
	fire_timers(loop);
	return 0;
}

int
loop_run(struct loop *loop)
{
	loop->running = true;
	while (loop->running) {
		int rc = loop_turn(loop, 3600 * NS_PER_S);

		if (rc < 0)
			return rc;
	}
	return 0;
}

void
loop_stop(struct loop *loop)
{
	loop->running = false;
}

uint64_t
loop_now_ns(const struct loop *loop)
{
	return loop->now_ns;
}

uint64_t
loop_held_ns(const struct loop *loop)
{
	return loop->held_ns;
}
