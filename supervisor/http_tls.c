/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of the https listener; see http_tls.h. */
#include "supervisor/http_tls.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A chain is some ten kilobytes, a key two. */
#define FILE_MAX_BYTES (256 * 1024)
#define CHAIN_MAX      16
/* A handshake that began with a pair ends within the headers' deadline, 5 s. */
#define RETIRED_KEEP_NS (30 * NS_PER_S)
/*
 * A record takes two reads and 10 us, however little is in it.  So many for a
 * request, the first one with its handshake, are 5 ms, and enough for 64 KiB
 * in pieces of 130 bytes.
 */
#define READS_PER_REQUEST 1024

struct pair {
	struct pair *next; /* of those retired */
	uint64_t retired_ns;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned chain_len;
	gnutls_privkey_t key;
	int64_t not_after_unix_s;
};

struct http_tls {
	char *cert_path;
	char *key_path;
	struct pair *current;
	struct pair *retired; /* a handshake may still use them */
	uint64_t heard;
};

static void
free_pair(struct pair *pair)
{
	if (pair == NULL)
		return;
	for (unsigned i = 0; i < pair->chain_len; i++)
		gnutls_pcert_deinit(&pair->chain[i]);
	if (pair->key != NULL)
		gnutls_privkey_deinit(pair->key);
	free(pair);
}

static int
refuse(char *error, size_t error_cap, const char *path, const char *why)
{
	snprintf(error, error_cap, "%s: %s", path, why);
	return -EINVAL;
}

/* The whole of a file, which may be anything that somebody put there. */
static int
read_bytes(int fd, char *buf, size_t cap_bytes, size_t *ret_bytes)
{
	struct stat st;
	size_t len = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	while (len < cap_bytes) {
		ssize_t n = read(fd, buf + len, cap_bytes - len);

		if (n < 0)
			return -errno;
		if (n == 0) {
			*ret_bytes = len;
			return 0;
		}
		len += (size_t)n;
	}
	return -EFBIG;
}

