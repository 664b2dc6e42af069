/* SPDX-License-Identifier: Apache-2.0 */
/* resolv.conf(5); see resolv_conf.h. */
#include "workers/resolv_conf.h"

#include "common/clock.h"
#include "workers/interface.h"
#include "workers/line_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DNS_PORT 53

/* Defaults and greatest values: resolv.conf(5), "options". */
#define NDOTS_DEFAULT       1
#define NDOTS_MAX           15
#define TIMEOUT_S_DEFAULT   5
#define TIMEOUT_S_MAX       30
#define ATTEMPTS_DEFAULT    2
#define ATTEMPTS_MAX        5
#define HOST_NAME_BYTES_MAX 256

static void
set_ipv4(struct nameserver *server, struct in_addr address, uint16_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&server->address;
	char text[INET_ADDRSTRLEN];

	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	sin->sin_addr = address;
	server->address_bytes = sizeof(*sin);
	snprintf(server->name, sizeof(server->name), "%s:%u",
		inet_ntop(AF_INET, &address, text, sizeof(text)), port);
}

static void
set_ipv6(struct nameserver *server, struct in6_addr address, uint32_t scope,
	uint16_t port)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&server->address;
	char text[INET6_ADDRSTRLEN];

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	sin6->sin6_addr = address;
	sin6->sin6_scope_id = scope;
	server->address_bytes = sizeof(*sin6);
	snprintf(server->name, sizeof(server->name), "[%s]:%u",
		inet_ntop(AF_INET6, &address, text, sizeof(text)), port);
}

