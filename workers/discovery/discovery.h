/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of the discovery worker: it keeps what its source tells of the
 * neighbours, and tells the supervisor each change as one record.  A source
 * that fails leaves what is known in place; the record of its state says so.
 */
#ifndef WORKERS_DISCOVERY_DISCOVERY_H
#define WORKERS_DISCOVERY_DISCOVERY_H

#include "common/control.h"
#include "common/loop.h"
#include "common/wire.h"
#include "workers/discovery/item_store.h"
#include "workers/discovery/own_addresses.h"
#include "workers/discovery/pace.h"

#include <stdbool.h>
#include <stdint.h>

struct discovery;
struct worker;
struct worker_body;

extern const struct worker_body discovery_body;

/* Where neighbours are found.  Each in a file of its own: source_*.c. */
struct discovery_source {
	/* The order is there.  0 or a negative errno. */
	int (*start)(struct discovery *discovery);
	/* A static neighbour, and the end of them; NULL: there are none. */
	int (*on_neighbour)(struct discovery *discovery,
		const struct control_neighbour *neighbour);
	void (*on_neighbours_end)(struct discovery *discovery);
	/* Idempotent; also when start has failed. */
	void (*stop)(struct discovery *discovery);
};

extern const struct discovery_source discovery_source_dns;
extern const struct discovery_source discovery_source_pods;
extern const struct discovery_source discovery_source_static;

struct source_dns;
struct source_pods;

struct discovery {
	struct worker *worker;
	const struct discovery_source *source; /* NULL: no order yet */
	struct control_discovery order;        /* owned copies */
	struct item_store pods;
	struct item_store cordons; /* names of cordoned nodes */
	struct own_addresses addresses;
	struct wire_discovery status;
	bool status_changed;
	bool own_is_named;      /* a pod of the own name was there */
	bool own_was_missed;    /* and said */
	struct loop_watch pipe; /* while it is full */
	struct pace pace;
	struct loop_timer pace_timer; /* while it allows no more */
	struct loop_timer status_timer;
	struct source_dns *dns;
	struct source_pods *api;
};

/* What a source found goes into discovery->pods and cordons; then: */
void discovery_pods_listed(struct discovery *discovery);
void discovery_pods_changed(struct discovery *discovery);
void discovery_cordons_changed(struct discovery *discovery);

/* The source has answered. */
void discovery_succeeded(struct discovery *discovery);
/* It has not.  Counted each time, logged when the reason is a new one. */
void discovery_failed(struct discovery *discovery, enum discovery_error error,
	const char *detail);
/* The same for something that the neighbours can do without. */
void discovery_count_error(
	struct discovery *discovery, enum discovery_error error);
void discovery_received(struct discovery *discovery, size_t n_bytes);

#endif
