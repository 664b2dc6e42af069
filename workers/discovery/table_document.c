/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document says; see table_document.h.  Each place knows its keys from
 * one table: what type their value must have and where it goes.  All else is
 * skipped.
 */
#include "workers/discovery/table_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table_key {
	enum table_place place;
	const char *name;
	unsigned types;
	enum table_place child; /* of a map or an array */
	size_t offset, cap;     /* of a text; a cap of 0: it is not kept */
	bool may_be_cut;
};

#define TEXT(field)                                                            \
	.types = TABLE_TYPE_STRING,                                            \
	.offset = offsetof(struct table_document, field),                      \
	.cap = sizeof(((struct table_document *)NULL)->field)

#define CHILD(kinds, place) .types = (kinds), .child = (place)

/* clang-format off */
static const struct table_key keys[] = {
	{ PLACE_EVENT, "type", TEXT(words.event) },
	{ PLACE_EVENT, "object", CHILD(TABLE_TYPE_MAP, PLACE_OBJECT) },
	{ PLACE_OBJECT, "kind", TEXT(words.kind) },
	{ PLACE_OBJECT, "metadata", CHILD(TABLE_TYPE_MAP, PLACE_METADATA) },
	{ PLACE_OBJECT, "columnDefinitions", CHILD(TABLE_TYPE_ARRAY, PLACE_COLUMNS) },
	{ PLACE_OBJECT, "rows", CHILD(TABLE_TYPE_ARRAY, PLACE_ROWS) },
	{ PLACE_OBJECT, "items", CHILD(TABLE_TYPE_ARRAY, PLACE_ITEMS) },
	{ PLACE_OBJECT, "spec", CHILD(TABLE_TYPE_MAP, PLACE_SPEC) },
	/* of a Status it is a word */
	{ PLACE_OBJECT, "status", CHILD(TABLE_TYPE_MAP | TABLE_TYPE_STRING, PLACE_STATUS) },
	{ PLACE_OBJECT, "code", .types = TABLE_TYPE_NUMBER,
		.offset = offsetof(struct table_document, words.code),
		.cap = TABLE_WORD_BYTES },
	{ PLACE_OBJECT, "message", TEXT(words.message), .may_be_cut = true },
	{ PLACE_METADATA, "resourceVersion", TEXT(words.version) },
	{ PLACE_METADATA, "name", TEXT(row.name) },
	{ PLACE_METADATA, "namespace", TEXT(row.namespace_name) },
	{ PLACE_METADATA, "deletionTimestamp", TEXT(words.deleted) },
	{ PLACE_COLUMN, "name", TEXT(words.column), .may_be_cut = true },
	{ PLACE_ROW, "cells", CHILD(TABLE_TYPE_ARRAY, PLACE_CELLS) },
	{ PLACE_ROW, "object", CHILD(TABLE_TYPE_MAP, PLACE_ROW_OBJECT) },
	{ PLACE_ROW_OBJECT, "metadata", CHILD(TABLE_TYPE_MAP, PLACE_ITEM_METADATA) },
	{ PLACE_ITEM, "metadata", CHILD(TABLE_TYPE_MAP, PLACE_ITEM_METADATA) },
	{ PLACE_ITEM, "spec", CHILD(TABLE_TYPE_MAP, PLACE_SPEC) },
	{ PLACE_ITEM, "status", CHILD(TABLE_TYPE_MAP, PLACE_STATUS) },
	{ PLACE_ITEM_METADATA, "name", TEXT(row.name) },
	{ PLACE_ITEM_METADATA, "namespace", TEXT(row.namespace_name) },
	{ PLACE_ITEM_METADATA, "deletionTimestamp", TEXT(words.deleted) },
	{ PLACE_SPEC, "nodeName", TEXT(row.node_name) },
	{ PLACE_SPEC, "unschedulable", CHILD(TABLE_TYPE_BOOL, PLACE_SKIP) },
	{ PLACE_STATUS, "phase", TEXT(words.phase) },
	{ PLACE_STATUS, "podIP", TEXT(row.ip) },
	{ PLACE_STATUS, "hostIP", TEXT(row.host_ip) },
	{ PLACE_STATUS, "conditions", CHILD(TABLE_TYPE_ARRAY, PLACE_CONDITIONS) },
	{ PLACE_CONDITION, "type", TEXT(words.condition), .may_be_cut = true },
	{ PLACE_CONDITION, "status", TEXT(words.condition_status),
		.may_be_cut = true },
};
/* clang-format on */

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static int
fail(struct table_document *document, const char *error)
{
	if (document->rc == 0) {
		document->rc = -EPROTO;
		document->error = error;
	}
	return 0;
}

