/* SPDX-License-Identifier: Apache-2.0 */
/* The body of the discovery worker; see discovery.h. */
#include "workers/discovery/discovery.h"

#include "common/clock.h"
#include "common/log.h"
#include "workers/discovery/node_hash.h"
#include "workers/resolver.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Received bytes alone are told at most as often. */
#define STATUS_PAUSE_NS NS_PER_S
/* More do not fit a DNS message of 64 KiB. */
#define ADDRESSES_MAX 4096

static const struct discovery_source *const sources[CONTROL_SOURCE_END] = {
	[CONTROL_SOURCE_PODS] = &discovery_source_pods,
	[CONTROL_SOURCE_DNS] = &discovery_source_dns,
	[CONTROL_SOURCE_STATIC] = &discovery_source_static,
};

/* ----------------------------------------------------------------- telling */

static bool
has_own_name(const struct discovery *discovery, const struct item_fields *pod)
{
	const struct control_discovery *order = &discovery->order;

	if (order->source == CONTROL_SOURCE_STATIC)
		return strcmp(pod->name, order->pod_name) == 0 ||
		       strcmp(pod->name, order->node_name) == 0;
	return strcmp(pod->name, order->pod_name) == 0 &&
	       (order->namespace_name[0] == '\0' ||
		       pod->namespace_name[0] == '\0' ||
		       strcmp(pod->namespace_name, order->namespace_name) == 0);
}

/*
 * An address tells who has none of the names; else others may share it.  Nor
 * does it where somebody wrote a list, who may well give a host's own address
 * another name.
 */
static bool
is_self(const struct discovery *discovery, const struct item_fields *pod)
{
	if (discovery->own_is_named ||
		discovery->order.source == CONTROL_SOURCE_STATIC)
		return has_own_name(discovery, pod);
	return has_own_name(discovery, pod) ||
	       own_addresses_have(&discovery->addresses, pod->ip);
}

static int
tell_item(struct discovery *discovery, const struct item *item)
{
	const struct item_fields fields = item_fields(item);
	struct wire_record record;
	struct wire_neighbour *out = &record.body.neighbour;

	wire_init(&record, WIRE_NEIGHBOUR, discovery->worker->gen);
	wire_set_text(out->pod_name, WIRE_NAME_BYTES, fields.name);
	wire_set_text(out->namespace_name, WIRE_NAMESPACE_BYTES,
		fields.namespace_name);
	if (item->gone) {
		out->flags = WIRE_NEIGHBOUR_GONE;
		return worker_try_emit(discovery->worker, &record);
	}
	wire_set_text(out->node_name, WIRE_NAME_BYTES, fields.node_name);
	wire_set_text(out->pod_ip, WIRE_ADDRESS_BYTES, fields.ip);
	wire_set_text(out->host_ip, WIRE_ADDRESS_BYTES, fields.host_ip);
	out->node_hash = node_hash(fields.node_name);
	if (fields.ready)
		out->flags |= WIRE_NEIGHBOUR_READY;
	if (is_self(discovery, &fields))
		out->flags |= WIRE_NEIGHBOUR_SELF;
	if (item_store_find(&discovery->cordons, "", fields.node_name) != NULL)
		out->flags |= WIRE_NEIGHBOUR_CORDONED;
	return worker_try_emit(discovery->worker, &record);
}

static int
tell_status(struct discovery *discovery)
{
	struct wire_record record;
	int rc;

	wire_init(&record, WIRE_DISCOVERY, discovery->worker->gen);
	record.body.discovery = discovery->status;
	rc = worker_try_emit(discovery->worker, &record);
	if (rc == 0)
		discovery->status_changed = false;
	return rc;
}

/* -EBUSY: so many records have been written that the next one must wait. */
static int
tell_next(struct discovery *discovery)
{
	struct item *item = item_store_first_changed(&discovery->pods);
	int rc;

	if (!pace_take(&discovery->pace, clock_mono_ns()))
		return -EBUSY;
	if (item == NULL)
		return tell_status(discovery);
	rc = tell_item(discovery, item);
	if (rc == 0)
		item_store_told(&discovery->pods, item);
	return rc;
}

