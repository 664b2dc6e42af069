/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads lists and watches; see table_parser.h.  Each place in a document knows
 * its keys from one table: what type their value must have and where it goes.
 * All else is skipped.  No other file knows yajl.
 */
#include "workers/discovery/table_parser.h"

#include "workers/discovery/table_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

enum place {
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

enum type {
	TYPE_STRING = 1 << 0,
	TYPE_NUMBER = 1 << 1,
	TYPE_BOOL = 1 << 2,
	TYPE_MAP = 1 << 3,
	TYPE_ARRAY = 1 << 4,
};

/* Texts of the document that is being read. */
struct words {
	char event[TABLE_WORD_BYTES];
	char kind[TABLE_WORD_BYTES];
	char version[TABLE_VERSION_BYTES];
	char message[TABLE_MESSAGE_BYTES];
	char column[TABLE_WORD_BYTES];
	char deleted[TABLE_WORD_BYTES];
	char condition[TABLE_WORD_BYTES];
	char condition_status[TABLE_WORD_BYTES];
	char code[TABLE_WORD_BYTES];
};

struct table_parser {
	struct table_parser_options options;
	struct table_columns *columns;
	yajl_handle yajl;
	enum place places[TABLE_DEPTH_MAX];
	unsigned depth;
	const struct key_def *key; /* NULL: of the present map, none we know */
	bool in_callback;
	size_t silent_bytes; /* fed since the last token */
	struct words words;
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

struct key_def {
	enum place place;
	const char *name;
	unsigned types;
	enum place child;   /* of a map or an array */
	size_t offset, cap; /* of a text; a cap of 0: it is not kept */
	bool may_be_cut;
};

#define TEXT(field)                                                            \
	.types = TYPE_STRING, .offset = offsetof(struct table_parser, field),  \
	.cap = sizeof(((struct table_parser *)NULL)->field)

#define CHILD(kinds, place) .types = (kinds), .child = (place)

/* clang-format off */
static const struct key_def keys[] = {
	{ PLACE_EVENT, "type", TEXT(words.event) },
	{ PLACE_EVENT, "object", CHILD(TYPE_MAP, PLACE_OBJECT) },
	{ PLACE_OBJECT, "kind", TEXT(words.kind) },
	{ PLACE_OBJECT, "metadata", CHILD(TYPE_MAP, PLACE_METADATA) },
	{ PLACE_OBJECT, "columnDefinitions", CHILD(TYPE_ARRAY, PLACE_COLUMNS) },
	{ PLACE_OBJECT, "rows", CHILD(TYPE_ARRAY, PLACE_ROWS) },
	{ PLACE_OBJECT, "items", CHILD(TYPE_ARRAY, PLACE_ITEMS) },
	{ PLACE_OBJECT, "spec", CHILD(TYPE_MAP, PLACE_SPEC) },
	/* of a Status it is a word */
	{ PLACE_OBJECT, "status", CHILD(TYPE_MAP | TYPE_STRING, PLACE_STATUS) },
	{ PLACE_OBJECT, "code", .types = TYPE_NUMBER,
		.offset = offsetof(struct table_parser, words.code),
		.cap = TABLE_WORD_BYTES },
	{ PLACE_OBJECT, "message", TEXT(words.message), .may_be_cut = true },
	{ PLACE_METADATA, "resourceVersion", TEXT(words.version) },
	{ PLACE_METADATA, "name", TEXT(row.name) },
	{ PLACE_METADATA, "namespace", TEXT(row.namespace_name) },
	{ PLACE_METADATA, "deletionTimestamp", TEXT(words.deleted) },
	{ PLACE_COLUMN, "name", TEXT(words.column), .may_be_cut = true },
	{ PLACE_ROW, "cells", CHILD(TYPE_ARRAY, PLACE_CELLS) },
	{ PLACE_ROW, "object", CHILD(TYPE_MAP, PLACE_ROW_OBJECT) },
	{ PLACE_ROW_OBJECT, "metadata", CHILD(TYPE_MAP, PLACE_ITEM_METADATA) },
	{ PLACE_ITEM, "metadata", CHILD(TYPE_MAP, PLACE_ITEM_METADATA) },
	{ PLACE_ITEM, "spec", CHILD(TYPE_MAP, PLACE_SPEC) },
	{ PLACE_ITEM, "status", CHILD(TYPE_MAP, PLACE_STATUS) },
	{ PLACE_ITEM_METADATA, "name", TEXT(row.name) },
	{ PLACE_ITEM_METADATA, "namespace", TEXT(row.namespace_name) },
	{ PLACE_ITEM_METADATA, "deletionTimestamp", TEXT(words.deleted) },
	{ PLACE_SPEC, "nodeName", TEXT(row.node_name) },
	{ PLACE_SPEC, "unschedulable", CHILD(TYPE_BOOL, PLACE_SKIP) },
	{ PLACE_STATUS, "podIP", TEXT(row.ip) },
	{ PLACE_STATUS, "hostIP", TEXT(row.host_ip) },
	{ PLACE_STATUS, "conditions", CHILD(TYPE_ARRAY, PLACE_CONDITIONS) },
	{ PLACE_CONDITION, "type", TEXT(words.condition), .may_be_cut = true },
	{ PLACE_CONDITION, "status", TEXT(words.condition_status),
		.may_be_cut = true },
};
/* clang-format on */

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static int
fail(struct table_parser *parser, const char *error)
{
	if (parser->rc == 0) {
		parser->rc = -EPROTO;
		parser->error = error;
	}
	return 0; /* yajl: stop */
}

static enum place
place_of(const struct table_parser *parser)
{
	return parser->depth == 0 ? PLACE_TOP
				  : parser->places[parser->depth - 1];
}

/* ------------------------------------------------------- what is complete */

static int
tell(struct table_parser *parser, enum table_event event,
	const struct table_row *row)
{
	int rc = parser->options.on_event(parser->options.arg, event, row);

	if (rc < 0 && parser->rc == 0) {
		parser->rc = rc;
		parser->error = rc == -EEXIST  ? "a name twice"
				: rc == -E2BIG ? "too many rows"
					       : "no memory";
	}
	return rc == 0;
}

/*
 * A row, an item, or the object of an event is in parser->row; error: what is
 * wrong with its cells.  A watch judges it when the event is known, for that of
 * a bookmark is empty.
 */
static int
end_row(struct table_parser *parser, const char *error)
{
	parser->row.terminating |= parser->words.deleted[0] != '\0';
	if (error == NULL)
		error = table_row_check(&parser->row);
	if (parser->options.mode == TABLE_LIST) {
		if (error != NULL)
			return fail(parser, error);
		return tell(parser, TABLE_LISTED, &parser->row);
	}
	if (parser->has_row)
		return fail(parser, "two rows in an event");
	parser->has_row = true;
	parser->row_error = error;
	return 1;
}

static int
end_table_row(struct table_parser *parser)
{
	return end_row(
		parser, table_row_from_cells(&parser->row, parser->columns,
				&parser->cells, parser->options.kind));
}

static void
begin_row(struct table_parser *parser)
{
	memset(&parser->row, 0, sizeof(parser->row));
	memset(&parser->cells, 0, sizeof(parser->cells));
	parser->words.deleted[0] = '\0';
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void
end_status(struct table_parser *parser)
{
	parser->status_code =
		(unsigned)strtoul(parser->words.code, NULL, 10) % 1000;
}

static int
end_list(struct table_parser *parser)
{
	struct words *words = &parser->words;

	if (strcmp(words->kind, "Status") == 0) {
		end_status(parser);
		return 1;
	}
	if (words->version[0] == '\0')
		return fail(parser, "a list without resourceVersion");
	if (!parser->has_rows || (strcmp(words->kind, "Table") != 0 &&
					 !ends_with(words->kind, "List")))
		return fail(parser, "neither a Table nor a list");
	memcpy(parser->version, words->version, sizeof(parser->version));
	parser->complete = true;
	return 1;
}

static bool
find_event(const char *word, enum table_event *ret_event)
{
	static const struct {
		const char *word;
		enum table_event event;
	} events[] = {
		{ "ADDED", TABLE_ADDED },
		{ "MODIFIED", TABLE_MODIFIED },
		{ "DELETED", TABLE_DELETED },
		{ "BOOKMARK", TABLE_BOOKMARK },
		{ "ERROR", TABLE_ERROR },
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(word, events[i].word) == 0) {
			*ret_event = events[i].event;
			return true;
		}
	return false;
}

static int
end_event(struct table_parser *parser)
{
	struct words *words = &parser->words;
	enum table_event event;

	if (!find_event(words->event, &event))
		return fail(parser, "an event of unknown type");
	if (event == TABLE_ERROR) {
		end_status(parser);
		return tell(parser, event, NULL);
	}
	if (words->version[0] == '\0')
		return fail(parser, "an event without resourceVersion");
	if (event == TABLE_BOOKMARK) {
		if (!tell(parser, event, NULL))
			return 0;
	} else {
		if (!parser->has_row && strcmp(words->kind, "Table") != 0)
			end_row(parser, NULL); /* the object itself */
		if (!parser->has_row)
			return fail(parser, "an event without a row");
		if (parser->row_error != NULL)
			return fail(parser, parser->row_error);
		if (!tell(parser, event, &parser->row))
			return 0;
	}
	memcpy(parser->version, words->version, sizeof(parser->version));
	return 1;
}

static void
end_condition(struct table_parser *parser)
{
	struct words *words = &parser->words;

	if (strcmp(words->condition, "Ready") == 0)
		parser->row.ready =
			strcmp(words->condition_status, "True") == 0;
	words->condition[0] = words->condition_status[0] = '\0';
}

/* -------------------------------------------------------- opening, closing */

/* What stands at the top is an event of a watch, or the list. */
static enum place
top_place(struct table_parser *parser)
{
	memset(&parser->words, 0, sizeof(parser->words));
	begin_row(parser);
	parser->has_row = false;
	parser->row_error = NULL;
	return parser->options.mode == TABLE_WATCH ? PLACE_EVENT : PLACE_OBJECT;
}

/* What an element of this array is; PLACE_SKIP: it has no maps or arrays. */
static enum place
element_place(enum place array)
{
	return array == PLACE_COLUMNS      ? PLACE_COLUMN
	       : array == PLACE_ROWS       ? PLACE_ROW
	       : array == PLACE_ITEMS      ? PLACE_ITEM
	       : array == PLACE_CONDITIONS ? PLACE_CONDITION
					   : PLACE_SKIP;
}

static void
enter(struct table_parser *parser, enum place place)
{
	switch (place) {
	case PLACE_COLUMNS:
		memset(parser->columns, 0, sizeof(*parser->columns));
		parser->column_number = 0;
		break;
	case PLACE_COLUMN:
		parser->words.column[0] = '\0';
		break;
	case PLACE_ROWS:
	case PLACE_ITEMS:
		parser->has_rows = true;
		break;
	case PLACE_ROW:
	case PLACE_ITEM:
		begin_row(parser);
		break;
	case PLACE_CELLS:
		memset(&parser->cells, 0, sizeof(parser->cells));
		break;
	case PLACE_TOP:
	case PLACE_SKIP:
	case PLACE_EVENT:
	case PLACE_OBJECT:
	case PLACE_METADATA:
	case PLACE_ROW_OBJECT:
	case PLACE_ITEM_METADATA:
	case PLACE_SPEC:
	case PLACE_STATUS:
	case PLACE_CONDITIONS:
	case PLACE_CONDITION:
		break;
	}
}

static int
leave(struct table_parser *parser, enum place place)
{
	const char *error;

	switch (place) {
	case PLACE_EVENT:
		return end_event(parser);
	case PLACE_OBJECT:
		return parser->options.mode == TABLE_LIST ? end_list(parser)
							  : 1;
	case PLACE_COLUMN:
		error = table_columns_add(parser->columns,
			++parser->column_number, parser->words.column);
		return error != NULL ? fail(parser, error) : 1;
	case PLACE_ROW:
		return end_table_row(parser);
	case PLACE_ITEM:
		return end_row(parser, NULL);
	case PLACE_CONDITION:
		end_condition(parser);
		return 1;
	case PLACE_TOP:
	case PLACE_SKIP:
	case PLACE_METADATA:
	case PLACE_COLUMNS:
	case PLACE_ROWS:
	case PLACE_CELLS:
	case PLACE_ROW_OBJECT:
	case PLACE_ITEMS:
	case PLACE_ITEM_METADATA:
	case PLACE_SPEC:
	case PLACE_STATUS:
	case PLACE_CONDITIONS:
		break;
	}
	return 1;
}

static int
open_container(struct table_parser *parser, enum type type)
{
	enum place outer = place_of(parser), inner = PLACE_SKIP;
	const struct key_def *key = parser->key;

	parser->silent_bytes = 0;
	parser->key = NULL;
	if (parser->depth == TABLE_DEPTH_MAX)
		return fail(parser, "nested too deep");
	if (outer == PLACE_TOP) {
		if (type != TYPE_MAP || parser->complete)
			return fail(parser, "not one object");
		inner = top_place(parser);
	} else if (element_place(outer) != PLACE_SKIP) {
		if (type != TYPE_MAP)
			return fail(parser, "a value of another type");
		inner = element_place(outer);
	} else if (outer == PLACE_CELLS) {
		table_cells_add(&parser->cells, NULL, 0);
	} else if (key != NULL) {
		if ((key->types & type) == 0)
			return fail(parser, "a value of another type");
		inner = key->child;
	}
	parser->places[parser->depth++] = inner;
	enter(parser, inner);
	return 1;
}

static int
close_container(struct table_parser *parser)
{
	enum place place = place_of(parser);

	parser->silent_bytes = 0;
	parser->key = NULL;
	parser->depth--;
	return leave(parser, place);
}

/* ------------------------------------------------------------------ values */

static int
keep_text(struct table_parser *parser, const struct key_def *key,
	const char *text, size_t len)
{
	char *place = (char *)parser + key->offset;

	if (key->cap == 0)
		return 1;
	if (len >= key->cap && !key->may_be_cut)
		return fail(parser, "a value that is too long");
	if (memchr(text, '\0', len) != NULL)
		return fail(parser, "a NUL in a value");
	len = len < key->cap ? len : key->cap - 1;
	memcpy(place, text, len);
	place[len] = '\0';
	return 1;
}

static int
take_scalar(struct table_parser *parser, enum type type, const char *text,
	size_t len)
{
	const struct key_def *key = parser->key;
	enum place place = place_of(parser);

	parser->silent_bytes = 0;
	parser->key = NULL;
	if (place == PLACE_TOP || element_place(place) != PLACE_SKIP)
		return fail(parser, "a value of another type");
	if (place == PLACE_CELLS) {
		table_cells_add(
			&parser->cells, type == TYPE_STRING ? text : NULL, len);
		return 1;
	}
	if (key == NULL)
		return 1;
	if ((key->types & type) == 0)
		return fail(parser, "a value of another type");
	if (type == TYPE_BOOL)
		parser->row.unschedulable = text[0] == 't';
	return type == TYPE_BOOL ? 1 : keep_text(parser, key, text, len);
}

static int
on_null(void *arg)
{
	struct table_parser *parser = arg;

	parser->silent_bytes = 0;
	/* an empty list may be written as null */
	if (parser->key != NULL && (parser->key->child == PLACE_ROWS ||
					   parser->key->child == PLACE_ITEMS))
		parser->has_rows = true;
	parser->key = NULL;
	if (place_of(parser) == PLACE_CELLS)
		table_cells_add(&parser->cells, NULL, 0);
	else if (place_of(parser) == PLACE_TOP)
		return fail(parser, "not an object");
	return 1;
}

static int
on_boolean(void *arg, int value)
{
	return take_scalar(arg, TYPE_BOOL, value ? "t" : "f", 1);
}

static int
on_number(void *arg, const char *text, size_t len)
{
	return take_scalar(arg, TYPE_NUMBER, text, len);
}

static int
on_string(void *arg, const unsigned char *text, size_t len)
{
	return take_scalar(arg, TYPE_STRING, (const char *)text, len);
}

static int
on_start_map(void *arg)
{
	return open_container(arg, TYPE_MAP);
}

static int
on_map_key(void *arg, const unsigned char *text, size_t len)
{
	struct table_parser *parser = arg;
	enum place place = place_of(parser);

	parser->silent_bytes = 0;
	parser->key = NULL;
	if (place == PLACE_SKIP)
		return 1;
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].place == place && strlen(keys[i].name) == len &&
			memcmp(keys[i].name, text, len) == 0)
			parser->key = &keys[i];
	return 1;
}

static int
on_start_array(void *arg)
{
	return open_container(arg, TYPE_ARRAY);
}

static int
on_end(void *arg)
{
	return close_container(arg);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_map_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end,
};

/* -------------------------------------------------------------- the module */

struct table_parser *
table_parser_new(const struct table_parser_options *options,
	struct table_columns *columns)
{
	struct table_parser *parser = calloc(1, sizeof(*parser));

