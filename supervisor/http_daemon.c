/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP over libmicrohttpd; see http_daemon.h: its epoll descriptor is a watch
 * of our loop.
 */
#include "supervisor/http_daemon.h"

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/http_curtain.h"
#include "supervisor/http_turns.h"

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Of one connection; half of it is the first read buffer.  Headers up to
 * about 18 KiB fit, above that the library answers 431; a block of an answer
 * fits as well.  More would cost: between two requests the library writes
 * zeros all over it.
 */
#define CONNECTION_MEMORY_BYTES 20480
/* Before a socket is closed: the library accepts eleven per run. */
#define SETTLE_RUNS 64

/*
 * The library takes a socket for ready until the handshake is over, also when
 * there is nothing to read (seen with 0.9.75), and wants to look again at once:
 * one silent client would take a whole processor.  What it waits for comes as
 * an event of its epoll descriptor; it looks by itself with these pauses.
 */
#define PAUSE_MIN_NS NS_PER_MS
#define PAUSE_MAX_NS (64 * NS_PER_MS)

/* Between two attempts to accept when there is nothing to accept with. */
#define SHORTAGE_NS (100 * NS_PER_MS)
/* So long after the last failure accepting works again. */
#define SHORTAGE_OVER_NS (2 * NS_PER_S)

/* The path is decoded in http_path.c, from the line as it was sent. */
static size_t
leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
}

/* The library tells of much; what matters is that it could not accept, and
 * what it does not refuse well. */
__attribute__((format(printf, 2, 0))) static void
on_complaint(void *cls, const char *format, va_list args)
{
	struct http_daemon *daemon = cls;
	struct http_site *site = daemon->site;
	char error[256];

	if (strstr(format, "Content-Length' header") != NULL)
		http_client_on_bad_length(daemon);
	if (strstr(format, "Error accepting") == NULL)
		return;
	vsnprintf(error, sizeof(error), format, args);
	error[strcspn(error, "\n")] = '\0';
	if (site->short_mono_ns == 0)
		LOG_ERROR("no new clients can be served for now; who has been "
			  "idle longest goes",
			LOG_STR("error", error));
	site->short_mono_ns = clock_mono_ns();
	daemon->is_short = true;
}

/*
 * The library accepts nobody until one of its own connections has ended, or,
 * when it has none, tries again without a pause.
 */
static void
begin_shortage(struct http_daemon *daemon)
{
	struct loop *loop = daemon->site->loop;

	if (daemon->n_clients == 0)
		(void)loop_watch_change(loop, &daemon->watch, 0);
	if (!daemon->shortage_timer.armed)
		loop_timer_start(loop, &daemon->shortage_timer,
			clock_mono_ns() + SHORTAGE_NS);
}

/* Whatever changes when a run had something to do. */
static uint64_t
progress(const struct http_daemon *daemon)
{
	return daemon->n_steps + http_tls_heard(daemon->tls);
}

/* Returns for how long the next run can wait. */
static uint64_t
run_tls(struct http_daemon *daemon)
{
	uint64_t before = progress(daemon);

	MHD_run(daemon->mhd);
	if (progress(daemon) != before)
		daemon->pause_ns = 0;
	else if (daemon->pause_ns == 0)
		daemon->pause_ns = PAUSE_MIN_NS;
	else if (daemon->pause_ns < PAUSE_MAX_NS)
		daemon->pause_ns *= 2;
	return daemon->pause_ns;
}

/*
 * At its limit the library stops listening, and begins again in the run after
 * the one in which somebody left: for that no event comes.
 */
static bool
can_accept_again(struct http_daemon *daemon)
{
	bool was_full = daemon->is_full;

	daemon->is_full = daemon->n_clients >= daemon->site->max_clients;
	return was_full && !daemon->is_full;
}

/* The library's "soon" is the next turn: the others are served in between. */
static void
run(struct http_daemon *daemon)
{
	struct loop *loop = daemon->site->loop;
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	uint64_t pause_ns = 0;

	http_streams_begin_turn(&daemon->site->streams);
	http_turns_begin(daemon);
	if (daemon->tls != NULL)
		pause_ns = run_tls(daemon);
	else
		MHD_run(daemon->mhd);
	if (daemon->is_short && !daemon->retired)
		begin_shortage(daemon);
	if (can_accept_again(daemon) || daemon->first_waiting != NULL)
		loop_timer_start(loop, &daemon->timer, loop_now_ns(loop));
	else if (MHD_get_timeout(daemon->mhd, &timeout_ms) == MHD_YES)
		loop_timer_start(loop, &daemon->timer,
			loop_now_ns(loop) + timeout_ms * NS_PER_MS + pause_ns);
	else
		loop_timer_stop(loop, &daemon->timer);
	daemon->after_run(daemon->arg);
}

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	(void)ready;
	run(LOOP_OWNER(watch, struct http_daemon, watch));
}

