/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of no_proxy that can match nothing, by the rules of workers/proxy.h.
 * They are reported, because their author expects them to match.
 */
#include "supervisor/conf_value.h"

#include <arpa/inet.h>
#include <string.h>

static bool
is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* A number up to max_number, with no more digits than it takes. */
static bool
is_number(const char *text, unsigned max_number)
{
	size_t len = strspn(text, "0123456789");
	unsigned number = 0;

	if (len == 0 || len > 5 || text[len] != '\0' ||
		(len > 1 && text[0] == '0'))
		return false;
	for (; *text != '\0'; text++)
		number = number * 10 + (unsigned)(*text - '0');
	return number <= max_number;
}

static const char *
network_error(char *item, char *slash)
{
	bool good;

	if (strstr(item, "://") != NULL)
		return "is a URL; write the host alone";
	*slash = '\0';
	good = is_address(item) &&
	       is_number(slash + 1, strchr(item, ':') != NULL ? 128 : 32);
	*slash = '/';
	return good ? NULL : "is no network; write ADDRESS/BITS, as 10.0.0.0/8";
}

/* No top-level domain is a number: it is the beginning of an address. */
static bool
ends_with_number(const char *name)
{
	size_t len = strlen(name), start;

	if (len > 0 && name[len - 1] == '.')
		len--;
	start = len;
	while (start > 0 && name[start - 1] >= '0' && name[start - 1] <= '9')
		start--;
	return start < len && (start == 0 || name[start - 1] == '.');
}

static const char *
name_error(const char *name)
{
	const char *error;

	if (strpbrk(name, " \t") != NULL)
		return "contains a blank; separate items by commas";
	if (name[0] == '*' && name[1] == '.')
		name++;
	if (name[0] == '.' && *++name == '\0')
		return NULL; /* names with a final dot */
	if (strchr(name, '*') != NULL)
		return "has a * that stands for nothing; write the domain, as "
		       ".example.com";
	if (strchr(name, ':') != NULL || strchr(name, '[') != NULL)
		return "is no address; write an IPv6 address without brackets, "
		       "or [ADDRESS]:PORT";
	if (!url_host_check(name, &error))
		return "is no host name; write HOST, .DOMAIN, an address or a "
		       "network; beyond ASCII the xn-- form of a name";
	if (ends_with_number(name))
		return "is no whole address; write a network, as 10.0.0.0/8";
	return NULL;
}

const char *
conf_no_proxy_error(char *item)
{
	char *slash = strchr(item, '/'), *colon = strrchr(item, ':');
	char *host = item;

	if (strcmp(item, "*") == 0 || is_address(item))
		return NULL;
	if (slash != NULL)
		return network_error(item, slash);
	if (colon != NULL && (strchr(item, ':') == colon ||
				     (item[0] == '[' && colon[-1] == ']'))) {
		if (colon[1] != '\0' &&
			(!is_number(colon + 1, UINT16_MAX) || colon[1] == '0'))
			return "has no port behind its colon; write HOST:PORT";
		*colon = '\0';
		if (item[0] == '[') {
			colon[-1] = '\0';
			host++;
		}
	}
	return is_address(host) ? NULL : name_error(host);
}
