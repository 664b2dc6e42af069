/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoints show; see status.h. */
#include "supervisor/status.h"

#include "common/clock.h"
#include "supervisor/exposition.h"
#include "supervisor/plan.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

#define TIME_BYTES     64 /* more than any year needs */
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

/* The first pass counts, the second copies.  NULL stays NULL. */
static const char *
keep(struct snapshot *snapshot, const char *text)
{
	char *place = NULL;
	size_t len;

	if (text == NULL)
		return NULL;
	len = strlen(text) + 1;
	if (snapshot->texts != NULL)
		place = memcpy(
			snapshot->texts + snapshot->texts_len, text, len);
	snapshot->texts_len += len;
	return place;
}

static void
add_result(struct snapshot *snapshot, const struct alive_result *result)
{
	const struct alive_result kept = {
		.type = keep(snapshot, result->type),
		.text = keep(snapshot, result->text),
		.ended = keep(snapshot, result->ended),
		.warning = keep(snapshot, result->warning),
	};

	if (snapshot->results != NULL)
		snapshot->results[snapshot->count] = kept;
	snapshot->count++;
}

/* RFC 3339, UTC, with milliseconds. */
static void
format_time(uint64_t unix_ns, char ret_text[TIME_BYTES])
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(ret_text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret_text + len, TIME_BYTES - len, ".%03uZ",
		(unsigned)(unix_ns % NS_PER_S / NS_PER_MS));
}

static void
add_target(struct snapshot *snapshot, const struct target *target)
{
	char ended[TIME_BYTES];

	if (target->has_result)
		format_time(target->ended_unix_ns, ended);
	add_result(snapshot,
		&(struct alive_result){
			.type = target->spec.label,
			.text = target->has_result ? target->detail : "pending",
			.ended = target->has_result ? ended : NULL,
			.warning = target->warning,
		});
}

static void
add_results(struct snapshot *snapshot, const struct supervisor *supervisor)
{
	const struct target_table *table = &supervisor->targets;

	snapshot->count = snapshot->texts_len = 0;
	for (size_t i = 0; i < BUILT_IN_COUNT; i++)
		if (plan_skips(supervisor->conf, built_in[i]))
			add_result(snapshot,
				&(struct alive_result){
					.type = worker_type_name(built_in[i]),
					.text = "skipped",
				});
	for (size_t i = 0; i < table->count; i++)
		if (is_shown(table->targets[i]))
			add_target(snapshot, table->targets[i]);
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
