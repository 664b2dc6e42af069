/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the target of a request line to what is asked for.  Knows no library
 * and keeps nothing.
 */
#ifndef SUPERVISOR_HTTP_PATH_H
#define SUPERVISOR_HTTP_PATH_H

enum http_route {
	HTTP_ROUTE_ALWAYSHAPPY,
	HTTP_ROUTE_READY,
	HTTP_ROUTE_ALIVE,
	HTTP_ROUTE_METRICS,
	HTTP_ROUTE_OTHER,   /* any other path: redirected to /alive */
	HTTP_ROUTE_SERVER,  /* "*", the server as a whole */
	HTTP_ROUTE_INVALID, /* not a request target: 400 */
};

/*
 * The target as it stands in the request line: origin form, absolute form or
 * "*" (RFC 9112 section 3.2).  The query is not looked at.  Percent-encoded
 * octets are decoded; nothing is cleaned, so "//alive" is another path.
 */
enum http_route http_path_route(const char *target);

#endif
