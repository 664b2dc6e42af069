/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours of the configuration, for bare nodes: a name and an address each.
 * The host itself may stand among them, so that one file serves all hosts.
 */
#include "workers/discovery/discovery.h"

#include <errno.h>

static int
start(struct discovery *discovery)
{
	item_store_begin(&discovery->pods);
	return 0;
}

static int
on_neighbour(
	struct discovery *discovery, const struct control_neighbour *neighbour)
{
	const struct item_fields fields = {
		.namespace_name = "",
		.name = neighbour->name,
		.node_name = neighbour->name,
		.ip = neighbour->address,
		.host_ip = "",
		.ready = true,
	};

	return item_store_stage(&discovery->pods, &fields);
}

static void
on_neighbours_end(struct discovery *discovery)
{
	item_store_commit(&discovery->pods);
	discovery_pods_listed(discovery);
	discovery_succeeded(discovery);
}

static void
stop(struct discovery *discovery)
{
	item_store_abort(&discovery->pods);
}

const struct discovery_source discovery_source_static = {
	.start = start,
	.on_neighbour = on_neighbour,
	.on_neighbours_end = on_neighbours_end,
	.stop = stop,
};
