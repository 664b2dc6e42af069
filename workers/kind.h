/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is special about one kind of worker: its rights and its headers.  Each
 * stands in a file of its own (kind_*.c); everything else is the shared
 * engine.
 */
#ifndef WORKERS_KIND_H
#define WORKERS_KIND_H

#include "common/outcome.h"

#include <stdbool.h>

struct worker_body;

struct worker_kind {
	enum worker_type type;
	const struct worker_body *body; /* what it does */
	/* May open the service account's token, and sends it to the API server
	 * over https, to nobody else. */
	bool reads_token;
	/* Its redirects may lead to another host than the target's. */
	bool leaves_host;
	/* Its targets may be sockets of this host. */
	bool reaches_unix;
	/* Names itself in Kubenurse-Neighbour-Origin. */
	bool sends_origin;
	/* Asks the API server: what, through which proxy and with which trust
	 * is fixed at the program's start, whatever a target says. */
	bool is_api_server;
};

extern const struct worker_kind kind_api_server_direct;
extern const struct worker_kind kind_api_server_dns;
extern const struct worker_kind kind_me_ingress;
extern const struct worker_kind kind_me_service;
extern const struct worker_kind kind_path;
extern const struct worker_kind kind_extra;
extern const struct worker_kind kind_discovery;

/* NULL: no such kind. */
const struct worker_kind *kind_find(unsigned worker_type);

#endif
