/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbours by name; see neighbour_table.h. */
#include "supervisor/neighbour_table.h"

#include "common/text_pack.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

_Static_assert(WIRE_NEIGHBOUR_FLAGS_END <= UINT8_MAX, "flags are one byte");
_Static_assert(sizeof(struct wire_neighbour) < UINT16_MAX, "texts have two");

const char *
neighbour_text(const struct neighbour *neighbour, enum neighbour_text which)
{
	return neighbour->texts + neighbour->text_at[which];
}

static uint32_t
hash_of(const struct neighbour_table *table, const char *namespace_name,
	const char *pod_name)
{
	return (uint32_t)name_hash(&table->hash_key, namespace_name, pod_name);
}

static struct neighbour **
bucket_of_entry(
	const struct neighbour_table *table, const struct neighbour *neighbour)
{
	return &table->buckets[neighbour->name_hash &
			       (table->bucket_count - 1)];
}

static struct neighbour *
entry_new(const struct wire_neighbour *record)
{
	const char *const texts[NEIGHBOUR_TEXT_COUNT] = {
		[NEIGHBOUR_POD_NAME] = record->pod_name,
		[NEIGHBOUR_NAMESPACE] = record->namespace_name,
		[NEIGHBOUR_NODE_NAME] = record->node_name,
		[NEIGHBOUR_POD_IP] = record->pod_ip,
		[NEIGHBOUR_HOST_IP] = record->host_ip,
	};
	uint16_t at[NEIGHBOUR_TEXT_COUNT];
	size_t len_bytes = text_pack(texts, NEIGHBOUR_TEXT_COUNT, at, NULL);
	struct neighbour *entry =
		malloc(offsetof(struct neighbour, texts) + len_bytes);

	if (entry == NULL)
		return NULL;
	memset(entry, 0, offsetof(struct neighbour, texts));
	text_pack(texts, NEIGHBOUR_TEXT_COUNT, entry->text_at, entry->texts);
	entry->references = 1;
	entry->flags = (uint8_t)record->flags;
	entry->node_hash = record->node_hash;
	return entry;
}

static int
grow(struct neighbour_table *table)
{
	struct neighbour_table bigger = { .hash_key = table->hash_key,
		.count = table->count };
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
	name_hash_key_init(&table->hash_key);
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
	entry = table->buckets[hash_of(table, namespace_name, pod_name) &
			       (table->bucket_count - 1)];
	while (entry != NULL &&
		(strcmp(neighbour_text(entry, NEIGHBOUR_POD_NAME), pod_name) !=
				0 ||
			strcmp(neighbour_text(entry, NEIGHBOUR_NAMESPACE),
				namespace_name) != 0))
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

	if (old == NULL && (neighbour_table_is_full(table) || grow(table) < 0))
		return NULL;
	entry = entry_new(record);
	if (entry == NULL)
		return NULL;
	entry->first_seen_ns = now_ns;
	entry->name_hash =
		hash_of(table, record->namespace_name, record->pod_name);
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

bool
neighbour_table_is_full(const struct neighbour_table *table)
{
	return table->count >= NEIGHBOUR_TABLE_MAX;
}

static void
remove_old(
	struct neighbour_table *table, uint32_t source_gen, bool selected_too)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct neighbour *entry = table->buckets[i], *next;

		for (; entry != NULL; entry = next) {
			next = entry->next;
			if (entry->source_gen != source_gen &&
				(selected_too || !entry->selected))
				neighbour_table_remove(table, entry);
		}
	}
}

void
neighbour_table_sweep(struct neighbour_table *table, uint32_t source_gen)
{
	remove_old(table, source_gen, true);
}

void
neighbour_table_drop_old(struct neighbour_table *table, uint32_t source_gen)
{
	remove_old(table, source_gen, false);
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
