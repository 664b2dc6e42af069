/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection and the requests on it, as the library tells of them: from
 * accept to the last word.  What a request means is decided in
 * http_request.c, how long it may take in http_deadline.c.  See
 * http_curtain.h.
 */
#include "supervisor/http_curtain.h"
#include "supervisor/http_farewell.h"
#include "supervisor/http_layout.h"
#include "supervisor/http_turns.h"

#include <stdlib.h>
#include <string.h>

static enum MHD_Result
look_at_header(void *cls, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	http_request_header(
		cls, name, name_len, value != NULL ? value : "", value_len);
	return MHD_YES;
}

static enum MHD_Result
lay_out_header(void *cls, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	http_layout_header(cls, name, name_len, value, value_len);
	return MHD_YES;
}

/* The library from 1.0 on refuses by itself what breaks the layout here. */
static bool
is_whole(const struct http_client *client, struct MHD_Connection *connection,
	const char *method, const char *version, size_t head_bytes)
{
	struct http_layout layout;

	if (MHD_VERSION >= 0x01000000)
		return true;
	http_layout_init(&layout, method, head_bytes);
	http_layout_word(&layout, client->line_target, client->target_len);
	http_layout_word(&layout, version, strlen(version));
	MHD_get_connection_values_n(
		connection, MHD_HEADER_KIND, lay_out_header, &layout);
	return http_layout_is_whole(&layout);
}

/*
 * The headers are complete, a body may follow.  An answer given now closes
 * the connection, one given when the request is complete does not.
 */
static enum MHD_Result
begin_answer(struct http_client *client, struct MHD_Connection *connection,
	const char *method, const char *version)
{
	struct http_site *site = client->daemon->site;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	size_t head_bytes = info != NULL ? info->header_size : 0;
	unsigned refusal;

	client->headers_done = true;
	http_deadline_headers_done(
		&site->deadlines, &client->deadline, head_bytes);
	MHD_get_connection_values_n(
		connection, MHD_HEADER_KIND, look_at_header, &client->request);
	client->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	client->is_options = strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0;
	refusal = http_request_refusal(&client->request, method, version);
	if (!is_whole(client, connection, method, version, head_bytes))
		refusal = 400;
	if (refusal == 0 ||
		(refusal == 405 && !http_request_has_body(&client->request)))
		return MHD_YES;
	client->refused_early = true;
	http_deadline_answer(&site->deadlines, &client->deadline, false);
	return http_reply_refusal(site, connection, version, refusal);
}

enum MHD_Result
http_client_on_request(void *cls, struct MHD_Connection *connection,
	const char *url, const char *method, const char *version,
	const char *upload, size_t *upload_bytes, void **request)
{
	struct http_client *client = *request;
	struct http_daemon *daemon = cls;
	unsigned refusal;

	(void)url;
	(void)upload;
	if (client == NULL)
		return MHD_NO; /* no request line was seen: cannot be */
	if (!client->headers_done)
		return http_turns_may_go(client)
			       ? begin_answer(
					 client, connection, method, version)
			       : MHD_YES;
	if (*upload_bytes > 0) {
		client->body_bytes += *upload_bytes; /* as many as announced */
		*upload_bytes = 0;
		return MHD_YES;
	}
	http_deadline_answer(
		&daemon->site->deadlines, &client->deadline, false);
	refusal = http_request_refusal(&client->request, method, version);
	if (refusal != 0)
		return http_reply_refusal(
			daemon->site, connection, version, refusal);
	return http_reply(client, connection, version);
}

static struct http_client *
client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

void *
http_client_on_request_line(
	void *cls, const char *target, struct MHD_Connection *connection)
{
	struct http_client *client = client_of(connection);
	struct http_daemon *daemon = cls;

	daemon->n_steps++;
	if (client == NULL)
		return NULL;
	http_request_init(&client->request, target);
	if (client->request.route == HTTP_ROUTE_ALIVE)
		client->target = strdup(target);
	client->line_target = target;
	client->target_len = strlen(target);
	client->body_bytes = 0;
	client->headers_done = false;
	client->refused_early = false;
	client->ends_well = false;
	/* nothing was read in between */
	client->is_pipelined = client->answered_run == daemon->n_runs;
	http_deadline_request(&daemon->site->deadlines, &client->deadline);
	return client;
}

