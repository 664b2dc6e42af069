/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS sessions through the transport, against a server in the same process:
 * whom we believe, what we say when we do not, and what a stream's end means.
 */
#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/unit/loopback.h"
#include "tests/unit/tls_fixture.h"
#include "tests/unit/tls_peer.h"
#include "tests/unit/under_valgrind.h"
#include "workers/socket.h"
#include "workers/tls.h"
#include "workers/tls_limits.h"
#include "workers/transport.h"

#include <check.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The linker puts these in the place of the allocator's (see Makefile.am). */
static struct {
	bool may_fail; /* now */
	unsigned long count, fail_at;
} memory;

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool
memory_fails(void)
{
	return memory.may_fail && ++memory.count == memory.fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return memory_fails() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return memory_fails() ? NULL : __real_realloc(old, size);
}

/* The server's first flight, of TLS 1.2: nothing in it is encrypted. */
static void
prepare_flight(void)
{
	char bytes[4096];
	ssize_t len;

	SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION);
	start(trust, NAME);
	ck_assert_int_eq(transport_handshake(&client), IO_WANT_READ);
	loopback_wait(peer.fd, POLLIN);
	len = recv(peer.fd, bytes, sizeof(bytes), 0);
	ck_assert_int_gt(len, 0);
	BIO_write(peer.in, bytes, (int)len);
	(void)SSL_do_handshake(peer.ssl);
}

#define OTHERS                                                                 \
	"good.test, *.wild.test, 127.0.0.1, ::1 (subject CN=good.test, "       \
	"issuer CN=test CA)"

/* As strftime(3). */
static const char *
dated(const char *format, const ASN1_TIME *time)
{
	static char line[160];
	struct tm tm;

	ASN1_TIME_to_tm(time, &tm);
	strftime(line, sizeof(line), format, &tm);
	return line;
}

START_TEST(a_good_server_is_believed_and_talks)
{
	const char *request = "GET / HTTP/1.1\r\n\r\n";
	char got[64] = "";
	size_t progress = 0;

	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	ck_assert_str_eq(text, "");
	ck_assert_str_eq(
		SSL_get_servername(peer.ssl, TLSEXT_NAMETYPE_host_name), NAME);
	ck_assert_int_eq(
		transport_write(&client, request, strlen(request), &progress),
		IO_DONE);
	ck_assert_uint_eq(progress, strlen(request));
	loopback_wait(peer.fd, POLLIN);
	peer_step(&peer);
	ck_assert_int_gt(SSL_read(peer.ssl, got, sizeof(got) - 1), 0);
	ck_assert_str_eq(got, request);
	peer_send(&peer, "answer");
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "answer");
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
}
END_TEST

START_TEST(every_handshake_is_a_full_one)
{
	int i;

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(shake(trust, NAME), IO_DONE);
		peer_send(&peer, "x"); /* behind the server's tickets */
		ck_assert_int_eq(read_text(), IO_DONE);
		ck_assert_int_eq(SSL_session_reused(peer.ssl), 0);
		transport_close(&client, TRANSPORT_CLOSE_NORMAL);
		SSL_free(peer.ssl);
		close(peer.fd);
	}
	peer.ssl = NULL;
	peer.fd = -1;
}
END_TEST

/* name, whether it is the certificate's, whether it is sent as SNI */
static const struct {
	const char *name, *sni;
	bool good;
} names[] = {
	{ "good.test", "good.test", true },
	{ "GOOD.test", "GOOD.test", true },
	{ "good.test.", "good.test", true },
	{ "a.wild.test", "a.wild.test", true },
	{ "127.0.0.1", NULL, true },
	{ "::1", NULL, true },
	{ "::1%lo", NULL, true },
	{ "0:0::1", NULL, true },
	{ "::ffff:127.0.0.1", NULL, true },
	{ "::ffff:127.0.0.2", NULL, false },
	{ "wild.test", "wild.test", false },
	{ "a.b.wild.test", "a.b.wild.test", false },
	{ "127.0.0.2", NULL, false },
	{ "::2", NULL, false },
	{ "bad.test", "bad.test", false },
};

START_TEST(a_certificate_is_for_its_names_only)
{
	const char *sni;

	ck_assert_int_eq(shake(trust, names[_i].name),
		names[_i].good ? IO_DONE : IO_ERROR);
	sni = SSL_get_servername(peer.ssl, TLSEXT_NAMETYPE_host_name);
	if (names[_i].sni == NULL)
		ck_assert_ptr_null(sni);
	else
		ck_assert_str_eq(sni, names[_i].sni);
	if (!names[_i].good)
		ck_assert_ptr_nonnull(strstr(text, "certificate is not for"));
}
END_TEST

START_TEST(the_wrong_name_is_named)
{
	expect_refusal(trust, "other.test", TLS_FAILURE_CERTIFICATE,
		"tls: certificate is not for other.test but for " OTHERS);
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
}
END_TEST

START_TEST(the_wrong_address_is_named)
{
	expect_refusal(trust, "192.0.2.7", TLS_FAILURE_CERTIFICATE,
		"tls: certificate is not for 192.0.2.7 but for " OTHERS);
}
END_TEST

START_TEST(a_common_name_is_no_name)
{
	use_server(make(NULL, -PEER_DAY_S, PEER_DAY_S, false, &ca));
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		"tls: certificate is not for good.test: it has no alternative "
		"names (subject CN=good.test, issuer CN=test CA)");
}
END_TEST

