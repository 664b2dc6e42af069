/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the probers; see tls.h.  The library's error queue is one per thread
 * and keeps what nobody took: it is cleared before each call that may fail, or
 * one target's failure is told of the next.
 */
#include "workers/tls.h"

#include "workers/anchors.h"
#include "workers/tls_bio.h"
#include "workers/tls_identity.h"
#include "workers/tls_limits.h"
#include "workers/tls_memory.h"
#include "workers/tls_pem.h"
#include "workers/tls_verify.h"

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
 * From the socket.  The library works on as long as the peer sends what is no
 * application data; a peer that never stops must not keep the loop.
 */
#define READS_PER_TURN 16  /* of 4 KiB, see tls_bio.c */
#define NAME_MAX_LEN   253 /* RFC 1035 section 2.3.4: 255 octets on the wire */

struct tls_trust {
	SSL_CTX *context;
	struct anchors *anchors;
	bool insecure;
};

/* Made once by tls_library_init, never changed after it. */
static BIO_METHOD *socket_bio;
static X509_LOOKUP_METHOD *anchor_lookup;

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
	(void)unused;
	return tls_verify_chain(verification, session_of(verification));
}

static int
on_chain_accept(X509_STORE_CTX *verification, void *unused)
{
	(void)unused;
	return tls_verify_nothing(verification, session_of(verification));
}

/* What belongs to a handshake and comes when there is none; what it asks. */
static void
on_message(int written, int version, int content, const void *bytes,
	size_t len_bytes, SSL *ssl, void *unused)
{
	struct tls_session *session = BIO_get_data(SSL_get_rbio(ssl));

	(void)version, (void)unused;
	if (written || content != SSL3_RT_HANDSHAKE)
		return;
	if (!session->in_handshake)
		session->message_count++;
	if (len_bytes > 0 &&
		*(const uint8_t *)bytes == SSL3_MT_CERTIFICATE_REQUEST)
		session->certificate_asked = true;
}

static int
limit_cost(SSL_CTX *context)
{
	SSL_CTX_set_max_cert_list(context, TLS_CERTIFICATES_BYTES_MAX);
	return SSL_CTX_set_cipher_list(context, TLS_CIPHERS) &&
	       (SSL_CTX_set1_groups_list(context, TLS_GROUPS) ||
		       SSL_CTX_set1_groups_list(context, TLS_GROUPS_FIPS));
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
	/* the callback decides, also for an insecure trust */
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(
		context, insecure ? on_chain_accept : on_chain_verify, NULL);
	/* 0 is success here */
	return limit_cost(context) &&
	       SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1) == 0 &&
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

/* Its 4 or 16 bytes; 0: it is a name.  IPv4 in IPv6 is IPv4, as Go has it. */
static size_t
parse_address(const char *name, unsigned char ret_address[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, name, ret_address) == 1)
		return 4;
	if (inet_pton(AF_INET6, name, ret_address) != 1)
		return 0;
	if (memcmp(ret_address, mapped, sizeof(mapped)) != 0)
		return 16;
	memmove(ret_address, ret_address + sizeof(mapped), 4);
	return 4;
}

/* What the certificate must be for, and SNI when it is a name. */
static int
set_server_name(struct tls_session *session, const char *server_name)
{
	X509_VERIFY_PARAM *param = session->expected;
	size_t len = strlen(server_name);
	char name[NAME_MAX_LEN + 2];
	unsigned char address[16];
	size_t address_len;

	if (len >= sizeof(name))
		return -EINVAL;
	memcpy(name, server_name, len + 1);
	if (strchr(name, ':') != NULL)
		name[strcspn(name, "%")] = '\0'; /* no zone in certificates */
	address_len = parse_address(name, address);
	if (address_len > 0)
		return X509_VERIFY_PARAM_set1_ip(param, address, address_len)
			       ? 0
			       : -ENOMEM;
	if (name[len - 1] == '.')
		name[--len] = '\0'; /* RFC 6066 section 3: without the dot */
	if (len == 0 || len > NAME_MAX_LEN)
		return -EINVAL;
	if (!SSL_set_tlsext_host_name(session->ssl, name))
		return -ENOMEM;
	session->server_name =
		SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);
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
	turn_begin_first(&session->turn, READS_PER_TURN);
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
	session->expected = SSL_get0_param(session->ssl);
	session->security_level = SSL_get_security_level(session->ssl);
	if (named)
		error = set_server_name(session, server_name);
	if (error < 0)
		tls_session_close(session, false);
	return error;
}

