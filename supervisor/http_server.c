/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server; see http_server.h: which sockets there are, when they come
 * and go, and how much they may hold.  Serving itself is http_daemon.c's.
 */
#include "supervisor/http_server.h"

#include "common/clock.h"
#include "supervisor/http_daemon.h"
#include "supervisor/http_listen.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define RESERVED_FDS    256 /* workers' pipes and sockets, files */
#define MIN_CONNECTIONS 64
/* Measured: 11 KiB each while headers come, 17 KiB idle.  So strangers cannot
 * make the whole larger by more than about 30 MiB. */
#define MAX_CONNECTIONS 2048
#define MAX_SCRAPES     8

/* What the Go program has. */
#define HEADERS_TIMEOUT_NS (5 * NS_PER_S)
#define ANSWER_TIMEOUT_NS  (10 * NS_PER_S)
#define IDLE_TIMEOUT_NS    (120 * NS_PER_S)

struct listener {
	struct http_server *server;
	struct listener *next;
	char *address;
	struct http_tls *tls; /* NULL: http */
	int fd;               /* -1: the daemon's, or closed */
	int socket_fd;        /* whosever it is; until retired */
	uint16_t port;
	struct http_daemon *daemon; /* NULL: not started */
	bool retired;
};

struct http_server {
	struct loop *loop;
	struct http_site *site;
	struct listener *listeners; /* in the order of the options */
	bool started;
	struct loop_timer drained_timer;
	void (*on_drained)(void *arg); /* NULL: not asked for */
	void *on_drained_arg;
};

static void on_drained_due(struct loop_timer *timer);

static void
free_listener(struct listener *listener)
{
	if (listener == NULL)
		return;
	http_daemon_stop(listener->daemon);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener->address);
	free(listener);
}

static void
free_listeners(struct listener *listener)
{
	while (listener != NULL) {
		struct listener *next = listener->next;

		free_listener(listener);
		listener = next;
	}
}

static int
open_listener(struct http_server *server,
	const struct http_listener_options *options, bool shared,
	struct listener **ret_listener, char *error, size_t error_cap)
{
	const char *address = options->address;
	struct listener *listener = calloc(1, sizeof(*listener));

	if (listener != NULL) {
		listener->server = server;
		listener->fd = -1;
		listener->tls = options->tls;
		listener->address = strdup(address);
	}
	if (listener == NULL || listener->address == NULL) {
		snprintf(error, error_cap, "listen %s: %s", address,
			strerror(ENOMEM));
		free_listener(listener);
		return -ENOMEM;
	}
	listener->fd = http_listen_open(address, shared, error, error_cap);
	if (listener->fd < 0) {
		int rc = listener->fd;

		free_listener(listener);
		return rc;
	}
	listener->socket_fd = listener->fd;
	listener->port = http_listen_port(listener->fd);
	*ret_listener = listener;
	return 0;
}

/* After a turn of its daemon; the listener may be gone when it returns. */
static void
after_run(void *arg)
{
	struct listener *listener = arg;
	struct http_server *server = listener->server;
	struct listener **link = &server->listeners;

	if (server->on_drained != NULL &&
		http_site_connections(server->site) == 0)
		loop_timer_start(server->loop, &server->drained_timer, 0);
	if (!listener->retired || http_daemon_connections(listener->daemon) > 0)
		return;
	while (*link != listener)
		link = &(*link)->next;
	*link = listener->next;
	free_listener(listener);
}

static int
start_listener(struct listener *listener, char *error, size_t error_cap)
{
	listener->daemon = http_daemon_start(listener->server->site,
		listener->fd, listener->tls, after_run, listener);
	if (listener->daemon == NULL) {
		snprintf(error, error_cap, "listen %s: cannot serve: %s",
			listener->address, strerror(ENOMEM));
		return -ENOMEM;
	}
	listener->fd = -1;
	return 0;
}

static void
retire_listener(struct listener *listener)
{
	listener->retired = true;
	if (listener->daemon != NULL)
		http_daemon_retire(listener->daemon);
}

static unsigned
connection_limit(unsigned wanted)
{
	struct rlimit limit;
	rlim_t max = MAX_CONNECTIONS;

	if (wanted > 0)
		return wanted;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
		limit.rlim_cur < MAX_CONNECTIONS + RESERVED_FDS)
		max = limit.rlim_cur > RESERVED_FDS + MIN_CONNECTIONS
			      ? limit.rlim_cur - RESERVED_FDS
			      : MIN_CONNECTIONS;
	return (unsigned)max;
}

static struct http_site *
new_site(struct loop *loop, const struct http_server_options *options,
	const struct http_source *source)
{
	struct http_timeouts timeouts = options->timeouts;

	if (timeouts.headers_ns == 0)
		timeouts.headers_ns = HEADERS_TIMEOUT_NS;
	if (timeouts.answer_ns == 0)
		timeouts.answer_ns = ANSWER_TIMEOUT_NS;
	if (timeouts.idle_ns == 0)
		timeouts.idle_ns = IDLE_TIMEOUT_NS;
	return http_site_new(loop, source, &timeouts,
		connection_limit(options->max_connections),
		options->max_scrapes > 0 ? options->max_scrapes : MAX_SCRAPES);
}

struct http_server *
http_server_open(struct loop *loop, const struct http_server_options *options,
	const struct http_source *source, char *error, size_t error_cap)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (server != NULL) {
		server->loop = loop;
		loop_timer_init(&server->drained_timer, on_drained_due);
		server->site = new_site(loop, options, source);
	}
	if (server == NULL || server->site == NULL) {
		snprintf(error, error_cap, "http server: %s", strerror(ENOMEM));
		free(server);
		return NULL;
	}
	if (http_server_relisten(server, options->listeners,
		    options->n_listeners, error, error_cap) < 0) {
		http_server_free(server);
		return NULL;
	}
	return server;
}

