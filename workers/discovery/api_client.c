/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the API server; see api_client.h. */
#include "workers/discovery/api_client.h"

#include "common/clock.h"
#include "workers/discovery/api_request.h"
#include "workers/trust.h"
#include "workers/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* To the end of the TLS handshake. */
#define DIAL_NS (10 * NS_PER_S)
/*
 * One piece of an answer; one buffer serves all clients of the process.  It
 * unpacks to 4 MiB at most (zlib.net/zlib_tech.html: 1032 to 1), and turn.h
 * ends the turn after a piece that took long.
 */
#define READ_BUFFER_BYTES (4 * 1024)

/* The body's part of the piece, without the framing of chunks. */
static struct {
	char bytes[READ_BUFFER_BYTES];
	size_t len;
} body;

static void step(struct api_client *client);

static void
close_connection(struct api_client *client)
{
	resolver_cancel(&client->query);
	if (client->race.loop != NULL)
		race_stop(&client->race);
	if (client->watch == NULL)
		return;
	loop_timer_stop(client->worker->loop, &client->again);
	loop_watch_forget(client->worker->loop, client->watch);
	client->watch = NULL;
	transport_close(&client->transport, TRANSPORT_CLOSE_NORMAL);
}

static void
forget_request(struct api_client *client)
{
	if (client->request == NULL)
		return;
	explicit_bzero(client->request, client->request_cap_bytes);
	free(client->request);
	client->request = NULL;
}

static void
end(struct api_client *client, enum api_client_end how)
{
	bool keep = how == API_CLIENT_COMPLETE &&
		    http_response_reusable(&client->response);

	loop_timer_stop(client->worker->loop, &client->deadline);
	if (keep)
		loop_watch_change(
			client->worker->loop, client->watch, LOOP_READ);
	else
		close_connection(client);
	client->state = API_CLIENT_IDLE;
	client->ops->on_end(client, how);
}

static void
give_up(struct api_client *client, enum discovery_error error)
{
	client->error = error;
	forget_request(client);
	end(client, API_CLIENT_FAILED);
}

static void
fail(struct api_client *client, enum discovery_error error, const char *what,
	const char *why)
{
	/* each with a bound, for both may be foreign */
	snprintf(client->text, sizeof(client->text), "%.*s: %.*s",
		(int)sizeof(client->text) / 2 - 2, what,
		(int)sizeof(client->text) / 2 - 2, why);
	give_up(client, error);
}

static void
fail_transport(struct api_client *client, const char *what)
{
	char why[API_CLIENT_ERROR_BYTES / 2];

	transport_describe_failure(&client->transport, why, sizeof(why));
	if (client->state == API_CLIENT_TLS) {
		/* it begins with "tls: " */
		snprintf(client->text, sizeof(client->text), "%s", why);
		give_up(client, DISCOVERY_ERROR_TLS);
		return;
	}
	if (why[0] == '\0')
		snprintf(why, sizeof(why), "the connection was closed");
	fail(client, DISCOVERY_ERROR_CONNECT, what, why);
}

/* --------------------------------------------------------------- connecting */

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	struct attempt *attempt = LOOP_OWNER(watch, struct attempt, watch);

	(void)ready;
	step(LOOP_OWNER(attempt->race, struct api_client, race));
}

/* A peer that vanished is noticed within a minute and a half (tcp(7)). */
static void
keep_alive(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 6 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 60 * 1000 },
	};

	/* without them silence is noticed all the same, only later */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].option,
			&options[i].value, sizeof(options[i].value));
}

static void
on_first(struct race *race, uint64_t now_ns)
{
	(void)now_ns;
	LOOP_OWNER(race, struct api_client, race)->state = API_CLIENT_CONNECT;
}

static void
on_won(struct race *race, struct attempt *winner, uint64_t now_ns,
	const struct tcp_observation *observation)
{
	struct api_client *client = LOOP_OWNER(race, struct api_client, race);
	const struct control_nursery *settings = client->worker->settings;
	const struct tls_trust *trust = trust_for_api_server(settings);
	int rc = -ENOMEM;

	(void)now_ns;
	(void)observation;
	resolver_cancel(&client->query);
	client->watch = &winner->watch;
	client->watch->on_ready = on_ready;
	client->state = API_CLIENT_TLS;
	keep_alive(client->watch->fd);
	if (trust != NULL)
		rc = transport_start(&client->transport, client->watch->fd,
			trust, settings->api_host);
	if (rc < 0) {
		socket_close_abortive(client->watch->fd);
		loop_watch_forget(client->worker->loop, client->watch);
		client->watch = NULL;
		fail(client, DISCOVERY_ERROR_TLS, "tls", strerror(-rc));
		return;
	}
	step(client);
}