void
http_client_on_completed(void *cls, struct MHD_Connection *connection,
	void **request, enum MHD_RequestTerminationCode why)
{
	struct http_client *client = *request;
	struct http_daemon *daemon = cls;
	struct http_deadlines *deadlines = &daemon->site->deadlines;

	(void)connection;
	daemon->n_steps++;
	if (client == NULL)
		return;
	free(client->target);
	client->target = NULL;
	if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		return;
	http_tls_allow_request(&client->peer);
	client->ends_well = !client->refused_early;
	client->answered_run = daemon->n_runs;
	if (daemon->retired)
		http_deadline_cut(deadlines, &client->deadline);
	else
		http_deadline_answered(
			deadlines, &client->deadline, client->body_bytes);
}

/* Its headers are complete, and the library has told nobody yet. */
static bool
is_being_read(const struct http_deadline *deadline, const void *arg)
{
	const struct http_client *client =
		LOOP_OWNER(deadline, struct http_client, deadline);

	return client->daemon == arg && !client->waits && !client->may_go &&
	       MHD_get_connection_info(client->connection,
		       MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL;
}

/* libmicrohttpd 0.9.75 then sends the headers of its answer twice: ours is
 * before it, and that one goes nowhere. */
void
http_client_on_bad_length(struct http_daemon *daemon)
{
	struct http_deadlines *deadlines = &daemon->site->deadlines;
	struct http_deadline *deadline = http_deadlines_find(
		deadlines, HTTP_PHASE_HEADERS, is_being_read, daemon);
	const union MHD_ConnectionInfo *info;
	struct http_client *client;

	if (deadline == NULL)
		return;
	client = LOOP_OWNER(deadline, struct http_client, deadline);
	info = MHD_get_connection_info(
		client->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (daemon->tls == NULL)
		http_farewell_say(deadline->fd);
	else if (info != NULL)
		http_tls_say(info->tls_session, http_farewell_text);
	http_deadline_cut(deadlines, deadline);
}

static void
on_handshaken(struct http_tls_peer *peer)
{
	struct http_client *client = LOOP_OWNER(peer, struct http_client, peer);

	http_deadline_handshaken(
		&client->daemon->site->deadlines, &client->deadline);
}

static void
attach_tls(struct http_client *client, struct http_tls *tls,
	struct MHD_Connection *connection, int fd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (client != NULL)
		http_tls_attach(&client->peer, tls, fd, info->tls_session,
			on_handshaken);
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
	struct http_client *client = calloc(1, sizeof(*client));

	if (daemon->tls != NULL)
		attach_tls(client, daemon->tls, connection, fd);
	if (client == NULL)
		return; /* its first request ends it */
	client->daemon = daemon;
	client->connection = connection;
	*context = client;
	http_deadline_open(
		&site->deadlines, &client->deadline, fd, daemon->tls == NULL);
	daemon->n_clients++;
	daemon->n_steps++;
	http_site_count(site, true);
	if (site->n_clients > site->max_clients - site->max_clients / 16)
		http_deadlines_cut_oldest(&site->deadlines, NULL, NULL);
}

static void
close_client(struct http_client *client)
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
	http_turns_forget(client);
	daemon->n_clients--;
	daemon->n_steps++;
	http_site_count(site, false);
	free(client->target);
	free(client);
}

void
http_client_on_connection(void *cls, struct MHD_Connection *connection,
	void **context, enum MHD_ConnectionNotificationCode what)
{
	struct http_client *client = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		open_client(cls, connection, context);
	} else if (client != NULL) {
		*context = NULL;
		close_client(client);
	}
}
