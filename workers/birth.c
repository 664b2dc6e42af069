/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's birth, step by step; see birth.h. */
#include "workers/birth.h"

#include "common/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Twenty thousand neighbours (conf.h), each with a race of two connections and
 * a query of each family under way, do not fit; they are never all slow. */
#define FILES_MAX 65536
/*
 * The last wall: long before it the supervisor restarts a worker that is larger
 * than its targets explain (worker_memory.h).  It is for one that grows faster
 * than the supervisor looks, or has its memory swapped out (MADV_PAGEOUT).
 */
#define DATA_MAX_BYTES (1024UL * 1024 * 1024)
/* What RLIMIT_DATA does not count, above all what was made read-only after it
 * was written.  Programs and libraries are 10 MiB of it.
 */
#define ADDRESS_SPACE_MAX_BYTES (DATA_MAX_BYTES + 256UL * 1024 * 1024)
/* As nearly every system has it; some have none. */
#define STACK_MAX_BYTES (8UL * 1024 * 1024)

/* fork() cannot name another parent, and clone3(2) is forbidden by the
 * containers' default filters. */
pid_t
birth_clone(void)
{
	unsigned long flags = CLONE_PARENT | SIGCHLD;
	long pid;

#ifdef __s390x__ /* clone(2): the first two arguments change places */
	pid = syscall(SYS_clone, 0, flags, 0, 0, 0);
#else
	pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
#endif
	return pid < 0 ? -errno : (pid_t)pid;
}

int
birth_tie_to_parent(pid_t parent_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* it may have died between the fork and the line above */
	return getppid() == parent_pid ? 0 : -ESRCH;
}

/* Both the limit and what it could be raised to. */
static void
lower(struct rlimit *limit, rlim_t wanted)
{
	if (wanted < limit->rlim_max)
		limit->rlim_max = wanted;
	limit->rlim_cur = limit->rlim_max;
}

/* Shadow memory is data too, and terabytes of addresses. */
static int
limit_memory(void)
{
	struct rlimit stack, data, addresses;

	if (SANDBOX_HAS_SANITIZER)
		return 0;
	if (getrlimit(RLIMIT_STACK, &stack) < 0 ||
		getrlimit(RLIMIT_DATA, &data) < 0 ||
		getrlimit(RLIMIT_AS, &addresses) < 0)
		return -errno;
	lower(&stack, STACK_MAX_BYTES);
	lower(&data, DATA_MAX_BYTES);
	lower(&addresses, ADDRESS_SPACE_MAX_BYTES);
	if (setrlimit(RLIMIT_STACK, &stack) < 0 ||
		setrlimit(RLIMIT_DATA, &data) < 0 ||
		setrlimit(RLIMIT_AS, &addresses) < 0)
		return -errno;
	return 0;
}

int
birth_limit_resources(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	lower(&files, FILES_MAX);
	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
		setrlimit(RLIMIT_NPROC, &none) < 0 ||
		setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return limit_memory();
}
