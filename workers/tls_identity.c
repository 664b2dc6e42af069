/* SPDX-License-Identifier: Apache-2.0 */
/* A client's certificate and key; see tls_identity.h. */
#include "workers/tls_identity.h"

#include "workers/tls_limits.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char no_memory[] = "no memory for it";

struct tls_identity *
tls_identity_new(void)
{
	struct tls_identity *identity = calloc(1, sizeof(*identity));

	if (identity == NULL)
		return NULL;
	identity->certificates = sk_X509_new_null();
	if (identity->certificates != NULL)
		return identity;
	free(identity);
	return NULL;
}

void
tls_identity_free(struct tls_identity *identity)
{
	if (identity == NULL)
		return;
	sk_X509_pop_free(identity->certificates, X509_free);
	EVP_PKEY_free(identity->key);
	free(identity);
}

/* The reader has come to the end, and not to something it cannot read. */
static bool
is_at_end(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM &&
	       ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* What is no certificate is passed over, as a key in the same file is. */
static const char *
read_certificates(STACK_OF(X509) * certificates, BIO *pem)
{
	for (;;) {
		X509 *certificate;

		ERR_clear_error();
		certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
		if (certificate == NULL)
			return is_at_end() ? NULL
					   : "a certificate cannot be read";
		if (!sk_X509_push(certificates, certificate)) {
			X509_free(certificate);
			return no_memory;
		}
	}
}

const char *
tls_identity_add_certificate(
	struct tls_identity *identity, const char *pem, size_t len_bytes)
{
	BIO *bio = len_bytes <= INT_MAX ? BIO_new_mem_buf(pem, (int)len_bytes)
					: NULL;
	const char *why = no_memory;
	int depth;

	if (bio != NULL)
		why = read_certificates(identity->certificates, bio);
	BIO_free(bio);
	ERR_clear_error();
	if (why == NULL && sk_X509_num(identity->certificates) == 0)
		why = "there is no certificate in it";
	if (why == NULL &&
		sk_X509_num(identity->certificates) > TLS_CERTIFICATES_MAX)
		why = "there are too many certificates in it";
	/* the server decides how often it is computed with */
	return why != NULL ? why
			   : tls_limits_refuse(identity->certificates, &depth);
}

/* There is nobody who could be asked. */
static int
give_no_passphrase(char *buf, int cap_bytes, int writing, void *unused)
{
	(void)buf, (void)cap_bytes, (void)writing, (void)unused;
	return -1;
}

const char *
tls_identity_add_key(
	struct tls_identity *identity, const char *pem, size_t len_bytes)
{
	BIO *bio = len_bytes <= INT_MAX ? BIO_new_mem_buf(pem, (int)len_bytes)
					: NULL;
	bool fits;

	if (bio == NULL)
		return no_memory;
	ERR_clear_error();
	identity->key =
		PEM_read_bio_PrivateKey(bio, NULL, give_no_passphrase, NULL);
	BIO_free(bio);
	fits = identity->key != NULL &&
	       X509_check_private_key(
		       sk_X509_value(identity->certificates, 0), identity->key);
	ERR_clear_error();
	if (identity->key == NULL)
		return memmem(pem, len_bytes, "ENCRYPTED", 9) != NULL
			       ? "the key needs a passphrase"
			       : "there is no key in it that can be read";
	return fits ? NULL : "the key does not belong to the certificate";
}
