/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of pods or nodes; see item_store.h. */
#include "workers/discovery/item_store.h"

#include "common/text_pack.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

_Static_assert(ITEM_TEXT_COUNT == 5, "all of struct item_fields");

struct item_fields
item_fields(const struct item *item)
{
	return (struct item_fields){
		.namespace_name = item->texts + item->text_at[0],
		.name = item->texts + item->text_at[1],
		.node_name = item->texts + item->text_at[2],
		.ip = item->texts + item->text_at[3],
		.host_ip = item->texts + item->text_at[4],
		.ready = item->ready,
	};
}

static bool
has_fields(const struct item *item, const struct item_fields *b)
{
	struct item_fields a = item_fields(item);

	return strcmp(a.namespace_name, b->namespace_name) == 0 &&
	       strcmp(a.name, b->name) == 0 &&
	       strcmp(a.node_name, b->node_name) == 0 &&
	       strcmp(a.ip, b->ip) == 0 && strcmp(a.host_ip, b->host_ip) == 0 &&
	       a.ready == b->ready;
}

static bool
is_named(const struct item *item, const char *namespace_name, const char *name)
{
	struct item_fields fields = item_fields(item);

	return strcmp(fields.name, name) == 0 &&
	       strcmp(fields.namespace_name, namespace_name) == 0;
}

static size_t
bucket_of(const struct item_store *store, const char *namespace_name,
	const char *name)
{
	return (size_t)name_hash(&store->hash_key, namespace_name, name) &
	       (store->bucket_count - 1);
}

static struct item *
find(const struct item_store *store, const char *namespace_name,
	const char *name, bool staged)
{
	struct item *item;

	if (store->bucket_count == 0)
		return NULL;
	item = store->buckets[bucket_of(store, namespace_name, name)];
	while (item != NULL && (item->staged != staged ||
				       !is_named(item, namespace_name, name)))
		item = item->next_in_bucket;
	return item;
}

static struct item **
bucket_of_item(const struct item_store *store, const struct item *item)
{
	struct item_fields fields = item_fields(item);

	return &store->buckets[bucket_of(
		store, fields.namespace_name, fields.name)];
}

static void
link_in_bucket(struct item_store *store, struct item *item)
{
	struct item **bucket = bucket_of_item(store, item);

	item->next_in_bucket = *bucket;
	*bucket = item;
}

static int
grow(struct item_store *store)
{
	struct item **old = store->buckets;
	size_t old_count = store->bucket_count;
	size_t count = old_count == 0 ? FIRST_BUCKETS : 2 * old_count;

	if (store->count < old_count)
		return 0;
	store->buckets = calloc(count, sizeof(*store->buckets));
	if (store->buckets == NULL) {
		store->buckets = old;
		return -ENOMEM;
	}
	store->bucket_count = count;
	for (size_t i = 0; i < old_count; i++)
		while (old[i] != NULL) {
			struct item *item = old[i];

			old[i] = item->next_in_bucket;
			link_in_bucket(store, item);
		}
	free(old);
	return 0;
}

static struct item *
item_new(const struct item_fields *fields)
{
	const char *const texts[ITEM_TEXT_COUNT] = { fields->namespace_name,
		fields->name, fields->node_name, fields->ip, fields->host_ip };
	uint16_t at[ITEM_TEXT_COUNT];
	size_t len_bytes = text_pack(texts, ITEM_TEXT_COUNT, at, NULL);
	struct item *item = malloc(offsetof(struct item, texts) + len_bytes);

	if (item == NULL)
		return NULL;
	memset(item, 0, offsetof(struct item, texts));
	text_pack(texts, ITEM_TEXT_COUNT, item->text_at, item->texts);
	item->ready = fields->ready;
	return item;
}

static void
dequeue(struct item_store *store, struct item *item)
{
	if (!item->changed)
		return;
	if (item->prev_changed != NULL)
		item->prev_changed->next_changed = item->next_changed;
	else
		store->first_changed = item->next_changed;
	if (item->next_changed != NULL)
		item->next_changed->prev_changed = item->prev_changed;
	else
		store->last_changed = item->prev_changed;
	item->next_changed = item->prev_changed = NULL;
	item->changed = false;
}

static void
enqueue(struct item_store *store, struct item *item)
{
	if (item->changed)
		return;
	item->changed = true;
	item->prev_changed = store->last_changed;
	if (store->last_changed != NULL)
		store->last_changed->next_changed = item;
	else
		store->first_changed = item;
	store->last_changed = item;
}

static void
drop(struct item_store *store, struct item *item)
{
	struct item **place = bucket_of_item(store, item);

	dequeue(store, item);
	while (*place != item)
		place = &(*place)->next_in_bucket;
	*place = item->next_in_bucket;
	store->count--;
	if (!item->staged && !item->gone)
		store->present_count--;
	free(item);
}

/* Takes an item out of what is known.  Whom nobody was told of just goes. */
static void
leave(struct item_store *store, struct item *item)
{
	if (item->gone)
		return;
	if (!item->told) {
		drop(store, item);
		return;
	}
	item->gone = true;
	store->present_count--;
	enqueue(store, item);
}

/* A new item takes the place of the one of its name, if there is one. */
static void
enter(struct item_store *store, struct item *item)
{
	struct item_fields fields = item_fields(item);
	struct item *old =
		find(store, fields.namespace_name, fields.name, false);

	if (old != NULL) {
		item->told = old->told;
		drop(store, old);
	}
	item->staged = false;
	store->present_count++;
	enqueue(store, item);
}

