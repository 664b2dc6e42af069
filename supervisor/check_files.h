/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the files that checks name and hands them to the worker, which reads
 * them.  A program started as root opens them before it changes its user, and
 * keeps the descriptors of those that the new user may not read, such as a key
 * of mode 0600.  Files that only root can read cannot be opened later.  The
 * supervisor never reads what is in them.
 */
#ifndef SUPERVISOR_CHECK_FILES_H
#define SUPERVISOR_CHECK_FILES_H

struct conf;
struct file_stamp;

/*
 * As root.  stamp: the configuration file's; where others than root can write
 * it, they must not choose what of root's is read, and nothing is held.
 */
void check_files_hold(const struct conf *conf, const struct file_stamp *stamp);
/* As the other user: lets go of what can be opened anyway. */
void check_files_settle(void);
/*
 * A descriptor, or a negative errno.  Where the file cannot be opened any more
 * but is held: that one, which is the caller's to close.
 */
int check_files_open(const char *path);

#endif
