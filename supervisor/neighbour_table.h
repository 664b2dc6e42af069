/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbours by namespace and pod name.  An entry's texts never change: a
 * change makes a new entry, and a reader of /alive keeps the old one as long as
 * it reads.
 */
#ifndef SUPERVISOR_NEIGHBOUR_TABLE_H
#define SUPERVISOR_NEIGHBOUR_TABLE_H

#include "common/name_hash.h"
#include "common/neighbour_limits.h"
#include "common/wire.h"
#include "supervisor/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * As many as discovery keeps, and those that are checked while a new discovery
 * process tells of others.
 */
#define NEIGHBOUR_TABLE_MAX (NEIGHBOURS_MAX + 5000)

enum neighbour_text {
	NEIGHBOUR_POD_NAME,
	NEIGHBOUR_NAMESPACE,
	NEIGHBOUR_NODE_NAME,
	NEIGHBOUR_POD_IP,
	NEIGHBOUR_HOST_IP, /* "": not known */
	NEIGHBOUR_TEXT_COUNT
};

/* There are as many as nodes: no byte without need. */
struct neighbour {
	struct neighbour *next; /* in the bucket */
	uint64_t node_hash;
	uint64_t first_seen_ns;
	uint32_t name_hash; /* of namespace and pod name */
	unsigned references;
	uint32_t source_gen; /* who has told it last */
	uint16_t text_at[NEIGHBOUR_TEXT_COUNT];
	uint8_t flags; /* enum wire_neighbour_flag */
	bool admitted; /* it may be checked: ready, old or listed */
	bool selected;
	bool refused; /* for its address: kept, but not a neighbour */
	/* What it was last planned as: this entry, with this configuration. */
	struct target_ref target;
	uint32_t conf_gen;
	char texts[]; /* by neighbour_text() */
};

struct neighbour_table {
	struct name_hash_key hash_key;
	struct neighbour **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
};

void neighbour_table_init(struct neighbour_table *table);
void neighbour_table_fini(struct neighbour_table *table);

const char *neighbour_text(
	const struct neighbour *neighbour, enum neighbour_text which);

struct neighbour *neighbour_table_find(const struct neighbour_table *table,
	const char *namespace_name, const char *pod_name);
/*
 * What a record says of a neighbour that has not gone.  first_seen_ns, admitted
 * and selected of an entry that it replaces stay.  NULL: no memory, or too
 * many.
 */
struct neighbour *neighbour_table_set(struct neighbour_table *table,
	const struct wire_neighbour *record, uint64_t now_ns);
void neighbour_table_remove(
	struct neighbour_table *table, struct neighbour *neighbour);
/* Removes all that another generation has told. */
void neighbour_table_sweep(struct neighbour_table *table, uint32_t source_gen);
bool neighbour_table_is_full(const struct neighbour_table *table);
/* Removes what another generation has told and is not selected. */
void neighbour_table_drop_old(
	struct neighbour_table *table, uint32_t source_gen);
/* NULL begins and ends the walk; nothing may change meanwhile. */
struct neighbour *neighbour_table_next(
	const struct neighbour_table *table, const struct neighbour *neighbour);

/* Another reader. */
struct neighbour *neighbour_ref(struct neighbour *neighbour);
void neighbour_unref(struct neighbour *neighbour);

#endif
