/* SPDX-License-Identifier: Apache-2.0 */
/* Receive stamps; see stamp.h. */
#include "workers/stamp.h"

#include "common/clock.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Static_assert(
	CMSG_SPACE(sizeof(struct scm_timestamping)) <= STAMP_CONTROL_BYTES,
	"a stamp fits");

int
stamp_enable(int fd)
{
	const int flags =
		SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) <
		0)
		return -errno;
	return 0;
}

int
stamp_holder_open(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0) /* a host without IPv4 */
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = stamp_enable(fd);
	if (error < 0) {
		close(fd);
		return error;
	}
	return fd;
}

uint64_t
stamp_of_message(struct msghdr *message)
{
	struct scm_timestamping stamps;
	const struct timespec *software = &stamps.ts[0];
	struct cmsghdr *control;

	for (control = CMSG_FIRSTHDR(message); control != NULL;
		control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != SOL_SOCKET ||
			control->cmsg_type != SO_TIMESTAMPING ||
			control->cmsg_len < CMSG_LEN(sizeof(stamps)))
			continue;
		memcpy(&stamps, CMSG_DATA(control), sizeof(stamps));
		if (software->tv_sec <= 0)
			return 0;
		return clock_unix_to_mono_ns(
			(uint64_t)software->tv_sec * NS_PER_S +
			(uint64_t)software->tv_nsec);
	}
	return 0;
}

uint64_t
stamp_in_window(
	uint64_t stamp_mono_ns, uint64_t earliest_mono_ns, uint64_t now_mono_ns)
{
	if (stamp_mono_ns < earliest_mono_ns || stamp_mono_ns > now_mono_ns)
		return 0;
	return stamp_mono_ns;
}
