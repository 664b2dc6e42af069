/* SPDX-License-Identifier: Apache-2.0 */
/* Neighbours; see neighbours.h. */
#include "supervisor/neighbours.h"

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "supervisor/discovery_order.h"
#include "supervisor/metric_families.h"
#include "supervisor/plan.h"
#include "supervisor/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Changes that come together are planned together... */
#define PLAN_DELAY_NS (20 * NS_PER_MS)
/* ...and a rollout, which never stops bringing some, costs little. */
#define PLAN_PAUSE_NS (250 * NS_PER_MS)

/* ------------------------------------------------------------------ metrics */

static struct series *
series_at(struct neighbours *neighbours, struct series **place,
	enum metric_id metric, const char *label)
{
	if (*place == NULL)
		*place = registry_get(neighbours->registry, metric, &label);
	return *place;
}

static void
count_status(struct neighbours *neighbours, const struct wire_discovery *now)
{
	const struct wire_discovery *before = &neighbours->status;
	struct neighbours_series *series = &neighbours->series;

	series_set(
		series_at(neighbours, &series->up, METRIC_DISCOVERY_UP, NULL),
		now->up);
	series_add(series_at(neighbours, &series->received_bytes,
			   METRIC_DISCOVERY_RECEIVED_BYTES_TOTAL, NULL),
		now->received_bytes - before->received_bytes);
	if (now->success_unix_ns != 0)
		series_set(series_at(neighbours, &series->last_success,
				   METRIC_DISCOVERY_LAST_SUCCESS, NULL),
			(double)now->success_unix_ns / (double)NS_PER_S);
	for (unsigned i = 0; i < DISCOVERY_ERROR_COUNT; i++)
		if (now->errors[i] > before->errors[i])
			series_add(series_at(neighbours, &series->errors[i],
					   METRIC_DISCOVERY_ERRORS_TOTAL,
					   discovery_error_name(i)),
				now->errors[i] - before->errors[i]);
}

/* What nobody counts is not shown as it was once. */
static void
remove_counts(struct neighbours_series *series)
{
	registry_remove(series->known);
	registry_remove(series->selected);
	registry_remove(series->refused);
	series->known = series->selected = series->refused = NULL;
}

static void
put_series(struct neighbours *neighbours)
{
	struct neighbours_series *series = &neighbours->series;
	uint64_t now_ns = clock_mono_ns();

	remove_counts(series);
	registry_remove(series->up);
	registry_put(series->last_success, now_ns);
	registry_put(series->received_bytes, now_ns);
	for (unsigned i = 0; i < DISCOVERY_ERROR_COUNT; i++)
		registry_put(series->errors[i], now_ns);
	memset(series, 0, sizeof(*series));
}

/* ----------------------------------------------------------------- planning */

/* Contract, section 5: it is a neighbour, whether it is checked or not. */
static bool
is_neighbour(const struct neighbours *neighbours, const struct neighbour *n)
{
	if (n->refused || (n->flags & WIRE_NEIGHBOUR_SELF) != 0)
		return false;
	return neighbours->conf->allow_unschedulable ||
	       (n->flags & WIRE_NEIGHBOUR_CORDONED) == 0;
}

/*
 * What an API server or a nameserver says is not the operator's word: a
 * hostile one could make every node check itself, or its cloud's metadata
 * service.
 */
static bool
is_refused(const struct neighbours *neighbours, const struct neighbour *n)
{
	struct in6_addr address;

	if (neighbours->conf->neighbour_source == CONF_SOURCE_STATIC)
		return false;
	return !address_parse(&address, neighbour_text(n, NEIGHBOUR_POD_IP)) ||
	       address_kind(&address) != ADDRESS_ORDINARY;
}

/* A second pod of the own node says nothing of the way between nodes. */
static bool
is_on_own_node(const struct neighbours *neighbours, const struct neighbour *n)
{
	return n->node_hash == neighbours->status.own_node_hash &&
	       strcmp(neighbour_text(n, NEIGHBOUR_NODE_NAME),
		       neighbours->status.own_node_name) == 0;
}

