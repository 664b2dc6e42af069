/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL left in its error queue; see tls_error.h. */
#include "workers/tls_error.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <stdint.h>
#include <string.h>

/* SSL_AD_REASON_OFFSET of openssl/ssl.h, which only tls.c includes: an alert's
 * reason is this and its number, a byte (RFC 8446 section 6). */
#define ALERT_REASON_FIRST 1000

/* ERR_raise(3): not of one library, "nested error" and the like. */
static bool
is_common(unsigned long code)
{
	return (ERR_GET_RFLAGS(code) & ERR_RFLAG_COMMON) != 0;
}

void
tls_error_take(struct tls_error *ret_error)
{
	struct tls_error error = { 0 };
	unsigned long code;

	while ((code = ERR_get_error()) != 0) {
		error.code = code;
		if (error.detail == 0 && !is_common(code))
			error.detail = code;
	}
	*ret_error = error;
}

/* Its number means this only among the TLS library's own. */
static bool
is_reason(unsigned long code, int reason)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL &&
	       ERR_GET_REASON(code) == reason;
}

int
tls_error_alert(const struct tls_error *error)
{
	int number = ERR_GET_REASON(error->code) - ALERT_REASON_FIRST;

	return ERR_GET_LIB(error->code) == ERR_LIB_SSL && number >= 0 &&
			       number <= UINT8_MAX
		       ? number
		       : -1;
}

bool
tls_error_is_alert(const struct tls_error *error)
{
	return tls_error_alert(error) >= 0;
}

bool
tls_error_is_certificate(const struct tls_error *error)
{
	return is_reason(error->code, ERR_R_ASN1_LIB);
}

bool
tls_error_is_version(const struct tls_error *error)
{
	return is_reason(error->code, SSL_R_UNSUPPORTED_PROTOCOL) ||
	       is_reason(error->code, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

bool
tls_error_is_renegotiation(const struct tls_error *error)
{
	return is_reason(
		error->code, SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED);
}

const char *
tls_error_words(const struct tls_error *error)
{
	bool use_detail = is_common(error->code) && error->detail != 0;
	const char *words = ERR_reason_error_string(
		use_detail ? error->detail : error->code);
	const char *space;

	if (words == NULL)
		return "unknown";
	if (!tls_error_is_alert(error))
		return words;
	/* "tlsv13 alert certificate required" without its first words */
	space = strchr(words, ' ');
	if (space == NULL)
		return words;
	return strncmp(space, " alert ", 7) == 0 ? space + 7 : space + 1;
}
