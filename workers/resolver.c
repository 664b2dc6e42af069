/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver; see resolver.h.  c-ares writes the queries and reads the
 * answers.  Its channels are not used: those of 1.34 put a nameserver that
 * failed behind the others and wait for one that answers quickly no longer
 * than 250 ms, so that a dead nameserver, which costs every application its
 * whole timeout, would hardly show; and a query of theirs cannot be cancelled.
 */
#include "workers/resolver.h"

#include "common/clock.h"
#include "workers/dns_message.h"
#include "workers/dns_text.h"
#include "workers/local_names.h"

#define CARES_NO_DEPRECATED /* the functions that 1.18 has, too */
#include <ares.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct resolver {
	struct loop *loop;
	struct resolv_conf conf;
	char *hosts_path;
	void (*on_server_answer)(void *arg, uint32_t context_id,
		const char *nameserver, uint64_t duration_ns,
		enum dns_result result);
	void *callback_arg;
	struct resolver_query *running;
	struct dns_late_set late;
	/* the one whose callback runs; NULL again when that has stopped it */
	struct resolver_query *calling;
	size_t next_server; /* with rotate */
	/* what one lookup found, until it is told */
	size_t addresses_max;
	struct resolver_address *addresses;
	union {
		void *bytes;
		struct ares_addrttl *ipv4;
		struct ares_addr6ttl *ipv6;
	} ttls;
};

/* What needs no nameserver, collected into resolver->addresses. */
struct local_answer {
	struct resolver *resolver;
	sa_family_t family; /* wanted */
	size_t count;
	bool exists; /* in any family */
};

static enum dns_result decode(
	struct dns_exchange *exchange, const uint8_t *bytes, size_t len_bytes);
static void on_query_end(struct dns_exchange *exchange,
	const struct nameserver *server, uint64_t duration_ns,
	enum dns_result result);
static void on_exchange_end(
	struct dns_exchange *exchange, enum dns_result result);

static void tell_failed_family(const struct resolver_query *query);
static enum dns_result check_late(
	void *arg, bool is_ipv6, const uint8_t *bytes, size_t len_bytes);

static const struct dns_exchange_ops exchange_ops = { decode, on_query_end,
	on_exchange_end };

static const struct {
	sa_family_t family;
	int type;
} families[RESOLVER_FAMILY_COUNT] = {
	[RESOLVER_IPV6] = { AF_INET6, DNS_TYPE_AAAA },
	[RESOLVER_IPV4] = { AF_INET, DNS_TYPE_A },
};

static enum resolver_family
family_of(const struct resolver_lookup *lookup)
{
	return lookup == &lookup->query->lookups[RESOLVER_IPV6] ? RESOLVER_IPV6
								: RESOLVER_IPV4;
}

static struct resolver_lookup *
other_lookup(struct resolver_lookup *lookup)
{
	return &lookup->query->lookups[family_of(lookup) == RESOLVER_IPV6
					       ? RESOLVER_IPV4
					       : RESOLVER_IPV6];
}

struct resolver *
resolver_new(struct loop *loop, const struct resolver_options *options)
{
	static const struct resolver_options none;
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (resolver == NULL)
		return NULL;
	if (options == NULL)
		options = &none;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(resolver);
		errno = ENOMEM;
		return NULL;
	}
	resolver->loop = loop;
	resolver->addresses_max = options->addresses_max != 0
					  ? options->addresses_max
					  : RESOLVER_ADDRESSES_DEFAULT;
	resolver->addresses =
		calloc(resolver->addresses_max, sizeof(resolver->addresses[0]));
	resolver->ttls.bytes =
		calloc(resolver->addresses_max, sizeof(struct ares_addr6ttl));
	resolver->hosts_path =
		strdup(options->hosts_path != NULL ? options->hosts_path
						   : "/etc/hosts");
	resolver->on_server_answer = options->on_server_answer;
	resolver->callback_arg = options->callback_arg;
	dns_late_init(&resolver->late, loop, &resolver->conf, check_late,
		resolver, options);
	resolv_conf_read(options->resolv_conf_path != NULL
				 ? options->resolv_conf_path
				 : "/etc/resolv.conf",
		&resolver->conf);
	if (options->timeout_ns != 0)
		resolver->conf.timeout_ns = options->timeout_ns;
	if (resolver->addresses == NULL || resolver->ttls.bytes == NULL ||
		resolver->hosts_path == NULL) {
		resolver_free(resolver);
		errno = ENOMEM;
		return NULL;
	}
	if (options->servers != NULL && resolv_conf_set_servers(&resolver->conf,
						options->servers) < 0) {
		resolver_free(resolver);
		errno = EINVAL;
		return NULL;
	}
	return resolver;
}

