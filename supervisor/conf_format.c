/* SPDX-License-Identifier: Apache-2.0 */
/* Values as text again, without their secrets; see conf_value.h. */
#include "supervisor/conf_value.h"

#include "common/duration.h"
#include "common/url.h"

#include <inttypes.h>
#include <string.h>

static void
format_url(const char *text, struct strbuf *out)
{
	char redacted[URL_TEXT_BYTES];
	const char *error;
	struct url url;

	/* it parsed when it was loaded */
	if (url_parse_check(&url, text, &error) == 0)
		strbuf_add_string(out, url_format(&url, true, redacted));
}

/* Those of the list itself; [check] sections are printed as such. */
static void
format_extra_checks(const struct conf_checks *checks, struct strbuf *out)
{
	const char *separator = "";

	for (size_t i = 0; i < checks->n_checks; i++) {
		const struct conf_check *check = &checks->checks[i];

		if (check->line_number != 0)
			continue;
		strbuf_printf(out, "%s%s:", separator, check->name);
		format_url(check->url, out);
		separator = "|";
	}
}

static bool
format_header(
	const struct conf_headers *headers, size_t n_item, struct strbuf *out)
{
	if (n_item >= headers->n_headers)
		return false;
	strbuf_printf(out, "%s: redacted", headers->headers[n_item].name);
	return true;
}

static bool
format_neighbour(const struct conf_neighbours *neighbours, size_t n_item,
	struct strbuf *out)
{
	if (n_item >= neighbours->n_neighbours)
		return false;
	strbuf_printf(out, "%s %s", neighbours->neighbours[n_item].name,
		neighbours->neighbours[n_item].address);
	return true;
}

static void
format_scalar(const struct conf_key *key, const void *field, struct strbuf *out)
{
	char duration[DURATION_TEXT_BYTES];

	if (key->type == CONF_BOOL)
		strbuf_add_string(out, *(const bool *)field ? "true" : "false");
	else if (key->type == CONF_INTEGER)
		strbuf_printf(out, "%" PRId64, *(const int64_t *)field);
	else if (key->type == CONF_PORT)
		strbuf_printf(out, "%u", *(const uint16_t *)field);
	else if (key->type == CONF_DURATION)
		strbuf_add_string(out,
			duration_format(*(const int64_t *)field, duration));
	else
		strbuf_add_string(out, key->names[*(const unsigned *)field]);
}

bool
conf_value_format(const struct conf_key *key, const void *object, size_t n_item,
	struct strbuf *out)
{
	const void *field = (const char *)object + key->offset;
	size_t before_bytes = out->len_bytes;

	if (n_item > 0 && (key->flags & CONF_REPEATABLE) == 0)
		return false;
	switch (key->type) {
	case CONF_BOOL:
	case CONF_INTEGER:
	case CONF_PORT:
	case CONF_DURATION:
	case CONF_ENUM:
		format_scalar(key, field, out);
		break;
	case CONF_URL:
	case CONF_PROXY:
		format_url(*(char *const *)field, out);
		break;
	case CONF_TEXT:
	case CONF_FILE:
	case CONF_SELECTOR:
	case CONF_NO_PROXY:
	case CONF_NAME:
	case CONF_NAMESPACE:
	case CONF_HOST:
	case CONF_USER:
	case CONF_METHOD:
		strbuf_add_string(out, *(char *const *)field);
		break;
	case CONF_BUCKETS:
		conf_format_buckets(field, out);
		break;
	case CONF_LISTEN:
		conf_format_listen(field, out);
		break;
	case CONF_STATUSES:
		conf_format_statuses(field, out);
		break;
	case CONF_EXTRA_CHECKS:
		format_extra_checks(field, out);
		break;
	case CONF_HEADER:
		return format_header(field, n_item, out);
	case CONF_NEIGHBOUR:
		return format_neighbour(field, n_item, out);
	}
	return out->failed || out->len_bytes > before_bytes;
}
