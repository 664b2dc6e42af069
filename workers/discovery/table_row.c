/* SPDX-License-Identifier: Apache-2.0 */
/* What the cells of a row say; see table_row.h. */
#include "workers/discovery/table_row.h"

#include <arpa/inet.h>
#include <string.h>

/* What kubectl shows where there is nothing. */
#define NONE "<none>"

void
table_cells_add(struct table_cells *cells, const char *text, size_t len)
{
	struct table_cell *cell;

	if (cells->count == TABLE_CELLS_MAX)
		return;
	cell = &cells->cells[cells->count++];
	memset(cell, 0, sizeof(*cell));
	if (text == NULL)
		return;
	cell->is_text = true;
	cell->too_long =
		len >= sizeof(cell->text) || memchr(text, '\0', len) != NULL;
	if (!cell->too_long)
		memcpy(cell->text, text, len);
}

const char *
table_columns_add(
	struct table_columns *columns, unsigned number, const char *name)
{
	const struct {
		const char *name;
		uint8_t *place;
	} known[] = {
		{ "Name", &columns->name },
		{ "Ready", &columns->ready },
		{ "Status", &columns->status },
		{ "IP", &columns->ip },
		{ "Node", &columns->node },
		{ "Readiness Gates", &columns->gates },
	};

	if (number > TABLE_COLUMNS_MAX)
		return "too many columns";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		if (*known[i].place != 0)
			return "a column twice";
		*known[i].place = (uint8_t)number;
	}
	return NULL;
}

/* NULL: it is not there, or no text that can be kept. */
static const char *
cell_text(const struct table_cells *cells, uint8_t number)
{
	const struct table_cell *cell;

	if (number == 0 || number > cells->count)
		return NULL;
	cell = &cells->cells[number - 1];
	if (!cell->is_text || cell->too_long)
		return NULL;
	return strcmp(cell->text, NONE) == 0 ? "" : cell->text;
}

static bool
copy(char *to, size_t cap, const char *from)
{
	size_t len = strlen(from);

	if (len >= cap)
		return false;
	memcpy(to, from, len + 1);
	return true;
}

/* "2/2": both are the same number, and not 0. */
static bool
is_all(const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : 0;

	return len > 0 && text[0] != '0' && strspn(text, "0123456789") == len &&
	       strlen(slash + 1) == len && memcmp(text, slash + 1, len) == 0;
}

/*
 * Other words than these may stand for a pod that runs: a reason of one of its
 * containers, such as Completed or CrashLoopBackOff.
 */
static bool
is_running(const char *status)
{
	return strcmp(status, "Pending") != 0 &&
	       strcmp(status, "Succeeded") != 0 &&
	       strcmp(status, "Failed") != 0;
}

/* "Ready,SchedulingDisabled" */
static bool
is_cordoned(const char *status)
{
	return status == NULL || strstr(status, "SchedulingDisabled") != NULL;
}

const char *
table_row_from_cells(struct table_row *row, const struct table_columns *columns,
	const struct table_cells *cells, enum table_kind kind)
{
	const char *name = cell_text(cells, columns->name);
	const char *ready, *status, *ip, *node, *gates;

	if (columns->name == 0)
		return "a column is missing";
	if (name == NULL || !copy(row->name, sizeof(row->name), name))
		return "a row without a name";
	status = cell_text(cells, columns->status);
	if (kind == TABLE_NODES) {
		row->unschedulable = is_cordoned(status);
		return NULL;
	}
	ready = cell_text(cells, columns->ready);
	ip = cell_text(cells, columns->ip);
	node = cell_text(cells, columns->node);
	gates = cell_text(cells, columns->gates);
	if (columns->ready == 0 || columns->status == 0 || columns->ip == 0 ||
		columns->node == 0)
		return "a column is missing";
	if (ready == NULL || status == NULL || ip == NULL || node == NULL ||
		!copy(row->ip, sizeof(row->ip), ip) ||
		!copy(row->node_name, sizeof(row->node_name), node))
		return "a cell of another type";
	row->ready = is_all(ready) &&
		     (gates == NULL || gates[0] == '\0' || is_all(gates));
	/* of a node that is lost the API server says Unknown instead */
	row->terminating = strcmp(status, "Terminating") == 0 ||
			   strcmp(status, "Unknown") == 0;
	row->running = is_running(status);
	return NULL;
}

/* RFC 1123 subdomains, as Kubernetes has them. */
static bool
is_name(const char *text)
{
	return text[0] != '\0' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") ==
		       strlen(text);
}

static bool
is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

const char *
table_row_check(const struct table_row *row)
{
	if (!is_name(row->name) ||
		(row->namespace_name[0] != '\0' &&
			!is_name(row->namespace_name)) ||
		(row->node_name[0] != '\0' && !is_name(row->node_name)))
		return "a name that is none";
	if ((row->ip[0] != '\0' && !is_address(row->ip)) ||
		(row->host_ip[0] != '\0' && !is_address(row->host_ip)))
		return "an address that is none";
	return NULL;
}
