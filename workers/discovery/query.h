/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of the user's in a request line: a selector goes to the server as it
 * was written, and can be nothing else there.
 */
#ifndef WORKERS_DISCOVERY_QUERY_H
#define WORKERS_DISCOVERY_QUERY_H

struct strbuf;

/* RFC 3986: what is not unreserved is encoded, whatever it is. */
void query_add_encoded(struct strbuf *query, const char *text);

#endif
