/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming an ordinary user; see privileges.h. */
#include "supervisor/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* 10,000 idle clients, and room for as many honest ones several times over */
#define FD_LIMIT_MAX 65536
/* A user in more groups than that is refused. */
#define GROUPS_MAX 256

/* As conf/sysusers.d/kubenurse.conf makes it. */
#define OWN_USER "kubenurse"

/* Fits a pipe as one write. */
struct identity {
	int error; /* 0 or a negative errno */
	uid_t uid;
	gid_t gid;
	int n_groups;
	gid_t groups[GROUPS_MAX];
};

static int
look_up(const char *user, struct identity *identity)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (entry == NULL)
		return errno != 0 ? -errno : -ENOENT;
	identity->uid = entry->pw_uid;
	identity->gid = entry->pw_gid;
	identity->n_groups = GROUPS_MAX;
	if (getgrouplist(user, entry->pw_gid, identity->groups,
		    &identity->n_groups) < 0)
		return -E2BIG;
	return 0;
}

/*
 * By a child: what nsswitch.conf names is loaded for it, a quarter of a
 * megabyte, and would stay in a process that never asks again.
 */
static int
look_up_apart(const char *user, struct identity *ret_identity)
{
	struct identity identity;
	int fds[2], error;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		memset(&identity, 0, sizeof(identity));
		identity.error = look_up(user, &identity);
		n = write(fds[1], &identity, sizeof(identity));
		_exit(n == (ssize_t)sizeof(identity) ? 0 : 1);
	}
	error = pid < 0 ? -errno : 0;
	close(fds[1]);
	do
		n = read(fds[0], &identity, sizeof(identity));
	while (n < 0 && errno == EINTR);
	close(fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (error < 0)
		return error;
	if (n != (ssize_t)sizeof(identity))
		return -EIO;
	if (identity.error == 0)
		*ret_identity = identity;
	return identity.error;
}

int
privileges_become(const char *user, const char **ret_user)
{
	bool is_default = user[0] == '\0';
	struct identity identity;
	int rc;

	*ret_user = is_default ? OWN_USER : user;
	if (geteuid() != 0)
		return 0;
	rc = look_up_apart(*ret_user, &identity);
	if (rc == -ENOENT && is_default) {
		*ret_user = PRIVILEGES_SHARED_USER;
		rc = look_up_apart(*ret_user, &identity);
	}
	if (rc < 0 || identity.uid == 0)
		return rc;
	if (setgroups((size_t)identity.n_groups, identity.groups) < 0 ||
		setresgid(identity.gid, identity.gid, identity.gid) < 0 ||
		setresuid(identity.uid, identity.uid, identity.uid) < 0)
		return -errno;
	return setuid(0) == 0 ? -EPERM : 1; /* it must not come back */
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
