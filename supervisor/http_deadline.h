/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a client may take: for the headers of a request, for a body, for
 * taking its answer, and between two requests.  Each phase has one constant
 * timeout, so its connections stand in one queue in the order of their
 * deadlines, and one timer of the loop serves it: every step is O(1), ten
 * thousand slow clients cost no more than one.
 *
 * Nothing announces the first byte of the next request on a kept connection,
 * for the library waits for a whole line.  So a connection between two
 * requests is looked at a few times per header timeout: when the kernel has
 * received more than the requests so far made up, the next one has begun.  And
 * when the client has hung up meanwhile: libmicrohttpd 0.9.75 overlooks an end
 * that came together with the last request.
 */
#ifndef SUPERVISOR_HTTP_DEADLINE_H
#define SUPERVISOR_HTTP_DEADLINE_H

#include "common/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_phase {
	HTTP_PHASE_HANDSHAKE, /* until TLS is spoken */
	HTTP_PHASE_HEADERS,   /* until the headers are complete */
	HTTP_PHASE_BODY,      /* until the body, if there is one, is complete */
	HTTP_PHASE_ANSWER,    /* until the answer is sent */
	HTTP_PHASE_IDLE,      /* until the next request's first byte */
	HTTP_PHASE_COUNT      /* in none: cut already */
};

struct http_timeouts {
	/* a handshake may take headers_ns, a body answer_ns */
	uint64_t headers_ns, answer_ns, idle_ns;
};

/* Part of a connection. */
struct http_deadline {
	int fd;
	enum http_phase phase;
	bool is_plain;  /* what the kernel counts is what the requests are */
	bool is_unsure; /* consumed_bytes does not say all */
	bool is_stream; /* the answer is made while it is sent */
	uint64_t due_ns;
	uint64_t idle_since_ns;
	uint64_t consumed_bytes; /* by the requests so far */
	struct http_deadline *older, *newer;
};

struct http_deadlines;

struct http_deadline_queue {
	struct http_deadlines *deadlines;
	struct http_deadline *oldest, *newest;
	size_t n;
	size_t max; /* the one that is in it for longest is cut; 0: no limit */
	struct loop_timer timer;
	uint64_t timeout_ns; /* of IDLE: from one look to the next */
};

struct http_deadlines {
	struct loop *loop;
	uint64_t idle_ns;
	struct http_deadline_queue queues[HTTP_PHASE_COUNT];
};

/* max: connections in each phase, streams not counted; beyond it the one that
 * is in it for longest is cut, but none that has just come and said nothing.
 * 0: no limit. */
void http_deadlines_init(struct http_deadlines *deadlines, struct loop *loop,
	const struct http_timeouts *timeouts,
	const size_t max[HTTP_PHASE_COUNT]);
/* Its connections must be gone. */
void http_deadlines_fini(struct http_deadlines *deadlines);

/* A connection is there.  is_plain: no TLS. */
void http_deadline_open(struct http_deadlines *deadlines,
	struct http_deadline *deadline, int fd, bool is_plain);
/* Its handshake, if there was one to make, is over. */
void http_deadline_handshaken(
	struct http_deadlines *deadlines, struct http_deadline *deadline);
/* A request line is complete. */
void http_deadline_request(
	struct http_deadlines *deadlines, struct http_deadline *deadline);
/* The headers are complete, of so many bytes with the request line. */
void http_deadline_headers_done(struct http_deadlines *deadlines,
	struct http_deadline *deadline, size_t headers_bytes);
/* An answer begins.  is_stream: that may take a while. */
void http_deadline_answer(struct http_deadlines *deadlines,
	struct http_deadline *deadline, bool is_stream);
/* The answer is sent and the connection kept. */
void http_deadline_answered(struct http_deadlines *deadlines,
	struct http_deadline *deadline, size_t body_bytes);
/* The connection is gone.  Idempotent. */
void http_deadline_close(
	struct http_deadlines *deadlines, struct http_deadline *deadline);

/* The one in this phase for longest of those meant (NULL: of all), streams
 * excepted; NULL: none. */
struct http_deadline *http_deadlines_find(
	const struct http_deadlines *deadlines, enum http_phase phase,
	bool (*is_meant)(const struct http_deadline *deadline, const void *arg),
	const void *arg);
/* Ends the connection by shutdown(2): the library sees it and cleans up. */
void http_deadline_cut(
	struct http_deadlines *deadlines, struct http_deadline *deadline);
/* The same for who does not take an answer: what is left of it goes, too. */
void http_deadline_reset(
	struct http_deadlines *deadlines, struct http_deadline *deadline);
/*
 * Makes room: cuts one of those meant (NULL: of all), who is idle longest or
 * else keeps us waiting longest, for headers, a body, or to take a short
 * answer.  Streams are spared: there are few at one time.  false: there is
 * nobody else.
 */
bool http_deadlines_cut_oldest(struct http_deadlines *deadlines,
	bool (*is_meant)(const struct http_deadline *deadline, const void *arg),
	const void *arg);
/* Cuts every one meant that has not asked: its headers are not complete. */
void http_deadlines_cut_waiting(struct http_deadlines *deadlines,
	bool (*is_meant)(const struct http_deadline *deadline, const void *arg),
	const void *arg);

#endif
