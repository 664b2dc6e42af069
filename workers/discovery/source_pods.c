/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours are the running pods that a selector finds, and cordoned nodes are
 * watched beside them: two small answers of the API server instead of all its
 * Pod and Node objects.  Without the right to see nodes, none is cordoned.
 */
#include "common/log.h"
#include "common/strbuf.h"
#include "workers/discovery/discovery.h"
#include "workers/discovery/list_watch.h"
#include "workers/discovery/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source_pods {
	struct discovery *discovery;
	struct list_watch pods;
	struct list_watch nodes;
	bool nodes_failed; /* and it was said why */
	char *pods_path;
	char *pods_query;
};

/* ------------------------------------------------------------------- pods */

static struct discovery *
of_pods(struct list_watch *watch)
{
	return LOOP_OWNER(watch, struct source_pods, pods)->discovery;
}

static void
on_pods_list(struct list_watch *watch)
{
	item_store_begin(&of_pods(watch)->pods);
}

/* A pod that ends, or has no place yet, is nobody's neighbour; nor is one that
 * does not run, should the server not have looked at what was asked for. */
static int
on_pods_row(struct list_watch *watch, enum table_event event,
	const struct table_row *row)
{
	struct discovery *discovery = of_pods(watch);
	const struct item_fields fields = {
		.namespace_name = row->namespace_name,
		.name = row->name,
		.node_name = row->node_name,
		.ip = row->ip,
		.host_ip = row->host_ip,
		.ready = row->ready,
	};
	bool here = event != TABLE_DELETED && row->running &&
		    !row->terminating && row->ip[0] != '\0' &&
		    row->node_name[0] != '\0';

	if (event == TABLE_LISTED)
		return here ? item_store_stage(&discovery->pods, &fields) : 0;
	if (here)
		return item_store_set(&discovery->pods, &fields);
	item_store_remove(&discovery->pods, row->namespace_name, row->name);
	return 0;
}

static void
on_pods_list_end(struct list_watch *watch, bool complete)
{
	struct discovery *discovery = of_pods(watch);

	if (!complete) {
		item_store_abort(&discovery->pods);
		return;
	}
	item_store_commit(&discovery->pods);
	discovery_pods_listed(discovery);
}

static void
on_pods_changes(struct list_watch *watch)
{
	discovery_pods_changed(of_pods(watch));
}

static void
on_pods_success(struct list_watch *watch)
{
	discovery_succeeded(of_pods(watch));
	list_watch_hurry(&of_pods(watch)->api->nodes);
}

static void
on_pods_failure(
	struct list_watch *watch, enum discovery_error error, const char *text)
{
	if (error == DISCOVERY_ERROR_GONE) /* the server is well */
		discovery_count_error(of_pods(watch), error);
	else
		discovery_failed(of_pods(watch), error, text);
}

static void
on_pods_received(struct list_watch *watch, size_t n_bytes)
{
	discovery_received(of_pods(watch), n_bytes);
}

static const struct list_watch_ops pods_ops = {
	.on_list = on_pods_list,
	.on_row = on_pods_row,
	.on_list_end = on_pods_list_end,
	.on_changes = on_pods_changes,
	.on_success = on_pods_success,
	.on_failure = on_pods_failure,
	.on_received = on_pods_received,
};

/* ------------------------------------------------------------------ nodes */

static struct source_pods *
of_nodes(struct list_watch *watch)
{
	return LOOP_OWNER(watch, struct source_pods, nodes);
}

static void
on_nodes_list(struct list_watch *watch)
{
	item_store_begin(&of_nodes(watch)->discovery->cordons);
}

static int
on_nodes_row(struct list_watch *watch, enum table_event event,
	const struct table_row *row)
{
	struct item_store *cordons = &of_nodes(watch)->discovery->cordons;
	const struct item_fields fields = {
		.namespace_name = "",
		.name = row->name,
		.node_name = "",
		.ip = "",
		.host_ip = "",
	};
	bool here = event != TABLE_DELETED && row->unschedulable;

	if (event == TABLE_LISTED)
		return here ? item_store_stage(cordons, &fields) : 0;
	if (here)
		return item_store_set(cordons, &fields);
	item_store_remove(cordons, "", row->name);
	return 0;
}

static void
on_nodes_list_end(struct list_watch *watch, bool complete)
{
	struct discovery *discovery = of_nodes(watch)->discovery;

	if (!complete) {
		item_store_abort(&discovery->cordons);
		return;
	}
	item_store_commit(&discovery->cordons);
	discovery_cordons_changed(discovery);
}