void
resolver_free(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	while (resolver->running != NULL)
		resolver_cancel(resolver->running);
	dns_late_cancel_all(&resolver->late);
	free(resolver->addresses);
	free(resolver->ttls.bytes);
	free(resolver->hosts_path);
	ares_library_cleanup();
	free(resolver);
}

static void
link_query(struct resolver *resolver, struct resolver_query *query)
{
	query->resolver = resolver;
	query->prev = NULL;
	query->next = resolver->running;
	if (query->next != NULL)
		query->next->prev = query;
	resolver->running = query;
}

/* Everything a query holds is released here, and only here. */
static void
stop(struct resolver_query *query, bool count_open)
{
	struct resolver *resolver = query->resolver;

	if (resolver == NULL)
		return;
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++)
		dns_exchange_stop(&query->lookups[i].exchange, count_open);
	loop_timer_stop(resolver->loop, &query->local);
	if (query->prev != NULL)
		query->prev->next = query->next;
	else
		resolver->running = query->next;
	if (query->next != NULL)
		query->next->prev = query->prev;
	query->resolver = NULL;
	if (resolver->calling == query)
		resolver->calling = NULL;
}

void
resolver_cancel(struct resolver_query *query)
{
	stop(query, false);
}

void
resolver_expire(struct resolver_query *query)
{
	stop(query, true);
}

/* False: the owner has cancelled the query, and may have freed it. */
static bool
tell(struct resolver_lookup *lookup, uint64_t answered_ns)
{
	struct resolver_query *query = lookup->query;
	struct resolver *resolver = query->resolver;
	struct resolver_answer answer = {
		.family = family_of(lookup),
		.result = lookup->result,
		.address_count = lookup->address_count,
		.addresses = resolver->addresses,
		.answered_mono_ns = answered_ns,
	};

	lookup->told = true;
	resolver->calling = query;
	query->on_answer(query, &answer);
	if (resolver->calling != query)
		return false;
	resolver->calling = NULL;
	return true;
}

/*
 * Tells what is not told yet; the query has ended when the owner hears it.
 * settled_ns: when that was known.  An answer without addresses does not settle
 * anything while the other family's may have some, however early it came.
 */
static void
finish(struct resolver_query *query, enum dns_result result,
	uint64_t settled_ns)
{
	query->result = result;
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		struct resolver_lookup *lookup = &query->lookups[i];

		if (lookup->told)
			continue;
		lookup->ended = true;
		lookup->address_count = 0;
		if (!tell(lookup, settled_ns))
			return;
	}
	stop(query, false);
	query->on_done(query);
}

/* The same for both families. */
static void
finish_without_address(struct resolver_query *query, enum dns_result result)
{
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++)
		query->lookups[i].result = result;
	finish(query, result, clock_mono_ns());
}

static void
keep_address(void *arg, sa_family_t family, const void *address)
{
	struct local_answer *local = arg;
	struct resolver *resolver = local->resolver;
	struct resolver_address *kept;

	local->exists = true;
	if (family != local->family || local->count == resolver->addresses_max)
		return;
	kept = &resolver->addresses[local->count++];
	kept->family = family;
	if (family == AF_INET)
		memcpy(&kept->ipv4, address, sizeof(kept->ipv4));
	else
		memcpy(&kept->ipv6, address, sizeof(kept->ipv6));
}

