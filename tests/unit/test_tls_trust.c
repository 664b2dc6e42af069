/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificates are believed, where OpenSSL alone would not: names of a
 * cluster, authorities that were rotated, keys below the security level,
 * servers without RFC 5746; and what is said of a certificate that is not.
 */
#include "tests/unit/tls_fixture.h"
#include "workers/tls_limits.h"
#include "workers/tls_names.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* As kubenurse 1.x judges them. */
static const struct {
	const char *name, *host;
	bool same;
} pairs[] = {
	{ "shop.test", "shop.test", true },
	{ "Shop.TEST", "sHOP.test", true },
	{ "shop.test", "shop.tes", false },
	{ "shop.test", "ashop.test", false },
	{ "my_svc.apps.test", "my_svc.apps.test", true },
	{ "*.apps.test", "my_svc.apps.test", true },
	{ "*.APPS.test", "a.apps.TEST", true },
	{ "*.apps.test", "_a-.apps.test", true },
	{ "*.my_apps.test", "a.my_apps.test", true },
	{ "*.vault-internal", "vault-0.vault-internal", true },
	{ "*.test", "shop.test", true },
	{ "*.test", "test", false },
	{ "*.test", ".test", false },
	{ "*.test", "a.b.test", false },
	{ "*.apps.test", "-a.apps.test", false },
	{ "*.apps.test", "a b.apps.test", false },
	{ "*.apps.test", "a.apps.test.", false },
	{ "*..test", "a..test", false },
	{ "*.-apps.test", "a.-apps.test", false },
	{ "*.*.test", "a.*.test", false },
	{ "a*.apps.test", "ab.apps.test", false },
	{ "*a.apps.test", "ba.apps.test", false },
	{ "a.*.test", "a.b.test", false },
	{ "*", "test", false },
	{ "*.", "test.", false },
	{ "*.", "test", false },
	{ "", "", false },
	{ "", "test", false },
};

START_TEST(a_name_is_for_a_host_or_not)
{
	ck_assert_int_eq(tls_names_match(pairs[_i].name, strlen(pairs[_i].name),
				 pairs[_i].host),
		pairs[_i].same);
}
END_TEST

START_TEST(a_name_ends_where_the_certificate_says)
{
	ck_assert(tls_names_match("good.testing", 9, "good.test"));
	ck_assert(!tls_names_match("good.test\0evil", 14, "good.test"));
	ck_assert(!tls_names_match("good\0test", 9, "good.test"));
	ck_assert(!tls_names_match("*.test\0", 7, "good.test"));
}
END_TEST

START_TEST(names_of_a_cluster_are_believed)
{
	static const char *const hosts[] = { "my_svc.apps.test",
		"vault-0.vault-internal", "vault_0.vault-internal" };

	use_server(make("DNS:*.apps.test,DNS:*.vault-internal", -PEER_DAY_S,
		PEER_DAY_S, false, &ca));
	ck_assert_int_eq(shake(trust, hosts[_i]), IO_DONE);
}
END_TEST

/* Which of them OpenSSL takes first is its own affair. */
START_TEST(authorities_of_one_name_are_all_tried)
{
	struct peer_identity authorities[4];
	struct tls_trust *all;

	for (int i = 0; i < COUNT_OF(authorities); i++)
		authorities[i] = make_plain("rotated", true, NULL, NULL);
	for (int signer = 0; signer < COUNT_OF(authorities); signer++) {
		all = tls_trust_new(NULL, false);
		use_server(make_plain(NAME, false, NULL, &authorities[signer]));
		for (int i = 0; i < COUNT_OF(authorities); i++)
			trust_identity(all, &authorities[i]);
		ck_assert_int_eq(shake(all, NAME), IO_DONE);
		start_over();
		ck_assert_int_eq(shake(all, "other.test"), IO_ERROR);
		start_over();
		tls_trust_free(all);
		/* without the signer */
		all = tls_trust_new(NULL, false);
		for (int i = 0; i < COUNT_OF(authorities); i++)
			if (i != signer)
				trust_identity(all, &authorities[i]);
		expect_refusal(all, NAME, TLS_FAILURE_CERTIFICATE,
			"tls: certificate is signed by an unknown authority: "
			"it names CN=rotated, but not with a key that is "
			"trusted");
		start_over();
		tls_trust_free(all);
	}
	for (int i = 0; i < COUNT_OF(authorities); i++)
		peer_identity_free(&authorities[i]);
}
END_TEST

