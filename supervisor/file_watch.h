/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices that files have changed, by watching the directories they lie in:
 * such files are replaced by renaming, and those of a ConfigMap volume change
 * by a swap of the symbolic link `..data`.  A file that was mounted by itself,
 * as a container's resolv.conf is, is watched itself.  Reports a set of files
 * once, after a moment of silence; but a file that is being written only when
 * its writer has closed it.  Where the kernel has no inotify left for us, files
 * are looked at every few seconds instead, until it has; and so is a link to
 * what is not there yet, as resolv.conf is early at a boot.  Then a change is
 * reported when two looks in a row find the same.
 */
#ifndef SUPERVISOR_FILE_WATCH_H
#define SUPERVISOR_FILE_WATCH_H

#include "common/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FILE_WATCH_MAX 64
/* An editor or a kubelet writes in several steps. */
#define FILE_WATCH_SETTLE_NS (200 * 1000000ULL)
/* Where something else in the directory changes all the time. */
#define FILE_WATCH_LATEST_NS (2000 * 1000000ULL)
/* Without inotify. */
#define FILE_WATCH_POLL_NS (5000 * 1000000ULL)
/* Who writes a file has closed it long before. */
#define FILE_WATCH_PATIENCE_NS (10 * 1000000000ULL)

/* What a file looked like: enough to tell that it is another one. */
struct file_stamp {
	dev_t dev;
	ino_t ino;
	off_t size_bytes;
	int64_t mtime_s;
	long mtime_ns;
	mode_t mode; /* with the owners: who may read it */
	uid_t uid;
	gid_t gid;
};

struct watched_file {
	char *path;
	int directory; /* inotify's number; negative errno: is not watched */
	int real_directory; /* likewise; where it lies, links followed */
	int itself;         /* likewise */
	unsigned tag;       /* the caller's: a bit of the set reported */
	bool leaves;        /* unless it is added again before the end */
	bool leads_nowhere; /* a link whose end, somewhere, is to come */
	bool being_written; /* opened or changed, and not closed yet */
	bool waits;         /* has changed, but is not told yet */
	bool looks_only;    /* nothing tells when it is closed */
	bool wait_is_told;
	struct file_stamp seen; /* of what waits, since seen_ns */
	uint64_t seen_ns;
	struct file_stamp stamp;
};

struct file_watch {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer settle;
	uint64_t latest_ns; /* of a settle that is armed */
	int fd;             /* inotify; -1: not available */
	int shortage_errno; /* files are polled for want of this; 0: none */
	size_t count;
	struct watched_file files[2 * FILE_WATCH_MAX]; /* those that leave */
	/* The tags of all files that have changed. */
	void (*on_change)(struct file_watch *file_watch, unsigned tags);
	/* Once for each file that is not closed for long; NULL: nobody asks */
	void (*on_wait)(struct file_watch *file_watch, const char *path);
};

/* All zeros: there is none. */
struct file_stamp file_stamp_of(const char *path);

/* 0 or a negative errno of the loop; without inotify all files are polled. */
int file_watch_init(struct file_watch *file_watch, struct loop *loop,
	void (*on_change)(struct file_watch *, unsigned));
/* Watches or polls a file, which need not exist yet.  A file that is watched
 * with this tag already stays as it is.  0 or a negative errno. */
int file_watch_add(
	struct file_watch *file_watch, const char *path, unsigned tag);
/* What the file with this tag was when it was read last: only what is another
 * one is told. */
void file_watch_expect(struct file_watch *file_watch, unsigned tag,
	const struct file_stamp *stamp);
/* All files with this tag are to be added anew; those that are not until the
 * end are forgotten.  A change of one that stays is told whenever it was. */
void file_watch_begin(struct file_watch *file_watch, unsigned tag);
void file_watch_end(struct file_watch *file_watch);
/* Accepts one that was zeroed and never initialised. */
void file_watch_fini(struct file_watch *file_watch);

#endif
