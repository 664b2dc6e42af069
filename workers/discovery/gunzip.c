/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks gzip; see gunzip.h. */
#include "workers/discovery/gunzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PIECE_BYTES (16 * 1024)
/* zlib.h: the largest window, and a gzip header before the data. */
#define WINDOW_BITS (15 + 16)

struct gunzip {
	z_stream stream;
	bool done;
	int (*on_bytes)(void *arg, const char *bytes, size_t len);
	void *arg;
	unsigned char piece[PIECE_BYTES];
};

struct gunzip *
gunzip_new(int (*on_bytes)(void *arg, const char *bytes, size_t len), void *arg)
{
	struct gunzip *gunzip = malloc(sizeof(*gunzip));

	if (gunzip == NULL)
		return NULL;
	memset(&gunzip->stream, 0, sizeof(gunzip->stream));
	gunzip->done = false;
	gunzip->on_bytes = on_bytes;
	gunzip->arg = arg;
	if (inflateInit2(&gunzip->stream, WINDOW_BITS) != Z_OK) {
		free(gunzip);
		return NULL;
	}
	return gunzip;
}

void
gunzip_free(struct gunzip *gunzip)
{
	if (gunzip == NULL)
		return;
	inflateEnd(&gunzip->stream);
	free(gunzip);
}

int
gunzip_feed(struct gunzip *gunzip, const char *bytes, size_t len)
{
	z_stream *stream = &gunzip->stream;
	int rc = 0, z = Z_OK;

	stream->next_in = (unsigned char *)(uintptr_t)bytes;
	stream->avail_in = (uInt)len;
	while (rc == 0 && z == Z_OK && !gunzip->done) {
		size_t n;

		stream->next_out = gunzip->piece;
		stream->avail_out = PIECE_BYTES;
		z = inflate(stream, Z_NO_FLUSH);
		if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
			return -EPROTO;
		gunzip->done = z == Z_STREAM_END;
		n = PIECE_BYTES - stream->avail_out;
		if (n > 0)
			rc = gunzip->on_bytes(
				gunzip->arg, (char *)gunzip->piece, n);
	}
	/* what follows the end is not ours */
	if (rc == 0 && stream->avail_in > 0)
		return -EPROTO;
	return rc;
}

int
gunzip_finish(const struct gunzip *gunzip)
{
	return gunzip->done ? 0 : -EPROTO;
}
