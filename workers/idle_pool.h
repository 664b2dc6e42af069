/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections kept open between checks, when a configuration asks for it: two
 * at most to one place, for 90 s at most.  Each is watched, so that what the
 * server closes is given back at once and nobody is handed a dead one that is
 * known to be dead.  Slots are made when targets come; keeping and taking
 * allocate nothing.
 */
#ifndef WORKERS_IDLE_POOL_H
#define WORKERS_IDLE_POOL_H

#include "common/loop.h"
#include "workers/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What kubenurse 1.x has: Go's DefaultMaxIdleConnsPerHost and the
 * IdleConnTimeout of its DefaultTransport. */
#define IDLE_POOL_PER_PLACE 2
#define IDLE_POOL_KEEP_NS   (90 * 1000000000ULL)

struct proxy;
struct target;
struct idle_slot;

/* Where a connection leads, and how.  Compared whole. */
struct idle_place {
	bool https;
	uint16_t port;
	const char *host;              /* without brackets */
	const char *zone;              /* of an IPv6 literal, or "" */
	const struct tls_trust *trust; /* whom it was judged by; http: NULL */
	int tls_security_level;        /* and by which level */
	const struct proxy *proxy;     /* NULL: directly */
	const struct target *owner;    /* who alone may use it; NULL: anybody */
};

struct idle_pool {
	struct loop *loop;
	uint64_t keep_ns;
	size_t slot_count;
	struct idle_slot *idle; /* lists: the one kept last comes first */
	struct idle_slot *unused;
};

void idle_pool_init(
	struct idle_pool *pool, struct loop *loop, uint64_t keep_ns);
/* Room for that many connections, or -ENOMEM.  It never shrinks. */
int idle_pool_reserve(struct idle_pool *pool, size_t slot_count);
/*
 * Takes over a connection on which nothing is under way and which nobody
 * watches.  False: there are two to that place already, or no room, and it
 * stays the caller's.
 */
bool idle_pool_put(struct idle_pool *pool, const struct idle_place *place,
	struct transport *transport);
/*
 * The connection that was kept last, on which the server has said nothing
 * since; from now on the caller's.  False: there is none.
 */
bool idle_pool_take(struct idle_pool *pool, const struct idle_place *place,
	struct transport *ret_transport);
size_t idle_pool_count(const struct idle_pool *pool);
/* Closes what was judged by a trust that is about to go. */
void idle_pool_forget_trust(
	struct idle_pool *pool, const struct tls_trust *trust);
/* The same for one that is about to go. */
void idle_pool_forget_owner(struct idle_pool *pool, const struct target *owner);
void idle_pool_close_all(struct idle_pool *pool);
/* Closes all and gives the memory back.  Fine on a zeroed pool. */
void idle_pool_fini(struct idle_pool *pool);

#endif
