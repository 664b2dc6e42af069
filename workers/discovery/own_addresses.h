/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of this network namespace, by which a pod knows itself among
 * others even when its name is not its host name.  Read once, at birth: the
 * sandbox has no netlink sockets.
 */
#ifndef WORKERS_DISCOVERY_OWN_ADDRESSES_H
#define WORKERS_DISCOVERY_OWN_ADDRESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define OWN_ADDRESSES_MAX 64

struct own_addresses {
	size_t count;
	struct in6_addr addresses[OWN_ADDRESSES_MAX]; /* IPv4 ones mapped */
};

/* Those of loopback are everybody's, and left out. */
void own_addresses_read(struct own_addresses *addresses);
bool own_addresses_have(
	const struct own_addresses *addresses, const char *address);

#endif
