/* SPDX-License-Identifier: Apache-2.0 */
/* Racing connection attempts; see race.h. */
#include "workers/race.h"

#include "common/clock.h"
#include "workers/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void go_on(struct race *race);

static struct race_family *
family_of(struct race *race, int family)
{
	return family == AF_INET6 ? &race->ipv6 : &race->ipv4;
}

static socklen_t
address_len(const struct race_address *address)
{
	return address->socket.any.sa_family == AF_INET6
		       ? (socklen_t)sizeof(address->socket.ipv6)
		       : (socklen_t)sizeof(address->socket.ipv4);
}

/* The family that did not have the last turn; IPv6 has the first. */
static const struct race_address *
next_address(struct race *race)
{
	bool ipv6_first = !race->started || !race->last_was_ipv6;
	struct race_family *order[2] = { ipv6_first ? &race->ipv6 : &race->ipv4,
		ipv6_first ? &race->ipv4 : &race->ipv6 };

	for (int i = 0; i < 2; i++)
		if (order[i]->next < order[i]->count)
			return &order[i]->addresses[order[i]->next++];
	return NULL;
}

static bool
has_next(const struct race *race)
{
	return race->ipv6.next < race->ipv6.count ||
	       race->ipv4.next < race->ipv4.count;
}

/* TCP_INFO first: after close there is nothing to ask. */
static void
end_attempt(struct attempt *attempt)
{
	struct race *race = attempt->race;
	struct tcp_observation observation;

	if (socket_observe_tcp(attempt->fd, &observation) == 0)
		race->retransmits_syn += observation.retransmit_count;
	loop_watch_forget(race->loop, &attempt->watch);
	socket_close_abortive(attempt->fd);
	attempt->fd = -1;
	race->live--;
}

static void
note_failure(struct race *race, const struct race_address *address, int error)
{
	if (race->first_errno != 0)
		return;
	race->first_errno = error;
	race->first_failed = address;
}

static void
on_attempt_ready(struct loop_watch *watch, unsigned ready)
{
	struct attempt *attempt = LOOP_OWNER(watch, struct attempt, watch);
	struct race *race = attempt->race;
	uint64_t now_ns = clock_mono_ns();
	struct tcp_observation observation = { 0 };
	int rc = socket_connect_result(attempt->fd, &observation);

	if (rc == -EINPROGRESS)
		return;
	if (rc < 0) {
		note_failure(race, attempt->address, -rc);
		end_attempt(attempt);
		go_on(race);
		return;
	}
	race->retransmits_syn += observation.retransmit_count;
	attempt->ready = ready;
	attempt->fd = -1; /* the watch keeps it, for the new owner */
	race->live--;
	race_stop(race);
	race->callbacks->on_won(race, attempt, now_ns, &observation);
}

static struct attempt *
free_attempt(struct race *race)
{
	for (int i = 0; i < RACE_ATTEMPTS_MAX; i++)
		if (race->attempts[i].fd < 0)
			return &race->attempts[i];
	return NULL;
}

/* All that can be done before the clock starts. */
static int
prepare(struct race *race, struct attempt *attempt,
	const struct race_address *address)
{
	int fd;
	int rc = socket_open(address->socket.any.sa_family, &fd);

	if (rc < 0)
		return rc;
	loop_watch_init(&attempt->watch, on_attempt_ready);
	rc = loop_watch_open(
		race->loop, &attempt->watch, fd, race->callbacks->wanted);
	if (rc < 0)
		socket_close_abortive(fd);
	return rc;
}

/* 0, or the negative errno by which it has failed already. */
static int
start_attempt(struct race *race, struct attempt *attempt,
	const struct race_address *address)
{
	int rc = prepare(race, attempt, address);
	int fd = attempt->watch.fd;

	attempt->address = address;
	attempt->started_ns = clock_mono_ns();
	if (rc == 0) {
		rc = socket_connect(
			fd, &address->socket.any, address_len(address));
		if (rc < 0) {
			loop_watch_forget(race->loop, &attempt->watch);
			socket_close_abortive(fd);
		}
	}
	if (!race->started)
		race->callbacks->on_first(race, attempt->started_ns);
	race->started = true;
	race->last_was_ipv6 = address->socket.any.sa_family == AF_INET6;
	if (rc < 0)
		return rc;
	attempt->fd = fd;
	race->live++;
	return 0;
}

/* RFC 8305 section 3: IPv4 alone waits a little for IPv6. */
static bool
must_wait_for_ipv6(const struct race *race)
{
	return !race->started && !race->ipv6.complete && race->ipv6.count == 0;
}

static void
go_on(struct race *race)
{
	const struct race_address *address;
	struct attempt *attempt;
	int rc;

	while (race->running && (attempt = free_attempt(race)) != NULL &&
		(address = next_address(race)) != NULL) {
		rc = start_attempt(race, attempt, address);
		if (rc == 0) {
			loop_timer_start(race->loop, &race->timer,
				attempt->started_ns + RACE_HEAD_START_NS);
			return;
		}
		note_failure(race, address, -rc);
	}
	if (race->running && race->live == 0 && !has_next(race) &&
		race->ipv6.complete && race->ipv4.complete) {
		race_stop(race);
		race->callbacks->on_lost(
			race, race->first_errno, race->first_failed);
	}
}

