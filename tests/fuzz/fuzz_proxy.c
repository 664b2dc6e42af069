/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxy settings of any shape.  Lines: HTTP_PROXY, HTTPS_PROXY, NO_PROXY, host,
 * port; what is missing is empty.
 */
#include "workers/proxy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

static void
require_sane(const struct proxy *proxy)
{
	bool is_set = proxy->kind == PROXY_HTTP;

	require((proxy->kind == PROXY_BAD) == (proxy->error != NULL));
	require(is_set == (proxy->host[0] != '\0'));
	require(is_set == (proxy->port != 0));
	require(proxy->has_user ||
		(proxy->user[0] == '\0' && proxy->password[0] == '\0'));
}

static void
try(char *const lines[5])
{
	struct proxy_config config;
	uint16_t port = (uint16_t)strtoul(lines[4], NULL, 10);

	if (proxy_config_init(&config, lines[0], lines[1], lines[2]) != 0)
		return;
	require_sane(&config.http);
	require_sane(&config.https);
	for (int https = 0; https <= 1; https++) {
		const struct proxy *own = https ? &config.https : &config.http;
		const struct proxy *proxy =
			proxy_choose(&config, https != 0, lines[3], port);

		require(proxy == NULL || proxy == own);
		require(proxy == NULL || own->host[0] != '\0' ||
			own->kind == PROXY_BAD);
		require(proxy_choose(&config, https != 0, "127.0.0.1", port) ==
			NULL);
		require(proxy_choose(&config, https != 0, "[::1]", port) ==
			NULL);
	}
	proxy_config_fini(&config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *lines[5];
	char *text = malloc(size + 1);
	char *rest = text;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < 5; i++) {
		lines[i] = rest;
		rest = rest + strcspn(rest, "\n");
		if (*rest == '\n')
			*rest++ = '\0';
	}
	try(lines);
	free(text);
	return 0;
}
