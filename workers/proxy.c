/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of a proxy; see proxy.h.  Addresses are compared as 16 bytes,
 * IPv4 in its mapped form, so that one comparison serves both families.
 */
#include "workers/proxy.h"

#include "workers/http_chars.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAPPED_BITS 96 /* ::ffff:0:0/96, RFC 4291 section 2.5.5.2 */

enum rule_kind {
	RULE_NETWORK,
	RULE_ADDRESS,
	RULE_DOMAIN,
};

struct proxy_rule {
	enum rule_kind kind;
	struct in6_addr address;
	unsigned prefix_bits; /* RULE_NETWORK */
	const char *domain;   /* without the dot before it; in no_proxy */
	bool below_only;      /* ".x.y": not x.y itself */
	const char *port;     /* "": any; in no_proxy */
};

/*
 * Addresses.
 */

static bool
parse_address(const char *text, struct in6_addr *ret_address, bool *ret_is_ipv4)
{
	struct in6_addr address = { 0 };
	struct in_addr ipv4;

	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(&address.s6_addr[12], &ipv4, sizeof(ipv4));
		*ret_address = address;
		*ret_is_ipv4 = true;
		return true;
	}
	if (inet_pton(AF_INET6, text, &address) != 1)
		return false;
	*ret_address = address;
	*ret_is_ipv4 = false;
	return true;
}

static bool
is_in_network(const struct in6_addr *address, const struct in6_addr *network,
	unsigned prefix_bits)
{
	unsigned whole_bytes = prefix_bits / 8, rest_bits = prefix_bits % 8;
	unsigned mask = 0xff00U >> rest_bits;

	if (memcmp(address, network, whole_bytes) != 0)
		return false;
	return rest_bits == 0 || ((address->s6_addr[whole_bytes] ^
					  network->s6_addr[whole_bytes]) &
					 mask & 0xff) == 0;
}

