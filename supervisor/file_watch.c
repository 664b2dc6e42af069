/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that files have changed; see file_watch.h. */
#include "supervisor/file_watch.h"

#include "common/clock.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_EVENTS                                                       \
	(IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM |                 \
		IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

/* stat(2) follows links: after a swap of ..data it is another inode. */
struct file_stamp
file_stamp_of(const char *path)
{
	struct file_stamp stamp;
	struct stat st;

	memset(&stamp, 0, sizeof(stamp));
	if (stat(path, &st) < 0)
		return stamp;
	stamp.dev = st.st_dev;
	stamp.ino = st.st_ino;
	stamp.size_bytes = st.st_size;
	stamp.mtime_s = st.st_mtim.tv_sec;
	stamp.mtime_ns = st.st_mtim.tv_nsec;
	stamp.mode = st.st_mode;
	stamp.uid = st.st_uid;
	stamp.gid = st.st_gid;
	return stamp;
}

static bool
stamps_differ(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev != b->dev || a->ino != b->ino ||
	       a->size_bytes != b->size_bytes || a->mtime_s != b->mtime_s ||
	       a->mtime_ns != b->mtime_ns || a->mode != b->mode ||
	       a->uid != b->uid || a->gid != b->gid;
}

/* What passes when others of this user watch less, or end. */
static bool
is_shortage(int error)
{
	return error == ENOSPC || error == ENOMEM || error == EMFILE ||
	       error == ENFILE;
}

/* inotify's number of it, or a negative errno. */
static int
watch_path(struct file_watch *file_watch, const char *path, uint32_t events)
{
	int watched = inotify_add_watch(file_watch->fd, path, events);

	if (watched >= 0)
		return watched;
	if (is_shortage(errno))
		file_watch->shortage_errno = errno;
	return -errno;
}

/* What is of no file any more. */
static void
let_go(struct file_watch *file_watch, int watched)
{
	if (watched < 0)
		return;
	for (size_t i = 0; i < file_watch->count; i++)
		if (file_watch->files[i].directory == watched ||
			file_watch->files[i].real_directory == watched ||
			file_watch->files[i].itself == watched)
			return;
	/* one that was deleted has gone by itself: EINVAL */
	(void)inotify_rm_watch(file_watch->fd, watched);
}

static void
let_go_all(struct file_watch *file_watch, const struct watched_file *file)
{
	let_go(file_watch, file->directory);
	let_go(file_watch, file->real_directory);
	let_go(file_watch, file->itself);
}

/*
 * The directory that the path names, and where the file really lies: of
 * /etc/resolv.conf that is often another one.  And the file, for of one that
 * was mounted by itself and is written in place no directory hears.  A negative
 * errno: of the first.
 */
static int
watch(struct file_watch *file_watch, struct watched_file *file)
{
	const struct watched_file old = *file;
	struct stat st;
	char copy[PATH_MAX], real[PATH_MAX];

	if (file_watch->fd < 0)
		return -file_watch->shortage_errno;
	file->real_directory = -ENOENT;
	file->itself = watch_path(
		file_watch, file->path, IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB);
	if (file->itself != old.itself)
		file->being_written = false; /* that was another file */
	file->leads_nowhere = false;
	if (realpath(file->path, real) != NULL)
		file->real_directory =
			watch_path(file_watch, dirname(real), DIRECTORY_EVENTS);
	else
		file->leads_nowhere = lstat(file->path, &st) == 0;
	snprintf(copy, sizeof(copy), "%s", file->path);
	file->directory =
		watch_path(file_watch, dirname(copy), DIRECTORY_EVENTS);
	let_go_all(file_watch, &old);
	return file->directory;
}

static bool
must_poll(const struct file_watch *file_watch)
{
	if (file_watch->shortage_errno != 0)
		return true;
	for (size_t i = 0; i < file_watch->count; i++)
		if (file_watch->files[i].leads_nowhere ||
			file_watch->files[i].waits)
			return true;
	return false;
}

/* The next look at the files, when nothing else tells of a change. */
static void
poll_soon(struct file_watch *file_watch)
{
	if (file_watch->settle.armed || !must_poll(file_watch))
		return;
	file_watch->latest_ns = 0; /* an event makes it sooner */
	loop_timer_start(file_watch->loop, &file_watch->settle,
		clock_mono_ns() + FILE_WATCH_POLL_NS);
}

/* Whether the path's last part is that name. */
static bool
ends_with(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

/* Whether a regular file was created under the name, and not a link to what is
 * there already: of that no close is ever told. */
static bool
is_new_file(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static void
take_event(struct file_watch *file_watch, struct watched_file *file,
	const struct inotify_event *event)
{
	char real[PATH_MAX] = "";
	const char *name = NULL; /* of the file, where the event is about it */

	if (event->len == 0 && event->wd == file->itself) {
		if (event->mask & IN_MODIFY)
			file->being_written = true;
		if (event->mask & IN_CLOSE_WRITE)
			file->being_written = false;
		return;
	}
	if (event->len == 0)
		return;
	if (event->wd == file->directory && ends_with(file->path, event->name))
		name = file->path;
	else if (event->wd == file->real_directory &&
		 realpath(file->path, real) != NULL &&
		 ends_with(real, event->name))
		name = real;
	if (name == NULL)
		return;
	if (event->mask & (IN_CREATE | IN_MOVED_TO))
		(void)watch(file_watch, file); /* to see it being written */
	if (event->mask & IN_CREATE)
		file->being_written = is_new_file(name);
	else if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
		file->being_written = false;
}

/* False: there were none. */
static bool
take_events(struct file_watch *file_watch)
{
	char bytes[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	bool any = false;
	ssize_t n;

	while ((n = read(file_watch->fd, bytes, sizeof(bytes))) > 0) {
		any = true;
		for (ssize_t at = 0; at < n;
			at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(bytes + at);
			for (size_t i = 0; i < file_watch->count; i++) {
				if (event->mask & IN_Q_OVERFLOW)
					file_watch->files[i].being_written =
						false;
				take_event(file_watch, &file_watch->files[i],
					event);
			}
		}
	}
	return any;
}

/*
 * Whether a changed file is perhaps only half written.  Where nothing tells of
 * its writer it must not change from one look to the next.
 */
static bool
must_wait(struct watched_file *file, const struct file_stamp *stamp,
	bool is_polled)
{
	uint64_t now_ns = clock_mono_ns();

	if (!file->waits)
		file->looks_only = false;
	if (!file->waits || stamps_differ(stamp, &file->seen)) {
		file->seen = *stamp;
		file->seen_ns = now_ns;
		file->wait_is_told = false;
	}
	file->looks_only |= is_polled;
	return file->being_written ||
	       (file->looks_only &&
		       now_ns - file->seen_ns < FILE_WATCH_POLL_NS);
}

static void
tell_wait(struct file_watch *file_watch, struct watched_file *file)
{
	if (file->wait_is_told || file_watch->on_wait == NULL ||
		clock_mono_ns() - file->seen_ns < FILE_WATCH_PATIENCE_NS)
		return;
	file->wait_is_told = true;
	file_watch->on_wait(file_watch, file->path);
}

static void
on_settled(struct loop_timer *timer)
{
	struct file_watch *file_watch =
		LOOP_OWNER(timer, struct file_watch, settle);
	bool short_of_it = file_watch->shortage_errno != 0;
	unsigned tags = 0;

	if (file_watch->fd >= 0) {
		take_events(file_watch);
		file_watch->shortage_errno = 0;
	}
	for (size_t i = 0; i < file_watch->count; i++) {
		struct watched_file *file = &file_watch->files[i];
		struct file_stamp stamp = file_stamp_of(file->path);
		bool is_polled = short_of_it || file->leads_nowhere;

		/* the directory itself may be a new one */
		(void)watch(file_watch, file);
		if (!stamps_differ(&stamp, &file->stamp)) {
			file->waits = false;
			continue;
		}
		file->waits = must_wait(file, &stamp, is_polled);
		if (file->waits) {
			tell_wait(file_watch, file);
			continue;
		}
		file->stamp = stamp;
		tags |= file->tag;
	}
	poll_soon(file_watch);
	if (tags != 0)
		file_watch->on_change(file_watch, tags);
}

static void
on_events(struct loop_watch *watch, unsigned ready)
{
	struct file_watch *file_watch =
		LOOP_OWNER(watch, struct file_watch, watch);
	uint64_t now_ns = clock_mono_ns(), due_ns;

	(void)ready;
	if (!take_events(file_watch))
		return;
	/* a directory that is never silent must not put it off for ever */
	if (!file_watch->settle.armed || file_watch->latest_ns == 0)
		file_watch->latest_ns = now_ns + FILE_WATCH_LATEST_NS;
	due_ns = now_ns + FILE_WATCH_SETTLE_NS;
	loop_timer_start(file_watch->loop, &file_watch->settle,
		due_ns < file_watch->latest_ns ? due_ns
					       : file_watch->latest_ns);
}

int
file_watch_init(struct file_watch *file_watch, struct loop *loop,
	void (*on_change)(struct file_watch *, unsigned))
{
	int rc;

	memset(file_watch, 0, sizeof(*file_watch));
	file_watch->loop = loop;
	file_watch->on_change = on_change;
	loop_watch_init(&file_watch->watch, on_events);
	loop_timer_init(&file_watch->settle, on_settled);
	file_watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (file_watch->fd < 0) {
		file_watch->shortage_errno = errno;
		return 0;
	}
	rc = loop_watch_open(
		loop, &file_watch->watch, file_watch->fd, LOOP_READ);
	if (rc < 0) {
		close(file_watch->fd);
		file_watch->fd = -1;
	}
	return rc;
}

static struct watched_file *
find(struct file_watch *file_watch, const char *path, unsigned tag)
{
	for (size_t i = 0; i < file_watch->count; i++)
		if (file_watch->files[i].tag == tag &&
			strcmp(file_watch->files[i].path, path) == 0)
			return &file_watch->files[i];
	return NULL;
}

/* Those that leave make room only when they have left. */
static bool
is_full(const struct file_watch *file_watch)
{
	size_t stay = 0;

	for (size_t i = 0; i < file_watch->count; i++)
		stay += !file_watch->files[i].leaves;
	return stay >= FILE_WATCH_MAX ||
	       file_watch->count == 2 * FILE_WATCH_MAX;
}

int
file_watch_add(struct file_watch *file_watch, const char *path, unsigned tag)
{
	struct watched_file *file = find(file_watch, path, tag);
	int rc;

	if (file != NULL) {
		file->leaves = false;
		return 0;
	}
	if (is_full(file_watch))
		return -ENOSPC;
	file = &file_watch->files[file_watch->count];
	*file = (struct watched_file){ .path = strdup(path),
		.tag = tag,
		.directory = -ENOENT,
		.real_directory = -ENOENT,
		.itself = -ENOENT };
	if (file->path == NULL)
		return -ENOMEM;
	rc = watch(file_watch, file);
	if (rc < 0 && !is_shortage(-rc) && file_watch->fd >= 0) {
		let_go_all(file_watch, file);
		free(file->path);
		return rc;
	}
	file->stamp = file_stamp_of(path);
	file_watch->count++;
	poll_soon(file_watch);
	return 0;
}

void
file_watch_expect(struct file_watch *file_watch, unsigned tag,
	const struct file_stamp *stamp)
{
	bool differs = false;

	for (size_t i = 0; i < file_watch->count; i++) {
		struct watched_file *file = &file_watch->files[i];

		if (file->tag != tag)
			continue;
		differs |= stamps_differ(&file->stamp, stamp);
		file->stamp = *stamp;
	}
	if (differs && !file_watch->settle.armed)
		loop_timer_start(file_watch->loop, &file_watch->settle,
			clock_mono_ns() + FILE_WATCH_SETTLE_NS);
}

void
file_watch_begin(struct file_watch *file_watch, unsigned tag)
{
	for (size_t i = 0; i < file_watch->count; i++)
		if (file_watch->files[i].tag == tag)
			file_watch->files[i].leaves = true;
}

void
file_watch_end(struct file_watch *file_watch)
{
	for (size_t i = 0; i < file_watch->count;) {
		struct watched_file left = file_watch->files[i];

		if (!left.leaves) {
			i++;
			continue;
		}
		file_watch->count--;
		memmove(&file_watch->files[i], &file_watch->files[i + 1],
			(file_watch->count - i) * sizeof(left));
		let_go_all(file_watch, &left);
		free(left.path);
	}
}

void
file_watch_fini(struct file_watch *file_watch)
{
	if (file_watch->loop == NULL)
		return;
	for (size_t i = 0; i < file_watch->count; i++)
		free(file_watch->files[i].path);
	file_watch->count = 0;
	loop_timer_stop(file_watch->loop, &file_watch->settle);
	loop_watch_close(file_watch->loop, &file_watch->watch);
	if (file_watch->fd >= 0)
		close(file_watch->fd);
	file_watch->fd = -1;
}
