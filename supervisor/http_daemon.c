/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP over libmicrohttpd; see http_daemon.h.  The only file that knows it:
 * its epoll descriptor is a watch of our loop.  What a request means is
 * decided in http_request.c, how long it may take in http_deadline.c.
 */
#include "supervisor/http_daemon.h"

#include "common/clock.h"
#include "supervisor/http_answer.h"
#include "supervisor/http_body.h"
#include "supervisor/http_farewell.h"
#include "supervisor/http_listen.h"
#include "supervisor/http_request.h"
#include "supervisor/http_tls.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Of one connection; half of it is the first read buffer.  Headers up to
 * about 18 KiB fit, above that the library answers 431; a block of an answer
 * fits as well.  More would cost: between two requests the library writes
 * zeros all over it.
 */
#define CONNECTION_MEMORY_BYTES 20480
/* For that reason a connection that idles is dear: at most one in four. */
#define IDLE_DIVISOR 4
/* Blocks of /alive and /metrics made in one turn: that long, 0.25 ms with
 * gzip, everybody else may have to wait. */
#define BLOCKS_PER_TURN 1
/* Answers of /alive being sent at one time.  One of usual size goes into the
 * socket at once, so that slow readers cannot take these up. */
#define MAX_ALIVE 64
/* Before a socket is closed: the library accepts eleven per run. */
#define SETTLE_RUNS 64

struct http_site {
	struct loop *loop;
	struct http_source source;
	struct http_deadlines deadlines;
	/* HTTP/1.0 gets a second set, which says so */
	struct MHD_Response *answers[2][HTTP_ANSWER_COUNT];
	size_t n_clients, max_clients;
	unsigned n_scrapes, max_scrapes;
	unsigned n_alive;
	unsigned blocks_left; /* in this turn */
};

struct http_daemon {
	struct http_site *site;
	struct http_tls *tls; /* NULL: plain HTTP */
	struct MHD_Daemon *mhd;
	struct loop_watch watch;
	struct loop_timer timer; /* what the library wants done soon */
	size_t n_clients;
	bool retired;
	void (*after_run)(void *arg);
	void *arg;
};

/* A connection, and the request on it. */
struct client {
	struct http_deadline deadline;
	struct http_daemon *daemon;
	struct http_request request;
	struct http_tls_peer peer;
	char *target; /* as sent; of /alive alone */
	/* behind the target; libmicrohttpd before 1.0 takes a NUL in it */
	const char *target_end;
	size_t body_bytes;
	bool headers_done;
	bool is_head;
	bool refused_early; /* what follows the headers was not read */
	bool ends_well;     /* the last answer was sent in full */
};

/* An answer that is made while it is sent. */
struct stream {
	struct http_site *site;
	struct http_body *body; /* NULL: of HEAD */
	unsigned *n_open;       /* counts its like */
};

static bool
is_http_1_0(const char *version)
{
	return strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
}

static void
speak_http_1_0(struct MHD_Response *response)
{
	MHD_set_response_options(response,
		MHD_RF_HTTP_1_0_SERVER | MHD_RF_HTTP_1_0_COMPATIBLE_STRICT,
		MHD_RO_END);
}

static enum MHD_Result
queue_answer(struct http_site *site, struct MHD_Connection *connection,
	const char *version, unsigned status, enum http_answer answer)
{
	return MHD_queue_response(connection, status,
		site->answers[is_http_1_0(version)][answer]);
}

static enum MHD_Result
queue_refusal(struct http_site *site, struct MHD_Connection *connection,
	const char *version, unsigned status)
{
	return queue_answer(
		site, connection, version, status, http_answer_refusal(status));
}

static ssize_t
read_stream(void *cls, uint64_t position, char *buf, size_t cap)
{
	struct stream *stream = cls;
	ssize_t n;

	(void)position;
	if (stream->body == NULL)
		return MHD_CONTENT_READER_END_OF_STREAM; /* HEAD */
	if (stream->site->blocks_left == 0)
		return 0; /* asked again in the next turn */
	stream->site->blocks_left--;
	n = http_body_read(stream->body, buf, cap);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n > 0 ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void
free_stream(void *cls)
{
	struct stream *stream = cls;

	(*stream->n_open)--;
	http_body_free(stream->body);
	free(stream);
}

/* Owns the body, which is NULL for HEAD, from now on.  NULL: no memory. */
static struct MHD_Response *
new_stream(struct http_site *site, struct http_body *body, unsigned *n_open)
{
	struct stream *stream = malloc(sizeof(*stream));
	struct MHD_Response *response;

	if (stream == NULL) {
		http_body_free(body);
		return NULL;
	}
	*stream = (struct stream){ site, body, n_open };
	(*n_open)++;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
		HTTP_BODY_BLOCK_BYTES, read_stream, stream, free_stream);
	if (response == NULL)
		free_stream(stream);
	return response;
}

