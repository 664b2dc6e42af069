/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd behind a curtain: a site is what is served, a daemon serves
 * it on one listening socket, driven by our loop.  Which sockets there are and
 * when they come and go is http_server.c's business.
 */
#ifndef SUPERVISOR_HTTP_DAEMON_H
#define SUPERVISOR_HTTP_DAEMON_H

#include "common/loop.h"
#include "supervisor/http_deadline.h"
#include "supervisor/http_source.h"

#include <stddef.h>

struct http_site;
struct http_daemon;
struct http_tls;

/* The source is copied.  NULL: no memory. */
struct http_site *http_site_new(struct loop *loop,
	const struct http_source *source, const struct http_timeouts *timeouts,
	unsigned max_connections, unsigned max_scrapes);
/* Its daemons must be stopped. */
void http_site_free(struct http_site *site);
size_t http_site_connections(const struct http_site *site);

/*
 * Serves on the socket, which from now on is the daemon's: https with tls,
 * which must outlive it, http with none.  after_run is called at the end of
 * each turn that did something, and may stop the daemon. NULL: no memory or no
 * descriptor; the socket is still the caller's.
 */
struct http_daemon *http_daemon_start(struct http_site *site, int listen_fd,
	struct http_tls *tls, void (*after_run)(void *arg), void *arg);
/*
 * Closes the listening socket, after what waited in its queue was accepted,
 * and ends the connections that wait for no answer.
 */
void http_daemon_retire(struct http_daemon *daemon);
size_t http_daemon_connections(const struct http_daemon *daemon);
/* Ends all that is connected.  NULL is fine. */
void http_daemon_stop(struct http_daemon *daemon);

#endif