START_TEST(no_name_is_never_any_name)
{
	char longest[300];
	int client_fd, server_fd;

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	loopback_pair(&client_fd, &server_fd);
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, NULL), -EINVAL);
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, ""), -EINVAL);
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, "."), -EINVAL);
	ck_assert_int_eq(transport_start(&client, client_fd, trust, "%lo"), 0);
	transport_detach(&client);
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, longest), -EINVAL);
	longest[254] = '\0';
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, longest), -EINVAL);
	longest[253] = '\0';
	ck_assert_int_eq(
		transport_start(&client, client_fd, trust, longest), 0);
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	close(server_fd);
}
END_TEST

/* N 4.26 */
START_TEST(an_expired_certificate_is_refused_and_its_date_known)
{
	use_server(make(ALT_NAMES, -9 * PEER_DAY_S, -PEER_DAY_S, false, &ca));
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		dated("tls: certificate has expired on %Y-%m-%dT%H:%M:%SZ",
			X509_get0_notAfter(server.certificate)));
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
}
END_TEST

START_TEST(a_certificate_of_tomorrow_is_refused)
{
	use_server(make(ALT_NAMES, PEER_DAY_S, 9 * PEER_DAY_S, false, &ca));
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		dated("tls: certificate is not yet valid before "
		      "%Y-%m-%dT%H:%M:%SZ",
			X509_get0_notBefore(server.certificate)));
}
END_TEST

START_TEST(an_expired_issuer_is_told_apart)
{
	struct peer_identity old =
		make(NULL, -9 * PEER_DAY_S, -PEER_DAY_S, true, &ca);

	use_server(make(ALT_NAMES, -PEER_DAY_S, PEER_DAY_S, false, &old));
	SSL_CTX_add1_chain_cert(peer.context, old.certificate);
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		dated("tls: issuer's certificate has expired on "
		      "%Y-%m-%dT%H:%M:%SZ: CN=test CA 1",
			X509_get0_notAfter(old.certificate)));
	ck_assert_int_eq(
		transport_certificate_expiry_unix_s(&client), expiry_of(&old));
	peer_identity_free(&old);
}
END_TEST

START_TEST(a_self_signed_certificate_is_refused)
{
	use_server(make(ALT_NAMES, -PEER_DAY_S, PEER_DAY_S, false, NULL));
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		"tls: certificate is self-signed: CN=good.test");
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
}
END_TEST

START_TEST(an_unknown_authority_is_refused)
{
	/* of the same name as ours, but with another key */
	struct peer_identity other =
		make(NULL, -PEER_DAY_S, PEER_DAY_S, true, NULL);
	struct tls_trust *nobody = tls_trust_new(NULL, false);

	expect_refusal(nobody, NAME, TLS_FAILURE_CERTIFICATE,
		"tls: certificate is signed by an unknown authority: CN=test "
		"CA");
	start_over();
	use_server(make(ALT_NAMES, -PEER_DAY_S, PEER_DAY_S, false, &other));
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		"tls: certificate is signed by an unknown authority: it names "
		"CN=test CA, but not with a key that is trusted");
	tls_trust_free(nobody);
	peer_identity_free(&other);
}
END_TEST

START_TEST(an_anchor_need_not_be_a_root)
{
	struct tls_trust *leaf = tls_trust_new(NULL, false);

	trust_identity(leaf, &server);
	ck_assert_int_eq(shake(leaf, NAME), IO_DONE);
	tls_trust_free(leaf);
}
END_TEST

/* K 1.26 */
START_TEST(a_derived_trust_believes_both_and_its_base_does_not)
{
	struct peer_identity own =
		make(NULL, -PEER_DAY_S, PEER_DAY_S, true, NULL);
	struct tls_trust *derived = tls_trust_new(trust, false);

	X509_NAME_add_entry_by_txt(X509_get_subject_name(own.certificate), "O",
		MBSTRING_ASC, (const unsigned char *)"own", -1, -1, 0);
	ck_assert_int_gt(X509_sign(own.certificate, own.key, EVP_sha256()), 0);
	trust_identity(derived, &own);
	ck_assert_uint_eq(tls_trust_count(derived), 1);
	ck_assert_int_eq(shake(derived, NAME), IO_DONE);
	start_over();
	use_server(make(ALT_NAMES, -PEER_DAY_S, PEER_DAY_S, false, &own));
	ck_assert_int_eq(shake(trust, NAME), IO_ERROR);
	start_over();
	start(derived, NAME);
	tls_trust_free(derived); /* the session keeps what it needs */
	ck_assert_int_eq(finish_handshake(), IO_DONE);
	peer_identity_free(&own);
}
END_TEST

START_TEST(insecure_believes_whoever_answers_and_knows_the_date)
{
	struct tls_trust *insecure = tls_trust_new(trust, true);

	use_server(make(NULL, -9 * PEER_DAY_S, -PEER_DAY_S, false, NULL));
	ck_assert_int_eq(shake(insecure, "other.test"), IO_DONE);
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
	start_over();
	ck_assert_int_eq(shake(insecure, NULL), IO_DONE);
	tls_trust_free(insecure);
}
END_TEST

/* The server sends so many issuers; the one in the middle ends first. */
static enum io_result
shake_with_issuers(int count, int64_t *ret_earliest)
{
	struct peer_identity issuer =
		make(NULL, -PEER_DAY_S, 40 * PEER_DAY_S, true, &ca);
	struct peer_identity next;
	enum io_result result;

	for (int i = 1; i < count; i++) {
		bool is_middle = i == count / 2;

		SSL_CTX_add1_chain_cert(peer.context, issuer.certificate);
		next = make(NULL, -PEER_DAY_S,
			(is_middle ? 5 : 40) * PEER_DAY_S, true, &issuer);
		if (is_middle)
			*ret_earliest = expiry_of(&next);
		peer_identity_free(&issuer);
		issuer = next;
	}
	use_server(
		make(ALT_NAMES, -PEER_DAY_S, 20 * PEER_DAY_S, false, &issuer));
	SSL_CTX_add1_chain_cert(peer.context, issuer.certificate);
	result = shake(trust, NAME);
	peer_identity_free(&issuer);
	return result;
}

