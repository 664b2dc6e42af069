/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request to the API server; see api_request.h. */
#include "workers/discovery/api_request.h"

#include "common/control.h"
#include "workers/discovery/api_client.h"
#include "workers/http_request.h"
#include "workers/token.h"
#include "workers/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without the token. */
#define REQUEST_FIXED_BYTES 8192

static int
format_request(struct api_client *client,
	const struct api_client_request *request, const char *token)
{
	const struct control_nursery *settings = client->worker->settings;
	const struct http_header headers[] = {
		{ "Accept", request->accept },
		{ "Accept-Encoding", "gzip" },
	};
	char port[8];
	struct http_request http = {
		.method = "GET",
		.target = request->target,
		.host = settings->api_host,
		.port = port,
		.version = PACKAGE_VERSION,
		.bearer_token = token,
		.headers = headers,
		.n_headers = request->accept_gzip ? 2 : 1,
		.keep_alive = true,
	};

	snprintf(port, sizeof(port), "%u", settings->api_port);
	return http_request_format(
		client->request, client->request_cap_bytes, &http);
}

int
api_request_prepare(
	struct api_client *client, const struct api_client_request *request)
{
	const struct control_nursery *settings = client->worker->settings;
	char token[TOKEN_MAX_BYTES + 1];
	int rc = token_read(settings->token_path, token, sizeof(token));

	client->error = DISCOVERY_ERROR_UNAUTHORIZED;
	snprintf(client->text, sizeof(client->text), "token: %s: %s",
		settings->token_path, strerror(rc < 0 ? -rc : 0));
	if (rc < 0)
		return rc;
	client->request_cap_bytes =
		REQUEST_FIXED_BYTES + TOKEN_MAX_BYTES + strlen(request->target);
	client->request = malloc(client->request_cap_bytes);
	rc = -ENOMEM;
	if (client->request != NULL)
		rc = format_request(client, request, token);
	explicit_bzero(token, sizeof(token));
	if (rc < 0) {
		client->error = DISCOVERY_ERROR_MALFORMED;
		snprintf(client->text, sizeof(client->text), "request: %s",
			strerror(-rc));
		return rc;
	}
	client->request_len_bytes = (size_t)rc;
	client->written_bytes = 0;
	return 0;
}
