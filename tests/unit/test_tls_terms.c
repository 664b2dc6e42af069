/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs from one session to another: the security level, servers without
 * RFC 5746, and whether a reason may quote a certificate.
 */
#include "common/clock.h"
#include "tests/unit/loopback.h"
#include "tests/unit/tls_fixture.h"

#include <check.h>
#include <gnutls/gnutls.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the server itself, or of its issuer. */
static void
use_weak_server(bool weak_issuer)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	struct peer_identity issuer =
		make_plain("weak", true, weak_issuer ? weak : NULL, &ca);

	SSL_CTX_set_security_level(peer.context, 0);
	if (!weak_issuer) { /* or it shows the one of P-256 */
		SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(peer.context, "aRSA:@SECLEVEL=0");
	}
	use_server(make_plain(NAME, false, weak_issuer ? NULL : weak, &issuer));
	SSL_CTX_add1_chain_cert(peer.context, issuer.certificate);
	peer_identity_free(&issuer);
	EVP_PKEY_free(weak);
}

static enum io_result
shake_at_level(const struct tls_trust *whom, int level)
{
	const struct tls_terms terms = { .security_level = level };

	start(whom, NAME);
	transport_set_terms(&client, &terms);
	return finish_handshake();
}

/* The peer starts over with a certificate that its library takes. */
static void
reset_server(void)
{
	use_server(make(ALT_NAMES, -PEER_DAY_S, PEER_DAY_S, false, &ca));
	start_over();
}

START_TEST(a_key_below_the_security_level_is_named)
{
	static const char *const words[] = {
		"tls: certificate has a key that is too short for security "
		"level 2 of OpenSSL (rsaEncryption, 1024 bits), see "
		"tls_security_level",
		"tls: issuer's certificate has a key that is too short for "
		"security level 2 of OpenSSL (rsaEncryption, 1024 bits), see "
		"tls_security_level",
	};
	struct tls_trust *insecure = tls_trust_new(NULL, true);

	use_weak_server(_i == 1);
	ck_assert_int_eq(shake_at_level(trust, 2), IO_ERROR);
	ck_assert_str_eq(text, words[_i]);
	reset_server();
	use_weak_server(_i == 1);
	ck_assert_int_eq(shake_at_level(trust, 1), IO_DONE);
	reset_server();
	use_weak_server(_i == 1);
	ck_assert_int_eq(shake_at_level(insecure, 2), IO_DONE);
	tls_trust_free(insecure);
}
END_TEST

START_TEST(a_signature_below_the_security_level_is_named)
{
	struct peer_identity issuer = make_plain("sha1", true, NULL, &ca);

	for (int level = 2; level >= 0; level -= 2) {
		SSL_CTX_set_security_level(peer.context, 0);
		use_server(make_plain(NAME, false, NULL, &issuer));
		X509_sign(server.certificate, issuer.key, EVP_sha1());
		SSL_CTX_use_certificate(peer.context, server.certificate);
		SSL_CTX_add1_chain_cert(peer.context, issuer.certificate);
		ck_assert_int_eq(shake_at_level(trust, level),
			level == 0 ? IO_DONE : IO_ERROR);
		if (level != 0)
			ck_assert_str_eq(text,
				"tls: certificate has a signature that is too "
				"weak for security level 2 of OpenSSL "
				"(ecdsa-with-SHA1), see tls_security_level");
		start_over();
	}
	peer_identity_free(&issuer);
}
END_TEST

