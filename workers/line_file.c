/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and words of small system files; see line_file.h. */
#include "workers/line_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define BLANKS " \t\r\f\v"

struct line_reader {
	bool (*on_line)(void *arg, char *line);
	void *arg;
	char bytes[LINE_FILE_LINE_BYTES_MAX];
	size_t len_bytes; /* less than MAX - 1: a NUL, and more to read */
	bool skipping;    /* the rest of a line that did not fit */
	bool stopped;
};

static void
give_line(struct line_reader *reader, char *line)
{
	if (reader->skipping)
		reader->skipping = false;
	else if (!reader->stopped && !reader->on_line(reader->arg, line))
		reader->stopped = true;
}

/* Gives away the whole lines and keeps the start of the next. */
static void
split_lines(struct line_reader *reader)
{
	char *start = reader->bytes, *end;
	size_t left_bytes = reader->len_bytes;

	while ((end = memchr(start, '\n', left_bytes)) != NULL) {
		*end = '\0';
		give_line(reader, start);
		left_bytes -= (size_t)(end + 1 - start);
		start = end + 1;
	}
	memmove(reader->bytes, start, left_bytes);
	reader->len_bytes = left_bytes;
	if (left_bytes == sizeof(reader->bytes) - 1) {
		reader->skipping = true;
		reader->len_bytes = 0;
	}
}

int
line_file_read(
	const char *path, bool (*on_line)(void *arg, char *line), void *arg)
{
	struct line_reader reader = { .on_line = on_line, .arg = arg };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t read_bytes = 0;
	int rc = 0;

	if (fd < 0)
		return -errno;
	while (!reader.stopped) {
		ssize_t n;

		/* split_lines() has seen to that */
		assert(reader.len_bytes < sizeof(reader.bytes) - 1);
		n = read(fd, reader.bytes + reader.len_bytes,
			sizeof(reader.bytes) - 1 - reader.len_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		read_bytes += (size_t)n;
		if (read_bytes > LINE_FILE_BYTES_MAX) {
			rc = -EFBIG;
			break;
		}
		reader.len_bytes += (size_t)n;
		split_lines(&reader);
	}
	if (rc == 0 && reader.len_bytes > 0) {
		reader.bytes[reader.len_bytes] = '\0';
		give_line(&reader, reader.bytes);
	}
	close(fd);
	return rc;
}

char *
line_file_next_word(char **cursor)
{
	char *word = *cursor + strspn(*cursor, BLANKS);
	char *end = word + strcspn(word, BLANKS);

	if (word == end)
		return NULL;
	*cursor = end;
	if (*end != '\0') {
		*end = '\0';
		*cursor = end + 1;
	}
	return word;
}
