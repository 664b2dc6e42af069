/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbours by name; see neighbour_table.h. */
#include "supervisor/neighbour_table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64
#define TEXT_COUNT    5

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
static size_t
bucket_of(const struct neighbour_table *table, const char *namespace_name,
	const char *pod_name)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *namespace_name != '\0'; namespace_name++)
		hash = (hash ^ (unsigned char)*namespace_name) *
		       0x100000001b3ULL;
	hash = (hash ^ '/') * 0x100000001b3ULL;
	for (; *pod_name != '\0'; pod_name++)
		hash = (hash ^ (unsigned char)*pod_name) * 0x100000001b3ULL;
	return (size_t)(hash ^ hash >> 32) & (table->bucket_count - 1);
}

static struct neighbour **
bucket_of_entry(
	const struct neighbour_table *table, const struct neighbour *neighbour)
{
	return &table->buckets[bucket_of(
		table, neighbour->namespace_name, neighbour->pod_name)];
}

static struct neighbour *
entry_new(const struct wire_neighbour *record)
{
	const char *const from[TEXT_COUNT] = { record->pod_name,
		record->namespace_name, record->node_name, record->pod_ip,
		record->host_ip };
	size_t len_bytes = 0;
	struct neighbour *entry;
	char *place;

	for (size_t i = 0; i < TEXT_COUNT; i++)
		len_bytes += strlen(from[i]) + 1;
	entry = calloc(1, sizeof(*entry) + len_bytes);
	if (entry == NULL)
		return NULL;
	const char **const to[TEXT_COUNT] = { &entry->pod_name,
		&entry->namespace_name, &entry->node_name, &entry->pod_ip,
		&entry->host_ip };

	place = (char *)(entry + 1);
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		size_t text_bytes = strlen(from[i]) + 1;

		*to[i] = memcpy(place, from[i], text_bytes);
		place += text_bytes;
	}
	entry->references = 1;
	entry->flags = record->flags;
	entry->node_hash = record->node_hash;
	return entry;
}

static int
grow(struct neighbour_table *table)
{
	struct neighbour_table bigger = { .count = table->count };
	struct neighbour *entry;

	if (table->count < table->bucket_count)
		return 0;
	bigger.bucket_count = table->bucket_count == 0
				      ? FIRST_BUCKETS
				      : 2 * table->bucket_count;
	bigger.buckets = calloc(bigger.bucket_count, sizeof(*bigger.buckets));
	if (bigger.buckets == NULL)
		return -1;
	for (size_t i = 0; i < table->bucket_count; i++)
		while ((entry = table->buckets[i]) != NULL) {
			struct neighbour **bucket =
				bucket_of_entry(&bigger, entry);

			table->buckets[i] = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	free(table->buckets);
	*table = bigger;
	return 0;
}

void
neighbour_table_init(struct neighbour_table *table)
{
	memset(table, 0, sizeof(*table));
}

void
neighbour_table_fini(struct neighbour_table *table)
{
	struct neighbour *entry;

	for (size_t i = 0; i < table->bucket_count; i++)
		while ((entry = table->buckets[i]) != NULL) {
			table->buckets[i] = entry->next;
			neighbour_unref(entry);
		}
	free(table->buckets);
	neighbour_table_init(table);
}

struct neighbour *
neighbour_table_find(const struct neighbour_table *table,
	const char *namespace_name, const char *pod_name)
{
	struct neighbour *entry;

	if (table->bucket_count == 0)
		return NULL;
	entry = table->buckets[bucket_of(table, namespace_name, pod_name)];
	while (entry != NULL &&
		(strcmp(entry->pod_name, pod_name) != 0 ||
			strcmp(entry->namespace_name, namespace_name) != 0))
		entry = entry->next;
	return entry;
}

struct neighbour *
neighbour_table_set(struct neighbour_table *table,
	const struct wire_neighbour *record, uint64_t now_ns)
{
	struct neighbour *old = neighbour_table_find(
		table, record->namespace_name, record->pod_name);
	struct neighbour *entry, **bucket;

	if (old == NULL &&
		(table->count >= NEIGHBOUR_TABLE_MAX || grow(table) < 0))
		return NULL;
	entry = entry_new(record);
	if (entry == NULL)
		return NULL;
	entry->first_seen_ns = now_ns;
	if (old != NULL) {
		entry->first_seen_ns = old->first_seen_ns;
		entry->admitted = old->admitted;
		entry->selected = old->selected;
		neighbour_table_remove(table, old);
	}
	bucket = bucket_of_entry(table, entry);
	entry->next = *bucket;
	*bucket = entry;
	table->count++;
	return entry;
}

void
neighbour_table_remove(
	struct neighbour_table *table, struct neighbour *neighbour)
{
	struct neighbour **place = bucket_of_entry(table, neighbour);

	while (*place != neighbour)
		place = &(*place)->next;
	*place = neighbour->next;
	table->count--;
	neighbour_unref(neighbour);
}

void
neighbour_table_sweep(struct neighbour_table *table, uint32_t source_gen)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct neighbour *entry = table->buckets[i], *next;

		for (; entry != NULL; entry = next) {
			next = entry->next;
			if (entry->source_gen != source_gen)
				neighbour_table_remove(table, entry);
		}
	}
}

struct neighbour *
neighbour_table_next(
	const struct neighbour_table *table, const struct neighbour *neighbour)
{
	size_t i = 0;

	if (neighbour != NULL) {
		if (neighbour->next != NULL)
			return neighbour->next;
		i = (size_t)(bucket_of_entry(table, neighbour) -
			     table->buckets) +
		    1;
	}
	for (; i < table->bucket_count; i++)
		if (table->buckets[i] != NULL)
			return table->buckets[i];
	return NULL;
}

struct neighbour *
neighbour_ref(struct neighbour *neighbour)
{
	neighbour->references++;
	return neighbour;
}

void
neighbour_unref(struct neighbour *neighbour)
{
	if (--neighbour->references == 0)
		free(neighbour);
}
