/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies a server's certificates; see tls_verify.h. */
#include "workers/tls_verify.h"

#include "workers/tls.h"
#include "workers/tls_limits.h"
#include "workers/tls_names.h"
#include "workers/tls_paths.h"
#include "workers/tls_time.h"

#include <openssl/x509.h>
#include <stddef.h>

/* Of the chain as sent; before anything is computed with it. */
static bool
is_affordable(X509_STORE_CTX *verification, struct tls_session *session)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(verification);

	session->not_after_unix_s = tls_time_earliest_end(sent);
	session->refusal = tls_limits_refuse(sent, &session->verify_depth);
	if (session->refusal == NULL)
		return true;
	X509_STORE_CTX_set_error(
		verification, X509_V_ERR_APPLICATION_VERIFICATION);
	return false;
}

/* True, with the earliest notAfter of the chain that holds. */
static bool
find_chain(X509_STORE_CTX *verification, int64_t *ret_not_after_unix_s)
{
	if (X509_verify_cert(verification) == 1) {
		*ret_not_after_unix_s = tls_time_earliest_end(
			X509_STORE_CTX_get0_chain(verification));
		return true;
	}
	return tls_paths_try(verification, ret_not_after_unix_s);
}

/* An address has been compared by OpenSSL, as a part of the chain. */
static bool
is_for_the_name(X509_STORE_CTX *verification, const struct tls_session *session)
{
	X509 *certificate = X509_STORE_CTX_get0_cert(verification);

	if (session->server_name == NULL ||
		tls_names_hold(certificate, session->server_name))
		return true;
	X509_STORE_CTX_set_error(verification, X509_V_ERR_HOSTNAME_MISMATCH);
	X509_STORE_CTX_set_error_depth(verification, 0);
	X509_STORE_CTX_set_current_cert(verification, certificate);
	return false;
}

/* Keeps the certificate that failed, for tls_session_describe(). */
static void
note_culprit(X509_STORE_CTX *verification, struct tls_session *session)
{
	X509 *culprit = X509_STORE_CTX_get_current_cert(verification);

	session->verify_depth = X509_STORE_CTX_get_error_depth(verification);
	X509_free(session->culprit);
	session->culprit = NULL;
	if (!session->discreet && culprit != NULL && X509_up_ref(culprit))
		session->culprit = culprit;
}

int
tls_verify_init(void)
{
	int error = tls_time_init();

	return error == 0 ? tls_paths_init() : error;
}

bool
tls_verify_chain(X509_STORE_CTX *verification, struct tls_session *session)
{
	int64_t not_after_unix_s;

	if (!is_affordable(verification, session))
		return false;
	if (!find_chain(verification, &not_after_unix_s) ||
		!is_for_the_name(verification, session)) {
		note_culprit(verification, session);
		return false;
	}
	session->chain_not_after_unix_s = not_after_unix_s;
	return true;
}

bool
tls_verify_nothing(X509_STORE_CTX *verification, struct tls_session *session)
{
	if (!is_affordable(verification, session))
		return false;
	/* building a chain would only cost time */
	X509_STORE_CTX_set_error(verification, X509_V_OK);
	return true;
}
