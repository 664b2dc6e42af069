/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a hop comes to a connection: the name, the addresses racing (race.h), to
 * the host of the URL or to a proxy.
 */
#ifndef WORKERS_HOP_DIAL_H
#define WORKERS_HOP_DIAL_H

#include "common/address.h"

#include <stdbool.h>

struct hop;

/* Before hop_dial_start(), and before a connection that was kept is used. */
void hop_dial_init(struct hop *hop);
/* A new connection.  It may be there, or fail, before this returns. */
void hop_dial_start(struct hop *hop);
/*
 * Whether the connection may lead to this address: a redirect must not lead to
 * this machine itself (redirect.h).  One that may not is noted for
 * hop_dial_refuse().
 */
bool hop_dial_may_reach(struct hop *hop, const struct in6_addr *address);
/*
 * The same for what a proxy is asked for.  The proxy looks up names, so that an
 * address alone can be judged, in all the spellings of inet_aton(3).
 */
bool hop_dial_may_ask_proxy(struct hop *hop);
/* The hop fails, with what was noted. */
void hop_dial_refuse(struct hop *hop);
/* It resolves, and a nameserver remains that was not asked yet. */
bool hop_dial_has_other_server(const struct hop *hop);
/* The budget is over, in HOP_RESOLVE or HOP_CONNECT: the hop fails. */
void hop_dial_expire(struct hop *hop);

#endif