/* Only what is in the file is sent: no CA is looked for to complete it. */
static bool
use_identity(const struct tls_identity *identity, SSL *ssl)
{
	SSL_set_mode(ssl, SSL_MODE_NO_AUTO_CHAIN);
	if (!SSL_use_certificate(
		    ssl, sk_X509_value(identity->certificates, 0)) ||
		!SSL_use_PrivateKey(ssl, identity->key))
		return false;
	for (int i = 1; i < sk_X509_num(identity->certificates); i++)
		if (!SSL_add1_chain_cert(
			    ssl, sk_X509_value(identity->certificates, i)))
			return false;
	return true;
}

const char *
tls_session_identify(
	struct tls_session *session, const struct tls_identity *identity)
{
	const char *why;

	ERR_clear_error();
	session->certificate_shown = use_identity(identity, session->ssl);
	if (session->certificate_shown)
		return NULL;
	why = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	return why != NULL ? why : "no memory for it";
}

static void
begin_call(void)
{
	ERR_clear_error();
	tls_memory_begin();
}

void
tls_session_set_terms(
	struct tls_session *session, const struct tls_terms *terms)
{
	if (terms->legacy_servers)
		SSL_set_options(session->ssl, SSL_OP_LEGACY_SERVER_CONNECT);
	if (terms->security_level >= 0)
		SSL_set_security_level(session->ssl, terms->security_level);
	session->security_level = SSL_get_security_level(session->ssl);
	session->discreet = terms->discreet;
}

void
tls_session_begin_turn(struct tls_session *session, uint64_t now_ns)
{
	turn_begin(&session->turn, READS_PER_TURN, now_ns);
}

bool
tls_session_has_pending(const struct tls_session *session)
{
	return SSL_has_pending(session->ssl);
}

static enum tls_failure
cause_of(const struct tls_session *session)
{
	if (tls_memory_was_lacking())
		return TLS_FAILURE_MEMORY;
	if (session->message_count > TLS_MESSAGES_MAX)
		return TLS_FAILURE_MESSAGES;
	if (session->refusal != NULL)
		return TLS_FAILURE_REFUSED;
	if (session->in_handshake && session->verify_error != X509_V_OK)
		return TLS_FAILURE_CERTIFICATE;
	if (session->error.code == 0 && session->sys_errno != 0)
		return TLS_FAILURE_SOCKET;
	return TLS_FAILURE_PROTOCOL;
}

static enum io_result
fail(struct tls_session *session)
{
	tls_error_take(&session->error);
	session->verify_error = SSL_get_verify_result(session->ssl);
	session->failure = cause_of(session);
	if (session->failure == TLS_FAILURE_MEMORY)
		session->sys_errno = ENOMEM;
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

	begin_call();
	result = settle(session, SSL_do_handshake(session->ssl));
	if (result != IO_DONE)
		return result;
	if (!is_protocol_ours(session->ssl)) {
		session->failure = TLS_FAILURE_OFFER;
		return IO_ERROR;
	}
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

	begin_call();
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

	begin_call();
	answer = SSL_write(session->ssl, bytes, clamp_int(len_bytes));
	result = settle(session, answer);
	if (result == IO_DONE)
		*ret_bytes = (size_t)answer;
	return result;
}

bool
tls_session_ended_whole(const struct tls_session *session)
{
	return session->close_notify || session->record_head_bytes == 0;
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
	ERR_clear_error();
	if (polite && !session->in_handshake && !session->fin_seen &&
		session->failure == TLS_FAILURE_NONE)
		(void)SSL_shutdown(session->ssl);
	SSL_free(session->ssl);
	X509_free(session->culprit);
	ERR_clear_error();
	session->ssl = NULL;
	session->culprit = NULL;
	session->server_name = NULL;
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
	tls_memory_init();
	if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS |
				      OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		    NULL))
		return -EIO;
	if (tls_verify_init() < 0 || !make_anchor_lookup() || !warm_up())
		return -ENOMEM;
	socket_bio = tls_bio_method_new();
	return socket_bio != NULL ? 0 : -ENOMEM;
}
