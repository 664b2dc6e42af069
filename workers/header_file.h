/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of headers that a check names, `header_file`: a NAME: VALUE line
 * each, with LF or CRLF; blank lines and those that begin with # say nothing.
 * It may hold secrets: nothing of its text is in what is told about it.
 */
#ifndef WORKERS_HEADER_FILE_H
#define WORKERS_HEADER_FILE_H

#include "common/strbuf.h"

/* As much as a server takes. */
#define HEADER_FILE_MAX_BYTES (16 * 1024)

/* Lines that are no header, or one that the check itself decides upon. */
struct header_file_refused {
	unsigned count;
	unsigned first_line; /* from 1; 0: none */
};

/*
 * Adds the headers to lines, which hold n_before already, as "NAME: VALUE\n"
 * each; what is refused is left out.  0, or a negative errno: of the file, or
 * -EFBIG; nothing was added then.
 */
int header_file_read(int fd, size_t n_before, struct strbuf *lines,
	struct header_file_refused *ret_refused);

#endif