/* To be freed with forget. */
static int
read_file(const char *path, gnutls_datum_t *ret_text, char *error,
	size_t error_cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int rc = fd < 0 ? -errno : 0;
	char *bytes = malloc(FILE_MAX_BYTES);
	size_t len = 0;

	if (rc == 0 && bytes == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = read_bytes(fd, bytes, FILE_MAX_BYTES, &len);
	if (fd >= 0)
		close(fd);
	if (rc < 0) {
		free(bytes);
		refuse(error, error_cap, path, strerror(-rc));
		return rc;
	}
	ret_text->data = (unsigned char *)bytes;
	ret_text->size = (unsigned)len;
	return 0;
}

static void
forget(gnutls_datum_t *text)
{
	if (text->data != NULL)
		explicit_bzero(text->data, text->size);
	free(text->data);
	text->data = NULL;
}

static int
parse_chain(struct pair *pair, const char *path, const gnutls_datum_t *text,
	char *error, size_t error_cap)
{
	gnutls_x509_crt_t certificate;
	unsigned count = CHAIN_MAX;
	int rc = gnutls_pcert_list_import_x509_raw(pair->chain, &count, text,
		GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);

	if (rc < 0)
		return refuse(error, error_cap, path, gnutls_strerror(rc));
	pair->chain_len = count;
	if (count == 0)
		return refuse(error, error_cap, path, "no certificate in it");
	rc = gnutls_pcert_export_x509(&pair->chain[0], &certificate);
	if (rc < 0)
		return refuse(error, error_cap, path, gnutls_strerror(rc));
	pair->not_after_unix_s =
		gnutls_x509_crt_get_expiration_time(certificate);
	gnutls_x509_crt_deinit(certificate);
	return 0;
}

static int
parse_key(struct pair *pair, const char *path, const gnutls_datum_t *text,
	char *error, size_t error_cap)
{
	int rc = gnutls_privkey_init(&pair->key);

	if (rc == 0)
		rc = gnutls_privkey_import_x509_raw(
			pair->key, text, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc < 0)
		return refuse(error, error_cap, path, gnutls_strerror(rc));
	return 0;
}

/* Both halves name the same public key. */
static int
match(const struct pair *pair, const struct http_tls *tls, char *error,
	size_t error_cap)
{
	unsigned char ids[2][64];
	size_t lens[2] = { sizeof(ids[0]), sizeof(ids[1]) };
	gnutls_pubkey_t public_key;
	int rc = gnutls_pubkey_init(&public_key);

	if (rc < 0)
		return refuse(
			error, error_cap, tls->key_path, gnutls_strerror(rc));
	rc = gnutls_pubkey_import_privkey(public_key, pair->key, 0, 0);
	if (rc == 0)
		rc = gnutls_pubkey_get_key_id(
			public_key, GNUTLS_KEYID_USE_SHA256, ids[0], &lens[0]);
	if (rc == 0)
		rc = gnutls_pubkey_get_key_id(pair->chain[0].pubkey,
			GNUTLS_KEYID_USE_SHA256, ids[1], &lens[1]);
	gnutls_pubkey_deinit(public_key);
	if (rc < 0)
		return refuse(
			error, error_cap, tls->key_path, gnutls_strerror(rc));
	if (lens[0] != lens[1] || memcmp(ids[0], ids[1], lens[0]) != 0)
		return refuse(error, error_cap, tls->key_path,
			"not the key of the certificate");
	return 0;
}

static int
fill_pair(struct pair *pair, const struct http_tls *tls, char *error,
	size_t error_cap)
{
	gnutls_datum_t text = { NULL, 0 };
	int rc = read_file(tls->cert_path, &text, error, error_cap);

	if (rc == 0)
		rc = parse_chain(pair, tls->cert_path, &text, error, error_cap);
	forget(&text);
	if (rc < 0)
		return rc;
	rc = read_file(tls->key_path, &text, error, error_cap);
	if (rc == 0)
		rc = parse_key(pair, tls->key_path, &text, error, error_cap);
	forget(&text);
	return rc < 0 ? rc : match(pair, tls, error, error_cap);
}

/* Frees those that no handshake can still be using. */
static void
sweep(struct http_tls *tls, uint64_t now_ns)
{
	struct pair **link = &tls->retired;

	while (*link != NULL) {
		struct pair *pair = *link;

		if (now_ns - pair->retired_ns < RETIRED_KEEP_NS) {
			link = &pair->next;
			continue;
		}
		*link = pair->next;
		free_pair(pair);
	}
}

int
http_tls_reload(struct http_tls *tls, char *error, size_t error_cap)
{
	uint64_t now_ns = clock_mono_ns();
	struct pair *pair = calloc(1, sizeof(*pair));
	int rc;

	sweep(tls, now_ns);
	if (pair == NULL) {
		refuse(error, error_cap, tls->cert_path, strerror(ENOMEM));
		return -ENOMEM;
	}
	rc = fill_pair(pair, tls, error, error_cap);
	if (rc < 0) {
		free_pair(pair);
		return rc;
	}
	if (tls->current != NULL) {
		tls->current->retired_ns = now_ns;
		tls->current->next = tls->retired;
		tls->retired = tls->current;
	}
	tls->current = pair;
	return 0;
}

struct http_tls *
http_tls_open(const char *cert_path, const char *key_path, char *error,
	size_t error_cap)
{
	struct http_tls *tls = calloc(1, sizeof(*tls));

	if (tls != NULL) {
		tls->cert_path = strdup(cert_path);
		tls->key_path = strdup(key_path);
	}
	if (tls == NULL || tls->cert_path == NULL || tls->key_path == NULL) {
		refuse(error, error_cap, cert_path, strerror(ENOMEM));
		http_tls_free(tls);
		return NULL;
	}
	if (http_tls_reload(tls, error, error_cap) < 0) {
		http_tls_free(tls);
		return NULL;
	}
	return tls;
}

int64_t
http_tls_not_after_unix_s(const struct http_tls *tls)
{
	return tls->current->not_after_unix_s;
}

uint64_t
http_tls_heard(const struct http_tls *tls)
{
	return tls->heard;
}

void
http_tls_free(struct http_tls *tls)
{
	if (tls == NULL)
		return;
	while (tls->retired != NULL) {
		struct pair *pair = tls->retired;

		tls->retired = pair->next;
		free_pair(pair);
	}
	free_pair(tls->current);
	free(tls->cert_path);
	free(tls->key_path);
	free(tls);
}

/* The first bytes are kept, to know later what did not want to be TLS.  Who
 * sends too many records is taken for one who has hung up. */
static ssize_t
pull(gnutls_transport_ptr_t pointer, void *buf, size_t cap_bytes)
{
	struct http_tls_peer *peer = pointer;
	ssize_t n;

	if (peer->reads_left == 0) {
		errno = ECONNRESET;
		return -1;
	}
	n = recv(peer->fd, buf, cap_bytes, 0);
	if (n > 0)
		peer->reads_left--;
	if (n >= 0 || errno != EAGAIN)
		peer->tls->heard++;
	for (ssize_t i = 0;
		i < n && peer->first_count < sizeof(peer->first_bytes); i++)
		peer->first_bytes[peer->first_count++] = ((const char *)buf)[i];
	return n;
}

/* The client's last message of a handshake, in TLS 1.2 and 1.3. */
static int
on_finished(gnutls_session_t session, unsigned type, unsigned when,
	unsigned incoming, const gnutls_datum_t *message)
{
	struct http_tls_peer *peer = gnutls_transport_get_ptr(session);

	(void)type;
	(void)when;
	(void)message;
	if (incoming)
		peer->on_handshaken(peer);
	return 0;
}

void
http_tls_attach(struct http_tls_peer *peer, struct http_tls *tls, int fd,
	gnutls_session_t session,
	void (*on_handshaken)(struct http_tls_peer *peer))
{
	unsigned char name[] = "http/1.1";
	const gnutls_datum_t protocol = { name, sizeof(name) - 1 };

	peer->tls = tls;
	peer->fd = fd;
	peer->first_count = 0;
	http_tls_allow_request(peer);
	/* who speaks none of them is served all the same */
	(void)gnutls_alpn_set_protocols(session, &protocol, 1, 0);
	gnutls_transport_set_ptr2(
		session, peer, (gnutls_transport_ptr_t)(intptr_t)fd);
	gnutls_transport_set_pull_function(session, pull);
	peer->on_handshaken = on_handshaken;
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED,
		GNUTLS_HOOK_POST, on_finished);
}

