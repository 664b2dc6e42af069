/* SPDX-License-Identifier: Apache-2.0 */
/* Queries that run on alone; see dns_late.h. */
#include "workers/dns_late.h"

#include "common/clock.h"
#include "workers/dns_text.h"
#include "workers/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a try has met: of DNS_OK nothing else is known. */
struct late_met {
	enum dns_result result;
	int sys_errno;
	const char *server; /* of the set's conf */
};

struct late_lookup {
	struct dns_late_set *set;
	struct late_lookup *next, *prev;
	struct dns_exchange exchange;
	struct dns_late_query query; /* its host is the one below */
	struct late_met failed;      /* the worst try */
	char host[RESOLVER_HOST_CHARS_MAX + 1];
};

static enum dns_result
decode(struct dns_exchange *exchange, const uint8_t *bytes, size_t len_bytes)
{
	const struct late_lookup *lookup =
		LOOP_OWNER(exchange, struct late_lookup, exchange);

	return lookup->set->check(lookup->set->check_arg, lookup->query.is_ipv6,
		bytes, len_bytes);
}

static struct late_met
met(const struct dns_exchange *exchange, enum dns_result result)
{
	return (struct late_met){ result, exchange->last_errno,
		dns_exchange_server(exchange)->name };
}

static void
tell(const struct dns_late_set *set, const struct dns_late_query *query,
	const struct late_met *met, bool ended)
{
	char host[RESOLVER_HOST_CHARS_MAX + sizeof(" AAAA")];
	char text[DNS_TEXT_BYTES] = "";
	const struct dns_late late = {
		.waited_ns =
			clock_since_ns(clock_mono_ns(), query->started_mono_ns),
		.ended = ended,
		.failed = !dns_is_answer(met->result),
		.text = text,
	};

	snprintf(host, sizeof(host), "%s %s", query->host,
		query->is_ipv6 ? "AAAA" : "A");
	if (late.failed)
		dns_text_format(
			met->result, met->sys_errno, met->server, host, text);
	if (set->on_late != NULL)
		set->on_late(set->callback_arg, query->context_id, &late);
}

void
dns_late_tell(const struct dns_late_set *set,
	const struct dns_late_query *query, const struct dns_exchange *exchange,
	enum dns_result result, bool ended)
{
	const struct late_met it = met(exchange, result);

	tell(set, query, &it, ended);
}

static void
end(struct late_lookup *lookup)
{
	struct dns_late_set *set = lookup->set;

	dns_exchange_stop(&lookup->exchange, false);
	if (lookup->prev != NULL)
		lookup->prev->next = lookup->next;
	else
		set->lookups = lookup->next;
	if (lookup->next != NULL)
		lookup->next->prev = lookup->prev;
	set->count--;
	free(lookup);
}

/* An answer in the end does not hide what the tries before it met. */
static void
note_failure(struct late_lookup *lookup, const struct dns_exchange *exchange,
	enum dns_result result)
{
	if (!dns_is_answer(result) &&
		!dns_is_worse(lookup->failed.result, result))
		lookup->failed = met(exchange, result);
}

static void
on_query_end(struct dns_exchange *exchange, const struct nameserver *server,
	uint64_t duration_ns, enum dns_result result)
{
	struct late_lookup *lookup =
		LOOP_OWNER(exchange, struct late_lookup, exchange);
	const struct dns_late_set *set = lookup->set;

	if (set->on_server_answer != NULL)
		set->on_server_answer(set->callback_arg,
			lookup->query.context_id, server->name, duration_ns,
			result);
	if (dns_is_answer(result))
		return;
	note_failure(lookup, exchange, result);
	tell(set, &lookup->query, &lookup->failed, false);
}

static void
on_end(struct dns_exchange *exchange, enum dns_result result)
{
	struct late_lookup *lookup =
		LOOP_OWNER(exchange, struct late_lookup, exchange);

	note_failure(lookup, exchange, result);
	/* what this process lacked says nothing of the nameserver */
	if (exchange->shortage_errno == 0)
		tell(lookup->set, &lookup->query, &lookup->failed, true);
	end(lookup);
}

static const struct dns_exchange_ops ops = { decode, on_query_end, on_end };

void
dns_late_init(struct dns_late_set *set, struct loop *loop,
	const struct resolv_conf *conf,
	enum dns_result (*check)(void *arg, bool is_ipv6, const uint8_t *bytes,
		size_t len_bytes),
	void *check_arg, const struct resolver_options *options)
{
	*set = (struct dns_late_set){
		.loop = loop,
		.conf = conf,
		.check = check,
		.check_arg = check_arg,
		.on_server_answer = options->on_server_answer,
		.on_late = options->on_late,
		.callback_arg = options->callback_arg,
	};
}

void
dns_late_take(struct dns_late_set *set, struct dns_exchange *exchange,
	const struct dns_late_query *query)
{
	struct late_lookup *lookup;

	if (set->on_late == NULL || set->count == DNS_LATE_MAX)
		return;
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL)
		return;
	lookup->set = set;
	lookup->failed.result = DNS_OK;
	lookup->query = *query;
	snprintf(lookup->host, sizeof(lookup->host), "%s", query->host);
	lookup->query.host = lookup->host;
	dns_exchange_init(&lookup->exchange, &ops, set->loop, set->conf);
	dns_exchange_move(&lookup->exchange, exchange);
	lookup->next = set->lookups;
	if (lookup->next != NULL)
		lookup->next->prev = lookup;
	set->lookups = lookup;
	set->count++;
}

void
dns_late_cancel(struct dns_late_set *set, uint32_t context_id)
{
	struct late_lookup *next;

	for (struct late_lookup *lookup = set->lookups; lookup != NULL;
		lookup = next) {
		next = lookup->next;
		if (lookup->query.context_id == context_id)
			end(lookup);
	}
}

void
dns_late_cancel_all(struct dns_late_set *set)
{
	while (set->lookups != NULL)
		end(set->lookups);
}
