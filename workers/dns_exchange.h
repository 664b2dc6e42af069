/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question put to the nameservers in turn, the way libc puts it: each has
 * the whole timeout before the next is asked, all of them attempt_count times,
 * until one gives an answer.  Nothing is remembered from one exchange to the
 * next, so a dead nameserver costs each of them what it costs an application.
 * Every try is a connected socket of its own (a fresh source port, and the
 * kernel drops what comes from elsewhere); a truncated answer is asked for
 * again by TCP.  Owned by the resolver; never blocks.
 */
#ifndef WORKERS_DNS_EXCHANGE_H
#define WORKERS_DNS_EXCHANGE_H

#include "common/loop.h"
#include "common/outcome.h"
#include "workers/resolv_conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Header, name, type and class, without EDNS. */
#define DNS_QUERY_BYTES_MAX  (12 + 255 + 4)
#define DNS_TCP_LENGTH_BYTES 2 /* RFC 1035 section 4.2.2 */

struct dns_exchange;

struct dns_exchange_ops {
	/* Reads an answer with rcode NOERROR.  DNS_OK or DNS_MALFORMED. */
	enum dns_result (*decode)(struct dns_exchange *exchange,
		const uint8_t *bytes, size_t len_bytes);
	/*
	 * Once for each query that was sent, or that the network did not take;
	 * must not stop the exchange.  Not where this process lacked something:
	 * that says nothing of the nameserver.
	 * duration_ns: to the answer, or until it was given up.
	 */
	void (*on_query_end)(struct dns_exchange *exchange,
		const struct nameserver *server, uint64_t duration_ns,
		enum dns_result result);
	/* The exchange is over, and may be freed or started anew. */
	void (*on_end)(struct dns_exchange *exchange, enum dns_result result);
};

enum dns_exchange_state {
	DNS_EXCHANGE_IDLE,
	DNS_EXCHANGE_UDP,
	DNS_EXCHANGE_TCP_WRITE, /* connecting, too */
	DNS_EXCHANGE_TCP_READ,
	DNS_EXCHANGE_FAILED, /* on_end is due in the next turn */
};

struct dns_exchange {
	const struct dns_exchange_ops *ops;
	struct loop *loop;
	const struct resolv_conf *conf;
	size_t first_server;
	unsigned try_count; /* servers asked so far */
	enum dns_exchange_state state;
	enum dns_result last_result; /* of the last query that ended */
	int shortage_errno; /* why nothing could be sent, here; 0: it could */
	int last_errno;     /* with DNS_UNREACHABLE: the network's; or 0 */
	bool use_tcp;
	bool saw_garbage; /* from the server asked now */
	uint64_t sent_mono_ns;
	uint64_t answered_mono_ns; /* the last answer; 0: none */
	struct loop_watch watch;
	struct loop_timer timer;
	/* RFC 1035 section 4.2.2: by TCP a length goes before the message */
	uint8_t query[DNS_TCP_LENGTH_BYTES + DNS_QUERY_BYTES_MAX];
	size_t query_bytes; /* with the length */
	size_t tcp_done_bytes;
	uint8_t tcp_length[DNS_TCP_LENGTH_BYTES];
	uint8_t *tcp_answer;
};

void dns_exchange_init(struct dns_exchange *exchange,
	const struct dns_exchange_ops *ops, struct loop *loop,
	const struct resolv_conf *conf);
/*
 * Sends the message.  It must not be running.  on_end is never called before
 * this returns.
 */
void dns_exchange_start(struct dns_exchange *exchange, size_t first_server,
	const uint8_t *message, size_t len_bytes);
/* The nameserver of the last query.  Only after dns_exchange_start. */
const struct nameserver *dns_exchange_server(
	const struct dns_exchange *exchange);
/* It runs, and there is a nameserver that it has not asked yet. */
bool dns_exchange_has_other_server(const struct dns_exchange *exchange);
/*
 * The exchange goes on in another object, which has been initialised with its
 * own ops; the first one is idle then.
 */
void dns_exchange_move(struct dns_exchange *to, struct dns_exchange *from);
/*
 * Gives up: closes everything, calls no on_end.  A query under way is reported
 * by on_query_end as a timeout when count_open is set.  Idempotent.
 */
void dns_exchange_stop(struct dns_exchange *exchange, bool count_open);

#endif
