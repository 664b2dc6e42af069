/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to tokens; see table_parser.h.  The only file that knows yajl,
 * which keeps a token that is cut between two pieces: how much of it, is
 * bounded here.
 */
#include "workers/discovery/table_parser.h"

#include "workers/discovery/table_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

struct table_parser {
	struct table_document document;
	yajl_handle yajl;
	size_t silent_bytes; /* fed since the last token */
	size_t again_bytes;  /* looked at again since then */
};

/* A token has come. */
static struct table_document *
document_of(void *arg)
{
	struct table_parser *parser = arg;

	parser->silent_bytes = 0;
	parser->again_bytes = 0;
	return &parser->document;
}

static int
on_null(void *arg)
{
	return table_document_null(document_of(arg));
}

static int
on_boolean(void *arg, int value)
{
	return table_document_scalar(
		document_of(arg), TABLE_TYPE_BOOL, value ? "t" : "f", 1);
}

static int
on_number(void *arg, const char *text, size_t len)
{
	return table_document_scalar(
		document_of(arg), TABLE_TYPE_NUMBER, text, len);
}

static int
on_string(void *arg, const unsigned char *text, size_t len)
{
	return table_document_scalar(
		document_of(arg), TABLE_TYPE_STRING, (const char *)text, len);
}

static int
on_start_map(void *arg)
{
	return table_document_open(document_of(arg), TABLE_TYPE_MAP);
}

static int
on_map_key(void *arg, const unsigned char *text, size_t len)
{
	return table_document_key(document_of(arg), (const char *)text, len);
}

static int
on_start_array(void *arg)
{
	return table_document_open(document_of(arg), TABLE_TYPE_ARRAY);
}

static int
on_end(void *arg)
{
	return table_document_close(document_of(arg));
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

struct table_parser *
table_parser_new(const struct table_parser_options *options,
	struct table_columns *columns)
{
	struct table_parser *parser = calloc(1, sizeof(*parser));

	if (parser == NULL)
		return NULL;
	parser->document.options = *options;
	parser->document.columns = columns;
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
	if (parser->document.rc < 0)
		return parser->document.rc;
	parser->again_bytes += parser->silent_bytes;
	parser->silent_bytes += len;
	if (yajl_parse(parser->yajl, (const unsigned char *)bytes, len) !=
		yajl_status_ok)
		table_document_fail(&parser->document, "malformed JSON");
	else if (parser->silent_bytes > TABLE_TOKEN_MAX_BYTES)
		table_document_fail(
			&parser->document, "a value that is too long");
	else if (parser->again_bytes > TABLE_AGAIN_MAX_BYTES)
		table_document_fail(
			&parser->document, "a value in too many pieces");
	return parser->document.rc;
}

int
table_parser_finish(struct table_parser *parser)
{
	if (parser->document.rc < 0 ||
		parser->document.options.mode == TABLE_WATCH)
		return parser->document.rc;
	if (yajl_complete_parse(parser->yajl) != yajl_status_ok ||
		!parser->document.complete)
		table_document_fail(
			&parser->document, "the list is not complete");
	return parser->document.rc;
}

const char *
table_parser_version(const struct table_parser *parser)
{
	return parser->document.version;
}

unsigned
table_parser_status_code(const struct table_parser *parser)
{
	return parser->document.status_code;
}

const char *
table_parser_message(const struct table_parser *parser)
{
	return parser->document.words.message;
}

const char *
table_parser_error(const struct table_parser *parser)
{
	return parser->document.error;
}
