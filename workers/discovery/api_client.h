/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the API server and one request at a time on it, with the
 * service account's token.  Bodies go to their receiver as they come.  Where
 * the server is was fixed before this process was born.  Embedded in its
 * owner's object.
 */
#ifndef WORKERS_DISCOVERY_API_CLIENT_H
#define WORKERS_DISCOVERY_API_CLIENT_H

#include "common/loop.h"
#include "common/outcome.h"
#include "workers/http_response.h"
#include "workers/race.h"
#include "workers/resolver.h"
#include "workers/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_client;
struct worker;

#define API_CLIENT_ERROR_BYTES 768

enum api_client_end {
	API_CLIENT_COMPLETE, /* the answer came to its end */
	API_CLIENT_CUT,      /* the stream ended, or fell silent, inside it */
	API_CLIENT_REFUSED,  /* on_body wanted no more */
	API_CLIENT_FAILED,   /* there was no answer: error and text */
};

struct api_client_ops {
	/* A request begins to be answered: status and fields are there. */
	void (*on_headers)(struct api_client *client);
	/* Once for each piece that is read, however it is chunked.  False: that
	 * is enough, the connection is closed. */
	bool (*on_body)(
		struct api_client *client, const char *bytes, size_t len);
	/* What can be read now has been read. */
	void (*on_pause)(struct api_client *client);
	/* The request is over; may start the next one. */
	void (*on_end)(struct api_client *client, enum api_client_end end);
	/* Bytes of the answer, as sent, without TLS. */
	void (*on_received)(struct api_client *client, size_t n_bytes);
};

struct api_client_request {
	const char *target; /* of the request line */
	const char *accept;
	bool accept_gzip;
	/* The server says something at least so often. */
	uint64_t silence_ns;
};

enum api_client_state {
	API_CLIENT_IDLE, /* with a connection, perhaps */
	API_CLIENT_RESOLVE,
	API_CLIENT_CONNECT,
	API_CLIENT_TLS,
	API_CLIENT_WRITE,
	API_CLIENT_READ,
};

struct api_client {
	struct worker *worker;
	const struct api_client_ops *ops;
	enum api_client_state state;
	bool reused;    /* the connection has served a request before */
	bool has_bytes; /* of the present answer */
	bool enough;
	bool has_headers;
	struct resolver_query query;
	struct race race;
	struct transport transport;
	struct loop_watch *watch; /* the winner's; NULL: no connection */
	struct loop_timer deadline;
	struct loop_timer again; /* goes on in the next turn */
	uint64_t silence_ns;
	uint64_t heard_ns;
	char *request; /* with the token; wiped once it is written */
	size_t request_cap_bytes, request_len_bytes, written_bytes;
	struct http_response response;
	/* With API_CLIENT_FAILED. */
	enum discovery_error error;
	char text[API_CLIENT_ERROR_BYTES];
};

/* Zeroed before. */
void api_client_init(struct api_client *client, struct worker *worker,
	const struct api_client_ops *ops);
/* While IDLE.  on_end may come before it returns. */
void api_client_start(
	struct api_client *client, const struct api_client_request *request);
/* Ends everything without a callback.  Idempotent. */
void api_client_stop(struct api_client *client);

#endif
