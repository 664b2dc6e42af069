/* SPDX-License-Identifier: Apache-2.0 */
/* The rows; see conf_table.h.  Defaults and bounds are texts that users see. */
#include "supervisor/conf_table.h"

#include "supervisor/conf.h"

#include <string.h>

#define AT(member)       offsetof(struct conf, member)
#define CHECK_AT(member) offsetof(struct conf_check, member)
#define KUBENURSE        .section = CONF_SECTION_KUBENURSE
#define CHECK            .section = CONF_SECTION_CHECK
/* A year: far beyond sense, and three of them still fit 64 bits. */
#define YEAR "8760h"

/* In the order of their enums. */
static const char *const sources[] = { "", "pods", "dns", "static", NULL };
static const char *const sandboxes[] = { "auto", "require", "off", NULL };
static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const formats[] = { "logfmt", "json", NULL };

/* One row, one block. */
/* clang-format off */
const struct conf_key conf_keys[] = {
	{ KUBENURSE, .name = "ingress_url", .env = "KUBENURSE_INGRESS_URL",
	  .type = CONF_URL, .flags = CONF_SECRET, .offset = AT(ingress_url),
	  .placeholder = "URL",
	  .help = "Base URL of this installation behind the ingress; the "
		  "check me_ingress asks for /alwayshappy beneath it. Without"
		  " it the check is skipped." },
	{ KUBENURSE, .name = "service_url", .env = "KUBENURSE_SERVICE_URL",
	  .type = CONF_URL, .flags = CONF_SECRET, .offset = AT(service_url),
	  .placeholder = "URL",
	  .help = "Base URL of this installation's service; the check "
		  "me_service asks for /alwayshappy beneath it. Without it "
		  "the check is skipped." },
	{ KUBENURSE, .name = "extra_checks", .env = "KUBENURSE_EXTRA_CHECKS",
	  .type = CONF_EXTRA_CHECKS, .flags = CONF_SECRET,
	  .offset = AT(listed_checks),
	  .placeholder = "NAME:URL|NAME:URL",
	  .help = "More targets to check, split at every |, then at the first"
		  " colon. The name becomes the type of the check. A [check "
		  "NAME] section does the same with more to choose." },
	{ KUBENURSE, .name = "check_api_server_direct",
	  .env = "KUBENURSE_CHECK_API_SERVER_DIRECT",
	  .type = CONF_BOOL, .offset = AT(check_api_server_direct),
	  .default_text = "true",
	  .help = "Check the API server by its address." },
	{ KUBENURSE, .name = "check_api_server_dns",
	  .env = "KUBENURSE_CHECK_API_SERVER_DNS",
	  .type = CONF_BOOL, .offset = AT(check_api_server_dns),
	  .default_text = "true",
	  .help = "Check the API server by its name." },
	{ KUBENURSE, .name = "check_me_ingress",
	  .env = "KUBENURSE_CHECK_ME_INGRESS",
	  .type = CONF_BOOL, .offset = AT(check_me_ingress),
	  .default_text = "true",
	  .help = "Check this installation through the ingress." },
	{ KUBENURSE, .name = "check_me_service",
	  .env = "KUBENURSE_CHECK_ME_SERVICE",
	  .type = CONF_BOOL, .offset = AT(check_me_service),
	  .default_text = "true",
	  .help = "Check this installation through its service." },
	{ KUBENURSE, .name = "check_neighbourhood",
	  .env = "KUBENURSE_CHECK_NEIGHBOURHOOD",
	  .type = CONF_BOOL, .offset = AT(check_neighbourhood),
	  .default_text = "true",
	  .help = "Check the neighbouring nodes." },
	{ KUBENURSE, .name = "check_interval",
	  .env = "KUBENURSE_CHECK_INTERVAL",
	  .type = CONF_DURATION, .offset = AT(check_interval_ns),
	  .default_text = "5s",
	  .min = "10ms", .max = YEAR, .placeholder = "DURATION",
	  .help = "Time between two checks of a target." },
	{ KUBENURSE, .name = "shutdown_duration",
	  .env = "KUBENURSE_SHUTDOWN_DURATION",
	  .type = CONF_DURATION, .offset = AT(shutdown_duration_ns),
	  .default_text = "5s",
	  .max = YEAR, .placeholder = "DURATION",
	  .help = "How long to go on serving, with /ready at 503, after "
		  "SIGTERM. 0 or less: not at all." },
	{ KUBENURSE, .name = "reuse_connections",
	  .env = "KUBENURSE_REUSE_CONNECTIONS",
	  .type = CONF_BOOL, .offset = AT(reuse_connections),
	  .default_text = "false",
	  .help = "Keep the connections of the checks alive from one check to"
		  " the next." },
	{ KUBENURSE, .name = "insecure", .env = "KUBENURSE_INSECURE",
	  .type = CONF_BOOL, .offset = AT(insecure), .default_text = "false",
	  .help = "Do not verify TLS certificates. It holds for the API "
		  "server only when api_server_insecure says so too." },
	{ KUBENURSE, .name = "extra_ca", .env = "KUBENURSE_EXTRA_CA",
	  .type = CONF_FILE, .flags = CONF_RESTART, .offset = AT(extra_ca),
	  .placeholder = "FILE",
	  .help = "PEM certificates to trust beside the system's and the "
		  "service account's." },

	{ KUBENURSE, .name = "api_server_host",
	  .env = "KUBERNETES_SERVICE_HOST",
	  .type = CONF_HOST, .flags = CONF_RESTART,
	  .offset = AT(api_server_host),
	  .placeholder = "HOST",
	  .help = "Address of the API server. Kubernetes sets the variable in"
		  " every pod; without it the checks of the API server are "
		  "skipped." },
	{ KUBENURSE, .name = "api_server_port",
	  .env = "KUBERNETES_SERVICE_PORT",
	  .type = CONF_PORT, .flags = CONF_RESTART,
	  .offset = AT(api_server_port), .default_text = "443",
	  .min = "1", .max = "65535", .placeholder = "PORT",
	  .help = "Port of the API server." },
	{ KUBENURSE, .name = "api_server_dns", .env = "KUBERNETES_SERVICE_DNS",
	  .type = CONF_HOST, .flags = CONF_RESTART,
	  .offset = AT(api_server_dns),
	  .default_text = "kubernetes.default.svc.cluster.local",
	  .placeholder = "HOST",
	  .help = "Name of the API server." },
	{ KUBENURSE, .name = "api_server_insecure",
	  .env = "KUBENURSE_API_SERVER_INSECURE",
	  .type = CONF_BOOL, .flags = CONF_RESTART,
	  .offset = AT(api_server_insecure), .default_text = "false",
	  .help = "Together with insecure: do not verify the certificate of "
		  "the API server either, although the token is sent there." },

	{ KUBENURSE, .name = "neighbour_source",
	  .env = "KUBENURSE_NEIGHBOUR_SOURCE",
	  .type = CONF_ENUM, .names = sources, .offset = AT(neighbour_source),
	  .default_note = "pods in a cluster, else static",
	  .help = "Where the neighbours come from: the pods of the cluster, "
		  "the addresses of a name, or the [neighbours] section." },
	{ KUBENURSE, .name = "namespace", .env = "KUBENURSE_NAMESPACE",
	  .type = CONF_NAMESPACE, .offset = AT(namespace),
	  .placeholder = "NAMESPACE",
	  .default_note = "all namespaces",
	  .help = "Namespace of the neighbours, for the source pods." },
	{ KUBENURSE, .name = "neighbour_filter",
	  .env = "KUBENURSE_NEIGHBOUR_FILTER",
	  .type = CONF_SELECTOR, .offset = AT(neighbour_filter),
	  .placeholder = "SELECTOR",
	  .help = "Label selector of the neighbours, for the source pods, "
		  "such as app=kubenurse; it is the API server that applies "
		  "it." },
	{ KUBENURSE, .name = "neighbour_limit",
	  .env = "KUBENURSE_NEIGHBOUR_LIMIT",
	  .type = CONF_INTEGER, .offset = AT(neighbour_limit),
	  .default_text = "10", .placeholder = "NUMBER",
	  .help = "How many neighbours to check; each node is then checked by"
		  " as many. 0 or less: all, up to 10000." },
	{ KUBENURSE, .name = "neighbour_port",
	  .env = "KUBENURSE_NEIGHBOUR_PORT",
	  .type = CONF_PORT, .offset = AT(neighbour_port), .min = "1",
	  .max = "65535", .placeholder = "PORT",
	  .default_note = "8080, with use_tls 8443",
	  .help = "Port at which the neighbours are checked." },
	{ KUBENURSE, .name = "neighbour_service",
	  .env = "KUBENURSE_NEIGHBOUR_SERVICE",
	  .type = CONF_HOST, .offset = AT(neighbour_service),
	  .placeholder = "HOST",
	  .help = "The name that the source dns resolves, such as that of a "
		  "headless service." },
	{ KUBENURSE, .name = "allow_unschedulable",
	  .env = "KUBENURSE_ALLOW_UNSCHEDULABLE",
	  .type = CONF_BOOL, .offset = AT(allow_unschedulable),
	  .default_text = "false",
	  .help = "Do not look at nodes: neighbours on cordoned nodes are "
		  "checked, and /ready does not follow the own node." },
	{ KUBENURSE, .name = "node_name", .env = "KUBENURSE_NODE_NAME",
	  .type = CONF_NAME, .offset = AT(node_name), .placeholder = "NAME",
	  .default_note = "the host name",
	  .help = "Name of the node, from the downward API (spec.nodeName)." },
	{ KUBENURSE, .name = "pod_name", .env = "KUBENURSE_POD_NAME",
	  .type = CONF_NAME, .offset = AT(pod_name), .placeholder = "NAME",
	  .default_note = "the host name",
	  .help = "Name of the pod, from the downward API (metadata.name); "
		  "sent to the neighbours as the origin of a check." },

	{ KUBENURSE, .name = "listen", .env = "KUBENURSE_LISTEN",
	  .type = CONF_LISTEN, .offset = AT(listen),
	  .default_text = "[::]:8080",
	  .placeholder = "ADDRESS:PORT[,...]",
	  .help = "Where to serve http. [::] serves IPv4 too, and is 0.0.0.0 "
		  "on a host without IPv6; so is an address left out, as in "
		  ":8080." },
	{ KUBENURSE, .name = "listen_tls", .env = "KUBENURSE_LISTEN_TLS",
	  .type = CONF_LISTEN, .flags = CONF_RESTART, .offset = AT(listen_tls),
	  .default_text = "[::]:8443",
	  .placeholder = "ADDRESS:PORT[,...]",
	  .help = "Where to serve https, with use_tls." },
	{ KUBENURSE, .name = "use_tls", .env = "KUBENURSE_USE_TLS",
	  .type = CONF_BOOL, .flags = CONF_RESTART, .offset = AT(use_tls),
	  .default_text = "false",
	  .help = "Serve https too, and check the neighbours by https. Needs "
		  "cert_file and cert_key." },
	{ KUBENURSE, .name = "cert_file", .env = "KUBENURSE_CERT_FILE",
	  .type = CONF_FILE, .flags = CONF_RESTART, .offset = AT(cert_file),
	  .placeholder = "FILE",
	  .help = "PEM certificate to serve https with, its chain behind it. "
		  "A renewed one is picked up." },
	{ KUBENURSE, .name = "cert_key", .env = "KUBENURSE_CERT_KEY",
	  .type = CONF_FILE, .flags = CONF_RESTART, .offset = AT(cert_key),
	  .placeholder = "FILE",
	  .help = "PEM key of the certificate." },
	{ KUBENURSE, .name = "ready_follows_cordon",
	  .env = "KUBENURSE_READY_FOLLOWS_CORDON",
	  .type = CONF_BOOL, .offset = AT(ready_follows_cordon),
	  .default_text = "true",
	  .help = "Let /ready answer 503 while the own node is cordoned." },
	{ KUBENURSE, .name = "histogram_buckets",
	  .env = "KUBENURSE_HISTOGRAM_BUCKETS",
	  .type = CONF_BUCKETS, .flags = CONF_RESTART,
	  .offset = AT(histogram_buckets),
	  .default_text = ".005,.01,.025,.05,.1,.25,.5,1,2.5,5,10",
	  .placeholder = "SECONDS[,...]",
	  .help = "Bounds of the request duration histograms, rising. +Inf is"
		  " always there." },
	{ KUBENURSE, .name = "victoriametrics_histogram",
	  .env = "KUBENURSE_VICTORIAMETRICS_HISTOGRAM",
	  .type = CONF_BOOL, .flags = CONF_RESTART,
	  .offset = AT(victoriametrics_histogram), .default_text = "false",
	  .help = "Print the request duration histograms with vmrange buckets"
		  " instead of the list." },
	{ KUBENURSE, .name = "expose_metadata",
	  .env = "KUBENURSE_EXPOSE_METADATA",
	  .type = CONF_BOOL, .offset = AT(expose_metadata),
	  .default_text = "false",
	  .default_note = "true when there is a configuration file, else false",
	  .help = "Print # HELP and # TYPE lines at /metrics." },
	{ KUBENURSE, .name = "legacy_metrics",
	  .env = "KUBENURSE_LEGACY_METRICS",
	  .type = CONF_BOOL, .flags = CONF_RESTART,
	  .offset = AT(legacy_metrics),
	  .default_text = "true",
	  .help = "Print kubenurse_httpclient_trace_request_duration_seconds,"
		  " the largest of the metrics." },
	{ KUBENURSE, .name = "neighbour_detail",
	  .env = "KUBENURSE_NEIGHBOUR_DETAIL",
	  .type = CONF_BOOL, .flags = CONF_RESTART,
	  .offset = AT(neighbour_detail),
	  .default_text = "false",
	  .help = "Print the phase and duration histograms of each neighbour "
		  "instead of one for all, under the type path." },
	{ KUBENURSE, .name = "series_ttl", .env = "KUBENURSE_SERIES_TTL",
	  .type = CONF_DURATION, .offset = AT(series_ttl_ns),
	  .default_text = "15m",
	  .min = "1s", .max = YEAR, .placeholder = "DURATION",
	  .help = "How long the series of a neighbour that has left stay at "
		  "/metrics." },

	{ KUBENURSE, .name = "http_proxy", .env = "HTTP_PROXY",
	  .env_alt = "http_proxy",
	  .type = CONF_PROXY, .flags = CONF_SECRET | CONF_RESTART,
	  .offset = AT(http_proxy),
	  .placeholder = "URL",
	  .help = "Proxy of checks by http." },
	{ KUBENURSE, .name = "https_proxy", .env = "HTTPS_PROXY",
	  .env_alt = "https_proxy",
	  .type = CONF_PROXY, .flags = CONF_SECRET | CONF_RESTART,
	  .offset = AT(https_proxy),
	  .placeholder = "URL",
	  .help = "Proxy of checks by https." },
	{ KUBENURSE, .name = "no_proxy", .env = "NO_PROXY",
	  .env_alt = "no_proxy",
	  .type = CONF_NO_PROXY, .flags = CONF_RESTART, .offset = AT(no_proxy),
	  .placeholder = "HOST[,...]",
	  .help = "What is asked without a proxy: host names with all beneath"
		  " them, .names beneath only, addresses, CIDR ranges, each "
		  "with :port if need be, or * for everything. Loopback never"
		  " has a proxy." },
	{ KUBENURSE, .name = "sandbox", .env = "KUBENURSE_SANDBOX",
	  .type = CONF_ENUM, .names = sandboxes, .flags = CONF_RESTART,
	  .offset = AT(sandbox), .default_text = "auto",
	  .help = "Whether the processes lock themselves in: as far as the "
		  "kernel can, fully or not at all to start, never." },
	{ KUBENURSE, .name = "user", .env = "KUBENURSE_USER",
	  .type = CONF_USER, .flags = CONF_RESTART, .offset = AT(user),
	  .default_note = "kubenurse if there is such a user, else nobody",
	  .placeholder = "USER",
	  .help = "The user that the program becomes when it is started as "
		  "root on a host. Use one that no other daemon has." },
	{ KUBENURSE, .name = "log_level", .env = "KUBENURSE_LOG_LEVEL",
	  .type = CONF_ENUM, .names = levels, .offset = AT(log_level),
	  .default_text = "info",
	  .help = "The least that is logged." },
	{ KUBENURSE, .name = "log_format", .env = "KUBENURSE_LOG_FORMAT",
	  .type = CONF_ENUM, .names = formats, .offset = AT(log_format),
	  .default_text = "logfmt",
	  .help = "How a log line looks." },

	{ CHECK, .name = "url", .type = CONF_URL, .flags = CONF_SECRET,
	  .offset = CHECK_AT(url),
	  .default_note = "none, it must be given",
	  .placeholder = "URL",
	  .help = "What to ask for. A user part becomes basic authorization. "
		  "A server on this host may be named by its socket: "
		  "unix:///path/to.sock:/request." },
	{ CHECK, .name = "expect", .type = CONF_STATUSES,
	  .offset = CHECK_AT(expect), .default_text = "200",
	  .placeholder = "STATUS[,...]",
	  .help = "The status codes that are a success, each as 204, 2xx or "
		  "200-299. A redirect that is among them is the result, and is "
		  "not followed." },
	{ CHECK, .name = "method", .type = CONF_METHOD,
	  .offset = CHECK_AT(method), .default_text = "GET",
	  .placeholder = "METHOD",
	  .help = "The request method." },
	{ CHECK, .name = "interval", .type = CONF_DURATION,
	  .offset = CHECK_AT(interval_ns),
	  .default_note = "that of check_interval", .min = "10ms", .max = YEAR,
	  .placeholder = "DURATION",
	  .help = "Time between two checks." },
	{ CHECK, .name = "timeout", .type = CONF_DURATION,
	  .offset = CHECK_AT(timeout_ns), .default_text = "6s",
	  .min = "10ms", .max = "5m", .placeholder = "DURATION",
	  .help = "Budget of a whole check, redirects included. DNS and "
		  "connect may take 5 s of it, or five sixths where that is "
		  "more." },
	{ CHECK, .name = "header", .type = CONF_HEADER,
	  .flags = CONF_SECRET | CONF_REPEATABLE,
	  .offset = CHECK_AT(headers), .placeholder = "NAME: VALUE",
	  .help = "A header to send; one line each. Secrets belong in "
		  "header_file. Host: NAME takes the place of the URL's host "
		  "in the request, but neither in TLS nor when the address is "
		  "looked up; see server_name." },
	{ CHECK, .name = "header_file", .type = CONF_FILE,
	  .offset = CHECK_AT(header_file), .placeholder = "FILE",
	  .help = "A file of more headers, one NAME: VALUE line each." },
	{ CHECK, .name = "server_name", .type = CONF_HOST,
	  .offset = CHECK_AT(server_name), .placeholder = "HOST",
	  .help = "The name to ask the address of the URL for: in the Host "
		  "header with the URL's port, in TLS (SNI), and as the name "
		  "that the certificate must have." },
	{ CHECK, .name = "ca", .type = CONF_FILE, .offset = CHECK_AT(ca),
	  .placeholder = "FILE",
	  .help = "PEM certificates to trust for this check." },
	{ CHECK, .name = "cert", .type = CONF_FILE, .offset = CHECK_AT(cert),
	  .placeholder = "FILE",
	  .help = "PEM certificate to show to the server that asks for one, "
		  "its chain behind it. For https." },
	{ CHECK, .name = "key", .type = CONF_FILE, .offset = CHECK_AT(key),
	  .placeholder = "FILE", .default_note = "the file of cert",
	  .help = "PEM key of cert, without a passphrase." },
	{ CHECK, .name = "tls_security_level", .type = CONF_INTEGER,
	  .offset = CHECK_AT(tls_security_level), .default_text = "-1",
	  .min = "-1", .max = "5", .placeholder = "LEVEL",
	  .default_note = "-1, the level of the system's OpenSSL",
	  .help = "How strong the server's keys and signatures must be, from "
		  "0 to 5 as in SSL_CTX_set_security_level(3). Debian's level "
		  "2 refuses RSA keys below 2048 bits and SHA-1; 1 takes RSA "
		  "of 1024 bits, 0 takes everything." },
	{ CHECK, .name = "insecure", .type = CONF_BOOL,
	  .offset = CHECK_AT(insecure),
	  .default_note = "that of [kubenurse]",
	  .help = "Do not verify the TLS certificate." },
	{ CHECK, .name = "follow_redirects", .type = CONF_BOOL,
	  .offset = CHECK_AT(follow_redirects), .default_text = "true",
	  .help = "Follow redirects, ten at most; else a redirect is an "
		  "answer like any other." },

	{ .section = CONF_SECTION_NEIGHBOURS, .name = "neighbour",
	  .type = CONF_NEIGHBOUR,
	  .flags = CONF_REPEATABLE, .offset = AT(neighbours),
	  .placeholder = "NAME ADDRESS",
	  .help = "A node and its address, for the source static. The own "
		  "node may be among them, so that all nodes can share one "
		  "file." },
};
/* clang-format on */

