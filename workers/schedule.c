/* SPDX-License-Identifier: Apache-2.0 */
/* When a target is checked; see schedule.h. */
#include "workers/schedule.h"

/* FNV-1a, 64 bits (draft-eastlake-fnv): spread is all that is asked of it. */
static uint64_t
hash_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++) {
		hash ^= (unsigned char)*text;
		hash *= 0x100000001b3ULL;
	}
	return hash;
}

/* FNV leaves the high bits of short texts alike; splitmix64's finaliser. */
static uint64_t
mix(uint64_t hash)
{
	hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9ULL;
	hash = (hash ^ hash >> 27) * 0x94d049bb133111ebULL;
	return hash ^ hash >> 31;
}

uint64_t
schedule_phase_ns(const char *label, const char *url, uint64_t interval_ns)
{
	uint64_t hash = hash_text(0xcbf29ce484222325ULL, label);

	hash = hash_text(hash * 0x100000001b3ULL, url);
	return mix(hash) % interval_ns;
}

uint64_t
schedule_next_ns(uint64_t last_ns, uint64_t now_ns, uint64_t interval_ns,
	uint64_t phase_ns)
{
	uint64_t earliest_ns = last_ns + interval_ns / 2;
	uint64_t into_ns;

	if (earliest_ns < now_ns)
		earliest_ns = now_ns;
	into_ns = (earliest_ns + interval_ns - phase_ns) % interval_ns;
	return into_ns == 0 ? earliest_ns : earliest_ns + interval_ns - into_ns;
}
