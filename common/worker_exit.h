/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a child ended and what it had used, as the kernel says it when the child
 * is reaped: a worker that was killed tells nothing itself.
 */
#ifndef COMMON_WORKER_EXIT_H
#define COMMON_WORKER_EXIT_H

#include <stdint.h>
#include <sys/types.h>

struct worker_exit {
	int wait_status;
	uint64_t cpu_ns; /* user and system, since birth */
};

/*
 * Reaps the child, or any when pid is -1.  flags are those of waitpid(2).  Its
 * number; 0: none has ended (WNOHANG); -1: there is none, or a signal came.
 */
pid_t worker_exit_collect(
	pid_t pid, int flags, struct worker_exit *ret_worker_exit);
/* The CPU time of a child that has not been reaped; 0: not to be had. */
uint64_t worker_exit_cpu_so_far_ns(pid_t pid);

#endif
