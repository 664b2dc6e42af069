/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All series in the order of their keys' bytes: a skip list (W. Pugh, 1990),
 * for it finds, inserts and removes in logarithmic time, and from any series
 * the next one is a pointer away.  It owns no series.
 */
#ifndef SUPERVISOR_SERIES_ORDER_H
#define SUPERVISOR_SERIES_ORDER_H

#include "supervisor/series.h"

/* With a quarter going up each level, enough for 4^10 series. */
#define SERIES_HEIGHT_MAX 10

struct series_order {
	struct series *first[SERIES_HEIGHT_MAX];
	uint64_t random;
};

void series_order_init(struct series_order *order);
/* The height the next series shall be made with. */
uint8_t series_order_draw_height(struct series_order *order);
/* The series of this key; NULL: none. */
struct series *series_order_find(
	const struct series_order *order, const char *key, size_t len_bytes);
/* The first series whose key is above this one; NULL: none. */
struct series *series_order_first_after(
	const struct series_order *order, const char *key, size_t len_bytes);
/* No series of the same key may be there. */
void series_order_insert(struct series_order *order, struct series *series);
/* It must be there. */
void series_order_remove(struct series_order *order, struct series *series);

#endif
