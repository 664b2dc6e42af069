/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and watches; see list_watch.h. */
#include "workers/discovery/list_watch.h"

#include "common/clock.h"
#include "common/neighbour_limits.h"
#include "workers/discovery/gunzip.h"
#include "workers/discovery/resource_version.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Between two bytes of a list. */
#define LIST_SILENCE_NS (30 * NS_PER_S)
/*
 * Between two events of a watch.  kube-apiserver sends a bookmark a minute
 * (cacher.go: defaultBookmarkFrequency), and looks for those due each second;
 * but none while its cache has seen no change since it was started.  So a list
 * tells whether there was anything to tell.
 */
#define WATCH_SILENCE_NS (75 * NS_PER_S)
/*
 * So old a list may become, and as much again by chance.  With ten thousand
 * nodes that is two lists a second for the API servers, of 1.3 MB before they
 * are packed; with a thousand one in five seconds.
 */
#define LIST_AGE_NS (3600 * NS_PER_S)
/* How long the server keeps a watch: client-go's five to ten minutes. */
#define WATCH_TIMEOUT_MIN_S    300
#define WATCH_TIMEOUT_SPREAD_S 300
/* All doctors of a cluster may learn at once that they must list again. */
#define RELIST_SPREAD_NS (5 * NS_PER_S)
/* A watch that ends sooner is a failure, so that none is opened in a loop. */
#define WATCH_SHORTEST_NS NS_PER_S
/* After so many the version may be what the server chokes on. */
#define FAILED_WATCHES_MAX 3
#define RETRY_AFTER_MAX_S  300
/* Even then the doctors do not come all at one moment. */
#define HURRY_NS (NS_PER_S / 2)
/* Plain objects of the largest cluster that is held are 300 MB. */
#define LIST_MAX_BYTES (512ULL * 1024 * 1024)
/* An event holds one object, and etcd takes none above 1.5 MiB. */
#define EVENT_MAX_BYTES (8ULL * 1024 * 1024)

static void request(struct list_watch *watch, enum list_watch_state state);

static uint32_t
chance(void)
{
	uint32_t number = 0;

	/* it never fails once the system is up; then 0 is no trouble either */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		return 0;
	return number;
}

static void
wait_for(struct list_watch *watch, enum list_watch_state next, uint64_t wait_ns)
{
	watch->state = LIST_WATCH_WAITING;
	watch->next = next;
	watch->was_alone = false;
	loop_timer_start(watch->client.worker->loop, &watch->timer,
		clock_mono_ns() + wait_ns);
}

/* Up to a period, by chance. */
static uint64_t
spread_ns(uint64_t period_ns)
{
	return (uint64_t)chance() * (period_ns / UINT32_MAX + 1) % period_ns;
}

static void
expect_event(struct list_watch *watch)
{
	loop_timer_start(watch->client.worker->loop, &watch->timer,
		clock_mono_ns() + WATCH_SILENCE_NS);
}

static enum list_watch_state
resume_state(const struct list_watch *watch)
{
	return watch->version[0] != '\0' ? LIST_WATCH_WATCHING
					 : LIST_WATCH_LISTING;
}

static void
free_parsers(struct list_watch *watch)
{
	table_parser_free(watch->parser);
	gunzip_free(watch->gunzip);
	watch->parser = NULL;
	watch->gunzip = NULL;
}

/* ----------------------------------------------------------------- failures */

/* What the answer asks for, within bounds; 0: it does not. */
static uint64_t
retry_after_ns(const struct list_watch *watch)
{
	const struct http_fields *fields = &watch->client.response.fields;
	int64_t wait_s = fields->retry_after_s;

	if (!watch->client.has_headers)
		return 0;
	if (fields->retry_after_unix_s != 0)
		wait_s = fields->retry_after_unix_s -
			 (int64_t)(clock_unix_ns() / NS_PER_S);
	if (wait_s <= 0)
		return 0;
	return (uint64_t)(wait_s < RETRY_AFTER_MAX_S ? wait_s
						     : RETRY_AFTER_MAX_S) *
	       NS_PER_S;
}

