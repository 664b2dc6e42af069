/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that need no nameserver: numeric addresses, those of the hosts file
 * (hosts(5)) and localhost.  The file is read at each lookup: kubelet and
 * people change it under running processes.
 */
#ifndef WORKERS_LOCAL_NAMES_H
#define WORKERS_LOCAL_NAMES_H

#include <sys/socket.h>

/*
 * Calls on_address with each address, in network order, that is known for the
 * name here (any letter case, a final dot does not count).  A hosts file that
 * is missing or unreadable has none.
 */
void local_names_find(const char *hosts_path, const char *name,
	void (*on_address)(void *arg, sa_family_t family, const void *address),
	void *arg);

#endif
