/* SPDX-License-Identifier: Apache-2.0 */
/* The results of DNS; see dns_text.h. */
#include "workers/dns_text.h"

#include <stdio.h>
#include <string.h>

static const struct {
	unsigned badness;
	const char *word;
} results[DNS_RESULT_COUNT] = {
	[DNS_NXDOMAIN] = { 0, "NXDOMAIN" },
	[DNS_OK] = { 1, "no data" },
	[DNS_NOTIMP] = { 2, "NOTIMP" },
	[DNS_FORMERR] = { 3, "FORMERR" },
	[DNS_SERVFAIL] = { 4, "SERVFAIL" },
	[DNS_REFUSED] = { 5, "REFUSED" },
	[DNS_MALFORMED] = { 6, "malformed answer" },
	[DNS_TIMEOUT] = { 7, "timeout" },
	[DNS_UNREACHABLE] = { 8, "nameserver unreachable" },
};

bool
dns_is_answer(enum dns_result result)
{
	return result == DNS_OK || result == DNS_NXDOMAIN;
}

bool
dns_is_worse(enum dns_result result, enum dns_result than)
{
	return results[result].badness > results[than].badness;
}

void
dns_text_format(enum dns_result result, int sys_errno, const char *server,
	const char *host, char ret_text[DNS_TEXT_BYTES])
{
	const char *word = results[result].word;

	if (result == DNS_UNREACHABLE && sys_errno != 0)
		snprintf(ret_text, DNS_TEXT_BYTES, "dns: %s%s%s for %s", server,
			server[0] != '\0' ? ": " : "", strerror(sys_errno),
			host);
	else if (dns_is_answer(result) || server[0] == '\0')
		snprintf(
			ret_text, DNS_TEXT_BYTES, "dns: %s for %s", word, host);
	else
		snprintf(ret_text, DNS_TEXT_BYTES,
			"dns: %s for %s (nameserver %s)", word, host, server);
}
