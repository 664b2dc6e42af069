/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may read; see sandbox.h.  The interface stands here in our
 * own words: headers of Debian 12 know the second version of it, kernels are
 * at the seventh (landlock(7), linux/landlock.h).
 */
#include "common/sandbox_table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on all machines since Linux 5.13. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define CREATE_VERSION    1u
#define RULE_PATH_BENEATH 1

/* Rights of the file system. */
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR  (1ULL << 3)
/* All that a version knows: 13 rights, then refer, truncate, ioctl. */
#define FS_ALL_V1 ((1ULL << 13) - 1)
#define FS_ALL_V2 ((1ULL << 14) - 1)
#define FS_ALL_V3 ((1ULL << 15) - 1)
#define FS_ALL_V5 ((1ULL << 16) - 1)
/* From version 4 on. */
#define NET_BIND_TCP    (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
/* From version 6 on. */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL        (1ULL << 1)

struct ruleset {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

static uint64_t
all_fs_rights(long version)
{
	if (version >= 5)
		return FS_ALL_V5;
	if (version >= 3)
		return FS_ALL_V3;
	return version == 2 ? FS_ALL_V2 : FS_ALL_V1;
}

/* What is handled here and no rule allows is forbidden. */
static struct ruleset
make_ruleset(enum sandbox_role role, long version)
{
	struct ruleset ruleset = { .handled_fs = all_fs_rights(version) };

	if (version >= 4)
		ruleset.handled_net = role == SANDBOX_SUPERVISOR
					      ? NET_CONNECT_TCP
					      : NET_BIND_TCP;
	/* the supervisor has to kill workers, which are in other domains */
	if (version >= 6 && role != SANDBOX_SUPERVISOR)
		ruleset.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return ruleset;
}

/* What is not there, or not for us, needs no rule. */
static int
allow_reading(int ruleset_fd, const char *path)
{
	struct path_rule rule = { .allowed = FS_READ_FILE };
	struct stat status;
	int rc = 0;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;
	if (fstat(rule.parent_fd, &status) == 0 && S_ISDIR(status.st_mode))
		rule.allowed |= FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH, &rule,
		    0) < 0)
		rc = -errno;
	close(rule.parent_fd);
	return rc;
}

static int
add_row(int ruleset_fd, const struct sandbox_place_row *row,
	const struct sandbox_grant *grants, size_t n_grants)
{
	int rc = 0;

	if (row->place == SANDBOX_PLACE_FIXED)
		return allow_reading(ruleset_fd, row->path);
	for (size_t i = 0; i < n_grants && rc == 0; i++)
		if (grants[i].place == row->place)
			rc = allow_reading(ruleset_fd, grants[i].path);
	return rc;
}

int
sandbox_landlock_enter(enum sandbox_role role,
	const struct sandbox_grant *grants, size_t n_grants)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
	struct ruleset ruleset;
	int fd, rc = 0;

	if (version < 1)
		return version < 0 ? -errno : -ENOSYS;
	ruleset = make_ruleset(role, version);
	fd = (int)syscall(
		SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < sandbox_n_places && rc == 0; i++)
		if (sandbox_places[i].roles & SANDBOX_BIT(role))
			rc = add_row(fd, &sandbox_places[i], grants, n_grants);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		rc = -errno;
	close(fd);
	return rc;
}
