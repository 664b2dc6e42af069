/* SPDX-License-Identifier: Apache-2.0 */
/* Names that need no nameserver; see local_names.h. */
#include "workers/local_names.h"

#include "workers/line_file.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct hosts_search {
	const char *name;
	size_t name_len; /* without a final dot */
	void (*on_address)(void *arg, sa_family_t family, const void *address);
	void *arg;
	bool found;
};

static bool
is_name(const struct hosts_search *search, const char *word)
{
	size_t len = strlen(word);

	if (len > 1 && word[len - 1] == '.')
		len--;
	return len == search->name_len &&
	       strncasecmp(word, search->name, len) == 0;
}

static bool
on_line(void *arg, char *line)
{
	struct hosts_search *search = arg;
	struct in6_addr bytes; /* of either family */
	char *address, *word;
	sa_family_t family;

	line[strcspn(line, "#")] = '\0';
	address = line_file_next_word(&line);
	if (address == NULL)
		return true;
	family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(family, address, &bytes) != 1)
		return true;
	while ((word = line_file_next_word(&line)) != NULL)
		if (is_name(search, word)) {
			search->on_address(search->arg, family, &bytes);
			search->found = true;
			break;
		}
	return true;
}

/* RFC 6761 section 6.3: these are never asked of a nameserver. */
static bool
is_localhost(const char *name, size_t len)
{
	static const char localhost[] = "localhost";
	size_t tail_len = sizeof(localhost) - 1;

	if (len < tail_len ||
		strncasecmp(name + len - tail_len, localhost, tail_len) != 0)
		return false;
	return len == tail_len || name[len - tail_len - 1] == '.';
}

void
local_names_find(const char *hosts_path, const char *name,
	void (*on_address)(void *arg, sa_family_t family, const void *address),
	void *arg)
{
	struct hosts_search search = { name, strlen(name), on_address, arg,
		false };
	struct in_addr ipv4;
	struct in6_addr ipv6;

	if (inet_pton(AF_INET, name, &ipv4) == 1) {
		on_address(arg, AF_INET, &ipv4);
		return;
	}
	if (inet_pton(AF_INET6, name, &ipv6) == 1) {
		on_address(arg, AF_INET6, &ipv6);
		return;
	}
	if (search.name_len > 1 && name[search.name_len - 1] == '.')
		search.name_len--;
	(void)line_file_read(hosts_path, on_line, &search);
	if (!search.found && is_localhost(name, search.name_len)) {
		ipv4.s_addr = htonl(INADDR_LOOPBACK);
		on_address(arg, AF_INET, &ipv4);
		on_address(arg, AF_INET6, &in6addr_loopback);
	}
}