START_TEST(a_long_chain_is_judged)
{
	int64_t earliest = 0;

	ck_assert_int_eq(
		shake_with_issuers(TLS_CERTIFICATES_MAX - 1, &earliest),
		IO_DONE);
	ck_assert_int_ne(earliest, 0);
	ck_assert_int_eq(
		transport_certificate_expiry_unix_s(&client), earliest);
}
END_TEST

START_TEST(a_longer_chain_is_refused)
{
	int64_t earliest;

	ck_assert_int_eq(
		shake_with_issuers(TLS_CERTIFICATES_MAX, &earliest), IO_ERROR);
	ck_assert_str_eq(text, "tls: server sent more than 16 certificates");
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_REFUSED);
}
END_TEST

/* Of a certificate, and whether anything is computed with it. */
static const struct {
	const char *type, *curve;
	unsigned bits;
	unsigned long exponent;
	bool accepted;
} keys[] = {
	{ "RSA", NULL, 2048, 65537, true },
	{ "RSA", NULL, 2048, 0x80000001, false },
	{ "EC", "P-384", 0, 0, true },
	{ "EC", "P-521", 0, 0, true },
	{ "ED25519", NULL, 0, 0, true },
	{ "ED448", NULL, 0, 0, false },
	{ "EC", "brainpoolP512r1", 0, 0, false },
};

#define DEAR_KEY 1

static EVP_PKEY *
make_key(int i)
{
	EVP_PKEY_CTX *context =
		EVP_PKEY_CTX_new_from_name(NULL, keys[i].type, NULL);
	BIGNUM *exponent = BN_new();
	EVP_PKEY *key = NULL;

	ck_assert_int_eq(EVP_PKEY_keygen_init(context), 1);
	if (keys[i].bits != 0) {
		BN_set_word(exponent, keys[i].exponent);
		EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)keys[i].bits);
		EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent);
	}
	if (keys[i].curve != NULL)
		EVP_PKEY_CTX_set_group_name(context, keys[i].curve);
	ck_assert_int_eq(EVP_PKEY_generate(context, &key), 1);
	BN_free(exponent);
	EVP_PKEY_CTX_free(context);
	return key;
}

static bool
refuses(X509 *certificate)
{
	STACK_OF(X509) *sent = sk_X509_new_null();
	int depth = -1;
	const char *why;

	sk_X509_push(sent, server.certificate);
	sk_X509_push(sent, certificate);
	why = tls_limits_refuse(sent, &depth);
	ck_assert_int_eq(depth, why != NULL ? 1 : -1);
	sk_X509_free(sent);
	return why != NULL;
}

START_TEST(a_key_has_its_price)
{
	X509 *certificate = X509_new();
	EVP_PKEY *key = make_key(_i);

	X509_set_pubkey(certificate, key);
	ck_assert_int_eq(refuses(certificate), !keys[_i].accepted);
	EVP_PKEY_free(key);
	X509_free(certificate);
}
END_TEST

/* Even an insecure check computes with the key of the one that it asks. */
START_TEST(a_dear_key_is_refused)
{
	struct tls_trust *insecure = tls_trust_new(NULL, true);
	EVP_PKEY *key = make_key(DEAR_KEY);

	EVP_PKEY_free(server.key);
	server.key = key;
	/* the issuer's signature is wrong now, and nobody looks */
	X509_set_pubkey(server.certificate, key);
	peer_fini(&peer);
	peer_init(&peer, &server);
	expect_refusal(insecure, NAME, TLS_FAILURE_REFUSED,
		"tls: certificate's key is not of RSA up to 8192 bits, P-256, "
		"P-384, P-521 or Ed25519");
	tls_trust_free(insecure);
}
END_TEST

/* The bound itself needs no handshake, and no seconds for a key. */
START_TEST(the_size_of_a_key_is_bounded)
{
	static const unsigned bits[] = { 8192, 8193, 16384 };
	X509 *certificate = X509_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params;
	BIGNUM *modulus = BN_new();
	EVP_PKEY *key = NULL;

	BN_set_bit(modulus, (int)bits[_i] - 1);
	BN_set_bit(modulus, 0);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus);
	OSSL_PARAM_BLD_push_ulong(build, OSSL_PKEY_PARAM_RSA_E, 65537);
	params = OSSL_PARAM_BLD_to_param(build);
	ck_assert_int_eq(EVP_PKEY_fromdata_init(context), 1);
	ck_assert_int_eq(
		EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params),
		1);
	X509_set_pubkey(certificate, key);
	ck_assert_int_eq(refuses(certificate), _i > 0);
	X509_free(certificate);
	EVP_PKEY_free(key);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(modulus);
	EVP_PKEY_CTX_free(context);
}
END_TEST

/* A key exchange in a group of the server's choice: no, in either version. */
static const struct {
	const char *ciphers, *groups;
	int version;
} finite_fields[] = {
	{ "kDHE", NULL, TLS1_2_VERSION },
	{ "kRSA", NULL, TLS1_2_VERSION },
	{ "DEFAULT", "ffdhe2048:ffdhe8192", TLS1_3_VERSION },
	{ "DEFAULT", "X448", TLS1_3_VERSION },
};

START_TEST(a_server_of_finite_fields_is_told)
{
	SSL_CTX_set_dh_auto(peer.context, 1);
	SSL_CTX_set_min_proto_version(peer.context, finite_fields[_i].version);
	SSL_CTX_set_max_proto_version(peer.context, finite_fields[_i].version);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(
				 peer.context, finite_fields[_i].ciphers),
		1);
	if (finite_fields[_i].groups != NULL)
		ck_assert_int_eq(SSL_CTX_set1_groups_list(peer.context,
					 finite_fields[_i].groups),
			1);
	expect_refusal(trust, NAME, TLS_FAILURE_PROTOCOL,
		"tls: server sent alert: handshake failure");
}
END_TEST

