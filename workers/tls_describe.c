/* SPDX-License-Identifier: Apache-2.0 */
/* Why a TLS session failed, in words; see tls_session_describe() in tls.h. */
#include "workers/tls.h"
#include "workers/tls_time.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RECORD_ALERT     21 /* RFC 8446 section 5.1 */
#define RECORD_HANDSHAKE 22

/*
 * Of what stands in a certificate, and of the host.  With the words around them
 * they leave ALTERNATIVES_BYTES of WIRE_DETAIL_BYTES for the list of names.
 */
#define HOST_BYTES         65
#define NAME_BYTES         49
#define NAME_ALONE_BYTES   129
#define ALTERNATIVES_BYTES 40
#define LIST_BYTES         512

static void __attribute__((format(printf, 3, 4)))
append(char *text, size_t cap_bytes, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, cap_bytes - len, format, args);
	va_end(args);
}

/* A server's bytes: printable ASCII alone, and an end that says it was cut. */
static void
clean(const char *bytes, size_t len, char *ret_text, size_t cap_bytes)
{
	bool cut = len >= cap_bytes;

	if (cut)
		len = cap_bytes - sizeof("...");
	for (size_t i = 0; i < len; i++)
		ret_text[i] =
			(char)(bytes[i] > ' ' && bytes[i] <= '~' ? bytes[i]
				: bytes[i] == ' '                ? ' '
								 : '?');
	memcpy(ret_text + len, cut ? "..." : "", cut ? sizeof("...") : 1);
}

/* RFC 2253, as Go writes it: "CN=x,O=y". */
static void
format_name(const X509_NAME *name, char *ret_text, size_t cap_bytes)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	ret_text[0] = '\0';
	if (bio != NULL &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) > 0) {
		len = BIO_get_mem_data(bio, &bytes);
		clean(bytes, (size_t)len, ret_text, cap_bytes);
	}
	if (ret_text[0] == '\0')
		snprintf(ret_text, cap_bytes, "nobody");
	BIO_free(bio);
}

/* False: of a kind that no check asks for. */
static bool
format_alternative(const GENERAL_NAME *name, char *ret_text, size_t cap_bytes)
{
	const ASN1_STRING *value;
	const unsigned char *bytes;
	int len;

	if (name->type != GEN_DNS && name->type != GEN_IPADD)
		return false;
	value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
	bytes = ASN1_STRING_get0_data(value);
	len = ASN1_STRING_length(value);
	if (name->type == GEN_DNS)
		clean((const char *)bytes, (size_t)len, ret_text, cap_bytes);
	else if ((len != 4 && len != 16) ||
		 inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, ret_text,
			 (socklen_t)cap_bytes) == NULL)
		return false;
	return true;
}

/* "a, b and 7 more", in ALTERNATIVES_BYTES at least; "": it has none. */
static void
list_alternatives(const X509 *certificate, char *ret_text, size_t cap_bytes)
{
	GENERAL_NAMES *names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const size_t list_bytes = cap_bytes - sizeof(" and 9999 more");
	unsigned left = 0;
	char text[LIST_BYTES];

	ret_text[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const char *comma = ret_text[0] == '\0' ? "" : ", ";

		if (!format_alternative(sk_GENERAL_NAME_value(names, i), text,
			    *comma == '\0' ? list_bytes : sizeof(text)))
			continue;
		if (left > 0 ||
			strlen(ret_text) + strlen(comma) + strlen(text) >=
				list_bytes)
			left++;
		else
			append(ret_text, cap_bytes, "%s%s", comma, text);
	}
	if (left > 0)
		append(ret_text, cap_bytes, " and %u more", left);
	GENERAL_NAMES_free(names);
}

static void
format_host(const struct tls_session *session, char *ret_text, size_t cap_bytes)
{
	const char *host = session->server_name;
	char *address =
		host == NULL ? X509_VERIFY_PARAM_get1_ip_asc(session->expected)
			     : NULL;

	if (host == NULL)
		host = address != NULL ? address : "it";
	clean(host, strlen(host), ret_text, cap_bytes);
	OPENSSL_free(address);
}

/* Says which certificate it is instead. */
static void
describe_other(const struct tls_session *session, char *text, size_t cap_bytes)
{
	char host[HOST_BYTES], subject[NAME_BYTES], issuer[NAME_BYTES];
	char origin[2 * NAME_BYTES + 32], names[LIST_BYTES];
	size_t used, room = ALTERNATIVES_BYTES;

	format_host(session, host, sizeof(host));
	snprintf(text, cap_bytes, "tls: certificate is not for %s", host);
	if (session->culprit == NULL)
		return;
	format_name(X509_get_subject_name(session->culprit), subject,
		sizeof(subject));
	format_name(
		X509_get_issuer_name(session->culprit), issuer, sizeof(issuer));
	snprintf(origin, sizeof(origin), " (subject %s, issuer %s)", subject,
		issuer);
	used = strlen(text) + strlen(" but for ") + strlen(origin);
	if (cap_bytes > used + room)
		room = cap_bytes - used;
	list_alternatives(session->culprit, names,
		room < sizeof(names) ? room : sizeof(names));
	if (names[0] != '\0')
		append(text, cap_bytes, " but for %s%s", names, origin);
	else
		append(text, cap_bytes, ": it has no alternative names%s",
			origin);
}

