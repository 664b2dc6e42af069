/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the lines of /etc/hosts and /etc/resolv.conf with a bounded buffer and
 * without allocating.  A line that does not fit is left out whole.
 */
#ifndef WORKERS_LINE_FILE_H
#define WORKERS_LINE_FILE_H

#include <stdbool.h>

#define LINE_FILE_LINE_BYTES_MAX 4096
/* Of all lines: a hosts file that blocks half the world has six megabytes. */
#define LINE_FILE_BYTES_MAX (16UL * 1024 * 1024)

/*
 * Calls on_line with each line, without its end, as a string it may write to,
 * until it returns false.  0 or a negative errno; -EFBIG: the rest is left out.
 */
int line_file_read(
	const char *path, bool (*on_line)(void *arg, char *line), void *arg);
/*
 * Cuts the next word off *cursor: NUL-terminated in place, NULL at the end.
 * Blanks separate words.
 */
char *line_file_next_word(char **cursor);

#endif