static bool
is_admitted(struct neighbour *n, uint64_t now_ns)
{
	if ((n->flags & WIRE_NEIGHBOUR_READY) != 0 ||
		clock_since_ns(now_ns, n->first_seen_ns) >= NEIGHBOURS_ADMIT_NS)
		n->admitted = true;
	return n->admitted;
}

#define KEY_BYTES (WIRE_NAME_BYTES + WIRE_NAMESPACE_BYTES + 2)

static void
format_key(char ret_key[KEY_BYTES], const struct neighbour *n)
{
	snprintf(ret_key, KEY_BYTES, "%s/%s",
		neighbour_text(n, NEIGHBOUR_NAMESPACE),
		neighbour_text(n, NEIGHBOUR_POD_NAME));
}

size_t
neighbours_limit(const struct conf *conf)
{
	if (conf->neighbour_limit <= 0 ||
		conf->neighbour_limit > NEIGHBOURS_SELECTED_MAX)
		return NEIGHBOURS_SELECTED_MAX;
	return (size_t)conf->neighbour_limit;
}

static int
want_target(struct neighbours *neighbours, struct target_table *table,
	struct neighbour *n, uint64_t delay_ns)
{
	const struct conf *conf = neighbours->conf;
	char url[WIRE_ADDRESS_BYTES + 64], label[WIRE_NAME_BYTES + 8];
	char key[KEY_BYTES];
	struct target_spec spec;
	int rc;

	if (n->conf_gen == neighbours->conf_gen &&
		target_table_keep(table, n->target))
		return 0;
	plan_fill_defaults(&spec, conf);
	format_key(key, n);
	snprintf(label, sizeof(label), "path_%s",
		neighbour_text(n, NEIGHBOUR_NODE_NAME));
	snprintf(url, sizeof(url),
		strchr(neighbour_text(n, NEIGHBOUR_POD_IP), ':') != NULL
			? "http%s://[%s]:%u/alwayshappy"
			: "http%s://%s:%u/alwayshappy",
		conf->use_tls ? "s" : "", neighbour_text(n, NEIGHBOUR_POD_IP),
		conf->neighbour_port);
	spec.key = key;
	spec.label = label;
	spec.url = url;
	spec.origin = conf->pod_name;
	rc = target_table_want(table, WORKER_PATH, &spec, delay_ns, &n->target);
	if (rc == 0)
		n->conf_gen = neighbours->conf_gen;
	return rc;
}

static void
note_refused(struct neighbours *neighbours, size_t count,
	const struct neighbour *example)
{
	if (count > 0 && !neighbours->refusal_said) {
		LOG_WARN("neighbours are refused for their addresses, which "
			 "lead to no other machine: look at who names them",
			LOG_INT("neighbours", count),
			LOG_STR("pod",
				neighbour_text(example, NEIGHBOUR_POD_NAME)),
			LOG_STR("address",
				neighbour_text(example, NEIGHBOUR_POD_IP)));
		neighbours->refusal_said = true;
	}
	series_set(series_at(neighbours, &neighbours->series.refused,
			   METRIC_NEIGHBOURS, "refused"),
		(double)count);
}

/*
 * Those that may be checked; none of them is selected then.  Says when the next
 * one's minute is over.
 */
static size_t
fill_candidates(struct neighbours *neighbours,
	struct ring_candidate *candidates, uint64_t now_ns)
{
	const struct neighbour_table *table = &neighbours->table;
	const struct neighbour *refused = NULL;
	uint64_t next_ns = UINT64_MAX;
	size_t count = 0, known_count = 0, refused_count = 0;

