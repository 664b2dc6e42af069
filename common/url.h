/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http and https URLs: of the configuration, and of Location headers that a
 * probed server wrote.  No allocation and no pointers inside, so that a URL
 * can be copied by assignment.  What cannot be probed is refused here, with a
 * text that says what would be right.
 */
#ifndef COMMON_URL_H
#define COMMON_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX_BYTES         2048 /* as written, and its target once encoded */
#define URL_USER_BYTES        256
#define URL_HOST_MAX_BYTES    254 /* RFC 1035, 2.3.4, and a final dot */
#define URL_ZONE_BYTES        16  /* IF_NAMESIZE */
#define URL_PORT_BYTES        12
#define URL_SOCKET_PATH_BYTES 108 /* unix(7), the NUL included */

/* Enough for url_format and url_format_host, the NUL included. */
#define URL_TEXT_BYTES      4096
#define URL_HOST_TEXT_BYTES 352

struct url {
	bool https;
	bool has_user;
	bool host_is_ip;
	uint16_t port;
	/* Of an IP literal; AF_UNIX: the host is the path of a socket; else
	 * AF_UNSPEC. */
	int family;
	uint16_t path_len_bytes;
	char user[URL_USER_BYTES]; /* decoded */
	char password[URL_USER_BYTES];
	/* without brackets, as written; beyond ASCII: its xn-- form */
	char host[URL_HOST_MAX_BYTES + 1];
	char zone[URL_ZONE_BYTES];      /* of an IPv6 literal, decoded */
	char port_text[URL_PORT_BYTES]; /* as written; "" when it was not */
	/*
	 * The request line's: the path with what must be percent-encoded, then,
	 * where there is one, the query with its `?`: a configured one exactly
	 * as written, a Location's without blanks and bytes beyond ASCII.
	 */
	char target[URL_MAX_BYTES + 1];
};

/*
 * 0, or with a text of static storage -EINVAL (no URL that could be probed),
 * -EPROTONOSUPPORT (another scheme than http and https).
 */
int url_parse(struct url *url, const char *text, const char **ret_error);
/*
 * The same for what a check may name: besides http and https a socket of this
 * host, unix:///path/to.sock or unix:///path/to.sock:/request?query.  No
 * Location leads there.
 */
int url_parse_check(struct url *url, const char *text, const char **ret_error);
/*
 * The URL of a proxy: http only, the scheme may be left out, as in host:3128.
 * As url_parse.
 */
int url_parse_proxy(struct url *url, const char *text, const char **ret_error);
/*
 * A Location header's value against the URL that answered with it: RFC 3986,
 * section 5.2.  A relative one keeps the user part.  Blanks around it and its
 * fragment are left out, blanks and bytes beyond ASCII in it encoded as curl
 * does.  As url_parse.
 */
int url_resolve(const struct url *base, const char *location,
	struct url *ret_url, const char **ret_error);
/*
 * The URL as text that parses back to the same.  With redact the user part
 * and the query are each printed as `redacted`.  Returns buf.
 */
const char *url_format(
	const struct url *url, bool redact, char buf[URL_TEXT_BYTES]);
/* The Host header: no zone, the port as written; of a socket `localhost`.
 * Returns buf. */
const char *url_format_host(
	const struct url *url, char buf[URL_HOST_TEXT_BYTES]);
/*
 * Whether the text can stand for a host by itself: a name, an IPv4 address, or
 * an IPv6 address without brackets.
 */
bool url_host_check(const char *text, const char **ret_error);

#endif