static bool
has_news(const struct discovery *discovery)
{
	return discovery->status_changed ||
	       item_store_first_changed(&discovery->pods) != NULL;
}

/*
 * Changes first: a state that says "complete" must come after the neighbours
 * it speaks of.  What the pipe does not take waits for it.
 */
static void
tell(struct discovery *discovery)
{
	int rc = 0;

	if (discovery->pipe.fd >= 0 || discovery->pace_timer.armed)
		return;
	while (rc == 0 && has_news(discovery))
		rc = tell_next(discovery);
	if (rc == -EBUSY)
		loop_timer_start(discovery->worker->loop,
			&discovery->pace_timer,
			loop_now_ns(discovery->worker->loop) + PACE_WAIT_NS);
	if (rc == -EAGAIN)
		loop_watch_open(discovery->worker->loop, &discovery->pipe,
			discovery->worker->pipe_fd, LOOP_WRITE);
}

static void
on_pipe_writable(struct loop_watch *watch, unsigned ready)
{
	struct discovery *discovery = LOOP_OWNER(watch, struct discovery, pipe);

	(void)ready;
	loop_watch_close(discovery->worker->loop, watch);
	tell(discovery);
}

static void
on_pace_timer(struct loop_timer *timer)
{
	tell(LOOP_OWNER(timer, struct discovery, pace_timer));
}

static void
on_status_timer(struct loop_timer *timer)
{
	tell(LOOP_OWNER(timer, struct discovery, status_timer));
}

static void
tell_status_now(struct discovery *discovery)
{
	discovery->status_changed = true;
	tell(discovery);
}

/* ---------------------------------------------------------------- oneself */

/* Until now its own address made it oneself. */
static void
touch_own_address(void *arg, struct item *item)
{
	struct discovery *discovery = arg;

	if (own_addresses_have(&discovery->addresses, item_fields(item).ip))
		item_store_touch(&discovery->pods, item);
}

static void
look_for_name(void *arg, struct item *item)
{
	struct discovery *discovery = arg;
	struct item_fields fields = item_fields(item);

	discovery->own_is_named |= has_own_name(discovery, &fields);
}

static void
look_for_own_name(struct discovery *discovery)
{
	if (discovery->own_is_named)
		return;
	item_store_each(&discovery->pods, look_for_name, discovery);
	if (discovery->own_is_named)
		item_store_each(&discovery->pods, touch_own_address, discovery);
}

struct own_search {
	const struct discovery *discovery;
	const char *node_name; /* of the own pod */
	bool node_is_known;
};

static void
look_for_own(void *arg, struct item *item)
{
	struct own_search *search = arg;
	struct item_fields fields = item_fields(item);

	if (is_self(search->discovery, &fields))
		search->node_name = fields.node_name;
	if (strcmp(fields.node_name, search->discovery->order.node_name) == 0)
		search->node_is_known = true;
}

/* The ring begins at the own pod's node, or where we were told to stand. */
static void
place_oneself(struct discovery *discovery)
{
	struct wire_discovery *status = &discovery->status;
	struct own_search search = { .discovery = discovery };
	const char *own = discovery->order.node_name;

	look_for_own_name(discovery);
	item_store_each(&discovery->pods, look_for_own, &search);
	if (search.node_name != NULL) {
		own = search.node_name;
	} else if (!search.node_is_known && status->complete &&
		   !discovery->own_was_missed &&
		   discovery->pods.present_count > 0 &&
		   discovery->order.source == CONTROL_SOURCE_PODS) {
		LOG_WARN("neither the own pod nor the own node is among the "
			 "neighbours: is KUBENURSE_NODE_NAME set?",
			LOG_STR("pod", discovery->order.pod_name),
			LOG_STR("node", own));
		discovery->own_was_missed = true;
	}
	status->own_cordoned =
		item_store_find(&discovery->cordons, "", own) != NULL;
	if (strcmp(status->own_node_name, own) == 0)
		return;
	wire_set_text(status->own_node_name, WIRE_NAME_BYTES, own);
	status->own_node_hash = node_hash(own);
	discovery->status_changed = true;
}

