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

/*
 * Adds the headers to lines, which hold n_before already, as "NAME: VALUE\n"
 * each.  0, or a negative errno, and the check must not be made without them:
 * of the file; -EFBIG; -ENODATA, it has no header; -EINVAL, for the first line
 * (from 1) that is none, that is one too many, or of a header that the check
 * decides upon itself.
 */
int header_file_read(
	int fd, size_t n_before, struct strbuf *lines, unsigned *ret_line);

#endif
