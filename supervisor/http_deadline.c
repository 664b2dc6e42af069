/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of connections; see http_deadline.h. */
#include "supervisor/http_deadline.h"

#include "common/clock.h"

#include <linux/tcp.h> /* glibc's tcp_info ends before tcpi_bytes_received */
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Looks at an idle connection per header timeout: one of 5 s may last 6. */
#define LOOKS_PER_TIMEOUT 5
/* What has connected may be silent for so long, however many do it. */
#define SILENT_NS     NS_PER_S
#define LOOKS_PER_CUT 16
/* Of what was not read when a connection is cut: 1 MiB at most. */
#define DISCARD_BYTES (64 * 1024)
#define DISCARDS      16
/* What one turn of the loop looks after; a look costs about half a us. */
#define BATCH_COUNT 64

static void on_due(struct loop_timer *timer);

void
http_deadlines_init(struct http_deadlines *deadlines, struct loop *loop,
	const struct http_timeouts *timeouts,
	const size_t max[HTTP_PHASE_COUNT])
{
	struct http_deadline_queue *queues = deadlines->queues;

	memset(deadlines, 0, sizeof(*deadlines));
	deadlines->loop = loop;
	deadlines->idle_ns = timeouts->idle_ns;
	queues[HTTP_PHASE_HANDSHAKE].timeout_ns = timeouts->headers_ns;
	queues[HTTP_PHASE_HEADERS].timeout_ns = timeouts->headers_ns;
	queues[HTTP_PHASE_BODY].timeout_ns = timeouts->answer_ns;
	queues[HTTP_PHASE_ANSWER].timeout_ns = timeouts->answer_ns;
	queues[HTTP_PHASE_IDLE].timeout_ns =
		timeouts->headers_ns / LOOKS_PER_TIMEOUT < timeouts->idle_ns
			? timeouts->headers_ns / LOOKS_PER_TIMEOUT
			: timeouts->idle_ns;
	for (size_t i = 0; i < HTTP_PHASE_COUNT; i++) {
		queues[i].deadlines = deadlines;
		queues[i].max = max[i];
		loop_timer_init(&queues[i].timer, on_due);
	}
}

void
http_deadlines_fini(struct http_deadlines *deadlines)
{
	for (size_t i = 0; i < HTTP_PHASE_COUNT; i++)
		loop_timer_stop(deadlines->loop, &deadlines->queues[i].timer);
}

static void
leave(struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	struct http_deadline_queue *queue;

	if (deadline->phase == HTTP_PHASE_COUNT)
		return;
	queue = &deadlines->queues[deadline->phase];
	queue->n--;
	if (deadline->older != NULL)
		deadline->older->newer = deadline->newer;
	else
		queue->oldest = deadline->newer;
	if (deadline->newer != NULL)
		deadline->newer->older = deadline->older;
	else
		queue->newest = deadline->older;
	deadline->older = deadline->newer = NULL;
	deadline->phase = HTTP_PHASE_COUNT;
}

/* 0: cannot be told. */
static uint64_t
received_bytes(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_bytes_received;
}

/* Of a request that is not complete, the library has read a part. */
static bool
is_half_read(const struct http_deadline *deadline)
{
	uint64_t received =
		received_bytes(deadline->fd); /* first: this grows */
	int unread = 0;

	return ioctl(deadline->fd, FIONREAD, &unread) == 0 &&
	       received > deadline->consumed_bytes + (uint64_t)unread;
}

/*
 * Whether it may be cut because too many do what it does.  A connection of
 * which nothing was read yet holds nothing either: it has SILENT_NS.
 */
static bool
is_too_many(
	const struct http_deadlines *deadlines, const struct http_deadline *one)
{
	uint64_t timeout_ns;

	if (one->phase == HTTP_PHASE_ANSWER && one->is_stream)
		return false;
	if (one->phase != HTTP_PHASE_HEADERS)
		return true;
	timeout_ns = deadlines->queues[HTTP_PHASE_HEADERS].timeout_ns;
	return loop_now_ns(deadlines->loop) >=
		       one->due_ns - timeout_ns + SILENT_NS ||
	       is_half_read(one);
}

