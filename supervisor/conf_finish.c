/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of loading: defaults that depend on other keys, the targets of the
 * built-in checks, and what one key alone could not know to be wrong.
 */
#include "supervisor/conf_loader.h"

#include "common/url.h"
#include "supervisor/conf_value.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HAPPY_PATH "/alwayshappy"

static const struct conf_origin *
origin_of(struct conf_loader *loader, const char *name)
{
	return conf_loader_origin(
		loader, conf_key_find(CONF_SECTION_KUBENURSE, name));
}

static bool
is_set(struct conf_loader *loader, const char *name)
{
	const struct conf_origin *origin = origin_of(loader, name);

	return origin->env != NULL || origin->line_number > 0;
}

/* An empty text that nobody complained about yet. */
static bool
is_missing(struct conf_loader *loader, const char *name, const char *value)
{
	return *value == '\0' && !origin_of(loader, name)->failed;
}

static void
set_name(struct conf_loader *loader, const char *name, char *const *field,
	const char *host_name)
{
	if (is_missing(loader, name, *field))
		conf_loader_set(loader,
			conf_key_find(CONF_SECTION_KUBENURSE, name),
			loader->conf, host_name, 0, "host name", NULL);
}

static void
set_late_defaults(
	struct conf_loader *loader, const char *host_name, bool has_token)
{
	struct conf *conf = loader->conf;
	bool in_cluster = conf->api_server_host[0] != '\0' && has_token;

	set_name(loader, "node_name", &conf->node_name, host_name);
	set_name(loader, "pod_name", &conf->pod_name, host_name);
	if (!is_set(loader, "expose_metadata"))
		conf->expose_metadata = conf->from_ini;
	if (conf->neighbour_port == 0)
		conf->neighbour_port = conf->use_tls ? 8443 : 8080;
	if (conf->neighbour_source == CONF_SOURCE_UNSET)
		conf->neighbour_source =
			in_cluster ? CONF_SOURCE_PODS : CONF_SOURCE_STATIC;
	/* one word alone must not make the token go anywhere */
	conf->api_server_insecure = conf->api_server_insecure && conf->insecure;
}

/* The base URL with the path; its own slash at the end is not doubled. */
static char *
base_target(const char *base)
{
	int len = (int)strlen(base);
	char *target = NULL;

	if (strpbrk(base, "?#") == NULL) {
		while (len > 0 && base[len - 1] == '/')
			len--;
	}
	if (len == 0)
		return strdup("");
	return asprintf(&target, "%.*s%s", len, base, HAPPY_PATH) < 0 ? NULL
								      : target;
}

/* It has to, as --print-config writes it too. */
static bool
fits_with_path(const char *base)
{
	char again[URL_TEXT_BYTES];
	const char *error;
	struct url url;
	bool fits = true;

	if (url_parse(&url, base, &error) != 0)
		return true; /* that was said */
	for (int redact = 0; redact <= 1; redact++)
		fits &= strlen(url_format(&url, redact != 0, again)) +
				sizeof(HAPPY_PATH) - 1 <=
			URL_MAX_BYTES;
	return fits;
}

static void
set_base_target(struct conf_loader *loader, const char *name, const char *base,
	char **ret_target)
{
	const char *error = NULL;
	struct url url;

	*ret_target = base_target(base);
	if (*ret_target == NULL) {
		conf_loader_no_memory(loader);
		return;
	}
	if (**ret_target == '\0')
		return;
	error = conf_parse_url(url_parse, *ret_target, &url);
	if (error == NULL && !fits_with_path(base))
		error = "it is longer than 2048 bytes once it is encoded";
	if (error != NULL)
		conf_loader_error(loader, name,
			"with " HAPPY_PATH " at its end %s", error);
}

static char *
api_target(const char *host, uint16_t port)
{
	bool brackets = strchr(host, ':') != NULL;
	char *target = NULL;

	return asprintf(&target, "https://%s%s%s:%u/version",
		       brackets ? "[" : "", host, brackets ? "]" : "", port) < 0
		       ? NULL
		       : target;
}

/*
 * The name of the API server has a default, but without an address there is
 * no cluster where it would be found; unless somebody set the name.
 */
