/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request; see http_request.h.  Everything is written through
 * struct out, whose failure is sticky and asked for once at the end.
 */
#include "workers/http_request.h"
#include "workers/http_chars.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

struct out {
	char *buf;
	size_t cap_bytes;
	size_t len_bytes;
	int error; /* the first one: a negative errno */
};

/* A header line before it is written. */
struct line {
	const char *name;
	const char *scheme;   /* "Bearer ", "Basic ", "" */
	const char *value;    /* or the user, with "Basic " */
	const char *password; /* with "Basic " */
};

/* Own headers beside those of the check. */
#define N_OWN_LINES 3

static void
put_char(struct out *out, char c)
{
	if (out->len_bytes + 1 < out->cap_bytes)
		out->buf[out->len_bytes++] = c;
	else if (out->error == 0)
		out->error = -ENOSPC;
}

/* Text of our own. */
static void
put(struct out *out, const char *text)
{
	for (; *text != '\0'; text++)
		put_char(out, *text);
}

/* Text from outside: no byte may end the line or hide the rest of it. */
static void
put_value(struct out *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (http_is_control(*text) && *text != '\t')
			out->error = -EINVAL;
		put_char(out, *text);
	}
}

static bool
is_token(const char *text)
{
	const char *c = text;

	while (http_is_token_char(*c))
		c++;
	return c > text && *c == '\0';
}

static void
put_token(struct out *out, const char *text)
{
	if (!is_token(text))
		out->error = -EINVAL;
	put(out, text);
}

/* Base64 of user:password (RFC 7617, RFC 4648 section 4), written as it is
 * made, so that no copy of a secret lies about.
 */
static void
put_basic(struct out *out, const char *user, const char *password)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *parts[] = { user, ":", password };
	unsigned bits = 0, n_bits = 0, n_digits = 0;

	for (size_t i = 0; i < 3; i++) {
		for (const char *c = parts[i]; *c != '\0'; c++) {
			bits = (bits << 8 | (unsigned char)*c) & 0xffff;
			for (n_bits += 8; n_bits >= 6; n_digits++) {
				n_bits -= 6;
				put_char(out, digits[bits >> n_bits & 63]);
			}
		}
	}
	if (n_bits > 0) {
		put_char(out, digits[bits << (6 - n_bits) & 63]);
		n_digits++;
	}
	for (; n_digits % 4 != 0; n_digits++)
		put_char(out, '=');
}

/* An IPv6 address gets brackets and loses its zone, which means nothing to the
 * other side (RFC 6874 section 1); a name and IPv4 stay as they are.
 */
static void
put_authority(struct out *out, const char *host, const char *port)
{
	bool is_ipv6 = strchr(host, ':') != NULL;

	if (*host == '\0')
		out->error = -EINVAL;
	if (is_ipv6)
		put_char(out, '[');
	for (const char *c = host; *c != '\0'; c++) {
		if (is_ipv6 && *c == '%')
			break;
		if (http_is_control(*c) || strchr(" /?#@\\", *c) != NULL)
			out->error = -EINVAL;
		put_char(out, *c);
	}
	if (is_ipv6)
		put_char(out, ']');
	if (port == NULL || *port == '\0')
		return;
	put_char(out, ':');
	for (; *port != '\0'; port++) {
		if (!http_is_digit(*port))
			out->error = -EINVAL;
		put_char(out, *port);
	}
}

static void
put_line(struct out *out, const struct line *line)
{
	put_token(out, line->name);
	put(out, ": ");
	put(out, line->scheme);
	if (line->password != NULL)
		put_basic(out, line->value, line->password);
	else
		put_value(out, line->value);
	put(out, "\r\n");
}

static void
put_user_agent(struct out *out, const char *version)
{
	put(out, "User-Agent: kubenurse/");
	put_value(out, version);
	put(out, "\r\n");
}

static void
put_proxy_authorization(struct out *out, const struct http_request *request)
{
	const char *password = request->proxy_password;

	if (request->proxy_user == NULL)
		return;
	put(out, "Proxy-Authorization: Basic ");
	put_basic(out, request->proxy_user, password ? password : "");
	put(out, "\r\n");
}

static int
finish(struct out *out)
{
	if (out->error != 0)
		return out->error;
	assert(out->len_bytes < out->cap_bytes);
	if (out->len_bytes > INT_MAX)
		return -ENOSPC;
	out->buf[out->len_bytes] = '\0';
	return (int)out->len_bytes;
}

static bool
is_one_of(const char *name, const char *const *names)
{
	while (*names != NULL && strcasecmp(name, *names) != 0)
		names++;
	return *names != NULL;
}

static bool
is_refused(const char *name)
{
	static const char *const refused[] = { "Connection", "Content-Length",
		"Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE",
		"Trailer", "Transfer-Encoding", "Upgrade", NULL };

	return is_one_of(name, refused);
}

bool
http_request_allows_header(const char *name, const char *value)
{
	if (!is_token(name) || is_refused(name))
		return false;
	for (; *value != '\0'; value++) {
		if (http_is_control(*value) && *value != '\t')
			return false;
	}
	return true;
}

