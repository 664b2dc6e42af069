/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in a request line; see query.h. */
#include "workers/discovery/query.h"

#include "common/strbuf.h"

#include <string.h>

void
query_add_encoded(struct strbuf *query, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || strchr("-._~", c) != NULL)
			strbuf_add_char(query, *text);
		else
			strbuf_printf(query, "%%%02X", c);
	}
}
