/* SPDX-License-Identifier: Apache-2.0 */
/* Answers whole and in pieces; see table_feed.h. */
#include "tests/fuzz/table_feed.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct told {
	uint64_t hash;
	unsigned count;
	int rc;
	char version[TABLE_VERSION_BYTES];
};

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
mix(struct told *told, const char *text)
{
	for (; *text != '\0'; text++)
		told->hash =
			(told->hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	told->hash *= 0x100000001b3ULL;
}

static bool
is_address(const char *text)
{
	unsigned char address[16];

	return text[0] == '\0' || inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

static int
on_event(void *arg, enum table_event event, const struct table_row *row)
{
	struct told *told = arg;

	told->count++;
	told->hash = (told->hash ^ (uint64_t)event) * 0x100000001b3ULL;
	require((row == NULL) ==
		(event == TABLE_BOOKMARK || event == TABLE_ERROR));
	if (row == NULL)
		return 0;
	require(memchr(row->name, '\0', TABLE_NAME_BYTES) != NULL &&
		row->name[0] != '\0');
	require(memchr(row->node_name, '\0', TABLE_NAME_BYTES) != NULL);
	require(strpbrk(row->name, " \"\n\\{}/") == NULL);
	require(strpbrk(row->node_name, " \"\n\\{}/") == NULL);
	require(is_address(row->ip) && is_address(row->host_ip));
	mix(told, row->name);
	mix(told, row->namespace_name);
	mix(told, row->node_name);
	mix(told, row->ip);
	return 0;
}

static void
run(struct told *told, const char *bytes, size_t len, size_t piece,
	enum table_mode mode, enum table_kind kind)
{
	struct table_columns columns = { 0 };
	const struct table_parser_options options = {
		.mode = mode,
		.kind = kind,
		.on_event = on_event,
		.arg = told,
	};
	struct table_parser *parser;
	size_t taken = 0;

	memset(told, 0, sizeof(*told));
	parser = table_parser_new(&options, &columns);
	require(parser != NULL);
	while (taken < len && told->rc == 0) {
		size_t n = len - taken < piece ? len - taken : piece;

		told->rc = table_parser_feed(parser, bytes + taken, n);
		taken += n;
	}
	if (told->rc == 0)
		told->rc = table_parser_finish(parser);
	require((told->rc < 0) == (table_parser_error(parser) != NULL));
	memcpy(told->version, table_parser_version(parser),
		sizeof(told->version));
	require(memchr(table_parser_message(parser), '\0',
			TABLE_MESSAGE_BYTES) != NULL);
	table_parser_free(parser);
}

void
table_feed(enum table_mode mode, const uint8_t *data, size_t size)
{
	struct told whole, pieces;
	enum table_kind kind;

	if (size == 0)
		return;
	kind = data[0] & 1 ? TABLE_NODES : TABLE_PODS;
	run(&whole, (const char *)data + 1, size - 1, size, mode, kind);
	run(&pieces, (const char *)data + 1, size - 1,
		(size_t)(data[0] >> 1) % 31 + 1, mode, kind);
	require(whole.rc == pieces.rc && whole.count == pieces.count &&
		whole.hash == pieces.hash);
	require(strcmp(whole.version, pieces.version) == 0);
}
