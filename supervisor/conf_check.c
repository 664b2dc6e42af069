/* SPDX-License-Identifier: Apache-2.0 */
/* Extra checks, their headers, and static neighbours; see conf_value.h. */
#include "supervisor/conf_value.h"

#include "common/control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS           " \t"
#define HEADER_MAX_BYTES 4096
/* Of a check: half of what goes into a message to its worker. */
#define HEADERS_MAX_BYTES (32UL * 1024)

/* RFC 9110, 5.6.2. */
static bool
is_token(const char *text)
{
	static const char token[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~";

	return *text != '\0' && text[strspn(text, token)] == '\0';
}

/* The request's own framing, which is the prober's business. */
static bool
is_reserved_header(const char *name)
{
	static const char *const names[] = { "Connection", "Content-Length",
		"Expect", "Keep-Alive", "Proxy-Authorization",
		"Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* What is wrong with a header line and its name; NULL: nothing. */
static const char *
check_header(const char *text, const char *name)
{
	if (strchr(text, ':') == NULL)
		return "has no colon; write NAME: VALUE";
	if (strlen(text) > HEADER_MAX_BYTES)
		return "is longer than 4096 bytes";
	if (!is_token(name))
		return "has no header name before its colon; write NAME: "
		       "VALUE";
	if (is_reserved_header(name))
		return "names a header that the check itself decides upon; "
		       "remove it";
	return NULL;
}

/*
 * What is wrong with a Host header beside those that are there; NULL: nothing.
 * The value is what a URL could have between its scheme and its path.
 */
static const char *
check_host_header(const struct conf_headers *field, const char *value)
{
	char text[URL_MAX_BYTES + 1];
	const char *error;
	struct url url;

	for (size_t i = 0; i < field->n_headers; i++)
		if (strcasecmp(field->headers[i].name, "Host") == 0)
			return "is a second Host header; a request has one";
	if (value[strcspn(value, "/?#@%")] != '\0' ||
		snprintf(text, sizeof(text), "http://%s", value) >=
			(int)sizeof(text) ||
		url_parse(&url, text, &error) != 0 ||
		strncasecmp(url.host, value + (*value == '['),
			strlen(url.host)) != 0)
		return "is no host; write Host: NAME or Host: NAME:PORT, the "
		       "name in ASCII";
	return NULL;
}

static size_t
headers_bytes(const struct conf_headers *field)
{
	size_t bytes = 0;

	for (size_t i = 0; i < field->n_headers; i++)
		bytes += strlen(field->headers[i].name) +
			 strlen(field->headers[i].value);
	return bytes;
}

int
conf_parse_header(
	const char *text, struct conf_headers *field, struct strbuf *why)
{
	size_t name_bytes = strcspn(text, ":");
	const char *value = text + name_bytes;
	struct conf_header header;
	const char *error;

	if (*value == ':')
		value += 1 + strspn(value + 1, BLANKS);
	header.name = strndup(text, name_bytes);
	header.value = strdup(value);
	if (header.name == NULL || header.value == NULL) {
		free(header.name);
		free(header.value);
		return -ENOMEM;
	}
	error = check_header(text, header.name);
	if (error == NULL && strcasecmp(header.name, "Host") == 0)
		error = check_host_header(field, header.value);
	if (error == NULL && field->n_headers == CONF_HEADERS_MAX)
		error = "is one header too many; there may be 32";
	if (error == NULL &&
		headers_bytes(field) + strlen(text) > HEADERS_MAX_BYTES)
		error = "makes the headers of this check longer than 32 KiB in "
			"all; shorten them";
	if (error != NULL) {
		strbuf_add_string(why, error);
		free(header.name);
		free(header.value);
		return -EINVAL;
	}
	field->headers[field->n_headers++] = header;
	return 0;
}

static void
check_fini(struct conf_check *check)
{
	free(check->name);
	free(check->url);
	free(check->method);
	for (size_t i = 0; i < check->headers.n_headers; i++) {
		free(check->headers.headers[i].name);
		free(check->headers.headers[i].value);
	}
	free(check->header_file);
	free(check->server_name);
	free(check->ca);
	free(check->cert);
	free(check->key);
}

void
conf_checks_free(struct conf_checks *checks)
{
	for (size_t i = 0; i < checks->n_checks; i++)
		check_fini(&checks->checks[i]);
	free(checks->checks);
	checks->checks = NULL;
	checks->n_checks = 0;
}

static bool
set_defaults(struct conf_check *check)
{
	struct strbuf why;
	bool ok = true;

	strbuf_init(&why, 0);
	check->name = strdup("");
	check->url = strdup("");
	check->header_file = strdup("");
	check->server_name = strdup("");
	check->ca = strdup("");
	check->cert = strdup("");
	check->key = strdup("");
	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->section == CONF_SECTION_CHECK &&
			key->default_text != NULL)
			ok &= conf_value_parse(
				      key, key->default_text, check, &why) == 0;
	}
	strbuf_fini(&why);
	return ok && check->name != NULL && check->url != NULL &&
	       check->header_file != NULL && check->server_name != NULL &&
	       check->ca != NULL && check->cert != NULL && check->key != NULL;
}

/* Room for one more; the room doubles whenever the number is a power of two. */
static void *
reserve(void *items, size_t n_items, size_t item_bytes)
{
	if ((n_items & (n_items - 1)) != 0)
		return items;
	return reallocarray(items, n_items == 0 ? 1 : 2 * n_items, item_bytes);
}

struct conf_check *
conf_checks_add(struct conf_checks *checks)
{
	size_t n = checks->n_checks;
	struct conf_check *grown;

	if (n == CONF_CHECKS_MAX)
		return NULL;
	grown = reserve(checks->checks, n, sizeof(*grown));
	if (grown == NULL)
		return NULL;
	checks->checks = grown;
	memset(&grown[n], 0, sizeof(*grown));
	if (!set_defaults(&grown[n])) {
		check_fini(&grown[n]);
		return NULL;
	}
	checks->n_checks++;
	return &grown[n];
}

const char *
conf_check_file(const struct conf_check *check, size_t kind)
{
	const char *const paths[CONTROL_FILE_COUNT] = {
		[CONTROL_FILE_CA] = check->ca,
		[CONTROL_FILE_HEADERS] = check->header_file,
		[CONTROL_FILE_CERT] = check->cert,
		[CONTROL_FILE_KEY] = check->key,
	};

	return paths[kind];
}

/* `path` is the type under which all neighbours are shown together. */
const char *
conf_check_name_error(const char *name)
{
	static const char *const taken[] = { "api_server_direct",
		"api_server_dns", "me_ingress", "me_service", "path",
		"neighbourhood", "neighbourhood_state" };

	if (strlen(name) > CONF_NAME_MAX_BYTES)
		return "has a name longer than 253 bytes; choose a shorter "
		       "one";
	if (strncmp(name, "path_", 5) == 0)
		return "begins with path_, as neighbours do; choose another "
		       "name";
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcmp(taken[i], name) == 0)
			return "has a name of kubenurse's own; choose another";
	}
	return NULL;
}