/* The newest is never the first of its queue: that has two at least. */
static void
cut_first(struct http_deadlines *deadlines, enum http_phase phase)
{
	struct http_deadline *first = deadlines->queues[phase].oldest;

	for (int i = 0; i < LOOKS_PER_CUT && first != NULL &&
			!is_too_many(deadlines, first);
		i++)
		first = first->newer;
	if (first == NULL || !is_too_many(deadlines, first))
		return;
	if (phase == HTTP_PHASE_ANSWER)
		http_deadline_reset(deadlines, first);
	else
		http_deadline_cut(deadlines, first);
}

/*
 * The timer runs while the queue is not empty.  It is not moved when the
 * oldest leaves: it then fires once too early and looks who is the oldest now.
 */
static void
enter(struct http_deadlines *deadlines, struct http_deadline *deadline,
	enum http_phase phase)
{
	struct http_deadline_queue *queue = &deadlines->queues[phase];

	queue->n++;
	deadline->phase = phase;
	deadline->due_ns = loop_now_ns(deadlines->loop) + queue->timeout_ns;
	deadline->newer = NULL;
	deadline->older = queue->newest;
	if (queue->newest != NULL)
		queue->newest->newer = deadline;
	else
		queue->oldest = deadline;
	queue->newest = deadline;
	if (!queue->timer.armed)
		loop_timer_start(
			deadlines->loop, &queue->timer, deadline->due_ns);
	if (queue->max > 0 && queue->n > queue->max)
		cut_first(deadlines, phase);
}

void
http_deadline_open(struct http_deadlines *deadlines,
	struct http_deadline *deadline, int fd, bool is_plain)
{
	memset(deadline, 0, sizeof(*deadline));
	deadline->fd = fd;
	deadline->is_plain = is_plain;
	enter(deadlines, deadline,
		is_plain ? HTTP_PHASE_HEADERS : HTTP_PHASE_HANDSHAKE);
}

void
http_deadline_handshaken(
	struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	if (deadline->phase != HTTP_PHASE_HANDSHAKE)
		return;
	deadline->consumed_bytes = received_bytes(deadline->fd);
	leave(deadlines, deadline);
	enter(deadlines, deadline, HTTP_PHASE_HEADERS);
}

void
http_deadline_request(
	struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	if (deadline->phase != HTTP_PHASE_IDLE)
		return;
	leave(deadlines, deadline);
	enter(deadlines, deadline, HTTP_PHASE_HEADERS);
}

void
http_deadline_headers_done(struct http_deadlines *deadlines,
	struct http_deadline *deadline, size_t headers_bytes)
{
	if (deadline->phase == HTTP_PHASE_COUNT)
		return; /* cut, and the library does not know yet */
	deadline->consumed_bytes += headers_bytes;
	leave(deadlines, deadline);
	enter(deadlines, deadline, HTTP_PHASE_BODY);
}

void
http_deadline_answer(struct http_deadlines *deadlines,
	struct http_deadline *deadline, bool is_stream)
{
	if (deadline->phase == HTTP_PHASE_COUNT)
		return;
	deadline->is_stream = is_stream;
	leave(deadlines, deadline);
	enter(deadlines, deadline, HTTP_PHASE_ANSWER);
}

void
http_deadline_answered(struct http_deadlines *deadlines,
	struct http_deadline *deadline, size_t body_bytes)
{
	if (deadline->phase == HTTP_PHASE_COUNT)
		return;
	deadline->consumed_bytes += body_bytes;
	/* without a true sum of our own what has come so far must do: a next
	 * request of which a part came already is then seen to be late */
	if (!deadline->is_plain || deadline->is_unsure)
		deadline->consumed_bytes = received_bytes(deadline->fd);
	deadline->is_unsure = false;
	deadline->idle_since_ns = loop_now_ns(deadlines->loop);
	leave(deadlines, deadline);
	enter(deadlines, deadline, HTTP_PHASE_IDLE);
}

void
http_deadline_close(
	struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	leave(deadlines, deadline);
}

void
http_deadline_cut(
	struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	static char junk[DISCARD_BYTES];

	leave(deadlines, deadline);
	shutdown(deadline->fd, SHUT_RDWR);
	/* else the library reads what has come first, in small pieces at last
	 */
	for (int i = 0; i < DISCARDS; i++)
		if (recv(deadline->fd, junk, sizeof(junk), MSG_DONTWAIT) <= 0)
			break;
}