static void
fail(struct list_watch *watch, enum discovery_error error, const char *text)
{
	uint64_t wait_ns = backoff_next_ns(&watch->backoff, chance());
	uint64_t asked_ns = retry_after_ns(watch);

	if (wait_ns < asked_ns)
		wait_ns = asked_ns + (uint64_t)chance() % NS_PER_S;
	watch->doubted_version[0] = '\0';
	/* who answers next may know less, or more, than the one before */
	if (error == DISCOVERY_ERROR_CONNECT || error == DISCOVERY_ERROR_TLS)
		watch->version[0] = '\0';
	watch->ops->on_failure(watch, error, text);
	wait_for(watch, resume_state(watch), wait_ns);
	watch->was_alone = error == DISCOVERY_ERROR_CONNECT;
}

/* What was known of the changes is lost; only a list can tell. */
static void
list_again(struct list_watch *watch)
{
	watch->version[0] = watch->doubted_version[0] = '\0';
	watch->ops->on_failure(watch, DISCOVERY_ERROR_GONE,
		"410 Gone: the API server no longer keeps these changes");
	wait_for(watch, LIST_WATCH_LISTING, spread_ns(RELIST_SPREAD_NS));
}

/* A list tells whether it has missed something; see end_list(). */
static void
end_quiet_watch(struct list_watch *watch)
{
	api_client_stop(&watch->client);
	free_parsers(watch);
	memcpy(watch->doubted_version, watch->version, sizeof(watch->version));
	watch->version[0] = '\0';
	wait_for(watch, LIST_WATCH_LISTING,
		watch->silent ? backoff_next_ns(&watch->backoff, chance())
			      : spread_ns(NS_PER_S));
}

/* Lists still come: they serve instead, until a watch tells something. */
static void
judge_quiet_watch(struct list_watch *watch)
{
	bool has_missed = watch->doubted_version[0] != '\0' &&
			  strcmp(watch->doubted_version, watch->version) != 0;

	watch->doubted_version[0] = '\0';
	if (!has_missed || watch->silent)
		return;
	watch->silent = true;
	watch->ops->on_failure(watch, DISCOVERY_ERROR_SILENT,
		"no event and no bookmark for 75 s, though a list shows "
		"changes: does a proxy before the API server hold back its "
		"answers?");
}

static void
on_timer(struct loop_timer *timer)
{
	struct list_watch *watch = LOOP_OWNER(timer, struct list_watch, timer);

	if (watch->state == LIST_WATCH_WATCHING)
		end_quiet_watch(watch);
	else
		request(watch, watch->next);
}

static enum discovery_error
error_of_status(const struct list_watch *watch, unsigned status)
{
	switch (status) {
	case 400:
		return watch->options.has_selector
			       ? DISCOVERY_ERROR_BAD_SELECTOR
			       : DISCOVERY_ERROR_SERVER;
	case 401:
		return DISCOVERY_ERROR_UNAUTHORIZED;
	case 403:
		return DISCOVERY_ERROR_FORBIDDEN;
	case 410:
		return DISCOVERY_ERROR_GONE;
	case 429:
		return DISCOVERY_ERROR_THROTTLED;
	default: /* all other statuses */
		return DISCOVERY_ERROR_SERVER;
	}
}

static void
fail_status(struct list_watch *watch, unsigned status, const char *status_text,
	const char *message)
{
	bool was_watching = watch->state == LIST_WATCH_WATCHING;
	char text[LIST_WATCH_ERROR_BYTES];

	if (status == 410) {
		list_again(watch);
		return;
	}
	snprintf(text, sizeof(text), "%s%s%s", status_text,
		message[0] != '\0' ? ": " : "", message);
	if (was_watching && ++watch->failed_watches >= FAILED_WATCHES_MAX)
		watch->version[0] = '\0';
	/* a token may have rotated just now: the file is read again */
	if (status == 401 && !watch->tried_token_again) {
		watch->tried_token_again = true;
		watch->ops->on_failure(
			watch, DISCOVERY_ERROR_UNAUTHORIZED, text);
		request(watch, resume_state(watch));
		return;
	}
	fail(watch, error_of_status(watch, status), text);
}

/* ------------------------------------------------------------- the answer */