/* The check's own header of this name; of several the first. */
static const struct http_header *
find_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
			return &request->headers[i];
	}
	return NULL;
}

/* Keeps the lines sorted by name; lines of one name stay in their order. */
static void
insert_line(struct line *lines, size_t *n_lines, struct line line)
{
	size_t i = *n_lines;

	for (; i > 0 && strcasecmp(lines[i - 1].name, line.name) > 0; i--)
		lines[i] = lines[i - 1];
	lines[i] = line;
	++*n_lines;
}

/* What we were told to say ourselves wins over the check's own header. */
static bool
is_ours(const struct http_request *request, const char *name)
{
	if (strcasecmp(name, "Authorization") == 0)
		return request->bearer_token != NULL;
	if (strcasecmp(name, "Kubenurse-Neighbour-Origin") == 0)
		return request->neighbour_origin != NULL;
	if (strcasecmp(name, "Referer") == 0)
		return request->referer != NULL;
	return strcasecmp(name, "Host") == 0 ||
	       strcasecmp(name, "User-Agent") == 0;
}

/* 0 or a negative errno; lines has room for all. */
static int
collect_lines(const struct http_request *request, struct line *lines,
	size_t *ret_n_lines)
{
	const char *password = request->password ? request->password : "";
	size_t n = 0;

	if (request->bearer_token != NULL)
		insert_line(lines, &n,
			(struct line){ "Authorization", "Bearer ",
				request->bearer_token, NULL });
	else if (request->user != NULL &&
		 find_header(request, "Authorization") == NULL)
		insert_line(lines, &n,
			(struct line){ "Authorization", "Basic ", request->user,
				password });
	if (request->neighbour_origin != NULL)
		insert_line(lines, &n,
			(struct line){ "Kubenurse-Neighbour-Origin", "",
				request->neighbour_origin, NULL });
	if (request->referer != NULL)
		insert_line(lines, &n,
			(struct line){ "Referer", "", request->referer, NULL });
	for (size_t i = 0; i < request->n_headers; i++) {
		const struct http_header *header = &request->headers[i];

		if (!http_request_allows_header(header->name, header->value))
			return -EINVAL;
		if (!is_ours(request, header->name))
			insert_line(lines, &n,
				(struct line){ header->name, "", header->value,
					NULL });
	}
	*ret_n_lines = n;
	return 0;
}

static void
put_request_line(struct out *out, const struct http_request *request)
{
	bool is_origin_form =
		request->target[0] == '/' || strcmp(request->target, "*") == 0;

	if (!is_origin_form)
		out->error = -EINVAL;
	put_token(out, request->method);
	put_char(out, ' ');
	if (request->absolute_form) {
		put(out, "http://");
		put_authority(out, request->host, request->port);
	}
	for (const char *c = request->target; *c != '\0'; c++) {
		if (http_is_control(*c))
			out->error = -EINVAL;
		put_char(out, *c);
	}
	put(out, " HTTP/1.1\r\n");
}

static void
put_host_and_agent(struct out *out, const struct http_request *request)
{
	const struct http_header *host = find_header(request, "Host");
	const struct http_header *agent = find_header(request, "User-Agent");

	put(out, "Host: ");
	if (host != NULL)
		put_value(out, host->value);
	else
		put_authority(out,
			request->server_name != NULL ? request->server_name
						     : request->host,
			request->port);
	put(out, "\r\n");
	if (agent != NULL)
		put_line(out,
			&(struct line){ "User-Agent", "", agent->value, NULL });
	else
		put_user_agent(out, request->version);
}

/* Methods for which a server expects content to be announced, if only as none
 * (RFC 9110 section 8.6).
 */
static bool
announces_content(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

int
http_request_format(
	char *buf, size_t cap_bytes, const struct http_request *request)
{
	struct out out = { buf, cap_bytes, 0, 0 };
	struct line lines[HTTP_REQUEST_MAX_HEADERS + N_OWN_LINES];
	size_t n_lines;
	int error;

	if (request->n_headers > HTTP_REQUEST_MAX_HEADERS)
		return -E2BIG;
	error = collect_lines(request, lines, &n_lines);
	if (error != 0)
		return error;
	put_request_line(&out, request);
	put_host_and_agent(&out, request);
	if (announces_content(request->method))
		put(&out, "Content-Length: 0\r\n");
	for (size_t i = 0; i < n_lines; i++)
		put_line(&out, &lines[i]);
	if (!request->keep_alive)
		put(&out, "Connection: close\r\n");
	if (request->absolute_form)
		put_proxy_authorization(&out, request);
	put(&out, "\r\n");
	return finish(&out);
}

int
http_connect_format(
	char *buf, size_t cap_bytes, const struct http_request *request)
{
	struct out out = { buf, cap_bytes, 0, 0 };

	if (request->port == NULL || request->port[0] == '\0')
		return -EINVAL;
	put(&out, "CONNECT ");
	put_authority(&out, request->host, request->port);
	put(&out, " HTTP/1.1\r\nHost: ");
	put_authority(&out, request->host, request->port);
	put(&out, "\r\n");
	put_user_agent(&out, request->version);
	put_proxy_authorization(&out, request);
	put(&out, "\r\n");
	return finish(&out);
}
