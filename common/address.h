/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses, and what kind of place they name.  Only ordinary ones lead to
 * another machine: a stranger who names one of the others wants this machine to
 * talk to itself, or to everybody.  IPv4 is kept as ::ffff:0:0/96 (RFC 4291).
 */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * By the registries of special-purpose addresses (RFC 6890).  240.0.0.0/4 is
 * reserved there, but clusters give it to their pods.
 */
enum address_kind {
	ADDRESS_ORDINARY,
	ADDRESS_UNSPECIFIED, /* 0.0.0.0/8, ::, where Linux connects to itself */
	ADDRESS_LOOPBACK,
	ADDRESS_LINK_LOCAL, /* metadata services of clouds, too */
	ADDRESS_MULTICAST,
	ADDRESS_BROADCAST, /* 255.255.255.255 */
};

/* False: this is no address.  The text of IPv6 has no brackets and no zone. */
bool address_parse(struct in6_addr *ret_address, const char *text);
/* False: neither IPv4 nor IPv6. */
bool address_from_socket(
	struct in6_addr *ret_address, const struct sockaddr *address);
/* An IPv6 address that holds one of IPv4 is of the kind of that. */
enum address_kind address_kind(const struct in6_addr *address);
/* "loopback", "link-local"... */
const char *address_kind_name(enum address_kind kind);

#endif
