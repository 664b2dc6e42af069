/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to a request: which of the constant ones, or a stream that is
 * made while it is sent.  See http_curtain.h.
 */
#include "supervisor/http_body.h"
#include "supervisor/http_curtain.h"
#include "supervisor/http_listen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An /alive of this size has a Content-Length, a longer one is chunked. */
#define SHORT_ALIVE_BYTES 2048

static bool
is_http_1_0(const char *version)
{
	return strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
}

void
http_reply_speak_1_0(struct MHD_Response *response)
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

enum MHD_Result
http_reply_refusal(struct http_site *site, struct MHD_Connection *connection,
	const char *version, unsigned status)
{
	return queue_answer(
		site, connection, version, status, http_answer_refusal(status));
}

static enum MHD_Result
queue_stream(struct http_client *client, struct MHD_Connection *connection,
	const char *version, struct MHD_Response *response)
{
	enum MHD_Result result;

	if (response == NULL)
		return queue_answer(client->daemon->site, connection, version,
			503, HTTP_ANSWER_BUSY);
	if (is_http_1_0(version))
		http_reply_speak_1_0(response);
	result = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return result;
}

/* A response without one of its headers would be a wrong one: rather none. */
static void
add_header(struct MHD_Response **response, const char *name, const char *value)
{
	if (*response == NULL ||
		MHD_add_response_header(*response, name, value) == MHD_YES)
		return;
	MHD_destroy_response(*response);
	*response = NULL;
}

static enum MHD_Result
answer_metrics(struct http_client *client, struct MHD_Connection *connection,
	const char *version)
{
	struct http_site *site = client->daemon->site;
	bool gzip = http_request_wants_gzip(&client->request);
	struct MHD_Response *response = NULL;
	struct http_body *body = NULL;

	if (!client->is_head && http_streams_make_room(&site->streams, client,
					HTTP_PAGE_METRICS))
		body = http_body_metrics(&site->source, gzip);
	if (body != NULL || client->is_head)
		response = http_stream_new(client, body, HTTP_PAGE_METRICS);
	add_header(&response, MHD_HTTP_HEADER_CONTENT_TYPE, HTTP_METRICS_TEXT);
	add_header(&response, MHD_HTTP_HEADER_VARY,
		MHD_HTTP_HEADER_ACCEPT_ENCODING);
	if (gzip)
		add_header(&response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
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
new_alive_body(struct http_client *client, struct MHD_Connection *connection)
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

/* Owns the body, which is NULL without memory.  NULL: no memory. */
static struct MHD_Response *
new_alive(struct http_client *client, struct http_body *body)
{
	struct http_streams *streams = &client->daemon->site->streams;
	struct MHD_Response *response;
	const char *text;
	size_t len;

	if (body == NULL)
		return NULL;
	if (http_body_is_short(body, SHORT_ALIVE_BYTES, &text, &len)) {
		/* the library takes the text as writable and copies it */
		response = MHD_create_response_from_buffer(
			len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
		http_body_free(body);
		return response;
	}
	if (client->is_head) {
		http_body_free(body);
		body = NULL;
	} else if (!http_streams_make_room(streams, client, HTTP_PAGE_ALIVE)) {
		http_body_free(body);
		return NULL;
	}
	return http_stream_new(client, body, HTTP_PAGE_ALIVE);
}

static enum MHD_Result
answer_alive(struct http_client *client, struct MHD_Connection *connection,
	const char *version)
{
	struct http_site *site = client->daemon->site;
	struct MHD_Response *response = NULL;

	if (!site->source.first_round_ended(site->source.arg))
		return queue_answer(
			site, connection, version, 500, HTTP_ANSWER_EMPTY);
	response = new_alive(client, new_alive_body(client, connection));
	add_header(&response, MHD_HTTP_HEADER_CONTENT_TYPE, HTTP_PLAIN_TEXT);
	return queue_stream(client, connection, version, response);
}

enum MHD_Result
http_reply(struct http_client *client, struct MHD_Connection *connection,
	const char *version)
{
	struct http_site *site = client->daemon->site;
	const struct http_request *request = &client->request;
	void *arg = site->source.arg;

	/* HAProxy's health check by default: of all paths the same is true */
	if (client->is_options)
		return queue_answer(
			site, connection, version, 204, HTTP_ANSWER_OPTIONS);
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
	case HTTP_ROUTE_SERVER: /* of OPTIONS alone */
	case HTTP_ROUTE_INVALID:
		break;
	}
	return http_reply_refusal(site, connection, version, 400);
}