static void
on_lost(struct race *race, int sys_errno, const struct race_address *address)
{
	struct api_client *client = LOOP_OWNER(race, struct api_client, race);
	char text[DNS_TEXT_BYTES], peer[64] = "";

	if (address == NULL) {
		resolver_format_error(&client->query, text);
		fail(client, DISCOVERY_ERROR_CONNECT, "API server", text);
		return;
	}
	race_format_address(address, peer, sizeof(peer));
	snprintf(text, sizeof(text), "connect %s", peer);
	fail(client, DISCOVERY_ERROR_CONNECT, text, strerror(sys_errno));
}

static const struct race_callbacks race_callbacks = {
	.wanted = LOOP_WRITE,
	.on_first = on_first,
	.on_won = on_won,
	.on_lost = on_lost,
};

static void
on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct api_client *client = LOOP_OWNER(query, struct api_client, query);

	race_add_answer(
		&client->race, answer, client->worker->settings->api_port);
}

static void
on_resolved(struct resolver_query *query)
{
	(void)query; /* the race knows already */
}

static void
dial(struct api_client *client)
{
	const struct control_nursery *settings = client->worker->settings;
	struct race_address address;

	client->reused = false;
	client->state = API_CLIENT_RESOLVE;
	race_start(&client->race, client->worker->loop, &race_callbacks);
	loop_timer_start(client->worker->loop, &client->deadline,
		clock_mono_ns() + DIAL_NS);
	if (race_parse_literal(
		    &address, settings->api_host, "", settings->api_port)) {
		race_add_literal(&client->race, &address);
		return;
	}
	client->query.on_answer = on_answer;
	client->query.on_done = on_resolved;
	if (resolver_start(client->worker->resolver, &client->query,
		    settings->api_host) < 0)
		fail(client, DISCOVERY_ERROR_CONNECT, "API server",
			"KUBERNETES_SERVICE_HOST is no name");
}

/* ------------------------------------------------------------ the exchange */

static enum io_result
write_request(struct api_client *client)
{
	enum io_result result =
		transport_write(&client->transport, client->request,
			client->request_len_bytes, &client->written_bytes);

	if (result == IO_DONE) {
		client->state = API_CLIENT_READ;
		client->heard_ns = clock_mono_ns();
		loop_timer_start(client->worker->loop, &client->deadline,
			client->heard_ns + client->silence_ns);
	}
	return result;
}

static void
on_body(struct http_response *response, const char *bytes, size_t len)
{
	(void)response;
	memcpy(body.bytes + body.len, bytes, len);
	body.len += len;
}

static void
hand_on_body(struct api_client *client)
{
	if (!client->enough && body.len > 0)
		client->enough =
			!client->ops->on_body(client, body.bytes, body.len);
}

/* True: the request is over. */
static bool
judge(struct api_client *client, enum http_progress progress)
{
	if (client->enough) {
		end(client, API_CLIENT_REFUSED);
		return true;
	}
	switch (progress) {
	case HTTP_MORE:
	case HTTP_HEADERS_DONE:
		return false;
	case HTTP_DONE:
		end(client, API_CLIENT_COMPLETE);
		return true;
	case HTTP_BAD_BODY:
		end(client, API_CLIENT_CUT);
		return true;
	case HTTP_BAD:
		break;
	}
	fail(client, DISCOVERY_ERROR_MALFORMED, "http",
		http_response_error(&client->response));
	return true;
}

static bool
take_bytes(struct api_client *client, const char *bytes, size_t n_bytes)
{
	struct http_response *response = &client->response;
	enum http_progress progress;
	size_t used;

	client->heard_ns = clock_mono_ns();
	client->has_bytes = true;
	forget_request(client); /* an answer may overtake what is written */
	client->ops->on_received(client, n_bytes);
	body.len = 0;
	progress = http_response_feed(response, bytes, n_bytes, &used);
	if (progress == HTTP_HEADERS_DONE) {
		client->has_headers = true;
		client->ops->on_headers(client);
		bytes += used;
		n_bytes -= used;
		progress = http_response_feed(response, bytes, n_bytes, &used);
	}
	/* more than was asked for: what comes next would not be ours */
	if (progress == HTTP_DONE && used < n_bytes)
		response->keep_alive = false;
	hand_on_body(client);
	return judge(client, progress);
}

/* A server may close an idle connection just when it is used again. */
static bool
can_retry(const struct api_client *client)
{
	return client->reused && !client->has_bytes && client->request != NULL;
}

static void
retry(struct api_client *client)
{
	close_connection(client);
	client->written_bytes = 0;
	dial(client);
}

static void
read_end(struct api_client *client, enum io_result result)
{
	enum http_progress progress;

	if (can_retry(client)) {
		retry(client);
		return;
	}
	if (client->has_headers) {
		progress = http_response_eof(&client->response);
		end(client, progress == HTTP_DONE && result == IO_EOF &&
					    transport_ended_whole(
						    &client->transport)
				    ? API_CLIENT_COMPLETE
				    : API_CLIENT_CUT);
		return;
	}
	fail_transport(client, "no answer");
}