int
http_server_start(struct http_server *server, char *error, size_t error_cap)
{
	for (struct listener *listener = server->listeners; listener != NULL;
		listener = listener->next) {
		int rc = listener->daemon == NULL
				 ? start_listener(listener, error, error_cap)
				 : 0;

		if (rc < 0)
			return rc;
	}
	server->started = true;
	return 0;
}

/* Takes the listener with this address out of the list; NULL: none. */
static struct listener *
take_listener(struct listener **list, const char *address)
{
	for (; *list != NULL; list = &(*list)->next) {
		struct listener *listener = *list;

		if (listener->retired ||
			strcmp(listener->address, address) != 0)
			continue;
		*list = listener->next;
		listener->next = NULL;
		return listener;
	}
	return NULL;
}

static bool
has_listener(struct listener *list, const char *address)
{
	for (; list != NULL; list = list->next)
		if (!list->retired && strcmp(list->address, address) == 0)
			return true;
	return false;
}

static bool
is_wanted(const struct listener *listener,
	const struct http_listener_options *options, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(listener->address, options[i].address) == 0)
			return true;
	return false;
}

/*
 * Those that will leave, as 127.0.0.1:80 when 0.0.0.0:80 comes, must not be in
 * the way.  False: there are none.
 */
static bool
share_leaving(struct http_server *server,
	const struct http_listener_options *options, size_t n, bool shared)
{
	bool any = false;

	for (struct listener *listener = server->listeners; listener != NULL;
		listener = listener->next) {
		if (listener->retired || is_wanted(listener, options, n))
			continue;
		http_listen_share(listener->socket_fd, shared);
		any = true;
	}
	return any;
}

/* Opens those wanted that are not there, at the end of the list added. */
static int
add_missing(struct http_server *server, struct listener **added,
	const struct http_listener_options *options, size_t n, char *error,
	size_t error_cap)
{
	struct listener **end = added;

	for (size_t i = 0; i < n; i++) {
		int rc;

		if (has_listener(server->listeners, options[i].address) ||
			has_listener(*added, options[i].address))
			continue;
		rc = open_listener(
			server, &options[i], false, end, error, error_cap);
		if (rc == -EADDRINUSE &&
			share_leaving(server, options, n, true))
			rc = open_listener(server, &options[i], true, end,
				error, error_cap);
		if (rc == 0 && server->started)
			rc = start_listener(*end, error, error_cap);
		if (rc < 0)
			return rc;
		end = &(*end)->next;
	}
	return 0;
}

/* Appends what is no longer wanted: it goes when its last client has gone. */
static void
retire_rest(struct listener **end, struct listener *rest)
{
	while (rest != NULL) {
		struct listener *listener = rest;

		rest = rest->next;
		listener->next = NULL;
		if (listener->daemon == NULL) {
			free_listener(listener);
			continue;
		}
		*end = listener;
		end = &listener->next;
		retire_listener(listener);
	}
}

int
http_server_relisten(struct http_server *server,
	const struct http_listener_options *options, size_t n, char *error,
	size_t error_cap)
{
	struct listener *added = NULL, *old = server->listeners;
	struct listener **end = &server->listeners;
	int rc = add_missing(server, &added, options, n, error, error_cap);

	if (rc < 0) {
		free_listeners(added);
		(void)share_leaving(server, options, n, false);
		return rc;
	}
	for (struct listener *listener = added; listener != NULL;
		listener = listener->next)
		http_listen_share(listener->socket_fd, false);
	server->listeners = NULL;
	for (size_t i = 0; i < n; i++) {
		struct listener *listener =
			take_listener(&old, options[i].address);

		if (listener == NULL)
			listener = take_listener(&added, options[i].address);
		if (listener == NULL)
			continue; /* named twice */
		*end = listener;
		end = &listener->next;
	}
	retire_rest(end, old);
	return 0;
}

static void
on_drained_due(struct loop_timer *timer)
{
	struct http_server *server =
		LOOP_OWNER(timer, struct http_server, drained_timer);
	void (*on_drained)(void *arg) = server->on_drained;

	server->on_drained = NULL;
	on_drained(server->on_drained_arg);
}

void
http_server_quiesce(struct http_server *server, uint64_t timeout_ns,
	void (*on_drained)(void *arg), void *arg)
{
	assert(on_drained != NULL);
	for (struct listener *listener = server->listeners; listener != NULL;
		listener = listener->next)
		retire_listener(listener);
	server->on_drained = on_drained;
	server->on_drained_arg = arg;
	if (http_site_connections(server->site) == 0)
		timeout_ns = 0;
	loop_timer_start(server->loop, &server->drained_timer,
		loop_now_ns(server->loop) + timeout_ns);
}

void
http_server_free(struct http_server *server)
{
	if (server == NULL)
		return;
	loop_timer_stop(server->loop, &server->drained_timer);
	free_listeners(server->listeners);
	http_site_free(server->site);
	free(server);
}

uint16_t
http_server_port(const struct http_server *server, size_t index)
{
	const struct listener *listener = server->listeners;

	while (listener != NULL && index-- > 0)
		listener = listener->next;
	return listener != NULL ? listener->port : 0;
}

size_t
http_server_connections(const struct http_server *server)
{
	return http_site_connections(server->site);
}
