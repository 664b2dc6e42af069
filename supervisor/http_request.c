/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked at in a request; see http_request.h. */
#include "supervisor/http_request.h"

#include <string.h>

/* One bit per class of RFC 9110 tokens and RFC 3986 hosts. */
#define TOKEN 1
#define HOST  2

static unsigned
byte_class(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z'))
		return TOKEN | HOST;
	switch (c) {
	case '!':
	case '$':
	case '%':
	case '&':
	case '\'':
	case '*':
	case '+':
	case '-':
	case '.':
	case '_':
	case '~':
		return TOKEN | HOST;
	case '#':
	case '^':
	case '`':
	case '|':
		return TOKEN;
	case '(':
	case ')':
	case ',':
	case ':':
	case ';':
	case '=':
	case '@':
	case '[':
	case ']':
		return HOST;
	default:
		return 0;
	}
}

static bool
is_all(const char *text, size_t len, unsigned class)
{
	for (size_t i = 0; i < len; i++)
		if ((byte_class((unsigned char)text[i]) & class) == 0)
			return false;
	return true;
}

bool
http_is_token(const char *text, size_t len)
{
	return len > 0 && is_all(text, len, TOKEN);
}

/* RFC 9110 section 5.5: of the control characters a tab alone. */
static bool
is_field_value(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void
http_trim(const char **text, size_t *len)
{
	while (*len > 0 && is_blank((*text)[0])) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && is_blank((*text)[*len - 1]))
		(*len)--;
}

bool
http_is_word(const char *text, size_t len, const char *lower_case)
{
	if (strlen(lower_case) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != lower_case[i])
			return false;
	}
	return true;
}

void
http_request_init(struct http_request *request, const char *target)
{
	memset(request, 0, sizeof(*request));
	request->route = http_path_route(target);
	request->encodings.gzip = -1;
	request->encodings.identity = -1;
	request->encodings.any = -1;
}

static void
refuse(struct http_request *request, unsigned status)
{
	if (request->refused_status == 0)
		request->refused_status = status;
}

/* "0.5" -> 500; more than three decimals or above 1: -1 (RFC 9110, 12.4.2). */
static int
parse_weight(const char *text, size_t len)
{
	int weight = 0, unit = 1000;

	if (len == 0 || len > 5 || text[0] < '0' || text[0] > '1')
		return -1;
	if (len > 1 && text[1] != '.')
		return -1;
	weight = (text[0] - '0') * unit;
	for (size_t i = 2; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		unit /= 10;
		weight += (text[i] - '0') * unit;
	}
	return weight <= 1000 ? weight : -1;
}

/* "gzip;q=0.5": a weight that cannot be read counts as a refusal. */
static void
add_coding(struct http_encodings *encodings, const char *item, size_t len)
{
	const char *semicolon = memchr(item, ';', len);
	const char *rest = item + len;
	size_t rest_len = 0;
	int weight = 1000;

	if (semicolon != NULL) {
		rest = semicolon + 1;
		rest_len = (size_t)(item + len - rest);
		len = (size_t)(semicolon - item);
		http_trim(&rest, &rest_len);
		weight = rest_len >= 2 && http_is_word(rest, 2, "q=")
				 ? parse_weight(rest + 2, rest_len - 2)
				 : -1;
		if (weight < 0)
			weight = 0;
	}
	http_trim(&item, &len);
	if (http_is_word(item, len, "gzip") ||
		http_is_word(item, len, "x-gzip"))
		encodings->gzip = weight;
	else if (http_is_word(item, len, "identity"))
		encodings->identity = weight;
	else if (http_is_word(item, len, "*"))
		encodings->any = weight;
}

static void
add_accept_encoding(struct http_request *request, const char *value, size_t len)
{
	while (len > 0) {
		const char *comma = memchr(value, ',', len);
		size_t item_len = comma != NULL ? (size_t)(comma - value) : len;

		add_coding(&request->encodings, value, item_len);
		if (comma == NULL)
			return;
		value += item_len + 1;
		len -= item_len + 1;
	}
}

