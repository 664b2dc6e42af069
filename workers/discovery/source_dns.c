/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours are the addresses of a headless service, asked for once per check
 * interval.  An address is its own name, and those of this host are oneself.
 * Without an answer for a family that has neighbours nothing changes: half of
 * them would be gone.  One that had none is not waited for.
 */
#include "common/clock.h"
#include "workers/discovery/discovery.h"
#include "workers/resolver.h"
#include "workers/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A whole query, all tries.  Where a nameserver is still to be asked, for the
 * first one is silent, it has as long again. */
#define QUERY_NS (5 * NS_PER_S)

struct source_dns {
	struct discovery *discovery;
	struct resolver_query query;
	struct loop_timer timer; /* the next query, or this one's end */
	uint64_t started_ns;
	bool running, extended;
	/* By enum resolver_family. */
	bool failed[RESOLVER_FAMILY_COUNT];
	size_t address_counts[RESOLVER_FAMILY_COUNT];
	size_t known_counts[RESOLVER_FAMILY_COUNT]; /* of the last good one */
	int rc;                                     /* of keeping them */
};

static void
schedule(struct source_dns *source)
{
	uint64_t now_ns = clock_mono_ns();
	uint64_t due_ns =
		source->started_ns + source->discovery->order.interval_ns;

	source->running = false;
	loop_timer_start(source->discovery->worker->loop, &source->timer,
		due_ns > now_ns ? due_ns : now_ns);
}

static int
stage(struct source_dns *source, const struct resolver_address *address)
{
	char text[INET6_ADDRSTRLEN];
	const struct item_fields fields = {
		.namespace_name = "",
		.name = text,
		.node_name = text,
		.ip = text,
		.host_ip = "",
		.ready = true, /* or it would not be in the answer */
	};
	int rc;

	inet_ntop(address->family, &address->ipv4, text, sizeof(text));
	rc = item_store_stage(&source->discovery->pods, &fields);
	return rc == -EEXIST ? 0 : rc; /* said twice is said */
}

static void
on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct source_dns *source = LOOP_OWNER(query, struct source_dns, query);

	source->failed[answer->family] = answer->result != DNS_OK;
	source->address_counts[answer->family] = answer->address_count;
	for (size_t i = 0; i < answer->address_count && source->rc == 0; i++)
		source->rc = stage(source, &answer->addresses[i]);
}

static void
give_up(struct source_dns *source, const char *text)
{
	item_store_abort(&source->discovery->pods);
	discovery_failed(source->discovery, DISCOVERY_ERROR_CONNECT, text);
	schedule(source);
}

/* What was asked in vain, and had an answer before, is missing. */
static bool
misses_family(const struct source_dns *source)
{
	for (unsigned i = 0; i < RESOLVER_FAMILY_COUNT; i++)
		if (source->failed[i] && source->known_counts[i] > 0)
			return true;
	return false;
}

static void
conclude(struct source_dns *source)
{
	const struct resolver_query *query = &source->query;
	struct discovery *discovery = source->discovery;
	char text[DNS_TEXT_BYTES];

	if (source->rc < 0) {
		give_up(source, "too many addresses");
		return;
	}
	if (resolver_result(query) != DNS_OK ||
		(source->address_counts[RESOLVER_IPV6] == 0 &&
			source->address_counts[RESOLVER_IPV4] == 0)) {
		resolver_format_error(query, text);
		give_up(source, text);
		return;
	}
	if (misses_family(source)) {
		give_up(source, "dns: only one family was answered");
		return;
	}
	memcpy(source->known_counts, source->address_counts,
		sizeof(source->known_counts));
	item_store_commit(&discovery->pods);
	discovery_pods_listed(discovery);
	discovery_succeeded(discovery);
	schedule(source);
}

static void
on_done(struct resolver_query *query)
{
	conclude(LOOP_OWNER(query, struct source_dns, query));
}

static void
ask(struct source_dns *source)
{
	struct discovery *discovery = source->discovery;

	source->started_ns = clock_mono_ns();
	for (unsigned i = 0; i < RESOLVER_FAMILY_COUNT; i++)
		source->failed[i] = true; /* until it is answered */
	memset(source->address_counts, 0, sizeof(source->address_counts));
	source->rc = 0;
	item_store_begin(&discovery->pods);
	source->query.on_answer = on_answer;
	source->query.on_done = on_done;
	if (resolver_start(discovery->worker->resolver, &source->query,
		    discovery->order.service) < 0) {
		give_up(source, "neighbour_service is no name");
		return;
	}
	source->running = true;
	source->extended = false;
	loop_timer_start(discovery->worker->loop, &source->timer,
		source->started_ns + QUERY_NS);
}

static void
on_timer(struct loop_timer *timer)
{
	struct source_dns *source = LOOP_OWNER(timer, struct source_dns, timer);

	if (!source->running) {
		ask(source);
		return;
	}
	if (!source->extended && resolver_has_other_server(&source->query)) {
		source->extended = true;
		loop_timer_start(source->discovery->worker->loop, timer,
			source->started_ns + 2 * QUERY_NS);
		return;
	}
	resolver_expire(&source->query);
	conclude(source);
}

static int
start(struct discovery *discovery)
{
	struct source_dns *source = calloc(1, sizeof(*source));

	if (source == NULL)
		return -ENOMEM;
	discovery->dns = source;
	source->discovery = discovery;
	loop_timer_init(&source->timer, on_timer);
	ask(source);
	return 0;
}

static void
stop(struct discovery *discovery)
{
	struct source_dns *source = discovery->dns;

	if (source == NULL)
		return;
	resolver_cancel(&source->query);
	loop_timer_stop(discovery->worker->loop, &source->timer);
	item_store_abort(&discovery->pods);
	free(source);
	discovery->dns = NULL;
}

const struct discovery_source discovery_source_dns = {
	.start = start,
	.stop = stop,
};
