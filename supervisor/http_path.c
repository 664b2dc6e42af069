/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets; see http_path.h. */
#include "supervisor/http_path.h"

#include "common/hex.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The longest path with a meaning is "/alwayshappy". */
#define PATH_CAP_BYTES 16

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Blanks and control characters have no place in a target. */
static bool
has_bad_byte(const char *target)
{
	for (const char *p = target; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return true;
	return false;
}

/* "http://host:80/path" -> "/path"; NULL when it is no absolute form. */
static const char *
skip_authority(const char *target)
{
	const char *p = target;
	size_t len;

	if (!is_letter(*p))
		return NULL;
	while (is_letter(*p) || (*p >= '0' && *p <= '9') ||
		(*p != '\0' && strchr("+-.", *p) != NULL))
		p++;
	if (strncmp(p, "://", 3) != 0)
		return NULL;
	p += 3;
	len = strcspn(p, "/?#");
	return len > 0 ? p + len : NULL;
}

/*
 * Decodes up to the query.  false: a bad escape.  A path that does not fit is
 * cut, which makes it none of the known ones.
 */
static bool
decode_path(const char *path, char decoded[PATH_CAP_BYTES], size_t *ret_len)
{
	size_t len = 0;

	while (*path != '\0' && *path != '?') {
		char c = *path++;

		if (c == '%') {
			int high = hex_value(path[0]);
			int low = high >= 0 ? hex_value(path[1]) : -1;

			if (low < 0)
				return false;
			c = (char)(high * 16 + low);
			path += 2;
		}
		if (len < PATH_CAP_BYTES)
			decoded[len++] = c;
	}
	*ret_len = len;
	return true;
}

enum http_route
http_path_route(const char *target)
{
	static const struct {
		const char *path;
		enum http_route route;
	} routes[] = {
		{ "/alwayshappy", HTTP_ROUTE_ALWAYSHAPPY },
		{ "/ready", HTTP_ROUTE_READY },
		{ "/alive", HTTP_ROUTE_ALIVE },
		{ "/metrics", HTTP_ROUTE_METRICS },
	};
	char decoded[PATH_CAP_BYTES];
	const char *path = target;
	size_t len;

	if (strcmp(target, "*") == 0)
		return HTTP_ROUTE_SERVER;
	if (has_bad_byte(target))
		return HTTP_ROUTE_INVALID;
	if (*path != '/')
		path = skip_authority(target);
	if (path == NULL || !decode_path(path, decoded, &len))
		return HTTP_ROUTE_INVALID;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strlen(routes[i].path) == len &&
			memcmp(routes[i].path, decoded, len) == 0)
			return routes[i].route;
	return HTTP_ROUTE_OTHER;
}