/*
 * HEAD gets no chunked coding and a closed connection: libmicrohttpd 0.9.75
 * would send the last chunk of the body that is not there.
 */
static enum MHD_Result
queue_stream(struct client *client, struct MHD_Connection *connection,
	const char *version, struct MHD_Response *response)
{
	enum MHD_Result result;

	if (response == NULL)
		return queue_answer(client->daemon->site, connection, version,
			503, HTTP_ANSWER_BUSY);
	if (is_http_1_0(version))
		speak_http_1_0(response);
	else if (client->is_head)
		MHD_set_response_options(response,
			MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
answer_metrics(struct client *client, struct MHD_Connection *connection,
	const char *version)
{
	struct http_site *site = client->daemon->site;
	bool gzip = http_request_wants_gzip(&client->request);
	struct MHD_Response *response = NULL;
	struct http_body *body = NULL;

	if (!client->is_head && site->n_scrapes < site->max_scrapes)
		body = http_body_metrics(&site->source, gzip);
	if (body != NULL || client->is_head)
		response = new_stream(site, body, &site->n_scrapes);
	if (response != NULL) {
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			HTTP_METRICS_TEXT);
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY,
			MHD_HTTP_HEADER_ACCEPT_ENCODING);
	}
	if (response != NULL && gzip)
		MHD_add_response_header(
			response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	return queue_stream(client, connection, version, response);
}

struct header_list {
	struct alive_header *headers;
	size_t n, cap;
};

static enum MHD_Result
add_to_list(void *cls, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	struct header_list *list = cls;

	(void)kind;
	if (list->n == list->cap)
		return MHD_NO;
	list->headers[list->n++] = (struct alive_header){ name,
		value != NULL ? value : "", name_len, value_len };
	return MHD_YES;
}

static struct http_body *
new_alive_body(struct client *client, struct MHD_Connection *connection)
{
	int n = MHD_get_connection_values_n(
		connection, MHD_HEADER_KIND, NULL, NULL);
	struct header_list list = { NULL, 0, n > 0 ? (size_t)n : 0 };
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char remote_addr[HTTP_ADDRESS_CAP_BYTES] = "";
	struct http_body *body = NULL;

	list.headers = calloc(list.cap + 1, sizeof(*list.headers));
	if (list.headers == NULL || client->target == NULL) {
		free(list.headers);
		return NULL;
	}
	MHD_get_connection_values_n(
		connection, MHD_HEADER_KIND, add_to_list, &list);
	if (info != NULL)
		http_listen_format(info->client_addr, remote_addr);
	body = http_body_alive(&client->daemon->site->source,
		&(struct alive_request){
			list.headers, list.n, client->target, remote_addr });
	free(list.headers);
	return body;
}

static enum MHD_Result
answer_alive(struct client *client, struct MHD_Connection *connection,
	const char *version)
{
	struct http_site *site = client->daemon->site;
	struct MHD_Response *response = NULL;
	struct http_body *body = NULL;

	if (!site->source.first_round_ended(site->source.arg))
		return queue_answer(
			site, connection, version, 500, HTTP_ANSWER_EMPTY);
	if (!client->is_head && site->n_alive < MAX_ALIVE)
		body = new_alive_body(client, connection);
	if (body != NULL || client->is_head)
		response = new_stream(site, body, &site->n_alive);
	if (response != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			HTTP_PLAIN_TEXT);
	return queue_stream(client, connection, version, response);
}

static enum MHD_Result
answer(struct client *client, struct MHD_Connection *connection,
	const char *version)
{
	struct http_site *site = client->daemon->site;
	const struct http_request *request = &client->request;
	void *arg = site->source.arg;

	switch (request->route) {
	case HTTP_ROUTE_ALWAYSHAPPY:
		if (request->origin_len > 0)
			site->source.on_origin(
				arg, request->origin, request->origin_len);
		return queue_answer(
			site, connection, version, 200, HTTP_ANSWER_EMPTY);
	case HTTP_ROUTE_READY:
		return queue_answer(site, connection, version,
			site->source.ready(arg) ? 200 : 503, HTTP_ANSWER_EMPTY);
	case HTTP_ROUTE_ALIVE:
		return answer_alive(client, connection, version);
	case HTTP_ROUTE_METRICS:
		return answer_metrics(client, connection, version);
	case HTTP_ROUTE_OTHER:
		return queue_answer(
			site, connection, version, 301, HTTP_ANSWER_REDIRECT);
	case HTTP_ROUTE_SERVER:
		return queue_answer(
			site, connection, version, 200, HTTP_ANSWER_OPTIONS);
	case HTTP_ROUTE_INVALID:
		break;
	}
	return queue_refusal(site, connection, version, 400);
}

static enum MHD_Result
look_at_header(void *cls, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	http_request_header(
		cls, name, name_len, value != NULL ? value : "", value_len);
	return MHD_YES;
}

/*
 * The headers are complete, a body may follow.  An answer given now closes
 * the connection, one given when the request is complete does not.
 */
static enum MHD_Result
begin_answer(struct client *client, struct MHD_Connection *connection,
	const char *method, const char *version)
{
	struct http_site *site = client->daemon->site;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	unsigned refusal;

	client->headers_done = true;
	http_deadline_headers_done(&site->deadlines, &client->deadline,
		info != NULL ? info->header_size : 0);
	MHD_get_connection_values_n(
		connection, MHD_HEADER_KIND, look_at_header, &client->request);
	client->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	refusal = http_request_refusal(&client->request, method, version);
	if (MHD_VERSION < 0x01000000 && client->target_end + 1 != version)
		refusal = 400;
	if (refusal == 0 ||
		(refusal == 405 && !http_request_has_body(&client->request)))
		return MHD_YES;
	client->refused_early = true;
	return queue_refusal(site, connection, version, refusal);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload,
	size_t *upload_bytes, void **request)
{
	struct client *client = *request;
	unsigned refusal;

	(void)cls;
	(void)url;
	(void)upload;
	if (client == NULL)
		return MHD_NO; /* no request line was seen: cannot be */
	if (!client->headers_done)
		return begin_answer(client, connection, method, version);
	if (*upload_bytes > 0) {
		client->body_bytes += *upload_bytes;
		*upload_bytes = 0;
		return client->body_bytes <= HTTP_BODY_MAX_BYTES ? MHD_YES
								 : MHD_NO;
	}
	refusal = http_request_refusal(&client->request, method, version);
	if (refusal != 0)
		return queue_refusal(
			client->daemon->site, connection, version, refusal);
	return answer(client, connection, version);
}

static struct client *
client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* What is returned is handed to on_request and on_completed. */
static void *
on_request_line(
	void *cls, const char *target, struct MHD_Connection *connection)
{
	struct client *client = client_of(connection);
	struct http_daemon *daemon = cls;

	if (client == NULL)
		return NULL;
	http_request_init(&client->request, target);
	if (client->request.route == HTTP_ROUTE_ALIVE)
		client->target = strdup(target);
	client->target_end = target + strlen(target);
	client->body_bytes = 0;
	client->headers_done = false;
	client->refused_early = false;
	client->ends_well = false;
	http_deadline_request(&daemon->site->deadlines, &client->deadline);
	return client;
}

static void
on_completed(void *cls, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode why)
{
	struct client *client = *request;
	struct http_daemon *daemon = cls;
	struct http_deadlines *deadlines = &daemon->site->deadlines;

	(void)connection;
	if (client == NULL)
		return;
	free(client->target);
	client->target = NULL;
	if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		return;
	client->ends_well = !client->refused_early;
	if (daemon->retired)
		http_deadline_cut(deadlines, &client->deadline);
	else
		http_deadline_answered(deadlines, &client->deadline,
			client->body_bytes, !client->request.is_chunked);
}

static void
attach_tls(struct client *client, struct http_tls *tls,
	struct MHD_Connection *connection, int fd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (client != NULL)
		http_tls_attach(&client->peer, tls, fd, info->tls_session);
	else
		http_tls_refuse(info->tls_session);
}

static void
open_client(struct http_daemon *daemon, struct MHD_Connection *connection,
	void **context)
{
	struct http_site *site = daemon->site;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info->connect_fd; /* a connection has one */
	struct client *client = calloc(1, sizeof(*client));

	if (daemon->tls != NULL)
		attach_tls(client, daemon->tls, connection, fd);
	if (client == NULL)
		return; /* its first request ends it */
	client->daemon = daemon;
	*context = client;
	http_deadline_open(
		&site->deadlines, &client->deadline, fd, daemon->tls == NULL);
	daemon->n_clients++;
	site->n_clients++;
	if (site->n_clients > site->max_clients - site->max_clients / 16)
		http_deadlines_cut_oldest(&site->deadlines);
}

static void
close_client(struct client *client)
{
	struct http_daemon *daemon = client->daemon;
	struct http_site *site = daemon->site;

	if (daemon->tls != NULL)
		http_tls_farewell(&client->peer);
	else if (!client->ends_well &&
		 client->deadline.phase == HTTP_PHASE_HEADERS)
		http_farewell_bad_request(client->deadline.fd);
	if (!client->ends_well)
		http_farewell_drain(client->deadline.fd);
	http_deadline_close(&site->deadlines, &client->deadline);
	daemon->n_clients--;
	site->n_clients--;
	free(client->target);
	free(client);
}

static void
on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct client *client = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		open_client(cls, connection, context);
	} else if (client != NULL) {
		*context = NULL;
		close_client(client);
	}
}

