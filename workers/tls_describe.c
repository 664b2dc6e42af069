/* SPDX-License-Identifier: Apache-2.0 */
/* Why a TLS session failed, in words; see tls_session_describe() in tls.h. */
#include "workers/tls.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define RECORD_ALERT     21 /* RFC 8446 section 5.1 */
#define RECORD_HANDSHAKE 22

static void
describe_name(const struct tls_session *session, char *text, size_t cap_bytes)
{
	X509_VERIFY_PARAM *param = session->expected;
	const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
	char *address =
		host == NULL ? X509_VERIFY_PARAM_get1_ip_asc(param) : NULL;

	snprintf(text, cap_bytes, "tls: certificate is not for %s",
		host != NULL      ? host
		: address != NULL ? address
				  : "it");
	OPENSSL_free(address);
}

static void
describe_certificate(
	const struct tls_session *session, char *text, size_t cap_bytes)
{
	long error = session->verify_error;
	const char *whose = session->verify_depth > 0 ? "issuer's certificate"
						      : "certificate";

	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		snprintf(text, cap_bytes, "tls: %s has expired", whose);
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		snprintf(text, cap_bytes, "tls: %s is not yet valid", whose);
		return;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		describe_name(session, text, cap_bytes);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		snprintf(text, cap_bytes, "tls: certificate is self-signed");
		return;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		snprintf(text, cap_bytes,
			"tls: certificate is signed by an unknown authority");
		return;
	default:
		snprintf(text, cap_bytes, "tls: certificate: %s",
			X509_verify_cert_error_string(error));
		return;
	}
}

static bool
is_tls_at_all(const struct tls_session *session)
{
	return session->first_count == 0 ||
	       session->first_bytes[0] == RECORD_ALERT ||
	       session->first_bytes[0] == RECORD_HANDSHAKE;
}

/* A status line, or a page: how HTTP/0.9 answers what is no request. */
static bool
is_http(const struct tls_session *session)
{
	return memcmp(session->first_bytes, "HTTP/", 5) == 0 ||
	       session->first_bytes[0] == '<';
}

static void
describe_protocol(
	const struct tls_session *session, char *text, size_t cap_bytes)
{
	const struct tls_error *error = &session->error;

	if (!is_tls_at_all(session))
		snprintf(text, cap_bytes, "tls: server %s",
			is_http(session) ? "speaks plain HTTP; use http://"
					 : "does not speak TLS");
	else if (tls_error_is_version(error))
		snprintf(text, cap_bytes,
			"tls: server does not offer TLS 1.2 or later");
	else if (tls_error_is_alert(error))
		snprintf(text, cap_bytes, "tls: server sent alert: %s",
			tls_error_words(error));
	else if (tls_error_is_certificate(error))
		snprintf(text, cap_bytes,
			"tls: certificate cannot be parsed: %s",
			tls_error_words(error));
	else
		snprintf(text, cap_bytes, "tls: %s", tls_error_words(error));
}

void
tls_session_describe(
	const struct tls_session *session, char *ret_text, size_t cap_bytes)
{
	switch (session->failure) {
	case TLS_FAILURE_NONE:
		snprintf(ret_text, cap_bytes, "%s", "");
		break;
	case TLS_FAILURE_SOCKET:
	case TLS_FAILURE_MEMORY:
		snprintf(ret_text, cap_bytes, "%s%s",
			session->in_handshake ? "tls: " : "",
			strerror(session->sys_errno));
		break;
	case TLS_FAILURE_CLOSED:
		snprintf(ret_text, cap_bytes,
			"tls: server closed the connection in the handshake");
		break;
	case TLS_FAILURE_MESSAGES:
		snprintf(ret_text, cap_bytes,
			"tls: server sends handshake messages without end");
		break;
	case TLS_FAILURE_PROTOCOL:
		describe_protocol(session, ret_text, cap_bytes);
		break;
	case TLS_FAILURE_CERTIFICATE:
		describe_certificate(session, ret_text, cap_bytes);
		break;
	case TLS_FAILURE_REFUSED:
		snprintf(ret_text, cap_bytes, "tls: %s", session->refusal);
		break;
	case TLS_FAILURE_OFFER:
		snprintf(ret_text, cap_bytes,
			"tls: server chose a protocol that was not offered");
		break;
	}
}