/* The server sends its issuer twice, the second with another key. */
START_TEST(intermediates_of_one_name_are_all_tried)
{
	struct peer_identity right = make_plain("between", true, NULL, &ca);
	struct peer_identity wrong = make_plain("between", true, NULL, &ca);

	use_server(make_plain(NAME, false, NULL, &right));
	SSL_CTX_add1_chain_cert(
		peer.context, _i == 0 ? wrong.certificate : right.certificate);
	SSL_CTX_add1_chain_cert(
		peer.context, _i == 0 ? right.certificate : wrong.certificate);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_identity_free(&right);
	peer_identity_free(&wrong);
}
END_TEST

/* One key, signed by an authority that is gone and by one that is trusted. */
START_TEST(an_issuer_of_two_authorities_leads_to_either)
{
	struct peer_identity gone = make_plain("gone", true, NULL, NULL);
	struct peer_identity old = make_plain("between", true, NULL, &gone);
	struct peer_identity cross = make_plain("between", true, old.key, &ca);

	use_server(make_plain(NAME, false, NULL, &old));
	SSL_CTX_add1_chain_cert(
		peer.context, _i == 0 ? old.certificate : cross.certificate);
	SSL_CTX_add1_chain_cert(
		peer.context, _i == 0 ? cross.certificate : old.certificate);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_identity_free(&gone);
	peer_identity_free(&old);
	peer_identity_free(&cross);
}
END_TEST

/* A new authority that the old one of the same name has signed, too. */
START_TEST(a_rollover_leads_to_the_old_authority)
{
	const struct peer_subject subject = {
		.common_name = "test CA",
		.starts_in_s = -PEER_DAY_S,
		.ends_in_s = PEER_DAY_S,
		.is_ca = true,
	};
	struct peer_identity rolled = peer_identity_new(&subject, &ca);

	use_server(make_plain(NAME, false, NULL, &rolled));
	SSL_CTX_add1_chain_cert(peer.context, rolled.certificate);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	peer_identity_free(&rolled);
}
END_TEST

/* An authority issued anew with its old key, but with another identifier. */
START_TEST(key_identifiers_are_hints_only)
{
	const struct peer_subject subject = {
		.common_name = "test CA",
		.starts_in_s = -PEER_DAY_S,
		.ends_in_s = PEER_DAY_S,
		.is_ca = true,
		.key_id = "0102030405",
		.key = ca.key,
	};
	struct peer_identity anew = peer_identity_new(&subject, NULL);
	struct tls_trust *only = tls_trust_new(NULL, false);

	trust_identity(only, &anew);
	ck_assert_int_eq(shake(only, NAME), IO_DONE);
	tls_trust_free(only);
	peer_identity_free(&anew);
}
END_TEST

/* All of one name and none signed by another: there are 15! ways. */
START_TEST(the_search_has_an_end)
{
	struct peer_identity one;

	use_server(make_plain(NAME, false, NULL, &ca));
	X509_set_issuer_name(
		server.certificate, X509_get_subject_name(ca.certificate));
	for (int i = 0; i < TLS_CERTIFICATES_MAX - 1; i++) {
		one = make_plain("test CA", true, NULL, NULL);
		SSL_CTX_add1_chain_cert(peer.context, one.certificate);
		peer_identity_free(&one);
	}
	if (_i == 1) {
		tls_trust_free(trust);
		trust = tls_trust_new(NULL, false);
		one = make_plain("test CA", true, NULL, NULL);
		trust_identity(trust, &one);
		peer_identity_free(&one);
	} else if (_i == 2) {
		tls_trust_free(trust);
		trust = tls_trust_new(NULL, false);
	}
	ck_assert_int_eq(shake(trust, NAME), _i == 0 ? IO_DONE : IO_ERROR);
	if (_i != 0)
		ck_assert_ptr_nonnull(strstr(text, "unknown authority"));
}
END_TEST

