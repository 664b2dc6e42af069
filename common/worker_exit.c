/* SPDX-License-Identifier: Apache-2.0 */
/* How a child ended; see worker_exit.h. */
#include "common/worker_exit.h"

#include "common/clock.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t
timeval_ns(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * NS_PER_S +
	       (uint64_t)tv.tv_usec * NS_PER_US;
}

pid_t
worker_exit_collect(pid_t pid, int flags, struct worker_exit *ret_worker_exit)
{
	struct rusage usage;
	int wait_status;

	memset(&usage, 0, sizeof(usage));
	pid = wait4(pid, &wait_status, flags, &usage);
	if (pid > 0)
		*ret_worker_exit = (struct worker_exit){
			.wait_status = wait_status,
			.cpu_ns = timeval_ns(usage.ru_utime) +
				  timeval_ns(usage.ru_stime),
		};
	return pid;
}

uint64_t
worker_exit_cpu_so_far_ns(pid_t pid)
{
	struct timespec used;
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) != 0 || clock_gettime(id, &used) < 0)
		return 0;
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}