void
http_deadline_reset(
	struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	const struct linger at_once = { 1, 0 };

	/* else the kernel keeps megabytes of it for minutes */
	(void)setsockopt(
		deadline->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	http_deadline_cut(deadlines, deadline);
}

struct http_deadline *
http_deadlines_find(const struct http_deadlines *deadlines,
	enum http_phase phase,
	bool (*is_meant)(const struct http_deadline *deadline, const void *arg),
	const void *arg)
{
	struct http_deadline *deadline = deadlines->queues[phase].oldest;

	while (deadline != NULL &&
		((phase == HTTP_PHASE_ANSWER && deadline->is_stream) ||
			(is_meant != NULL && !is_meant(deadline, arg))))
		deadline = deadline->newer;
	return deadline;
}

static uint64_t
since_ns(const struct http_deadlines *deadlines,
	const struct http_deadline *deadline)
{
	return deadline->due_ns - deadlines->queues[deadline->phase].timeout_ns;
}

bool
http_deadlines_cut_oldest(struct http_deadlines *deadlines,
	bool (*is_meant)(const struct http_deadline *deadline, const void *arg),
	const void *arg)
{
	/* whoever came just now has waited for less than those who fill the
	 * place up, whichever way they do it */
	static const enum http_phase phases[] = { HTTP_PHASE_HANDSHAKE,
		HTTP_PHASE_HEADERS, HTTP_PHASE_BODY, HTTP_PHASE_ANSWER };
	struct http_deadline *oldest =
		http_deadlines_find(deadlines, HTTP_PHASE_IDLE, is_meant, arg);

	if (oldest != NULL) {
		http_deadline_cut(deadlines, oldest);
		return true;
	}
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct http_deadline *first = http_deadlines_find(
			deadlines, phases[i], is_meant, arg);

		if (oldest == NULL ||
			(first != NULL && since_ns(deadlines, first) <
						  since_ns(deadlines, oldest)))
			oldest = first;
	}
	if (oldest == NULL)
		return false;
	http_deadline_cut(deadlines, oldest);
	return true;
}

void
http_deadlines_cut_waiting(struct http_deadlines *deadlines,
	bool (*is_meant)(const struct http_deadline *deadline, const void *arg),
	const void *arg)
{
	static const enum http_phase phases[] = { HTTP_PHASE_HANDSHAKE,
		HTTP_PHASE_HEADERS, HTTP_PHASE_IDLE };

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct http_deadline *next =
			deadlines->queues[phases[i]].oldest;

		while (next != NULL) {
			struct http_deadline *deadline = next;

			next = deadline->newer;
			if (is_meant(deadline, arg))
				http_deadline_cut(deadlines, deadline);
		}
	}
}

/* The client has said its last word, and all of it was read. */
static bool
has_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void
look_at_idle(struct http_deadlines *deadlines, struct http_deadline *deadline)
{
	uint64_t now_ns = loop_now_ns(deadlines->loop);
	enum http_phase phase = HTTP_PHASE_IDLE;

	if (now_ns - deadline->idle_since_ns >= deadlines->idle_ns ||
		has_ended(deadline->fd)) {
		http_deadline_cut(deadlines, deadline);
		return;
	}
	if (received_bytes(deadline->fd) > deadline->consumed_bytes) {
		/* blank lines before a request belong to none */
		deadline->is_unsure = true;
		phase = HTTP_PHASE_HEADERS;
	}
	leave(deadlines, deadline);
	enter(deadlines, deadline, phase);
}

static void
on_due(struct loop_timer *timer)
{
	struct http_deadline_queue *queue =
		LOOP_OWNER(timer, struct http_deadline_queue, timer);
	struct http_deadlines *deadlines = queue->deadlines;
	uint64_t now_ns = loop_now_ns(deadlines->loop);

	for (int i = 0; i < BATCH_COUNT; i++) {
		struct http_deadline *oldest = queue->oldest;

		if (oldest == NULL || oldest->due_ns > now_ns)
			break;
		if (oldest->phase == HTTP_PHASE_IDLE)
			look_at_idle(deadlines, oldest);
		else if (oldest->phase == HTTP_PHASE_ANSWER)
			http_deadline_reset(deadlines, oldest);
		else
			http_deadline_cut(deadlines, oldest);
	}
	if (queue->oldest != NULL)
		loop_timer_start(deadlines->loop, timer, queue->oldest->due_ns);
}
