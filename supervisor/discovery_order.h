/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the discovery worker is told: where neighbours are found and, for bare
 * nodes, each of them.  Sent as the control socket takes it.
 */
#ifndef SUPERVISOR_DISCOVERY_ORDER_H
#define SUPERVISOR_DISCOVERY_ORDER_H

#include "supervisor/conf.h"
#include "supervisor/worker_process.h"

#include <stdbool.h>
#include <stddef.h>

/* How far one process has been told. */
struct discovery_order {
	bool begun;
	bool ended;
	size_t neighbour_count; /* told */
};

/* There is something for a discovery process to find. */
bool discovery_order_wanted(const struct conf *conf);
/* It will speak TLS. */
bool discovery_order_needs_tls(const struct conf *conf);
/* Both would be told the same. */
bool discovery_order_equal(const struct conf *a, const struct conf *b);
/* A new process knows nothing yet. */
void discovery_order_begin(struct discovery_order *order);
/* What the socket does not take now is sent at the next call. */
void discovery_order_send(struct discovery_order *order,
	const struct conf *conf, struct worker_process *process);

#endif
