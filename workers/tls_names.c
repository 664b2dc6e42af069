/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a certificate is for a host name; see tls_names.h. */
#include "workers/tls_names.h"

#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

/* Letters of ASCII alone, whatever the locale. */
static bool
is_name_char(char c, bool is_first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || (c == '-' && !is_first);
}

/* Labels that are not empty, of the characters above. */
static bool
is_valid(const char *name, size_t len)
{
	bool is_first = true;

	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' && is_first)
			return false;
		if (name[i] != '.' && !is_name_char(name[i], is_first))
			return false;
		is_first = name[i] == '.';
	}
	return !is_first;
}

static bool
is_equal(const char *name, size_t len, const char *host)
{
	return len == strlen(host) && strncasecmp(name, host, len) == 0;
}

/* `*` stands for the first label, whole; the rest is compared. */
bool
tls_names_match(const char *name, size_t len, const char *host)
{
	const char *dot;

	if (len < 2 || name[0] != '*' || name[1] != '.')
		return len > 0 && is_equal(name, len, host);
	dot = strchr(host, '.');
	return dot != NULL && is_valid(name + 2, len - 2) &&
	       is_valid(host, strlen(host)) && is_equal(name + 1, len - 1, dot);
}

bool
tls_names_hold(const X509 *certificate, const char *host)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool hold = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !hold; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		hold = name->type == GEN_DNS &&
		       tls_names_match((const char *)ASN1_STRING_get0_data(
					       name->d.dNSName),
			       (size_t)ASN1_STRING_length(name->d.dNSName),
			       host);
	}
	GENERAL_NAMES_free(names);
	return hold;
}
