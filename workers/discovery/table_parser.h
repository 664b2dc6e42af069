/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what the API server answers about pods and nodes, byte by byte: a list
 * or the events of a watch, as a Table or, from a server that does not make
 * them, as plain objects.  Keeps the few cells that are needed, of one row at a
 * time, whatever the size of the answer; bounded in depth and in the length of
 * everything it keeps.
 */
#ifndef WORKERS_DISCOVERY_TABLE_PARSER_H
#define WORKERS_DISCOVERY_TABLE_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_NAME_BYTES      254 /* RFC 1123 subdomain and a NUL */
#define TABLE_NAMESPACE_BYTES 64
#define TABLE_ADDRESS_BYTES   46
#define TABLE_VERSION_BYTES   64
#define TABLE_MESSAGE_BYTES   200
#define TABLE_WORD_BYTES      64
#define TABLE_COLUMNS_MAX     64
#define TABLE_DEPTH_MAX       64
/* Between two tokens; nothing in a pod is as long. */
#define TABLE_TOKEN_MAX_BYTES (1024 * 1024)
/* What is looked at again because a token comes in pieces: four times what a
 * token of that length costs in pieces of 4 KiB. */
#define TABLE_AGAIN_MAX_BYTES (512 * 1024 * 1024)

enum table_mode { TABLE_LIST, TABLE_WATCH };

enum table_event {
	TABLE_LISTED,
	TABLE_ADDED,
	TABLE_MODIFIED,
	TABLE_DELETED,
	TABLE_BOOKMARK, /* without a row */
	TABLE_ERROR,    /* without a row; status_code and message */
};

/* Which columns a row must have. */
enum table_kind { TABLE_PODS, TABLE_NODES };

struct table_row {
	char name[TABLE_NAME_BYTES];
	char namespace_name[TABLE_NAMESPACE_BYTES]; /* "": not told */
	char node_name[TABLE_NAME_BYTES];
	char ip[TABLE_ADDRESS_BYTES];
	char host_ip[TABLE_ADDRESS_BYTES];
	bool ready;
	bool terminating;
	/* What was asked for, by the row's own words: */
	bool running;       /* a pod that does not say otherwise */
	bool unschedulable; /* a node that says so; a Table may say nothing */
};

struct table_parser;

struct table_parser_options {
	enum table_mode mode;
	enum table_kind kind;
	/* 0, or a negative errno that ends it.  row is NULL where the event
	 * has none. */
	int (*on_event)(
		void *arg, enum table_event event, const struct table_row *row);
	void *arg;
};

/* What a stream of Tables said of its columns: the next one may not repeat it.
 * All 0: nothing yet. */
struct table_columns {
	uint8_t name, ready, status, ip, node; /* 1: the first; 0: absent */
	uint8_t gates;
};

/* columns are read and written; they outlive it.  NULL: no memory. */
struct table_parser *table_parser_new(
	const struct table_parser_options *options,
	struct table_columns *columns);
void table_parser_free(struct table_parser *parser);
/*
 * 0; -EPROTO: this is not what was asked for; or what on_event answered.  Once
 * it has failed it stays so.
 */
int table_parser_feed(
	struct table_parser *parser, const char *bytes, size_t len);
/*
 * The answer has ended.  -EPROTO: before the end of the list.  A watch may be
 * cut anywhere; the event that was cut was none.
 */
int table_parser_finish(struct table_parser *parser);

/* Of the list, or of the last event that was complete; "": none. */
const char *table_parser_version(const struct table_parser *parser);
/* Of a Status object; 0 and "" when there was none. */
unsigned table_parser_status_code(const struct table_parser *parser);
const char *table_parser_message(const struct table_parser *parser);
/* Why it failed, a few words that live for ever; NULL: it did not. */
const char *table_parser_error(const struct table_parser *parser);

#endif