/* ------------------------------------------------------- what sources say */

void
discovery_pods_changed(struct discovery *discovery)
{
	place_oneself(discovery);
	tell(discovery);
}

void
discovery_pods_listed(struct discovery *discovery)
{
	discovery->status.complete = 1;
	discovery->status_changed = true;
	discovery_pods_changed(discovery);
}

/* One walk for all nodes that have changed: there may be as many as pods. */
static void
touch_pod_of_changed_node(void *arg, struct item *item)
{
	struct discovery *discovery = arg;

	if (item_store_is_changed(
		    &discovery->cordons, "", item_fields(item).node_name))
		item_store_touch(&discovery->pods, item);
}

void
discovery_cordons_changed(struct discovery *discovery)
{
	uint8_t was_cordoned = discovery->status.own_cordoned;
	struct item *node;

	if (item_store_first_changed(&discovery->cordons) != NULL)
		item_store_each(
			&discovery->pods, touch_pod_of_changed_node, discovery);
	while ((node = item_store_first_changed(&discovery->cordons)) != NULL)
		item_store_told(&discovery->cordons, node);
	place_oneself(discovery);
	if (discovery->status.own_cordoned != was_cordoned) {
		LOG_INFO(was_cordoned ? "the own node is no longer cordoned"
				      : "the own node is cordoned",
			LOG_STR("node", discovery->status.own_node_name));
		discovery->status_changed = true;
	}
	tell(discovery);
}

void
discovery_succeeded(struct discovery *discovery)
{
	struct wire_discovery *status = &discovery->status;

	if (!status->up && status->detail[0] != '\0')
		LOG_INFO("the source of neighbours answers again");
	status->up = 1;
	status->success_unix_ns = clock_unix_ns();
	wire_set_text(status->detail, sizeof(status->detail), "");
	tell_status_now(discovery);
}

void
discovery_count_error(struct discovery *discovery, enum discovery_error error)
{
	discovery->status.errors[error]++;
	tell_status_now(discovery);
}

void
discovery_failed(struct discovery *discovery, enum discovery_error error,
	const char *detail)
{
	struct wire_discovery *status = &discovery->status;
	bool news = status->up || status->detail[0] == '\0';
	char old[WIRE_DETAIL_BYTES];

	memcpy(old, status->detail, sizeof(old));
	wire_set_text(status->detail, sizeof(status->detail), detail);
	if (news || strcmp(old, status->detail) != 0)
		LOG_WARN("the source of neighbours does not answer: "
			 "the last known ones stay",
			LOG_STR("reason", discovery_error_name(error)),
			LOG_STR("error", status->detail));
	status->up = 0;
	discovery_count_error(discovery, error);
}

void
discovery_received(struct discovery *discovery, size_t n_bytes)
{
	discovery->status.received_bytes += n_bytes;
	discovery->status_changed = true;
	if (!discovery->status_timer.armed)
		loop_timer_start(discovery->worker->loop,
			&discovery->status_timer,
			loop_now_ns(discovery->worker->loop) + STATUS_PAUSE_NS);
}

/* ------------------------------------------------------------ the messages */

static void
free_order(struct control_discovery *order)
{
	free((char *)(uintptr_t)order->namespace_name);
	free((char *)(uintptr_t)order->selector);
	free((char *)(uintptr_t)order->service);
	free((char *)(uintptr_t)order->pod_name);
	free((char *)(uintptr_t)order->node_name);
	memset(order, 0, sizeof(*order));
}

static int
copy_order(struct control_discovery *to, const struct control_discovery *from)
{
	*to = *from;
	to->namespace_name = strdup(from->namespace_name);
	to->selector = strdup(from->selector);
	to->service = strdup(from->service);
	to->pod_name = strdup(from->pod_name);
	to->node_name = strdup(from->node_name);
	return to->namespace_name != NULL && to->selector != NULL &&
			       to->service != NULL && to->pod_name != NULL &&
			       to->node_name != NULL
		       ? 0
		       : -ENOMEM;
}

