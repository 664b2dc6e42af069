/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON of /alive: what this node knows of itself and what the request
 * looked like on arrival, byte for byte as the Go program writes it.
 * Rendered piece by piece, for ten thousand neighbours make 1.5 MB of it.
 * Values of Authorization, Cookie and Proxy-Authorization never show.
 */
#ifndef SUPERVISOR_ALIVE_H
#define SUPERVISOR_ALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct alive_result {
	const char *type;
	const char *text;    /* "ok", "skipped" or what failed */
	const char *ended;   /* when, RFC 3339; NULL: not yet, or skipped */
	const char *warning; /* what is wrong beside it; NULL: nothing */
};

struct alive_neighbour {
	const char *pod_name, *pod_ip;
	const char *host_ip; /* "": not known */
	const char *node_name;
	uint64_t node_hash;
};

/* Nothing in it may change while an alive_writer reads it. */
struct alive_view {
	const char *hostname;
	const struct alive_result *results; /* in any order */
	size_t n_results;
	bool neighbourhood_enabled;      /* off: no array */
	const char *neighbourhood_state; /* NULL: none */
	const struct alive_neighbour *neighbours;
	size_t n_neighbours;
	/* The source's own, to know what to release. */
	void *snapshot, *neighbourhood_snapshot;
};

struct alive_header {
	const char *name, *value;
	size_t name_len, value_len;
};

/* The headers in the order of their arrival; used by alive_start alone. */
struct alive_request {
	const struct alive_header *headers;
	size_t n_headers;
	const char *uri;         /* as in the request line */
	const char *remote_addr; /* "127.0.0.1:1234", "[::1]:1234" */
};

struct alive_writer;

/* NULL: no memory. */
struct alive_writer *alive_start(
	const struct alive_request *request, const struct alive_view *view);
/*
 * The next bytes, at most cap, rendered as they are asked for.  0: that was
 * all; -ENOMEM.
 */
ssize_t alive_read(struct alive_writer *writer, char *buf, size_t cap);
void alive_free(struct alive_writer *writer);

#endif
