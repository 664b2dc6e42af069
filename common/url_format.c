/* SPDX-License-Identifier: Apache-2.0 */
/* URLs as text again; see url.h.  The buffers hold every URL that parsed. */
#include "common/url.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A byte of a user part takes three at worst; there are two parts. */
_Static_assert(URL_TEXT_BYTES > sizeof("https://:@") + 6 * URL_USER_BYTES +
					URL_HOST_TEXT_BYTES + URL_MAX_BYTES,
	"url_format must not cut");
_Static_assert(URL_HOST_TEXT_BYTES > sizeof("[%25]:") + URL_HOST_MAX_BYTES +
					     3 * URL_ZONE_BYTES +
					     URL_PORT_BYTES,
	"url_format_host must not cut");

/* Everything but unreserved characters (RFC 3986, 2.3) is escaped. */
static char *
put_escaped(char *to, const char *text)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~";

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL)
			*to++ = *text;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*text);
	}
	*to = '\0';
	return to;
}

static char *
put_user(char *to, const struct url *url, bool redact)
{
	if (!url->has_user)
		return to;
	if (redact)
		return stpcpy(to, "redacted@");
	to = put_escaped(to, url->user);
	if (url->password[0] != '\0') {
		*to++ = ':';
		to = put_escaped(to, url->password);
	}
	return stpcpy(to, "@");
}

static char *
put_host(char *to, const struct url *url, bool with_zone)
{
	if (url->family == AF_UNIX) {
		to = stpcpy(to, "localhost");
	} else if (url->family == AF_INET6) {
		to = stpcpy(stpcpy(to, "["), url->host);
		if (with_zone && url->zone[0] != '\0')
			to = put_escaped(stpcpy(to, "%25"), url->zone);
		to = stpcpy(to, "]");
	} else {
		to = stpcpy(to, url->host);
	}
	if (url->port_text[0] != '\0')
		to = stpcpy(stpcpy(to, ":"), url->port_text);
	return to;
}

/* Nobody can tell a token in a query from what is no secret. */
static char *
put_target(char *to, const struct url *url, bool redact)
{
	const char *query = strchr(url->target, '?');

	if (!redact || query == NULL || query[1] == '\0')
		return stpcpy(to, url->target);
	to = mempcpy(to, url->target, (size_t)(query - url->target));
	return stpcpy(to, "?redacted");
}

const char *
url_format(const struct url *url, bool redact, char buf[URL_TEXT_BYTES])
{
	char *to = buf;

	if (url->family == AF_UNIX) {
		to = stpcpy(stpcpy(to, "unix://"), url->host);
		if (strcmp(url->target, "/") != 0)
			to = put_target(stpcpy(to, ":"), url, redact);
	} else {
		to = stpcpy(to, url->https ? "https://" : "http://");
		to = put_user(to, url, redact);
		to = put_host(to, url, true);
		to = put_target(to, url, redact);
	}
	assert(to < buf + URL_TEXT_BYTES);
	return buf;
}

const char *
url_format_host(const struct url *url, char buf[URL_HOST_TEXT_BYTES])
{
	put_host(buf, url, false);
	return buf;
}
