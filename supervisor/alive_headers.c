/* SPDX-License-Identifier: Apache-2.0 */
/* The headers object of /alive; see alive_headers.h. */
#include "supervisor/alive_headers.h"

#include "supervisor/http_request.h"
#include "supervisor/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	const char *name; /* canonical */
	size_t name_len;
	const char *value;
	size_t value_len;
	size_t arrival;
};

static bool
has_name(const struct entry *entry, const char *name)
{
	return strlen(name) == entry->name_len &&
	       memcmp(name, entry->name, entry->name_len) == 0;
}

/* What is no header of the request to the Go program's server. */
static bool
is_hidden(const struct entry *entry)
{
	return has_name(entry, "Host") ||
	       has_name(entry, "Transfer-Encoding") ||
	       has_name(entry, "Trailer");
}

static bool
is_secret(const struct entry *entry)
{
	return has_name(entry, "Authorization") || has_name(entry, "Cookie") ||
	       has_name(entry, "Proxy-Authorization");
}

static int
by_name(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, len);

	if (order != 0)
		return order;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return a->arrival < b->arrival ? -1 : 1;
}

/* "x-a_b" -> "X-A_b"; what is no token stays as it came. */
static void
canonicalise(char *ret_name, const char *name, size_t len)
{
	bool at_start = true;

	memcpy(ret_name, name, len);
	if (!http_is_token(name, len))
		return;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (at_start && c >= 'a' && c <= 'z')
			ret_name[i] = (char)(c - 'a' + 'A');
		else if (!at_start && c >= 'A' && c <= 'Z')
			ret_name[i] = (char)(c - 'A' + 'a');
		at_start = c == '-';
	}
}

/* Returns how many are to be shown. */
static size_t
fill_entries(struct entry *entries, char *names,
	const struct alive_header *headers, size_t n_headers)
{
	const struct entry *pragma = NULL;
	bool has_cache_control = false;
	size_t n = 0;

	for (size_t i = 0; i < n_headers; i++) {
		struct entry *entry = &entries[n];

		canonicalise(names, headers[i].name, headers[i].name_len);
		*entry = (struct entry){ names, headers[i].name_len,
			headers[i].value, headers[i].value_len, i };
		names += entry->name_len;
		http_trim(&entry->value, &entry->value_len);
		if (is_hidden(entry))
			continue;
		if (pragma == NULL && has_name(entry, "Pragma"))
			pragma = entry;
		has_cache_control |= has_name(entry, "Cache-Control");
		n++;
	}
	if (pragma != NULL && !has_cache_control && pragma->value_len == 8 &&
		memcmp(pragma->value, "no-cache", 8) == 0)
		entries[n++] = (struct entry){ "Cache-Control", 13, "no-cache",
			8, n_headers };
	return n;
}

static void
add_entries(struct strbuf *out, const struct entry *entries, size_t n)
{
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < n; i++) {
		const struct entry *entry = &entries[i];
		bool opens =
			i == 0 || entry->name_len != entry[-1].name_len ||
			memcmp(entry->name, entry[-1].name, entry->name_len);

		if (opens) {
			strbuf_add_string(out, i == 0 ? "\n  " : "\n  ],\n  ");
			json_text_add(out, entry->name, entry->name_len);
			strbuf_add_string(out, ": [\n   ");
		} else {
			strbuf_add_string(out, ",\n   ");
		}
		if (is_secret(entry))
			strbuf_add_string(out, "\"redacted\"");
		else
			json_text_add(out, entry->value, entry->value_len);
	}
	strbuf_add_string(out, n > 0 ? "\n  ]\n }" : "}");
}

int
alive_headers_add(
	struct strbuf *out, const struct alive_header *headers, size_t n)
{
	/* one more for Cache-Control */
	struct entry *entries = calloc(n + 1, sizeof(*entries));
	size_t names_len = 0;
	char *names;

	for (size_t i = 0; i < n; i++)
		names_len += headers[i].name_len;
	names = malloc(names_len + 1);
	if (entries == NULL || names == NULL) {
		free(entries);
		free(names);
		return -ENOMEM;
	}
	n = fill_entries(entries, names, headers, n);
	qsort(entries, n, sizeof(*entries), by_name);
	add_entries(out, entries, n);
	free(entries);
	free(names);
	return 0;
}