/* Of a server that the configuration does not name: no word of it. */
START_TEST(a_discreet_reason_quotes_nothing)
{
	const struct tls_terms terms = {
		.security_level = _i == 3 ? 2 : -1,
		.discreet = true,
	};
	static const char *const words[] = {
		"tls: certificate is not for other.test",
		"tls: certificate has expired",
		"tls: certificate is self-signed",
		("tls: issuer's certificate has a key that is too short for "
		 "security level 2 of OpenSSL, see tls_security_level"),
		"tls: certificate is signed by an unknown authority",
	};
	struct tls_trust *nobody = tls_trust_new(NULL, false);

	if (_i == 1)
		use_server(make(
			ALT_NAMES, -9 * PEER_DAY_S, -PEER_DAY_S, false, &ca));
	if (_i == 2)
		use_server(
			make(ALT_NAMES, -PEER_DAY_S, PEER_DAY_S, false, NULL));
	if (_i == 3)
		use_weak_server(true);
	start(_i == 4 ? nobody : trust, _i == 0 ? "other.test" : NAME);
	transport_set_terms(&client, &terms);
	ck_assert_int_eq(finish_handshake(), IO_ERROR);
	ck_assert_str_eq(text, words[_i]);
	tls_trust_free(nobody);
}
END_TEST

/* A server as it was before 2010: only another library can still play it. */
static gnutls_session_t
open_legacy(int fd, gnutls_certificate_credentials_t credentials)
{
	gnutls_session_t session;

	ck_assert_int_eq(
		gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
	ck_assert_int_eq(gnutls_priority_set_direct(session,
				 "NORMAL:-VERS-ALL:+VERS-TLS1.2:"
				 "%DISABLE_SAFE_RENEGOTIATION",
				 NULL),
		0);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(session, fd);
	return session;
}

static gnutls_certificate_credentials_t
legacy_credentials(void)
{
	gnutls_certificate_credentials_t credentials;
	BIO *bio = BIO_new(BIO_s_mem());
	gnutls_datum_t certificate, key;
	char *pem = peer_identity_pem(&server), *bytes;

	PEM_write_bio_PrivateKey(bio, server.key, NULL, NULL, 0, NULL, NULL);
	key.size = (unsigned)BIO_get_mem_data(bio, &bytes);
	key.data = (unsigned char *)bytes;
	certificate.data = (unsigned char *)pem;
	certificate.size = (unsigned)strlen(pem);
	gnutls_certificate_allocate_credentials(&credentials);
	ck_assert_int_eq(gnutls_certificate_set_x509_key_mem(credentials,
				 &certificate, &key, GNUTLS_X509_FMT_PEM),
		0);
	BIO_free(bio);
	free(pem);
	return credentials;
}

START_TEST(a_server_without_rfc_5746_is_allowed_or_named)
{
	const struct tls_terms terms = { .legacy_servers = _i == 1,
		.security_level = -1 };
	gnutls_certificate_credentials_t credentials = legacy_credentials();
	gnutls_session_t session;
	enum io_result result;
	int client_fd, server_fd;

	loopback_pair(&client_fd, &server_fd);
	session = open_legacy(server_fd, credentials);
	ck_assert_int_eq(transport_start(&client, client_fd, trust, NAME), 0);
	transport_set_terms(&client, &terms);
	while ((result = transport_handshake(&client)) == IO_WANT_READ) {
		(void)gnutls_handshake(session);
		loopback_wait_either(client_fd, server_fd);
		transport_begin_turn(&client, clock_mono_ns());
	}
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(
		text, _i == 1 ? ""
			      : "tls: server does not offer secure "
				"renegotiation (RFC 5746), which a check with "
				"the token requires");
	ck_assert_int_eq(result, _i == 1 ? IO_DONE : IO_ERROR);
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(credentials);
	close(server_fd);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
		tcase, a_key_below_the_security_level_is_named, 0, 2);
	tcase_add_test(tcase, a_signature_below_the_security_level_is_named);
	tcase_add_loop_test(tcase, a_discreet_reason_quotes_nothing, 0, 5);
	tcase_add_loop_test(
		tcase, a_server_without_rfc_5746_is_allowed_or_named, 0, 2);
}

int
main(void)
{
	Suite *suite = suite_create("tls_terms");
	TCase *tcase = tcase_create("terms");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, open_all, close_all);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