static void
take_order(struct discovery *discovery, const struct control_discovery *order)
{
	int rc;

	if (discovery->source != NULL) {
		LOG_ERROR("discovery got a second order");
		return;
	}
	rc = copy_order(&discovery->order, order);
	if (rc == 0) {
		discovery->source = sources[order->source];
		place_oneself(discovery);
		rc = discovery->source->start(discovery);
	}
	if (rc == 0)
		return;
	LOG_ERROR("discovery cannot start", LOG_ERRNO(-rc));
	loop_stop(discovery->worker->loop);
}

static void
take_neighbour(
	struct discovery *discovery, const struct control_neighbour *neighbour)
{
	int rc = -EPROTO;

	if (discovery->source != NULL &&
		discovery->source->on_neighbour != NULL)
		rc = discovery->source->on_neighbour(discovery, neighbour);
	if (rc < 0)
		LOG_ERROR("a neighbour cannot be used",
			LOG_STR("neighbour", neighbour->name), LOG_ERRNO(-rc));
}

static void
on_message(struct worker *worker, struct control_message *message)
{
	struct discovery *discovery = worker->discovery;

	switch (message->kind) {
	case CONTROL_DISCOVERY:
		take_order(discovery, &message->body.discovery);
		break;
	case CONTROL_NEIGHBOUR:
		take_neighbour(discovery, &message->body.neighbour);
		break;
	case CONTROL_NEIGHBOURS_END:
		if (discovery->source != NULL &&
			discovery->source->on_neighbours_end != NULL)
			discovery->source->on_neighbours_end(discovery);
		break;
	case CONTROL_DRAIN: /* no check is under way */
	case CONTROL_CANCEL:
		loop_stop(worker->loop);
		break;
	case CONTROL_BOOT:
	case CONTROL_TARGET:
	case CONTROL_TARGET_GONE:
	case CONTROL_BIRTH:
	case CONTROL_BORN:
	case CONTROL_ENDED:
	case CONTROL_MEMORY:
	case CONTROL_RENEW:
	case CONTROL_READY:
	case CONTROL_KIND_END:
		LOG_WARN("message of another kind on the control socket",
			LOG_INT("kind", message->kind));
		break;
	}
}

static int
discovery_open(struct worker *worker)
{
	const struct resolver_options options = {
		.addresses_max = ADDRESSES_MAX,
	};
	struct discovery *discovery = calloc(1, sizeof(*discovery));

	if (discovery == NULL)
		return -ENOMEM;
	worker->discovery = discovery;
	discovery->worker = worker;
	item_store_init(&discovery->pods);
	item_store_init(&discovery->cordons);
	loop_watch_init(&discovery->pipe, on_pipe_writable);
	loop_timer_init(&discovery->status_timer, on_status_timer);
	loop_timer_init(&discovery->pace_timer, on_pace_timer);
	pace_init(&discovery->pace, clock_mono_ns());
	own_addresses_read(&discovery->addresses);
	worker->resolver = resolver_new(worker->loop, &options);
	return worker->resolver != NULL ? 0 : -ENOMEM;
}

static void
discovery_close(struct worker *worker)
{
	struct discovery *discovery = worker->discovery;

	if (discovery != NULL) {
		if (discovery->source != NULL)
			discovery->source->stop(discovery);
		loop_timer_stop(worker->loop, &discovery->status_timer);
		loop_timer_stop(worker->loop, &discovery->pace_timer);
		loop_watch_close(worker->loop, &discovery->pipe);
		item_store_fini(&discovery->pods);
		item_store_fini(&discovery->cordons);
		free_order(&discovery->order);
		free(discovery);
		worker->discovery = NULL;
	}
	resolver_free(worker->resolver);
}

const struct worker_body discovery_body = {
	.open = discovery_open,
	.on_message = on_message,
	.close = discovery_close,
};