static void
set_api_targets(struct conf_loader *loader)
{
	struct conf *conf = loader->conf;
	bool has_host = conf->api_server_host[0] != '\0';
	bool has_dns = conf->api_server_dns[0] != '\0' &&
		       (has_host || is_set(loader, "api_server_dns"));

	conf->api_server_direct_target =
		has_host ? api_target(
				   conf->api_server_host, conf->api_server_port)
			 : strdup("");
	conf->api_server_dns_target = has_dns ? api_target(conf->api_server_dns,
							conf->api_server_port)
					      : strdup("");
	if (conf->api_server_direct_target == NULL ||
		conf->api_server_dns_target == NULL)
		conf_loader_no_memory(loader);
}

/* Whoever were first would serve alone. */
static bool
listens_twice(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listen.n_addresses; i++)
		for (size_t j = 0; j < conf->listen_tls.n_addresses; j++)
			if (memcmp(&conf->listen.addresses[i],
				    &conf->listen_tls.addresses[j],
				    sizeof(union conf_address)) == 0)
				return true;
	return false;
}

static void
check_tls(struct conf_loader *loader)
{
	struct conf *conf = loader->conf;

	if (!conf->use_tls)
		return;
	if (is_missing(loader, "cert_file", conf->cert_file))
		conf_loader_error(loader, "use_tls",
			"there is no certificate; set cert_file");
	if (is_missing(loader, "cert_key", conf->cert_key))
		conf_loader_error(loader, "use_tls",
			"there is no key of the certificate; set cert_key");
	if (listens_twice(conf))
		conf_loader_error(loader, "listen_tls",
			"an address of it is in listen, too; choose another");
}

static void
check_source(struct conf_loader *loader)
{
	struct conf *conf = loader->conf;
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, conf->neighbour_service, address) == 1 ||
		inet_pton(AF_INET6, conf->neighbour_service, address) == 1)
		conf_loader_error(loader, "neighbour_service",
			"\"%s\" is an address; write the name of a service, "
			"or list addresses under [neighbours]",
			conf->neighbour_service);
	if (conf->neighbour_source == CONF_SOURCE_DNS &&
		is_missing(
			loader, "neighbour_service", conf->neighbour_service))
		conf_loader_error(loader, "neighbour_source",
			"dns has no name to resolve; set neighbour_service");
	if (conf->neighbour_source == CONF_SOURCE_PODS &&
		is_missing(loader, "api_server_host", conf->api_server_host))
		conf_loader_error(loader, "neighbour_source",
			"pods has no API server to ask; set api_server_host");
	if (conf->neighbour_source != CONF_SOURCE_STATIC &&
		conf->neighbours.n_neighbours > 0)
		conf_problems_add_warning(loader->problems,
			"%s:%u: neighbour: is not used; set neighbour_source "
			"= static",
			loader->file_name,
			conf->neighbours.neighbours[0].line_number);
}

static int
compare_neighbours(const void *a, const void *b)
{
	const struct conf_neighbour *const *left = a, *const *right = b;
	int order = strcmp((*left)->name, (*right)->name);

	if (order == 0)
		order = (*left)->line_number < (*right)->line_number ? -1 : 1;
	return order;
}

/* By a sorted index: the order of the file is kept. */
static void
check_neighbours(struct conf_loader *loader)
{
	const struct conf_neighbours *list = &loader->conf->neighbours;
	const struct conf_neighbour **sorted;

	if (list->n_neighbours < 2)
		return;
	sorted = calloc(list->n_neighbours, sizeof(const void *));
	if (sorted == NULL) {
		conf_loader_no_memory(loader);
		return;
	}
	for (size_t i = 0; i < list->n_neighbours; i++)
		sorted[i] = &list->neighbours[i];
	qsort(sorted, list->n_neighbours, sizeof(const void *),
		compare_neighbours);
	for (size_t i = 1; i < list->n_neighbours; i++) {
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			conf_problems_add_error_at(loader->problems,
				loader->file_name, sorted[i]->line_number,
				"neighbour: %.60s is there twice, in "
				"line %u too; remove one",
				sorted[i]->name, sorted[i - 1]->line_number);
	}
	free(sorted);
}

/* The list's items go behind the sections, and the list is empty again. */
static void
merge_checks(struct conf_loader *loader)
{
	struct conf_checks *all = &loader->conf->checks;
	struct conf_checks *listed = &loader->conf->listed_checks;
	size_t n = all->n_checks + listed->n_checks;
	struct conf_check *grown;

	if (listed->n_checks == 0)
		return;
	if (n > CONF_CHECKS_MAX) {
		conf_loader_error(loader, "extra_checks",
			"these and the [check] sections are %zu; there may be "
			"1000",
			n);
		return;
	}
	grown = realloc(all->checks, n * sizeof(*grown));
	if (grown == NULL) {
		conf_loader_no_memory(loader);
		return;
	}
	memcpy(grown + all->n_checks, listed->checks,
		listed->n_checks * sizeof(*grown));
	all->checks = grown;
	all->n_checks = n;
	free(listed->checks);
	listed->checks = NULL;
	listed->n_checks = 0;
}