static const char *
whose(const struct tls_session *session)
{
	return session->verify_depth > 0 ? "issuer's certificate"
					 : "certificate";
}

/* A rule of the distribution, most of the time; see kubenurse.ini(5). */
static void
describe_weakness(
	const struct tls_session *session, char *text, size_t cap_bytes)
{
	bool signature = session->verify_error == X509_V_ERR_CA_MD_TOO_WEAK;
	const EVP_PKEY *key = session->culprit != NULL
				      ? X509_get0_pubkey(session->culprit)
				      : NULL;

	snprintf(text, cap_bytes,
		"tls: %s has a %s for security level %d of OpenSSL",
		whose(session),
		signature ? "signature that is too weak"
			  : "key that is too short",
		session->security_level);
	if (signature && session->culprit != NULL)
		append(text, cap_bytes, " (%s)",
			OBJ_nid2sn(X509_get_signature_nid(session->culprit)));
	else if (key != NULL)
		append(text, cap_bytes, " (%s, %d bits)",
			OBJ_nid2sn(EVP_PKEY_get_base_id(key)),
			EVP_PKEY_get_bits(key));
	append(text, cap_bytes, ", see tls_security_level");
}

static void
describe_dates(const struct tls_session *session, char *text, size_t cap_bytes)
{
	const X509 *culprit = session->culprit;
	bool over = session->verify_error == X509_V_ERR_CERT_HAS_EXPIRED;
	char date[32] = "", name[NAME_ALONE_BYTES] = "";

	if (culprit != NULL)
		tls_time_format(over ? X509_get0_notAfter(culprit)
				     : X509_get0_notBefore(culprit),
			date, sizeof(date));
	if (culprit != NULL && session->verify_depth > 0)
		format_name(X509_get_subject_name(culprit), name, sizeof(name));
	snprintf(text, cap_bytes, "tls: %s %s%s%s%s%s", whose(session),
		over ? "has expired" : "is not yet valid",
		date[0] == '\0' ? ""
		: over          ? " on "
				: " before ",
		date, name[0] == '\0' ? "" : ": ", name);
}

static void
describe_issuer(const struct tls_session *session, char *text, size_t cap_bytes)
{
	bool named = session->verify_error == X509_V_ERR_CERT_SIGNATURE_FAILURE;
	char name[NAME_ALONE_BYTES];

	snprintf(text, cap_bytes, "tls: certificate is %s",
		session->verify_error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
			? "self-signed"
			: "signed by an unknown authority");
	if (session->culprit == NULL)
		return;
	format_name(X509_get_issuer_name(session->culprit), name, sizeof(name));
	append(text, cap_bytes, ": %s%s%s", named ? "it names " : "", name,
		named ? ", but not with a key that is trusted" : "");
}

static void
describe_certificate(
	const struct tls_session *session, char *text, size_t cap_bytes)
{
	switch (session->verify_error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		describe_dates(session, text, cap_bytes);
		return;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		describe_other(session, text, cap_bytes);
		return;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		describe_weakness(session, text, cap_bytes);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		describe_issuer(session, text, cap_bytes);
		return;
	default:
		snprintf(text, cap_bytes, "tls: certificate: %s",
			X509_verify_cert_error_string(session->verify_error));
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

/* What the cause of an alert may be. */
static const char *
alert_hint(const struct tls_session *session)
{
	bool by_address = session->server_name == NULL;

	switch (tls_error_alert(&session->error)) {
	case TLS_ALERT_UNRECOGNIZED_NAME:
		return by_address ? ": the server requires a name (SNI); the "
				    "URL has an address"
				  : "";
	case TLS_ALERT_HANDSHAKE_FAILURE:
	case TLS_ALERT_INTERNAL_ERROR:
		if (by_address && !session->certificate_asked)
			return ": perhaps the server requires a name (SNI); "
			       "the URL has an address";
		break;
	case TLS_ALERT_BAD_CERTIFICATE:
	case TLS_ALERT_UNSUPPORTED_CERTIFICATE:
	case TLS_ALERT_CERTIFICATE_UNKNOWN:
	case TLS_ALERT_UNKNOWN_CA:
	case TLS_ALERT_ACCESS_DENIED:
	case TLS_ALERT_CERTIFICATE_REQUIRED:
		break;
	default:
		return "";
	}
	if (!session->certificate_asked)
		return "";
	return session->certificate_shown
		       ? ": the server does not accept the client certificate"
		       : ": the server asked for a client certificate";
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
	else if (tls_error_is_renegotiation(error))
		snprintf(text, cap_bytes,
			"tls: server does not offer secure renegotiation (RFC "
			"5746), which a check with the token requires");
	else if (tls_error_is_alert(error))
		snprintf(text, cap_bytes, "tls: server sent alert: %s%s",
			tls_error_words(error), alert_hint(session));
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