/* Twice the same length is harmless, two lengths are an attack. */
static void
add_length(struct http_request *request, const char *value, size_t len)
{
	uint64_t bytes = 0;

	if (len == 0)
		refuse(request, 400);
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			refuse(request, 400);
		else if (bytes > HTTP_BODY_MAX_BYTES)
			continue; /* too much already */
		else
			bytes = bytes * 10 + (uint64_t)(value[i] - '0');
	}
	if (request->has_length && request->length_bytes != bytes)
		refuse(request, 400);
	request->has_length = true;
	request->length_bytes = bytes;
}

static void
add_host(struct http_request *request, const char *value, size_t len)
{
	if (++request->n_hosts > 1 || !is_all(value, len, HOST))
		refuse(request, 400);
}

static void
add_origin(struct http_request *request, const char *value, size_t len)
{
	if (request->has_origin)
		return;
	request->has_origin = true;
	request->origin = value;
	request->origin_len = len;
}

void
http_request_header(struct http_request *request, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	if (!http_is_token(name, name_len) ||
		!is_field_value(value, value_len)) {
		refuse(request, 400);
		return;
	}
	if (http_is_word(name, name_len, "transfer-encoding")) {
		if (request->is_encoded ||
			!http_is_word(value, value_len, "chunked"))
			refuse(request, 501);
		request->is_encoded = true;
		return;
	}
	http_trim(&value, &value_len);
	if (http_is_word(name, name_len, "host"))
		add_host(request, value, value_len);
	else if (http_is_word(name, name_len, "kubenurse-neighbour-origin"))
		add_origin(request, value, value_len);
	else if (http_is_word(name, name_len, "accept-encoding"))
		add_accept_encoding(request, value, value_len);
	else if (http_is_word(name, name_len, "content-length"))
		add_length(request, value, value_len);
	else if (http_is_word(name, name_len, "expect") &&
		 !http_is_word(value, value_len, "100-continue"))
		refuse(request, 417);
}

static bool
is_method_allowed(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
	       strcmp(method, "OPTIONS") == 0;
}

unsigned
http_request_refusal(const struct http_request *request, const char *method,
	const char *version)
{
	/* the target of CONNECT is no path (RFC 9112, 3.2.3) */
	if (!http_is_token(method, strlen(method)) ||
		(request->route == HTTP_ROUTE_INVALID &&
			strcmp(method, "CONNECT") != 0))
		return 400;
	/* a Host is needed from HTTP/1.1 on */
	if (request->n_hosts == 0 && strcmp(version, "HTTP/1.0") != 0)
		return 400;
	/* two lengths, or a coding that HTTP/1.0 does not know: somebody before
	 * us may have read another one (RFC 9112, 6.1) */
	if (request->is_encoded &&
		(request->has_length || strcmp(version, "HTTP/1.0") == 0))
		return 400;
	if (request->refused_status != 0)
		return request->refused_status;
	if (!is_method_allowed(method))
		return 405;
	if (request->route == HTTP_ROUTE_SERVER &&
		strcmp(method, "OPTIONS") != 0)
		return 400;
	/*
	 * No page needs a body, and the library takes for a chunk what RFC 9112
	 * section 7.1 does not allow: none is read.
	 */
	if (request->is_encoded)
		return 400;
	if (request->length_bytes > HTTP_BODY_MAX_BYTES)
		return 413;
	return 0;
}

bool
http_request_has_body(const struct http_request *request)
{
	return request->is_encoded || request->length_bytes > 0;
}

bool
http_request_wants_gzip(const struct http_request *request)
{
	const struct http_encodings *encodings = &request->encodings;
	int gzip = encodings->gzip >= 0 ? encodings->gzip : encodings->any;

	return gzip > 0 && gzip >= encodings->identity;
}
