/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the probers; see tls.h.  The library's error queue is one per thread
 * and keeps what nobody took: it is cleared before each call that may fail, or
 * one target's failure is told of the next.
 */
#include "workers/tls.h"

#include "workers/anchors.h"
#include "workers/tls_bio.h"
#include "workers/tls_pem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Reads of one step, at most.  The library works on as long as the peer sends
 * what is no application data; a peer that never stops must not keep the loop.
 */
#define READS_PER_STEP   4   /* of 16 KiB */
#define NAME_MAX_LEN     253 /* RFC 1035 section 2.3.4: 255 octets on the wire */
#define S_PER_DAY        86400
#define RECORD_ALERT     21 /* RFC 8446 section 5.1 */
#define RECORD_HANDSHAKE 22

struct tls_trust {
	SSL_CTX *context;
	struct anchors *anchors;
	bool insecure;
};

/* Made once by tls_library_init, never changed after it. */
static BIO_METHOD *socket_bio;
static X509_LOOKUP_METHOD *anchor_lookup;
static ASN1_TIME *epoch;

/* Trust. */

/*
 * Parses the issuers a chain asks for.  As X509_LOOKUP_meth_new(3) wants it,
 * all that are found go into the store, which is asked first the next time,
 * and one is the result, whose reference is the store's: the caller takes its
 * own, so the one that X509_OBJECT_set1_X509 takes is given back.
 */
static int
on_lookup_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type,
	const X509_NAME *name, X509_OBJECT *ret_object)
{
	const struct anchors *anchors = X509_LOOKUP_get_method_data(lookup);
	struct anchors_cursor cursor = { 0 };
	const unsigned char *subject, *der;
	size_t subject_len, len;
	int found = 0;

	if (type != X509_LU_X509 ||
		!X509_NAME_get0_der(name, &subject, &subject_len))
		return 0;
	while ((der = anchors_find(anchors, &cursor, subject, subject_len,
			&len)) != NULL) {
		X509 *anchor = d2i_X509(NULL, &der, (long)len);
		bool stored = anchor != NULL &&
			      X509_STORE_add_cert(
				      X509_LOOKUP_get_store(lookup), anchor);

		if (stored && !found) {
			found = X509_OBJECT_set1_X509(ret_object, anchor);
			if (found)
				X509_free(anchor);
		}
		X509_free(anchor);
	}
	return found;
}

static void
on_lookup_free(X509_LOOKUP *lookup)
{
	anchors_free(X509_LOOKUP_get_method_data(lookup));
}

static int
make_anchor_lookup(void)
{
	anchor_lookup = X509_LOOKUP_meth_new("anchors");
	return anchor_lookup != NULL &&
	       X509_LOOKUP_meth_set_free(anchor_lookup, on_lookup_free) &&
	       X509_LOOKUP_meth_set_get_by_subject(
		       anchor_lookup, on_lookup_subject);
}

/* Earliest notAfter of the chain as sent; its length is bounded by OpenSSL. */
static void
note_expiry(X509_STORE_CTX *verification, struct tls_session *session)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(verification);
	int64_t unix_s;
	int i, days, seconds;

	for (i = 0; i < sk_X509_num(sent); i++) {
		if (!ASN1_TIME_diff(&days, &seconds, epoch,
			    X509_get0_notAfter(sk_X509_value(sent, i))))
			continue; /* unreadable: verification says so */
		unix_s = (int64_t)days * S_PER_DAY + seconds;
		if (session->not_after_unix_s == 0 ||
			unix_s < session->not_after_unix_s)
			session->not_after_unix_s = unix_s;
	}
}

/* The session whose server's chain is being judged. */
static struct tls_session *
session_of(X509_STORE_CTX *verification)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		verification, SSL_get_ex_data_X509_STORE_CTX_idx());

	return BIO_get_data(SSL_get_rbio(ssl));
}

static int
on_chain_verify(X509_STORE_CTX *verification, void *unused)
{
	struct tls_session *session = session_of(verification);
	int trusted;

	(void)unused;
	note_expiry(verification, session);
	trusted = X509_verify_cert(verification);
	session->verify_depth = X509_STORE_CTX_get_error_depth(verification);
	return trusted;
}

/* Insecure: building a chain would only cost time. */
static int
on_chain_accept(X509_STORE_CTX *verification, void *unused)
{
	(void)unused;
	note_expiry(verification, session_of(verification));
	X509_STORE_CTX_set_error(verification, X509_V_OK);
	return 1;
}

/* What belongs to a handshake, and comes when there is none. */
static void
on_message(int written, int version, int content, const void *bytes,
	size_t len_bytes, SSL *ssl, void *unused)
{
	struct tls_session *session = BIO_get_data(SSL_get_rbio(ssl));

	(void)version, (void)bytes, (void)len_bytes, (void)unused;
	if (!written && content == SSL3_RT_HANDSHAKE && !session->in_handshake)
		session->message_count++;
}

