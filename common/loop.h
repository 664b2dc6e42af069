/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of every process: one epoll set and one heap of timers, one
 * thread.  Watched descriptors and timers are embedded in their owners'
 * objects, so that watching and arming allocate nothing and arming a timer
 * cannot fail.  A callback may remove or free any watch or timer, its own too.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A process that runs so late is not only busy. */
#define LOOP_HELD_NS (1000 * 1000000ULL)

struct loop;

/* Readiness; HUP and ERR are always reported and need not be asked for. */
enum loop_events {
	LOOP_READ = 1 << 0,
	LOOP_WRITE = 1 << 1,
	LOOP_HUP = 1 << 2,
	LOOP_ERR = 1 << 3,
	LOOP_RDHUP = 1 << 4, /* asked for: the peer has shut down its side */
	/*
	 * Asked for beside the others: each readiness is told once, when it
	 * begins.  The owner goes on until the descriptor blocks.
	 */
	LOOP_EDGE = 1 << 5,
};

struct loop_watch {
	int fd; /* -1 while not watched */
	unsigned wanted;
	void (*on_ready)(struct loop_watch *watch, unsigned ready);
};

struct loop_timer {
	uint64_t due_mono_ns; /* valid while armed */
	void (*on_due)(struct loop_timer *timer);
	/* the loop's own: an intrusive pairing heap */
	struct loop_timer *child, *next, *prev;
	bool armed;
};

/* The object that embeds a watch or a timer. */
#define LOOP_OWNER(ptr, type, member)                                          \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* NULL: no memory or no descriptor (errno). */
struct loop *loop_new(void);
/* Readable when a watch has something to say: a loop can watch another one. */
int loop_fd(const struct loop *loop);
/* Watches and timers still known to it are forgotten, not freed. */
void loop_free(struct loop *loop);

void loop_watch_init(struct loop_watch *watch,
	void (*on_ready)(struct loop_watch *, unsigned));
/* Level-triggered.  0 or a negative errno; the descriptor stays the caller's.
 */
int loop_watch_open(
	struct loop *loop, struct loop_watch *watch, int fd, unsigned wanted);
/* Costs nothing for a watch with LOOP_EDGE: every event is reported anyway. */
int loop_watch_change(
	struct loop *loop, struct loop_watch *watch, unsigned wanted);
/*
 * Before the descriptor is closed.  Idempotent.
 */
void loop_watch_close(struct loop *loop, struct loop_watch *watch);
/* Forgets a watch whose descriptor is closed right after: saves the call. */
void loop_watch_forget(struct loop *loop, struct loop_watch *watch);

void loop_timer_init(
	struct loop_timer *timer, void (*on_due)(struct loop_timer *));
/* Arms, or moves, the timer.  A time that has passed fires in the next turn. */
void loop_timer_start(
	struct loop *loop, struct loop_timer *timer, uint64_t due_mono_ns);
/* Idempotent. */
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);

/* Runs until loop_stop.  0 or a negative errno of epoll itself. */
int loop_run(struct loop *loop);
/* One turn: waits at most timeout_ns, dispatches what is due. */
int loop_turn(struct loop *loop, uint64_t timeout_ns);
/* Ends loop_run after the present turn. */
void loop_stop(struct loop *loop);
/* When this turn woke up; timers and watches of one turn share it. */
uint64_t loop_now_ns(const struct loop *loop);
/*
 * For how long the process has been held, all in all: stopped, or without a
 * processor, for LOOP_HELD_NS or longer at a time, as the first timer due
 * shows. Who gives others a time to answer adds what this has grown meanwhile.
 */
uint64_t loop_held_ns(const struct loop *loop);

#endif
