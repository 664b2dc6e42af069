/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON of /alive; see alive.h.  The head, which is bounded by the size of
 * a request, is rendered at once; results and neighbours one by one as they
 * are read.  The results come sorted out of a heap of their indices: building
 * it is linear, so there is no long sort before the first byte.
 */
#include "supervisor/alive.h"

#include "common/strbuf.h"
#include "supervisor/alive_headers.h"
#include "supervisor/http_request.h"
#include "supervisor/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURHOOD       "neighbourhood"
#define NEIGHBOURHOOD_STATE "neighbourhood_state"

enum stage {
	STAGE_RESULTS,
	STAGE_NEIGHBOURS,
	STAGE_EXTRA,
	STAGE_DONE,
};

/* What follows last_check_result: of each type one text, where it has one. */
static const struct {
	const char *key;
	size_t text_offset; /* in struct alive_result */
} extras[] = {
	{ "last_check_ended", offsetof(struct alive_result, ended) },
	{ "last_check_warning", offsetof(struct alive_result, warning) },
};

#define EXTRA_COUNT (sizeof(extras) / sizeof(extras[0]))

struct alive_writer {
	const struct alive_view *view;
	enum stage stage;
	struct strbuf out;    /* rendered; read up to out_pos */
	size_t out_pos;       /* of the last read */
	bool has_entry;       /* something stands before the next one */
	const char *last_key; /* keys do not repeat */
	size_t next_neighbour;
	size_t next_extra;
	size_t n_heap;
	size_t heap[]; /* into results; n_results and the next are the two
			* of the neighbourhood */
};

static const char *
key_of(const struct alive_writer *writer, size_t index)
{
	const struct alive_view *view = writer->view;

	if (index < view->n_results)
		return view->results[index].type;
	return index == view->n_results ? NEIGHBOURHOOD : NEIGHBOURHOOD_STATE;
}

/* Of two with the same key the later one comes first, and is the one shown. */
static bool
comes_before(const struct alive_writer *writer, size_t a, size_t b)
{
	int order = strcmp(key_of(writer, a), key_of(writer, b));

	return order != 0 ? order < 0 : a > b;
}

static void
sift_down(struct alive_writer *writer, size_t at)
{
	size_t *heap = writer->heap;

	for (;;) {
		size_t child = 2 * at + 1, moved = heap[at];

		if (child >= writer->n_heap)
			return;
		if (child + 1 < writer->n_heap &&
			comes_before(writer, heap[child + 1], heap[child]))
			child++;
		if (!comes_before(writer, heap[child], moved))
			return;
		heap[at] = heap[child];
		heap[child] = moved;
		at = child;
	}
}

static size_t
pop_first(struct alive_writer *writer)
{
	size_t first = writer->heap[0];

	writer->heap[0] = writer->heap[--writer->n_heap];
	sift_down(writer, 0);
	return first;
}

static void
order_heap(struct alive_writer *writer)
{
	for (size_t i = writer->n_heap / 2; i > 0; i--)
		sift_down(writer, i - 1);
}

static void
build_heap(struct alive_writer *writer)
{
	const struct alive_view *view = writer->view;

	for (size_t i = 0; i < view->n_results; i++)
		writer->heap[writer->n_heap++] = i;
	if (view->neighbourhood_enabled)
		writer->heap[writer->n_heap++] = view->n_results;
	if (view->neighbourhood_state != NULL)
		writer->heap[writer->n_heap++] = view->n_results + 1;
	order_heap(writer);
}

static void
add_string(struct strbuf *out, const char *text)
{
	json_text_add(out, text, strlen(text));
}

static void
add_user_agent(struct strbuf *out, const struct alive_request *request)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		const char *value = request->headers[i].value;
		size_t len = request->headers[i].value_len;

		if (!http_is_word(request->headers[i].name,
			    request->headers[i].name_len, "user-agent"))
			continue;
		http_trim(&value, &len);
		json_text_add(out, value, len);
		return;
	}
	strbuf_add_string(out, "\"\"");
}

static int
add_head(struct strbuf *out, const struct alive_request *request,
	const struct alive_view *view)
{
	int rc;

	strbuf_add_string(out, "{\n \"hostname\": ");
	add_string(out, view->hostname);
	strbuf_add_string(out, ",\n \"headers\": ");
	rc = alive_headers_add(out, request->headers, request->n_headers);
	if (rc < 0)
		return rc;
	strbuf_add_string(out, ",\n \"user_agent\": ");
	add_user_agent(out, request);
	strbuf_add_string(out, ",\n \"request_uri\": ");
	add_string(out, request->uri);
	strbuf_add_string(out, ",\n \"remote_addr\": ");
	add_string(out, request->remote_addr);
	strbuf_add_string(out, ",\n \"last_check_result\": {");
	return out->failed ? -ENOMEM : 0;
}

struct alive_writer *
alive_start(const struct alive_request *request, const struct alive_view *view)
{
	struct alive_writer *writer = calloc(
		1, sizeof(*writer) + (view->n_results + 2) * sizeof(size_t));

	if (writer == NULL)
		return NULL;
	writer->view = view;
	strbuf_init(&writer->out, 0);
	if (add_head(&writer->out, request, view) < 0) {
		alive_free(writer);
		return NULL;
	}
	build_heap(writer);
	return writer;
}

