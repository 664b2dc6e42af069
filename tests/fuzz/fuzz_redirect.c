/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check that is led from one place to the next.  The first line is the URL of
 * the configuration, each that follows is the Location of an answer.  Whatever
 * strangers write there: what is sent next is one request, secrets stay where
 * the check began, and nobody leads to this machine.
 */
#include "common/url.h"
#include "workers/http_fields.h"
#include "workers/http_request.h"
#include "workers/race.h"
#include "workers/redirect.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* As the answer's parser has it.  False: there is none that is followed. */
static bool
read_location(struct http_fields *fields, const char *text, size_t len_bytes)
{
	static const char name[] = "Location: ", end[] = "\r\n\r\n";
	const struct {
		const char *text;
		size_t len_bytes;
	} parts[] = { { name, sizeof(name) - 1 }, { text, len_bytes },
		{ end, sizeof(end) - 1 } };
	enum http_fields_progress progress = HTTP_FIELDS_MORE;

	http_fields_init(fields);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (size_t k = 0;
			k < parts[i].len_bytes && progress == HTTP_FIELDS_MORE;
			k++)
			progress = http_fields_take(fields, parts[i].text[k]);
	return progress == HTTP_FIELDS_DONE &&
	       redirect_decide(302, fields->location, fields->location_too_long,
		       1) == REDIRECT_FOLLOW;
}

/* Byte by byte, as somebody who knows none of the rules would compare. */
static bool
is_same_place(const struct url *a, const struct url *b)
{
	char a_text[URL_TEXT_BYTES], b_text[URL_TEXT_BYTES];

	snprintf(a_text, sizeof(a_text), "%d %s%%%s %u", a->https, a->host,
		a->zone, a->port);
	snprintf(b_text, sizeof(b_text), "%d %s%%%s %u", b->https, b->host,
		b->zone, b->port);
	return strcasecmp(a_text, b_text) == 0;
}

static void
check_referer(
	const char *referer, const struct url *previous, const struct url *next)
{
	const char *rest = strstr(referer, "://");
	size_t host_len;

	require(!previous->https || next->https);
	require(rest != NULL && strpbrk(referer, "?# \r\n") == NULL);
	rest += 3;
	host_len = strcspn(rest, "/");
	require(host_len > 0 && memchr(rest, '@', host_len) == NULL);
	require(is_same_place(previous, next) ||
		strcmp(rest + host_len, "/") == 0);
}

/* Method, target and version; a configured query goes as it is written. */
static void
check_request_line(const char *text, const char *configured)
{
	unsigned blank_count = 0;

	if (strchr(configured, ' ') != NULL)
		return;
	for (; *text != '\r'; text++) {
		blank_count += *text == ' ';
		require((unsigned char)*text < 0x80 ||
			strchr(configured, *text) != NULL);
	}
	require(blank_count == 2);
}

/* One line, its fields, and the blank line at the end; nothing else. */
static void
check_request(const char *text, size_t len_bytes, const struct url *url,
	const char *referer)
{
	const char *line = text;
	unsigned line_count = 0, secret_count = 0;

	require(strlen(text) == len_bytes);
	require(strncmp(text, "GET /", 5) == 0);
	for (const char *end; *line != '\0'; line = end + 2) {
		end = strpbrk(line, "\r\n");
		require(end != NULL && end[0] == '\r' && end[1] == '\n');
		require((end == line) == (end[2] == '\0'));
		require(line_count == 0 || end == line ||
			memchr(line, ':', (size_t)(end - line)) != NULL);
		secret_count += strncasecmp(line, "Authorization:", 14) == 0;
		line_count++;
	}
	require(secret_count == (url->has_user ? 1 : 0));
	/* request line, Host, User-Agent, Connection, the blank one */
	require(line_count <= 5U + secret_count + (referer != NULL));
}

static void
check_sent(const struct url *first, const struct url *previous,
	const struct url *next)
{
	static char text[16384];
	char referer[URL_TEXT_BYTES];
	struct http_request request = {
		.method = redirect_method(302, "POST"),
		.target = next->target,
		.host = next->host,
		.port = next->port_text,
		.version = "1",
		.user = next->has_user ? next->user : NULL,
		.password = next->password,
	};
	int len_bytes;

	if (redirect_format_referer(
		    referer, sizeof(referer), previous, NULL, next) > 0) {
		check_referer(referer, previous, next);
		request.referer = referer;
	}
	len_bytes = http_request_format(text, sizeof(text), &request);
	if (len_bytes > 0)
		check_request_line(text, first->target);
	if (len_bytes > 0)
		check_request(text, (size_t)len_bytes, next, request.referer);
}

/* What would be dialled, by its text: led there by a server of the network. */
static void
check_address(const struct url *url)
{
	static const char *const refused[] = { "127.", "0.", "169.254.", "224.",
		"239.", "255.255.255.255:", "fe80:", "ff02:", "::ffff:127.",
		"::ffff:0.", "::ffff:169.254.", "64:ff9b::7f00:1]" };
	struct in6_addr from, to;
	struct race_address address;
	char text[80];
	const char *bare = text;

	if (!race_parse_literal(&address, url->host, url->zone, url->port))
		return;
	require(address_parse(&from, "192.0.2.1"));
	require(address_from_socket(&to, &address.socket.any));
	race_format_address(&address, text, sizeof(text));
	bare += text[0] == '[';
	if (strncmp(text, "[::]", 4) == 0 || strncmp(text, "[::1]", 5) == 0)
		require(!redirect_may_reach(&from, &to));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strncmp(bare, refused[i], strlen(refused[i])) == 0)
			require(!redirect_may_reach(&from, &to));
	require(redirect_may_reach(&to, &to));
}

static void
follow(const struct url *first, char *locations)
{
	struct url current = *first, next;
	struct http_fields fields;
	bool keeps_headers = true;
	const char *error = NULL;

	for (char *line = locations, *end; line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		if (!read_location(&fields, line, strlen(line)))
			continue;
		if (url_resolve(&current, fields.location, &next, &error) < 0) {
			require(error != NULL);
			continue;
		}
		redirect_drop_user(&current, &next);
		require(!next.has_user || is_same_place(&current, &next));
		if (!redirect_same_origin(first, &next))
			keeps_headers = false;
		require(!keeps_headers || is_same_place(first, &next));
		require(redirect_same_host(first, &next) ||
			!redirect_same_origin(first, &next));
		check_address(&next);
		check_sent(first, &current, &next);
		current = next;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	char *text = malloc(n_bytes + 1), *locations;
	const char *error;
	struct url first;

	if (text == NULL)
		return 0;
	if (n_bytes > 0)
		memcpy(text, data, n_bytes);
	text[n_bytes] = '\0';
	locations = strchr(text, '\n');
	if (locations != NULL) {
		*locations++ = '\0';
		if (url_parse(&first, text, &error) == 0)
			follow(&first, locations);
	}
	free(text);
	return 0;
}
