/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's certificate: what is read of files, what is said of those that
 * cannot be used, and what a server gets to see that asks for one.
 */
#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/unit/loopback.h"
#include "tests/unit/tls_peer.h"
#include "workers/tls.h"
#include "workers/tls_identity.h"
#include "workers/transport.h"

#include <check.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static struct peer_identity root, middle, own, server;
static struct tls_peer peer;
static struct transport client;
static struct tls_trust *trust;
static struct tls_identity *identity;

static struct peer_identity
make(const char *name, bool is_ca, const struct peer_identity *issuer)
{
	const struct peer_subject subject = {
		.common_name = name,
		.alt_names = is_ca ? NULL : "DNS:good.test",
		.starts_in_s = -PEER_DAY_S,
		.ends_in_s = PEER_DAY_S,
		.is_ca = is_ca,
	};

	return peer_identity_new(&subject, issuer);
}

static void
open_all(void)
{
	ck_assert_int_eq(tls_library_init(), 0);
	root = make("root", true, NULL);
	middle = make("middle", true, &root);
	own = make("client", false, &middle);
	server = make("server", false, &root);
	trust = tls_trust_new(NULL, true);
	identity = tls_identity_new();
	ck_assert_ptr_nonnull(identity);
	peer_init(&peer, &server);
}

static void
close_all(void)
{
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	peer_fini(&peer);
	tls_identity_free(identity);
	tls_trust_free(trust);
	peer_identity_free(&server);
	peer_identity_free(&own);
	peer_identity_free(&middle);
	peer_identity_free(&root);
}

/* In PEM; passphrase: NULL, or what it is encrypted with.  To be freed. */
static char *
key_pem(EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *pem;
	long len;

	ck_assert_int_eq(
		PEM_write_bio_PrivateKey(bio, key,
			passphrase != NULL ? EVP_aes_128_cbc() : NULL,
			(const unsigned char *)passphrase,
			passphrase != NULL ? (int)strlen(passphrase) : 0, NULL,
			NULL),
		1);
	len = BIO_get_mem_data(bio, &bytes);
	pem = strndup(bytes, (size_t)len);
	BIO_free(bio);
	return pem;
}

static const char *
add_certificate(const char *pem)
{
	return tls_identity_add_certificate(identity, pem, strlen(pem));
}

static const char *
add_key(EVP_PKEY *key, const char *passphrase)
{
	char *pem = key_pem(key, passphrase);
	const char *why = tls_identity_add_key(identity, pem, strlen(pem));

	free(pem);
	return why;
}

/* The own certificate, the one above it, and the key between them. */
static char *
all_in_one(void)
{
	char *first = peer_identity_pem(&own), *key = key_pem(own.key, NULL),
	     *second = peer_identity_pem(&middle), *all = NULL;

	ck_assert_int_gt(
		asprintf(&all, "a text\n%s%s%s", first, key, second), 0);
	free(first);
	free(key);
	free(second);
	return all;
}

static void
take_all_in_one(void)
{
	char *all = all_in_one();

	ck_assert_ptr_null(add_certificate(all));
	ck_assert_ptr_null(tls_identity_add_key(identity, all, strlen(all)));
	free(all);
}

static enum io_result
shake(bool shows)
{
	enum io_result result = IO_WANT_READ;
	int client_fd, server_fd;

	loopback_pair(&client_fd, &server_fd);
	peer_open(&peer, server_fd);
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, "good.test"), 0);
	if (shows)
		ck_assert_ptr_null(transport_identify(&client, identity));
	/* a session has all it needs */
	tls_identity_free(identity);
	identity = NULL;
	while (result == IO_WANT_READ) {
		transport_begin_turn(&client, clock_mono_ns());
		result = transport_handshake(&client);
		peer_step(&peer);
		if (result == IO_WANT_READ)
			loopback_wait_either(client.fd, peer.fd);
	}
	while (result == IO_DONE && !SSL_is_init_finished(peer.ssl)) {
		loopback_wait(peer.fd, POLLIN);
		peer_step(&peer);
	}
	return result;
}

static int
accept_any(int ok, X509_STORE_CTX *context)
{
	(void)ok, (void)context;
	return 1;
}

static void
ask_for_certificate(int version)
{
	SSL_CTX_set_verify(peer.context, SSL_VERIFY_PEER, accept_any);
	SSL_CTX_set_max_proto_version(peer.context, version);
}

/* In TLS 1.2 and 1.3. */
START_TEST(who_asks_sees_the_certificate_and_its_chain)
{
	STACK_OF(X509) * chain;

	ask_for_certificate(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	take_all_in_one();
	ck_assert_int_eq(shake(true), IO_DONE);
	chain = SSL_get_peer_cert_chain(peer.ssl);
	ck_assert_int_eq(
		X509_cmp(SSL_get0_peer_certificate(peer.ssl), own.certificate),
		0);
	/* of a client the stack is without its own certificate */
	ck_assert_int_eq(sk_X509_num(chain), 1);
	ck_assert_int_eq(
		X509_cmp(sk_X509_value(chain, 0), middle.certificate), 0);
}
END_TEST

/* Though the trust could complete it. */
START_TEST(no_more_is_sent_than_the_file_has)
{
	struct strbuf problems;
	char *pem = peer_identity_pem(&middle);

	strbuf_init(&problems, 0);
	ck_assert_int_eq(tls_trust_add_pem(trust, "test", pem, strlen(pem),
				 true, &problems),
		0);
	strbuf_fini(&problems);
	free(pem);
	ask_for_certificate(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	pem = peer_identity_pem(&own);
	ck_assert_ptr_null(add_certificate(pem));
	free(pem);
	ck_assert_ptr_null(add_key(own.key, NULL));
	ck_assert_int_eq(shake(true), IO_DONE);
	ck_assert_ptr_nonnull(SSL_get0_peer_certificate(peer.ssl));
	ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(peer.ssl)), 0);
}
END_TEST