/* It is found among others of its name, and then its date counts. */
START_TEST(an_old_certificate_of_a_rotated_authority_is_old)
{
	struct peer_subject subject = {
		.common_name = NAME,
		.alt_names = ALT_NAMES,
		.starts_in_s = -9 * PEER_DAY_S,
		.ends_in_s = -PEER_DAY_S,
		.no_key_ids = true,
	};
	struct peer_identity others[3];

	for (int i = 0; i < COUNT_OF(others); i++) {
		others[i] = make_plain("test CA", true, NULL, NULL);
		trust_identity(trust, &others[i]);
	}
	for (int i = 0; i < COUNT_OF(others); i++) {
		use_server(peer_identity_new(&subject, &others[i]));
		ck_assert_int_eq(shake(trust, NAME), IO_ERROR);
		ck_assert_ptr_nonnull(strstr(text, "certificate has expired"));
		start_over();
	}
	for (int i = 0; i < COUNT_OF(others); i++)
		peer_identity_free(&others[i]);
}
END_TEST

/* Sent, and not needed: the one gauge knows it, the other does not. */
START_TEST(an_old_certificate_beside_the_chain_is_not_of_it)
{
	struct peer_identity old =
		make("DNS:old.test", -9 * PEER_DAY_S, -PEER_DAY_S, true, NULL);
	struct tls_trust *insecure = tls_trust_new(NULL, true);

	SSL_CTX_add1_chain_cert(peer.context, old.certificate);
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	ck_assert_int_eq(
		transport_certificate_expiry_unix_s(&client), expiry_of(&old));
	ck_assert_int_eq(
		transport_chain_expiry_unix_s(&client), expiry_of(&server));
	start_over();
	ck_assert_int_eq(shake(insecure, NAME), IO_DONE);
	ck_assert_int_eq(transport_chain_expiry_unix_s(&client), 0);
	start_over();
	ck_assert_int_eq(shake(trust, "other.test"), IO_ERROR);
	ck_assert_int_eq(transport_chain_expiry_unix_s(&client), 0);
	tls_trust_free(insecure);
	peer_identity_free(&old);
}
END_TEST

/* The authority counts, too, whichever way it was found. */
START_TEST(the_chain_ends_with_its_authority)
{
	struct peer_identity other = make_plain("brief", true, NULL, NULL);
	struct peer_subject subject = {
		.common_name = "brief",
		.starts_in_s = -PEER_DAY_S,
		.ends_in_s = PEER_DAY_S,
		.is_ca = true,
		.no_key_ids = true,
	};
	struct peer_identity brief = peer_identity_new(&subject, NULL);

	trust_identity(trust, &brief);
	if (_i == 1)
		trust_identity(trust, &other);
	use_server(make_plain(NAME, false, NULL, &brief));
	ck_assert_int_eq(shake(trust, NAME), IO_DONE);
	ck_assert_int_eq(
		transport_chain_expiry_unix_s(&client), expiry_of(&brief));
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client),
		expiry_of(&server));
	peer_identity_free(&brief);
	peer_identity_free(&other);
}
END_TEST

static bool
is_clean(const char *line)
{
	for (; *line != '\0'; line++)
		if (*line < ' ' || *line > '~')
			return false;
	return true;
}

/* Names that a stranger chose: an escape, a line, bytes that are no text. */
START_TEST(what_a_certificate_says_is_cleaned)
{
	static const char evil[] = "evil\x1b[2J\nlevel=error \xff";
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	ASN1_STRING_set(value, evil, sizeof(evil)); /* with its NUL */
	GENERAL_NAME_set0_value(name, GEN_DNS, value);
	sk_GENERAL_NAME_push(names, name);
	use_server(make(NULL, -PEER_DAY_S, PEER_DAY_S, false, &ca));
	X509_add1_ext_i2d(
		server.certificate, NID_subject_alt_name, names, 0, 0);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(server.certificate),
		"O", MBSTRING_ASC, (const unsigned char *)evil, -1, -1, 0);
	X509_sign(server.certificate, ca.key, EVP_sha256());
	SSL_CTX_use_certificate(peer.context, server.certificate);
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		"tls: certificate is not for good.test but for "
		"evil?[2J?level=error ?? (subject O=evil\\1B[2J\\0Alevel=error "
		"\\C3\\BF,CN=good.test, issuer CN=test CA)");
	GENERAL_NAMES_free(names);
	start_over();
	ck_assert_int_eq(shake(trust, "bad.test"), IO_ERROR);
	ck_assert(is_clean(text));
}
END_TEST

