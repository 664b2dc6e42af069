/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of redirects; see redirect.h. */
#include "workers/redirect.h"

#include <errno.h>
#include <stdio.h>
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

bool
redirect_same_host(const struct url *a, const struct url *b)
{
	if (a->family == AF_UNIX || b->family == AF_UNIX)
		return a->family == b->family && strcmp(a->host, b->host) == 0;
	return strcasecmp(a->host, b->host) == 0 &&
	       strcmp(a->zone, b->zone) == 0;
}

bool
redirect_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port &&
	       redirect_same_host(a, b);
}

static bool
leads_here(const struct in6_addr *address)
{
	enum address_kind kind = address_kind(address);

	return kind == ADDRESS_LOOPBACK || kind == ADDRESS_UNSPECIFIED;
}

bool
redirect_may_reach(const struct in6_addr *from, const struct in6_addr *to)
{
	if (address_kind(to) == ADDRESS_ORDINARY)
		return true;
	return from != NULL && (IN6_ARE_ADDR_EQUAL(from, to) ||
				       (leads_here(from) && leads_here(to)));
}

void
redirect_drop_user(const struct url *previous, struct url *next)
{
	if (redirect_same_origin(previous, next))
		return;
	next->has_user = false;
	next->user[0] = next->password[0] = '\0';
}

static void
set_host(struct url *url, const char *name)
{
	snprintf(url->host, sizeof(url->host), "%s", name);
	url->family = strchr(name, ':') != NULL ? AF_INET6 : AF_UNSPEC;
	url->zone[0] = '\0';
}

void
redirect_stay(const struct url *target, const char *name, struct url *location)
{
	if (name[0] == '\0' || location->https != target->https ||
		location->port != target->port ||
		strcasecmp(location->host, name) != 0)
		return;
	memcpy(location->host, target->host, sizeof(location->host));
	memcpy(location->zone, target->zone, sizeof(location->zone));
	location->host_is_ip = target->host_is_ip;
	location->family = target->family;
}

int
redirect_format_referer(char *buf, size_t cap_bytes, const struct url *previous,
	const char *name, const struct url *next)
{
	struct url shown = *previous;
	bool whole = redirect_same_origin(previous, next);
	char host[URL_HOST_TEXT_BYTES];
	int len;

	if (previous->https && !next->https)
		return 0;
	if (name != NULL)
		set_host(&shown, name);
	len = snprintf(buf, cap_bytes, "%s://%s%.*s",
		previous->https ? "https" : "http",
		url_format_host(&shown, host),
		whole ? (int)previous->path_len_bytes : 1,
		whole ? previous->target : "/");
	return len >= 0 && (size_t)len < cap_bytes ? len : -ENOSPC;
}
