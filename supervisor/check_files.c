/* SPDX-License-Identifier: Apache-2.0 */
/* The files of checks; see check_files.h. */
#include "supervisor/check_files.h"

#include "common/control.h"
#include "common/log.h"
#include "supervisor/conf.h"
#include "supervisor/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct held_file {
	struct held_file *next;
	int fd;
	ino_t told_inode; /* of a newer file that was told to be unreadable */
	char path[];
};

static struct held_file *held_files;

static struct held_file *
find(const char *path)
{
	struct held_file *held = held_files;

	while (held != NULL && strcmp(held->path, path) != 0)
		held = held->next;
	return held;
}

static int
open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* What cannot be held now is missed, and told of, when it is needed. */
static void
hold(const char *path)
{
	size_t path_bytes = strlen(path) + 1;
	struct held_file *held;
	int fd;

	if (path[0] == '\0' || find(path) != NULL)
		return;
	fd = open_file(path);
	if (fd < 0)
		return;
	held = malloc(sizeof(*held) + path_bytes);
	if (held == NULL) {
		close(fd);
		return;
	}
	held->fd = fd;
	held->told_inode = 0;
	memcpy(held->path, path, path_bytes);
	held->next = held_files;
	held_files = held;
}

void
check_files_hold(const struct conf *conf, const struct file_stamp *stamp)
{
	if (geteuid() != 0 || stamp->uid != 0 ||
		(stamp->mode & (S_IWGRP | S_IWOTH)) != 0)
		return;
	for (size_t i = 0; i < conf->checks.n_checks; i++)
		for (size_t j = 0; j < CONTROL_FILE_COUNT; j++)
			hold(conf_check_file(&conf->checks.checks[i], j));
}

void
check_files_settle(void)
{
	struct held_file **place = &held_files, *held;

	while ((held = *place) != NULL) {
		int fd = open_file(held->path);

		if (fd == -EACCES || fd == -EPERM) {
			place = &held->next;
			continue;
		}
		if (fd >= 0)
			close(fd);
		*place = held->next;
		close(held->fd);
		free(held);
	}
}

/* Another file has taken the place of the one that is held. */
static void
tell_newer(struct held_file *held)
{
	struct stat kept, present;

	if (fstat(held->fd, &kept) < 0 || stat(held->path, &present) < 0 ||
		(present.st_ino == kept.st_ino &&
			present.st_dev == kept.st_dev) ||
		present.st_ino == held->told_inode)
		return;
	held->told_inode = present.st_ino;
	LOG_ERROR("the new file of a check cannot be read by this user, that "
		  "of the start is used",
		LOG_STR("file", held->path));
}

int
check_files_open(const char *path)
{
	int fd = open_file(path), copy_fd;
	struct held_file *held;

	if (fd != -EACCES && fd != -EPERM)
		return fd;
	held = find(path);
	if (held == NULL)
		return fd;
	tell_newer(held);
	copy_fd = fcntl(held->fd, F_DUPFD_CLOEXEC, 0);
	return copy_fd < 0 ? -errno : copy_fd;
}