	for (struct neighbour *n = neighbour_table_next(table, NULL); n != NULL;
		n = neighbour_table_next(table, n)) {
		bool was_selected = n->selected;

		n->selected = false; /* until it is selected again */
		if (n->refused) {
			refused = n;
			refused_count++;
		}
		if (!is_neighbour(neighbours, n))
			continue;
		known_count++;
		if (is_on_own_node(neighbours, n))
			continue;
		if (!is_admitted(n, now_ns)) {
			if (n->first_seen_ns + NEIGHBOURS_ADMIT_NS < next_ns)
				next_ns =
					n->first_seen_ns + NEIGHBOURS_ADMIT_NS;
			continue;
		}
		candidates[count++] = (struct ring_candidate){
			.node_hash = n->node_hash,
			.node_name = neighbour_text(n, NEIGHBOUR_NODE_NAME),
			.pod_name = neighbour_text(n, NEIGHBOUR_POD_NAME),
			.ready = (n->flags & WIRE_NEIGHBOUR_READY) != 0,
			.selected = was_selected,
			.owner = n,
		};
	}
	if (next_ns != UINT64_MAX)
		loop_timer_start(
			neighbours->loop, &neighbours->admit_timer, next_ns);
	series_set(series_at(neighbours, &neighbours->series.known,
			   METRIC_NEIGHBOURS, "known"),
		(double)known_count);
	note_refused(neighbours, refused_count, refused);
	return count;
}

/* More should be checked than can be. */
static void
log_left_out(struct neighbours *neighbours, size_t known, size_t selected)
{
	int64_t limit = neighbours->conf->neighbour_limit;
	bool left_out = (limit <= 0 || limit > NEIGHBOURS_SELECTED_MAX) &&
			selected == NEIGHBOURS_SELECTED_MAX && known > selected;

	if (left_out && !neighbours->left_out)
		LOG_WARN("not all neighbours are checked: there are too many "
			 "for one node",
			LOG_INT("known", known), LOG_INT("checked", selected));
	neighbours->left_out = left_out;
}

static int
want_selected(struct neighbours *neighbours, struct target_table *table,
	struct ring_candidate *candidates, size_t count, uint64_t now_ns)
{
	const struct conf *conf = neighbours->conf;
	size_t selected =
		ring_select(candidates, count, neighbours->status.own_node_hash,
			(int64_t)neighbours_limit(conf));
	bool first = neighbours->planned_ns == 0;
	int rc = 0;

	for (size_t i = 0; i < selected && rc == 0; i++) {
		struct neighbour *n = candidates[i].owner;

		n->selected = true;
		/* later ones come alone, and are awaited */
		rc = want_target(neighbours, table, n,
			first ? plan_stagger_ns(conf, i, selected) : 0);
	}
	series_set(series_at(neighbours, &neighbours->series.selected,
			   METRIC_NEIGHBOURS, "selected"),
		(double)selected);
	log_left_out(neighbours, count, selected);
	neighbours->planned_ns = now_ns;
	return rc;
}

int
neighbours_plan(struct neighbours *neighbours, struct target_table *table,
	uint64_t now_ns)
{
	struct ring_candidate *candidates;
	int rc = 0;

	loop_timer_stop(neighbours->loop, &neighbours->plan_timer);
	loop_timer_stop(neighbours->loop, &neighbours->admit_timer);
	target_table_begin(table, WORKER_PATH);
	if (!neighbours->conf->check_neighbourhood ||
		!discovery_order_wanted(neighbours->conf)) {
		target_table_end(table, WORKER_PATH, now_ns);
		remove_counts(&neighbours->series);
		return 0;
	}
	if (!neighbours->has_list)
		return 0; /* a part of the list would select others */
	candidates = calloc(neighbours->table.count + 1, sizeof(*candidates));
	if (candidates == NULL)
		return -ENOMEM;
	rc = want_selected(neighbours, table, candidates,
		fill_candidates(neighbours, candidates, now_ns), now_ns);
	free(candidates);
	/* without memory for all, those that are checked stay */
	if (rc == 0)
		target_table_end(table, WORKER_PATH, now_ns);
	return rc;
}

static void
on_plan_timer(struct loop_timer *timer)
{
	struct neighbours *neighbours =
		LOOP_OWNER(timer, struct neighbours, plan_timer);

	neighbours->on_change(neighbours);
}

static void
on_admit_timer(struct loop_timer *timer)
{
	struct neighbours *neighbours =
		LOOP_OWNER(timer, struct neighbours, admit_timer);

	neighbours->on_change(neighbours);
}

