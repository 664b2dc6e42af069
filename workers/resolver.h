/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses, as the applications of this host get them: hosts file,
 * search list, ndots, nameservers in turn, nothing cached.  A and AAAA are two
 * queries at once, each told as soon as it is known (RFC 8305).  One resolver
 * per worker; its queries are embedded in their owners' objects, so that there
 * is no pool to run dry and a cancelled query leaves nothing behind.
 */
#ifndef WORKERS_RESOLVER_H
#define WORKERS_RESOLVER_H

#include "common/loop.h"
#include "common/outcome.h"
#include "workers/dns_exchange.h"
#include "workers/dns_late.h"
#include "workers/dns_text.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RESOLVER_ADDRESSES_DEFAULT 16
#define RESOLVER_HOST_CHARS_MAX    254 /* 253 (RFC 1035) and a final dot */

struct resolver;
struct resolver_query;

/* The order in which addresses are preferred (RFC 6724). */
enum resolver_family { RESOLVER_IPV6, RESOLVER_IPV4, RESOLVER_FAMILY_COUNT };

struct resolver_address {
	sa_family_t family;
	union {
		struct in_addr ipv4;
		struct in6_addr ipv6;
	};
};

struct resolver_answer {
	enum resolver_family family;
	/* DNS_OK without addresses: the name exists, but not in this family */
	enum dns_result result;
	size_t address_count;
	/* in the order of the answer; valid during the callback */
	const struct resolver_address *addresses;
	/*
	 * When this was known: the kernel's receive stamp of the answer that
	 * told it; now, where no server did.  That a family has no address is
	 * told when nobody can still find one in the other, and known then.
	 */
	uint64_t answered_mono_ns;
};

struct resolver_options {
	const char *resolv_conf_path; /* NULL: /etc/resolv.conf */
	const char *hosts_path;       /* NULL: /etc/hosts */
	const char *servers; /* NULL: resolv.conf's; "address:port,[v6]:port" */
	uint64_t timeout_ns; /* 0: resolv.conf's */
	size_t addresses_max; /* per family, the rest is cut; 0: 16 */
	/*
	 * Once for each query sent to a nameserver: what it met, and the time
	 * to the answer or until it was given up.  It must not start or cancel
	 * queries.  May be NULL.
	 */
	void (*on_server_answer)(void *arg, uint32_t context_id,
		const char *nameserver, uint64_t duration_ns,
		enum dns_result result);
	/*
	 * Of a query that its owner did not wait for (resolver_go_on), or that
	 * failed beside one that found an address.  As on_server_answer.
	 */
	void (*on_late)(
		void *arg, uint32_t context_id, const struct dns_late *late);
	void *callback_arg;
};

/* The owner fills in the first three and reads none of the others. */
struct resolver_query {
	uint32_t context_id; /* for on_server_answer: whose query it was */
	/* Twice, once per family. */
	void (*on_answer)(struct resolver_query *query,
		const struct resolver_answer *answer);
	/* After both.  Both may cancel, restart or free the query. */
	void (*on_done)(struct resolver_query *query);

	struct resolver *resolver; /* NULL while it does not run */
	struct resolver_query *next, *prev;
	struct resolver_lookup {
		struct resolver_query *query;
		struct dns_exchange exchange;
		enum dns_result result;
		size_t address_count;
		bool ended; /* for the present candidate */
		bool told;
	} lookups[RESOLVER_FAMILY_COUNT];
	struct loop_timer local; /* an answer that needed no nameserver */
	unsigned candidate;      /* of the search list */
	size_t first_server;
	bool found;
	uint64_t started_mono_ns;
	/* the worst that was met, and where: NULL, not at a nameserver */
	enum dns_result result;
	const struct nameserver *server;
	int sys_errno; /* with DNS_UNREACHABLE */
	char host[RESOLVER_HOST_CHARS_MAX + 1];
};

/*
 * Reads resolv.conf, once.  options may be NULL.  NULL: no memory, or servers
 * that do not parse (errno EINVAL).
 */
struct resolver *resolver_new(
	struct loop *loop, const struct resolver_options *options);
/* Queries still running are cancelled.  NULL is fine. */
void resolver_free(struct resolver *resolver);

/*
 * Starts a query that does not run.  Its callbacks never come before this
 * returns.  0, or -EINVAL: an empty or overlong name, nothing was started.
 */
int resolver_start(struct resolver *resolver, struct resolver_query *query,
	const char *host);
/*
 * The owner wants no answer any more: no callback comes, nothing is counted,
 * the memory may be reused at once.  Idempotent; a query that was zeroed and
 * never started is fine.
 */
void resolver_cancel(struct resolver_query *query);
/*
 * The owner's deadline has passed: as resolver_cancel, but what is still
 * unanswered is reported to on_server_answer as a timeout.
 */
void resolver_expire(struct resolver_query *query);

/*
 * The owner has the address it needs: as resolver_cancel, but what is still
 * unanswered runs on by itself, to be counted as what it is for an application
 * that waits for both families.  True: nothing was, and both were answered.
 */
bool resolver_go_on(struct resolver_query *query);
/* What runs on for this context is given up, and counted nowhere. */
void resolver_cancel_late(struct resolver *resolver, uint32_t context_id);
/* A nameserver remains that was not asked for this yet. */
bool resolver_has_other_server(const struct resolver_query *query);

/*
 * What the query met so far, or met before it ended: DNS_OK with an address or
 * with none; a query that still runs, or was stopped, without an address has
 * met DNS_TIMEOUT.
 */
enum dns_result resolver_result(const struct resolver_query *query);
/*
 * "dns: NXDOMAIN for x.y", "dns: no data for x.y"; where a nameserver failed
 * "dns: timeout for x.y (nameserver 10.96.0.10:53)"; where the network did not
 * take the query "dns: 10.96.0.10:53: Operation not permitted for x.y"; where
 * none could be sent from here "dns: Too many open files for x.y".
 */
void resolver_format_error(
	const struct resolver_query *query, char ret_text[DNS_TEXT_BYTES]);

#endif
