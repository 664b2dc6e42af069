/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole HTTP side as a client meets it: the real daemon with the real
 * library behind it, over a socket.  The first byte says in pieces of how many
 * bytes the rest is sent (0: all at once); then the client half-closes and
 * reads to the end.  Whatever it sent, the server ends, keeps nothing open,
 * and answers an honest client afterwards.
 */
#include "common/clock.h"
#include "common/loop.h"
#include "supervisor/http_daemon.h"
#include "tests/lib/one_result.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Above all that an input can ask for: it is the loop that does not end. */
#define MAX_TURNS     1000000
#define METRICS_BYTES 10000
#define HOUR_NS       (3600 * NS_PER_S)

#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

static struct loop *loop;
static struct http_site *site;
static struct http_daemon *served;
static struct sockaddr_un address;
static socklen_t address_len;
static size_t n_readers, n_views;

static int
alive_open(void *arg, struct alive_view *ret_view)
{
	(void)arg;
	n_views++;
	one_result_fill(ret_view);
	return 0;
}

static void
alive_close(void *arg, struct alive_view *view)
{
	(void)arg;
	(void)view;
	n_views--;
}

static void
on_origin(void *arg, const char *name, size_t len)
{
	(void)arg;
	REQUIRE(len > 0 && memchr(name, '\n', len) == NULL);
}

static void *
metrics_open(void *arg)
{
	size_t *done = calloc(1, sizeof(*done));

	(void)arg;
	REQUIRE(done != NULL);
	n_readers++;
	return done;
}

static ssize_t
metrics_read(void *reader, char *buf, size_t cap)
{
	size_t *done = reader;
	size_t n = METRICS_BYTES - *done < cap ? METRICS_BYTES - *done : cap;

	memset(buf, 'm', n);
	*done += n;
	return (ssize_t)n;
}

static void
metrics_close(void *reader)
{
	n_readers--;
	free(reader);
}

static void
after_run(void *arg)
{
	(void)arg;
}

/* A socket without a name in the file system, or a network. */
static int
open_listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sun_family = AF_UNIX;
	address_len = sizeof(address.sun_family); /* unix(7): autobind */
	REQUIRE(fd >= 0 &&
		bind(fd, (struct sockaddr *)&address, address_len) == 0 &&
		listen(fd, 8) == 0);
	address_len = sizeof(address);
	REQUIRE(getsockname(fd, (struct sockaddr *)&address, &address_len) ==
		0);
	return fd;
}

static void
stop(void)
{
	http_daemon_stop(served);
	http_site_free(site);
	loop_free(loop);
}

static void
start(void)
{
	const struct http_source source = { NULL, one_result_yes,
		one_result_yes, alive_open, alive_close, on_origin,
		metrics_open, metrics_read, metrics_close };
	const struct http_timeouts timeouts = { HOUR_NS, HOUR_NS, HOUR_NS };

	loop = loop_new();
	REQUIRE(loop != NULL);
	site = http_site_new(loop, &source, &timeouts, 64, 8);
	REQUIRE(site != NULL);
	served =
		http_daemon_start(site, open_listener(), NULL, after_run, NULL);
	REQUIRE(served != NULL && atexit(stop) == 0);
}

static int
connect_client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	REQUIRE(fd >= 0 &&
		connect(fd, (struct sockaddr *)&address, address_len) == 0);
	return fd;
}

/* What has come, appended to the first bytes kept.  false: the end. */
static bool
take(int fd, char *first, size_t cap, size_t *len)
{
	char buf[16384];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		size_t kept = (size_t)n < cap - *len ? (size_t)n : cap - *len;

		memcpy(first + *len, buf, kept);
		*len += kept;
	}
	return n < 0 && errno == EAGAIN;
}

/* Sends in pieces, reads all; the first bytes that came are in `first`. */
static size_t
talk(const char *bytes, size_t size, size_t piece, char *first, size_t cap)
{
	int fd = connect_client();
	size_t len = 0, sent = 0;
	bool more = true;

	for (int i = 0; more; i++) {
		ssize_t n = 0;

		REQUIRE(i < MAX_TURNS);
		if (sent < size)
			n = send(fd, bytes + sent,
				size - sent < piece ? size - sent : piece,
				MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno != EAGAIN)
			sent = size; /* it has hung up */
		if (sent == size)
			shutdown(fd, SHUT_WR);
		REQUIRE(loop_turn(loop, 0) == 0);
		more = take(fd, first, cap, &len);
	}
	close(fd);
	for (int i = 0; http_site_connections(site) > 0; i++)
		REQUIRE(i < MAX_TURNS && loop_turn(loop, 0) == 0);
	return len;
}

static void
check_honest(void)
{
	static const char request[] = "GET /alwayshappy HTTP/1.1\r\n"
				      "Host: a\r\n\r\n";
	char first[16];

	REQUIRE(talk(request, sizeof(request) - 1, sizeof(request), first,
			sizeof(first)) == sizeof(first));
	REQUIRE(memcmp(first, "HTTP/1.1 200 OK\r", sizeof(first)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char first[8];
	size_t piece, len;

	if (loop == NULL)
		start();
	if (size == 0)
		return 0;
	piece = data[0] == 0 ? size : data[0];
	len = talk(
		(const char *)data + 1, size - 1, piece, first, sizeof(first));
	REQUIRE(memcmp(first, "HTTP/1.", len < 7 ? len : 7) == 0);
	REQUIRE(n_readers == 0 && n_views == 0);
	check_honest();
	return 0;
}