static void
on_local_due(struct loop_timer *timer)
{
	struct resolver_query *query =
		LOOP_OWNER(timer, struct resolver_query, local);

	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		struct resolver_lookup *lookup = &query->lookups[i];
		struct local_answer local = { .resolver = query->resolver,
			.family = families[i].family };

		local_names_find(local.resolver->hosts_path, query->host,
			keep_address, &local);
		if (!local.exists)
			break; /* a name no nameserver can be asked for */
		lookup->result = DNS_OK;
		lookup->address_count = local.count;
		query->found = true;
		if (!tell(lookup, clock_mono_ns()))
			return;
	}
	if (query->found)
		finish(query, DNS_OK, clock_mono_ns());
	else
		finish_without_address(query, DNS_NXDOMAIN);
}

/*
 * The names to try, as resolv.conf(5) says of ndots and search.  False: there
 * is no such candidate.
 */
static bool
candidate_name(const struct resolver_query *query,
	char name[2 * RESOLVER_HOST_CHARS_MAX])
{
	const struct resolv_conf *conf = &query->resolver->conf;
	size_t len = strlen(query->host), dot_count = 0;
	bool absolute = query->host[len - 1] == '.', as_is_first;
	size_t domain = query->candidate;

	for (size_t i = 0; i < len; i++)
		dot_count += query->host[i] == '.';
	as_is_first = absolute || dot_count >= conf->dot_count_min;
	if (domain > (absolute ? 0 : conf->domain_count))
		return false;
	if (domain == (as_is_first ? 0 : conf->domain_count)) {
		memcpy(name, query->host, len + 1);
		return true;
	}
	domain -= as_is_first;
	/* one that is cut is too long for a query in any case */
	snprintf(name, 2 * RESOLVER_HOST_CHARS_MAX, "%s.%s", query->host,
		conf->domains[domain]);
	return true;
}

/* Unpredictable, as RFC 5452 section 9.2 wants it. */
static uint16_t
new_id(void)
{
	uint16_t id = 0;

	/* at a boot without entropy the time must do: never wait */
	if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != sizeof(id))
		id = (uint16_t)(clock_mono_ns() >> 8);
	return id;
}

/* False: the name cannot be asked for (or no memory). */
static bool
start_lookup(
	struct resolver_lookup *lookup, const char *name, size_t first_server)
{
	unsigned char *message = NULL;
	int len_bytes;
	bool sendable;

	lookup->result = DNS_TIMEOUT;
	lookup->address_count = 0;
	lookup->ended = false;
	sendable = ares_create_query(name, DNS_CLASS_IN,
			   families[family_of(lookup)].type, new_id(), 1,
			   &message, &len_bytes, 0) == ARES_SUCCESS &&
		   len_bytes <= DNS_QUERY_BYTES_MAX;
	if (sendable)
		dns_exchange_start(&lookup->exchange, first_server, message,
			(size_t)len_bytes);
	ares_free_string(message);
	return sendable;
}

/* Asks for the next candidate that can be asked for.  False: none is left. */
static bool
start_candidate(struct resolver_query *query)
{
	char name[2 * RESOLVER_HOST_CHARS_MAX];

	for (; candidate_name(query, name); query->candidate++) {
		struct resolver_lookup *lookups = query->lookups;

		if (start_lookup(&lookups[RESOLVER_IPV6], name,
			    query->first_server) &&
			start_lookup(&lookups[RESOLVER_IPV4], name,
				query->first_server))
			return true;
		dns_exchange_stop(&lookups[RESOLVER_IPV6].exchange, false);
	}
	return false;
}

static void
keep_if_worse(
	struct resolver_query *query, const struct resolver_lookup *lookup)
{
	const struct dns_exchange *exchange = &lookup->exchange;

	if (!dns_is_worse(lookup->result, query->result))
		return;
	query->result = lookup->result;
	query->sys_errno = exchange->shortage_errno != 0
				   ? exchange->shortage_errno
				   : exchange->last_errno;
	query->server = exchange->shortage_errno == 0
				? dns_exchange_server(exchange)
				: NULL;
}

/*
 * Both families of a candidate have ended without an address.  The search goes
 * on, whatever they met, as that of Go does (glibc's does after SERVFAIL only):
 * a nameserver may refuse one domain, or be slow for one, and know the next.
 * NXDOMAIN holds for both families, so the other one's failure beside it does
 * not count.
 */