static void
plan_soon(struct neighbours *neighbours)
{
	uint64_t now_ns = clock_mono_ns();
	uint64_t due_ns = neighbours->planned_ns + PLAN_PAUSE_NS;

	if (neighbours->plan_timer.armed || !neighbours->has_list)
		return;
	if (due_ns < now_ns + PLAN_DELAY_NS)
		due_ns = now_ns + PLAN_DELAY_NS;
	loop_timer_start(neighbours->loop, &neighbours->plan_timer, due_ns);
}

/* ------------------------------------------------------ what discovery says */

void
neighbours_begin(struct neighbours *neighbours)
{
	struct wire_discovery *status = &neighbours->status;

	neighbours->source_gen++;
	neighbours->confirmed = false;
	/* it counts from zero; the rest is true until it says otherwise */
	status->received_bytes = 0;
	memset(status->errors, 0, sizeof(status->errors));
}

/*
 * Where it was, there is nobody any more, and that is no error: it is not
 * waited for a plan until that stops counting.
 */
static void
stop_counting(struct neighbours *neighbours, const struct neighbour *n)
{
	char key[KEY_BYTES];

	if (!n->selected)
		return;
	format_key(key, n);
	target_table_drop(
		neighbours->targets, WORKER_PATH, key, clock_mono_ns());
}

static bool
has_moved(const struct neighbour *n, const struct wire_neighbour *record)
{
	return strcmp(neighbour_text(n, NEIGHBOUR_POD_IP), record->pod_ip) !=
		       0 ||
	       strcmp(neighbour_text(n, NEIGHBOUR_NODE_NAME),
		       record->node_name) != 0;
}

/* What an earlier process has told, and nothing is checked of, makes room. */
static struct neighbour *
set_neighbour(
	struct neighbours *neighbours, const struct wire_neighbour *record)
{
	struct neighbour_table *table = &neighbours->table;
	uint64_t now_ns = clock_mono_ns();
	struct neighbour *n = neighbour_table_set(table, record, now_ns);

	if (n == NULL && neighbour_table_is_full(table)) {
		neighbour_table_drop_old(table, neighbours->source_gen);
		n = neighbour_table_set(table, record, now_ns);
	}
	return n;
}

int
neighbours_take(
	struct neighbours *neighbours, const struct wire_neighbour *record)
{
	struct neighbour *n = neighbour_table_find(
		&neighbours->table, record->namespace_name, record->pod_name);
	bool gone = (record->flags & WIRE_NEIGHBOUR_GONE) != 0;

	if (n != NULL && (gone || has_moved(n, record)))
		stop_counting(neighbours, n);
	if (gone) {
		if (n == NULL)
			return 0;
		neighbour_table_remove(&neighbours->table, n);
		plan_soon(neighbours);
		return 0;
	}
	n = set_neighbour(neighbours, record);
	if (n == NULL && neighbour_table_is_full(&neighbours->table))
		return -EPROTO;
	if (n == NULL) {
		LOG_ERROR("no memory for a neighbour",
			LOG_STR("pod", record->pod_name));
		plan_soon(neighbours); /* where it was is all that is known */
		return 0;
	}
	n->source_gen = neighbours->source_gen;
	n->refused = is_refused(neighbours, n);
	if (!neighbours->has_list)
		n->admitted = true; /* of the first list: checked at once */
	plan_soon(neighbours);
	return 0;
}

static bool
counts_go_on(
	const struct wire_discovery *now, const struct wire_discovery *before)
{
	for (unsigned i = 0; i < DISCOVERY_ERROR_COUNT; i++)
		if (now->errors[i] < before->errors[i])
			return false;
	return now->received_bytes >= before->received_bytes;
}

int
neighbours_take_status(
	struct neighbours *neighbours, const struct wire_discovery *record)
{
	bool moved = record->own_node_hash != neighbours->status.own_node_hash;

	if (!counts_go_on(record, &neighbours->status))
		return -EPROTO;
	count_status(neighbours, record);
	neighbours->status = *record;
	neighbours->heard |= record->complete || record->detail[0] != '\0';
	if (record->complete && !neighbours->confirmed) {
		neighbours->confirmed = true;
		neighbour_table_sweep(
			&neighbours->table, neighbours->source_gen);
		neighbours->has_list = true;
		neighbours->on_change(neighbours);
	} else if (moved) {
		plan_soon(neighbours);
	}
	return 0;
}