static int
take_error_event(struct list_watch *watch)
{
	watch->gone = table_parser_status_code(watch->parser) == 410;
	return -ECANCELED;
}

static int
on_event(void *arg, enum table_event event, const struct table_row *row)
{
	struct list_watch *watch = arg;
	int rc = 0;

	watch->event_bytes = 0;
	if (event == TABLE_ERROR)
		return take_error_event(watch);
	if (row != NULL)
		rc = watch->ops->on_row(watch, event, row);
	watch->too_many |= rc == -E2BIG;
	if (event != TABLE_LISTED) {
		watch->told = watch->heard = true;
		watch->silent = false;
		watch->changed |= row != NULL;
		expect_event(watch);
	}
	return rc;
}

/* False: no answer that is of use has as much. */
static bool
count_bytes(struct list_watch *watch, size_t len)
{
	watch->answer_bytes += len;
	watch->event_bytes += len;
	return watch->state == LIST_WATCH_WATCHING
		       ? watch->event_bytes <= EVENT_MAX_BYTES
		       : watch->answer_bytes <= LIST_MAX_BYTES;
}

static int
on_unpacked(void *arg, const char *bytes, size_t len)
{
	struct list_watch *watch = arg;

	if (!count_bytes(watch, len))
		return -EMSGSIZE;
	return table_parser_feed(watch->parser, bytes, len);
}

/*
 * False: the event is older than what the watch was asked to begin with, as it
 * is when etcd was restored from a backup.  What is known may be of a time that
 * never was.
 */
static bool
take_version(struct list_watch *watch, const char *version)
{
	if (version[0] == '\0')
		return true; /* no event yet */
	if (resource_version_is_older(version, watch->asked_version)) {
		watch->gone = true;
		return false;
	}
	snprintf(watch->version, sizeof(watch->version), "%s", version);
	return true;
}

static bool
on_body(struct api_client *client, const char *bytes, size_t len)
{
	struct list_watch *watch =
		LOOP_OWNER(client, struct list_watch, client);
	int rc;

	if (watch->parser == NULL)
		return false;
	if (!count_bytes(watch, len))
		rc = -EMSGSIZE;
	else if (watch->gunzip != NULL)
		rc = gunzip_feed(watch->gunzip, bytes, len);
	else
		rc = table_parser_feed(watch->parser, bytes, len);
	/* of a failure only the message is of interest, if there is one */
	if (rc < 0 && client->response.status == 200) {
		watch->refused = true;
		return false;
	}
	if (watch->state == LIST_WATCH_WATCHING &&
		!take_version(watch, table_parser_version(watch->parser)))
		return false;
	return rc != -EMSGSIZE;
}

static void
on_headers(struct api_client *client)
{
	struct list_watch *watch =
		LOOP_OWNER(client, struct list_watch, client);
	bool ok = client->response.status == 200;
	const struct table_parser_options options = {
		.mode = ok && watch->state == LIST_WATCH_WATCHING ? TABLE_WATCH
								  : TABLE_LIST,
		.kind = watch->options.kind,
		.on_event = on_event,
		.arg = watch,
	};

	watch->parser = table_parser_new(&options, &watch->columns);
	if (client->response.fields.is_gzip)
		watch->gunzip = gunzip_new(on_unpacked, watch);
	if (!ok)
		return;
	watch->tried_token_again = false;
	if (watch->state == LIST_WATCH_LISTING) {
		watch->ops->on_list(watch);
		return;
	}
	expect_event(watch);
	if (!watch->silent)
		watch->ops->on_success(watch);
}

static void
tell_changes(struct list_watch *watch)
{
	bool heard = watch->heard, changed = watch->changed;

	watch->heard = watch->changed = false;
	if (changed)
		watch->ops->on_changes(watch);
	if (heard)
		watch->ops->on_success(watch);
}

static void
on_pause(struct api_client *client)
{
	tell_changes(LOOP_OWNER(client, struct list_watch, client));
}

