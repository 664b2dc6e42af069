/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP server asks the rest of the supervisor.  Every call is made
 * on the loop's thread and must return at once; none may call back into the
 * server.
 */
#ifndef SUPERVISOR_HTTP_SOURCE_H
#define SUPERVISOR_HTTP_SOURCE_H

#include "supervisor/alive.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct http_source {
	void *arg; /* handed to each call but the reader's */

	/* /ready: 200 or 503. */
	bool (*ready)(void *arg);
	/* /alive: 500 until then. */
	bool (*first_round_ended)(void *arg);
	/*
	 * Fills the view.  What it points to stays as it is until alive_close
	 * gets the same view back: an answer is rendered over many turns of
	 * the loop.  0 or a negative errno.
	 */
	int (*alive_open)(void *arg, struct alive_view *ret_view);
	void (*alive_close)(void *arg, struct alive_view *view);
	/* Someone who says his name has asked for /alwayshappy; not empty,
	 * trimmed, not NUL-terminated, of any length. */
	void (*on_origin)(void *arg, const char *name, size_t len);

	/*
	 * /metrics, in pieces: a reader (NULL: no memory), its text by at most
	 * cap bytes at a time (0: that was all; negative errno: it failed), its
	 * end.  cap is HTTP_BODY_BLOCK_BYTES always.
	 */
	void *(*metrics_open)(void *arg);
	ssize_t (*metrics_read)(void *reader, char *buf, size_t cap);
	void (*metrics_close)(void *reader);
};

#endif