/* K 3.6 */
START_TEST(a_server_of_tls_1_1_is_named)
{
	SSL_CTX_set_cipher_list(peer.context, "DEFAULT:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(peer.context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(peer.context, TLS1_1_VERSION);
	expect_refusal(trust, NAME, TLS_FAILURE_PROTOCOL,
		"tls: server does not offer TLS 1.2 or later");
}
END_TEST

/* K 3.6 */
START_TEST(tls_1_2_is_spoken)
{
	SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_send(&peer, "old");
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "old");
}
END_TEST

static const struct {
	const char *bytes, *words;
} not_tls[] = {
	{ "HTTP/1.1 400 Bad Request\r\n\r\n",
		"tls: server speaks plain HTTP; use http://" },
	{ "<!DOCTYPE HTML>\n<html>", /* Python's http.server */
		"tls: server speaks plain HTTP; use http://" },
	{ "SSH-2.0-OpenSSH_9.2\r\n", "tls: server does not speak TLS" },
	{ "\r\n\r\n\r\n\r\n", "tls: server does not speak TLS" },
};

START_TEST(what_is_not_tls_is_named)
{
	start(trust, NAME);
	ck_assert_int_eq(transport_handshake(&client), IO_WANT_READ);
	loopback_send(peer.fd, not_tls[_i].bytes, strlen(not_tls[_i].bytes));
	loopback_wait(client.fd, POLLIN);
	ck_assert_int_eq(transport_handshake(&client), IO_ERROR);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text, not_tls[_i].words);
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client), 0);
}
END_TEST

/* Certificates that are none: what is changed in it, and what is said. */
static const struct {
	size_t at;
	unsigned char value;
	const char *words;
} no_certificates[] = {
	{ 0, 0x31, "tls: certificate cannot be parsed: wrong tag" },
	{ 1, 0x80, "tls: certificate cannot be parsed: " },
	{ 4, 0x02, "tls: certificate cannot be parsed: wrong tag" },
	{ 6, 0xff, "tls: certificate cannot be parsed: " },
};

START_TEST(what_is_no_certificate_is_not_called_an_alert)
{
	unsigned char *der = NULL, *found;
	int der_len = i2d_X509(server.certificate, &der);
	char *flight;
	long flight_len;

	prepare_flight();
	flight_len = BIO_get_mem_data(peer.out, &flight);
	found = memmem(flight, (size_t)flight_len, der, (size_t)der_len);
	ck_assert_ptr_nonnull(found);
	found[no_certificates[_i].at] = no_certificates[_i].value;
	peer_step(&peer);
	loopback_wait(client.fd, POLLIN);
	ck_assert_int_eq(transport_handshake(&client), IO_ERROR);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_mem_eq(text, no_certificates[_i].words,
		strlen(no_certificates[_i].words));
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_PROTOCOL);
	OPENSSL_free(der);
}
END_TEST

/* Each allocation of a handshake fails in turn, the peer's do not. */
START_TEST(no_memory_is_not_the_servers_fault)
{
	/* there the whole takes minutes */
	const unsigned long step = is_under_valgrind() ? 29 : 1;
	enum io_result result;
	bool in_time = true;

	for (memory.fail_at = 1; in_time; memory.fail_at += step) {
		peer_fini(&peer);
		peer_init(&peer, &server);
		start(trust, NAME);
		memory.count = 0;
		do {
			transport_begin_turn(&client, UINT64_MAX / 2);
			memory.may_fail = true;
			result = transport_handshake(&client);
			memory.may_fail = false;
			peer_step(&peer);
			if (result == IO_WANT_READ)
				loopback_wait_either(client.fd, peer.fd);
		} while (result == IO_WANT_READ);
		transport_describe_failure(&client, text, sizeof(text));
		if (result != IO_DONE) {
			ck_assert_str_eq(text, "tls: Cannot allocate memory");
			ck_assert_int_eq(transport_errno(&client), ENOMEM);
		}
		in_time = memory.count >= memory.fail_at;
		transport_close(&client, TRANSPORT_CLOSE_ABORT);
	}
	ck_assert_uint_gt(memory.fail_at, 100); /* there were many */
}
END_TEST

/* _i bytes of a server's answer, then its end */
START_TEST(an_end_in_the_handshake_is_told)
{
	start(trust, NAME);
	ck_assert_int_eq(transport_handshake(&client), IO_WANT_READ);
	loopback_send(peer.fd, "\x16\x03\x03\x00\x7a\x02", (size_t)_i);
	peer_end(&peer, false);
	loopback_wait(client.fd, POLLRDHUP);
	ck_assert_int_eq(transport_handshake(&client), IO_EOF);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(
		text, "tls: server closed the connection in the handshake");
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_CLOSED);
}
END_TEST

START_TEST(a_reset_in_the_handshake_is_told)
{
	start(trust, NAME);
	ck_assert_int_eq(transport_handshake(&client), IO_WANT_READ);
	socket_close_abortive(peer.fd);
	peer.fd = -1;
	loopback_wait(client.fd, POLLIN);
	ck_assert_int_eq(transport_handshake(&client), IO_ERROR);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text, "tls: Connection reset by peer");
	ck_assert_int_eq(transport_errno(&client), ECONNRESET);
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_SOCKET);
}
END_TEST