static const char *
malformed_text(const struct list_watch *watch)
{
	const char *error;

	if (watch->parser == NULL)
		return "no memory";
	error = table_parser_error(watch->parser);
	if (error != NULL)
		return error;
	if (watch->answer_bytes > LIST_MAX_BYTES)
		return "longer than 512 MiB";
	if (watch->state == LIST_WATCH_WATCHING &&
		watch->event_bytes > EVENT_MAX_BYTES)
		return "an event longer than 8 MiB";
	return "not gzip";
}

/* Why an answer of status 200 was of no use. */
static void
fail_unusable(struct list_watch *watch)
{
	char text[LIST_WATCH_ERROR_BYTES];

	if (watch->too_many) {
		fail(watch, DISCOVERY_ERROR_TOO_MANY,
			watch->options.kind == TABLE_PODS
				? "more than " NEIGHBOURS_MAX_TEXT
				  " pods are selected: narrow it with "
				  "KUBENURSE_NAMESPACE or "
				  "KUBENURSE_NEIGHBOUR_FILTER"
				: "more than " NEIGHBOURS_MAX_TEXT
				  " nodes are cordoned");
		return;
	}
	snprintf(text, sizeof(text), "malformed answer: %s",
		malformed_text(watch));
	fail(watch, DISCOVERY_ERROR_MALFORMED, text);
}

/* The end of the connection, however it came, is all the end that the answer
 * has: whether it is whole, the document itself says. */
static bool
is_open_ended(const struct list_watch *watch, enum api_client_end how)
{
	return how == API_CLIENT_CUT &&
	       watch->client.response.body == HTTP_BODY_UNTIL_CLOSE;
}

static void
end_list(struct list_watch *watch, enum api_client_end how)
{
	bool complete =
		(how == API_CLIENT_COMPLETE || is_open_ended(watch, how)) &&
		watch->parser != NULL &&
		(watch->gunzip == NULL || gunzip_finish(watch->gunzip) == 0) &&
		table_parser_finish(watch->parser) == 0;

	watch->ops->on_list_end(watch, complete);
	if (complete) {
		snprintf(watch->version, sizeof(watch->version), "%s",
			table_parser_version(watch->parser));
		watch->failed_watches = 0;
		judge_quiet_watch(watch);
		watch->list_due_ns =
			clock_mono_ns() + LIST_AGE_NS + spread_ns(LIST_AGE_NS);
		if (!watch->silent) {
			backoff_reset(&watch->backoff);
			watch->ops->on_success(watch);
		}
		request(watch, LIST_WATCH_WATCHING);
	} else if (how == API_CLIENT_CUT) {
		fail(watch, DISCOVERY_ERROR_CONNECT,
			"the list was cut before its end");
	} else {
		fail_unusable(watch);
	}
}

static void
end_watch(struct list_watch *watch)
{
	uint64_t lived_ns = clock_mono_ns() - watch->started_ns;

	if (watch->gone) {
		list_again(watch);
	} else if (watch->refused) {
		unsigned code =
			watch->parser != NULL
				? table_parser_status_code(watch->parser)
				: 0;
		char text[32];

		/* an event that cannot be read must not come again and again */
		if (code == 0) {
			watch->version[0] = '\0';
			fail_unusable(watch);
			return;
		}
		snprintf(text, sizeof(text), "the watch ended with %u", code);
		fail_status(
			watch, code, text, table_parser_message(watch->parser));
	} else if (lived_ns < WATCH_SHORTEST_NS) {
		/* one that told something was worth it: only not in a loop */
		if (watch->told)
			backoff_reset(&watch->backoff);
		wait_for(watch, LIST_WATCH_WATCHING,
			backoff_next_ns(&watch->backoff, chance()));
	} else {
		if (!watch->silent)
			backoff_reset(&watch->backoff);
		watch->failed_watches = 0;
		request(watch, clock_mono_ns() < watch->list_due_ns
				       ? LIST_WATCH_WATCHING
				       : LIST_WATCH_LISTING);
	}
}

static void
end_answer(struct list_watch *watch, enum api_client_end how)
{
	const struct http_response *response = &watch->client.response;

	if (how == API_CLIENT_FAILED)
		fail(watch, watch->client.error, watch->client.text);
	else if (response->status != 200)
		fail_status(watch, response->status, response->status_text,
			watch->parser != NULL
				? table_parser_message(watch->parser)
				: "");
	else if (watch->state == LIST_WATCH_LISTING)
		end_list(watch, how);
	else
		end_watch(watch);
}

