/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinct origins; see origins.h.  A hash table with chains by index for
 * finding one, a list by age for forgetting: both steps are O(1).
 */
#include "supervisor/origins.h"

#include "common/clock.h"
#include "supervisor/http_request.h"

#include <stdlib.h>
#include <string.h>

#define MIN_LIFETIME_NS (60 * NS_PER_S)
#define NONE            UINT16_MAX

struct origin {
	uint64_t seen_ns;
	uint16_t hash_next; /* or the next free one */
	uint16_t older, newer;
	uint8_t len;
	char name[ORIGIN_MAX_BYTES];
};

struct origins {
	uint64_t lifetime_ns;
	size_t n_alive;
	uint16_t n_touched; /* entries ever used: the rest is never written */
	uint16_t free_head;
	uint16_t oldest, newest;
	uint16_t buckets[ORIGINS_MAX];
	struct origin entries[ORIGINS_MAX];
};

_Static_assert(ORIGIN_MAX_BYTES <= UINT8_MAX, "the length is one byte");
_Static_assert(ORIGINS_MAX < NONE, "an index is two bytes");

struct origins *
origins_new(uint64_t lifetime_ns)
{
	struct origins *origins = calloc(1, sizeof(*origins));

	if (origins == NULL)
		return NULL;
	origins->lifetime_ns = lifetime_ns;
	origins->free_head = origins->oldest = origins->newest = NONE;
	for (size_t i = 0; i < ORIGINS_MAX; i++)
		origins->buckets[i] = NONE;
	return origins;
}

void
origins_free(struct origins *origins)
{
	free(origins);
}

uint64_t
origins_lifetime_ns(uint64_t check_interval_ns)
{
	if (check_interval_ns > UINT64_MAX / 3)
		return UINT64_MAX;
	return check_interval_ns * 3 > MIN_LIFETIME_NS ? check_interval_ns * 3
						       : MIN_LIFETIME_NS;
}

void
origins_set_lifetime(struct origins *origins, uint64_t lifetime_ns)
{
	origins->lifetime_ns = lifetime_ns;
}

/* FNV-1a; the number of entries bounds what a collision can cost. */
static uint16_t *
bucket_of(struct origins *origins, const char *name, size_t len)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619U;
	return &origins->buckets[(hash ^ hash >> 16) % ORIGINS_MAX];
}

static void
unlink_age(struct origins *origins, struct origin *origin)
{
	struct origin *entries = origins->entries;

	if (origin->older != NONE)
		entries[origin->older].newer = origin->newer;
	else
		origins->oldest = origin->newer;
	if (origin->newer != NONE)
		entries[origin->newer].older = origin->older;
	else
		origins->newest = origin->older;
}

static void
link_newest(struct origins *origins, struct origin *origin, uint64_t now_ns)
{
	uint16_t index = (uint16_t)(origin - origins->entries);

	origin->seen_ns = now_ns;
	origin->newer = NONE;
	origin->older = origins->newest;
	if (origins->newest != NONE)
		origins->entries[origins->newest].newer = index;
	else
		origins->oldest = index;
	origins->newest = index;
}

static void
forget_oldest(struct origins *origins)
{
	uint16_t index = origins->oldest;
	struct origin *origin = &origins->entries[index];
	uint16_t *link = bucket_of(origins, origin->name, origin->len);

	while (*link != index)
		link = &origins->entries[*link].hash_next;
	*link = origin->hash_next;
	unlink_age(origins, origin);
	origin->hash_next = origins->free_head;
	origins->free_head = index;
	origins->n_alive--;
}

static void
forget_expired(struct origins *origins, uint64_t now_ns)
{
	while (origins->oldest != NONE) {
		const struct origin *oldest =
			&origins->entries[origins->oldest];

		if (clock_since_ns(now_ns, oldest->seen_ns) <
			origins->lifetime_ns)
			return;
		forget_oldest(origins);
	}
}

static struct origin *
find(struct origins *origins, uint16_t index, const char *name, size_t len)
{
	while (index != NONE) {
		struct origin *origin = &origins->entries[index];

		if (origin->len == len && memcmp(origin->name, name, len) == 0)
			return origin;
		index = origin->hash_next;
	}
	return NULL;
}

/* NULL: all are taken. */
static struct origin *
take_free(struct origins *origins)
{
	struct origin *origin;

	if (origins->free_head != NONE) {
		origin = &origins->entries[origins->free_head];
		origins->free_head = origin->hash_next;
		return origin;
	}
	if (origins->n_touched == ORIGINS_MAX)
		return NULL;
	return &origins->entries[origins->n_touched++];
}

bool
origins_seen(
	struct origins *origins, const char *name, size_t len, uint64_t now_ns)
{
	struct origin *origin;
	uint16_t *bucket;

	http_trim(&name, &len);
	if (len == 0 || len > ORIGIN_MAX_BYTES)
		return false;
	bucket = bucket_of(origins, name, len);
	origin = find(origins, *bucket, name, len);
	if (origin != NULL) {
		unlink_age(origins, origin);
		link_newest(origins, origin, now_ns);
		return true;
	}
	forget_expired(origins, now_ns);
	origin = take_free(origins);
	if (origin == NULL)
		return false;
	origin->len = (uint8_t)len;
	memcpy(origin->name, name, len);
	origin->hash_next = *bucket;
	*bucket = (uint16_t)(origin - origins->entries);
	link_newest(origins, origin, now_ns);
	origins->n_alive++;
	return true;
}

size_t
origins_count(struct origins *origins, uint64_t now_ns)
{
	forget_expired(origins, now_ns);
	return origins->n_alive;
}