/* IO_DONE: the request is over, or has been started again. */
static enum io_result
read_answer(struct api_client *client)
{
	static char bytes[READ_BUFFER_BYTES];
	enum io_result result;
	size_t n_bytes;

	for (;;) {
		result = transport_read(
			&client->transport, bytes, sizeof(bytes), &n_bytes);
		if (result == IO_EOF || result == IO_ERROR) {
			read_end(client, result);
			return IO_DONE;
		}
		if (result == IO_WANT_READ)
			client->ops->on_pause(client);
		if (result != IO_DONE)
			return result;
		if (take_bytes(client, bytes, n_bytes))
			return IO_DONE;
	}
}

static void
step(struct api_client *client)
{
	struct loop *loop = client->worker->loop;
	enum io_result result = IO_DONE;

	loop_timer_stop(loop, &client->again);
	transport_begin_turn(&client->transport, loop_now_ns(loop));
	if (client->state == API_CLIENT_IDLE) {
		/* nothing was asked: it closes, or speaks out of turn */
		close_connection(client);
		return;
	}
	if (client->state == API_CLIENT_TLS) {
		result = transport_handshake(&client->transport);
		if (result == IO_DONE)
			client->state = API_CLIENT_WRITE;
	}
	if (result == IO_DONE && client->state == API_CLIENT_WRITE)
		result = write_request(client);
	if (result == IO_DONE && client->state == API_CLIENT_READ)
		result = read_answer(client);
	else if (result == IO_EOF || result == IO_ERROR) {
		if (client->state == API_CLIENT_WRITE && can_retry(client))
			retry(client);
		else
			fail_transport(client, "write");
		return;
	}
	if (result == IO_WANT_READ || result == IO_WANT_WRITE)
		loop_watch_change(loop, client->watch,
			result == IO_WANT_READ ? LOOP_READ : LOOP_WRITE);
	else if (result == IO_AGAIN)
		loop_timer_start(loop, &client->again, loop_now_ns(loop));
}

static void
on_again(struct loop_timer *timer)
{
	step(LOOP_OWNER(timer, struct api_client, again));
}

static void
on_deadline(struct loop_timer *timer)
{
	struct api_client *client =
		LOOP_OWNER(timer, struct api_client, deadline);
	uint64_t now_ns = clock_mono_ns();
	const struct race_address *address;
	char what[96] = "connect", peer[64], text[DNS_TEXT_BYTES];

	switch (client->state) {
	case API_CLIENT_IDLE:
		break;
	case API_CLIENT_RESOLVE:
		resolver_expire(&client->query);
		resolver_format_error(&client->query, text);
		fail(client, DISCOVERY_ERROR_CONNECT, "API server", text);
		break;
	case API_CLIENT_CONNECT:
		address = race_pending(&client->race);
		if (address != NULL)
			snprintf(what, sizeof(what), "connect %s",
				race_format_address(
					address, peer, sizeof(peer)));
		fail(client, DISCOVERY_ERROR_CONNECT, what, "timeout");
		break;
	case API_CLIENT_TLS:
		fail(client, DISCOVERY_ERROR_TLS, "tls", "timeout");
		break;
	case API_CLIENT_WRITE:
		fail(client, DISCOVERY_ERROR_CONNECT, "write", "timeout");
		break;
	case API_CLIENT_READ:
		if (now_ns < client->heard_ns + client->silence_ns) {
			loop_timer_start(client->worker->loop, timer,
				client->heard_ns + client->silence_ns);
		} else if (client->has_headers) {
			end(client, API_CLIENT_CUT);
		} else {
			fail(client, DISCOVERY_ERROR_CONNECT, "no answer",
				"timeout");
		}
		break;
	}
}

void
api_client_init(struct api_client *client, struct worker *worker,
	const struct api_client_ops *ops)
{
	client->worker = worker;
	client->ops = ops;
	loop_timer_init(&client->deadline, on_deadline);
	loop_timer_init(&client->again, on_again);
}

void
api_client_start(
	struct api_client *client, const struct api_client_request *request)
{
	client->has_bytes = client->has_headers = client->enough = false;
	client->silence_ns = request->silence_ns;
	http_response_init(&client->response, false, false);
	client->response.on_body = on_body;
	client->response.body_max_bytes = UINT64_MAX;
	if (client->worker->settings->api_host[0] == '\0') {
		fail(client, DISCOVERY_ERROR_CONNECT, "API server",
			"KUBERNETES_SERVICE_HOST is not set");
		return;
	}
	if (api_request_prepare(client, request) < 0) {
		forget_request(client);
		end(client, API_CLIENT_FAILED);
		return;
	}
	if (client->watch == NULL) {
		dial(client);
		return;
	}
	client->reused = true;
	client->state = API_CLIENT_WRITE;
	loop_timer_start(client->worker->loop, &client->deadline,
		clock_mono_ns() + DIAL_NS);
	step(client);
}

void
api_client_stop(struct api_client *client)
{
	if (client->worker == NULL)
		return;
	loop_timer_stop(client->worker->loop, &client->deadline);
	close_connection(client);
	forget_request(client);
	client->state = API_CLIENT_IDLE;
}
