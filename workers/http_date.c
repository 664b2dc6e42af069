/* SPDX-License-Identifier: Apache-2.0 */
/* Dates; see http_date.h.  The locale is always C here. */
#include "workers/http_date.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

bool
http_date_parse(const char *text, int64_t *ret_unix_s)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT", /* what is written today */
		"%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
		"%a %b %e %H:%M:%S %Y",      /* asctime() */
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm;
		const char *end;

		memset(&tm, 0, sizeof(tm));
		end = strptime(text, forms[i], &tm);
		if (end != NULL && *end == '\0') {
			*ret_unix_s = timegm(&tm);
			return true;
		}
	}
	return false;
}