START_TEST(one_targets_failure_is_not_told_of_the_next)
{
	size_t got_bytes;
	int i;

	expect_refusal(trust, "other.test", TLS_FAILURE_CERTIFICATE,
		"tls: certificate is not for other.test but for " OTHERS);
	start_over();
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
	start(trust, NAME);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
	ck_assert_int_eq(finish_handshake(), IO_DONE);
	/* the first reads the server's tickets, the second nothing */
	for (i = 0; i < 2; i++) {
		ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
		ck_assert_int_eq(
			transport_read(&client, text, sizeof(text), &got_bytes),
			IO_WANT_READ);
	}
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_NONE);
}
END_TEST

START_TEST(a_handshake_byte_by_byte_is_one)
{
	peer.chunk_bytes = 1;
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
}
END_TEST

static int
choose_protocol(SSL *ssl, const unsigned char **ret_chosen,
	unsigned char *ret_len, const unsigned char *offered, unsigned len,
	void *wanted)
{
	(void)ssl;
	ck_assert_uint_eq(len, 9);
	ck_assert_mem_eq(offered, "\x08http/1.1", 9);
	if (wanted == NULL)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_chosen = wanted;
	*ret_len = (unsigned char)strlen(wanted);
	return SSL_TLSEXT_ERR_OK;
}

/* K 3.20 */
START_TEST(alpn_is_http_1_1_or_nothing)
{
	static char ours[] = "http/1.1";

	SSL_CTX_set_alpn_select_cb(peer.context, choose_protocol, ours);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
}
END_TEST

START_TEST(alpn_that_was_not_offered_is_refused)
{
	static char other[] = "h2";

	SSL_CTX_set_alpn_select_cb(peer.context, choose_protocol, other);
	ck_assert_int_eq(shake(trust, NAME), IO_ERROR);
	/* the words are the library's if it looks itself, as 3.0.14 does */
	ck_assert_ptr_nonnull(strstr(text, "tls: "));
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_PROTOCOL);
}
END_TEST

START_TEST(alpn_refused_is_an_alert)
{
	SSL_CTX_set_alpn_select_cb(peer.context, choose_protocol, NULL);
	expect_refusal(trust, NAME, TLS_FAILURE_PROTOCOL,
		"tls: server sent alert: no application protocol");
}
END_TEST

START_TEST(a_wish_for_a_client_certificate_is_declined)
{
	SSL_CTX_set_verify(peer.context, SSL_VERIFY_PEER, NULL);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_send(&peer, "welcome");
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "welcome");
}
END_TEST

/* In TLS 1.3 the server judges after the client is done. */
START_TEST(a_demand_for_a_client_certificate_is_told)
{
	bool in_handshake = _i == TLS1_2_VERSION;

	SSL_CTX_set_max_proto_version(peer.context, _i);
	SSL_CTX_set_verify(peer.context,
		SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	start(trust, NAME);
	while (transport_handshake(&client) == IO_WANT_READ) {
		peer_step(&peer);
		loopback_wait_either(client.fd, peer.fd);
	}
	if (!in_handshake)
		ck_assert_int_eq(read_text(), IO_ERROR);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text,
		in_handshake ? "tls: server sent alert: handshake failure: the "
			       "server asked for a client certificate"
			     : "tls: server sent alert: certificate required: "
			       "the server asked for a client certificate");
}
END_TEST

/* What a server that wants a name may send when it gets none. */
static const struct {
	const char *name; /* of the URL */
	int alert;
	const char *words;
} name_alerts[] = {
	{ "127.0.0.1", SSL_AD_UNRECOGNIZED_NAME,
		"unrecognized name: the server requires a name (SNI); the URL "
		"has an address" },
	{ "127.0.0.1", SSL_AD_HANDSHAKE_FAILURE,
		"handshake failure: perhaps the server requires a name (SNI); "
		"the URL has an address" },
	{ "127.0.0.1", SSL_AD_INTERNAL_ERROR,
		"internal error: perhaps the server requires a name (SNI); the "
		"URL has an address" },
	{ "127.0.0.1", SSL_AD_INSUFFICIENT_SECURITY, "insufficient security" },
	{ NAME, SSL_AD_UNRECOGNIZED_NAME, "unrecognized name" },
	{ NAME, SSL_AD_HANDSHAKE_FAILURE, "handshake failure" },
};

static int
on_server_name(SSL *ssl, int *ret_alert, void *alert)
{
	(void)ssl;
	*ret_alert = *(const int *)alert;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

START_TEST(a_name_that_the_url_lacks_is_told)
{
	char words[160];

	SSL_CTX_set_tlsext_servername_arg(
		peer.context, (void *)&name_alerts[_i].alert);
	SSL_CTX_set_tlsext_servername_callback(peer.context, on_server_name);
	snprintf(words, sizeof(words), "tls: server sent alert: %s",
		name_alerts[_i].words);
	expect_refusal(
		trust, name_alerts[_i].name, TLS_FAILURE_PROTOCOL, words);
}
END_TEST

START_TEST(a_renegotiation_is_declined_and_the_answer_read)
{
	SSL_CTX_set_max_proto_version(peer.context, TLS1_2_VERSION);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	ck_assert_int_eq(SSL_renegotiate(peer.ssl), 1);
	(void)SSL_do_handshake(peer.ssl); /* sends HelloRequest */
	peer_send(&peer, "anyway");
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "anyway");
	loopback_wait(peer.fd, POLLIN);
	peer_step(&peer);
	ck_assert_int_lt(SSL_read(peer.ssl, text, 1), 0);
	ck_assert_int_eq(
		ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
}
END_TEST

START_TEST(an_end_with_close_notify_is_clean)
{
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_send(&peer, "all");
	peer_end(&peer, true);
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "all");
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(transport_ended_whole(&client));
	loopback_wait(client.fd, POLLRDHUP);
	ck_assert_int_eq(transport_await_fin(&client), IO_EOF);
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(transport_ended_whole(&client));
}
END_TEST