/* Few of many names, long ones, a host that is long itself: one line. */
START_TEST(what_a_certificate_says_is_bounded)
{
	char host[254], alt_names[8192] = "", long_name[65];
	size_t len = 0;

	memset(host, 'h', sizeof(host) - 1);
	for (int i = 60; i < 253; i += 61)
		host[i] = '.';
	host[sizeof(host) - 1] = '\0';
	for (int i = 0; i < 300; i++)
		len += (size_t)snprintf(alt_names + len,
			sizeof(alt_names) - len, "%sDNS:name-%d.shop.test",
			i > 0 ? "," : "", i);
	memset(long_name, 'n', 64);
	long_name[64] = '\0';
	use_server(make(alt_names, -PEER_DAY_S, PEER_DAY_S, false, &ca));
	X509_NAME_add_entry_by_txt(X509_get_subject_name(server.certificate),
		"O", MBSTRING_ASC, (const unsigned char *)long_name, -1, -1, 0);
	X509_sign(server.certificate, ca.key, EVP_sha256());
	SSL_CTX_use_certificate(peer.context, server.certificate);
	expect_refusal(trust, "other.test", TLS_FAILURE_CERTIFICATE,
		"tls: certificate is not for other.test but for "
		"name-0.shop.test, name-1.shop.test, name-2.shop.test, "
		"name-3.shop.test, name-4.shop.test, name-5.shop.test and 294 "
		"more (subject "
		"O=nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn..., issuer "
		"CN=test CA)");
	start_over();
	ck_assert_int_eq(shake(trust, host), IO_ERROR);
	ck_assert_uint_lt(strlen(text), sizeof(text) - 1);
	ck_assert_ptr_nonnull(strstr(text, "... but for name-0.shop.test"));
	ck_assert_ptr_nonnull(strstr(text, "issuer CN=test CA)"));
	start_over();
	/* the first name is longer than all the room there is */
	snprintf(alt_names, sizeof(alt_names), "DNS:%s,DNS:b.test", host);
	use_server(make(alt_names, -PEER_DAY_S, PEER_DAY_S, false, &ca));
	ck_assert_int_eq(shake(trust, "other.test"), IO_ERROR);
	ck_assert_ptr_nonnull(
		strstr(text, "hhh... and 1 more (subject CN=good"));
}
END_TEST

START_TEST(the_unknown_authority_is_named)
{
	struct peer_identity stranger =
		make_plain("stranger", true, NULL, NULL);
	struct peer_identity between =
		make_plain("between", true, NULL, &stranger);

	use_server(make_plain(NAME, false, NULL, &between));
	if (_i > 0)
		SSL_CTX_add1_chain_cert(peer.context, between.certificate);
	if (_i > 1)
		SSL_CTX_add1_chain_cert(peer.context, stranger.certificate);
	expect_refusal(trust, NAME, TLS_FAILURE_CERTIFICATE,
		_i == 0 ? "tls: certificate is signed by an unknown authority: "
			  "CN=between"
			: "tls: certificate is signed by an unknown authority: "
			  "CN=stranger");
	peer_identity_free(&between);
	peer_identity_free(&stranger);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_loop_test(
		tcase, a_name_is_for_a_host_or_not, 0, COUNT_OF(pairs));
	tcase_add_test(tcase, a_name_ends_where_the_certificate_says);
	tcase_add_loop_test(tcase, names_of_a_cluster_are_believed, 0, 3);
	tcase_add_test(tcase, authorities_of_one_name_are_all_tried);
	tcase_add_loop_test(
		tcase, intermediates_of_one_name_are_all_tried, 0, 2);
	tcase_add_loop_test(
		tcase, an_issuer_of_two_authorities_leads_to_either, 0, 2);
	tcase_add_test(tcase, a_rollover_leads_to_the_old_authority);
	tcase_add_test(tcase, key_identifiers_are_hints_only);
	tcase_add_loop_test(tcase, the_search_has_an_end, 0, 3);
	tcase_add_test(tcase, an_old_certificate_of_a_rotated_authority_is_old);
	tcase_add_test(tcase, an_old_certificate_beside_the_chain_is_not_of_it);
	tcase_add_loop_test(tcase, the_chain_ends_with_its_authority, 0, 2);
	tcase_add_test(tcase, what_a_certificate_says_is_cleaned);
	tcase_add_test(tcase, what_a_certificate_says_is_bounded);
	tcase_add_loop_test(tcase, the_unknown_authority_is_named, 0, 3);
}

int
main(void)
{
	Suite *suite = suite_create("tls_trust");
	TCase *tcase = tcase_create("trust");
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
