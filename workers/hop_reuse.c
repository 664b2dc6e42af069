/* SPDX-License-Identifier: Apache-2.0 */
/* A hop and the pool of kept connections; see hop_reuse.h. */
#include "workers/hop_reuse.h"

#include "common/clock.h"
#include "workers/hop.h"
#include "workers/hop_dial.h"
#include "workers/idle_pool.h"
#include "workers/target.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <string.h>

static struct idle_place
place_of(const struct hop *hop)
{
	const struct url *url = hop->request.url;

	return (struct idle_place){
		.https = url->https,
		.port = url->port,
		.host = url->host,
		.zone = url->zone,
		.trust = url->https ? trust_for(hop->request.target) : NULL,
		.tls_security_level = hop->request.target->tls_security_level,
		.proxy = hop->proxy,
		.owner = hop->request.server_name != NULL ||
					 hop_shows_identity(hop)
				 ? hop->request.target
				 : NULL,
	};
}

/*
 * RFC 9110 section 9.2.2: what may be asked twice, for that is what happens
 * when a kept connection turns out to be dead.
 */
static bool
is_idempotent(const char *method)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS",
		"TRACE", "PUT", "DELETE" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			return true;
	return false;
}

bool
hop_reuse_take(struct hop *hop)
{
	const struct target *target = hop->request.target;
	struct idle_place place;
	struct tcp_observation observation;
	struct in6_addr peer;

	if (!target->reuse_connections || !is_idempotent(hop->request.method))
		return false;
	place = place_of(hop);
	if (!idle_pool_take(
		    &target->worker->idle_pool, &place, &hop->transport))
		return false;
	/* another check may have gone where this one must not be led */
	if (hop->request.referer != NULL && hop->proxy == NULL &&
		(socket_peer_address(hop->transport.fd, &peer) < 0 ||
			!hop_dial_may_reach(hop, &peer))) {
		transport_close(&hop->transport, TRANSPORT_CLOSE_NORMAL);
		return false;
	}
	if (socket_observe_tcp(hop->transport.fd, &observation) == 0)
		hop->retransmits_before = observation.retransmit_count;
	return true;
}

bool
hop_reuse_keep(struct hop *hop)
{
	const struct target *target = hop->request.target;
	struct worker *worker = target->worker;
	struct idle_place place;

	if (!target->reuse_connections || worker->draining ||
		hop->has_surplus || hop->transport.fin_seen ||
		!http_response_reusable(&hop->response))
		return false;
	place = place_of(hop);
	/* two watches on one descriptor cannot be */
	loop_watch_close(worker->loop, hop->watch);
	if (idle_pool_put(&worker->idle_pool, &place, &hop->transport)) {
		hop->watch = NULL;
		return true;
	}
	if (loop_watch_open(worker->loop, hop->watch, hop->transport.fd,
		    LOOP_READ) == 0)
		return false;
	hop->watch = NULL; /* nobody would notice the server's end */
	transport_close(&hop->transport, TRANSPORT_CLOSE_ABORT);
	return true;
}