static enum table_place
place_of(const struct table_document *document)
{
	return document->depth == 0 ? PLACE_TOP
				    : document->places[document->depth - 1];
}

/* ------------------------------------------------------- what is complete */

static int
tell(struct table_document *document, enum table_event event,
	const struct table_row *row)
{
	int rc = document->options.on_event(document->options.arg, event, row);

	if (rc < 0 && document->rc == 0) {
		document->rc = rc;
		document->error = rc == -EEXIST  ? "a name twice"
				  : rc == -E2BIG ? "too many rows"
						 : "no memory";
	}
	return rc == 0;
}

/*
 * A row, an item, or the object of an event is in document->row; error: what is
 * wrong with its cells.  A watch judges it when the event is known, for that of
 * a bookmark is empty.
 */
static int
end_row(struct table_document *document, const char *error)
{
	document->row.terminating |= document->words.deleted[0] != '\0';
	if (document->words.phase[0] != '\0' &&
		strcmp(document->words.phase, "Running") != 0)
		document->row.running = false;
	if (error == NULL)
		error = table_row_check(&document->row);
	if (document->options.mode == TABLE_LIST) {
		if (error != NULL)
			return fail(document, error);
		return tell(document, TABLE_LISTED, &document->row);
	}
	if (document->has_row)
		return fail(document, "two rows in an event");
	document->has_row = true;
	document->row_error = error;
	return 1;
}

static int
end_table_row(struct table_document *document)
{
	return end_row(document,
		table_row_from_cells(&document->row, document->columns,
			&document->cells, document->options.kind));
}