static void
on_nodes_changes(struct list_watch *watch)
{
	discovery_cordons_changed(of_nodes(watch)->discovery);
}

static void
on_nodes_success(struct list_watch *watch)
{
	struct source_pods *source = of_nodes(watch);

	if (source->nodes_failed)
		LOG_INFO("cordons of nodes are seen again");
	source->nodes_failed = false;
	list_watch_hurry(&source->pods);
}

/*
 * Said once.  Who may not look at nodes any more would believe in an old
 * cordon for ever; any other failure leaves what is known.
 */
static void
on_nodes_failure(
	struct list_watch *watch, enum discovery_error error, const char *text)
{
	struct source_pods *source = of_nodes(watch);

	if (!source->nodes_failed && error != DISCOVERY_ERROR_GONE) {
		LOG_WARN("cordons of nodes cannot be seen",
			LOG_STR("reason", discovery_error_name(error)),
			LOG_STR("error", text));
		source->nodes_failed = true;
	}
	if (error == DISCOVERY_ERROR_FORBIDDEN) {
		item_store_clear(&source->discovery->cordons);
		discovery_cordons_changed(source->discovery);
	}
	discovery_count_error(source->discovery, error);
}

static void
on_nodes_received(struct list_watch *watch, size_t n_bytes)
{
	discovery_received(of_nodes(watch)->discovery, n_bytes);
}

static const struct list_watch_ops nodes_ops = {
	.on_list = on_nodes_list,
	.on_row = on_nodes_row,
	.on_list_end = on_nodes_list_end,
	.on_changes = on_nodes_changes,
	.on_success = on_nodes_success,
	.on_failure = on_nodes_failure,
	.on_received = on_nodes_received,
};

/* ----------------------------------------------------------------- queries */

/* Names are unique within a namespace; over all, a row must say its own. */
static int
format_query(struct source_pods *source)
{
	const struct control_discovery *order = &source->discovery->order;
	bool all = order->namespace_name[0] == '\0';
	struct strbuf query, path;

	strbuf_init(&query, 0);
	strbuf_add_string(&query, "fieldSelector=status.phase%3DRunning");
	strbuf_printf(&query, "&includeObject=%s", all ? "Metadata" : "None");
	if (order->selector[0] != '\0') {
		strbuf_add_string(&query, "&labelSelector=");
		query_add_encoded(&query, order->selector);
	}
	strbuf_init(&path, 0);
	strbuf_add_string(&path, "/api/v1/");
	if (!all) {
		strbuf_add_string(&path, "namespaces/");
		query_add_encoded(&path, order->namespace_name);
		strbuf_add_char(&path, '/');
	}
	strbuf_add_string(&path, "pods");
	source->pods_query = strbuf_take(&query);
	source->pods_path = strbuf_take(&path);
	return source->pods_query != NULL && source->pods_path != NULL
		       ? 0
		       : -ENOMEM;
}

static void
start_pods(struct source_pods *source)
{
	const struct control_discovery *order = &source->discovery->order;
	const struct list_watch_options options = {
		.kind = TABLE_PODS,
		.path = source->pods_path,
		.query = source->pods_query,
		.has_selector = order->selector[0] != '\0',
	};

	list_watch_start(
		&source->pods, source->discovery->worker, &options, &pods_ops);
}

static void
start_nodes(struct source_pods *source)
{
	static const struct list_watch_options options = {
		.kind = TABLE_NODES,
		.path = "/api/v1/nodes",
		.query = "fieldSelector=spec.unschedulable%3Dtrue"
			 "&includeObject=None",
	};

	list_watch_start(&source->nodes, source->discovery->worker, &options,
		&nodes_ops);
}

static int
start(struct discovery *discovery)
{
	struct source_pods *source = calloc(1, sizeof(*source));
	int rc;

	if (source == NULL)
		return -ENOMEM;
	discovery->api = source;
	source->discovery = discovery;
	rc = format_query(source);
	if (rc < 0)
		return rc;
	if (discovery->order.watch_nodes)
		start_nodes(source);
	if (discovery->order.watch_pods) {
		start_pods(source);
	} else {
		discovery_pods_listed(discovery);
		discovery_succeeded(discovery);
	}
	return 0;
}

static void
stop(struct discovery *discovery)
{
	struct source_pods *source = discovery->api;

	if (source == NULL)
		return;
	list_watch_stop(&source->pods);
	list_watch_stop(&source->nodes);
	free(source->pods_path);
	free(source->pods_query);
	free(source);
	discovery->api = NULL;
}

const struct discovery_source discovery_source_pods = {
	.start = start,
	.stop = stop,
};
