/* SPDX-License-Identifier: Apache-2.0 */
/* Own addresses; see own_addresses.h. */
#include "workers/discovery/own_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

static void
map_ipv4(struct in6_addr *ret_address, const struct in_addr *ipv4)
{
	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->s6_addr[10] = ret_address->s6_addr[11] = 0xff;
	memcpy(&ret_address->s6_addr[12], ipv4, sizeof(*ipv4));
}

static bool
take_address(struct in6_addr *ret_address, const struct sockaddr *address)
{
	if (address == NULL)
		return false;
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

static bool
is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

void
own_addresses_read(struct own_addresses *addresses)
{
	struct ifaddrs *list, *entry;
	struct in6_addr address;

	addresses->count = 0;
	if (getifaddrs(&list) < 0)
		return;
	for (entry = list; entry != NULL; entry = entry->ifa_next)
		if (addresses->count < OWN_ADDRESSES_MAX &&
			take_address(&address, entry->ifa_addr) &&
			!is_loopback(&address))
			addresses->addresses[addresses->count++] = address;
	freeifaddrs(list);
}

bool
own_addresses_parse(struct in6_addr *ret_address, const char *text)
{
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		map_ipv4(ret_address, &ipv4);
		return true;
	}
	return inet_pton(AF_INET6, text, ret_address) == 1;
}

bool
own_addresses_have(const struct own_addresses *addresses, const char *text)
{
	struct in6_addr address;

	if (!own_addresses_parse(&address, text))
		return false;
	for (size_t i = 0; i < addresses->count; i++)
		if (memcmp(&addresses->addresses[i], &address,
			    sizeof(address)) == 0)
			return true;
	return false;
}
