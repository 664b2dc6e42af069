/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a PEM text, as they come in files. */
#ifndef WORKERS_TLS_PEM_H
#define WORKERS_TLS_PEM_H

#include <stdbool.h>
#include <stddef.h>

struct anchors;
struct strbuf;

/*
 * Adds every certificate of a PEM text; each is an anchor, be it a root or
 * not.  Checked: each is parsed now, as befits what a user named; else when a
 * server's chain asks, as befits a distribution's hundreds.  0, or a negative
 * errno with a line appended to problems that begins with `source`:
 * -ENODATA, there is none in it that can be read; -EBADMSG, one cannot be read
 * (the others were added); -ENOMEM.
 */
int tls_pem_add(struct anchors *anchors, const char *source, const char *text,
	size_t len_bytes, bool checked, struct strbuf *problems);

#endif
