/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compresses a text while it is being written: gzip (RFC 1952) in small steps
 * and little memory.  One step reads one block of the source and no more, so
 * that it costs a fraction of a millisecond however large the whole is.
 */
#ifndef SUPERVISOR_GZIP_STREAM_H
#define SUPERVISOR_GZIP_STREAM_H

#include <stddef.h>
#include <sys/types.h>

#define GZIP_STREAM_BLOCK_BYTES 16384

struct gzip_stream;

/*
 * read fills at most cap bytes and says how many: 0 at the end, -EAGAIN to be
 * asked again, another negative errno when it failed.  NULL: no memory.
 */
struct gzip_stream *gzip_stream_new(
	ssize_t (*read)(void *arg, char *buf, size_t cap), void *arg);
void gzip_stream_free(struct gzip_stream *stream);
/* Answers like its source; -EAGAIN also when a block gave no output yet. */
ssize_t gzip_stream_read(struct gzip_stream *stream, char *buf, size_t cap);

#endif
