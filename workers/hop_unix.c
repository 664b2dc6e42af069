/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to sockets of this host; see hop_unix.h. */
#include "workers/hop_unix.h"

#include "common/clock.h"
#include "workers/hop.h"
#include "workers/hop_record.h"
#include "workers/hop_talk.h"
#include "workers/socket.h"
#include "workers/socket_unix.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* connect(2) of an application waits while the listener's queue is full, and
 * no readiness tells of room in it. */
#define QUEUE_LOOK_NS (10 * NS_PER_MS)

static void
fail(struct hop *hop, int sys_errno, const char *why)
{
	char what[URL_HOST_MAX_BYTES + sizeof("connect ")];

	snprintf(what, sizeof(what), "connect %s", hop->request.url->host);
	hop_fail_because(hop, sys_errno, what, why);
}

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	hop_on_ready(LOOP_OWNER(watch, struct hop, kept_watch), ready);
}

static void
go_on(struct hop *hop, uint64_t now_ns)
{
	int rc;

	race_stop(&hop->race); /* of addresses there was none */
	hop->watch = &hop->kept_watch;
	hop_record_event(hop, EVENT_CONNECT_DONE, now_ns);
	hop_record_phase(hop, PHASE_CONNECT, now_ns);
	rc = hop_talk_begin(hop);
	if (rc < 0) {
		hop_talk_drop_socket(hop);
		fail(hop, -rc, strerror(-rc));
		return;
	}
	transport_be_local(&hop->transport);
	hop->on_connected(hop);
	hop_advance(hop);
}

/* 0, or a negative errno and there is no connection. */
static int
connect_once(struct hop *hop)
{
	struct loop *loop = hop_worker(hop)->loop;
	uint64_t now_ns;
	int fd, rc = socket_unix_open(&fd);

	if (rc < 0)
		return rc;
	loop_watch_init(&hop->kept_watch, on_ready);
	rc = loop_watch_open(loop, &hop->kept_watch, fd, LOOP_READ);
	if (rc < 0) {
		socket_close_abortive(fd);
		return rc;
	}
	now_ns = clock_mono_ns();
	hop_start_clock(hop, now_ns);
	if ((hop_record_sample(hop)->events & 1u << EVENT_CONNECT_START) == 0)
		hop_record_event(hop, EVENT_CONNECT_START, now_ns);
	rc = socket_unix_connect(fd, hop->request.url->host);
	if (rc == 0)
		return 0;
	loop_watch_forget(loop, &hop->kept_watch);
	socket_close_abortive(fd);
	return rc;
}

void
hop_unix_start(struct hop *hop)
{
	int rc = connect_once(hop);

	if (rc == -EAGAIN)
		loop_timer_start(hop_worker(hop)->loop, &hop->again,
			clock_mono_ns() + QUEUE_LOOK_NS);
	else if (rc < 0)
		fail(hop, -rc, strerror(-rc));
	else
		go_on(hop, clock_mono_ns());
}

void
hop_unix_expire(struct hop *hop)
{
	fail(hop, ETIMEDOUT, "timeout: the listener's queue is full");
}