static int
configure_context(SSL_CTX *context, bool insecure)
{
	static const unsigned char alpn[] = "\x08http/1.1";

	SSL_CTX_set_options(context,
		SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
			SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* One read for a whole flight instead of two for each record. */
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_msg_callback(context, on_message);
	SSL_CTX_set_verify(
		context, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(
		context, insecure ? on_chain_accept : on_chain_verify, NULL);
	/* 0 is success here */
	return SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1) == 0 &&
	       SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static int
configure_store(struct tls_trust *trust)
{
	X509_STORE *store = SSL_CTX_get_cert_store(trust->context);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, anchor_lookup);

	if (lookup == NULL)
		return 0;
	X509_LOOKUP_set_method_data(lookup, anchors_ref(trust->anchors));
	/* an anchor need not be a root */
	return X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

struct tls_trust *
tls_trust_new(const struct tls_trust *base, bool insecure)
{
	struct tls_trust *trust = calloc(1, sizeof(*trust));

	if (trust == NULL)
		return NULL;
	ERR_clear_error();
	trust->insecure = insecure;
	trust->anchors = anchors_new(base != NULL ? base->anchors : NULL);
	trust->context = SSL_CTX_new(TLS_client_method());
	if (trust->anchors == NULL || trust->context == NULL ||
		!configure_context(trust->context, insecure) ||
		!configure_store(trust)) {
		tls_trust_free(trust);
		return NULL;
	}
	return trust;
}

void
tls_trust_free(struct tls_trust *trust)
{
	if (trust == NULL)
		return;
	SSL_CTX_free(trust->context);
	anchors_free(trust->anchors);
	free(trust);
}

int
tls_trust_add_pem(struct tls_trust *trust, const char *source, const char *text,
	size_t len_bytes, bool checked, struct strbuf *problems)
{
	return tls_pem_add(
		trust->anchors, source, text, len_bytes, checked, problems);
}

size_t
tls_trust_count(const struct tls_trust *trust)
{
	return anchors_count(trust->anchors);
}

/* The session. */

/* What the certificate must be for, and SNI when it is a name. */
static int
set_server_name(struct tls_session *session, const char *server_name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(session->ssl);
	size_t len = strlen(server_name);
	char name[NAME_MAX_LEN + 2];
	unsigned char address[16];

	if (len >= sizeof(name))
		return -EINVAL;
	memcpy(name, server_name, len + 1);
	if (strchr(name, ':') != NULL)
		name[strcspn(name, "%")] = '\0'; /* no zone in certificates */
	if (inet_pton(AF_INET, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip(param, address, 4) ? 0
								    : -ENOMEM;
	if (inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip(param, address, 16) ? 0
								     : -ENOMEM;
	if (name[len - 1] == '.')
		name[--len] = '\0'; /* RFC 6066 section 3: without the dot */
	if (len == 0 || len > NAME_MAX_LEN)
		return -EINVAL;
	/* RFC 9525: the subject's CN is no name, f*o.example no wildcard. */
	SSL_set_hostflags(
		session->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (!SSL_set1_host(session->ssl, name) ||
		!SSL_set_tlsext_host_name(session->ssl, name))
		return -ENOMEM;
	return 0;
}

int
tls_session_start(struct tls_session *session, int fd,
	const struct tls_trust *trust, const char *server_name)
{
	bool named = server_name != NULL && *server_name != '\0';
	int error = 0;
	BIO *bio;

	if (!named && !trust->insecure)
		return -EINVAL; /* any name would do: never */
	memset(session, 0, sizeof(*session));
	session->fd = fd;
	session->in_handshake = true;
	ERR_clear_error();
	session->ssl = SSL_new(trust->context);
	bio = session->ssl != NULL ? BIO_new(socket_bio) : NULL;
	if (bio == NULL) {
		tls_session_close(session, false);
		return -ENOMEM;
	}
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_connect_state(session->ssl);
	if (named)
		error = set_server_name(session, server_name);
	if (error < 0)
		tls_session_close(session, false);
	return error;
}

static void
begin_step(struct tls_session *session)
{
	session->reads_left = READS_PER_STEP;
	ERR_clear_error();
}

static enum io_result
fail(struct tls_session *session)
{
	unsigned long error = ERR_peek_last_error();

	session->ssl_error = error;
	if (session->message_count > TLS_MESSAGES_MAX)
		session->failure = TLS_FAILURE_MESSAGES;
	else if (session->in_handshake &&
		 SSL_get_verify_result(session->ssl) != X509_V_OK)
		session->failure = TLS_FAILURE_CERTIFICATE;
	else if (error == 0 && session->sys_errno != 0)
		session->failure = TLS_FAILURE_SOCKET;
	else
		session->failure = TLS_FAILURE_PROTOCOL;
	ERR_clear_error();
	return IO_ERROR;
}

/* What the library's answer means to the state machine. */
static enum io_result
settle(struct tls_session *session, int answer)
{
	if (answer > 0)
		return IO_DONE;
	switch (SSL_get_error(session->ssl, answer)) {
	case SSL_ERROR_WANT_READ:
		return IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		/* the library reads no further than a close_notify */
		session->close_notify = !session->fin_seen;
		if (session->in_handshake)
			session->failure = TLS_FAILURE_CLOSED;
		return IO_EOF;
	default:
		return fail(session);
	}
}

/* RFC 7301 section 3.2: a server chooses what was offered, or nothing. */
static bool
is_protocol_ours(const SSL *ssl)
{
	static const char ours[] = "http/1.1";
	const unsigned char *chosen;
	unsigned len;

	SSL_get0_alpn_selected(ssl, &chosen, &len);
	return len == 0 ||
	       (len == sizeof(ours) - 1 && memcmp(chosen, ours, len) == 0);
}

enum io_result
tls_session_handshake(struct tls_session *session)
{
	enum io_result result;

	begin_step(session);
	result = settle(session, SSL_do_handshake(session->ssl));
	if (result != IO_DONE)
		return result;
	if (!is_protocol_ours(session->ssl))
		return fail(session);
	session->in_handshake = false;
	return IO_DONE;
}

static int
clamp_int(size_t len_bytes)
{
	return len_bytes > INT_MAX ? INT_MAX : (int)len_bytes;
}

enum io_result
tls_session_read(struct tls_session *session, void *buf, size_t cap_bytes,
	size_t *ret_bytes)
{
	enum io_result result;
	int answer;

	begin_step(session);
	answer = SSL_read(session->ssl, buf, clamp_int(cap_bytes));
	result = settle(session, answer);
	if (result == IO_DONE) {
		*ret_bytes = (size_t)answer;
		session->message_count = 0;
	}
	return result;
}

enum io_result
tls_session_write(struct tls_session *session, const void *bytes,
	size_t len_bytes, size_t *ret_bytes)
{
	enum io_result result;
	int answer;

	begin_step(session);
	answer = SSL_write(session->ssl, bytes, clamp_int(len_bytes));
	result = settle(session, answer);
	if (result == IO_DONE)
		*ret_bytes = (size_t)answer;
	return result;
}

void
tls_session_move(struct tls_session *to, struct tls_session *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
	if (to->ssl != NULL)
		BIO_set_data(SSL_get_rbio(to->ssl), to);
}

void
tls_session_close(struct tls_session *session, bool polite)
{
	if (session->ssl == NULL)
		return;
	begin_step(session);
	if (polite && !session->in_handshake && !session->fin_seen &&
		session->failure == TLS_FAILURE_NONE)
		(void)SSL_shutdown(session->ssl);
	SSL_free(session->ssl);
	ERR_clear_error();
	session->ssl = NULL;
}

/* What failed, in words. */

static void
describe_name(const struct tls_session *session, char *text, size_t cap_bytes)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(session->ssl);
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
	long error = SSL_get_verify_result(session->ssl);
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

/* "tlsv13 alert certificate required" without its first words. */
static const char *
alert_name(const char *words)
{
	const char *name = words != NULL ? strchr(words, ' ') : NULL;

	if (name == NULL)
		return "unknown";
	return strncmp(name, " alert ", 7) == 0 ? name + 7 : name + 1;
}

static void
describe_protocol(
	const struct tls_session *session, char *text, size_t cap_bytes)
{
	int reason = ERR_GET_REASON(session->ssl_error);
	const char *words = ERR_reason_error_string(session->ssl_error);

	if (!is_tls_at_all(session))
		snprintf(text, cap_bytes, "tls: server %s",
			memcmp(session->first_bytes, "HTTP/", 5) == 0
				? "answered in plain HTTP"
				: "does not speak TLS");
	else if (session->ssl_error == 0)
		snprintf(text, cap_bytes,
			"tls: server chose a protocol that was not offered");
	else if (reason == SSL_R_UNSUPPORTED_PROTOCOL ||
		 reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
		snprintf(text, cap_bytes,
			"tls: server does not offer TLS 1.2 or later");
	else if (reason >= SSL_AD_REASON_OFFSET)
		snprintf(text, cap_bytes, "tls: server sent alert: %s",
			alert_name(words));
	else
		snprintf(text, cap_bytes, "tls: %s",
			words != NULL ? words : "protocol error");
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
	}
}

/* The library. */

/*
 * A handshake's first step, to nobody: it fetches what the library fetches
 * lazily, so that no worker's first check pays for it (1.1 ms, measured).
 */
static bool
warm_up(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context != NULL ? SSL_new(context) : NULL;

	if (ssl != NULL) {
		SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_null()));
		(void)SSL_connect(ssl); /* wants to read, for ever */
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	ERR_clear_error();
	return ssl != NULL;
}

int
tls_library_init(void)
{
	if (socket_bio != NULL)
		return 0;
	if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS |
				      OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		    NULL))
		return -EIO;
	epoch = ASN1_TIME_set(NULL, 0);
	if (epoch == NULL || !make_anchor_lookup() || !warm_up())
		return -ENOMEM;
	socket_bio = tls_bio_method_new();
	return socket_bio != NULL ? 0 : -ENOMEM;
}
