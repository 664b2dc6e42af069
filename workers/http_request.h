/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the head of one HTTP/1.1 request into the caller's buffer, lines in
 * the order kubenurse 1.x sends them.  Knows no URL type: the caller hands over
 * the parts.  A byte that would break out of its line is refused here, wherever
 * it came from.
 */
#ifndef WORKERS_HTTP_REQUEST_H
#define WORKERS_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

/* Extra headers of one check. */
#define HTTP_REQUEST_MAX_HEADERS 64

struct http_header {
	const char *name;
	const char *value;
};

/* Strings may be NULL where "none" is said to be possible. */
struct http_request {
	const char *method;
	/* Origin form ("/x?q", "*"): the path percent-encoded, the query as
	 * written. */
	const char *target;
	/* To a plain http proxy: "http://HOST:PORT" is put before the target */
	bool absolute_form;
	const char *host; /* without brackets; a zone is left out of Host */
	const char *server_name; /* in Host, instead; or NULL */
	const char *port;        /* as the URL has it; NULL or "": none */
	const char *version;     /* of this program */

	/* Authorization: the token, else the check's own header, else the URL's
	 * user part (decoded; without a password it is empty). */
	const char *bearer_token;     /* or NULL */
	const char *user;             /* or NULL */
	const char *password;         /* or NULL */
	const char *neighbour_origin; /* or NULL */
	const char *referer;          /* or NULL */
	/*
	 * The check's own.  Host and User-Agent replace ours; what frames the
	 * message (Connection, Content-Length, Transfer-Encoding, Trailer, TE,
	 * Upgrade) and Proxy-Authorization are refused.
	 */
	const struct http_header *headers;
	size_t n_headers;

	bool keep_alive;
	/* With absolute_form and for CONNECT; or NULL. */
	const char *proxy_user;
	const char *proxy_password;
};

/*
 * The length written (the text is NUL-terminated, too), or -ENOSPC: it does
 * not fit; -EINVAL: a control character, a name that is no name, a header that
 * is refused; -E2BIG: too many headers.  Nothing of buf may be used then.
 */
int http_request_format(
	char *buf, size_t cap_bytes, const struct http_request *request);
/*
 * "CONNECT host:port" for a tunnel; uses host, port (here never empty),
 * version, proxy_user and proxy_password.
 */
int http_connect_format(
	char *buf, size_t cap_bytes, const struct http_request *request);
/* False: http_request_format would refuse this header of a check. */
bool http_request_allows_header(const char *name, const char *value);

#endif
