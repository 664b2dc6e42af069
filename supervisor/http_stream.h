/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are made while they are sent, a block at a time.  Each page of
 * this kind has a number of places, so that memory is bounded, and no client
 * can keep others out by holding them: see http_streams_make_room.  Behind the
 * curtain of http_daemon.h.
 */
#ifndef SUPERVISOR_HTTP_STREAM_H
#define SUPERVISOR_HTTP_STREAM_H

#include "common/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct http_body;
struct http_client;
struct http_stream;
struct MHD_Response;

/* One more such page is one more row here and in http_site.c. */
enum http_page { HTTP_PAGE_METRICS, HTTP_PAGE_ALIVE, HTTP_PAGE_COUNT };

struct http_places {
	unsigned max;
	unsigned n;
	unsigned cuts_left; /* in this turn */
	struct http_stream *oldest, *newest;
};

struct http_streams {
	struct loop *loop;
	struct loop_timer timer; /* looks after who is too slow */
	unsigned blocks_left;    /* of all pages, in this turn */
	struct http_places places[HTTP_PAGE_COUNT];
};

void http_streams_init(struct http_streams *streams, struct loop *loop,
	const unsigned max[HTTP_PAGE_COUNT]);
/* Its streams must be gone. */
void http_streams_fini(struct http_streams *streams);
/* Before each run of the library. */
void http_streams_begin_turn(struct http_streams *streams);

/*
 * Before the body for a client is made.  One address (of IPv6: one /64) may
 * have half of a page's places.  When it has them, or when all are taken, the
 * client that is furthest behind a rate of 16 KiB/s loses
 * its place: of those that came at the same time, the one that has taken the
 * fewest bytes.  false: as many as may be were cut in this turn.
 */
bool http_streams_make_room(struct http_streams *streams,
	struct http_client *client, enum http_page page);
/*
 * A response that reads the body and owns it from now on, also when it fails.
 * body is NULL for HEAD, which takes no place.  NULL: no memory.
 */
struct MHD_Response *http_stream_new(struct http_client *client,
	struct http_body *body, enum http_page page);

#endif