static void
end_candidate(struct resolver_query *query)
{
	const struct resolver_lookup *lookups = query->lookups;
	bool no_such_name = lookups[RESOLVER_IPV6].result == DNS_NXDOMAIN ||
			    lookups[RESOLVER_IPV4].result == DNS_NXDOMAIN;

	for (int i = 0; i < RESOLVER_FAMILY_COUNT && !no_such_name; i++)
		keep_if_worse(query, &lookups[i]);
	query->candidate++;
	if (!start_candidate(query))
		finish_without_address(query, query->result);
}

static void
on_exchange_end(struct dns_exchange *exchange, enum dns_result result)
{
	struct resolver_lookup *lookup =
		LOOP_OWNER(exchange, struct resolver_lookup, exchange);
	struct resolver_query *query = lookup->query;
	/* one that has failed may have been answered, long ago */
	uint64_t ended_ns = result == DNS_OK || result == DNS_NXDOMAIN
				    ? exchange->answered_mono_ns
				    : clock_mono_ns();

	lookup->ended = true;
	lookup->result = result;
	if (result == DNS_OK && lookup->address_count > 0) {
		query->found = true;
		if (!tell(lookup, ended_ns))
			return;
	}
	if (!other_lookup(lookup)->ended)
		return;
	if (query->found) {
		tell_failed_family(query);
		finish(query, DNS_OK, ended_ns);
	} else {
		end_candidate(query);
	}
}

static void
on_query_end(struct dns_exchange *exchange, const struct nameserver *server,
	uint64_t duration_ns, enum dns_result result)
{
	const struct resolver_lookup *lookup =
		LOOP_OWNER(exchange, struct resolver_lookup, exchange);
	const struct resolver *resolver = lookup->query->resolver;

	if (resolver->on_server_answer != NULL)
		resolver->on_server_answer(resolver->callback_arg,
			lookup->query->context_id, server->name, duration_ns,
			result);
}

/* Into resolver->ttls.  DNS_OK or DNS_MALFORMED. */
static enum dns_result
read_addresses(struct resolver *resolver, enum resolver_family family,
	const uint8_t *bytes, size_t len_bytes, int *ret_count)
{
	int count = (int)resolver->addresses_max;
	int rc = family == RESOLVER_IPV6
			 ? ares_parse_aaaa_reply(bytes, (int)len_bytes, NULL,
				   resolver->ttls.ipv6, &count)
			 : ares_parse_a_reply(bytes, (int)len_bytes, NULL,
				   resolver->ttls.ipv4, &count);

	*ret_count = rc == ARES_SUCCESS ? count : 0;
	return rc == ARES_SUCCESS || rc == ARES_ENODATA ? DNS_OK
							: DNS_MALFORMED;
}

static enum dns_result
decode(struct dns_exchange *exchange, const uint8_t *bytes, size_t len_bytes)
{
	struct resolver_lookup *lookup =
		LOOP_OWNER(exchange, struct resolver_lookup, exchange);
	struct resolver *resolver = lookup->query->resolver;
	bool is_ipv6 = family_of(lookup) == RESOLVER_IPV6;
	int count;
	enum dns_result result = read_addresses(
		resolver, family_of(lookup), bytes, len_bytes, &count);

	for (int i = 0; i < count; i++) {
		struct resolver_address *address = &resolver->addresses[i];

		address->family = families[family_of(lookup)].family;
		if (is_ipv6)
			memcpy(&address->ipv6, &resolver->ttls.ipv6[i].ip6addr,
				sizeof(address->ipv6));
		else
			address->ipv4 = resolver->ttls.ipv4[i].ipaddr;
	}
	lookup->address_count = (size_t)count;
	return result;
}

static void
init_query(struct resolver *resolver, struct resolver_query *query)
{
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		struct resolver_lookup *lookup = &query->lookups[i];

		lookup->query = query;
		lookup->result = DNS_TIMEOUT;
		lookup->address_count = 0;
		lookup->ended = lookup->told = false;
		dns_exchange_init(&lookup->exchange, &exchange_ops,
			resolver->loop, &resolver->conf);
	}
	loop_timer_init(&query->local, on_local_due);
	query->candidate = 0;
	query->first_server = resolver->next_server;
	if (resolver->conf.rotate)
		resolver->next_server = (resolver->next_server + 1) %
					resolver->conf.server_count;
	query->found = false;
	query->started_mono_ns = clock_mono_ns();
	query->result = DNS_NXDOMAIN;
	query->server = NULL;
	query->sys_errno = 0;
	link_query(resolver, query);
}