const size_t conf_n_keys = sizeof(conf_keys) / sizeof(conf_keys[0]);
_Static_assert(sizeof(conf_keys) / sizeof(conf_keys[0]) <= CONF_KEYS_MAX,
	"one bit each");

const struct conf_key *
conf_key_find(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < conf_n_keys; i++) {
		if (conf_keys[i].section == section &&
			strcmp(conf_keys[i].name, name) == 0)
			return &conf_keys[i];
	}
	return NULL;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

#define GUESS_MAX_BYTES 32

/* The edit distance of two short names, row by row. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[GUESS_MAX_BYTES + 1], n_b = strlen(b);

	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			size_t swap = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = smaller(swap, smaller(row[j], row[j - 1]) + 1);
		}
	}
	return row[n_b];
}

const char *
conf_key_guess(enum conf_section section, const char *name)
{
	/* a third of the letters wrong is another word */
	size_t best_distance = strnlen(name, GUESS_MAX_BYTES + 1) / 3 + 1;
	const char *best = NULL;

	if (strnlen(name, GUESS_MAX_BYTES + 1) > GUESS_MAX_BYTES)
		return NULL;
	for (size_t i = 0; i < conf_n_keys; i++) {
		size_t d;

		if (conf_keys[i].section != section)
			continue;
		d = distance(name, conf_keys[i].name);
		if (d < best_distance) {
			best_distance = d;
			best = conf_keys[i].name;
		}
	}
	return best;
}

