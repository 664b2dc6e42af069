/* SPDX-License-Identifier: Apache-2.0 */
/* Where CAs come from; see ca.h. */
#include "workers/ca.h"

#include "common/strbuf.h"
#include "workers/tls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bundles of distributions are 200 to 500 KB. */
#define FILE_MAX_BYTES (8 * 1024 * 1024)

/* Debian and Alpine, Fedora and its kin, SUSE, OpenSSL's own, BSD. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/ssl/cert.pem",
};
static const char directories[] = "/etc/ssl/certs:/etc/pki/tls/certs";

static int
complain(struct strbuf *problems, const char *source, int error)
{
	strbuf_printf(problems, "%s: %s\n", source, strerror(-error));
	return error;
}

/* 0 or a negative errno; the bytes are the caller's to free. */
static int
read_whole(int fd, char **ret_bytes, size_t *ret_len_bytes)
{
	struct stat status;
	size_t len_bytes, done_bytes = 0;
	char *bytes;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	if (status.st_size > FILE_MAX_BYTES)
		return -EFBIG;
	len_bytes = (size_t)status.st_size;
	bytes = malloc(len_bytes + 1);
	if (bytes == NULL)
		return -ENOMEM;
	while (done_bytes < len_bytes) {
		ssize_t got_bytes = pread(fd, bytes + done_bytes,
			len_bytes - done_bytes, (off_t)done_bytes);

		if (got_bytes < 0 && errno != EINTR) {
			free(bytes);
			return -errno;
		}
		if (got_bytes == 0)
			break; /* it has become shorter */
		done_bytes += got_bytes > 0 ? (size_t)got_bytes : 0;
	}
	*ret_bytes = bytes;
	*ret_len_bytes = done_bytes;
	return 0;
}

static int
load_fd(struct tls_trust *trust, int fd, const char *source, bool checked,
	struct strbuf *problems)
{
	char *pem = NULL;
	size_t len_bytes = 0;
	int error = read_whole(fd, &pem, &len_bytes);

	if (error < 0)
		return complain(problems, source, error);
	error = tls_trust_add_pem(
		trust, source, pem, len_bytes, checked, problems);
	free(pem);
	return error;
}

int
ca_load_fd(struct tls_trust *trust, int fd, const char *source,
	struct strbuf *problems)
{
	return load_fd(trust, fd, source, true, problems);
}

static int
load_at(struct tls_trust *trust, int directory_fd, const char *path,
	const char *source, bool checked, struct strbuf *problems)
{
	int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error;

	if (fd < 0)
		return complain(problems, source, -errno);
	error = load_fd(trust, fd, source, checked, problems);
	close(fd);
	return error;
}

int
ca_load_file(struct tls_trust *trust, const char *path, struct strbuf *problems)
{
	return load_at(trust, AT_FDCWD, path, path, true, problems);
}

/*
 * Links within the directory are other names of its own files (c_rehash(1)),
 * and the bundle is known already.
 */
static bool
is_worth_reading(int directory_fd, const char *name, const struct stat *bundle)
{
	char target[PATH_MAX];
	ssize_t len;
	struct stat status;

	if (name[0] == '.')
		return false;
	len = readlinkat(directory_fd, name, target, sizeof(target));
	if (len > 0 && memchr(target, '/', (size_t)len) == NULL)
		return false;
	return fstatat(directory_fd, name, &status, 0) == 0 &&
	       S_ISREG(status.st_mode) &&
	       !(status.st_dev == bundle->st_dev &&
		       status.st_ino == bundle->st_ino);
}

/* What else lies there (a README, a key) is no problem. */
static void
load_directory(
	struct tls_trust *trust, const char *path, const struct stat *bundle)
{
	struct strbuf ignored;
	struct dirent *entry;
	DIR *directory = opendir(path);

	if (directory == NULL)
		return;
	strbuf_init(&ignored, 0);
	while ((entry = readdir(directory)) != NULL) {
		if (is_worth_reading(dirfd(directory), entry->d_name, bundle))
			(void)load_at(trust, dirfd(directory), entry->d_name,
				entry->d_name, false, &ignored);
		strbuf_reset(&ignored);
	}
	strbuf_fini(&ignored);
	closedir(directory);
}

static void
load_directories(
	struct tls_trust *trust, const char *list, const struct stat *bundle)
{
	char path[PATH_MAX];

	while (*list != '\0') {
		size_t len = strcspn(list, ":");

		if (len > 0 && len < sizeof(path)) {
			memcpy(path, list, len);
			path[len] = '\0';
			load_directory(trust, path, bundle);
		}
		list += len;
		list += *list == ':';
	}
}

/* An empty variable counts as unset. */
static const char *
from_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

static const char *
find_bundle(struct stat *ret_status)
{
	size_t i;

	for (i = 0; i < sizeof(bundles) / sizeof(bundles[0]); i++)
		if (stat(bundles[i], ret_status) == 0)
			return bundles[i];
	return NULL;
}

int
ca_load_system(struct tls_trust *trust, struct strbuf *problems)
{
	const char *path = from_environment("SSL_CERT_FILE");
	const char *list = from_environment("SSL_CERT_DIR");
	struct stat bundle = { 0 };
	int error = 0;

	if (path == NULL)
		path = find_bundle(&bundle);
	else
		(void)stat(path, &bundle);
	if (path != NULL)
		error = load_at(trust, AT_FDCWD, path, path, false, problems);
	load_directories(trust, list != NULL ? list : directories, &bundle);
	if (error == 0 && tls_trust_count(trust) == 0)
		return complain(problems, "the system's CAs", -ENOENT);
	return error;
}
