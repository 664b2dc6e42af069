/* SPDX-License-Identifier: Apache-2.0 */
/* How a hop comes to a connection; see hop_dial.h. */
#include "workers/hop_dial.h"

#include "common/clock.h"
#include "workers/hop.h"
#include "workers/hop_record.h"
#include "workers/hop_talk.h"
#include "workers/hop_unix.h"
#include "workers/redirect.h"
#include "workers/stamp.h"
#include "workers/target.h"
#include "workers/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct attempt *attempt = LOOP_OWNER(watch, struct attempt, watch);

	/* HUP and ERR too: the step finds out what it was */
	hop_on_ready(LOOP_OWNER(attempt->race, struct hop, race), ready);
}

static void
on_won(struct race *race, struct attempt *winner, uint64_t now_ns,
	const struct tcp_observation *observation)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);
	struct wire_sample *sample = hop_record_sample(hop);
	int rc;

	sample->dns_answered = resolver_go_on(&hop->query);
	hop->watch = &winner->watch;
	hop->watch->on_ready = on_ready;
	hop_record_event(hop, EVENT_CONNECT_START, winner->started_ns);
	hop_record_event(hop, EVENT_CONNECT_DONE, now_ns);
	hop_record_phase(hop, PHASE_CONNECT, now_ns);
	hop->retransmits_before = observation->retransmit_count;
	if (observation->retransmit_count == 0)
		sample->rtt_us = observation->rtt_us;
	rc = hop_talk_begin(hop);
	if (rc < 0) {
		hop_talk_drop_socket(hop);
		hop_fail_because(hop, -rc, "connect", strerror(-rc));
		return;
	}
	hop->on_connected(hop);
	hop_on_ready(hop, winner->ready);
}

static void
on_first_attempt(struct race *race, uint64_t now_ns)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);

	hop_start_clock(hop, now_ns);
	if (hop->state == HOP_RESOLVE) {
		/* the answer's stamp, where an answer set this off: what has
		 * passed since then is our own delay, not the nameserver's */
		uint64_t known_ns =
			stamp_in_window(hop->answered_ns, hop->mark_ns, now_ns);

		if (known_ns == 0)
			known_ns = now_ns;
		hop_record_event(hop, EVENT_DNS_DONE, known_ns);
		hop_record_phase(hop, PHASE_DNS, known_ns);
		hop_record_phase(hop, PHASE_LOCAL, now_ns);
	}
	hop->state = HOP_CONNECT;
	/* the winner's start takes its place, if there will be one */
	hop_record_event(hop, EVENT_CONNECT_START, now_ns);
}

static void
fail_resolve(struct hop *hop, int sys_errno)
{
	char why[DNS_TEXT_BYTES];
	char text[DNS_TEXT_BYTES + sizeof("proxy: ")];

	resolver_format_error(&hop->query, why);
	snprintf(text, sizeof(text), "%s%s",
		hop->proxy != NULL ? "proxy: " : "", why);
	hop_fail(hop, OUTCOME_DNS_FAILED, sys_errno, text);
}

static void
fail_connect(struct hop *hop, int sys_errno, const struct race_address *address)
{
	char peer[64] = "", what[80];

	if (address != NULL)
		race_format_address(address, peer, sizeof(peer));
	snprintf(what, sizeof(what), "%s%s%s",
		hop->proxy != NULL ? "proxy" : "connect",
		peer[0] != '\0' ? " " : "", peer);
	hop_fail_because(hop, sys_errno, what,
		sys_errno == ETIMEDOUT ? "timeout" : strerror(sys_errno));
}

/* With no attempt under way it was the other family's answer that it lacked. */
static void
expire_connect(struct hop *hop)
{
	const struct race_address *pending = race_pending(&hop->race);

	if (pending == NULL && hop->race.first_failed != NULL)
		fail_connect(
			hop, hop->race.first_errno, hop->race.first_failed);
	else
		fail_connect(hop, ETIMEDOUT, pending);
}

bool
hop_dial_has_other_server(const struct hop *hop)
{
	return hop->state == HOP_RESOLVE &&
	       resolver_has_other_server(&hop->query);
}

bool
hop_dial_may_reach(struct hop *hop, const struct in6_addr *address)
{
	if (hop->request.referer == NULL ||
		redirect_may_reach(hop->request.referrer_address, address))
		return true;
	hop->refused_kind = address_kind(address);
	return false;
}