/* -------------------------------------------------------------------- views */

bool
neighbours_settled(const struct neighbours *neighbours)
{
	return neighbours->heard || !discovery_order_wanted(neighbours->conf);
}

bool
neighbours_own_cordoned(const struct neighbours *neighbours)
{
	return neighbours->status.own_cordoned &&
	       neighbours->conf->ready_follows_cordon &&
	       !neighbours->conf->allow_unschedulable;
}

static const char *
state_text(const struct neighbours *neighbours)
{
	if (!neighbours->conf->check_neighbourhood)
		return "skipped";
	if (neighbours->status.up || !discovery_order_wanted(neighbours->conf))
		return "ok";
	return neighbours->status.detail[0] != '\0' ? neighbours->status.detail
						    : "pending";
}

/* What a reader of /alive holds on to. */
struct view {
	size_t count;
	struct neighbour **held;
	struct alive_neighbour *shown;
	char state[WIRE_DETAIL_BYTES];
};

static void
free_view(struct view *view)
{
	if (view == NULL)
		return;
	for (size_t i = 0; i < view->count; i++)
		neighbour_unref(view->held[i]);
	free(view->held);
	free(view->shown);
	free(view);
}

static void
hold(struct view *view, struct neighbour *n)
{
	view->held[view->count] = neighbour_ref(n);
	view->shown[view->count++] = (struct alive_neighbour){
		.pod_name = neighbour_text(n, NEIGHBOUR_POD_NAME),
		.pod_ip = neighbour_text(n, NEIGHBOUR_POD_IP),
		.host_ip = neighbour_text(n, NEIGHBOUR_HOST_IP),
		.node_name = neighbour_text(n, NEIGHBOUR_NODE_NAME),
		.node_hash = n->node_hash,
	};
}

int
neighbours_open_view(struct neighbours *neighbours, struct alive_view *alive)
{
	const struct neighbour_table *table = &neighbours->table;
	struct view *view = calloc(1, sizeof(*view));

	if (view == NULL)
		return -ENOMEM;
	view->held = calloc(table->count + 1, sizeof(*view->held));
	view->shown = calloc(table->count + 1, sizeof(*view->shown));
	if (view->held == NULL || view->shown == NULL) {
		free_view(view);
		return -ENOMEM;
	}
	for (struct neighbour *n = neighbour_table_next(table, NULL); n != NULL;
		n = neighbour_table_next(table, n))
		if (is_neighbour(neighbours, n))
			hold(view, n);
	snprintf(
		view->state, sizeof(view->state), "%s", state_text(neighbours));
	alive->neighbourhood_enabled = neighbours->conf->check_neighbourhood;
	alive->neighbourhood_state = view->state;
	alive->neighbours = view->shown;
	alive->n_neighbours = view->count;
	alive->neighbourhood_snapshot = view;
	return 0;
}

void
neighbours_close_view(struct neighbours *neighbours, struct alive_view *alive)
{
	(void)neighbours;
	free_view(alive->neighbourhood_snapshot);
	alive->neighbourhood_snapshot = NULL;
}

/* --------------------------------------------------------------------- life */

void
neighbours_init(struct neighbours *neighbours)
{
	neighbour_table_init(&neighbours->table);
	loop_timer_init(&neighbours->plan_timer, on_plan_timer);
	loop_timer_init(&neighbours->admit_timer, on_admit_timer);
}

void
neighbours_fini(struct neighbours *neighbours)
{
	neighbour_table_fini(&neighbours->table);
}

bool
neighbours_configure(struct neighbours *neighbours, const struct conf *conf)
{
	const struct conf *old = neighbours->conf;
	bool changed = old != NULL && !discovery_order_equal(old, conf);

	neighbours->conf = conf;
	neighbours->conf_gen++;
	if (changed || old == NULL)
		neighbours->heard = neighbours->refusal_said = false;
	if (!discovery_order_wanted(conf)) {
		neighbour_table_fini(&neighbours->table);
		memset(&neighbours->status, 0, sizeof(neighbours->status));
		neighbours->has_list = false;
		neighbours->planned_ns = 0;
		put_series(neighbours);
	}
	return changed;
}
