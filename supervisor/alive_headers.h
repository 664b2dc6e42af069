/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of a request as /alive shows them: canonical names sorted by
 * bytes, one value per line received.
 */
#ifndef SUPERVISOR_ALIVE_HEADERS_H
#define SUPERVISOR_ALIVE_HEADERS_H

#include "common/strbuf.h"
#include "supervisor/alive.h"

/* Appends the object, its inner lines indented.  0 or -ENOMEM. */
int alive_headers_add(
	struct strbuf *out, const struct alive_header *headers, size_t n);

#endif
