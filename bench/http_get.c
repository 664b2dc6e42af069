/* SPDX-License-Identifier: Apache-2.0 */
/* One GET to this machine, for the tools that measure; see http_get.h. */
#include "bench/http_get.h"

#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD_BYTES 4096
#define READ_BYTES     65536
#define MAX_FIND_BYTES 128
#define TIMEOUT_S      10

/* What is read, and what the next piece of it continues. */
struct body_reader {
	const struct http_get_request *request;
	struct http_get_answer answer;
	char head[MAX_HEAD_BYTES];
	size_t head_bytes;
	bool head_done, in_line;
	char tail[2 * MAX_FIND_BYTES]; /* the end of the piece before */
	size_t tail_bytes;
};

static int
open_connection(uint16_t port)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int
send_request(int fd, const struct http_get_request *request)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
		"GET %s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n"
		"Connection: close\r\n%s\r\n",
		request->path, request->port,
		request->gzip ? "Accept-Encoding: gzip\r\n" : "");

	if (len < 0 || (size_t)len >= sizeof(text))
		return -EMSGSIZE;
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

static void
count_lines(struct body_reader *reader, const char *bytes, size_t len_bytes)
{
	const char *end = bytes + len_bytes;

	for (const char *at = bytes; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!reader->in_line && *at != '#' && *at != '\n')
			reader->answer.series_count++;
		reader->in_line = newline == NULL;
		if (newline == NULL)
			return;
		at = newline + 1;
	}
}

/* The text may lie across two pieces. */
static void
look_for(struct body_reader *reader, const char *bytes, size_t len_bytes)
{
	const char *find = reader->request->find;
	size_t find_bytes = strlen(find);
	size_t start_bytes =
		len_bytes < MAX_FIND_BYTES ? len_bytes : MAX_FIND_BYTES;

	memcpy(reader->tail + reader->tail_bytes, bytes, start_bytes);
	if (memmem(reader->tail, reader->tail_bytes + start_bytes, find,
		    find_bytes) != NULL ||
		memmem(bytes, len_bytes, find, find_bytes) != NULL)
		reader->answer.found = true;
	reader->tail_bytes = start_bytes;
	memcpy(reader->tail, bytes + len_bytes - start_bytes, start_bytes);
}

static void
take_body(struct body_reader *reader, const char *bytes, size_t len_bytes)
{
	if (len_bytes == 0)
		return;
	reader->answer.body_bytes += len_bytes;
	if (reader->request->copy_to != NULL)
		fwrite(bytes, 1, len_bytes, reader->request->copy_to);
	if (reader->request->gzip)
		return;
	count_lines(reader, bytes, len_bytes);
	if (reader->request->find != NULL)
		look_for(reader, bytes, len_bytes);
}

/* 0, or -EPROTO when what comes cannot be the head of an answer. */
static int
take_head(struct body_reader *reader, const char *bytes, size_t len_bytes)
{
	size_t before_bytes = reader->head_bytes;
	size_t room_bytes = sizeof(reader->head) - 1 - before_bytes;
	size_t copied_bytes = len_bytes < room_bytes ? len_bytes : room_bytes;
	char *end;
	size_t used_bytes;

	memcpy(reader->head + before_bytes, bytes, copied_bytes);
	reader->head_bytes += copied_bytes;
	reader->head[reader->head_bytes] = '\0';
	end = strstr(reader->head, "\r\n\r\n");
	if (end == NULL)
		return copied_bytes < len_bytes ? -EPROTO : 0;
	if (sscanf(reader->head, "HTTP/1.%*1d %3d", &reader->answer.status) !=
		1)
		return -EPROTO;
	reader->head_done = true;
	used_bytes = (size_t)(end + 4 - reader->head) - before_bytes;
	take_body(reader, bytes + used_bytes, len_bytes - used_bytes);
	return 0;
}

static int
read_answer(int fd, struct body_reader *reader)
{
	static char piece[READ_BYTES];

	for (;;) {
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return reader->head_done ? 0 : -EPROTO;
		if (reader->head_done) {
			take_body(reader, piece, (size_t)n);
		} else {
			int error = take_head(reader, piece, (size_t)n);

			if (error < 0)
				return error;
		}
	}
}

int
http_get(const struct http_get_request *request,
	struct http_get_answer *ret_answer)
{
	uint64_t started_ns = clock_mono_ns();
	struct body_reader reader;
	int fd, error;

	if (request->find != NULL && strlen(request->find) > MAX_FIND_BYTES)
		return -EINVAL;
	memset(&reader, 0, sizeof(reader));
	reader.request = request;
	fd = open_connection(request->port);
	if (fd < 0)
		return fd;
	errno = 0;
	error = send_request(fd, request);
	if (error == 0)
		error = read_answer(fd, &reader);
	reader.answer.took_ns = clock_mono_ns() - started_ns;
	close(fd);
	if (error == 0)
		*ret_answer = reader.answer;
	return error;
}