bool
hop_dial_may_ask_proxy(struct hop *hop)
{
	const char *host = hop->request.url->host;
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct in6_addr address;

	if (inet_aton(host, &ipv4.sin_addr) != 0)
		address_from_socket(&address, (const struct sockaddr *)&ipv4);
	else if (!address_parse(&address, host))
		return true;
	return hop_dial_may_reach(hop, &address);
}

/* What has looked up a name has done that well. */
void
hop_dial_refuse(struct hop *hop)
{
	char text[WIRE_DETAIL_BYTES];

	snprintf(text, sizeof(text), "redirect is not followed: %s address",
		address_kind_name(hop->refused_kind));
	if (hop->state == HOP_RESOLVE)
		hop_record_event(hop, EVENT_DNS_DONE, clock_mono_ns());
	else
		hop->state = HOP_IDLE; /* nothing was tried */
	hop_fail(hop, OUTCOME_ROUND_TRIP_FAILED, EACCES, text);
}

/* A proxy stands where the configuration says. */
static bool
may_try(struct race *race, const struct race_address *address)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);
	struct in6_addr ip;

	return hop->proxy != NULL ||
	       (address_from_socket(&ip, &address->socket.any) &&
		       hop_dial_may_reach(hop, &ip));
}

static void
on_lost(struct race *race, int sys_errno, const struct race_address *address)
{
	struct hop *hop = LOOP_OWNER(race, struct hop, race);

	if (sys_errno == 0 && hop->refused_kind != ADDRESS_ORDINARY)
		hop_dial_refuse(hop);
	else if (hop->state == HOP_RESOLVE)
		fail_resolve(hop, 0); /* there was no address to try */
	else
		fail_connect(hop, sys_errno, address);
}

static const struct race_callbacks race_callbacks = {
	.wanted = LOOP_READ | LOOP_WRITE | LOOP_RDHUP | LOOP_EDGE,
	.may_try = may_try,
	.on_first = on_first_attempt,
	.on_won = on_won,
	.on_lost = on_lost,
};

static void
on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct hop *hop = LOOP_OWNER(query, struct hop, query);

	hop->answered_ns = answer->answered_mono_ns;
	race_add_answer(&hop->race, answer, hop->dial_port);
	hop->answered_ns = 0;
}

/* Both answers are in; the race knows already. */
static void
on_resolved(struct resolver_query *query)
{
	(void)query;
}

static void
dial_name(struct hop *hop, const char *host)
{
	struct resolver_query *query = &hop->query;

	hop->state = HOP_RESOLVE;
	hop_start_clock(hop, clock_mono_ns());
	hop_record_event(hop, EVENT_DNS_START, hop->mark_ns);
	query->context_id = hop->request.target->id;
	query->on_answer = on_answer;
	query->on_done = on_resolved;
	if (resolver_start(hop_worker(hop)->resolver, query, host) < 0)
		hop_fail_because(hop, EINVAL,
			hop->proxy != NULL ? "proxy: dns" : "dns",
			"not a name");
}

/* Cuts "fe80::1%eth0" (RFC 4007 section 11) in a copy. */
static void
split_zone(const char *text, char ret_host[PROXY_HOST_MAX + 1],
	const char **ret_zone)
{
	char *percent;

	memcpy(ret_host, text, strlen(text) + 1);
	*ret_zone = "";
	percent = strchr(ret_host, '%');
	if (percent == NULL)
		return;
	*percent = '\0';
	*ret_zone = percent + 1;
}

void
hop_dial_init(struct hop *hop)
{
	hop->is_blocked = true; /* as long as nothing was told */
	race_start(&hop->race, hop_worker(hop)->loop, &race_callbacks);
}

void
hop_dial_start(struct hop *hop)
{
	const struct url *url = hop->request.url;
	const char *host = url->host, *zone = url->zone;
	char proxy_host[PROXY_HOST_MAX + 1];
	struct race_address address;

	hop->state = HOP_CONNECT;
	if (url->family == AF_UNIX) {
		hop_unix_start(hop);
		return;
	}
	hop->dial_port = url->port;
	if (hop->proxy != NULL) {
		split_zone(hop->proxy->host, proxy_host, &zone);
		host = proxy_host;
		hop->dial_port = hop->proxy->port;
	}
	if (race_parse_literal(&address, host, zone, hop->dial_port))
		race_add_literal(&hop->race, &address);
	else
		dial_name(hop, host);
}

void
hop_dial_expire(struct hop *hop)
{
	if (hop->request.url->family == AF_UNIX) {
		hop_unix_expire(hop);
		return;
	}
	resolver_expire(&hop->query);
	if (hop->state == HOP_RESOLVE)
		fail_resolve(hop, ETIMEDOUT);
	else
		expire_connect(hop);
}