START_TEST(an_end_between_two_records_is_one)
{
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_send(&peer, "all");
	peer_end(&peer, false);
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "all");
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(transport_ended_whole(&client));
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(transport_ended_whole(&client));
	ck_assert_int_eq(transport_await_fin(&client), IO_EOF);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

/* Bytes that are there of a second record: of its head, of its content. */
static const int pieces[] = { 1, 4, 5, 6, -1 };

START_TEST(an_end_inside_a_record_is_a_cut)
{
	char record[64];
	int len;

	SSL_CTX_set_max_proto_version(
		peer.context, _i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_send(&peer, "part");
	ck_assert_int_eq(SSL_write(peer.ssl, "rest", 4), 4);
	len = BIO_read(peer.out, record, sizeof(record));
	loopback_send(peer.fd, record,
		(size_t)(pieces[_i / 2] > 0 ? pieces[_i / 2] : len - 1));
	peer_end(&peer, false);
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "part");
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(!transport_ended_whole(&client));
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(!transport_ended_whole(&client));
}
END_TEST

START_TEST(closing_says_goodbye_unless_the_peer_has_gone)
{
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	while (!peer.fin_seen) {
		loopback_wait(peer.fd, POLLIN);
		peer_step(&peer);
	}
	ck_assert_int_le(SSL_read(peer.ssl, text, 1), 0);
	ck_assert_int_eq(SSL_get_shutdown(peer.ssl), SSL_RECEIVED_SHUTDOWN);
}
END_TEST

START_TEST(the_stamp_under_tls_is_that_of_the_answer)
{
	uint64_t sent_ns = 0, stamp_ns = 0;
	int i;

	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	for (i = 0; i < 1000 && stamp_ns == 0; i++) {
		sent_ns = clock_mono_ns();
		peer_send(&peer, "x");
		ck_assert_int_eq(read_text(), IO_DONE);
		stamp_ns = transport_stamp_mono_ns(&client);
	}
	ck_assert_uint_ne(stamp_ns, 0);
	ck_assert_uint_ge(stamp_ns + NS_PER_MS, sent_ns);
	ck_assert_uint_le(stamp_ns, clock_mono_ns());
}
END_TEST

/* A peer that never says anything of use must not keep the process. */
START_TEST(a_session_goes_on_at_another_place)
{
	struct transport before;
	size_t progress = 0;

	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_send(&peer, "answer"); /* not yet read */
	transport_move(&before, &client);
	ck_assert_ptr_null(client.ops);
	ck_assert_ptr_null(client.tls.ssl);
	memset(&client, 0xff, sizeof(client));
	transport_move(&client, &before);
	memset(&before, 0xff, sizeof(before));
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "answer");
	ck_assert_int_eq(
		transport_write(&client, "more", 4, &progress), IO_DONE);
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
	peer_end(&peer, true);
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(transport_ended_whole(&client));
}
END_TEST

/* Messages that a client ignores in its handshake. */
START_TEST(a_step_ends_under_a_flood)
{
	static const char hello_request[] = "\x16\x03\x03\0\x04\0\0\0\0";
	const int buffer_bytes = 200000, flood_bytes = 90000, one = 1;
	char *flood = malloc((size_t)flood_bytes);
	int i;

	for (i = 0; i < flood_bytes; i += 9)
		memcpy(flood + i, hello_request, 9);
	start(trust, NAME);
	setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes,
		sizeof(buffer_bytes));
	setsockopt(client.fd, SOL_SOCKET, SO_RCVLOWAT, &flood_bytes,
		sizeof(flood_bytes));
	loopback_send(peer.fd, flood, (size_t)flood_bytes);
	free(flood);
	loopback_wait(client.fd, POLLIN);
	setsockopt(client.fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	ck_assert_int_eq(transport_handshake(&client), IO_WANT_READ);
	/* and what is left announces itself */
	ck_assert_int_eq(
		poll(&(struct pollfd){ .fd = client.fd, .events = POLLIN }, 1,
			0),
		1);
}
END_TEST

/* Reads until the turn is over: how often, and of what result. */
static unsigned
read_one_turn(uint64_t now_ns, enum io_result *ret_result)
{
	unsigned count = 0;
	size_t got_bytes;

	transport_begin_turn(&client, now_ns);
	while ((*ret_result = transport_read(
			&client, text, sizeof(text), &got_bytes)) == IO_DONE) {
		ck_assert_uint_eq(got_bytes, 1);
		count++;
	}
	return count;
}

/* A million of these take a million reads: not in one turn of the loop. */
START_TEST(records_of_one_byte_take_turns)
{
	enum { RECORDS = 1000 };
	unsigned count = 0, in_turn, turns = 0, again = 0;
	enum io_result result = IO_AGAIN;

	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	for (int i = 0; i < RECORDS; i++)
		peer_send(&peer, "x");
	while (count < RECORDS) {
		if (result == IO_WANT_READ)
			loopback_wait(client.fd, POLLIN);
		/* 0: only the count ends it, however slow this machine is */
		in_turn = read_one_turn(_i == 0 ? UINT64_MAX / 2 : 0, &result);
		ck_assert_int_le(in_turn, _i == 0 ? 64 : 1);
		ck_assert(result == IO_AGAIN || result == IO_WANT_READ);
		again += result == IO_AGAIN;
		count += in_turn;
		turns++;
	}
	ck_assert_uint_eq(count, RECORDS);
	ck_assert_uint_ge(turns, _i == 0 ? RECORDS / 64 : RECORDS);
	/* no readiness would have told of these */
	ck_assert_uint_gt(again, 0);
}
END_TEST

