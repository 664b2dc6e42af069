/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind the curtain of http_daemon.h share: the only place
 * where libmicrohttpd is included, and the objects its calls come back with.
 * http_daemon.c drives the library, http_client.c follows a connection and the
 * requests on it, http_turns.c says who must let others go first, http_reply.c
 * answers, http_stream.c with what is made while it is sent, http_site.c is
 * what they all belong to.  Nobody else includes this.
 */
#ifndef SUPERVISOR_HTTP_CURTAIN_H
#define SUPERVISOR_HTTP_CURTAIN_H

#include "common/loop.h"
#include "supervisor/http_answer.h"
#include "supervisor/http_daemon.h"
#include "supervisor/http_deadline.h"
#include "supervisor/http_request.h"
#include "supervisor/http_stream.h"
#include "supervisor/http_tls.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_site {
	struct loop *loop;
	struct http_source source;
	struct http_deadlines deadlines;
	/* HTTP/1.0 gets a second set, which says so */
	struct MHD_Response *answers[2][HTTP_ANSWER_COUNT];
	size_t n_clients, max_clients;
	size_t peak_clients; /* since memory was given back */
	struct loop_timer trim_timer;
	struct http_streams streams;
	uint64_t short_mono_ns; /* when accepting failed last; 0: it works */
};

struct http_daemon {
	struct http_site *site;
	struct http_tls *tls; /* NULL: plain HTTP */
	struct MHD_Daemon *mhd;
	struct loop_watch watch;
	struct loop_timer timer; /* what the library wants done soon */
	struct loop_timer shortage_timer;
	bool is_short; /* the library could not accept */
	bool is_full;  /* it has all the clients it may have */
	size_t n_clients;
	uint64_t n_steps;  /* requests begun and ended, blocks made */
	uint64_t pause_ns; /* TLS: until the next look at who says nothing */
	bool retired;
	uint64_t n_runs;
	/* http_turns.c's */
	unsigned pipelined_left; /* in this turn */
	struct http_client *first_waiting, *last_waiting;
	void (*after_run)(void *arg);
	void *arg;
};

/* A connection, and the request on it. */
struct http_client {
	struct http_deadline deadline;
	struct http_daemon *daemon;
	struct MHD_Connection *connection;
	struct http_request request;
	struct http_tls_peer peer;
	char *target;            /* as sent; of /alive alone */
	const char *line_target; /* where it stands in the request line */
	size_t target_len;
	size_t body_bytes;
	bool headers_done;
	bool is_head;
	bool is_options;
	bool refused_early; /* what follows the headers was not read */
	bool ends_well;     /* the last answer was sent in full */
	bool is_pipelined;  /* was there before the last answer was sent */
	uint64_t answered_run;
	/* http_turns.c's */
	bool waits, may_go;
	struct http_client *before, *behind;
};

/* http_site.c: a client has come, or gone. */
void http_site_count(struct http_site *site, bool is_new);

/* http_reply.c: queues the answer that the request asks for. */
enum MHD_Result http_reply(struct http_client *client,
	struct MHD_Connection *connection, const char *version);
/* Queues a refusal with this status. */
enum MHD_Result http_reply_refusal(struct http_site *site,
	struct MHD_Connection *connection, const char *version,
	unsigned status);
/* What a response to HTTP/1.0 needs. */
void http_reply_speak_1_0(struct MHD_Response *response);

/*
 * http_client.c: the library's callbacks, in the order of a connection's life.
 * cls is the daemon.  What on_request_line returns, the client, is handed to
 * those of the request.
 */
void http_client_on_connection(void *cls, struct MHD_Connection *connection,
	void **context, enum MHD_ConnectionNotificationCode what);
void *http_client_on_request_line(
	void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_client_on_request(void *cls,
	struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_bytes,
	void **request);
/* The library is about to refuse the length that a request says. */
void http_client_on_bad_length(struct http_daemon *daemon);
void http_client_on_completed(void *cls, struct MHD_Connection *connection,
	void **request, enum MHD_RequestTerminationCode why);

#endif
