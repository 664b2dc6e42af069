/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing resourceVersions; see resource_version.h. */
#include "workers/discovery/resource_version.h"

#include <stddef.h>
#include <string.h>

static bool
is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

bool
resource_version_is_older(const char *version, const char *than)
{
	size_t len, than_len;

	if (!is_number(version) || !is_number(than))
		return false;
	version += strspn(version, "0");
	than += strspn(than, "0");
	len = strlen(version);
	than_len = strlen(than);
	return len != than_len ? len < than_len : strcmp(version, than) < 0;
}