static void
send_tickets(int count)
{
	while (count-- > 0) {
		SSL_new_session_ticket(peer.ssl);
		SSL_do_handshake(peer.ssl);
	}
}

START_TEST(tickets_between_data_are_no_flood)
{
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	for (int i = 0; i < 4; i++) {
		send_tickets(60);
		peer_send(&peer, "data");
		ck_assert_int_eq(read_text(), IO_DONE);
		ck_assert_str_eq(text, "data");
	}
}
END_TEST

/* Tickets; keys; keys with the wish for ours. */
START_TEST(messages_without_end_are_one_failure)
{
	enum io_result result;

	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	for (int i = 0; i < 1000; i++) {
		if (_i == 0)
			SSL_new_session_ticket(peer.ssl);
		else
			SSL_key_update(
				peer.ssl, _i == 1 ? SSL_KEY_UPDATE_NOT_REQUESTED
						  : SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(peer.ssl);
	}
	result = read_text();
	ck_assert_int_eq(result, IO_ERROR);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(
		text, "tls: server sends handshake messages without end");
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_MESSAGES);
}
END_TEST

START_TEST(much_is_written_piece_by_piece)
{
	enum { MUCH = 8 << 20 };
	char *much = malloc(MUCH), *got = malloc(MUCH);
	size_t progress = 0, got_bytes = 0;
	enum io_result result;
	int blocked = 0, len;

	memset(much, 'm', MUCH);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	while ((result = transport_write(&client, much, MUCH, &progress)) ==
			IO_WANT_WRITE ||
		got_bytes < MUCH) {
		blocked += result == IO_WANT_WRITE;
		ck_assert(result == IO_DONE || result == IO_WANT_WRITE);
		loopback_wait(peer.fd, POLLIN);
		peer_step(&peer);
		while (got_bytes < MUCH &&
			(len = SSL_read(peer.ssl, got + got_bytes,
				 (int)(MUCH - got_bytes))) > 0)
			got_bytes += (size_t)len;
	}
	ck_assert_int_eq(result, IO_DONE);
	ck_assert_int_gt(blocked, 0);
	ck_assert_mem_eq(got, much, MUCH);
	free(got);
	free(much);
}
END_TEST

START_TEST(a_tunnel_becomes_tls)
{
	int client_fd, server_fd;
	size_t progress = 0;

	loopback_pair(&client_fd, &server_fd);
	ck_assert_int_eq(transport_start(&client, client_fd, NULL, NULL), 0);
	ck_assert_int_eq(transport_handshake(&client), IO_DONE);
	ck_assert_int_eq(
		transport_write(&client, "CONNECT", 7, &progress), IO_DONE);
	loopback_wait(server_fd, POLLIN);
	ck_assert_int_eq(recv(server_fd, text, sizeof(text), 0), 7);
	loopback_send(server_fd, "go", 2);
	peer.fd = client_fd; /* for read_text's wait only */
	loopback_wait(client_fd, POLLIN);
	ck_assert_int_eq(transport_read(&client, text, 2, &progress), IO_DONE);
	ck_assert_int_eq(transport_detach(&client), client_fd);
	peer_open(&peer, server_fd);
	ck_assert_int_eq(transport_start(&client, client_fd, trust, NAME), 0);
	ck_assert_int_eq(finish_handshake(), IO_DONE);
}
END_TEST

/* What a PEM text holds, and what is said of it. */
static int
add_pem(const char *pem, struct strbuf *problems)
{
	return tls_trust_add_pem(
		trust, "ca.pem", pem, strlen(pem), true, problems);
}

START_TEST(a_text_without_certificates_is_said)
{
	struct strbuf problems;

	strbuf_init(&problems, 0);
	ck_assert_int_eq(add_pem("", &problems), -ENODATA);
	ck_assert_str_eq(
		strbuf_text(&problems), "ca.pem: no certificate in it\n");
	ck_assert_int_eq(add_pem("-----BEGIN RSA PARAMETERS-----\nMAA=\n"
				 "-----END RSA PARAMETERS-----\n",
				 &problems),
		-ENODATA);
	ck_assert_uint_eq(tls_trust_count(trust), 1);
	strbuf_fini(&problems);
}
END_TEST

/* In each the middle of three is bad in its own way. */
static const char *const bad_blocks[] = {
	"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
	"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
	"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
	"-----BEGIN CERTIFICATE-----\nMAA=\n-----END SOMETHING-----\n",
};

/* F 1.27 */
START_TEST(a_bad_certificate_does_not_drop_the_others)
{
	struct peer_identity third =
		make(NULL, -PEER_DAY_S, PEER_DAY_S, true, NULL);
	char *first = peer_identity_pem(&server);
	char *last = peer_identity_pem(&third);
	char all[8192];
	struct strbuf problems;

	strbuf_init(&problems, 0);
	snprintf(all, sizeof(all), "%s%s%s", first, bad_blocks[_i], last);
	ck_assert_int_eq(add_pem(all, &problems), -EBADMSG);
	ck_assert_str_eq(strbuf_text(&problems),
		"ca.pem: 1 of 3 certificates cannot be read\n");
	ck_assert_uint_eq(tls_trust_count(trust), 3);
	ck_assert_int_eq(add_pem(first, &problems), 0);
	ck_assert_uint_eq(tls_trust_count(trust), 3);
	strbuf_fini(&problems);
	free(first);
	free(last);
	peer_identity_free(&third);
}
END_TEST

