/* SPDX-License-Identifier: Apache-2.0 */
/* Own addresses; see own_addresses.h. */
#include "workers/discovery/own_addresses.h"

#include "common/address.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

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
			entry->ifa_addr != NULL &&
			address_from_socket(&address, entry->ifa_addr) &&
			address_kind(&address) != ADDRESS_LOOPBACK)
			addresses->addresses[addresses->count++] = address;
	freeifaddrs(list);
}

bool
own_addresses_have(const struct own_addresses *addresses, const char *text)
{
	struct in6_addr address;

	if (!address_parse(&address, text))
		return false;
	for (size_t i = 0; i < addresses->count; i++)
		if (memcmp(&addresses->addresses[i], &address,
			    sizeof(address)) == 0)
			return true;
	return false;
}