int
resolver_start(struct resolver *resolver, struct resolver_query *query,
	const char *host)
{
	struct local_answer local = { .resolver = resolver };
	size_t len = strlen(host);

	assert(query->resolver == NULL);
	if (len == 0 || len > RESOLVER_HOST_CHARS_MAX)
		return -EINVAL;
	memcpy(query->host, host, len + 1);
	init_query(resolver, query);
	local_names_find(resolver->hosts_path, host, keep_address, &local);
	if (local.exists || !start_candidate(query))
		loop_timer_start(resolver->loop, &query->local,
			loop_now_ns(resolver->loop));
	return 0;
}

/*
 * A query that runs, or was stopped while it did, has met a timeout, unless it
 * met worse: at the nameserver that it waits for.
 */
static enum dns_result
met_so_far(const struct resolver_query *query,
	const struct nameserver **ret_server)
{
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		const struct dns_exchange *exchange =
			&query->lookups[i].exchange;

		if (query->lookups[i].ended ||
			dns_is_worse(query->result, DNS_TIMEOUT))
			continue;
		*ret_server = dns_exchange_server(exchange);
		return DNS_TIMEOUT;
	}
	*ret_server = query->server;
	return query->result;
}

enum dns_result
resolver_result(const struct resolver_query *query)
{
	const struct nameserver *server;

	return query->found ? DNS_OK : met_so_far(query, &server);
}

void
resolver_format_error(
	const struct resolver_query *query, char ret_text[DNS_TEXT_BYTES])
{
	const struct nameserver *server;
	enum dns_result result = met_so_far(query, &server);

	dns_text_format(result, query->sys_errno,
		server != NULL ? server->name : "", query->host, ret_text);
}

bool
resolver_has_other_server(const struct resolver_query *query)
{
	return dns_exchange_has_other_server(
		       &query->lookups[RESOLVER_IPV6].exchange) ||
	       dns_exchange_has_other_server(
		       &query->lookups[RESOLVER_IPV4].exchange);
}

/* One family has found addresses, the other has failed. */
static void
tell_failed_family(const struct resolver_query *query)
{
	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		const struct resolver_lookup *lookup = &query->lookups[i];

		if (!dns_is_answer(lookup->result) &&
			lookup->exchange.shortage_errno == 0)
			dns_late_tell(&query->resolver->late,
				&(struct dns_late_query){
					.is_ipv6 = family_of(lookup) ==
						   RESOLVER_IPV6,
					.context_id = query->context_id,
					.started_mono_ns =
						query->started_mono_ns,
					.host = query->host,
				},
				&lookup->exchange, lookup->result, true);
	}
}

static enum dns_result
check_late(void *arg, bool is_ipv6, const uint8_t *bytes, size_t len_bytes)
{
	int count;

	return read_addresses(arg, is_ipv6 ? RESOLVER_IPV6 : RESOLVER_IPV4,
		bytes, len_bytes, &count);
}

bool
resolver_go_on(struct resolver_query *query)
{
	bool answered = true;

	for (int i = 0; i < RESOLVER_FAMILY_COUNT; i++) {
		struct resolver_lookup *lookup = &query->lookups[i];

		answered = answered && lookup->ended &&
			   dns_is_answer(lookup->result);
		if (query->resolver != NULL && !lookup->ended)
			dns_late_take(&query->resolver->late, &lookup->exchange,
				&(struct dns_late_query){
					.is_ipv6 = i == RESOLVER_IPV6,
					.context_id = query->context_id,
					.started_mono_ns =
						query->started_mono_ns,
					.host = query->host,
				});
	}
	resolver_cancel(query);
	return answered;
}

void
resolver_cancel_late(struct resolver *resolver, uint32_t context_id)
{
	dns_late_cancel(&resolver->late, context_id);
}
