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

int
birth_tie_to_parent(pid_t supervisor_pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* it may have died between the fork and the line above */
	return getppid() == supervisor_pid ? 0 : -ESRCH;
}

/* Both the limit and what it could be raised to.  0 or a negative errno. */
static int
lower(int resource, rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return -errno;
	if (wanted < limit.rlim_max)
		limit.rlim_max = wanted;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

int
birth_limit_resources(void)
{
	const struct rlimit none = { 0, 0 };
	int rc = 0;

	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
		setrlimit(RLIMIT_NPROC, &none) < 0)
		return -errno;
	rc = lower(RLIMIT_NOFILE, FILES_MAX);
	if (rc == 0)
		rc = lower(RLIMIT_STACK, STACK_MAX_BYTES);
	/* shadow memory is data too, and terabytes of addresses */
	if (rc == 0 && !SANDBOX_HAS_SANITIZER)
		rc = lower(RLIMIT_DATA, DATA_MAX_BYTES);
	if (rc == 0 && !SANDBOX_HAS_SANITIZER)
		rc = lower(RLIMIT_AS, ADDRESS_SPACE_MAX_BYTES);
	return rc;
}
