/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a worker believes: the system's CAs with the service account's and
 * extra_ca, loaded once for the process (in the nursery, so that the pages are
 * shared), nobody in particular with `insecure`, or those and a check's own.
 */
#ifndef WORKERS_TRUST_H
#define WORKERS_TRUST_H

#include <stddef.h>

struct control_nursery;
struct target;
struct tls_trust;

/*
 * Loads the CAs if that has not been done.  One that cannot be read is logged
 * and leaves the others in place.
 */
void trust_load(const struct control_nursery *settings);
/*
 * The process's CAs and those of the PEM file, for the caller to free.  What
 * cannot be read of it is logged.  NULL: there is nothing else in it, or no
 * memory, as ret_error says, "PATH: why".
 */
struct tls_trust *trust_with_file(const struct control_nursery *settings,
	const char *path, int fd, char *ret_error, size_t cap_bytes);
/* What counts for this target.  NULL: no memory. */
const struct tls_trust *trust_for(const struct target *target);
/* What counts for the API server, whom api_insecure alone excuses. */
const struct tls_trust *trust_for_api_server(
	const struct control_nursery *settings);

#endif
