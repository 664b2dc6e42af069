/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists a resource of the API server, then watches it for changes, for ever:
 * resumes where a watch ended, lists anew when that may not tell all, waits
 * longer after each failure.  One connection.  Embedded in its owner.
 *
 * It lists anew when the server no longer keeps the changes, when it could not
 * be reached (another one may answer now, or the same with an older etcd), when
 * an event is older than what was known, when a watch is silent, and in any
 * case every one to two hours.
 */
#ifndef WORKERS_DISCOVERY_LIST_WATCH_H
#define WORKERS_DISCOVERY_LIST_WATCH_H

#include "common/outcome.h"
#include "workers/discovery/api_client.h"
#include "workers/discovery/backoff.h"
#include "workers/discovery/table_parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_WATCH_ERROR_BYTES 512

struct gunzip;
struct list_watch;

struct list_watch_ops {
	/* A list begins; its rows follow as TABLE_LISTED. */
	void (*on_list)(struct list_watch *watch);
	/* 0, or -EEXIST, -E2BIG, -ENOMEM: the answer is given up. */
	int (*on_row)(struct list_watch *watch, enum table_event event,
		const struct table_row *row);
	/* The list is complete, or it came to nothing. */
	void (*on_list_end)(struct list_watch *watch, bool complete);
	/* Rows of a watch have come, and there are no more right now. */
	void (*on_changes)(struct list_watch *watch);
	/* The server answers. */
	void (*on_success)(struct list_watch *watch);
	void (*on_failure)(struct list_watch *watch, enum discovery_error error,
		const char *text);
	void (*on_received)(struct list_watch *watch, size_t n_bytes);
};

struct list_watch_options {
	enum table_kind kind;
	const char *path;  /* "/api/v1/nodes"; must stay */
	const char *query; /* what both ask for, encoded; must stay */
	bool has_selector; /* a bad request is its fault */
};

enum list_watch_state {
	LIST_WATCH_STOPPED,
	LIST_WATCH_LISTING,
	LIST_WATCH_WATCHING,
	LIST_WATCH_WAITING,
};

struct list_watch {
	struct list_watch_options options;
	const struct list_watch_ops *ops;
	struct api_client client;
	enum list_watch_state state;
	enum list_watch_state next; /* after waiting */
	struct loop_timer timer;    /* of a watch: until it counts as silent */
	struct backoff backoff;
	uint32_t failed_watches; /* one after the other */
	bool tried_token_again;
	bool was_alone;        /* nobody was there: that is what it waits for */
	bool silent;           /* watches tell nothing; lists do */
	uint64_t started_ns;   /* of the present request */
	uint64_t list_due_ns;  /* then the next list, whatever is told */
	bool told;             /* an event of it, a bookmark too */
	bool heard;            /* on_success is due */
	bool changed;          /* on_changes is due */
	bool gone;             /* the watch said so */
	bool refused;          /* the parser or its receiver has had enough */
	bool too_many;         /* its receiver has */
	uint64_t answer_bytes; /* as sent and, if packed, as unpacked */
	uint64_t event_bytes;  /* of them, since the last event */
	char version[TABLE_VERSION_BYTES];       /* where to resume; "": list */
	char asked_version[TABLE_VERSION_BYTES]; /* by the present watch */
	/* Of the watch that told nothing for long; "": it did. */
	char doubted_version[TABLE_VERSION_BYTES];
	struct table_columns columns;
	struct table_parser *parser;
	struct gunzip *gunzip;
	char target[4096];
};

/* Zeroed before. */
void list_watch_start(struct list_watch *watch, struct worker *worker,
	const struct list_watch_options *options,
	const struct list_watch_ops *ops);
/*
 * The server answers somebody else: who waits because nobody was there need not
 * any more.  Also on a zeroed one.
 */
void list_watch_hurry(struct list_watch *watch);
/* Idempotent; also on a zeroed one. */
void list_watch_stop(struct list_watch *watch);

#endif
