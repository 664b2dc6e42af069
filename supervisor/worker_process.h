/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker process as the supervisor sees it, from the request for its birth
 * to its end: its pipe, its control socket, its heartbeat.  What it says is
 * checked before it is believed; who says nonsense or nothing is killed.
 *
 *	FREE -> ASKED -> BORN -> SPEAKING -> DRAINING
 *	  ^       |        |        |           |
 *	  +-------+--------+--------+-----------+   (end of the process)
 */
#ifndef SUPERVISOR_WORKER_PROCESS_H
#define SUPERVISOR_WORKER_PROCESS_H

#include "common/control.h"
#include "common/loop.h"
#include "common/wire.h"
#include "common/worker_exit.h"
#include "supervisor/flood.h"
#include "supervisor/log_relay.h"
#include "supervisor/worker_pipes.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Heartbeats come twice a second; five missing ones are silence. */
#define WORKER_SILENCE_NS (2500 * 1000000ULL)

/* One that was killed is gone within milliseconds, unless the kernel holds it
 * (a file system that does not answer, a debugger) or its end is not told. */
#define WORKER_DEATH_MAX_NS (10 * 1000000000ULL)

/* Room for two thousand records: a supervisor that is held up for seconds by
 * a busy host loses none.  An unprivileged process may have 1 MiB (pipe(7)). */
#define WORKER_PIPE_BYTES (1024 * 1024)

enum worker_state {
	WORKER_FREE,
	WORKER_ASKED, /* the nursery has the request */
	WORKER_BORN,  /* there is a pid, no hello yet */
	WORKER_SPEAKING,
	WORKER_DRAINING, /* ends its checks; its samples still count */
};

enum worker_end {
	WORKER_END_EXIT,
	WORKER_END_SIGNAL,
	WORKER_END_SILENT,
	WORKER_END_NONSENSE,
	WORKER_END_MEMORY,
	WORKER_END_PLANNED, /* drained, cancelled, or no longer wanted */
	WORKER_END_UNBORN,  /* the nursery could not */
	WORKER_END_COUNT
};

struct worker_process;

struct worker_process_ops {
	/* A record that was checked; not hello. */
	void (*on_record)(struct worker_process *process,
		const struct wire_record *record);
	void (*on_hello)(struct worker_process *process);
	/* There is room in the control socket again. */
	void (*on_writable)(struct worker_process *process);
	/* It has ended and been reaped; the object is FREE again. */
	void (*on_end)(struct worker_process *process, enum worker_end end,
		uint64_t lived_ns);
};

struct worker_process {
	struct loop *loop;
	struct worker_pipes *pipes;
	const struct worker_process_ops *ops;
	void *owner;
	enum worker_type type;
	enum worker_state state;
	uint32_t gen;
	pid_t pid; /* 0: not known */
	int pid_fd;
	int control_fd;
	int pipe_fd;
	int memory_fd;        /* its statm; -1: not known */
	struct log_relay log; /* what it writes to its standard error */
	struct loop_watch pid_watch;
	struct loop_watch control_watch;
	struct loop_watch pipe_watch; /* in the set of the pipes */
	uint64_t born_mono_ns; /* asked for, until there is a pid: moved, too */
	uint64_t heard_mono_ns; /* last record; moved by our own lateness */
	uint64_t leave_mono_ns; /* DRAINING: it must have ended by then */
	bool has_unix; /* the owner's: it may open sockets of this host */
	bool cancelled;
	uint64_t judged_mono_ns;
	uint64_t emptied_mono_ns; /* the last judgement before which... */
	bool emptied;             /* ...the pipe was found empty */
	uint64_t records_since_judged;
	struct flood flood;
	uint64_t records_per_s; /* what is no flood; the owner's to say */
	bool trapped;           /* it has said so, which was its last word */
	bool killed;
	enum worker_end kill_reason; /* valid when killed */
	uint64_t killed_mono_ns;     /* moved by our own lateness */
	bool is_nurserys; /* the owner's: not our child, we cannot reap it */
	/* As its records say. */
	uint64_t checks_started;
	uint64_t checks_ended;
	uint64_t records_dropped;
	uint64_t cpu_ns; /* as the kernel says, at the last heartbeat or the end
			  */
	/* The owner's: how many of them it has counted. */
	uint64_t started_counted, dropped_counted, cpu_counted_ns;
	/* The owner's: hops of a check that has not ended yet. */
	struct wire_sample passed[WIRE_HOPS_MAX - 1];
	unsigned passed_count;
};

void worker_process_init(struct worker_process *process, struct loop *loop,
	struct worker_pipes *pipes, enum worker_type type,
	const struct worker_process_ops *ops, void *owner);
/*
 * Takes over both descriptors; state ASKED.  gen is its birth number.
 * *ret_log_fd, its standard error, is the caller's.  0 or a negative errno,
 * then they are closed.
 */
int worker_process_ask(struct worker_process *process, uint32_t gen,
	int control_fd, int pipe_fd, int *ret_log_fd);
/*
 * The nursery's answer.  A negative pid ends it as UNBORN.  A child that lives
 * so short that it was reaped before this was known ends as early says.
 */
void worker_process_born(struct worker_process *process, int32_t pid,
	const struct worker_exit *early);
/* Takes over its statm; -1: it has none. */
void worker_process_take_memory(struct worker_process *process, int memory_fd);
/* 0, or -EAGAIN: on_writable will come; other errors end with the process. */
int worker_process_send(
	struct worker_process *process, const struct control_message *message);
/* Asks it to end its checks and exit, which may take it max_ns. */
void worker_process_drain(struct worker_process *process, uint64_t max_ns);
/* Asks it to exit at once; its checks count nowhere.  Idempotent. */
void worker_process_cancel(struct worker_process *process);
void worker_process_kill(struct worker_process *process, enum worker_end why);
/* Reads what is in the pipe now. */
void worker_process_read(struct worker_process *process);
/*
 * Kills it when it was silent too long, after reading what it had said, or
 * when it said too much: more than records_per_s, or a pipe that was never
 * found empty for as long as silence would last. late_ns: how late this process
 * itself runs, which is not the worker's fault.
 */
void worker_process_judge(
	struct worker_process *process, uint64_t now_ns, uint64_t late_ns);
/* It was killed, and not reaped for longer than that may take. */
bool worker_process_is_undead(
	const struct worker_process *process, uint64_t now_ns);
/* It was reaped. */
void worker_process_reaped(
	struct worker_process *process, const struct worker_exit *worker_exit);
/* Kills it, waits a second at most for its end, and forgets it; on_end is not
 * called. */
void worker_process_end(struct worker_process *process);
/* Checks it has started whose results have neither come nor been dropped. */
uint64_t worker_process_in_flight(const struct worker_process *process);

#endif
