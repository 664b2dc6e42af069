/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reloading: on SIGHUP and when a file changes.  A bad new configuration
 * changes nothing.  Targets that have not changed do not notice a good one.
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "supervisor/conf.h"
#include "supervisor/http_listen.h"
#include "supervisor/http_server.h"

struct supervisor;

/* The addresses of the configuration as the HTTP server wants them. */
struct listener_list {
	size_t count;
	struct http_listener_options options[2 * CONF_LISTEN_MAX];
	char texts[2 * CONF_LISTEN_MAX][HTTP_ADDRESS_CAP_BYTES];
};

/* tls: of the https listeners; NULL: there are none. */
void listener_list_fill(struct listener_list *list, const struct conf *conf,
	struct http_tls *tls);

/* Watches the configuration, resolv.conf, the CAs, and the checks' files. */
void reload_watch_files(struct supervisor *supervisor);

/* Says so when the configuration leaves nothing to check. */
void reload_log_idle(const struct supervisor *supervisor);

#endif
