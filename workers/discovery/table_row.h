/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the cells of a Table to what a row says: which column is which, what
 * its words mean, and whether the result can be believed.
 */
#ifndef WORKERS_DISCOVERY_TABLE_ROW_H
#define WORKERS_DISCOVERY_TABLE_ROW_H

#include "workers/discovery/table_parser.h"

#include <stdbool.h>
#include <stddef.h>

struct table_cell {
	bool is_text;
	bool too_long;
	char text[TABLE_NAME_BYTES];
};

/* More columns than these have no meaning to us. */
#define TABLE_CELLS_MAX 16

struct table_cells {
	unsigned count;
	struct table_cell cells[TABLE_CELLS_MAX];
};

/* text NULL: a cell that is no text. */
void table_cells_add(struct table_cells *cells, const char *text, size_t len);

/* All of them answer NULL, or what is wrong in words that live for ever. */
const char *table_columns_add(
	struct table_columns *columns, unsigned number, const char *name);
const char *table_row_from_cells(struct table_row *row,
	const struct table_columns *columns, const struct table_cells *cells,
	enum table_kind kind);
/* Names are names and addresses are addresses, or empty. */
const char *table_row_check(const struct table_row *row);

#endif
