/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is: of requests that came before the answer to the one before
 * was sent, a few are answered per turn of the loop, in the order in which
 * they would have been.  Who sends a thousand at once has them all answered,
 * and everybody else in between.  Behind the curtain of http_daemon.h.
 */
#ifndef SUPERVISOR_HTTP_TURNS_H
#define SUPERVISOR_HTTP_TURNS_H

#include <stdbool.h>

struct http_client;
struct http_daemon;

/* Before each run of the library: lets the next ones go. */
void http_turns_begin(struct http_daemon *daemon);
/* Before runs that shall leave nobody waiting. */
void http_turns_release(struct http_daemon *daemon);
/* false: the connection is suspended, and asks again when it is its turn. */
bool http_turns_may_go(struct http_client *client);
/* The connection is gone.  Idempotent. */
void http_turns_forget(struct http_client *client);

#endif