	if (parser == NULL)
		return NULL;
	parser->options = *options;
	parser->columns = columns;
	parser->yajl = yajl_alloc(&callbacks, NULL, parser);
	if (parser->yajl == NULL) {
		free(parser);
		return NULL;
	}
	if (options->mode == TABLE_WATCH)
		yajl_config(parser->yajl, yajl_allow_multiple_values, 1);
	return parser;
}

void
table_parser_free(struct table_parser *parser)
{
	if (parser == NULL)
		return;
	yajl_free(parser->yajl);
	free(parser);
}

int
table_parser_feed(struct table_parser *parser, const char *bytes, size_t len)
{
	if (parser->rc < 0)
		return parser->rc;
	parser->silent_bytes += len;
	if (yajl_parse(parser->yajl, (const unsigned char *)bytes, len) !=
		yajl_status_ok)
		fail(parser, "malformed JSON");
	else if (parser->silent_bytes > TABLE_TOKEN_MAX_BYTES)
		fail(parser, "a value that is too long");
	return parser->rc;
}

int
table_parser_finish(struct table_parser *parser)
{
	if (parser->rc < 0 || parser->options.mode == TABLE_WATCH)
		return parser->rc;
	if (yajl_complete_parse(parser->yajl) != yajl_status_ok ||
		!parser->complete)
		fail(parser, "the list is not complete");
	return parser->rc;
}

const char *
table_parser_version(const struct table_parser *parser)
{
	return parser->version;
}

unsigned
table_parser_status_code(const struct table_parser *parser)
{
	return parser->status_code;
}

const char *
table_parser_message(const struct table_parser *parser)
{
	return parser->words.message;
}

const char *
table_parser_error(const struct table_parser *parser)
{
	return parser->error;
}
