/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we look at in a request ourselves: target, headers, Accept-Encoding,
 * origin, and the JSON of /alive that shows it all.  The input is a request as
 * it comes: method, target, version, then "name: value" lines.
 */
#include "common/strbuf.h"
#include "supervisor/alive.h"
#include "supervisor/http_request.h"
#include "supervisor/origins.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_HEADERS 64

#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

static struct origins *origins;
static uint64_t now_ns;

/* Cuts the next piece off at the byte c; what follows is left in *rest. */
static char *
cut(char **rest, char c)
{
	char *piece = *rest, *end = strchr(piece, c);

	if (end == NULL) {
		*rest = piece + strlen(piece);
		return piece;
	}
	*end = '\0';
	*rest = end + 1;
	return piece;
}

static size_t
parse_headers(char *rest, struct alive_header headers[MAX_HEADERS])
{
	size_t n = 0;

	while (*rest != '\0' && n < MAX_HEADERS) {
		char *value = cut(&rest, '\n');
		char *name = cut(&value, ':');

		headers[n++] = (struct alive_header){ name, value, strlen(name),
			strlen(value) };
	}
	return n;
}

static void
render(struct strbuf *out, const struct alive_request *request,
	const struct alive_view *view, size_t cap)
{
	struct alive_writer *writer = alive_start(request, view);
	char buf[4096];
	ssize_t n;

	REQUIRE(writer != NULL && cap <= sizeof(buf));
	while ((n = alive_read(writer, buf, cap)) > 0) {
		REQUIRE((size_t)n <= cap);
		strbuf_add(out, buf, (size_t)n);
	}
	REQUIRE(n == 0);
	alive_free(writer);
}

/* Strings end, nothing in them is a control character or markup, brackets
 * outside of them match. */
static void
check_json(const char *text)
{
	bool in_string = false;
	int depth = 0;

	for (; *text != '\0'; text++) {
		if (in_string) {
			REQUIRE((unsigned char)*text >= ' ');
			REQUIRE(strchr("<>&", *text) == NULL);
			if (*text == '\\')
				REQUIRE(*++text != '\0');
			else if (*text == '"')
				in_string = false;
			continue;
		}
		in_string = *text == '"';
		depth += *text == '{' || *text == '[';
		depth -= *text == '}' || *text == ']';
		REQUIRE(depth > 0 || *text == '}' || *text == '\n');
	}
	REQUIRE(!in_string && depth == 0);
}

/* The same whatever the size of the pieces, and JSON. */
static void
check_alive(const struct alive_request *request)
{
	struct alive_result results[2] = {
		{ .type = request->uri, .text = "ok" },
		{ .type = "b", .text = request->uri, .warning = request->uri }
	};
	struct alive_neighbour neighbour = { request->uri, "", "", "n", 1 };
	struct alive_view view = { .hostname = "h",
		.results = results,
		.n_results = 2,
		.neighbourhood_enabled = true,
		.neighbourhood_state = request->uri,
		.neighbours = &neighbour,
		.n_neighbours = 1 };
	struct strbuf whole, pieces;

	strbuf_init(&whole, 0);
	strbuf_init(&pieces, 0);
	render(&whole, request, &view, 4096);
	render(&pieces, request, &view, 7);
	REQUIRE(whole.len_bytes == pieces.len_bytes);
	REQUIRE(memcmp(whole.text, pieces.text, whole.len_bytes) == 0);
	REQUIRE(strlen(whole.text) == whole.len_bytes);
	check_json(whole.text);
	strbuf_fini(&whole);
	strbuf_fini(&pieces);
}

static void
check_request(const struct http_request *request, const char *method,
	const char *version)
{
	unsigned refusal = http_request_refusal(request, method, version);

	REQUIRE(refusal == 0 || (refusal >= 400 && refusal <= 501));
	if (refusal == 0)
		REQUIRE(request->n_hosts <= 1 &&
			request->route != HTTP_ROUTE_INVALID &&
			request->length_bytes <= HTTP_BODY_MAX_BYTES);
	if (http_request_wants_gzip(request))
		REQUIRE(request->encodings.gzip != 0);
	if (origins == NULL)
		origins = origins_new(1000);
	REQUIRE(origins != NULL);
	origins_seen(origins, request->origin_len > 0 ? request->origin : "",
		request->origin_len, ++now_ns);
	REQUIRE(origins_count(origins, now_ns) <= ORIGINS_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct alive_header headers[MAX_HEADERS];
	struct http_request request;
	char *text = malloc(size + 1), *rest = text;
	char *method, *target, *version;
	size_t n;

	REQUIRE(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	version = cut(&rest, '\n');
	method = cut(&version, ' ');
	target = cut(&version, ' ');
	n = parse_headers(rest, headers);
	http_request_init(&request, target);
	for (size_t i = 0; i < n; i++)
		http_request_header(&request, headers[i].name,
			headers[i].name_len, headers[i].value,
			headers[i].value_len);
	check_request(&request, method, version);
	check_alive(&(struct alive_request){ headers, n, target, method });
	free(text);
	return 0;
}
