/* SPDX-License-Identifier: Apache-2.0 */
/* All series in the order of their keys' bytes; see series_order.h. */
#include "supervisor/series_order.h"

#include <assert.h>
#include <string.h>

#define RANDOM_SEED 0x9e3779b97f4a7c15ULL /* any number but 0 */

void
series_order_init(struct series_order *order)
{
	memset(order, 0, sizeof(*order));
	order->random = RANDOM_SEED;
}

uint8_t
series_order_draw_height(struct series_order *order)
{
	uint64_t bits = order->random;
	uint8_t height = 1;

	/* xorshift64 (G. Marsaglia, 2003) */
	bits ^= bits << 13;
	bits ^= bits >> 7;
	bits ^= bits << 17;
	order->random = bits;
	while (height < SERIES_HEIGHT_MAX && (bits & 3) == 0) {
		bits >>= 2;
		height++;
	}
	return height;
}

/* Below 0, 0 or above 0, as the series' key is before, at or after key. */
static int
compare(const struct series *series, const char *key, size_t len_bytes)
{
	size_t own_bytes = series->key_len_bytes;
	int order = memcmp(series_key(series), key,
		own_bytes < len_bytes ? own_bytes : len_bytes);

	if (order != 0)
		return order;
	return (own_bytes > len_bytes) - (own_bytes < len_bytes);
}

/*
 * Walks to the last place whose key is below the given one (or at it, with
 * pass_equal) and returns the series behind it.  ret_links, when wanted, are
 * the pointers that lead over that place, one per level.
 */
static struct series *
walk(const struct series_order *order, const char *key, size_t len_bytes,
	bool pass_equal, struct series ***ret_links)
{
	struct series *const *links = order->first;

	for (size_t level = SERIES_HEIGHT_MAX; level-- > 0;) {
		struct series *series = links[level];

		while (series != NULL &&
			compare(series, key, len_bytes) < pass_equal) {
			links = series->next;
			series = links[level];
		}
		if (ret_links != NULL)
			ret_links[level] = (struct series **)&links[level];
	}
	return links[0];
}

struct series *
series_order_find(
	const struct series_order *order, const char *key, size_t len_bytes)
{
	struct series *series = walk(order, key, len_bytes, false, NULL);

	if (series == NULL || compare(series, key, len_bytes) != 0)
		return NULL;
	return series;
}

struct series *
series_order_first_after(
	const struct series_order *order, const char *key, size_t len_bytes)
{
	return walk(order, key, len_bytes, true, NULL);
}

void
series_order_insert(struct series_order *order, struct series *series)
{
	struct series **links[SERIES_HEIGHT_MAX];

	walk(order, series_key(series), series->key_len_bytes, false, links);
	for (size_t level = 0; level < series->height; level++) {
		series->next[level] = *links[level];
		*links[level] = series;
	}
}

void
series_order_remove(struct series_order *order, struct series *series)
{
	struct series **links[SERIES_HEIGHT_MAX];

	walk(order, series_key(series), series->key_len_bytes, false, links);
	for (size_t level = 0; level < series->height; level++) {
		assert(*links[level] == series);
		*links[level] = series->next[level];
	}
}
