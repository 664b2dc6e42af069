/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of the program: built-in defaults, then the INI file, then
 * the environment.  A struct conf is complete and checked, or it is not there;
 * it never changes after it was loaded.  Files that it names (certificates,
 * CAs, header files) are opened by others.  Strings are never NULL; "" is
 * "not set".
 */
#ifndef SUPERVISOR_CONF_H
#define SUPERVISOR_CONF_H

#include "common/log.h"
#include "common/neighbour_limits.h"
#include "common/status_range.h"
#include "supervisor/conf_problem.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONF_DEFAULT_PATH   "/etc/kubenurse/kubenurse.ini"
#define CONF_FILE_MAX_BYTES (1024UL * 1024)
/* fits a message to a worker with all that goes beside it (control.h) */
#define CONF_VALUE_MAX_BYTES (56UL * 1024)
#define CONF_NAME_MAX_BYTES  253 /* of a check, node or pod */
#define CONF_LISTEN_MAX      16
#define CONF_BUCKETS_MAX     128
#define CONF_STATUS_MAX      32
#define CONF_HEADERS_MAX     32
#define CONF_CHECKS_MAX      1000
#define CONF_NEIGHBOURS_MAX  NEIGHBOURS_MAX

enum conf_source {
	CONF_SOURCE_UNSET, /* never in a loaded configuration */
	CONF_SOURCE_PODS,
	CONF_SOURCE_DNS,
	CONF_SOURCE_STATIC,
};

enum conf_sandbox {
	CONF_SANDBOX_AUTO,
	CONF_SANDBOX_REQUIRE,
	CONF_SANDBOX_OFF,
};

/* An address to listen on; `:8080` is [::]:8080. */
union conf_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct conf_listen {
	size_t n_addresses;
	union conf_address addresses[CONF_LISTEN_MAX];
};

/* Strictly increasing, +Inf left out; n_bounds 0: +Inf alone. */
struct conf_buckets {
	size_t n_bounds;
	double bounds_s[CONF_BUCKETS_MAX];
};

struct conf_statuses {
	size_t n_ranges;
	struct status_range ranges[CONF_STATUS_MAX];
};

struct conf_header {
	char *name;
	char *value; /* a secret, for all we know */
};

struct conf_headers {
	size_t n_headers;
	struct conf_header headers[CONF_HEADERS_MAX];
};

/* A check of KUBENURSE_EXTRA_CHECKS or of a [check NAME] section. */
struct conf_check {
	unsigned line_number; /* of its section; 0: an extra_checks item */
	char *name;
	char *url;
	struct conf_statuses expect;
	char *method;
	int64_t interval_ns;
	int64_t timeout_ns;
	struct conf_headers headers;
	char *header_file;
	char *server_name;
	char *ca;
	char *cert;
	char *key;
	int64_t tls_security_level; /* -1: OpenSSL's */
	bool insecure;
	bool insecure_is_set; /* else it follows that of [kubenurse] */
	bool follow_redirects;
};

struct conf_checks {
	size_t n_checks;
	struct conf_check *checks;
};

struct conf_neighbour {
	char *name;
	const char *address; /* in one piece with the name */
	unsigned line_number;
};

struct conf_neighbours {
	size_t n_neighbours;
	struct conf_neighbour *neighbours;
};

struct conf {
	bool from_ini;     /* a file was read */
	size_t file_bytes; /* of it; with from_ini 0: an empty one */

	/* the built-in checks */
	char *ingress_url, *service_url; /* base URLs, as written */
	bool check_api_server_direct, check_api_server_dns;
	bool check_me_ingress, check_me_service, check_neighbourhood;
	int64_t check_interval_ns, shutdown_duration_ns;
	bool reuse_connections, insecure;
	char *extra_ca;
	/* with the appended path; "": the check has no target, skip it */
	char *me_ingress_target, *me_service_target;
	char *api_server_direct_target, *api_server_dns_target;
	struct conf_checks checks; /* of both kinds */

	/* the API server */
	char *api_server_host; /* IPv6 without brackets */
	uint16_t api_server_port;
	char *api_server_dns;
	bool api_server_insecure; /* and insecure; already combined */

	/* neighbours */
	enum conf_source neighbour_source;
	char *namespace, *neighbour_filter, *neighbour_service;
	int64_t neighbour_limit; /* <= 0: none */
	uint16_t neighbour_port;
	bool allow_unschedulable;
	char *node_name, *pod_name;
	struct conf_neighbours neighbours;

	/* what is served */
	struct conf_listen listen, listen_tls;
	bool use_tls; /* opens listen_tls, and neighbours are asked by https */
	char *cert_file, *cert_key;
	bool ready_follows_cordon;
	struct conf_buckets histogram_buckets;
	bool victoriametrics_histogram, expose_metadata;
	bool legacy_metrics, neighbour_detail;
	int64_t series_ttl_ns;

	/* the process */
	char *http_proxy, *https_proxy, *no_proxy; /* http://..., or "" */
	enum conf_sandbox sandbox;
	char *user; /* "": privileges.h says who */
	enum log_level log_level;
	enum log_format log_format;

	/* the loader's: what extra_checks holds until checks is complete */
	struct conf_checks listed_checks;
};

struct conf_input {
	/*
	 * --config FILE.  NULL: the default file, when there is one.
	 */
	const char *path;
	/* Read instead of the path, which only names it; stays open. */
	FILE *stream;
	char *const *envp;
	/* What node_name and pod_name are by default.  NULL: gethostname(2). */
	const char *host_name;
	/* Of the file of the running configuration.  Not 0: one that is empty
	 * or gone now is an error, for nobody means that. */
	size_t bytes_before;
	/* Whether the files that it names can be read is looked at, too. */
	bool check_files;
	/* Who this process is, for messages; NULL: as it was started. */
	const char *user;
	/* The service account's token is there: with a host, in a cluster. */
	bool has_token;
};

/* The path of one of its files, of an enum control_file_kind; or "". */
const char *conf_check_file(const struct conf_check *check, size_t kind);

/* The file that is read, when there is one. */
static inline const char *
conf_input_path(const struct conf_input *input)
{
	return input->path != NULL ? input->path : CONF_DEFAULT_PATH;
}

/*
 * Every problem of file and environment goes to problems; warnings too.  NULL:
 * there was at least one error, or no memory (which is an error there, too).
 */
struct conf *conf_load(
	const struct conf_input *input, struct conf_problems *problems);
void conf_free(struct conf *conf);

/* What keeps this process from reading a file; NULL: nothing, or that of the
 * start is held (check_files.h). */
const char *conf_file_error(const char *path);
/* One warning in the log for each file of it that input->user cannot read;
 * NULL: it is who started the program, and none. */
void conf_log_unreadable(
	const struct conf *conf, const struct conf_input *input);

/*
 * The effective configuration as an INI file that loads to the same, but for
 * what is redacted: header values and the user parts of URLs.  0 or -errno, of
 * a full disk -ENOSPC.
 */
int conf_print(const struct conf *conf, FILE *stream);

/*
 * The name of the n-th key of [kubenurse] whose value differs; restart_only:
 * of those that take effect only at the start of the program.  NULL: there are
 * no more of them.
 */
const char *conf_changed_key(const struct conf *running,
	const struct conf *loaded, bool restart_only, size_t n);

#endif