/* Behind so much, items that are wrong are counted only. */
#define ITEMS_TOLD_BYTES (CONF_PROBLEM_MAX_BYTES / 2)

/* The n-th NAME:URL, a copy that is taken apart. */
static int
parse_item(char *item, size_t n, struct conf_checks *list, struct strbuf *why)
{
	const char *separator = why->len_bytes > 0 ? "; " : "";
	char *colon = strchr(item, ':');
	struct conf_check *check;
	const char *error;
	struct url url;

	if (colon == NULL) {
		strbuf_printf(why,
			"%sitem %zu has no colon; write NAME:URL, "
			"with | between two of them",
			separator, n);
		return -EINVAL;
	}
	*colon = '\0';
	error = conf_parse_url(url_parse_check, colon + 1, &url);
	if (error != NULL) {
		strbuf_printf(why,
			"%sthe URL of \"%.60s\" is wrong: %s; "
			"write NAME:http://... or "
			"NAME:https://...",
			separator, item, error);
		return -EINVAL;
	}
	if (list->n_checks == CONF_CHECKS_MAX) {
		strbuf_printf(why,
			"%sitem %zu is one too many; there may be "
			"1000",
			separator, n);
		return -E2BIG; /* and so are all that follow */
	}
	check = conf_checks_add(list);
	if (check == NULL || !conf_replace_string(&check->name, item) ||
		!conf_replace_string(&check->url, colon + 1))
		return -ENOMEM;
	return 0;
}

