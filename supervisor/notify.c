/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's protocol; see notify.h. */
#include "supervisor/notify.h"

#include "common/clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* sd_watchdog_enabled(3): half of what the manager allows. */
static uint64_t
watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (usec == NULL || (pid != NULL && atol(pid) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * NS_PER_US / 2;
}

int
notify_open(struct notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len;
	int rc;

	notify->fd = -1;
	notify->watchdog_ns = 0;
	if (path == NULL || path[0] == '\0')
		return 0;
	len = strlen(path);
	if (len >= sizeof(address.sun_path) ||
		(path[0] != '/' && path[0] != '@'))
		return -EINVAL;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@') /* the abstract namespace */
		address.sun_path[0] = '\0';
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0)
		return -errno;
	if (connect(notify->fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) <
		0) {
		rc = -errno;
		notify_close(notify);
		return rc;
	}
	notify->watchdog_ns = watchdog_ns();
	return 0;
}

void
notify_send(const struct notify *notify, const char *state)
{
	/* a manager that does not listen is not our trouble */
	if (notify->fd >= 0 && send(notify->fd, state, strlen(state),
				       MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void
notify_reloading(const struct notify *notify)
{
	char state[80];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)(clock_mono_ns() / NS_PER_US));
	notify_send(notify, state);
}

void
notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}
