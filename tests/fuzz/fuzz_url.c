/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A URL in the first line, a Location in the second.  Whatever parses must
 * print to a text that parses back to the same, unless escapes made it longer
 * than a URL may be.
 */
#include "common/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void
check_round_trip(const struct url *url)
{
	char text[URL_TEXT_BYTES], host[URL_HOST_TEXT_BYTES];
	const char *error;
	struct url back;

	url_format_host(url, host);
	url_format(url, true, text);
	url_format(url, false, text);
	if (strlen(text) > URL_MAX_BYTES)
		return;
	if (url->target[0] != '/' || url->port == 0 ||
		url_parse_check(&back, text, &error) != 0 ||
		back.family != url->family ||
		strcmp(back.target, url->target) != 0 ||
		strcmp(back.host, url->host) != 0 ||
		strcmp(back.zone, url->zone) != 0 ||
		strcmp(back.user, url->user) != 0 ||
		strcmp(back.password, url->password) != 0 ||
		strcmp(back.port_text, url->port_text) != 0 ||
		back.port != url->port || back.https != url->https ||
		back.has_user != url->has_user ||
		back.path_len_bytes != url->path_len_bytes)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct url base, url;
	const char *error;
	char *text, *location;

	text = malloc(n_bytes + 1);
	if (text == NULL)
		return 0;
	if (n_bytes > 0)
		memcpy(text, data, n_bytes);
	text[n_bytes] = '\0';
	location = strchr(text, '\n');
	if (location != NULL)
		*location++ = '\0';
	url_host_check(text, &error);
	if (url_parse_check(&base, text, &error) == 0) {
		check_round_trip(&base);
		if (location != NULL &&
			url_resolve(&base, location, &url, &error) == 0)
			check_round_trip(&url);
	}
	if (url_parse_proxy(&url, text, &error) == 0) {
		if (url.https)
			abort();
		check_round_trip(&url);
	}
	free(text);
	return 0;
}