static void __attribute__((format(printf, 3, 4)))
check_error(struct conf_loader *loader, const struct conf_check *check,
	const char *format, ...)
{
	char text[CONF_PROBLEM_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (check->line_number == 0)
		conf_loader_error(loader, "extra_checks", "\"%.60s\" %s",
			check->name, text);
	else
		conf_problems_add_error_at(loader->problems, loader->file_name,
			check->line_number, "[check %.60s]: %s", check->name,
			text);
}

/* What is kept as the Go program keeps it, but was hardly meant. */
static void
warn_of_name(struct conf_loader *loader, const char *name)
{
	size_t len = strlen(name);

	if (len > 0 && (strchr(" \"'", name[0]) != NULL ||
			       strchr(" \"'", name[len - 1]) != NULL))
		conf_loader_warning(loader, "extra_checks",
			"the name \"%.60s\" begins or ends with a blank or a "
			"quotation mark, which is part of the type; remove it",
			name);
}

static void
check_certificate(struct conf_loader *loader, const struct conf_check *check)
{
	if (check->cert[0] == '\0' && check->key[0] != '\0')
		check_error(loader, check,
			"there is no certificate for its key; set cert");
	if (check->cert[0] != '\0' && check->url[0] != '\0' &&
		strncasecmp(check->url, "https:", 6) != 0)
		check_error(loader, check,
			"has a cert, which is for https alone; write "
			"url = https://...");
}

static void
finish_checks(struct conf_loader *loader)
{
	struct conf_checks *list = &loader->conf->checks;

	for (size_t i = 0; i < list->n_checks; i++) {
		struct conf_check *check = &list->checks[i];
		const char *error = conf_check_name_error(check->name);

		/* kubenurse 1.x takes an item without one */
		if (check->name[0] == '\0' && check->line_number > 0)
			error = "has no name; give it one";
		if (check->interval_ns == 0)
			check->interval_ns = loader->conf->check_interval_ns;
		if (!check->insecure_is_set)
			check->insecure = loader->conf->insecure;
		if (error != NULL)
			check_error(loader, check, "%s", error);
		else if (check->line_number == 0)
			warn_of_name(loader, check->name);
		check_certificate(loader, check);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(list->checks[j].name, check->name) != 0)
				continue;
			if (check->line_number > 0)
				check_error(loader, check,
					"is there twice, in line %u too; "
					"choose another name",
					list->checks[j].line_number);
			else
				check_error(loader, check,
					"is there twice; choose another name "
					"for one of them");
			break;
		}
	}
}

static void
check_no_proxy(struct conf_loader *loader)
{
	char *copy = strdup(loader->conf->no_proxy), *rest = copy, *item;

	if (copy == NULL)
		conf_loader_no_memory(loader);
	while ((item = strsep(&rest, ",")) != NULL) {
		char text[CONF_NAME_MAX_BYTES + 64];
		const char *error = NULL;
		size_t len;

		item += strspn(item, " \t");
		len = strlen(item);
		while (len > 0 && strchr(" \t", item[len - 1]) != NULL)
			item[--len] = '\0';
		snprintf(text, sizeof(text), "%s", item);
		if (*item != '\0')
			error = conf_no_proxy_error(item);
		if (error != NULL)
			conf_loader_warning(loader, "no_proxy",
				"\"%.60s\" can match nothing: it %s", text,
				error);
	}
	free(copy);
}

void
conf_finish(struct conf_loader *loader, const char *host_name, bool has_token)
{
	struct conf *conf = loader->conf;

	set_late_defaults(loader, host_name, has_token);
	set_base_target(loader, "ingress_url", conf->ingress_url,
		&conf->me_ingress_target);
	set_base_target(loader, "service_url", conf->service_url,
		&conf->me_service_target);
	set_api_targets(loader);
	check_tls(loader);
	check_no_proxy(loader);
	check_source(loader);
	check_neighbours(loader);
	merge_checks(loader);
	finish_checks(loader);
}
