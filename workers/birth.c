/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's birth, step by step; see birth.h. */
#include "workers/birth.h"

#include "common/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Twenty thousand neighbours (conf.h), each with a race of two connections and
 * a query of each family under way, do not fit; they are never all slow. */
#define FILES_MAX 65536
/*
 * The last wall: long before it the supervisor restarts a worker that is larger
 * than its targets explain (worker_records.c).  It is for one that grows faster
 * than its heartbeats tell.
 */
#define DATA_MAX_BYTES (1024UL * 1024 * 1024)

int
birth_tie_to_parent(pid_t supervisor_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* it may have died between the fork and the line above */
	return getppid() == supervisor_pid ? 0 : -ESRCH;
}

/* Both the limit and what it could be raised to. */
static void
lower(struct rlimit *limit, rlim_t wanted)
{
	if (wanted < limit->rlim_max)
		limit->rlim_max = wanted;
	limit->rlim_cur = limit->rlim_max;
}

int
birth_limit_resources(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files, data;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 ||
		getrlimit(RLIMIT_DATA, &data) < 0)
		return -errno;
	lower(&files, FILES_MAX);
	/* shadow memory is data too */
	if (!SANDBOX_HAS_SANITIZER)
		lower(&data, DATA_MAX_BYTES);
	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
		setrlimit(RLIMIT_NPROC, &none) < 0 ||
		setrlimit(RLIMIT_NOFILE, &files) < 0 ||
		setrlimit(RLIMIT_DATA, &data) < 0)
		return -errno;
	return 0;
}
