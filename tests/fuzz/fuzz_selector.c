/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectors as a user may write them: what goes into the request line is made
 * of safe characters only, and decodes to what was written.
 */
#include "common/strbuf.h"
#include "workers/discovery/query.h"

#include <stdbool.h>
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

static unsigned
hex(char c)
{
	require((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct strbuf query;
	const char *in, *out;

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	strbuf_init(&query, 0);
	query_add_encoded(&query, text);
	in = strbuf_text(&query);
	require(in != NULL);
	for (out = text; *out != '\0'; out++) {
		unsigned char c = (unsigned char)*in++;

		if (c == '%') {
			c = (unsigned char)(hex(in[0]) << 4 | hex(in[1]));
			in += 2;
		} else {
			require(strchr("abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-._~",
					c) != NULL);
		}
		require(c == (unsigned char)*out);
	}
	require(*in == '\0');
	strbuf_fini(&query);
	free(text);
	return 0;
}
