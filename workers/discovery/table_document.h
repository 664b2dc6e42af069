/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list or an event of the API server says, token by token: where in the
 * document a token stands, what of it is kept, and when a row is complete.
 * Knows no JSON library.
 */
#ifndef WORKERS_DISCOVERY_TABLE_DOCUMENT_H
#define WORKERS_DISCOVERY_TABLE_DOCUMENT_H

#include "workers/discovery/table_parser.h"
#include "workers/discovery/table_row.h"

#include <stdbool.h>
#include <stddef.h>

enum table_type {
	TABLE_TYPE_STRING = 1 << 0,
	TABLE_TYPE_NUMBER = 1 << 1,
	TABLE_TYPE_BOOL = 1 << 2,
	TABLE_TYPE_MAP = 1 << 3,
	TABLE_TYPE_ARRAY = 1 << 4,
};

enum table_place {
	PLACE_TOP,
	PLACE_SKIP,
	PLACE_EVENT,
	PLACE_OBJECT, /* a Table, a list, a Status, or an item of a watch */
	PLACE_METADATA,
	PLACE_COLUMNS,
	PLACE_COLUMN,
	PLACE_ROWS,
	PLACE_ROW,
	PLACE_CELLS,
	PLACE_ROW_OBJECT,
	PLACE_ITEMS,
	PLACE_ITEM,
	PLACE_ITEM_METADATA,
	PLACE_SPEC,
	PLACE_STATUS,
	PLACE_CONDITIONS,
	PLACE_CONDITION,
};

/* Texts of the document that is being read. */
struct table_words {
	char event[TABLE_WORD_BYTES];
	char kind[TABLE_WORD_BYTES];
	char version[TABLE_VERSION_BYTES];
	char message[TABLE_MESSAGE_BYTES];
	char column[TABLE_WORD_BYTES];
	char deleted[TABLE_WORD_BYTES];
	char phase[TABLE_WORD_BYTES];
	char condition[TABLE_WORD_BYTES];
	char condition_status[TABLE_WORD_BYTES];
	char code[TABLE_WORD_BYTES];
};

struct table_key;

/* Zeroed before; the first two are filled in. */
struct table_document {
	struct table_parser_options options;
	struct table_columns *columns;
	enum table_place places[TABLE_DEPTH_MAX];
	unsigned depth;
	const struct table_key *key; /* NULL: none we know */
	struct table_words words;
	struct table_row row;
	struct table_cells cells;
	unsigned column_number;
	bool has_row;          /* of the present event */
	const char *row_error; /* of it; NULL: none */
	bool has_rows;         /* the list told some, or that there are none */
	bool complete;         /* the list */
	char version[TABLE_VERSION_BYTES];
	unsigned status_code;
	int rc;
	const char *error;
};

/* The tokens.  0: it is over, rc and error say why; 1: go on. */
int table_document_open(struct table_document *document, enum table_type type);
int table_document_close(struct table_document *document);
int table_document_key(
	struct table_document *document, const char *text, size_t len);
int table_document_scalar(struct table_document *document, enum table_type type,
	const char *text, size_t len);
int table_document_null(struct table_document *document);
/* It is over for a reason of the caller's; the first one stands. */
void table_document_fail(struct table_document *document, const char *error);

#endif