static struct item *
add(struct item_store *store, const struct item_fields *fields, int *ret_error)
{
	struct item *item;

	*ret_error = -E2BIG;
	/* a staged list may stand beside the known one */
	if (store->count >= (size_t)2 * ITEM_STORE_MAX_ITEMS)
		return NULL;
	*ret_error = grow(store);
	if (*ret_error < 0)
		return NULL;
	item = item_new(fields);
	if (item == NULL) {
		*ret_error = -ENOMEM;
		return NULL;
	}
	item->staged = true; /* until it enters */
	item->list_number = store->list_number;
	link_in_bucket(store, item);
	store->count++;
	return item;
}

void
item_store_init(struct item_store *store)
{
	memset(store, 0, sizeof(*store));
	name_hash_key_init(&store->hash_key);
}

void
item_store_fini(struct item_store *store)
{
	for (size_t i = 0; i < store->bucket_count; i++)
		while (store->buckets[i] != NULL) {
			struct item *item = store->buckets[i];

			store->buckets[i] = item->next_in_bucket;
			free(item);
		}
	free(store->buckets);
	item_store_init(store);
}

void
item_store_begin(struct item_store *store)
{
	item_store_abort(store);
	store->list_number++;
	store->listed_count = 0;
	store->listing = true;
}

int
item_store_stage(struct item_store *store, const struct item_fields *fields)
{
	struct item *known =
		find(store, fields->namespace_name, fields->name, false);
	int error;

	if (find(store, fields->namespace_name, fields->name, true) != NULL ||
		(known != NULL && known->list_number == store->list_number))
		return -EEXIST;
	if (store->listed_count == ITEM_STORE_MAX_ITEMS)
		return -E2BIG;
	store->listed_count++;
	if (known != NULL && !known->gone && has_fields(known, fields)) {
		known->list_number = store->list_number;
		return 0;
	}
	return add(store, fields, &error) != NULL ? 0 : error;
}

/* Each object that is there now, be it changed or freed meanwhile. */
static void
for_all(struct item_store *store,
	void (*fn)(struct item_store *store, struct item *item))
{
	for (size_t i = 0; i < store->bucket_count; i++) {
		struct item *item = store->buckets[i], *next;

		for (; item != NULL; item = next) {
			next = item->next_in_bucket;
			fn(store, item);
		}
	}
}

static void
commit_missing(struct item_store *store, struct item *item)
{
	struct item_fields fields = item_fields(item);

	if (!item->staged && item->list_number != store->list_number &&
		find(store, fields.namespace_name, fields.name, true) == NULL)
		leave(store, item);
}

/* A known one of the same name, which enter() drops, may be the next one. */
static struct item *
find_staged(struct item_store *store, size_t bucket)
{
	struct item *item = store->buckets[bucket];

	while (item != NULL && !item->staged)
		item = item->next_in_bucket;
	return item;
}

void
item_store_commit(struct item_store *store)
{
	struct item *item;

	if (!store->listing)
		return;
	store->listing = false;
	for_all(store, commit_missing);
	for (size_t i = 0; i < store->bucket_count; i++)
		while ((item = find_staged(store, i)) != NULL)
			enter(store, item);
}

static void
drop_staged(struct item_store *store, struct item *item)
{
	if (item->staged)
		drop(store, item);
}

void
item_store_abort(struct item_store *store)
{
	if (!store->listing)
		return;
	store->listing = false;
	for_all(store, drop_staged);
}

int
item_store_set(struct item_store *store, const struct item_fields *fields)
{
	struct item *known =
		find(store, fields->namespace_name, fields->name, false);
	struct item *item;
	int error;

	if (known != NULL && !known->gone && has_fields(known, fields))
		return 0;
	if (store->present_count >= ITEM_STORE_MAX_ITEMS &&
		(known == NULL || known->gone))
		return -E2BIG;
	item = add(store, fields, &error);
	if (item == NULL)
		return error;
	enter(store, item);
	return 0;
}

void
item_store_remove(
	struct item_store *store, const char *namespace_name, const char *name)
{
	struct item *item = find(store, namespace_name, name, false);

	if (item != NULL)
		leave(store, item);
}

static void
leave_present(struct item_store *store, struct item *item)
{
	if (!item->staged)
		leave(store, item);
}

void
item_store_clear(struct item_store *store)
{
	for_all(store, leave_present);
}

struct item *
item_store_find(const struct item_store *store, const char *namespace_name,
	const char *name)
{
	struct item *item = find(store, namespace_name, name, false);

	return item != NULL && !item->gone ? item : NULL;
}

void
item_store_each(struct item_store *store,
	void (*fn)(void *arg, struct item *item), void *arg)
{
	for (size_t i = 0; i < store->bucket_count; i++)
		for (struct item *item = store->buckets[i]; item != NULL;
			item = item->next_in_bucket)
			if (!item->staged && !item->gone)
				fn(arg, item);
}

bool
item_store_is_changed(const struct item_store *store,
	const char *namespace_name, const char *name)
{
	struct item *item = find(store, namespace_name, name, false);

	return item != NULL && item->changed;
}

struct item *
item_store_first_changed(const struct item_store *store)
{
	return store->first_changed;
}

void
item_store_touch(struct item_store *store, struct item *item)
{
	enqueue(store, item);
}

void
item_store_told(struct item_store *store, struct item *item)
{
	if (item->gone) {
		drop(store, item);
		return;
	}
	dequeue(store, item);
	item->told = true;
}
