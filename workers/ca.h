/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where CAs come from: the system, files, descriptors.  Everything is read at
 * once, for after the sandbox nothing can be.  A source that fails says so in
 * a line of problems, and costs only itself.
 */
#ifndef WORKERS_CA_H
#define WORKERS_CA_H

struct strbuf;
struct tls_trust;

/*
 * The system's bundle, the first that exists, and what lies in its
 * directories; SSL_CERT_FILE and SSL_CERT_DIR name others.  0, or a negative
 * errno when there is no CA at all (-ENOENT) or one of the sources is bad.
 */
int ca_load_system(struct tls_trust *trust, struct strbuf *problems);
/* One PEM file.  As tls_trust_add_pem, or the errno of reading it. */
int ca_load_file(
	struct tls_trust *trust, const char *path, struct strbuf *problems);
/*
 * The same from a descriptor of a regular file, which stays the caller's and
 * at its offset (workers share it); `source` is what problems call it.
 */
int ca_load_fd(struct tls_trust *trust, int fd, const char *source,
	struct strbuf *problems);

#endif
