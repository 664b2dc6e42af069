/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints show; see status.h. */
#include "supervisor/status.h"

#include "common/clock.h"
#include "supervisor/exposition.h"
#include "supervisor/plan.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A first check begins within a second of the first plan and ends within its
 * timeout; a worker that died has had its second start by then. */
#define FIRST_ROUND_MAX_NS (PLAN_CHECK_TIMEOUT_NS + 4 * NS_PER_S)

/* The keys of last_check_result, whatever is switched off. */
static const enum worker_type built_in[] = {
	WORKER_API_SERVER_DIRECT,
	WORKER_API_SERVER_DNS,
	WORKER_ME_INGRESS,
	WORKER_ME_SERVICE,
};

#define BUILT_IN_COUNT (sizeof(built_in) / sizeof(built_in[0]))

/* One block: the results, then their texts. */
struct snapshot {
	struct alive_result *results;
	size_t count;
	char *texts;
	size_t texts_len;
};

struct scrape {
	struct supervisor *supervisor;
	struct exposition exposition;
};

static bool
ready(void *arg)
{
	const struct supervisor *supervisor = arg;

	return !supervisor->stopping &&
	       !neighbours_own_cordoned(&supervisor->neighbours);
}

static bool
is_shown(const struct target *target)
{
	return target->used && target->news != TARGET_NEWS_GONE;
}

bool
status_first_round_ended(struct supervisor *supervisor)
{
	const struct target_table *table = &supervisor->targets;

	if (supervisor->first_round_ended)
		return true;
	if (clock_since_ns(clock_mono_ns(), supervisor->started_mono_ns) <
		FIRST_ROUND_MAX_NS) {
		if (!neighbours_settled(&supervisor->neighbours))
			return false;
		for (size_t i = 0; i < table->count; i++)
			if (is_shown(table->targets[i]) &&
				!table->targets[i]->has_result)
				return false;
	}
	supervisor->first_round_ended = true;
	return true;
}

static bool
first_round_ended(void *arg)
{
	struct supervisor *supervisor = arg;

	if (!supervisor->first_round_ended)
		worker_pool_read(&supervisor->pool);
	return status_first_round_ended(supervisor);
}

/* The first pass counts, the second copies. */
static void
add_result(struct snapshot *snapshot, const char *type, const char *text,
	const char *warning)
{
	size_t type_len = strlen(type) + 1, text_len = strlen(text) + 1;
	size_t warning_len = warning != NULL ? strlen(warning) + 1 : 0;

	if (snapshot->results != NULL) {
		struct alive_result *result =
			&snapshot->results[snapshot->count];
		char *place = snapshot->texts + snapshot->texts_len;

		result->type = memcpy(place, type, type_len);
		result->text = memcpy(place + type_len, text, text_len);
		if (warning != NULL)
			result->warning = memcpy(place + type_len + text_len,
				warning, warning_len);
	}
	snapshot->count++;
	snapshot->texts_len += type_len + text_len + warning_len;
}

static void
add_results(struct snapshot *snapshot, const struct supervisor *supervisor)
{
	const struct target_table *table = &supervisor->targets;

	snapshot->count = snapshot->texts_len = 0;
	for (size_t i = 0; i < BUILT_IN_COUNT; i++)
		if (plan_skips(supervisor->conf, built_in[i]))
			add_result(snapshot, worker_type_name(built_in[i]),
				"skipped", NULL);
	for (size_t i = 0; i < table->count; i++)
		if (is_shown(table->targets[i]))
			add_result(snapshot, table->targets[i]->spec.label,
				table->targets[i]->has_result
					? table->targets[i]->detail
					: "pending",
				table->targets[i]->warning);
}

static void
free_snapshot(struct snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	free(snapshot->results);
	free(snapshot->texts);
	free(snapshot);
}

static int
alive_open(void *arg, struct alive_view *ret_view)
{
	struct supervisor *supervisor = arg;
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL)
		return -ENOMEM;
	worker_pool_read(&supervisor->pool);
	add_results(snapshot, supervisor);
	snapshot->texts = malloc(snapshot->texts_len + 1);
	snapshot->results =
		calloc(snapshot->count + 1, sizeof(*snapshot->results));
	if (snapshot->texts == NULL || snapshot->results == NULL) {
		free_snapshot(snapshot);
		return -ENOMEM;
	}
	add_results(snapshot, supervisor);
	memset(ret_view, 0, sizeof(*ret_view));
	ret_view->hostname = supervisor->host_name;
	ret_view->results = snapshot->results;
	ret_view->n_results = snapshot->count;
	ret_view->snapshot = snapshot;
	return neighbours_open_view(&supervisor->neighbours, ret_view);
}

static void
alive_close(void *arg, struct alive_view *view)
{
	struct supervisor *supervisor = arg;

	neighbours_close_view(&supervisor->neighbours, view);
	free_snapshot(view->snapshot);
}

static void
on_origin(void *arg, const char *name, size_t len)
{
	struct supervisor *supervisor = arg;

	origins_seen(supervisor->origins, name, len, clock_mono_ns());
}

/* What it shows is of the moment in which it began. */
static void *
metrics_open(void *arg)
{
	struct supervisor *supervisor = arg;
	struct scrape *scrape = malloc(sizeof(*scrape));

	if (scrape == NULL)
		return NULL;
	scrape->supervisor = supervisor;
	supervisor->scrape_count++;
	exposition_start(&scrape->exposition, supervisor->registry,
		supervisor->conf->expose_metadata);
	return scrape;
}

static ssize_t
metrics_read(void *reader, char *buf, size_t cap)
{
	struct scrape *scrape = reader;

	return exposition_read(&scrape->exposition, buf, cap);
}

static void
metrics_close(void *reader)
{
	struct scrape *scrape = reader;

	exposition_fini(&scrape->exposition);
	if (--scrape->supervisor->scrape_count == 0)
		worker_pool_hold(&scrape->supervisor->pool, 0);
	free(scrape);
}

struct http_source
status_source(struct supervisor *supervisor)
{
	return (struct http_source){
		.arg = supervisor,
		.ready = ready,
		.first_round_ended = first_round_ended,
		.alive_open = alive_open,
		.alive_close = alive_close,
		.on_origin = on_origin,
		.metrics_open = metrics_open,
		.metrics_read = metrics_read,
		.metrics_close = metrics_close,
	};
}
