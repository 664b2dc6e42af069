/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's end of the nursery: starts it once, asks it for workers,
 * hears what became of each request.  Never waits for it.  When the nursery
 * ends, so does the program: it does nothing that can fail.
 */
#ifndef SUPERVISOR_NURSERY_H
#define SUPERVISOR_NURSERY_H

#include "common/control.h"
#include "common/loop.h"
#include "common/worker_exit.h"
#include "supervisor/log_relay.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct nursery {
	struct loop *loop;
	struct loop_watch watch;
	int fd; /* -1: not started */
	pid_t pid;
	struct log_relay log;
	void (*on_born)(
		struct nursery *nursery, const struct control_born *born);
	/* Of a worker that the nursery had to reap. */
	void (*on_ended)(struct nursery *nursery, pid_t pid,
		const struct worker_exit *worker_exit);
	/* Of a newborn: its statm, which is the callee's; -1: none. */
	void (*on_memory)(
		struct nursery *nursery, uint32_t worker_gen, int memory_fd);
	/* Its end of the socket has closed. */
	void (*on_gone)(struct nursery *nursery);
};

/*
 * The worker program, opened before anything else: the one beside this
 * program (a build tree) or the one installed.  A descriptor, good for nothing
 * but execution, or a negative errno; and the path that was tried last.
 */
int nursery_open_executable(const char **ret_path);
/*
 * Whether this process's user may read one of the two programs.  The kernel
 * then lets other processes of that user trace it from its execution until it
 * has made itself undumpable; a program that its user cannot read is never
 * traceable (execve(2), ptrace(2), PR_SET_DUMPABLE in prctl(2)).
 */
bool nursery_is_exposed(const char *worker_path);
/*
 * Forks and executes it.  settings go into a sealed memory file.  The
 * executable's descriptor stays the caller's.  0 or a negative errno, also when
 * it could not be executed.
 */
int nursery_start(struct nursery *nursery, struct loop *loop, int executable_fd,
	const struct control_nursery *settings);
/*
 * Asks for a worker with these descriptors, which stay the caller's.  0 or a
 * negative errno; the answer comes by on_born.
 */
int nursery_ask(struct nursery *nursery, const struct control_birth *birth,
	int control_fd, int pipe_fd, int log_fd);
/* Fresh addresses and trust for the workers to come. */
int nursery_renew(struct nursery *nursery);
void nursery_stop(struct nursery *nursery);

#endif
