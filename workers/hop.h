/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer: resolve, connect, TLS, write, wait, read; a
 * check has one hop per redirect.  A table-driven state machine that stamps
 * each event right where it happens and divides its time into phases that sum
 * to its duration, to the nanosecond.  It fills in the record of the pipe; the
 * check sends it.
 */
#ifndef WORKERS_HOP_H
#define WORKERS_HOP_H

#include "common/address.h"
#include "common/loop.h"
#include "common/url.h"
#include "common/wire.h"
#include "workers/http_response.h"
#include "workers/proxy.h"
#include "workers/race.h"
#include "workers/resolver.h"
#include "workers/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target;
struct worker;

/* With the longest name of a proxy. */
#define HOP_PREFIX_BYTES (PROXY_HOST_MAX + sizeof("proxy []:65535: "))

enum hop_state {
	HOP_IDLE,
	HOP_RESOLVE,
	HOP_CONNECT,
	HOP_TUNNEL_WRITE, /* CONNECT to a proxy: part of the phase connect */
	HOP_TUNNEL_READ,
	HOP_TLS,
	HOP_WRITE,
	HOP_WAIT,
	HOP_READ,
	HOP_AWAIT_FIN, /* the record is complete; the connection lingers */
};

struct hop_request {
	struct target *target;
	const struct url *url; /* must outlive the hop */
	/* What the server is called instead of the URL's host, or NULL. */
	const char *server_name;
	const struct url *referer; /* whose answer leads here; NULL: none */
	const char *referer_name;  /* as server_name */
	/* The address that the answer came from; NULL: unknown, or none. */
	const struct in6_addr *referrer_address;
	/* The token and the target's own headers may be sent. */
	bool may_authorize;
	const char *method;
};

struct hop {
	struct hop_request request;
	enum hop_state state;
	/* The record is complete; may start the next hop in place. */
	void (*on_done)(struct hop *hop);
	/* The connection is there: the dial's budget is over. */
	void (*on_connected)(struct hop *hop);
	/* A kept connection was dead: that budget begins anew.  Or NULL. */
	void (*on_redial)(struct hop *hop);
	const struct proxy *proxy; /* NULL: directly */
	/* Where the present phase began; 0: the clock has not started. */
	uint64_t mark_ns;
	uint64_t
		answered_ns; /* in a DNS answer's callback: its stamp, else 0 */
	uint64_t write_ns;   /* before the request's first byte was written */
	uint32_t retransmits_before; /* of the connection, before the request */
	uint16_t dial_port;
	/* Of an address that a redirect must not lead to; 0: there was none. */
	enum address_kind refused_kind;
	size_t request_len_bytes, written_bytes;
	struct resolver_query query;
	struct race race;
	struct transport transport;
	struct loop_timer again;      /* goes on in the next turn; hop_unix.c:
				       * connects again */
	struct loop_timer linger;     /* HOP_AWAIT_FIN: until then */
	struct loop_watch *watch;     /* the winner's; NULL: no connection */
	struct loop_watch kept_watch; /* of a connection that was kept, or of
					 hop_unix.c */
	bool is_blocked; /* nothing to read: a readiness will tell of it */
	bool is_kept; /* it comes from the pool, and nothing has come on it */
	bool has_surplus; /* the server sent more than its answer */
	struct http_response response;
	/* Of an answer that redirects: where it came from. */
	bool has_origin_address;
	struct in6_addr origin_address;
	struct wire_record record;
	int sys_errno;                 /* with error */
	char error[WIRE_DETAIL_BYTES]; /* a reason no library knows, or "" */
};

/* The callbacks are set once; a hop that is zeroed otherwise is idle. */
void hop_init(struct hop *hop, void (*on_done)(struct hop *),
	void (*on_connected)(struct hop *));
/*
 * start_ns: when the hop before ended.  0: it is the first, and its clock
 * starts when all is prepared: right before connect(2), before the name is
 * asked for, or before a kept connection is used.  on_done may come before
 * this returns.
 */
void hop_start(
	struct hop *hop, const struct hop_request *request, uint64_t start_ns);
/* The same for one that cannot be made at all. */
void hop_refuse(struct hop *hop, const struct hop_request *request,
	uint64_t start_ns, const char *text);
/* The budget is over: the present phase has failed. */
void hop_expire(struct hop *hop);
/* Ends it without a result.  The record then says OUTCOME_CANCELLED. */
void hop_cancel(struct hop *hop);
/* Closes what lingers.  Idempotent. */
void hop_close(struct hop *hop);

/* For the parts of a hop, hop_dial.c and hop_talk.c. */

/* The target's certificate is for this server. */
bool hop_shows_identity(const struct hop *hop);
/* As what the server is asked for and must show itself. */
const char *hop_server_name(const struct hop *hop);
struct worker *hop_worker(const struct hop *hop);
/* Its time begins now, unless it has begun before. */
void hop_start_clock(struct hop *hop, uint64_t now_ns);
/* The watch of its connection has told this. */
void hop_on_ready(struct hop *hop, unsigned ready);
/* Makes the steps that can be made in this turn of the loop. */
void hop_advance(struct hop *hop);
/* The present phase is the one that failed, with its time until now. */
void hop_fail(
	struct hop *hop, enum outcome outcome, int sys_errno, const char *text);
/* The same, "what: why", with the outcome that the state has for it, and with
 * hop_peer_prefix() before it. */
void hop_fail_because(
	struct hop *hop, int sys_errno, const char *what, const char *why);
/* "proxy HOST:PORT: " while it is a proxy that is talked to, else "". */
const char *hop_peer_prefix(const struct hop *hop, char buf[HOP_PREFIX_BYTES]);

#endif
