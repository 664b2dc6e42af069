/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of redirects; see redirect.h. */
#include "workers/redirect.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

enum redirect
redirect_decide(unsigned status, const char *location, bool location_too_long,
	unsigned n_requests)
{
	switch (status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		break;
	default:
		return REDIRECT_NONE;
	}
	if (location[0] == '\0' && !location_too_long)
		return REDIRECT_NONE;
	if (n_requests >= REDIRECT_MAX_REQUESTS)
		return REDIRECT_TOO_MANY;
	return location_too_long ? REDIRECT_TOO_LONG : REDIRECT_FOLLOW;
}

const char *
redirect_error(enum redirect redirect)
{
	switch (redirect) {
	case REDIRECT_NONE:
	case REDIRECT_FOLLOW:
		break;
	case REDIRECT_TOO_MANY:
		return "stopped after 10 redirects";
	case REDIRECT_TOO_LONG:
		return "Location too long";
	}
	return NULL;
}

const char *
redirect_method(unsigned status, const char *method)
{
	if (status == 307 || status == 308 || strcmp(method, "HEAD") == 0)
		return method;
	return "GET";
}

/* Names do not care for case; brackets around an IPv6 address are spelling. */
static bool
is_same_host(const char *a, const char *b)
{
	size_t a_len, b_len;

	a += a[0] == '[';
	b += b[0] == '[';
	a_len = strcspn(a, "]");
	b_len = strcspn(b, "]");
	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

bool
redirect_keeps_authorization(bool kept_before,
	const struct redirect_place *first, const struct redirect_place *next)
{
	return kept_before && (next->https || !first->https) &&
	       is_same_host(first->host, next->host);
}

bool
redirect_keeps_token(bool kept_before, const struct redirect_place *first,
	const struct redirect_place *next)
{
	return redirect_keeps_authorization(kept_before, first, next) &&
	       next->https && next->port == first->port;
}

int
redirect_format_referer(
	char *buf, size_t cap_bytes, const char *previous_url, bool next_https)
{
	bool from_https = strncasecmp(previous_url, "https://", 8) == 0;
	const char *scheme_end = strstr(previous_url, "://");
	const char *rest;
	size_t scheme_len, authority_len, rest_len;

	if (scheme_end == NULL || (from_https && !next_https))
		return 0;
	rest = scheme_end + 3;
	scheme_len = (size_t)(rest - previous_url);
	/* the last @ before the path: a password may hold another */
	authority_len = strcspn(rest, "/?#");
	for (size_t i = authority_len; i > 0; i--) {
		if (rest[i - 1] == '@') {
			rest += i;
			break;
		}
	}
	rest_len = strcspn(rest, "#");
	if (scheme_len + rest_len >= cap_bytes ||
		scheme_len + rest_len > INT_MAX)
		return -ENOSPC;
	memcpy(buf, previous_url, scheme_len);
	memcpy(buf + scheme_len, rest, rest_len);
	buf[scheme_len + rest_len] = '\0';
	return (int)(scheme_len + rest_len);
}