static void
on_timer(struct loop_timer *timer)
{
	go_on(LOOP_OWNER(timer, struct race, timer));
}

void
race_start(struct race *race, struct loop *loop,
	const struct race_callbacks *callbacks)
{
	memset(race, 0, sizeof(*race));
	race->loop = loop;
	race->callbacks = callbacks;
	race->running = true;
	loop_timer_init(&race->timer, on_timer);
	for (int i = 0; i < RACE_ATTEMPTS_MAX; i++) {
		race->attempts[i].race = race;
		race->attempts[i].fd = -1;
	}
}

void
race_add(struct race *race, const struct sockaddr *address)
{
	struct race_family *family = family_of(race, address->sa_family);
	struct race_address *slot = &family->addresses[family->count];

	if (family->count == RACE_ADDRESSES_MAX)
		return;
	if (address->sa_family == AF_INET6)
		memcpy(&slot->socket.ipv6, address, sizeof(slot->socket.ipv6));
	else
		memcpy(&slot->socket.ipv4, address, sizeof(slot->socket.ipv4));
	if (race->callbacks->may_try == NULL ||
		race->callbacks->may_try(race, slot))
		family->count++;
}

void
race_complete(struct race *race, int family)
{
	family_of(race, family)->complete = true;
	if (!race->running)
		return;
	if (must_wait_for_ipv6(race)) {
		if (race->ipv4.count > 0)
			loop_timer_start(race->loop, &race->timer,
				clock_mono_ns() + RACE_RESOLUTION_DELAY_NS);
		return;
	}
	/* an attempt under way has its head start */
	if (race->live == 0 || !race->timer.armed)
		go_on(race);
}

void
race_add_answer(
	struct race *race, const struct resolver_answer *answer, uint16_t port)
{
	bool ipv6 = answer->family == RESOLVER_IPV6;
	struct race_address address;

	for (size_t i = 0; i < answer->address_count; i++) {
		memset(&address, 0, sizeof(address));
		address.socket.any.sa_family = ipv6 ? AF_INET6 : AF_INET;
		if (ipv6) {
			address.socket.ipv6.sin6_addr =
				answer->addresses[i].ipv6;
			address.socket.ipv6.sin6_port = htons(port);
		} else {
			address.socket.ipv4.sin_addr =
				answer->addresses[i].ipv4;
			address.socket.ipv4.sin_port = htons(port);
		}
		race_add(race, &address.socket.any);
	}
	race_complete(race, ipv6 ? AF_INET6 : AF_INET);
}

void
race_add_literal(struct race *race, const struct race_address *address)
{
	int family = address->socket.any.sa_family;

	race_add(race, &address->socket.any);
	race_complete(race, family == AF_INET ? AF_INET6 : AF_INET);
	race_complete(race, family);
}

void
race_stop(struct race *race)
{
	race->running = false;
	loop_timer_stop(race->loop, &race->timer);
	for (int i = 0; i < RACE_ATTEMPTS_MAX; i++)
		if (race->attempts[i].fd >= 0)
			end_attempt(&race->attempts[i]);
}

/* A name of an interface, or its number (RFC 4007 section 11.2). */
static uint32_t
scope_of(const char *zone)
{
	unsigned long number;
	char *end;

	if (zone[0] == '\0')
		return 0; /* without asking the kernel: most have none */
	number = strtoul(zone, &end, 10);
	if (zone[0] >= '0' && zone[0] <= '9' && *end == '\0' &&
		number <= UINT32_MAX)
		return (uint32_t)number;
	return interface_index(zone);
}

bool
race_parse_literal(struct race_address *ret_address, const char *host,
	const char *zone, uint16_t port)
{
	struct race_address address;

	memset(&address, 0, sizeof(address));
	if (inet_pton(AF_INET, host, &address.socket.ipv4.sin_addr) == 1) {
		address.socket.ipv4.sin_family = AF_INET;
		address.socket.ipv4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &address.socket.ipv6.sin6_addr) ==
		   1) {
		address.socket.ipv6.sin6_family = AF_INET6;
		address.socket.ipv6.sin6_port = htons(port);
		address.socket.ipv6.sin6_scope_id = scope_of(zone);
	} else {
		return false;
	}
	*ret_address = address;
	return true;
}

const struct race_address *
race_pending(const struct race *race)
{
	for (int i = 0; i < RACE_ATTEMPTS_MAX; i++)
		if (race->attempts[i].fd >= 0)
			return race->attempts[i].address;
	return NULL;
}

const char *
race_format_address(
	const struct race_address *address, char *buf, size_t cap_bytes)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (address->socket.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->socket.ipv6.sin6_addr, text,
			sizeof(text));
		snprintf(buf, cap_bytes, "[%s]:%u", text,
			ntohs(address->socket.ipv6.sin6_port));
	} else {
		inet_ntop(AF_INET, &address->socket.ipv4.sin_addr, text,
			sizeof(text));
		snprintf(buf, cap_bytes, "%s:%u", text,
			ntohs(address->socket.ipv4.sin_port));
	}
	return buf;
}
