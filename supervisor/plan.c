/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to targets; see plan.h. */
#include "supervisor/plan.h"

#include "common/clock.h"
#include "common/control.h"
#include "common/strbuf.h"

#include <errno.h>
#include <string.h>

/* The first round is spread over this, or over a shorter interval. */
#define STAGGER_NS NS_PER_S

/* Plain checks first: they need no CAs, so the first sample is soon there. */
static const enum worker_type built_in[] = {
	WORKER_ME_SERVICE,
	WORKER_ME_INGRESS,
	WORKER_API_SERVER_DIRECT,
	WORKER_API_SERVER_DNS,
};

#define BUILT_IN_COUNT (sizeof(built_in) / sizeof(built_in[0]))

/* "" when there is no target, or the check is off. */
static const char *
built_in_url(const struct conf *conf, enum worker_type type)
{
	switch (type) {
	case WORKER_API_SERVER_DIRECT:
		return conf->check_api_server_direct
			       ? conf->api_server_direct_target
			       : "";
	case WORKER_API_SERVER_DNS:
		return conf->check_api_server_dns ? conf->api_server_dns_target
						  : "";
	case WORKER_ME_INGRESS:
		return conf->check_me_ingress ? conf->me_ingress_target : "";
	case WORKER_ME_SERVICE:
		return conf->check_me_service ? conf->me_service_target : "";
	case WORKER_PATH:
	case WORKER_EXTRA:
	case WORKER_DISCOVERY:
	case WORKER_TYPE_COUNT:
		break;
	}
	return "";
}

bool
plan_skips(const struct conf *conf, enum worker_type type)
{
	return built_in_url(conf, type)[0] == '\0';
}

uint64_t
plan_dial_timeout_ns(uint64_t timeout_ns)
{
	uint64_t share_ns = timeout_ns / 6 * 5;

	return share_ns > PLAN_DIAL_TIMEOUT_NS ? share_ns
					       : PLAN_DIAL_TIMEOUT_NS;
}

void
plan_fill_defaults(struct target_spec *spec, const struct conf *conf)
{
	memset(spec, 0, sizeof(*spec));
	spec->method = "GET";
	spec->expect[0] = (struct status_range){ 200, 200 };
	spec->expect_count = 1;
	spec->interval_ns = (uint64_t)conf->check_interval_ns;
	spec->timeout_ns = PLAN_CHECK_TIMEOUT_NS;
	spec->dial_timeout_ns = plan_dial_timeout_ns(spec->timeout_ns);
	spec->insecure = conf->insecure;
	spec->follow_redirects = true;
	spec->reuse_connections = conf->reuse_connections;
}

uint64_t
plan_stagger_ns(const struct conf *conf, size_t index, size_t count)
{
	uint64_t spread_ns = (uint64_t)conf->check_interval_ns < STAGGER_NS
				     ? (uint64_t)conf->check_interval_ns
				     : STAGGER_NS;

	return count > 0 ? spread_ns / count * index : 0;
}

static int
want_built_in(struct target_table *table, const struct conf *conf,
	enum worker_type type, uint64_t delay_ns)
{
	struct target_spec spec;

	plan_fill_defaults(&spec, conf);
	spec.key = spec.label = worker_type_name(type);
	spec.url = built_in_url(conf, type);
	return target_table_want(table, type, &spec, delay_ns, NULL);
}

static int
format_headers(const struct conf_check *check, struct strbuf *lines)
{
	for (size_t i = 0; i < check->headers.n_headers; i++)
		strbuf_printf(lines, "%s: %s\n", check->headers.headers[i].name,
			check->headers.headers[i].value);
	return strbuf_text(lines) != NULL ? 0 : -ENOMEM;
}

static int
want_extra(struct target_table *table, const struct conf *conf,
	const struct conf_check *check, uint64_t delay_ns)
{
	struct target_spec spec;
	struct strbuf headers;
	int rc;

	plan_fill_defaults(&spec, conf);
	spec.key = spec.label = check->name;
	spec.url = check->url;
	spec.method = check->method;
	spec.server_name = check->server_name;
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++)
		spec.files[i] = conf_check_file(check, i);
	spec.interval_ns = (uint64_t)check->interval_ns;
	spec.timeout_ns = (uint64_t)check->timeout_ns;
	spec.dial_timeout_ns = plan_dial_timeout_ns(spec.timeout_ns);
	spec.tls_security_level =
		(uint32_t)(check->tls_security_level + CONTROL_TLS_LEVEL_FIRST);
	spec.insecure = check->insecure;
	spec.follow_redirects = check->follow_redirects;
	spec.expect_count = check->expect.n_ranges;
	memcpy(spec.expect, check->expect.ranges,
		spec.expect_count * sizeof(spec.expect[0]));
	strbuf_init(&headers, 0);
	rc = format_headers(check, &headers);
	spec.headers = strbuf_text(&headers);
	if (rc == 0)
		rc = target_table_want(
			table, WORKER_EXTRA, &spec, delay_ns, NULL);
	strbuf_fini(&headers);
	return rc;
}

size_t
plan_count(const struct conf *conf)
{
	size_t count = conf->checks.n_checks;

	for (size_t i = 0; i < BUILT_IN_COUNT; i++)
		count += plan_skips(conf, built_in[i]) ? 0 : 1;
	return count;
}

bool
plan_is_idle(const struct conf *conf)
{
	return plan_count(conf) == 0 &&
	       (!conf->check_neighbourhood ||
		       (conf->neighbour_source == CONF_SOURCE_STATIC &&
			       conf->neighbours.n_neighbours == 0));
}

int
plan_checks(
	struct target_table *table, const struct conf *conf, uint64_t now_ns)
{
	size_t count = plan_count(conf), index = 0;
	int rc = 0;

	for (size_t i = 0; i < BUILT_IN_COUNT && rc == 0; i++) {
		target_table_begin(table, built_in[i]);
		if (!plan_skips(conf, built_in[i]))
			rc = want_built_in(table, conf, built_in[i],
				plan_stagger_ns(conf, index++, count));
		if (rc == 0)
			target_table_end(table, built_in[i], now_ns);
	}
	target_table_begin(table, WORKER_EXTRA);
	for (size_t i = 0; i < conf->checks.n_checks && rc == 0; i++)
		rc = want_extra(table, conf, &conf->checks.checks[i],
			plan_stagger_ns(conf, index++, count));
	/* without memory for all, those that are checked stay */
	if (rc == 0)
		target_table_end(table, WORKER_EXTRA, now_ns);
	return rc;
}
