/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server moved by hand; see tls_peer.h. */
#include "tests/unit/tls_peer.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void
add_extensions(
	X509 *certificate, X509 *issuer, const struct peer_subject *subject)
{
	if (!subject->no_key_ids) {
		add_extension(certificate, issuer, NID_subject_key_identifier,
			subject->key_id != NULL ? subject->key_id : "hash");
		add_extension(certificate, issuer, NID_authority_key_identifier,
			"keyid");
	}
	if (subject->is_ca)
		add_extension(certificate, issuer, NID_basic_constraints,
			"critical,CA:TRUE");
	if (subject->alt_names != NULL)
		add_extension(certificate, issuer, NID_subject_alt_name,
			subject->alt_names);
}

struct peer_identity
peer_identity_new(
	const struct peer_subject *subject, const struct peer_identity *issuer)
{
	static long serial;
	struct peer_identity made = { X509_new(), subject->key };
	X509_NAME *name = X509_get_subject_name(made.certificate);

	if (made.key == NULL)
		made.key = EVP_EC_gen("P-256");
	else
		EVP_PKEY_up_ref(made.key);
	ck_assert_ptr_nonnull(made.key);
	X509_set_version(made.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), ++serial);
	X509_gmtime_adj(
		X509_getm_notBefore(made.certificate), subject->starts_in_s);
	X509_gmtime_adj(
		X509_getm_notAfter(made.certificate), subject->ends_in_s);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)subject->common_name, -1, -1, 0);
	X509_set_issuer_name(made.certificate,
		issuer != NULL ? X509_get_subject_name(issuer->certificate)
			       : name);
	X509_set_pubkey(made.certificate, made.key);
	add_extensions(made.certificate,
		issuer != NULL ? issuer->certificate : made.certificate,
		subject);
	ck_assert_int_gt(
		X509_sign(made.certificate,
			issuer != NULL ? issuer->key : made.key, EVP_sha256()),
		0);
	return made;
}

void
peer_identity_free(struct peer_identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	*identity = (struct peer_identity){ 0 };
}

char *
peer_identity_pem(const struct peer_identity *identity)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *pem;
	long len;

	ck_assert_int_eq(PEM_write_bio_X509(bio, identity->certificate), 1);
	len = BIO_get_mem_data(bio, &bytes);
	pem = strndup(bytes, (size_t)len);
	BIO_free(bio);
	return pem;
}

void
peer_init(struct tls_peer *peer, const struct peer_identity *identity)
{
	memset(peer, 0, sizeof(*peer));
	peer->fd = -1;
	peer->context = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(
		SSL_CTX_use_certificate(peer->context, identity->certificate),
		1);
	ck_assert_int_eq(
		SSL_CTX_use_PrivateKey(peer->context, identity->key), 1);
}

void
peer_open(struct tls_peer *peer, int fd)
{
	peer->fd = fd;
	peer->ssl = SSL_new(peer->context);
	peer->in = BIO_new(BIO_s_mem());
	peer->out = BIO_new(BIO_s_mem());
	SSL_set_bio(peer->ssl, peer->in, peer->out);
	SSL_set_accept_state(peer->ssl);
}

/* What the socket does not take stays for the next time. */
static void
flush(struct tls_peer *peer)
{
	char *bytes, gone[16384];
	ssize_t sent_bytes;
	size_t len;

	do {
		len = (size_t)BIO_get_mem_data(peer->out, &bytes);
		if (len > sizeof(gone))
			len = sizeof(gone);
		if (peer->chunk_bytes != 0 && len > peer->chunk_bytes)
			len = peer->chunk_bytes;
		sent_bytes =
			len == 0 ? 0 : send(peer->fd, bytes, len, MSG_NOSIGNAL);
		if (sent_bytes > 0)
			BIO_read(peer->out, gone, (int)sent_bytes);
	} while (sent_bytes > 0 && peer->chunk_bytes == 0);
}

void
peer_step(struct tls_peer *peer)
{
	char bytes[16384];
	ssize_t len;

	while ((len = recv(peer->fd, bytes, sizeof(bytes), 0)) > 0)
		BIO_write(peer->in, bytes, (int)len);
	if (len == 0)
		peer->fin_seen = true;
	if (!SSL_is_init_finished(peer->ssl))
		(void)SSL_do_handshake(peer->ssl);
	flush(peer);
}

void
peer_send(struct tls_peer *peer, const char *text)
{
	ck_assert_int_eq(SSL_write(peer->ssl, text, (int)strlen(text)),
		(int)strlen(text));
	flush(peer);
}

void
peer_end(struct tls_peer *peer, bool close_notify)
{
	if (close_notify)
		(void)SSL_shutdown(peer->ssl);
	flush(peer);
	shutdown(peer->fd, SHUT_WR);
}

void
peer_fini(struct tls_peer *peer)
{
	SSL_free(peer->ssl);
	SSL_CTX_free(peer->context);
	if (peer->fd >= 0)
		close(peer->fd);
	peer->ssl = NULL;
	peer->context = NULL;
	peer->fd = -1;
}
