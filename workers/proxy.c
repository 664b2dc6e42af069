/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of a proxy; see proxy.h.  Addresses are compared as 16 bytes,
 * IPv4 in its mapped form, so that one comparison serves both families.
 */
#include "workers/proxy.h"

#include "common/hex.h"
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

	for (const char *c = no_proxy; *c != '\0'; c++)
		max_rules += *c == ',';
	if (max_rules > PROXY_MAX_RULES)
		return -E2BIG;
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

/* Decodes %41; false: a bad escape, a NUL, or longer than there is room. */
static bool
decode(const char *text, size_t len, char *buf, size_t cap_bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || n + 1 >= cap_bytes)
			return false;
		buf[n++] = c;
	}
	buf[n] = '\0';
	return true;
}

/* What may stand before the @ (RFC 3986 section 3.2.1, and a further @). */
static bool
is_user_char(char c)
{
	return http_is_digit(c) ||
	       (http_to_lower(c) >= 'a' && http_to_lower(c) <= 'z') ||
	       (c != '\0' && strchr("-._~!$&'()*+,;=:%@", c) != NULL);
}

static bool
parse_user(const char *text, size_t len, struct proxy *proxy)
{
	const char *colon = memchr(text, ':', len);
	size_t user_len = colon != NULL ? (size_t)(colon - text) : len;

	for (size_t i = 0; i < len; i++) {
		if (!is_user_char(text[i]))
			return false;
	}
	proxy->has_user = true;
	if (!decode(text, user_len, proxy->user, sizeof(proxy->user)))
		return false;
	return colon == NULL ||
	       decode(colon + 1, len - user_len - 1, proxy->password,
		       sizeof(proxy->password));
}

/* An address in brackets, its zone written "%25eth0" (RFC 6874). */
static bool
parse_bracketed(const char *text, size_t len, struct proxy *proxy)
{
	char address[INET6_ADDRSTRLEN];
	const char *percent = memchr(text, '%', len);
	size_t address_len = percent != NULL ? (size_t)(percent - text) : len;
	struct in6_addr parsed;

	if (address_len >= sizeof(address))
		return false;
	memcpy(address, text, address_len);
	address[address_len] = '\0';
	if (inet_pton(AF_INET6, address, &parsed) != 1)
		return false;
	if (percent != NULL &&
		(len - address_len < 4 || strncmp(percent, "%25", 3) != 0))
		return false;
	return decode(text, len, proxy->host, sizeof(proxy->host));
}

static bool
parse_name(const char *text, size_t len, struct proxy *proxy)
{
	for (size_t i = 0; i < len; i++) {
		char lower = http_to_lower(text[i]);

		if (!http_is_digit(lower) && !(lower >= 'a' && lower <= 'z') &&
			lower != '-' && lower != '.' && lower != '_')
			return false;
	}
	if (len == 0 || len >= sizeof(proxy->host))
		return false;
	memcpy(proxy->host, text, len);
	proxy->host[len] = '\0';
	return true;
}

/* ":3128", ":" or nothing; the port stays as it is when none is written. */
static bool
parse_port(const char *text, size_t len, struct proxy *proxy)
{
	unsigned port = 0;

	if (len > 0 && text[0] != ':')
		return false;
	if (len <= 1)
		return true;
	for (size_t i = 1; i < len; i++) {
		if (!http_is_digit(text[i]))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	proxy->port = (uint16_t)port;
	return port > 0;
}

static bool
parse_authority(const char *text, struct proxy *proxy)
{
	size_t len = strcspn(text, "/?#");
	const char *at = memrchr(text, '@', len);
	const char *end = text + len;
	const char *host_end;
	bool good;

	if (at != NULL) {
		if (!parse_user(text, (size_t)(at - text), proxy))
			return false;
		text = at + 1;
	}
	len = (size_t)(end - text);
	if (len > 0 && text[0] == '[') {
		host_end = memchr(text, ']', len);
		good = host_end != NULL &&
		       parse_bracketed(
			       text + 1, (size_t)(host_end - text) - 1, proxy);
		if (good)
			host_end++;
	} else {
		host_end = memchr(text, ':', len);
		if (host_end == NULL)
			host_end = end;
		good = parse_name(text, (size_t)(host_end - text), proxy);
	}
	return good && parse_port(host_end, (size_t)(end - host_end), proxy);
}

static const struct {
	const char *name;
	enum proxy_kind kind;
	uint16_t port;
} schemes[] = {
	{ "http", PROXY_HTTP, 80 },
	{ "https", PROXY_HTTPS, 443 },
	{ "socks5", PROXY_UNSUPPORTED, 1080 },
	{ "socks5h", PROXY_UNSUPPORTED, 1080 },
};
#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* Sets kind and port; returns where the authority begins. */
static const char *
parse_scheme(const char *text, struct proxy *proxy)
{
	size_t len = strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789+-.");

	proxy->kind = PROXY_HTTP;
	proxy->port = 80;
	if (len == 0 || strncmp(text + len, "://", 3) != 0)
		return text;
	proxy->kind = PROXY_UNSUPPORTED;
	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (strlen(schemes[i].name) == len &&
			strncasecmp(schemes[i].name, text, len) == 0) {
			proxy->kind = schemes[i].kind;
			proxy->port = schemes[i].port;
		}
	}
	return text + len + 3;
}

static void
parse_proxy(const char *text, struct proxy *proxy)
{
	const char *authority;

	memset(proxy, 0, sizeof(*proxy));
	if (text == NULL || text[0] == '\0')
		return;
	authority = parse_scheme(text, proxy);
	for (const char *c = text; *c != '\0'; c++) {
		if (http_is_control(*c))
			proxy->kind = PROXY_BAD;
	}
	if (proxy->kind != PROXY_BAD && parse_authority(authority, proxy))
		return;
	memset(proxy, 0, sizeof(*proxy));
	proxy->kind = PROXY_BAD;
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

	if (proxy->kind == PROXY_NONE || proxy->kind == PROXY_BAD)
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
