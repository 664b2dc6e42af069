/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a worker believes; see trust.h. */
#include "workers/trust.h"

#include "common/control.h"
#include "common/log.h"
#include "common/strbuf.h"
#include "workers/target.h"
#include "workers/tls.h"
#include "workers/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The bundles of all public CAs are some 250 KiB. */
#define PEM_MAX_BYTES (4 * 1024 * 1024)

static struct tls_trust *base_trust;
static struct tls_trust *insecure_trust;

static int
read_all(int fd, struct strbuf *buf)
{
	char bytes[16 * 1024];
	off_t offset = 0;
	ssize_t n;

	/* from its start, whoever has read from this descriptor before */
	while ((n = pread(fd, bytes, sizeof(bytes), offset)) > 0) {
		strbuf_add(buf, bytes, (size_t)n);
		offset += n;
	}
	if (n < 0)
		return -errno;
	return buf->failed ? -EFBIG : 0;
}

/* 0 or a negative errno, logged. */
static int
add_fd(struct tls_trust *trust, const char *source, int fd, bool checked)
{
	struct strbuf pem, problems;
	int rc;

	strbuf_init(&pem, PEM_MAX_BYTES);
	strbuf_init(&problems, 4096);
	rc = read_all(fd, &pem);
	if (rc == 0)
		rc = tls_trust_add_pem(trust, source, strbuf_text(&pem),
			pem.len_bytes, checked, &problems);
	if (rc < 0) {
		const char *text = strbuf_text(&problems);

		LOG_ERROR("a CA file cannot be used", LOG_STR("file", source),
			LOG_STR("error", text != NULL && text[0] != '\0'
					? text
					: strerror(-rc)));
	}
	strbuf_fini(&pem);
	strbuf_fini(&problems);
	return rc;
}

static int
add_path(struct tls_trust *trust, const char *path, bool checked)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		rc = -errno;
		LOG_ERROR("a CA file cannot be read", LOG_STR("file", path),
			LOG_ERRNO(-rc));
		return rc;
	}
	rc = add_fd(trust, path, fd, checked);
	close(fd);
	return rc;
}

/* Where distributions keep the system's bundle. */
static const char *
system_bundle(void)
{
	static const char *const paths[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
		"/etc/ssl/ca-bundle.pem",	      /* openSUSE */
		"/etc/ssl/cert.pem",		      /* Alpine */
	};
	const char *path = getenv("SSL_CERT_FILE");

	if (path != NULL && path[0] != '\0')
		return path;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	return NULL;
}

void
trust_load(const struct control_nursery *settings)
{
	const char *bundle = system_bundle();

	if (base_trust != NULL)
		return;
	base_trust = tls_trust_new(NULL, false);
	if (base_trust == NULL)
		return;
	if (bundle != NULL)
		add_path(base_trust, bundle, false);
	else
		LOG_INFO("this system has no bundle of CAs");
	/* outside of a cluster there is none: no trouble */
	if (settings->service_ca_path[0] != '\0')
		add_path(base_trust, settings->service_ca_path, true);
	if (settings->extra_ca_path[0] != '\0')
		add_path(base_trust, settings->extra_ca_path, true);
}

struct tls_trust *
trust_with_file(
	const struct control_nursery *settings, const char *source, int fd)
{
	struct tls_trust *trust;

	trust_load(settings);
	trust = tls_trust_new(base_trust, false);
	/* without it the check says that it does not know the issuer */
	if (trust != NULL)
		add_fd(trust, source, fd, true);
	return trust;
}

const struct tls_trust *
trust_for(const struct target *target)
{
	if (target->insecure) {
		if (insecure_trust == NULL)
			insecure_trust = tls_trust_new(NULL, true);
		return insecure_trust;
	}
	if (target->own_trust != NULL)
		return target->own_trust;
	trust_load(target->worker->settings);
	return base_trust;
}
