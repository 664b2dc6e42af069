/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy a request goes through, by the rules that HTTP_PROXY,
 * HTTPS_PROXY and NO_PROXY have in programs written in Go.  Parsed once, at
 * start and reload; choosing allocates nothing and resolves nothing.
 */
#ifndef WORKERS_PROXY_H
#define WORKERS_PROXY_H

#include "common/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name, or an address with % and its zone. */
#define PROXY_HOST_MAX (URL_HOST_MAX_BYTES + URL_ZONE_BYTES)

enum proxy_kind {
	PROXY_NONE, /* not set */
	PROXY_BAD,  /* set, but not usable: what needs it fails and says why */
	PROXY_HTTP,
};

struct proxy {
	enum proxy_kind kind;
	const char *error;             /* of PROXY_BAD; static storage */
	char host[PROXY_HOST_MAX + 1]; /* without brackets */
	uint16_t port;                 /* the scheme's own if not written */
	bool has_user;
	char user[URL_USER_BYTES]; /* decoded, as is the password */
	char password[URL_USER_BYTES];
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
 * The three settings as written; NULL or "": not set.  0 or -ENOMEM.  On
 * failure there is nothing to fini.
 */
int proxy_config_init(struct proxy_config *config, const char *http_proxy,
	const char *https_proxy, const char *no_proxy);
void proxy_config_fini(struct proxy_config *config);
/*
 * NULL: directly.  Else a proxy of kind PROXY_HTTP or PROXY_BAD, which lives
 * as long as config.  The host with or without brackets; the port is the
 * scheme's own where the URL has none.
 */
const struct proxy *proxy_choose(const struct proxy_config *config, bool https,
	const char *host, uint16_t port);

#endif
