/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of addresses; see address.h. */
#include "common/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

static void
map_ipv4(struct in6_addr *ret_address, const struct in_addr *ipv4)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->s6_addr[10] = ret_address->s6_addr[11] = 0xff;
	memcpy(&ret_address->s6_addr[12], ipv4, sizeof(*ipv4));
}

bool
address_parse(struct in6_addr *ret_address, const char *text)
{
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		map_ipv4(ret_address, &ipv4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret_address) == 1;
}

bool
address_from_socket(
	struct in6_addr *ret_address, const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		map_ipv4(ret_address,
			&((const struct sockaddr_in *)(const void *)address)
				 ->sin_addr);
	else if (address->sa_family == AF_INET6)
		*ret_address =
			((const struct sockaddr_in6 *)(const void *)address)
				->sin6_addr;
	else
		return false;
	return true;
}

/* Mapped, compatible (RFC 4291), or of NAT64 (64:ff9b::/96, RFC 6052). */
static bool
holds_ipv4(const struct in6_addr *address)
{
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };

	return IN6_IS_ADDR_V4MAPPED(address) || IN6_IS_ADDR_V4COMPAT(address) ||
	       memcmp(address->s6_addr, nat64, sizeof(nat64)) == 0;
}

static enum address_kind
kind_of_ipv4(const uint8_t bytes[4])
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (bytes[0] == 0)
		return ADDRESS_UNSPECIFIED;
	if (bytes[0] == 127)
		return ADDRESS_LOOPBACK;
	if (bytes[0] == 169 && bytes[1] == 254)
		return ADDRESS_LINK_LOCAL;
	if (memcmp(bytes, broadcast, sizeof(broadcast)) == 0)
		return ADDRESS_BROADCAST;
	return bytes[0] >= 224 && bytes[0] < 240 ? ADDRESS_MULTICAST
						 : ADDRESS_ORDINARY;
}

enum address_kind
address_kind(const struct in6_addr *address)
{
	if (IN6_IS_ADDR_UNSPECIFIED(address))
		return ADDRESS_UNSPECIFIED;
	if (IN6_IS_ADDR_LOOPBACK(address))
		return ADDRESS_LOOPBACK;
	if (IN6_IS_ADDR_LINKLOCAL(address))
		return ADDRESS_LINK_LOCAL;
	if (IN6_IS_ADDR_MULTICAST(address))
		return ADDRESS_MULTICAST;
	return holds_ipv4(address) ? kind_of_ipv4(&address->s6_addr[12])
				   : ADDRESS_ORDINARY;
}

const char *
address_kind_name(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_ORDINARY:
		break;
	case ADDRESS_UNSPECIFIED:
		return "unspecified";
	case ADDRESS_LOOPBACK:
		return "loopback";
	case ADDRESS_LINK_LOCAL:
		return "link-local";
	case ADDRESS_MULTICAST:
		return "multicast";
	case ADDRESS_BROADCAST:
		return "broadcast";
	}
	return "ordinary";
}