static void
on_timer(struct loop_timer *timer)
{
	run(LOOP_OWNER(timer, struct http_daemon, timer));
}

static bool
is_of(const struct http_deadline *deadline, const void *arg)
{
	const struct http_client *client =
		LOOP_OWNER(deadline, struct http_client, deadline);

	return client->daemon == arg;
}

/* Makes room for one more; is done again as long as accepting fails. */
static void
on_shortage(struct loop_timer *timer)
{
	struct http_daemon *daemon =
		LOOP_OWNER(timer, struct http_daemon, shortage_timer);
	struct http_site *site = daemon->site;

	(void)loop_watch_change(site->loop, &daemon->watch, LOOP_READ);
	if (daemon->is_short) {
		daemon->is_short = false;
		http_deadlines_cut_oldest(&site->deadlines, is_of, daemon);
	}
	if (clock_since_ns(clock_mono_ns(), site->short_mono_ns) <
		SHORTAGE_OVER_NS) {
		loop_timer_start(
			site->loop, timer, clock_mono_ns() + SHORTAGE_NS);
	} else if (site->short_mono_ns != 0) {
		site->short_mono_ns = 0;
		LOG_INFO("new clients can be served again");
	}
	run(daemon);
}

static struct MHD_Daemon *
start_mhd(struct http_daemon *daemon, int listen_fd)
{
	const struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };
	const struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)HTTP_TLS_PRIORITIES },
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
			(void *)(uintptr_t)http_tls_retrieve },
		{ MHD_OPTION_END, 0, NULL },
	};
	bool tls = daemon->tls != NULL;

	/* TURBO: a new connection is read at once, before it is waited for */
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_ERROR_LOG |
			MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0U),
		0, NULL, NULL, http_client_on_request, daemon,
		MHD_OPTION_EXTERNAL_LOGGER, on_complaint, daemon,
		MHD_OPTION_ARRAY, tls ? secure : plain,
		MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)daemon->site->max_clients,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
		0U, MHD_OPTION_NOTIFY_CONNECTION, http_client_on_connection,
		daemon, MHD_OPTION_URI_LOG_CALLBACK,
		http_client_on_request_line, daemon,
		MHD_OPTION_NOTIFY_COMPLETED, http_client_on_completed, daemon,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
		MHD_OPTION_END);
}

struct http_daemon *
http_daemon_start(struct http_site *site, int listen_fd, struct http_tls *tls,
	void (*after_run)(void *arg), void *arg)
{
	struct http_daemon *daemon = calloc(1, sizeof(*daemon));
	const union MHD_DaemonInfo *info;

	if (daemon == NULL)
		return NULL;
	daemon->site = site;
	daemon->tls = tls;
	daemon->after_run = after_run;
	daemon->arg = arg;
	loop_watch_init(&daemon->watch, on_ready);
	loop_timer_init(&daemon->timer, on_timer);
	loop_timer_init(&daemon->shortage_timer, on_shortage);
	daemon->mhd = start_mhd(daemon, listen_fd);
	if (daemon->mhd == NULL) {
		free(daemon);
		return NULL;
	}
	info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || loop_watch_open(site->loop, &daemon->watch,
				    info->epoll_fd, LOOP_READ) < 0) {
		MHD_quiesce_daemon(daemon->mhd); /* keeps the socket open */
		http_daemon_stop(daemon);
		return NULL;
	}
	return daemon;
}

/* Takes in who has connected already, and what they have sent. */
static void
settle(struct http_daemon *daemon)
{
	struct pollfd poll_fd = { daemon->watch.fd, POLLIN, 0 };

	http_turns_release(daemon);
	for (int i = 0; i < SETTLE_RUNS && poll(&poll_fd, 1, 0) > 0; i++)
		MHD_run(daemon->mhd);
}

void
http_daemon_retire(struct http_daemon *daemon)
{
	int listen_fd;

	if (daemon->retired)
		return;
	settle(daemon);
	daemon->retired = true;
	listen_fd = MHD_quiesce_daemon(daemon->mhd);
	if (listen_fd >= 0)
		close(listen_fd);
	http_deadlines_cut_waiting(&daemon->site->deadlines, is_of, daemon);
	loop_timer_start(daemon->site->loop, &daemon->timer, 0);
}

size_t
http_daemon_connections(const struct http_daemon *daemon)
{
	return daemon->n_clients;
}

void
http_daemon_stop(struct http_daemon *daemon)
{
	struct loop *loop;

	if (daemon == NULL)
		return;
	loop = daemon->site->loop;
	loop_watch_close(loop, &daemon->watch);
	loop_timer_stop(loop, &daemon->timer);
	loop_timer_stop(loop, &daemon->shortage_timer);
	http_turns_release(daemon);
	MHD_stop_daemon(daemon->mhd);
	free(daemon);
}
