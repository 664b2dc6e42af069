/* SPDX-License-Identifier: Apache-2.0 */
/* The client certificate of a target; see identity.h. */
#include "workers/identity.h"

#include "common/control.h"
#include "common/log.h"
#include "workers/redirect.h"
#include "workers/target.h"
#include "workers/tls_identity.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A certificate with its chain and key: as much as servers may send us. */
#define FILE_MAX_BYTES (64 * 1024)

typedef const char *add_part(
	struct tls_identity *identity, const char *pem, size_t len_bytes);

/* NULL, or why the file cannot be used. */
static const char *
add_file(struct tls_identity *identity, int fd, add_part *add)
{
	char *bytes = malloc(FILE_MAX_BYTES);
	const char *why = NULL;
	ssize_t n;

	if (bytes == NULL)
		return strerror(ENOMEM);
	n = pread(fd, bytes, FILE_MAX_BYTES, 0);
	if (n < 0)
		why = strerror(errno);
	else if (n == FILE_MAX_BYTES)
		why = "it is larger than 64 KiB";
	else
		why = add(identity, bytes, (size_t)n);
	explicit_bzero(bytes, FILE_MAX_BYTES);
	free(bytes);
	return why;
}

/* The pair, or NULL and "cert PATH: why" or "key PATH: why". */
static struct tls_identity *
load(const struct control_target *spec, const int fds[], char *ret_error,
	size_t cap_bytes)
{
	const struct control_file *cert = &spec->files[CONTROL_FILE_CERT],
				  *key = &spec->files[CONTROL_FILE_KEY];
	bool one_file = key->path[0] == '\0';
	struct tls_identity *identity = tls_identity_new();
	const char *name = "cert", *path = cert->path, *why;

	if (identity == NULL)
		why = strerror(ENOMEM);
	else if (cert->error != 0)
		why = strerror((int)cert->error);
	else
		why = add_file(identity, fds[CONTROL_FILE_CERT],
			tls_identity_add_certificate);
	if (why == NULL) {
		name = one_file ? "cert" : "key";
		path = one_file ? cert->path : key->path;
		why = key->error != 0
			      ? strerror((int)key->error)
			      : add_file(identity,
					fds[one_file ? CONTROL_FILE_CERT
						     : CONTROL_FILE_KEY],
					tls_identity_add_key);
	}
	if (why == NULL)
		return identity;
	snprintf(ret_error, cap_bytes, "%s %s: %s", name, path, why);
	tls_identity_free(identity);
	return NULL;
}

/* The same files, to be shown to the same server. */
static bool
is_rotation(const struct target *target, const struct target *old)
{
	return old != NULL && old->identity != NULL &&
	       strcmp(old->identity_files, target->identity_files) == 0 &&
	       strcmp(old->server_name, target->server_name) == 0 &&
	       old->url_error == NULL && target->url_error == NULL &&
	       redirect_same_origin(&old->url, &target->url);
}

int
identity_take(struct target *target, const struct control_target *spec,
	const int fds[], struct target *old)
{
	char error[PATH_MAX + 128];

	if (spec->files[CONTROL_FILE_CERT].path[0] == '\0')
		return 0;
	if (asprintf(&target->identity_files, "%s\n%s",
		    spec->files[CONTROL_FILE_CERT].path,
		    spec->files[CONTROL_FILE_KEY].path) < 0) {
		target->identity_files = NULL;
		return -ENOMEM;
	}
	target->identity = load(spec, fds, error, sizeof(error));
	if (target->identity != NULL)
		return 0;
	if (is_rotation(target, old)) {
		target->identity = old->identity;
		old->identity = NULL;
		LOG_ERROR("the new client certificate of a check is refused, "
			  "the old one stays",
			LOG_STR("type", spec->label), LOG_STR("error", error));
		return 0;
	}
	if (spec->files[CONTROL_FILE_CERT].error == 0 &&
		spec->files[CONTROL_FILE_KEY].error == 0)
		/* else the supervisor has said it */
		LOG_ERROR("a client certificate cannot be used",
			LOG_STR("type", spec->label), LOG_STR("error", error));
	target->identity_error = strdup(error);
	return target->identity_error != NULL ? 0 : -ENOMEM;
}