/* As the nursery starts its workers: no handler of fork runs. */
static void
draw_in_clone(unsigned char *shared, size_t len_bytes)
{
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)RAND_bytes(shared, (int)len_bytes);
		_exit(0);
	}
	ck_assert_int_eq(waitpid((pid_t)child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

START_TEST(clones_do_not_share_random_numbers)
{
	unsigned char *shared = mmap(NULL, 96, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(shared, MAP_FAILED);
	draw_in_clone(shared, 32);
	draw_in_clone(shared + 32, 32);
	(void)RAND_bytes(shared + 64, 32);
	ck_assert_mem_ne(shared, shared + 32, 32);
	ck_assert_mem_ne(shared, shared + 64, 32);
	ck_assert_mem_ne(shared + 32, shared + 64, 32);
	munmap(shared, 96);
}
END_TEST

#define COUNT_OF(table) ((int)(sizeof(table) / sizeof((table)[0])))

static void
add_trust_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_good_server_is_believed_and_talks);
	tcase_add_test(tcase, every_handshake_is_a_full_one);
	tcase_add_loop_test(
		tcase, a_certificate_is_for_its_names_only, 0, COUNT_OF(names));
	tcase_add_test(tcase, the_wrong_name_is_named);
	tcase_add_test(tcase, the_wrong_address_is_named);
	tcase_add_test(tcase, a_common_name_is_no_name);
	tcase_add_test(tcase, no_name_is_never_any_name);
	tcase_add_test(
		tcase, an_expired_certificate_is_refused_and_its_date_known);
	tcase_add_test(tcase, a_certificate_of_tomorrow_is_refused);
	tcase_add_test(tcase, an_expired_issuer_is_told_apart);
	tcase_add_test(tcase, a_self_signed_certificate_is_refused);
	tcase_add_test(tcase, an_unknown_authority_is_refused);
	tcase_add_test(tcase, an_anchor_need_not_be_a_root);
	tcase_add_test(
		tcase, a_derived_trust_believes_both_and_its_base_does_not);
	tcase_add_test(
		tcase, insecure_believes_whoever_answers_and_knows_the_date);
	tcase_add_test(tcase, a_long_chain_is_judged);
	tcase_add_test(tcase, a_longer_chain_is_refused);
	tcase_add_loop_test(tcase, a_key_has_its_price, 0, COUNT_OF(keys));
	tcase_add_test(tcase, a_dear_key_is_refused);
	tcase_add_loop_test(tcase, the_size_of_a_key_is_bounded, 0, 3);
	tcase_add_loop_test(tcase, a_server_of_finite_fields_is_told, 0,
		COUNT_OF(finite_fields));
	tcase_add_test(tcase, a_text_without_certificates_is_said);
	tcase_add_loop_test(tcase, a_bad_certificate_does_not_drop_the_others,
		0, COUNT_OF(bad_blocks));
}

static void
add_session_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_server_of_tls_1_1_is_named);
	tcase_add_test(tcase, tls_1_2_is_spoken);
	tcase_add_loop_test(
		tcase, what_is_not_tls_is_named, 0, COUNT_OF(not_tls));
	tcase_add_loop_test(tcase,
		what_is_no_certificate_is_not_called_an_alert, 0,
		COUNT_OF(no_certificates));
	tcase_add_test(tcase, no_memory_is_not_the_servers_fault);
	tcase_add_loop_test(tcase, an_end_in_the_handshake_is_told, 0, 7);
	tcase_add_test(tcase, a_reset_in_the_handshake_is_told);
	tcase_add_test(tcase, one_targets_failure_is_not_told_of_the_next);
	tcase_add_test(tcase, a_handshake_byte_by_byte_is_one);
	tcase_add_test(tcase, alpn_is_http_1_1_or_nothing);
	tcase_add_test(tcase, alpn_that_was_not_offered_is_refused);
	tcase_add_test(tcase, alpn_refused_is_an_alert);
	tcase_add_test(tcase, a_wish_for_a_client_certificate_is_declined);
	tcase_add_loop_test(tcase, a_demand_for_a_client_certificate_is_told,
		TLS1_2_VERSION, TLS1_3_VERSION + 1);
	tcase_add_loop_test(tcase, a_name_that_the_url_lacks_is_told, 0,
		COUNT_OF(name_alerts));
	tcase_add_test(tcase, a_renegotiation_is_declined_and_the_answer_read);
	tcase_add_test(tcase, an_end_with_close_notify_is_clean);
	tcase_add_test(tcase, an_end_between_two_records_is_one);
	tcase_add_loop_test(tcase, an_end_inside_a_record_is_a_cut, 0,
		2 * COUNT_OF(pieces));
	tcase_add_test(tcase, closing_says_goodbye_unless_the_peer_has_gone);
	tcase_add_test(tcase, the_stamp_under_tls_is_that_of_the_answer);
	tcase_add_test(tcase, a_session_goes_on_at_another_place);
	tcase_add_test(tcase, a_step_ends_under_a_flood);
	tcase_add_loop_test(tcase, records_of_one_byte_take_turns, 0, 2);
	tcase_add_test(tcase, tickets_between_data_are_no_flood);
	tcase_add_loop_test(tcase, messages_without_end_are_one_failure, 0, 3);
	tcase_add_test(tcase, much_is_written_piece_by_piece);
	tcase_add_test(tcase, a_tunnel_becomes_tls);
	tcase_add_test(tcase, clones_do_not_share_random_numbers);
}

int
main(void)
{
	Suite *suite = suite_create("tls");
	TCase *trusting = tcase_create("trust");
	TCase *session = tcase_create("session");
	SRunner *runner;
	int failed;

	tcase_set_timeout(trusting, 60);
	tcase_set_timeout(session, 60);
	tcase_add_checked_fixture(trusting, open_all, close_all);
	tcase_add_checked_fixture(session, open_all, close_all);
	add_trust_tests(trusting);
	add_session_tests(session);
	suite_add_tcase(suite, trusting);
	suite_add_tcase(suite, session);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
