/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list told and a watch has changed since: pods, or cordoned nodes, by
 * namespace and name.  A new list is staged beside what is known and takes its
 * place only when it is complete, so that half an answer changes nothing; what
 * it merely confirms takes no memory.  Each change is queued once, however
 * often it changes again, until it has been told.
 */
#ifndef WORKERS_DISCOVERY_ITEM_STORE_H
#define WORKERS_DISCOVERY_ITEM_STORE_H

#include "common/name_hash.h"
#include "common/neighbour_limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ITEM_TEXT_COUNT      5
#define ITEM_STORE_MAX_ITEMS NEIGHBOURS_MAX

/* Strings are never NULL; a node has names only. */
struct item_fields {
	const char *namespace_name;
	const char *name;
	const char *node_name;
	const char *ip;
	const char *host_ip;
	bool ready;
};

/* There are as many as nodes: no byte without need. */
struct item {
	struct item *next_in_bucket;
	struct item *next_changed, *prev_changed;
	uint32_t list_number; /* of the last list that held it */
	uint16_t text_at[ITEM_TEXT_COUNT];
	bool staged : 1;
	bool changed : 1; /* in the queue */
	bool told : 1;    /* the receiver knows its name */
	bool gone : 1;
	bool ready : 1;
	char texts[]; /* by item_fields() */
};

struct item_store {
	struct name_hash_key hash_key;
	struct item **buckets;
	size_t bucket_count;  /* a power of two */
	size_t count;         /* all objects */
	size_t present_count; /* neither staged nor gone */
	uint32_t list_number;
	size_t listed_count; /* of the present list */
	bool listing;
	struct item *first_changed, *last_changed;
};

/* They stand in the item, and go with it. */
struct item_fields item_fields(const struct item *item);

void item_store_init(struct item_store *store);
void item_store_fini(struct item_store *store);

/* A list begins; what another one had staged is dropped. */
void item_store_begin(struct item_store *store);
/* -EEXIST: this list has it already; -E2BIG: it has ITEM_STORE_MAX_ITEMS;
 * -ENOMEM. */
int item_store_stage(
	struct item_store *store, const struct item_fields *fields);
/* The list is complete: it is what is known now. */
void item_store_commit(struct item_store *store);
void item_store_abort(struct item_store *store);

/* One has come or has changed.  0, -E2BIG or -ENOMEM. */
int item_store_set(struct item_store *store, const struct item_fields *fields);
/* One has left; unknown ones are no trouble. */
void item_store_remove(
	struct item_store *store, const char *namespace_name, const char *name);
/* All have left. */
void item_store_clear(struct item_store *store);

/* Neither staged nor gone; NULL: there is none. */
struct item *item_store_find(const struct item_store *store,
	const char *namespace_name, const char *name);
/* Each present item; fn must not change the store but by item_store_touch. */
void item_store_each(struct item_store *store,
	void (*fn)(void *arg, struct item *item), void *arg);

/* It, or that it has gone, is to be told. */
bool item_store_is_changed(const struct item_store *store,
	const char *namespace_name, const char *name);
/* The queue of what is to be told, oldest first; NULL: it is empty. */
struct item *item_store_first_changed(const struct item_store *store);
/* It is to be told again, though its fields are the same. */
void item_store_touch(struct item_store *store, struct item *item);
/* It has been told; one that is gone is freed. */
void item_store_told(struct item_store *store, struct item *item);

#endif
