/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_server: answers every request with 200 and no body, over http, over
 * http after 2.5 ms ("slow") and, with a certificate, over https.  One process,
 * one loop.  It is the target of the benchmarks and of nothing else: it listens
 * on 127.0.0.1 only.
 */
#include "bench/args.h"
#include "common/clock.h"
#include "common/io.h"
#include "common/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REQUEST_BYTES 4096
#define DELAY_NS          (2500 * NS_PER_US)

struct listener {
	struct loop_watch watch;
	struct loop *loop;
	SSL_CTX *tls; /* NULL: http */
	uint64_t delay_ns;
};

struct client {
	struct loop_watch watch;
	struct loop *loop;
	struct loop_timer timer; /* armed while an answer is held back */
	uint64_t delay_ns;
	SSL *tls; /* NULL: http */
	bool handshake_done;
	size_t len_bytes;
	char request[MAX_REQUEST_BYTES + 1];
};

static const char answer_close[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
				   "Connection: close\r\n\r\n";
static const char answer_keep[] =
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void
close_client(struct client *client)
{
	int fd = client->watch.fd; /* forgetting the watch forgets it */

	loop_timer_stop(client->loop, &client->timer);
	loop_watch_forget(client->loop, &client->watch);
	close(fd);
	SSL_free(client->tls);
	free(client);
}

/* Bytes read; 0: nothing now; -1: the connection has ended. */
static ssize_t
read_some(struct client *client)
{
	char *to = client->request + client->len_bytes;
	size_t room_bytes = MAX_REQUEST_BYTES - client->len_bytes;
	ssize_t n;
	int error;

	if (client->tls == NULL) {
		n = recv(client->watch.fd, to, room_bytes, 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		return n > 0 ? n : -1;
	}
	ERR_clear_error();
	n = SSL_read(client->tls, to, (int)room_bytes);
	if (n > 0)
		return n;
	error = SSL_get_error(client->tls, (int)n);
	return error == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* An answer always fits the socket's empty buffer: less is a failure. */
static bool
send_answer(struct client *client, const char *answer, size_t len_bytes)
{
	if (client->tls == NULL)
		return send(client->watch.fd, answer, len_bytes,
			       MSG_NOSIGNAL) == (ssize_t)len_bytes;
	ERR_clear_error();
	return SSL_write(client->tls, answer, (int)len_bytes) == (int)len_bytes;
}

/* False: the client was closed. */
static bool
answer_requests(struct client *client)
{
	char *end;

	client->request[client->len_bytes] = '\0';
	while ((end = strstr(client->request, "\r\n\r\n")) != NULL) {
		size_t used_bytes = (size_t)(end + 4 - client->request);
		bool keep;

		*end = '\0';
		keep = strcasestr(client->request, "\r\nConnection: close") ==
		       NULL;
		if (!send_answer(client, keep ? answer_keep : answer_close,
			    keep ? sizeof(answer_keep) - 1
				 : sizeof(answer_close) - 1) ||
			!keep) {
			close_client(client);
			return false;
		}
		client->len_bytes -= used_bytes;
		memmove(client->request, client->request + used_bytes,
			client->len_bytes + 1);
	}
	return true;
}

static void
on_delay_over(struct loop_timer *timer)
{
	answer_requests(LOOP_OWNER(timer, struct client, timer));
}

/* True: the request is whole, and its answer is held back for a while. */
static bool
hold_back(struct client *client)
{
	client->request[client->len_bytes] = '\0';
	if (client->delay_ns == 0 ||
		strstr(client->request, "\r\n\r\n") == NULL)
		return false;
	if (!client->timer.armed)
		loop_timer_start(client->loop, &client->timer,
			clock_mono_ns() + client->delay_ns);
	return true;
}

/* IO_DONE, IO_WANT_READ or IO_ERROR: nobody sends a flight that blocks. */
static enum io_result
shake_hands(struct client *client)
{
	int result;

	if (client->tls == NULL || client->handshake_done)
		return IO_DONE;
	ERR_clear_error();
	result = SSL_accept(client->tls);
	if (result != 1)
		return SSL_get_error(client->tls, result) == SSL_ERROR_WANT_READ
			       ? IO_WANT_READ
			       : IO_ERROR;
	client->handshake_done = true;
	return IO_DONE;
}

static void
on_client(struct loop_watch *watch, unsigned ready)
{
	struct client *client = LOOP_OWNER(watch, struct client, watch);
	enum io_result result = shake_hands(client);

	(void)ready;
	while (result == IO_DONE) {
		ssize_t n = read_some(client);

		if (n == 0)
			return;
		client->len_bytes += n > 0 ? (size_t)n : 0;
		/* No request of a check fills the buffer. */
		if (n < 0 || client->len_bytes == MAX_REQUEST_BYTES)
			result = IO_ERROR;
		else if (!hold_back(client) && !answer_requests(client))
			return;
	}
	if (result == IO_ERROR)
		close_client(client);
}

static void
on_listener(struct loop_watch *watch, unsigned ready)
{
	struct listener *listener = LOOP_OWNER(watch, struct listener, watch);
	int on = 1, fd;
	struct client *client;

	(void)ready;
	fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		die("out of memory");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	client->loop = listener->loop;
	client->delay_ns = listener->delay_ns;
	loop_timer_init(&client->timer, on_delay_over);
	loop_watch_init(&client->watch, on_client);
	if (listener->tls != NULL) {
		client->tls = SSL_new(listener->tls);
		if (client->tls == NULL || SSL_set_fd(client->tls, fd) != 1)
			die("SSL_new");
	}
	if (loop_watch_open(listener->loop, &client->watch, fd, LOOP_READ) < 0)
		die("loop_watch_open");
}

/* Prints "NAME PORT". */
static void
open_listener(struct listener *listener, struct loop *loop, const char *name,
	uint16_t port, SSL_CTX *tls)
{
	struct sockaddr_in bound = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t bound_bytes = sizeof(bound);
	int on = 1, fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&bound, sizeof(bound)) < 0 ||
		listen(fd, SOMAXCONN) < 0 ||
		getsockname(fd, (struct sockaddr *)&bound, &bound_bytes) < 0)
		die("listening on port %u", port);
	listener->loop = loop;
	listener->tls = tls;
	loop_watch_init(&listener->watch, on_listener);
	if (loop_watch_open(loop, &listener->watch, fd, LOOP_READ) < 0)
		die("loop_watch_open");
	printf("%s %u\n", name, ntohs(bound.sin_port));
}

static SSL_CTX *
load_certificate(const char *certificate, const char *key)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (tls == NULL ||
		SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
		die("%s, %s: %s", certificate, key,
			ERR_reason_error_string(ERR_peek_last_error()));
	/* Every handshake is a full one, and no ticket is sent after it. */
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(tls, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(tls, 0);
	errno = 0;
	return tls;
}

static _Noreturn void
usage(int code)
{
	fprintf(code == 0 ? stdout : stderr,
		"usage: bench_server [--port 0] [--certificate FILE --key FILE]\n"
		"Prints \"http PORT\", \"slow PORT\" and, with a "
		"certificate, \"https PORT\".\n");
	exit(code);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "certificate", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *certificate = NULL, *key = NULL;
	static struct listener http, https, slow = { .delay_ns = DELAY_NS };
	struct loop *loop;
	uint16_t port = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			port = (uint16_t)args_number(
				"--port", optarg, 0, UINT16_MAX);
		else if (option == 'c')
			certificate = optarg;
		else if (option == 'k')
			key = optarg;
		else
			usage(option == 'h' ? 0 : 2);
	}
	if (optind != argc || (certificate == NULL) != (key == NULL))
		usage(2);
	signal(SIGPIPE, SIG_IGN);
	loop = loop_new();
	if (loop == NULL)
		die("loop_new");
	open_listener(&http, loop, "http", port, NULL);
	open_listener(&slow, loop, "slow", 0, NULL);
	if (certificate != NULL)
		open_listener(&https, loop, "https", 0,
			load_certificate(certificate, key));
	fflush(stdout);
	return loop_run(loop) < 0;
}
