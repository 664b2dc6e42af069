/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has lately checked this node: the distinct values of
 * Kubenurse-Neighbour-Origin at /alwayshappy.  Sized at start, allocates
 * nothing per request, and knows no clock: the caller tells the time.
 *
 * Anybody can send such a header.  So a name is at most ORIGIN_MAX_BYTES long
 * (what a pod's name can be; a longer one is not counted), and at most
 * ORIGINS_MAX names are kept: with that many alive a new one is not counted
 * until one has gone, so strangers cannot push out who is known.
 */
#ifndef SUPERVISOR_ORIGINS_H
#define SUPERVISOR_ORIGINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORIGIN_MAX_BYTES 253 /* RFC 1123 subdomain, as Kubernetes bounds it */
#define ORIGINS_MAX      1024

struct origins;

/* NULL: no memory. */
struct origins *origins_new(uint64_t lifetime_ns);
void origins_free(struct origins *origins);
/* The longer of 60 s and three intervals. */
uint64_t origins_lifetime_ns(uint64_t check_interval_ns);
/* After a reload; holds for what is known already, too. */
void origins_set_lifetime(struct origins *origins, uint64_t lifetime_ns);
/*
 * Blanks and tabs at the ends do not count; compared by bytes.  false: not
 * counted, for it is empty, too long, or there is no room.
 */
bool origins_seen(
	struct origins *origins, const char *name, size_t len, uint64_t now_ns);
/* How many were seen within the lifetime. */
size_t origins_count(struct origins *origins, uint64_t now_ns);

#endif