static void
begin_row(struct table_document *document)
{
	memset(&document->row, 0, sizeof(document->row));
	memset(&document->cells, 0, sizeof(document->cells));
	document->row.running = true;
	document->words.deleted[0] = document->words.phase[0] = '\0';
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void
end_status(struct table_document *document)
{
	document->status_code =
		(unsigned)strtoul(document->words.code, NULL, 10) % 1000;
}

static int
end_list(struct table_document *document)
{
	struct table_words *words = &document->words;

	if (strcmp(words->kind, "Status") == 0) {
		end_status(document);
		return 1;
	}
	if (words->version[0] == '\0')
		return fail(document, "a list without resourceVersion");
	if (!document->has_rows || (strcmp(words->kind, "Table") != 0 &&
					   !ends_with(words->kind, "List")))
		return fail(document, "neither a Table nor a list");
	memcpy(document->version, words->version, sizeof(document->version));
	document->complete = true;
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
end_event(struct table_document *document)
{
	struct table_words *words = &document->words;
	enum table_event event;

	if (!find_event(words->event, &event))
		return fail(document, "an event of unknown type");
	if (event == TABLE_ERROR) {
		end_status(document);
		return tell(document, event, NULL);
	}
	if (words->version[0] == '\0')
		return fail(document, "an event without resourceVersion");
	if (event == TABLE_BOOKMARK) {
		if (!tell(document, event, NULL))
			return 0;
	} else {
		if (!document->has_row && strcmp(words->kind, "Table") != 0)
			end_row(document, NULL); /* the object itself */
		if (!document->has_row)
			return fail(document, "an event without a row");
		if (document->row_error != NULL)
			return fail(document, document->row_error);
		if (!tell(document, event, &document->row))
			return 0;
	}
	memcpy(document->version, words->version, sizeof(document->version));
	return 1;
}

static void
end_condition(struct table_document *document)
{
	struct table_words *words = &document->words;

	if (strcmp(words->condition, "Ready") == 0)
		document->row.ready =
			strcmp(words->condition_status, "True") == 0;
	words->condition[0] = words->condition_status[0] = '\0';
}

/* -------------------------------------------------------- opening, closing */

/* What stands at the top is an event of a watch, or the list. */
static enum table_place
top_place(struct table_document *document)
{
	memset(&document->words, 0, sizeof(document->words));
	begin_row(document);
	document->has_row = false;
	document->row_error = NULL;
	return document->options.mode == TABLE_WATCH ? PLACE_EVENT
						     : PLACE_OBJECT;
}

/* What an element of this array is; PLACE_SKIP: it has no maps or arrays. */
static enum table_place
element_place(enum table_place array)
{
	return array == PLACE_COLUMNS      ? PLACE_COLUMN
	       : array == PLACE_ROWS       ? PLACE_ROW
	       : array == PLACE_ITEMS      ? PLACE_ITEM
	       : array == PLACE_CONDITIONS ? PLACE_CONDITION
					   : PLACE_SKIP;
}

static void
enter(struct table_document *document, enum table_place place)
{
	switch (place) {
	case PLACE_COLUMNS:
		memset(document->columns, 0, sizeof(*document->columns));
		document->column_number = 0;
		break;
	case PLACE_COLUMN:
		document->words.column[0] = '\0';
		break;
	case PLACE_ROWS:
	case PLACE_ITEMS:
		document->has_rows = true;
		break;
	case PLACE_ROW:
	case PLACE_ITEM:
		begin_row(document);
		break;
	case PLACE_CELLS:
		memset(&document->cells, 0, sizeof(document->cells));
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
leave(struct table_document *document, enum table_place place)
{
	const char *error;

	switch (place) {
	case PLACE_EVENT:
		return end_event(document);
	case PLACE_OBJECT:
		return document->options.mode == TABLE_LIST ? end_list(document)
							    : 1;
	case PLACE_COLUMN:
		error = table_columns_add(document->columns,
			++document->column_number, document->words.column);
		return error != NULL ? fail(document, error) : 1;
	case PLACE_ROW:
		return end_table_row(document);
	case PLACE_ITEM:
		return end_row(document, NULL);
	case PLACE_CONDITION:
		end_condition(document);
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

int
table_document_open(struct table_document *document, enum table_type type)
{
	enum table_place outer = place_of(document), inner = PLACE_SKIP;
	const struct table_key *key = document->key;

	document->key = NULL;
	if (document->depth == TABLE_DEPTH_MAX)
		return fail(document, "nested too deep");
	if (outer == PLACE_TOP) {
		if (type != TABLE_TYPE_MAP || document->complete)
			return fail(document, "not one object");
		inner = top_place(document);
	} else if (element_place(outer) != PLACE_SKIP) {
		if (type != TABLE_TYPE_MAP)
			return fail(document, "a value of another type");
		inner = element_place(outer);
	} else if (outer == PLACE_CELLS) {
		table_cells_add(&document->cells, NULL, 0);
	} else if (key != NULL) {
		if ((key->types & type) == 0)
			return fail(document, "a value of another type");
		inner = key->child;
	}
	document->places[document->depth++] = inner;
	enter(document, inner);
	return 1;
}

int
table_document_close(struct table_document *document)
{
	enum table_place place = place_of(document);

	document->key = NULL;
	document->depth--;
	return leave(document, place);
}

/* ------------------------------------------------------------------ values */

static int
keep_text(struct table_document *document, const struct table_key *key,
	const char *text, size_t len)
{
	char *place = (char *)document + key->offset;

	if (key->cap == 0)
		return 1;
	if (len >= key->cap && !key->may_be_cut)
		return fail(document, "a value that is too long");
	if (memchr(text, '\0', len) != NULL)
		return fail(document, "a NUL in a value");
	len = len < key->cap ? len : key->cap - 1;
	memcpy(place, text, len);
	place[len] = '\0';
	return 1;
}

int
table_document_scalar(struct table_document *document, enum table_type type,
	const char *text, size_t len)
{
	const struct table_key *key = document->key;
	enum table_place place = place_of(document);

	document->key = NULL;
	if (place == PLACE_TOP || element_place(place) != PLACE_SKIP)
		return fail(document, "a value of another type");
	if (place == PLACE_CELLS) {
		table_cells_add(&document->cells,
			type == TABLE_TYPE_STRING ? text : NULL, len);
		return 1;
	}
	if (key == NULL)
		return 1;
	if ((key->types & type) == 0)
		return fail(document, "a value of another type");
	if (type == TABLE_TYPE_BOOL)
		document->row.unschedulable = text[0] == 't';
	return type == TABLE_TYPE_BOOL ? 1
				       : keep_text(document, key, text, len);
}

int
table_document_null(struct table_document *document)
{
	const struct table_key *key = document->key;

	document->key = NULL;
	/* an empty list may be written as null */
	if (key != NULL &&
		(key->child == PLACE_ROWS || key->child == PLACE_ITEMS))
		document->has_rows = true;
	if (place_of(document) == PLACE_CELLS)
		table_cells_add(&document->cells, NULL, 0);
	else if (place_of(document) == PLACE_TOP)
		return fail(document, "not an object");
	return 1;
}

int
table_document_key(
	struct table_document *document, const char *text, size_t len)
{
	enum table_place place = place_of(document);

	document->key = NULL;
	for (size_t i = 0; i < KEY_COUNT && place != PLACE_SKIP; i++)
		if (keys[i].place == place && strlen(keys[i].name) == len &&
			memcmp(keys[i].name, text, len) == 0)
			document->key = &keys[i];
	return 1;
}

void
table_document_fail(struct table_document *document, const char *error)
{
	fail(document, error);
}