void
alive_free(struct alive_writer *writer)
{
	if (writer == NULL)
		return;
	strbuf_fini(&writer->out);
	free(writer);
}

/* False: it has been shown. */
static bool
begin_entry(struct alive_writer *writer, const char *key)
{
	struct strbuf *out = &writer->out;

	if (writer->last_key != NULL && strcmp(writer->last_key, key) == 0)
		return false;
	strbuf_add_string(out, writer->has_entry ? ",\n  " : "\n  ");
	writer->has_entry = true;
	writer->last_key = key;
	add_string(out, key);
	strbuf_add_string(out, ": ");
	return true;
}

static const char *
extra_text(const struct alive_writer *writer, size_t index)
{
	const struct alive_result *result = &writer->view->results[index];

	return *(const char *const *)(const void
			*)((const char *)result +
			   extras[writer->next_extra - 1].text_offset);
}

/* The next object that has entries; without one, that was all. */
static void
begin_next_object(struct alive_writer *writer)
{
	struct strbuf *out = &writer->out;

	strbuf_add_string(out, writer->has_entry ? "\n }" : "}");
	writer->has_entry = false;
	writer->last_key = NULL;
	while (writer->next_extra < EXTRA_COUNT && writer->n_heap == 0) {
		writer->next_extra++;
		for (size_t i = 0; i < writer->view->n_results; i++)
			if (extra_text(writer, i) != NULL)
				writer->heap[writer->n_heap++] = i;
	}
	if (writer->n_heap == 0) {
		strbuf_add_string(out, "\n}\n");
		writer->stage = STAGE_DONE;
		return;
	}
	order_heap(writer);
	strbuf_printf(out, ",\n \"%s\": {", extras[writer->next_extra - 1].key);
	writer->stage = STAGE_EXTRA;
}

static void
add_next_extra(struct alive_writer *writer)
{
	size_t index;

	if (writer->n_heap == 0) {
		begin_next_object(writer);
		return;
	}
	index = pop_first(writer);
	if (begin_entry(writer, key_of(writer, index)))
		add_string(&writer->out, extra_text(writer, index));
}

static void
add_next_result(struct alive_writer *writer)
{
	const struct alive_view *view = writer->view;
	struct strbuf *out = &writer->out;
	const char *key;
	size_t index;

	if (writer->n_heap == 0) {
		begin_next_object(writer);
		return;
	}
	index = pop_first(writer);
	key = key_of(writer, index);
	if (!begin_entry(writer, key))
		return;
	if (index < view->n_results) {
		add_string(out, view->results[index].text);
	} else if (index > view->n_results) {
		add_string(out, view->neighbourhood_state);
	} else {
		strbuf_add_char(out, '[');
		writer->stage = STAGE_NEIGHBOURS;
	}
}

static void
add_next_neighbour(struct alive_writer *writer)
{
	const struct alive_view *view = writer->view;
	struct strbuf *out = &writer->out;
	const struct alive_neighbour *neighbour;

	if (writer->next_neighbour == view->n_neighbours) {
		strbuf_add_string(out, view->n_neighbours > 0 ? "\n  ]" : "]");
		writer->stage = STAGE_RESULTS;
		return;
	}
	neighbour = &view->neighbours[writer->next_neighbour];
	strbuf_add_string(out, writer->next_neighbour > 0 ? ",\n" : "\n");
	writer->next_neighbour++;
	strbuf_add_string(out, "   {\n    \"PodName\": ");
	add_string(out, neighbour->pod_name);
	strbuf_add_string(out, ",\n    \"PodIP\": ");
	add_string(out, neighbour->pod_ip);
	strbuf_add_string(out, ",\n    \"HostIP\": ");
	add_string(out, neighbour->host_ip);
	strbuf_add_string(out, ",\n    \"NodeName\": ");
	add_string(out, neighbour->node_name);
	strbuf_printf(out, ",\n    \"NodeHash\": %llu\n   }",
		(unsigned long long)neighbour->node_hash);
}

/* What is left unread moves to the front, so that the text does not grow. */
static void
drop_read(struct alive_writer *writer)
{
	struct strbuf *out = &writer->out;

	if (writer->out_pos == 0)
		return;
	out->len_bytes -= writer->out_pos;
	memmove(out->text, out->text + writer->out_pos, out->len_bytes);
	out->text[out->len_bytes] = '\0';
	writer->out_pos = 0;
}

ssize_t
alive_read(struct alive_writer *writer, char *buf, size_t cap)
{
	struct strbuf *out = &writer->out;
	size_t len;

	drop_read(writer);
	while (writer->stage != STAGE_DONE && out->len_bytes < cap) {
		switch (writer->stage) {
		case STAGE_RESULTS:
			add_next_result(writer);
			break;
		case STAGE_NEIGHBOURS:
			add_next_neighbour(writer);
			break;
		case STAGE_EXTRA:
			add_next_extra(writer);
			break;
		case STAGE_DONE:
			break;
		}
		if (out->failed)
			return -ENOMEM;
	}
	len = out->len_bytes < cap ? out->len_bytes : cap;
	if (len > 0)
		memcpy(buf, out->text, len);
	writer->out_pos = len;
	return (ssize_t)len;
}
