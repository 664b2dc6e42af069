/* SPDX-License-Identifier: Apache-2.0 */
/* What DNS queries meet, judged and in words. */
#ifndef WORKERS_DNS_TEXT_H
#define WORKERS_DNS_TEXT_H

#include "common/outcome.h"

#include <stdbool.h>

#define DNS_TEXT_BYTES 448 /* enough for every text */

/* The nameserver knows the name: its addresses, or that there are none. */
bool dns_is_answer(enum dns_result result);
/*
 * What a search that finds nothing reports is the worst that it met, from
 * NXDOMAIN and no data to nameservers that cannot be reached.
 */
bool dns_is_worse(enum dns_result result, enum dns_result than);
/*
 * "dns: NXDOMAIN for x.y", "dns: no data for x.y"; where a nameserver failed
 * "dns: timeout for x.y (nameserver 10.96.0.10:53)"; where the network did not
 * take the query "dns: 10.96.0.10:53: Operation not permitted for x.y".
 * server: or "".  sys_errno: with DNS_UNREACHABLE, or 0.
 */
void dns_text_format(enum dns_result result, int sys_errno, const char *server,
	const char *host, char ret_text[DNS_TEXT_BYTES]);

#endif