static void
on_end(struct api_client *client, enum api_client_end how)
{
	struct list_watch *watch =
		LOOP_OWNER(client, struct list_watch, client);
	struct table_parser *parser = watch->parser;
	struct gunzip *gunzip = watch->gunzip;

	tell_changes(watch);
	end_answer(watch, how);
	/* the next request, which may have begun, has none yet */
	if (watch->parser == parser)
		watch->parser = NULL;
	if (watch->gunzip == gunzip)
		watch->gunzip = NULL;
	table_parser_free(parser);
	gunzip_free(gunzip);
}

static void
on_received(struct api_client *client, size_t n_bytes)
{
	struct list_watch *watch =
		LOOP_OWNER(client, struct list_watch, client);

	watch->ops->on_received(watch, n_bytes);
}

static const struct api_client_ops client_ops = {
	.on_headers = on_headers,
	.on_body = on_body,
	.on_pause = on_pause,
	.on_end = on_end,
	.on_received = on_received,
};

/* ------------------------------------------------------------- the request */

/* A list is answered from the server's cache, which knows it all but the last
 * moments, and these the watch tells. */
static int
format_target(struct list_watch *watch, enum list_watch_state state)
{
	const struct list_watch_options *options = &watch->options;
	int len;

	if (state == LIST_WATCH_LISTING)
		len = snprintf(watch->target, sizeof(watch->target),
			"%s?resourceVersion=0&%s", options->path,
			options->query);
	else
		len = snprintf(watch->target, sizeof(watch->target),
			"%s?watch=1&allowWatchBookmarks=true"
			"&resourceVersion=%s&timeoutSeconds=%u&%s",
			options->path, watch->version,
			WATCH_TIMEOUT_MIN_S + chance() % WATCH_TIMEOUT_SPREAD_S,
			options->query);
	return len < (int)sizeof(watch->target) ? 0 : -EMSGSIZE;
}

static void
request(struct list_watch *watch, enum list_watch_state state)
{
	bool list = state == LIST_WATCH_LISTING;
	const struct api_client_request api_request = {
		.target = watch->target,
		.accept = "application/json;as=Table;v=v1;g=meta.k8s.io,"
			  "application/json",
		.accept_gzip = list,
		/* a watch has a timer of its own, for what it tells */
		.silence_ns = list ? LIST_SILENCE_NS : 2 * WATCH_SILENCE_NS,
	};

	watch->state = state;
	watch->started_ns = clock_mono_ns();
	watch->told = watch->heard = watch->changed = false;
	watch->gone = watch->refused = watch->too_many = false;
	watch->answer_bytes = watch->event_bytes = 0;
	watch->parser = NULL;
	watch->gunzip = NULL;
	watch->client.has_headers = false;
	memcpy(watch->asked_version, watch->version, sizeof(watch->version));
	loop_timer_stop(watch->client.worker->loop, &watch->timer);
	if (format_target(watch, state) < 0) {
		fail(watch, DISCOVERY_ERROR_BAD_SELECTOR,
			"the selector is too long");
		return;
	}
	if (!list)
		expect_event(watch);
	api_client_start(&watch->client, &api_request);
}

void
list_watch_start(struct list_watch *watch, struct worker *worker,
	const struct list_watch_options *options,
	const struct list_watch_ops *ops)
{
	watch->options = *options;
	watch->ops = ops;
	loop_timer_init(&watch->timer, on_timer);
	api_client_init(&watch->client, worker, &client_ops);
	request(watch, LIST_WATCH_LISTING);
}

void
list_watch_hurry(struct list_watch *watch)
{
	if (watch->state == LIST_WATCH_WAITING && watch->was_alone)
		wait_for(watch, watch->next, (uint64_t)chance() % HURRY_NS);
}

void
list_watch_stop(struct list_watch *watch)
{
	if (watch->client.worker == NULL)
		return;
	loop_timer_stop(watch->client.worker->loop, &watch->timer);
	api_client_stop(&watch->client);
	free_parsers(watch);
	watch->state = LIST_WATCH_STOPPED;
}