/* The path is decoded in http_path.c, from the line as it was sent. */
static size_t
leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	return strlen(text);
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
		speak_http_1_0(response);
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
	http_deadlines_init(&site->deadlines, loop, timeouts,
		max_connections / IDLE_DIVISOR);
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

/* The library's "soon" is the next turn: the others are served in between. */
static void
run(struct http_daemon *daemon)
{
	struct loop *loop = daemon->site->loop;
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	daemon->site->blocks_left = BLOCKS_PER_TURN;
	MHD_run(daemon->mhd);
	if (MHD_get_timeout(daemon->mhd, &timeout_ms) == MHD_YES)
		loop_timer_start(loop, &daemon->timer,
			loop_now_ns(loop) + timeout_ms * NS_PER_MS);
	else
		loop_timer_stop(loop, &daemon->timer);
	daemon->after_run(daemon->arg);
}

static void
on_ready(struct loop_watch *watch, unsigned ready)
{
	(void)ready;
	run(LOOP_OWNER(watch, struct http_daemon, watch));
}

static void
on_timer(struct loop_timer *timer)
{
	run(LOOP_OWNER(timer, struct http_daemon, timer));
}

static struct MHD_Daemon *
start_mhd(struct http_daemon *daemon, int listen_fd)
{
	const struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };
	const struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t)HTTP_TLS_PRIORITIES },
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0,
			(void *)(uintptr_t)http_tls_retrieve },
		{ MHD_OPTION_END, 0, NULL },
	};
	bool tls = daemon->tls != NULL;

	/* TURBO: a new connection is read at once, before it is waited for */
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_TURBO | (tls ? MHD_USE_TLS : 0U), 0,
		NULL, NULL, on_request, daemon, MHD_OPTION_ARRAY,
		tls ? secure : plain, MHD_OPTION_LISTEN_SOCKET, listen_fd,
		MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)daemon->site->max_clients,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
		0U, MHD_OPTION_NOTIFY_CONNECTION, on_connection, daemon,
		MHD_OPTION_URI_LOG_CALLBACK, on_request_line, daemon,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, daemon,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
		MHD_OPTION_END);
}