static bool
is_loopback(const struct in6_addr *address)
{
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

/*
 * NO_PROXY.
 */

/* "10.0.0.0/8"; cuts the text at the slash and mends it if that was wrong. */
static bool
parse_network(char *text, struct proxy_rule *rule)
{
	char *slash = strchr(text, '/');
	unsigned bits = 0, n_digits = 0, max_bits;
	struct in6_addr address;
	bool is_ipv4, good;

	if (slash == NULL)
		return false;
	for (const char *c = slash + 1; *c != '\0'; c++) {
		if (!http_is_digit(*c) || ++n_digits > 3)
			return false;
		bits = bits * 10 + (unsigned)(*c - '0');
	}
	*slash = '\0';
	good = n_digits > 0 && parse_address(text, &address, &is_ipv4);
	*slash = '/';
	if (!good)
		return false;
	max_bits = is_ipv4 ? 32 : 128;
	if (bits > max_bits)
		return false;
	rule->kind = RULE_NETWORK;
	rule->address = address;
	rule->prefix_bits = is_ipv4 ? MAPPED_BITS + bits : bits;
	return true;
}

/*
 * Splits "host:port" or "[v6]:port" in place; what has no port, or is an IPv6
 * address without brackets, stays whole.
 */
static char *
split_port(char *text, const char **ret_port)
{
	char *colon = strrchr(text, ':');
	char *host = text;

	if (colon == NULL)
		return text;
	if (text[0] == '[') {
		if (colon[-1] != ']' || strchr(text, ']') != colon - 1)
			return text;
		colon[-1] = '\0';
		host = text + 1;
	} else if (strchr(text, ':') != colon) {
		return text;
	}
	*colon = '\0';
	*ret_port = colon + 1;
	return host;
}

/* False: the entry says nothing. */
static bool
parse_rule(char *text, struct proxy_rule *rule)
{
	bool is_ipv4;
	char *host;

	memset(rule, 0, sizeof(*rule));
	rule->port = "";
	if (parse_network(text, rule))
		return true;
	host = split_port(text, &rule->port);
	if (host[0] == '\0')
		return false;
	if (parse_address(host, &rule->address, &is_ipv4)) {
		rule->kind = RULE_ADDRESS;
		return true;
	}
	rule->kind = RULE_DOMAIN;
	if (host[0] == '*' && host[1] == '.')
		host++;
	rule->below_only = host[0] == '.';
	rule->domain = host + rule->below_only;
	return true;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static char *
trim(char *text)
{
	size_t len;

	while (is_space(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_space(text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static int
parse_no_proxy(struct proxy_config *config, const char *no_proxy)
{
	size_t max_rules = 1;
	char *rest, *entry;

	/* an empty entry is no rule: there may be tens of thousands of them */
	for (const char *c = no_proxy; *c != '\0'; c++)
		max_rules += *c == ',' && c[1] != ',';
	config->no_proxy = strdup(no_proxy);
	config->rules = calloc(max_rules, sizeof(config->rules[0]));
	if (config->no_proxy == NULL || config->rules == NULL)
		return -ENOMEM;
	rest = config->no_proxy;
	while ((entry = strsep(&rest, ",")) != NULL) {
		entry = trim(entry);
		if (strcmp(entry, "*") == 0)
			config->never = true;
		else if (entry[0] != '\0' &&
			 parse_rule(entry, &config->rules[config->n_rules]))
			config->n_rules++;
	}
	return 0;
}

/*
 * The proxy's own URL.
 */

static void
parse_proxy(const char *text, struct proxy *proxy)
{
	struct url url;

	memset(proxy, 0, sizeof(*proxy));
	if (text == NULL || text[0] == '\0')
		return;
	proxy->kind = PROXY_BAD;
	if (url_parse_proxy(&url, text, &proxy->error) != 0)
		return;
	proxy->kind = PROXY_HTTP;
	proxy->error = NULL;
	snprintf(proxy->host, sizeof(proxy->host), "%s%s%s", url.host,
		url.zone[0] != '\0' ? "%" : "", url.zone);
	proxy->port = url.port;
	proxy->has_user = url.has_user;
	strcpy(proxy->user, url.user);
	strcpy(proxy->password, url.password);
	explicit_bzero(&url, sizeof(url));
}

/*
 * The choice.
 */

int
proxy_config_init(struct proxy_config *config, const char *http_proxy,
	const char *https_proxy, const char *no_proxy)
{
	int error;

	memset(config, 0, sizeof(*config));
	parse_proxy(http_proxy, &config->http);
	parse_proxy(https_proxy, &config->https);
	if (no_proxy == NULL)
		return 0;
	error = parse_no_proxy(config, no_proxy);
	if (error != 0)
		proxy_config_fini(config);
	return error;
}

void
proxy_config_fini(struct proxy_config *config)
{
	free(config->rules);
	free(config->no_proxy);
	memset(config, 0, sizeof(*config));
}

static bool
matches_domain(const struct proxy_rule *rule, const char *host)
{
	size_t host_len = strlen(host), domain_len = strlen(rule->domain);
	const char *tail;

	if (host_len < domain_len)
		return false;
	tail = host + (host_len - domain_len);
	if (strcasecmp(tail, rule->domain) != 0)
		return false;
	return tail == host ? !rule->below_only : tail[-1] == '.';
}

/* address: NULL when the host is a name. */
static bool
matches(const struct proxy_rule *rule, const char *host,
	const struct in6_addr *address, const char *port)
{
	bool port_fits = rule->port[0] == '\0' || strcmp(rule->port, port) == 0;

	switch (rule->kind) {
	case RULE_NETWORK:
		/* an IPv6 network that happens to hold ::ffff:0:0/96 does not
		 * mean IPv4 */
		if (address == NULL || (rule->prefix_bits < MAPPED_BITS &&
					       IN6_IS_ADDR_V4MAPPED(address)))
			return false;
		return is_in_network(
			address, &rule->address, rule->prefix_bits);
	case RULE_ADDRESS:
		return address != NULL && port_fits &&
		       IN6_ARE_ADDR_EQUAL(address, &rule->address);
	case RULE_DOMAIN:
		return address == NULL && port_fits &&
		       matches_domain(rule, host);
	}
	return false;
}

static bool
is_exempt(const struct proxy_config *config, const char *host, uint16_t port)
{
	char port_text[sizeof("65535")];
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	size_t len = strcspn(host, "%"); /* without the zone */
	bool is_address = false, is_ipv4;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (len < sizeof(text)) {
		memcpy(text, host, len);
		text[len] = '\0';
		is_address = parse_address(text, &address, &is_ipv4);
	}
	if ((is_address && is_loopback(&address)) || config->never)
		return true;
	snprintf(port_text, sizeof(port_text), "%u", (unsigned)port);
	for (size_t i = 0; i < config->n_rules; i++) {
		if (matches(&config->rules[i], host,
			    is_address ? &address : NULL, port_text))
			return true;
	}
	return false;
}

const struct proxy *
proxy_choose(const struct proxy_config *config, bool https, const char *host,
	uint16_t port)
{
	const struct proxy *proxy = https ? &config->https : &config->http;
	char bare[PROXY_HOST_MAX + 1];
	size_t len;

	if (proxy->kind == PROXY_NONE)
		return NULL;
	if (host[0] == '[') {
		host++;
		len = strcspn(host, "]");
		if (len >= sizeof(bare))
			return proxy;
		memcpy(bare, host, len);
		bare[len] = '\0';
		host = bare;
	}
	return is_exempt(config, host, port) ? NULL : proxy;
}
