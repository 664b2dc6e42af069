/* SPDX-License-Identifier: Apache-2.0 */
/* Connections kept open between checks; see idle_pool.h. */
#include "workers/idle_pool.h"

#include "common/clock.h"
#include "common/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct idle_slot {
	struct idle_slot *next;
	struct idle_pool *pool;
	struct idle_place place; /* its texts are those below */
	char host[URL_HOST_MAX_BYTES + 1];
	char zone[URL_ZONE_BYTES];
	struct transport transport;
	struct loop_watch watch;
	struct loop_timer timer;
};

/* Out of the idle list and into the other; the transport is left alone. */
static void
retire(struct idle_pool *pool, struct idle_slot *slot)
{
	struct idle_slot **place = &pool->idle;

	while (*place != slot)
		place = &(*place)->next;
	*place = slot->next;
	slot->next = pool->unused;
	pool->unused = slot;
	loop_timer_stop(pool->loop, &slot->timer);
	loop_watch_close(pool->loop, &slot->watch);
}

/* With the server's FIN in, closing leaves no TIME_WAIT on this side. */
static void
discard(struct idle_slot *slot)
{
	bool fin_seen =
		slot->transport.fin_seen || slot->transport.tls.fin_seen;

	retire(slot->pool, slot);
	transport_close(&slot->transport,
		fin_seen ? TRANSPORT_CLOSE_NORMAL : TRANSPORT_CLOSE_ABORT);
}

/*
 * Nothing may come on an idle connection but what TLS keeps to itself: an end,
 * an error, or an answer that nobody asked for (some servers say 408 before
 * they close) make it useless.
 */
static bool
is_quiet(const struct idle_pool *pool, struct transport *transport)
{
	char byte;
	size_t n_bytes;

	transport_begin_turn(transport, loop_now_ns(pool->loop));
	return transport_read(transport, &byte, sizeof(byte), &n_bytes) ==
	       IO_WANT_READ;
}

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct idle_slot *slot = LOOP_OWNER(watch, struct idle_slot, watch);

	(void)ready;
	if (!is_quiet(slot->pool, &slot->transport))
		discard(slot);
}

static void
on_timer(struct loop_timer *timer)
{
	discard(LOOP_OWNER(timer, struct idle_slot, timer));
}

/* Names of hosts do not tell upper from lower case (RFC 4343). */
static bool
is_same(const struct idle_place *a, const struct idle_place *b)
{
	return a->https == b->https && a->port == b->port &&
	       a->trust == b->trust && a->proxy == b->proxy &&
	       a->owner == b->owner &&
	       a->tls_security_level == b->tls_security_level &&
	       strcasecmp(a->host, b->host) == 0 &&
	       strcmp(a->zone, b->zone) == 0;
}

void
idle_pool_init(struct idle_pool *pool, struct loop *loop, uint64_t keep_ns)
{
	memset(pool, 0, sizeof(*pool));
	pool->loop = loop;
	pool->keep_ns = keep_ns;
}

int
idle_pool_reserve(struct idle_pool *pool, size_t slot_count)
{
	while (pool->slot_count < slot_count) {
		struct idle_slot *slot = calloc(1, sizeof(*slot));

		if (slot == NULL)
			return -ENOMEM;
		slot->pool = pool;
		slot->place.host = slot->host;
		slot->place.zone = slot->zone;
		loop_watch_init(&slot->watch, on_ready);
		loop_timer_init(&slot->timer, on_timer);
		slot->next = pool->unused;
		pool->unused = slot;
		pool->slot_count++;
	}
	return 0;
}

static bool
has_room(const struct idle_pool *pool, const struct idle_place *place)
{
	unsigned count = 0;

	for (struct idle_slot *slot = pool->idle; slot != NULL;
		slot = slot->next)
		count += is_same(&slot->place, place);
	return count < IDLE_POOL_PER_PLACE && pool->unused != NULL;
}

static void
name_place(struct idle_slot *slot, const struct idle_place *place)
{
	memcpy(slot->host, place->host, strlen(place->host) + 1);
	memcpy(slot->zone, place->zone, strlen(place->zone) + 1);
	slot->place = *place;
	slot->place.host = slot->host;
	slot->place.zone = slot->zone;
}

bool
idle_pool_put(struct idle_pool *pool, const struct idle_place *place,
	struct transport *transport)
{
	struct idle_slot *slot = pool->unused;

	if (strlen(place->host) >= sizeof(slot->host) ||
		strlen(place->zone) >= sizeof(slot->zone) ||
		!has_room(pool, place) || !is_quiet(pool, transport))
		return false;
	if (loop_watch_open(
		    pool->loop, &slot->watch, transport->fd, LOOP_READ) < 0)
		return false;
	pool->unused = slot->next;
	slot->next = pool->idle;
	pool->idle = slot;
	name_place(slot, place);
	transport_move(&slot->transport, transport);
	loop_timer_start(
		pool->loop, &slot->timer, clock_mono_ns() + pool->keep_ns);
	return true;
}

bool
idle_pool_take(struct idle_pool *pool, const struct idle_place *place,
	struct transport *ret_transport)
{
	struct idle_slot *slot, *next;

	for (slot = pool->idle; slot != NULL; slot = next) {
		next = slot->next;
		if (!is_same(&slot->place, place))
			continue;
		/* what came in this turn of the loop may not be told yet */
		if (!is_quiet(slot->pool, &slot->transport)) {
			discard(slot);
			continue;
		}
		retire(pool, slot);
		transport_move(ret_transport, &slot->transport);
		return true;
	}
	return false;
}

size_t
idle_pool_count(const struct idle_pool *pool)
{
	size_t count = 0;

	for (struct idle_slot *slot = pool->idle; slot != NULL;
		slot = slot->next)
		count++;
	return count;
}

void
idle_pool_forget_trust(struct idle_pool *pool, const struct tls_trust *trust)
{
	struct idle_slot *slot, *next;

	if (trust == NULL)
		return;
	for (slot = pool->idle; slot != NULL; slot = next) {
		next = slot->next;
		if (slot->place.trust == trust)
			discard(slot);
	}
}

void
idle_pool_forget_owner(struct idle_pool *pool, const struct target *owner)
{
	struct idle_slot *slot, *next;

	for (slot = pool->idle; slot != NULL; slot = next) {
		next = slot->next;
		if (slot->place.owner == owner)
			discard(slot);
	}
}

void
idle_pool_close_all(struct idle_pool *pool)
{
	while (pool->idle != NULL)
		discard(pool->idle);
}

void
idle_pool_fini(struct idle_pool *pool)
{
	struct idle_slot *slot;

	idle_pool_close_all(pool);
	while ((slot = pool->unused) != NULL) {
		pool->unused = slot->next;
		free(slot);
	}
	pool->slot_count = 0;
}
