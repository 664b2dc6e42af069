/* SPDX-License-Identifier: Apache-2.0 */
/* The request of a hop; see hop_request.h. */
#include "workers/hop_request.h"

#include "workers/hop.h"
#include "workers/http_request.h"
#include "workers/redirect.h"
#include "workers/target.h"
#include "workers/token.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Host names do not tell upper from lower case (RFC 4343). */
static bool
same_host(const char *a, const char *b)
{
	return b[0] != '\0' && strcasecmp(a, b) == 0;
}

/* Whether this is the API server that was named at the program's start. */
static bool
is_api_server(const struct worker *worker, const struct url *url)
{
	const struct control_nursery *settings = worker->settings;

	return url->https && url->port == settings->api_port &&
	       (same_host(url->host, settings->api_host) ||
		       same_host(url->host, settings->api_dns));
}

static int
read_token(struct hop *hop, char *token, size_t cap_bytes, char *ret_error,
	size_t error_bytes)
{
	const struct worker *worker = hop->request.target->worker;
	int rc = token_read(worker->settings->token_path, token, cap_bytes);

	if (rc < 0)
		snprintf(ret_error, error_bytes, "token: %s: %s",
			worker->settings->token_path, strerror(-rc));
	return rc;
}

/* Splits the target's header lines in a copy of them. */
static size_t
split_headers(char *lines, struct http_header *headers, size_t max_count)
{
	size_t count = 0;
	char *line, *save = NULL;

	for (line = strtok_r(lines, "\n", &save);
		line != NULL && count < max_count;
		line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':');

		if (colon == NULL)
			continue; /* conf and header_file.c let none in */
		*colon = '\0';
		headers[count].name = line;
		headers[count].value = colon + 1 + strspn(colon + 1, " \t");
		count++;
	}
	return count;
}

static int
format_with_headers(struct hop *hop, struct http_request *request)
{
	struct target *target = hop->request.target;
	struct http_header headers[HTTP_REQUEST_MAX_HEADERS];
	char *copy = NULL;
	int len;

	if (target->headers[0] != '\0' && hop->request.may_authorize) {
		copy = target->headers_scratch;
		strcpy(copy, target->headers); /* as long, by target_apply() */
		request->headers = headers;
		request->n_headers =
			split_headers(copy, headers, HTTP_REQUEST_MAX_HEADERS);
	}
	len = http_request_format(
		target->request, target->request_cap_bytes, request);
	return len;
}

int
hop_format_request(struct hop *hop, char *ret_error, size_t cap_bytes)
{
	struct target *target = hop->request.target;
	const struct worker *worker = target->worker;
	const struct url *url = hop->request.url;
	char token[TOKEN_MAX_BYTES + 1];
	char referer[URL_TEXT_BYTES];
	struct http_request request = {
		.method = hop->request.method,
		.target = url->target,
		.absolute_form = hop->proxy != NULL && !url->https,
		.host = url->host,
		.server_name = hop->request.server_name,
		.port = url->port_text,
		.version = PACKAGE_VERSION,
		.user = url->has_user ? url->user : NULL,
		.password = url->password,
		.keep_alive = target->reuse_connections,
	};
	int len = 0;

	if (worker->kind->sends_origin && target->origin[0] != '\0')
		request.neighbour_origin = target->origin;
	if (target->header_error != NULL && hop->request.may_authorize) {
		snprintf(ret_error, cap_bytes, "%s", target->header_error);
		return -target->header_errno;
	}
	if (worker->kind->reads_token && hop->request.may_authorize &&
		is_api_server(worker, url)) {
		len = read_token(
			hop, token, sizeof(token), ret_error, cap_bytes);
		if (len < 0)
			return len;
		request.bearer_token = token;
	}
	if (hop->request.referer != NULL &&
		redirect_format_referer(referer, sizeof(referer),
			hop->request.referer, hop->request.referer_name,
			url) > 0)
		request.referer = referer;
	if (request.absolute_form && hop->proxy->has_user) {
		request.proxy_user = hop->proxy->user;
		request.proxy_password = hop->proxy->password;
	}
	len = format_with_headers(hop, &request);
	explicit_bzero(token, sizeof(token));
	if (len < 0)
		snprintf(ret_error, cap_bytes, "request: %s", strerror(-len));
	return len;
}

int
hop_format_connect(struct hop *hop)
{
	struct target *target = hop->request.target;
	const struct url *url = hop->request.url;
	char port[8];
	struct http_request request = {
		.method = "CONNECT",
		.host = url->host,
		.port = port,
		.version = PACKAGE_VERSION,
	};

	snprintf(port, sizeof(port), "%u", url->port);
	if (hop->proxy->has_user) {
		request.proxy_user = hop->proxy->user;
		request.proxy_password = hop->proxy->password;
	}
	return http_connect_format(
		target->request, target->request_cap_bytes, &request);
}
