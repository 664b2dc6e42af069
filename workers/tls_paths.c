/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another way to an authority; see tls_paths.h.  The search compares names
 * only, which costs little; a path that reaches an authority is then judged by
 * OpenSSL as a whole, from the authority's signature downwards.  So a server
 * that merely names our authorities costs one signature for each path.
 */
#include "workers/tls_paths.h"

#include "workers/tls_limits.h"
#include "workers/tls_time.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>

struct search {
	X509_STORE_CTX *refused; /* the verification that failed */
	STACK_OF(X509) * sent;
	/* From the server's certificate on; the authority is the last. */
	X509 *path[TLS_CERTIFICATES_MAX + 2];
	int len;
	unsigned steps_left, paths_left;
	int64_t not_after_unix_s; /* of a path that holds */
};

/* Made once, never changed: it knows no CA, only who issued what. */
static X509_STORE *path_store;

/* On a path each certificate is issued by the next one, and by no other. */
static int
on_check_issued(X509_STORE_CTX *verification, X509 *subject, X509 *issuer)
{
	const struct search *search = X509_STORE_CTX_get_app_data(verification);

	for (int i = 0; i + 1 < search->len; i++)
		if (search->path[i] == subject)
			return search->path[i + 1] == issuer;
	return 0;
}

int
tls_paths_init(void)
{
	path_store = X509_STORE_new();
	if (path_store == NULL)
		return -ENOMEM;
	X509_STORE_set_check_issued(path_store, on_check_issued);
	return 0;
}

/* All signatures hold, and it is the server's own certificate that is old. */
static bool
is_merely_out_of_date(const X509_STORE_CTX *verification)
{
	int error = X509_STORE_CTX_get_error(verification);

	return X509_STORE_CTX_get_error_depth(verification) == 0 &&
	       (error == X509_V_ERR_CERT_HAS_EXPIRED ||
		       error == X509_V_ERR_CERT_NOT_YET_VALID);
}

/* Of the chain that was refused, which a path has shown to be wrong. */
static bool
is_issuer_unknown(const struct search *search)
{
	int error = X509_STORE_CTX_get_error(search->refused);

	return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
	       error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
	       error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
	       error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
}

/* The certificate is one of the path, which outlives the verification. */
static void
take_error(struct search *search, X509_STORE_CTX *verification)
{
	X509_STORE_CTX_set_error(
		search->refused, X509_STORE_CTX_get_error(verification));
	X509_STORE_CTX_set_error_depth(
		search->refused, X509_STORE_CTX_get_error_depth(verification));
	X509_STORE_CTX_set_current_cert(
		search->refused, X509_STORE_CTX_get_current_cert(verification));
}

static bool
verify(struct search *search, X509_STORE_CTX *verification,
	STACK_OF(X509) * between, STACK_OF(X509) * authority)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(search->refused);

	for (int i = 1; i + 1 < search->len; i++)
		if (!sk_X509_push(between, search->path[i]))
			return false;
	if (!sk_X509_push(authority, search->path[search->len - 1]) ||
		!X509_STORE_CTX_init(
			verification, path_store, search->path[0], between) ||
		!X509_STORE_CTX_set_app_data(verification, search) ||
		!X509_VERIFY_PARAM_set1(
			X509_STORE_CTX_get0_param(verification), param))
		return false;
	X509_STORE_CTX_set0_trusted_stack(verification, authority);
	if (X509_verify_cert(verification) == 1) {
		search->not_after_unix_s = tls_time_earliest_end(
			X509_STORE_CTX_get0_chain(verification));
		return true;
	}
	if (is_merely_out_of_date(verification) || is_issuer_unknown(search))
		take_error(search, verification);
	return false;
}

static bool
path_holds(struct search *search)
{
	X509_STORE_CTX *verification = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	STACK_OF(X509) *authority = sk_X509_new_null();
	bool holds = verification != NULL && between != NULL &&
		     authority != NULL &&
		     verify(search, verification, between, authority);

	X509_STORE_CTX_free(verification);
	sk_X509_free(between);
	sk_X509_free(authority);
	return holds;
}

static bool
is_on_path(const struct search *search, const X509 *certificate)
{
	for (int i = 0; i < search->len; i++)
		if (X509_cmp(search->path[i], certificate) == 0)
			return true;
	return false;
}

/* Ends at each authority of the name. */
static bool
try_authorities(struct search *search, const X509_NAME *name)
{
	STACK_OF(X509) *known =
		X509_STORE_CTX_get1_certs(search->refused, name);
	bool holds = false;

	for (int i = 0;
		i < sk_X509_num(known) && !holds && search->paths_left > 0;
		i++) {
		X509 *authority = sk_X509_value(known, i);

		if (is_on_path(search, authority))
			continue;
		search->paths_left--;
		search->path[search->len++] = authority;
		holds = path_holds(search);
		search->len--;
	}
	sk_X509_pop_free(known, X509_free);
	return holds;
}

/* From the end of the path on; it is no longer than what was sent. */
static bool
extend(struct search *search)
{
	const X509_NAME *name =
		X509_get_issuer_name(search->path[search->len - 1]);

	if (search->steps_left == 0)
		return false;
	search->steps_left--;
	if (try_authorities(search, name))
		return true;
	for (int i = 0; i < sk_X509_num(search->sent); i++) {
		X509 *issuer = sk_X509_value(search->sent, i);
		bool holds;

		if (X509_NAME_cmp(X509_get_subject_name(issuer), name) != 0 ||
			is_on_path(search, issuer))
			continue;
		search->path[search->len++] = issuer;
		holds = extend(search);
		search->len--;
		if (holds)
			return true;
	}
	return false;
}

bool
tls_paths_try(X509_STORE_CTX *verification, int64_t *ret_not_after_unix_s)
{
	struct search search = {
		.refused = verification,
		.sent = X509_STORE_CTX_get0_untrusted(verification),
		.path = { X509_STORE_CTX_get0_cert(verification) },
		.len = 1,
		.steps_left = TLS_STEPS_MAX,
		.paths_left = TLS_PATHS_MAX,
	};

	if (!extend(&search))
		return false;
	X509_STORE_CTX_set_error(verification, X509_V_OK);
	*ret_not_after_unix_s = search.not_after_unix_s;
	return true;
}
