/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site: what its daemons serve, and what their clients share: the answers
 * that are always the same, the deadlines, the limits.  See http_daemon.h.
 */
#include "supervisor/http_curtain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Between two requests the library writes zeros all over a connection's
 * memory, so one that idles is dear: at most one in four. */
#define IDLE_DIVISOR 4

/* Long answers of /alive being sent at one time; one of usual size is copied
 * and not counted.  Not more than one connection in eight, for these are not
 * cut to make room for others. */
#define MAX_ALIVE     64
#define ALIVE_DIVISOR 8

/* Each run of the library looks at every connection whose handshake is not
 * over, 2 us each: half a millisecond, for everybody. */
#define MAX_HANDSHAKES 256

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

struct http_site *
http_site_new(struct loop *loop, const struct http_source *source,
	const struct http_timeouts *timeouts, unsigned max_connections,
	unsigned max_scrapes)
{
	struct http_site *site = calloc(1, sizeof(*site));
	bool complete = true;

	if (site == NULL)
		return NULL;
	site->loop = loop;
	site->source = *source;
	site->max_clients = max_connections;
	site->max_scrapes = max_scrapes;
	site->max_alive = max_connections / ALIVE_DIVISOR < MAX_ALIVE
				  ? max_connections / ALIVE_DIVISOR
				  : MAX_ALIVE;
	http_deadlines_init(&site->deadlines, loop, timeouts,
		max_connections / IDLE_DIVISOR, MAX_HANDSHAKES);
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
	http_deadlines_fini(&site->deadlines);
	free(site);
}

size_t
http_site_connections(const struct http_site *site)
{
	return site->n_clients;
}
