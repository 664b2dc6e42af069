/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site: what its daemons serve, and what their clients share: the answers
 * that are always the same, the deadlines, the limits.  See http_daemon.h.
 */
#include "common/clock.h"
#include "common/heap.h"
#include "supervisor/http_curtain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Between two requests the library writes zeros all over a connection's
 * memory, so one that idles is dear; and so is one that does not take its
 * answer: at most one in four each. */
#define DEAR_DIVISOR 4

/* Long answers of /alive being sent at one time; one of usual size is copied
 * and not counted.  Not more than one connection in eight, for these are not
 * cut to make room for connections. */
#define MAX_ALIVE     64
#define ALIVE_DIVISOR 8

/* Each run of the library looks at every connection whose handshake is not
 * over, 2 us each: half a millisecond, for everybody. */
#define MAX_HANDSHAKES 256

/*
 * With each piece that comes the library reads the line from its begin, up to
 * 17 us: two milliseconds in one run.  An honest request comes in one piece, so
 * the others are few, and what they hold is 2.5 MiB.  Who says nothing at all
 * is spared for a second.
 */
#define MAX_UNFINISHED 128

/* Memory is given back when of so many connections three in four have gone,
 * a second later. */
#define TRIM_PEAK_COUNT 64
#define TRIM_DELAY_NS   NS_PER_S

static unsigned
lesser(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static struct MHD_Response *
new_answer(const struct http_answer_def *def, bool is_http_1_0)
{
	/* the library takes the body as writable and does not write */
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(def->body),
			(void *)(uintptr_t)def->body, MHD_RESPMEM_PERSISTENT);

	if (response == NULL)
		return NULL;
	if (def->content_type != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			def->content_type);
	if (def->header != NULL)
		MHD_add_response_header(response, def->header, def->value);
	if (is_http_1_0)
		http_reply_speak_1_0(response);
	return response;
}

static void
init_deadlines(struct http_site *site, const struct http_timeouts *timeouts,
	unsigned max_connections)
{
	size_t dear = max_connections / DEAR_DIVISOR;
	const size_t max[HTTP_PHASE_COUNT] = {
		[HTTP_PHASE_HANDSHAKE] = MAX_HANDSHAKES,
		[HTTP_PHASE_HEADERS] = MAX_UNFINISHED,
		[HTTP_PHASE_BODY] = MAX_UNFINISHED,
		[HTTP_PHASE_ANSWER] = dear + max_connections / ALIVE_DIVISOR,
		[HTTP_PHASE_IDLE] = dear,
	};

	http_deadlines_init(&site->deadlines, site->loop, timeouts, max);
}

static void
on_trim(struct loop_timer *timer)
{
	struct http_site *site =
		LOOP_OWNER(timer, struct http_site, trim_timer);

	site->peak_clients = site->n_clients;
	heap_trim();
}

void
http_site_count(struct http_site *site, bool is_new)
{
	if (is_new && ++site->n_clients > site->peak_clients)
		site->peak_clients = site->n_clients;
	if (is_new || --site->n_clients > site->peak_clients / 4)
		return;
	if (site->peak_clients >= TRIM_PEAK_COUNT && !site->trim_timer.armed)
		loop_timer_start(site->loop, &site->trim_timer,
			loop_now_ns(site->loop) + TRIM_DELAY_NS);
}

struct http_site *
http_site_new(struct loop *loop, const struct http_source *source,
	const struct http_timeouts *timeouts, unsigned max_connections,
	unsigned max_scrapes)
{
	const unsigned max_streams[HTTP_PAGE_COUNT] = {
		[HTTP_PAGE_METRICS] = max_scrapes,
		[HTTP_PAGE_ALIVE] =
			lesser(max_connections / ALIVE_DIVISOR, MAX_ALIVE),
	};
	struct http_site *site = calloc(1, sizeof(*site));
	bool complete = true;

	if (site == NULL)
		return NULL;
	site->loop = loop;
	site->source = *source;
	site->max_clients = max_connections;
	http_streams_init(&site->streams, loop, max_streams);
	init_deadlines(site, timeouts, max_connections);
	loop_timer_init(&site->trim_timer, on_trim);
	for (size_t i = 0; i < 2 * HTTP_ANSWER_COUNT; i++) {
		struct MHD_Response **response = &site->answers[i % 2][i / 2];

		*response = new_answer(&http_answers[i / 2], i % 2 == 1);
		complete = complete && *response != NULL;
	}
	if (!complete) {
		http_site_free(site);
		return NULL;
	}
	return site;
}

void
http_site_free(struct http_site *site)
{
	if (site == NULL)
		return;
	for (size_t i = 0; i < 2 * HTTP_ANSWER_COUNT; i++)
		if (site->answers[i % 2][i / 2] != NULL)
			MHD_destroy_response(site->answers[i % 2][i / 2]);
	loop_timer_stop(site->loop, &site->trim_timer);
	http_streams_fini(&site->streams);
	http_deadlines_fini(&site->deadlines);
	free(site);
}

size_t
http_site_connections(const struct http_site *site)
{
	return site->n_clients;
}
