/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a TLS connection; see tls_fixture.h. */
#include "tests/unit/tls_fixture.h"

#include "common/clock.h"
#include "common/strbuf.h"
#include "tests/unit/loopback.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct peer_identity ca, server;
struct tls_trust *trust;
struct tls_peer peer;
struct transport client;
char text[256];

void
trust_identity(struct tls_trust *into, const struct peer_identity *identity)
{
	struct strbuf problems;
	char *pem = peer_identity_pem(identity);

	strbuf_init(&problems, 0);
	ck_assert_int_eq(tls_trust_add_pem(into, "test", pem, strlen(pem), true,
				 &problems),
		0);
	strbuf_fini(&problems);
	free(pem);
}

struct peer_identity
make(const char *alt_names, long starts_in_s, long ends_in_s, bool is_ca,
	const struct peer_identity *issuer)
{
	static unsigned number;
	char common_name[32] = "test CA";
	const struct peer_subject subject = {
		.common_name = common_name,
		.alt_names = alt_names,
		.starts_in_s = starts_in_s,
		.ends_in_s = ends_in_s,
		.is_ca = is_ca,
	};

	if (!is_ca)
		strcpy(common_name, NAME);
	else if (issuer != NULL)
		snprintf(common_name, sizeof(common_name), "test CA %u",
			++number);
	return peer_identity_new(&subject, issuer);
}

struct peer_identity
make_plain(const char *common_name, bool is_ca, EVP_PKEY *key,
	const struct peer_identity *issuer)
{
	const struct peer_subject subject = {
		.common_name = common_name,
		.alt_names = is_ca ? NULL : ALT_NAMES,
		.starts_in_s = -PEER_DAY_S,
		.ends_in_s = 10 * PEER_DAY_S,
		.is_ca = is_ca,
		.no_key_ids = true,
		.key = key,
	};

	return peer_identity_new(&subject, issuer);
}

void
open_all(void)
{
	ck_assert_int_eq(tls_library_init(), 0);
	ca = make(NULL, -PEER_DAY_S, 30 * PEER_DAY_S, true, NULL);
	server = make(ALT_NAMES, -PEER_DAY_S, 10 * PEER_DAY_S, false, &ca);
	trust = tls_trust_new(NULL, false);
	ck_assert_ptr_nonnull(trust);
	trust_identity(trust, &ca);
	peer_init(&peer, &server);
}

void
close_all(void)
{
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	peer_fini(&peer);
	tls_trust_free(trust);
	peer_identity_free(&server);
	peer_identity_free(&ca);
}

void
use_server(struct peer_identity identity)
{
	peer_identity_free(&server);
	server = identity;
	SSL_CTX_use_certificate(peer.context, server.certificate);
	SSL_CTX_use_PrivateKey(peer.context, server.key);
}

void
start_over(void)
{
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	peer_fini(&peer);
	peer_init(&peer, &server);
}

void
start(const struct tls_trust *whom, const char *name)
{
	int client_fd, server_fd;

	loopback_pair(&client_fd, &server_fd);
	peer_open(&peer, server_fd);
	ck_assert_int_eq(transport_start(&client, client_fd, whom, name), 0);
}

enum io_result
finish_handshake(void)
{
	enum io_result result;

	for (;;) {
		transport_begin_turn(&client, clock_mono_ns());
		result = transport_handshake(&client);
		peer_step(&peer);
		if (result == IO_WANT_WRITE)
			loopback_wait(client.fd, POLLOUT);
		else if (result != IO_WANT_READ)
			break;
		else if (peer.chunk_bytes == 0 || BIO_pending(peer.out) == 0)
			loopback_wait_either(client.fd, peer.fd);
	}
	transport_describe_failure(&client, text, sizeof(text));
	while (result == IO_DONE && !SSL_is_init_finished(peer.ssl)) {
		loopback_wait(peer.fd, POLLIN);
		peer_step(&peer);
	}
	return result;
}

enum io_result
shake(const struct tls_trust *whom, const char *name)
{
	start(whom, name);
	return finish_handshake();
}

enum io_result
read_text(void)
{
	enum io_result result;
	size_t got_bytes = 0;

	for (;;) {
		transport_begin_turn(&client, clock_mono_ns());
		result = transport_read(
			&client, text, sizeof(text) - 1, &got_bytes);
		if (result != IO_WANT_READ)
			break;
		peer_step(&peer);
		loopback_wait_either(client.fd, peer.fd);
	}
	text[got_bytes] = '\0';
	return result;
}

int64_t
expiry_of(const struct peer_identity *identity)
{
	struct tm ends;

	ASN1_TIME_to_tm(X509_get0_notAfter(identity->certificate), &ends);
	return (int64_t)timegm(&ends);
}

void
expect_refusal(const struct tls_trust *whom, const char *name,
	enum tls_failure failure, const char *words)
{
	ck_assert_int_eq(shake(whom, name), IO_ERROR);
	ck_assert_str_eq(text, words);
	ck_assert_int_eq(transport_tls_failure(&client), failure);
	ck_assert_int_eq(transport_errno(&client), 0);
}
