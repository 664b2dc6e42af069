/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy a request goes through, by the rules that HTTP_PROXY,
 * HTTPS_PROXY and NO_PROXY have in programs written in Go.  Parsed once, at
 * start and reload; choosing allocates nothing and resolves nothing.
 */
#ifndef WORKERS_PROXY_H
#define WORKERS_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXY_HOST_MAX 255 /* a DNS name: RFC 1035 section 2.3.4 */
#define PROXY_USER_MAX 1023
/* NO_PROXY; one environment variable of Linux is at most 128 KiB long. */
#define PROXY_MAX_RULES 16384

enum proxy_kind {
	PROXY_NONE,        /* not set */
	PROXY_BAD,         /* cannot be parsed: as if not set, but say so */
	PROXY_HTTP,        /* spoken to in plain text */
	PROXY_HTTPS,       /* spoken to under TLS */
	PROXY_UNSUPPORTED, /* socks5 and what else there is: no check can pass
			    */
};

struct proxy {
	enum proxy_kind kind;
	char host[PROXY_HOST_MAX + 1]; /* without brackets */
	uint16_t port;                 /* the scheme's own if not written */
	bool has_user;
	char user[PROXY_USER_MAX + 1]; /* decoded, as is the password */
	char password[PROXY_USER_MAX + 1];
};

struct proxy_rule;

struct proxy_config {
	struct proxy http;  /* for http targets */
	struct proxy https; /* for https targets */
	/* its own */
	char *no_proxy;
	struct proxy_rule *rules;
	size_t n_rules;
	bool never; /* NO_PROXY has a "*" */
};

/*
 * The three settings as written; NULL or "": not set.  0, -ENOMEM, or -E2BIG:
 * NO_PROXY has too many entries.  On failure there is nothing to fini.
 */
int proxy_config_init(struct proxy_config *config, const char *http_proxy,
	const char *https_proxy, const char *no_proxy);
void proxy_config_fini(struct proxy_config *config);
/*
 * NULL: directly.  Else a proxy of kind PROXY_HTTP, PROXY_HTTPS or
 * PROXY_UNSUPPORTED, which lives as long as config.  The host with or without
 * brackets; the port is the scheme's own where the URL has none.
 */
const struct proxy *proxy_choose(const struct proxy_config *config, bool https,
	const char *host, uint16_t port);

#endif
