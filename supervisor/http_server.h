/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side of the supervisor: /alwayshappy, /ready, /alive, /metrics.
 * libmicrohttpd speaks HTTP, driven by our own loop in the one thread there
 * is; deadlines, limits and what is answered are ours.
 *
 * The sockets are opened first and served later, so that a port that is taken
 * is an error of the start, and what needs rights is done before the sandbox.
 */
#ifndef SUPERVISOR_HTTP_SERVER_H
#define SUPERVISOR_HTTP_SERVER_H

#include "common/loop.h"
#include "supervisor/http_deadline.h"
#include "supervisor/http_source.h"

#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_tls;

struct http_listener_options {
	const char *address;  /* see http_listen.h */
	struct http_tls *tls; /* NULL: http; must outlive the server */
};

/* 0 stands for the usual value. */
struct http_server_options {
	const struct http_listener_options *listeners;
	size_t n_listeners;
	struct http_timeouts timeouts; /* 5 s, 10 s, 120 s */
	/* 2048, or what RLIMIT_NOFILE leaves when the rest of the program keeps
	 * 256.  Beyond fifteen sixteenths of it each new connection costs the
	 * one that has been idle longest, or else is waited for longest: for
	 * headers, for a body, or to take a short answer; beyond a quarter of
	 * it each new idle one the oldest such. */
	unsigned max_connections;
	unsigned max_scrapes; /* at one time: 8; one more gets 503 */
};

/*
 * Opens the listening sockets; what connects waits in their queues.  The
 * source is copied, the addresses too.  NULL: error holds a sentence, such as
 * "listen [::]:8080: Address already in use".
 */
struct http_server *http_server_open(struct loop *loop,
	const struct http_server_options *options,
	const struct http_source *source, char *error, size_t error_cap);
/* Begins to serve.  0, or a negative errno and a sentence. */
int http_server_start(
	struct http_server *server, char *error, size_t error_cap);
/*
 * After a reload: opens and serves what is new, then closes what is no longer
 * wanted; an address in both is not touched.  When one cannot be opened all
 * stays as it was: a negative errno and a sentence.  Connections of a closed
 * listener get the answer they wait for.
 */
int http_server_relisten(struct http_server *server,
	const struct http_listener_options *listeners, size_t n_listeners,
	char *error, size_t error_cap);
/*
 * Accepts nobody any more and ends the connections that wait for no answer;
 * on_drained is called from the loop, once, when the others have theirs or
 * after timeout_ns.  It may free the server.
 */
void http_server_quiesce(struct http_server *server, uint64_t timeout_ns,
	void (*on_drained)(void *arg), void *arg);
/* Ends what is still connected.  Never from a call of the source. */
void http_server_free(struct http_server *server);

/* The port of the index-th listener (0 asks the kernel for one); 0: none. */
uint16_t http_server_port(const struct http_server *server, size_t index);
size_t http_server_connections(const struct http_server *server);

#endif
