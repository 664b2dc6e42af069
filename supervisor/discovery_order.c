/* SPDX-License-Identifier: Apache-2.0 */
/* What the discovery worker is told; see discovery_order.h. */
#include "supervisor/discovery_order.h"

#include <string.h>

static bool
watches_nodes(const struct conf *conf)
{
	return conf->neighbour_source == CONF_SOURCE_PODS &&
	       !conf->allow_unschedulable;
}

static bool
watches_neighbours(const struct conf *conf)
{
	return conf->check_neighbourhood &&
	       (conf->neighbour_source != CONF_SOURCE_STATIC ||
		       conf->neighbours.n_neighbours > 0);
}

bool
discovery_order_wanted(const struct conf *conf)
{
	return watches_neighbours(conf) ||
	       (watches_nodes(conf) && conf->ready_follows_cordon);
}

bool
discovery_order_needs_tls(const struct conf *conf)
{
	return conf->neighbour_source == CONF_SOURCE_PODS;
}

static bool
same_neighbours(
	const struct conf_neighbours *a, const struct conf_neighbours *b)
{
	if (a->n_neighbours != b->n_neighbours)
		return false;
	for (size_t i = 0; i < a->n_neighbours; i++)
		if (strcmp(a->neighbours[i].name, b->neighbours[i].name) != 0 ||
			strcmp(a->neighbours[i].address,
				b->neighbours[i].address) != 0)
			return false;
	return true;
}

bool
discovery_order_equal(const struct conf *a, const struct conf *b)
{
	return discovery_order_wanted(a) == discovery_order_wanted(b) &&
	       a->neighbour_source == b->neighbour_source &&
	       a->check_neighbourhood == b->check_neighbourhood &&
	       a->allow_unschedulable == b->allow_unschedulable &&
	       (a->neighbour_source != CONF_SOURCE_DNS ||
		       a->check_interval_ns == b->check_interval_ns) &&
	       strcmp(a->namespace, b->namespace) == 0 &&
	       strcmp(a->neighbour_filter, b->neighbour_filter) == 0 &&
	       strcmp(a->neighbour_service, b->neighbour_service) == 0 &&
	       strcmp(a->pod_name, b->pod_name) == 0 &&
	       strcmp(a->node_name, b->node_name) == 0 &&
	       same_neighbours(&a->neighbours, &b->neighbours);
}

static uint32_t
control_source(enum conf_source source)
{
	switch (source) {
	case CONF_SOURCE_PODS:
		return CONTROL_SOURCE_PODS;
	case CONF_SOURCE_DNS:
		return CONTROL_SOURCE_DNS;
	case CONF_SOURCE_STATIC:
	case CONF_SOURCE_UNSET:
		break;
	}
	return CONTROL_SOURCE_STATIC;
}

static int
send_order(const struct conf *conf, struct worker_process *process)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_DISCOVERY;
	message.body.discovery = (struct control_discovery){
		.source = control_source(conf->neighbour_source),
		.namespace_name = conf->namespace,
		.selector = conf->neighbour_filter,
		.service = conf->neighbour_service,
		.pod_name = conf->pod_name,
		.node_name = conf->node_name,
		.watch_pods = watches_neighbours(conf),
		.watch_nodes = watches_nodes(conf),
		.interval_ns = (uint64_t)conf->check_interval_ns,
	};
	return worker_process_send(process, &message);
}

static int
send_neighbour(
	const struct conf_neighbour *neighbour, struct worker_process *process)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_NEIGHBOUR;
	message.body.neighbour.name = neighbour->name;
	message.body.neighbour.address = neighbour->address;
	return worker_process_send(process, &message);
}

static int
send_end(struct worker_process *process)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_NEIGHBOURS_END;
	return worker_process_send(process, &message);
}

void
discovery_order_begin(struct discovery_order *order)
{
	memset(order, 0, sizeof(*order));
}

void
discovery_order_send(struct discovery_order *order, const struct conf *conf,
	struct worker_process *process)
{
	const struct conf_neighbours *list = &conf->neighbours;

	if (!order->begun && send_order(conf, process) < 0)
		return;
	order->begun = true;
	if (order->ended || conf->neighbour_source != CONF_SOURCE_STATIC)
		return;
	while (order->neighbour_count < list->n_neighbours) {
		if (send_neighbour(&list->neighbours[order->neighbour_count],
			    process) < 0)
			return;
		order->neighbour_count++;
	}
	order->ended = send_end(process) == 0;
}
