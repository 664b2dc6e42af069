/* SPDX-License-Identifier: Apache-2.0 */
/* Long answers and who may have one; see http_stream.h. */
#include "supervisor/http_stream.h"

#include "common/clock.h"
#include "supervisor/http_body.h"
#include "supervisor/http_curtain.h"
#include "supervisor/http_listen.h"

#include <errno.h>
#include <linux/tcp.h> /* glibc's tcp_info ends before tcpi_bytes_acked */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Blocks made in one turn: that long, 0.25 ms with gzip, everybody else may
 * have to wait. */
#define BLOCKS_PER_TURN 1

/*
 * An eighth of 1 Mbit/s, while half of the places are taken.  A client that is
 * slower gets no more than 144 KiB before the 10 s are over that an answer, and
 * by default a scrape of Prometheus, may take.  The first second is free: lost
 * segments are sent again after 0.2 and 0.6 s.
 */
#define MIN_BYTES_PER_S 16384
#define GRACE_NS        NS_PER_S
#define LOOK_NS         (NS_PER_S / 4)
/* Two seconds of that rate, and more than the headers of an answer. */
#define CREDIT_BYTES (2 * MIN_BYTES_PER_S)

struct http_stream {
	struct http_client *client;
	struct http_body *body; /* NULL: of HEAD, or cut */
	struct http_places *places;
	bool is_cut;
	struct http_peer peer;
	uint64_t began_ns;
	uint64_t acked_before_bytes; /* on this connection */
	uint64_t given_bytes;
	struct http_stream *older, *newer;
};

static void on_look(struct loop_timer *timer);

void
http_streams_init(struct http_streams *streams, struct loop *loop,
	const unsigned max[HTTP_PAGE_COUNT])
{
	memset(streams, 0, sizeof(*streams));
	streams->loop = loop;
	loop_timer_init(&streams->timer, on_look);
	for (size_t i = 0; i < HTTP_PAGE_COUNT; i++)
		streams->places[i].max = max[i];
	http_streams_begin_turn(streams);
}

void
http_streams_fini(struct http_streams *streams)
{
	loop_timer_stop(streams->loop, &streams->timer);
}

void
http_streams_begin_turn(struct http_streams *streams)
{
	streams->blocks_left = BLOCKS_PER_TURN;
	for (size_t i = 0; i < HTTP_PAGE_COUNT; i++)
		streams->places[i].cuts_left = streams->places[i].max;
}

static struct http_peer
peer_of(const struct http_client *client)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		client->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return http_listen_peer(info != NULL ? info->client_addr : NULL);
}

/* false: not a TCP connection. */
static bool
acked_bytes(const struct http_client *client, uint64_t *ret_bytes)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(client->deadline.fd, IPPROTO_TCP, TCP_INFO, &info,
		    &len) < 0)
		return false;
	*ret_bytes = info.tcpi_bytes_acked;
	return true;
}

/*
 * What the client has taken, not what the kernel holds for it; headers and
 * framing count as well.
 */
static uint64_t
taken_bytes(const struct http_stream *stream)
{
	uint64_t bytes;

	if (!acked_bytes(stream->client, &bytes))
		return stream->given_bytes;
	return bytes - stream->acked_before_bytes;
}

/* How far a stream is behind the minimum; negative: ahead of it. */
static int64_t
behind_bytes(const struct http_stream *stream, uint64_t free_ns)
{
	const struct http_site *site = stream->client->daemon->site;
	uint64_t age_ns = loop_now_ns(site->loop) - stream->began_ns;
	uint64_t due_bytes = age_ns > free_ns ? (age_ns - free_ns) / NS_PER_MS *
							MIN_BYTES_PER_S / 1000
					      : 0;

	return (int64_t)due_bytes - (int64_t)taken_bytes(stream);
}

static void
enter(struct http_places *places, struct http_stream *stream)
{
	stream->places = places;
	stream->older = places->newest;
	if (places->newest != NULL)
		places->newest->newer = stream;
	else
		places->oldest = stream;
	places->newest = stream;
	places->n++;
}

/* Idempotent. */
static void
leave(struct http_stream *stream)
{
	struct http_places *places = stream->places;

	if (places == NULL)
		return;
	if (stream->older != NULL)
		stream->older->newer = stream->newer;
	else
		places->oldest = stream->newer;
	if (stream->newer != NULL)
		stream->newer->older = stream->older;
	else
		places->newest = stream->older;
	stream->older = stream->newer = NULL;
	stream->places = NULL;
	places->n--;
}

/* The body goes at once, the rest when the library has seen the end. */
static void
cut(struct http_stream *stream)
{
	struct http_client *client = stream->client;

	leave(stream);
	http_body_free(stream->body);
	stream->body = NULL;
	stream->is_cut = true;
	http_deadline_reset(
		&client->daemon->site->deadlines, &client->deadline);
}