/* An address without port; IPv6 may have a zone (fe80::1%eth0). */
static int
parse_server(struct nameserver *ret_server, const char *text, uint16_t port)
{
	struct nameserver server;
	struct in_addr ipv4;
	struct in6_addr ipv6;
	char bare[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");
	uint32_t scope = 0;

	memset(&server, 0, sizeof(server));
	if (len >= sizeof(bare))
		return -EINVAL;
	memcpy(bare, text, len);
	bare[len] = '\0';
	if (text[len] == '%') {
		scope = interface_index(text + len + 1);
		if (scope == 0)
			return -EINVAL;
	}
	if (scope == 0 && inet_pton(AF_INET, bare, &ipv4) == 1)
		set_ipv4(&server, ipv4, port);
	else if (inet_pton(AF_INET6, bare, &ipv6) == 1)
		set_ipv6(&server, ipv6, scope, port);
	else
		return -EINVAL;
	*ret_server = server;
	return 0;
}

static void
add_server(struct resolv_conf *conf, char *cursor)
{
	const char *word = line_file_next_word(&cursor);

	if (word == NULL || conf->server_count == RESOLV_CONF_SERVERS_MAX)
		return;
	if (parse_server(&conf->servers[conf->server_count], word, DNS_PORT) ==
		0)
		conf->server_count++;
}

/* The last search or domain line counts. */
static void
set_domains(struct resolv_conf *conf, char *cursor, size_t max_count)
{
	size_t used_bytes = 0;
	const char *word;

	conf->domain_count = 0;
	while (conf->domain_count < max_count &&
		(word = line_file_next_word(&cursor)) != NULL) {
		size_t len = strlen(word);

		/* the root, or a name written out to it, ends in a dot */
		if (len > 0 && word[len - 1] == '.')
			len--;
		if (len == 0 ||
			used_bytes + len + 1 > sizeof(conf->domain_text))
			continue;
		conf->domains[conf->domain_count++] =
			conf->domain_text + used_bytes;
		memcpy(conf->domain_text + used_bytes, word, len);
		conf->domain_text[used_bytes + len] = '\0';
		used_bytes += len + 1;
	}
}

/* "name:number" within bounds; false: another word, or not a number. */
static bool
read_option(const char *word, const char *name, unsigned min, unsigned max,
	unsigned *ret_value)
{
	size_t len = strlen(name);
	unsigned long value;
	char *end;

	if (strncmp(word, name, len) != 0 || word[len] != ':' ||
		word[len + 1] < '0' || word[len + 1] > '9')
		return false;
	value = strtoul(word + len + 1, &end, 10);
	if (*end != '\0')
		return false;
	*ret_value = value < min ? min : value > max ? max : (unsigned)value;
	return true;
}

static void
set_options(struct resolv_conf *conf, char *cursor)
{
	const char *word;
	unsigned value;

	while ((word = line_file_next_word(&cursor)) != NULL) {
		if (read_option(word, "ndots", 0, NDOTS_MAX, &value))
			conf->dot_count_min = value;
		else if (read_option(word, "timeout", 1, TIMEOUT_S_MAX, &value))
			conf->timeout_ns = value * NS_PER_S;
		else if (read_option(word, "attempts", 1, ATTEMPTS_MAX, &value))
			conf->attempt_count = value;
		else if (strcmp(word, "rotate") == 0)
			conf->rotate = true;
		else if (strcmp(word, "use-vc") == 0)
			conf->use_tcp = true;
	}
}

static bool
on_line(void *arg, char *line)
{
	struct resolv_conf *conf = arg;
	const char *key;

	line[strcspn(line, "#;")] = '\0';
	key = line_file_next_word(&line);
	if (key == NULL)
		return true;
	if (strcmp(key, "nameserver") == 0)
		add_server(conf, line);
	else if (strcmp(key, "search") == 0)
		set_domains(conf, line, RESOLV_CONF_DOMAINS_MAX);
	else if (strcmp(key, "domain") == 0)
		set_domains(conf, line, 1);
	else if (strcmp(key, "options") == 0)
		set_options(conf, line);
	return true;
}

/* Without a search line: what follows the first dot of the host name. */
static void
set_default_domain(struct resolv_conf *conf)
{
	char host[HOST_NAME_BYTES_MAX];
	char *dot;

	if (gethostname(host, sizeof(host)) < 0)
		return;
	host[sizeof(host) - 1] = '\0';
	dot = strchr(host, '.');
	if (dot != NULL)
		set_domains(conf, dot + 1, 1);
}

void
resolv_conf_read(const char *path, struct resolv_conf *ret_conf)
{
	memset(ret_conf, 0, sizeof(*ret_conf));
	ret_conf->dot_count_min = NDOTS_DEFAULT;
	ret_conf->timeout_ns = TIMEOUT_S_DEFAULT * NS_PER_S;
	ret_conf->attempt_count = ATTEMPTS_DEFAULT;
	set_default_domain(ret_conf);
	(void)line_file_read(path, on_line, ret_conf);
	if (ret_conf->server_count == 0)
		(void)resolv_conf_set_servers(ret_conf, "127.0.0.1");
}

static int
parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long port;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* address, v6, address:port or [v6]:port; writes into the text. */
static int
parse_server_and_port(struct nameserver *ret_server, char *text)
{
	uint16_t port = DNS_PORT;
	char *colon = strchr(text, ':');

	if (text[0] == '[') {
		char *end = strchr(text, ']');

		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return -EINVAL;
		*end = '\0';
		text++;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
		colon = NULL;
	}
	if (colon != NULL) {
		*colon = '\0';
		if (parse_port(colon + 1, &port) < 0)
			return -EINVAL;
	}
	return parse_server(ret_server, text, port);
}

int
resolv_conf_set_servers(struct resolv_conf *conf, const char *list)
{
	struct nameserver servers[RESOLV_CONF_SERVERS_MAX];
	char item[NAMESERVER_NAME_BYTES_MAX];
	size_t count = 0;

	do {
		size_t len = strcspn(list, ",");

		if (len >= sizeof(item) || count == RESOLV_CONF_SERVERS_MAX)
			return -EINVAL;
		memcpy(item, list, len);
		item[len] = '\0';
		if (parse_server_and_port(&servers[count++], item) < 0)
			return -EINVAL;
		list += len;
	} while (*list++ == ',');
	memcpy(conf->servers, servers, count * sizeof(servers[0]));
	conf->server_count = count;
	return 0;
}