struct http_daemon *
http_daemon_start(struct http_site *site, int listen_fd, struct http_tls *tls,
	void (*after_run)(void *arg), void *arg)
{
	struct http_daemon *daemon = calloc(1, sizeof(*daemon));
	const union MHD_DaemonInfo *info;

	if (daemon == NULL)
		return NULL;
	daemon->site = site;
	daemon->tls = tls;
	daemon->after_run = after_run;
	daemon->arg = arg;
	loop_watch_init(&daemon->watch, on_ready);
	loop_timer_init(&daemon->timer, on_timer);
	daemon->mhd = start_mhd(daemon, listen_fd);
	if (daemon->mhd == NULL) {
		free(daemon);
		return NULL;
	}
	info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL || loop_watch_open(site->loop, &daemon->watch,
				    info->epoll_fd, LOOP_READ) < 0) {
		MHD_quiesce_daemon(daemon->mhd); /* keeps the socket open */
		http_daemon_stop(daemon);
		return NULL;
	}
	return daemon;
}

static bool
is_of(const struct http_deadline *deadline, const void *arg)
{
	const struct client *client =
		LOOP_OWNER(deadline, struct client, deadline);

	return client->daemon == arg;
}

/* Takes in who has connected already, and what they have sent. */
static void
settle(struct http_daemon *daemon)
{
	struct pollfd poll_fd = { daemon->watch.fd, POLLIN, 0 };

	for (int i = 0; i < SETTLE_RUNS && poll(&poll_fd, 1, 0) > 0; i++)
		MHD_run(daemon->mhd);
}

void
http_daemon_retire(struct http_daemon *daemon)
{
	int listen_fd;

	if (daemon->retired)
		return;
	settle(daemon);
	daemon->retired = true;
	listen_fd = MHD_quiesce_daemon(daemon->mhd);
	if (listen_fd >= 0)
		close(listen_fd);
	http_deadlines_cut_waiting(&daemon->site->deadlines, is_of, daemon);
	loop_timer_start(daemon->site->loop, &daemon->timer, 0);
}

size_t
http_daemon_connections(const struct http_daemon *daemon)
{
	return daemon->n_clients;
}

void
http_daemon_stop(struct http_daemon *daemon)
{
	struct loop *loop;

	if (daemon == NULL)
		return;
	loop = daemon->site->loop;
	loop_watch_close(loop, &daemon->watch);
	loop_timer_stop(loop, &daemon->timer);
	MHD_stop_daemon(daemon->mhd);
	free(daemon);
}
