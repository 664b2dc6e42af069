/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the files that checks name, for the worker that reads them.  A program
 * that is started as root opens them before it becomes another user, and keeps
 * those that this user may not read, such as a key of mode 0600: what root
 * could read at the start is used, and nothing else of root's later.  What is
 * in them the supervisor never looks at.
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