void
http_tls_allow_request(struct http_tls_peer *peer)
{
	peer->reads_left = READS_PER_REQUEST;
}

static ssize_t
pull_end(gnutls_transport_ptr_t pointer, void *buf, size_t cap_bytes)
{
	(void)pointer;
	(void)buf;
	(void)cap_bytes;
	return 0;
}

void
http_tls_refuse(gnutls_session_t session)
{
	gnutls_transport_set_pull_function(session, pull_end);
}

int
http_tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names,
	int name_count, const gnutls_pk_algorithm_t *algorithms,
	int algorithm_count, gnutls_pcert_st **ret_certificates,
	unsigned *ret_count, gnutls_privkey_t *ret_key)
{
	const struct http_tls_peer *peer = gnutls_transport_get_ptr(session);
	struct pair *pair = peer->tls->current;

	(void)names;
	(void)name_count;
	(void)algorithms;
	(void)algorithm_count;
	*ret_certificates = pair->chain;
	*ret_count = pair->chain_len;
	*ret_key = pair->key;
	return 0;
}

void
http_tls_say(gnutls_session_t session, const char *text)
{
	(void)gnutls_record_send(session, text, strlen(text));
}

void
http_tls_farewell(const struct http_tls_peer *peer)
{
	/* what kubenurse 1.x looks for, and what it says */
	static const char *const words[] = { "GET /", "HEAD ", "POST ", "PUT /",
		"OPTIO" };
	static const char answer[] =
		"HTTP/1.0 400 Bad Request\r\n\r\n"
		"Client sent an HTTP request to an HTTPS server.\n";

	if (peer->first_count < sizeof(peer->first_bytes))
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (memcmp(peer->first_bytes, words[i], 5) == 0)
			(void)send(peer->fd, answer, sizeof(answer) - 1,
				MSG_NOSIGNAL | MSG_DONTWAIT);
}
