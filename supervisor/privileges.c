/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming an ordinary user; see privileges.h. */
#include "supervisor/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

/* 10,000 idle clients, and room for as many honest ones several times over */
#define FD_LIMIT_MAX 65536

int
privileges_become(const char *user)
{
	const struct passwd *entry;

	if (geteuid() != 0)
		return 0;
	errno = 0;
	entry = getpwnam(user);
	if (entry == NULL)
		return errno != 0 ? -errno : -ENOENT;
	if (entry->pw_uid == 0)
		return 0;
	if (initgroups(user, entry->pw_gid) < 0 ||
		setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
		setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
		return -errno;
	return setuid(0) == 0 ? -EPERM : 0; /* it must not come back */
}

void
privileges_raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur =
		limit.rlim_max < FD_LIMIT_MAX ? limit.rlim_max : FD_LIMIT_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}