/* Who has taken much and then stands still is as slow as any other: what lies
 * further back than the credit is forgotten. */
static void
limit_credit(struct http_stream *stream)
{
	int64_t excess = -behind_bytes(stream, 0) - CREDIT_BYTES;

	if (excess <= 0)
		return;
	stream->acked_before_bytes += (uint64_t)excess;
	stream->given_bytes -= (uint64_t)excess;
}

/* Else a slow client is in nobody's way: it has the time of any answer. */
static bool
are_scarce(const struct http_places *places)
{
	return places->n >= (places->max + 1) / 2;
}

static void
on_look(struct loop_timer *timer)
{
	struct http_streams *streams =
		LOOP_OWNER(timer, struct http_streams, timer);
	bool any = false;

	for (size_t i = 0; i < HTTP_PAGE_COUNT; i++) {
		struct http_stream *next = streams->places[i].oldest;

		any = any || next != NULL;
		while (next != NULL) {
			struct http_stream *stream = next;

			next = stream->newer;
			limit_credit(stream);
			/* who has taken all there was waits for us */
			if (are_scarce(&streams->places[i]) &&
				behind_bytes(stream, GRACE_NS) > 0 &&
				taken_bytes(stream) < stream->given_bytes)
				cut(stream);
		}
	}
	if (any)
		loop_timer_start(streams->loop, timer,
			loop_now_ns(streams->loop) + LOOK_NS);
}

bool
http_streams_make_room(struct http_streams *streams, struct http_client *client,
	enum http_page page)
{
	struct http_places *places = &streams->places[page];
	struct http_stream *last = NULL, *last_of_peer = NULL;
	const struct http_peer peer = peer_of(client);
	unsigned n_of_peer = 0;

	for (struct http_stream *stream = places->oldest; stream != NULL;
		stream = stream->newer) {
		int64_t behind = behind_bytes(stream, 0);

		if (last == NULL || behind > behind_bytes(last, 0))
			last = stream;
		if (memcmp(&stream->peer, &peer, sizeof(peer)) != 0)
			continue;
		n_of_peer++;
		if (last_of_peer == NULL ||
			behind > behind_bytes(last_of_peer, 0))
			last_of_peer = stream;
	}
	if (n_of_peer >= (places->max + 1) / 2)
		last = last_of_peer;
	else if (places->n < places->max)
		return true;
	if (last == NULL || places->cuts_left == 0)
		return false;
	places->cuts_left--;
	cut(last);
	return true;
}

static ssize_t
read_stream(void *cls, uint64_t position, char *buf, size_t cap)
{
	struct http_stream *stream = cls;
	struct http_client *client = stream->client;
	struct http_site *site = client->daemon->site;
	ssize_t n;

	(void)position;
	if (stream->is_cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (stream->body == NULL)
		return MHD_CONTENT_READER_END_OF_STREAM; /* HEAD */
	if (site->streams.blocks_left == 0)
		return 0; /* asked again in the next turn */
	site->streams.blocks_left--;
	client->daemon->n_steps++;
	n = http_body_read(stream->body, buf, cap);
	if (n == -EAGAIN)
		return 0;
	if (n < 0) {
		/* the library forgets to close until something happens */
		http_deadline_cut(&site->deadlines, &client->deadline);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	stream->given_bytes += (uint64_t)n;
	return n > 0 ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
free_stream(void *cls)
{
	struct http_stream *stream = cls;

	leave(stream);
	http_body_free(stream->body);
	free(stream);
}

static struct http_stream *
new_stream(
	struct http_client *client, struct http_body *body, enum http_page page)
{
	struct http_streams *streams = &client->daemon->site->streams;
	struct http_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->client = client;
	stream->body = body;
	if (body == NULL)
		return stream;
	stream->peer = peer_of(client);
	stream->began_ns = loop_now_ns(streams->loop);
	(void)acked_bytes(client, &stream->acked_before_bytes);
	enter(&streams->places[page], stream);
	if (!streams->timer.armed)
		loop_timer_start(streams->loop, &streams->timer,
			stream->began_ns + LOOK_NS);
	return stream;
}

/*
 * HEAD gets no chunked coding and a closed connection: libmicrohttpd 0.9.75
 * would send the last chunk of the body that is not there.
 */
struct MHD_Response *
http_stream_new(
	struct http_client *client, struct http_body *body, enum http_page page)
{
	struct http_stream *stream = new_stream(client, body, page);
	struct MHD_Response *response;

	if (stream == NULL) {
		http_body_free(body);
		return NULL;
	}
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
		HTTP_BODY_BLOCK_BYTES, read_stream, stream, free_stream);
	if (response == NULL) {
		free_stream(stream);
		return NULL;
	}
	if (client->is_head)
		MHD_set_response_options(response,
			MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	http_deadline_answer(
		&client->daemon->site->deadlines, &client->deadline, true);
	return response;
}