int
conf_parse_extra_checks(
	const char *text, struct conf_checks *field, struct strbuf *why)
{
	struct conf_checks list = { 0 };
	char *copy = strdup(text), *rest = copy, *item;
	int err = copy == NULL ? -ENOMEM : 0;
	size_t n_items = 0, n_untold = 0;
	struct strbuf untold;

	strbuf_init(&untold, 0);

	/* empty is none, but an empty item among others is wrong */
	if (*text == '\0')
		rest = NULL;
	while (err != -ENOMEM && err != -E2BIG &&
		(item = strsep(&rest, "|")) != NULL) {
		bool told = why->len_bytes < ITEMS_TOLD_BYTES;
		int item_err = parse_item(
			item, ++n_items, &list, told ? why : &untold);

		strbuf_reset(&untold);
		if (item_err == 0)
			continue;
		err = item_err;
		n_untold += !told;
	}
	if (n_untold > 0)
		strbuf_printf(why, "; %zu more are wrong", n_untold);
	strbuf_fini(&untold);
	free(copy);
	if (err != 0) {
		conf_checks_free(&list);
		return err == -ENOMEM ? err : -EINVAL;
	}
	conf_checks_free(field);
	*field = list;
	return 0;
}

void
conf_neighbours_free(struct conf_neighbours *neighbours)
{
	for (size_t i = 0; i < neighbours->n_neighbours; i++)
		free(neighbours->neighbours[i].name);
	free(neighbours->neighbours);
	neighbours->neighbours = NULL;
	neighbours->n_neighbours = 0;
}

/* What is wrong with a line, or NULL and where its address begins. */
static const char *
check_neighbour(
	const char *text, size_t *ret_name_bytes, const char **ret_address)
{
	size_t name_bytes = strcspn(text, BLANKS);
	const char *address =
		text + name_bytes + strspn(text + name_bytes, BLANKS);
	unsigned char scratch[sizeof(struct in6_addr)];

	if (name_bytes == 0 || *address == '\0')
		return "is not a name and an address; write NAME ADDRESS";
	if (name_bytes > CONF_NAME_MAX_BYTES)
		return "has a name longer than 253 bytes";
	if (strlen(address) >= INET6_ADDRSTRLEN ||
		(inet_pton(AF_INET, address, scratch) != 1 &&
			inet_pton(AF_INET6, address, scratch) != 1))
		return "has no IP address behind the name; write NAME "
		       "ADDRESS, without brackets or port";
	*ret_name_bytes = name_bytes;
	*ret_address = address;
	return NULL;
}

int
conf_parse_neighbour(
	const char *text, struct conf_neighbours *field, struct strbuf *why)
{
	struct conf_neighbour neighbour = { 0 }, *grown;
	const char *address = NULL, *error;
	size_t name_bytes = 0;

	error = check_neighbour(text, &name_bytes, &address);
	if (error == NULL && field->n_neighbours == CONF_NEIGHBOURS_MAX)
		error = "is one neighbour too many; there may "
			"be " NEIGHBOURS_MAX_TEXT;
	if (error != NULL) {
		strbuf_printf(why, "\"%.60s\" %s", text, error);
		return -EINVAL;
	}
	grown = reserve(field->neighbours, field->n_neighbours, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	field->neighbours = grown;
	neighbour.name = malloc(name_bytes + 1 + strlen(address) + 1);
	if (neighbour.name == NULL)
		return -ENOMEM;
	memcpy(neighbour.name, text, name_bytes);
	neighbour.name[name_bytes] = '\0';
	neighbour.address = strcpy(neighbour.name + name_bytes + 1, address);
	field->neighbours[field->n_neighbours++] = neighbour;
	return 0;
}
