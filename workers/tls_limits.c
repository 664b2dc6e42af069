/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may cost; see tls_limits.h. */
#include "workers/tls_limits.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#define TEXT_OF_NUMBER(number) #number
#define TEXT_OF(number)        TEXT_OF_NUMBER(number)

#define KEYS_TEXT                                                              \
	"certificate's key is not of RSA up to " TEXT_OF(                      \
		TLS_RSA_BITS_MAX) " bits, P-256, P-384, P-521 or Ed25519"

static bool
is_rsa_cheap(const EVP_PKEY *key)
{
	BIGNUM *exponent = NULL;
	bool cheap =
		EVP_PKEY_get_bits(key) <= TLS_RSA_BITS_MAX &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) &&
		BN_num_bits(exponent) <= TLS_RSA_EXPONENT_BITS_MAX;

	BN_free(exponent);
	return cheap;
}

static bool
is_curve_cheap(const EVP_PKEY *key)
{
	static const char *const names[] = { "prime256v1", "secp384r1",
		"secp521r1" };
	char name[32];

	if (!EVP_PKEY_get_group_name(key, name, sizeof(name), NULL))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
is_key_cheap(X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);

	if (key == NULL)
		return true; /* nothing can be computed with it */
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return is_rsa_cheap(key);
	case EVP_PKEY_EC:
		return is_curve_cheap(key);
	case EVP_PKEY_ED25519:
		return true;
	default:
		return false;
	}
}

const char *
tls_limits_refuse(const struct stack_st_X509 *sent, int *ret_depth)
{
	int count = sk_X509_num(sent);

	if (count > TLS_CERTIFICATES_MAX) {
		*ret_depth = 0;
		return "server sent more than " TEXT_OF(
			TLS_CERTIFICATES_MAX) " certificates";
	}
	for (int i = 0; i < count; i++) {
		if (is_key_cheap(sk_X509_value(sent, i)))
			continue;
		*ret_depth = i;
		return KEYS_TEXT;
	}
	return NULL;
}
