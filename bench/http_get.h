/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blocking GET over a new connection to a port of this machine, read to
 * its end.  It speaks HTTP/1.0, so that a body comes as it is, not in chunks.
 */
#ifndef BENCH_HTTP_GET_H
#define BENCH_HTTP_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct http_get_request {
	uint16_t port; /* at 127.0.0.1 */
	const char *path;
	const char *find; /* a text looked for in the body, or NULL */
	bool gzip;        /* asks for it; the body is then not looked into */
	FILE *copy_to;    /* where the body is written to as well, or NULL */
};

struct http_get_answer {
	int status;
	size_t body_bytes;
	size_t series_count; /* lines of the body that are no comments */
	bool found;
	uint64_t took_ns; /* from before the connect to the end of the body */
};

/* 0 or a negative errno (-EPROTO: no HTTP answer); waits 10 s at most. */
int http_get(const struct http_get_request *request,
	struct http_get_answer *ret_answer);

#endif