START_TEST(without_an_identity_nothing_is_shown)
{
	ask_for_certificate(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	ck_assert_int_eq(shake(false), IO_DONE);
	ck_assert_ptr_null(SSL_get0_peer_certificate(peer.ssl));
}
END_TEST

START_TEST(who_does_not_ask_sees_nothing)
{
	take_all_in_one();
	ck_assert_int_eq(shake(true), IO_DONE);
	ck_assert_ptr_null(SSL_get0_peer_certificate(peer.ssl));
}
END_TEST

/* In TLS 1.2 the handshake fails of it, in 1.3 what comes after it. */
START_TEST(who_does_not_accept_it_says_so)
{
	char text[256];

	SSL_CTX_set_verify(peer.context,
		SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION);
	if (_i == 1)
		take_all_in_one();
	ck_assert_int_eq(shake(_i == 1), IO_ERROR);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text,
		_i == 0 ? "tls: server sent alert: handshake failure: the "
			  "server asked for a client certificate"
			: "tls: server sent alert: unknown ca: the server "
			  "does not accept the client certificate");
}
END_TEST

START_TEST(certificates_that_cannot_be_used)
{
	static const struct {
		const char *pem, *why;
	} cases[] = {
		{ "", "there is no certificate in it" },
		{ "text", "there is no certificate in it" },
		{ "-----BEGIN CERTIFICATE-----\n@\n-----END CERTIFICATE-----\n",
			"a certificate cannot be read" },
		{ "-----BEGIN CERTIFICATE-----\nMAA=\n"
		  "-----END CERTIFICATE-----\n",
			"a certificate cannot be read" },
		{ "-----BEGIN CERTIFICATE-----\nMAA=\n",
			"a certificate cannot be read" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(add_certificate(cases[i].pem), cases[i].why);
}
END_TEST

START_TEST(keys_that_cannot_be_used)
{
	static const char none[] = "there is no key in it that can be read";
	char *pem = peer_identity_pem(&own);

	ck_assert_ptr_null(add_certificate(pem));
	switch (_i) {
	case 0:
		ck_assert_str_eq(
			tls_identity_add_key(identity, pem, strlen(pem)), none);
		break;
	case 1:
		ck_assert_str_eq(tls_identity_add_key(identity, "", 0), none);
		break;
	case 2:
		ck_assert_str_eq(add_key(server.key, NULL),
			"the key does not belong to the certificate");
		break;
	case 3:
		ck_assert_str_eq(add_key(own.key, "secret"),
			"the key needs a passphrase");
		break;
	default:
		ck_abort();
	}
	free(pem);
}
END_TEST

/* Else a hostile server could have it computed with again and again. */
START_TEST(a_key_that_costs_too_much)
{
	struct peer_identity slow = make("slow", false, NULL);
	EVP_PKEY *key = EVP_EC_gen("brainpoolP512r1");
	char *pem;

	ck_assert_ptr_nonnull(key);
	X509_set_pubkey(slow.certificate, key);
	ck_assert_int_gt(X509_sign(slow.certificate, key, EVP_sha256()), 0);
	pem = peer_identity_pem(&slow);
	ck_assert_ptr_nonnull(strstr(add_certificate(pem), "P-521"));
	free(pem);
	EVP_PKEY_free(key);
	peer_identity_free(&slow);
}
END_TEST

/* What the library would leave out without a word is an error. */
START_TEST(a_key_that_the_security_level_refuses)
{
	struct peer_identity weak = make("weak", false, NULL);
	EVP_PKEY *key = EVP_RSA_gen(1024);
	int client_fd, server_fd;
	const char *why;
	char *pem;

	ck_assert_ptr_nonnull(key);
	X509_set_pubkey(weak.certificate, key);
	ck_assert_int_gt(X509_sign(weak.certificate, key, EVP_sha256()), 0);
	pem = peer_identity_pem(&weak);
	ck_assert_ptr_null(add_certificate(pem));
	ck_assert_ptr_null(add_key(key, NULL));
	loopback_pair(&client_fd, &server_fd);
	peer_open(&peer, server_fd);
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, "good.test"), 0);
	SSL_set_security_level(client.tls.ssl, 2);
	why = transport_identify(&client, identity);
	ck_assert_ptr_nonnull(why);
	ck_assert_str_eq(why, "ee key too small");
	free(pem);
	EVP_PKEY_free(key);
	peer_identity_free(&weak);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_identity");
	TCase *tcase = tcase_create("tls_identity");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, open_all, close_all);
	tcase_add_loop_test(
		tcase, who_asks_sees_the_certificate_and_its_chain, 0, 2);
	tcase_add_loop_test(tcase, no_more_is_sent_than_the_file_has, 0, 2);
	tcase_add_loop_test(tcase, without_an_identity_nothing_is_shown, 0, 2);
	tcase_add_test(tcase, who_does_not_ask_sees_nothing);
	tcase_add_loop_test(tcase, who_does_not_accept_it_says_so, 0, 2);
	tcase_add_test(tcase, certificates_that_cannot_be_used);
	tcase_add_loop_test(tcase, keys_that_cannot_be_used, 0, 4);
	tcase_add_test(tcase, a_key_that_costs_too_much);
	tcase_add_test(tcase, a_key_that_the_security_level_refuses);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