const struct conf_key *
conf_key_of_variable(const char *name)
{
	char lower[GUESS_MAX_BYTES + 1] = "";
	const char *guess;

	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if ((key->env != NULL && strcmp(key->env, name) == 0) ||
			(key->env_alt != NULL &&
				strcmp(key->env_alt, name) == 0))
			return key;
	}
	if (strncmp(name, "KUBENURSE_", 10) != 0 ||
		strlen(name + 10) > GUESS_MAX_BYTES)
		return NULL;
	for (size_t i = 0; name[10 + i] != '\0'; i++)
		lower[i] = (char)(name[10 + i] >= 'A' && name[10 + i] <= 'Z'
					  ? name[10 + i] - 'A' + 'a'
					  : name[10 + i]);
	guess = conf_key_guess(CONF_SECTION_KUBENURSE, lower);
	return guess != NULL ? conf_key_find(CONF_SECTION_KUBENURSE, guess)
			     : NULL;
}

const char *
conf_section_title(enum conf_section section)
{
	switch (section) {
	case CONF_SECTION_KUBENURSE:
		return "kubenurse";
	case CONF_SECTION_CHECK:
		return "check NAME";
	case CONF_SECTION_NEIGHBOURS:
		return "neighbours";
	case CONF_SECTION_COUNT:
		break;
	}
	return NULL;
}

const char *
conf_section_help(enum conf_section section)
{
	switch (section) {
	case CONF_SECTION_KUBENURSE:
		return "The program as a whole.";
	case CONF_SECTION_CHECK:
		return "One more check; a section each. The name becomes the "
		       "type of the check in the metrics.";
	case CONF_SECTION_NEIGHBOURS:
		return "The neighbours of a bare node, when there is no "
		       "cluster to ask.";
	case CONF_SECTION_COUNT:
		break;
	}
	return NULL;
}
