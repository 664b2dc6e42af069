/* SPDX-License-Identifier: Apache-2.0 */
/* Single values by their type; see conf_value.h. */
#include "supervisor/conf_value.h"

#include "common/duration.h"
#include "common/url.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define QUOTE_MAX_BYTES 60
/* Once it is percent-encoded; fits the request of discovery (list_watch.h). */
#define SELECTOR_MAX_BYTES 3072
/* Fits the file of what never changes with all that is beside it. */
#define NO_PROXY_MAX_BYTES 32768

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* The length of the UTF-8 sequence at p; 0: there is none. */
static size_t
sequence_length(const unsigned char *p)
{
	static const struct {
		unsigned char from, to, second_min, second_max;
		size_t len;
	} forms[] = {
		/* RFC 3629, section 4 */
		{ 0x01, 0x7f, 0, 0, 1 },
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (p[0] < forms[i].from || p[0] > forms[i].to)
			continue;
		if (forms[i].len > 1 && (p[1] < forms[i].second_min ||
						p[1] > forms[i].second_max))
			return 0;
		for (size_t n = 2; n < forms[i].len; n++) {
			if ((p[n] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

const char *
conf_text_bad_byte(const char *text, bool tab_allowed)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p != '\0') {
		size_t len = sequence_length(p);
		bool c1 = p[0] == 0xc2 && p[1] < 0xa0;

		if (len == 0 || *p == 0x7f || c1)
			return (const char *)p;
		if (*p < 0x20 && !(*p == '\t' && tab_allowed))
			return (const char *)p;
		p += len;
	}
	return NULL;
}

bool
conf_replace_string(char **field, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return false;
	free(*field);
	*field = copy;
	return true;
}

static int
wrong(struct strbuf *why, const struct conf_key *key, const char *text,
	const char *what)
{
	size_t len = strnlen(text, QUOTE_MAX_BYTES + 1);

	if ((key->flags & CONF_SECRET) == 0)
		strbuf_printf(why, "\"%.*s\"%s ", QUOTE_MAX_BYTES, text,
			len > QUOTE_MAX_BYTES ? "..." : "");
	strbuf_add_string(why, what);
	return -EINVAL;
}

static int
parse_bool(const struct conf_key *key, const char *text, bool *field,
	struct strbuf *why)
{
	if (strcmp(text, "true") == 0)
		*field = true;
	else if (strcmp(text, "false") == 0)
		*field = false;
	else
		return wrong(why, key, text, "is neither true nor false");
	return 0;
}

/* Decimal, with a sign if need be, and nothing else. */
static int
parse_number(const char *text, int64_t *ret_number)
{
	const char *digits = text + (*text == '-' || *text == '+');
	int64_t number = 0;

	if (*digits == '\0')
		return -EINVAL;
	for (const char *p = digits; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
	}
	for (const char *p = digits; *p != '\0'; p++) {
		int64_t digit = *text == '-' ? '0' - *p : *p - '0';

		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, digit, &number))
			return -ERANGE;
	}
	*ret_number = number;
	return 0;
}

static int
parse_integer(const struct conf_key *key, const char *text, int64_t *field,
	struct strbuf *why)
{
	int64_t number = 0;
	int err = parse_number(text, &number);

	if (err == -ERANGE)
		return wrong(why, key, text, "does not fit 64 bits");
	if (err != 0)
		return wrong(why, key, text,
			"is not an integer; write decimal digits");
	if (key->min != NULL && number < atoll(key->min)) {
		wrong(why, key, text, "is too small; it must be at least ");
		strbuf_add_string(why, key->min);
		return -EINVAL;
	}
	if (key->max != NULL && number > atoll(key->max)) {
		wrong(why, key, text, "is too large; it must be at most ");
		strbuf_add_string(why, key->max);
		return -EINVAL;
	}
	*field = number;
	return 0;
}

static int
parse_port(const struct conf_key *key, const char *text, uint16_t *field,
	struct strbuf *why)
{
	int64_t number;

	if (parse_number(text, &number) != 0 || number < 1 ||
		number > UINT16_MAX)
		return wrong(why, key, text,
			"is not a port; write a number from 1 to 65535");
	*field = (uint16_t)number;
	return 0;
}

static int
parse_duration(const struct conf_key *key, const char *text, int64_t *field,
	struct strbuf *why)
{
	int64_t ns, bound_ns;
	int err = duration_parse(text, &ns);

	if (err == -ERANGE)
		return wrong(why, key, text, "is too long");
	if (err != 0)
		return wrong(why, key, text,
			"is not a duration; write numbers with units, such as "
			"500ms, 5s or 1m30s");
	if (key->min != NULL && duration_parse(key->min, &bound_ns) == 0 &&
		ns < bound_ns) {
		wrong(why, key, text, "is too short; it must be at least ");
		strbuf_add_string(why, key->min);
		return -EINVAL;
	}
	if (key->max != NULL && duration_parse(key->max, &bound_ns) == 0 &&
		ns > bound_ns) {
		wrong(why, key, text, "is too long; it must be at most ");
		strbuf_add_string(why, key->max);
		return -EINVAL;
	}
	*field = ns;
	return 0;
}

static int
parse_enum(const struct conf_key *key, const char *text, unsigned *field,
	struct strbuf *why)
{
	const char *separator = " ";

	for (unsigned i = 0; key->names[i] != NULL; i++) {
		if (*text != '\0' && strcmp(key->names[i], text) == 0) {
			*field = i;
			return 0;
		}
	}
	wrong(why, key, text, "is not one of");
	for (unsigned i = 0; key->names[i] != NULL; i++) {
		if (key->names[i][0] == '\0')
			continue;
		strbuf_printf(why, "%s%s", separator, key->names[i]);
		separator = ", ";
	}
	return -EINVAL;
}

const char *
conf_parse_url(conf_url_parser *parse, const char *text, struct url *ret_url)
{
	const char *error = NULL;
	char again[URL_TEXT_BYTES];
	int err = parse(ret_url, text, &error);

	/* --print-config and a worker have to read what is written here */
	if (err == 0 &&
		(strlen(url_format(ret_url, true, again)) > URL_MAX_BYTES ||
			strlen(url_format(ret_url, false, again)) >
				URL_MAX_BYTES))
		error = "it is longer than 2048 bytes once it is encoded";
	return error;
}

/* RFC 1123 label, as Kubernetes wants it; it becomes part of a path. */
static bool
is_label(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len <= 63 && text[len] == '\0' && text[0] != '-' &&
	       text[len - 1] != '-';
}

static bool
is_user_name(const char *text)
{
	const char *p = text;

	while (is_alnum(*p) || (*p != '\0' && strchr("_.-", *p) != NULL))
		p++;
	return p > text && *p == '\0' && *text != '-' && strlen(text) <= 64;
}

static bool
is_method(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	/* CONNECT has no answer that could be read to an end */
	return len > 0 && len <= 16 && text[len] == '\0' &&
	       strcmp(text, "CONNECT") != 0;
}

static size_t
encoded_bytes(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += is_alnum(*text) || strchr("-._~", *text) != NULL ? 1 : 3;
	return n;
}

/* The texts that may stand in a field of that type; "" was dealt with. */
static int
check_string(const struct conf_key *key, const char *text, struct strbuf *why)
{
	const char *error = NULL;
	struct url url;

	if (key->type == CONF_FILE && strlen(text) >= PATH_MAX)
		error = "is longer than a path may be, 4095 bytes";
	else if (key->type == CONF_SELECTOR &&
		 encoded_bytes(text) > SELECTOR_MAX_BYTES)
		error = "is too long for the URL of a request; shorten it";
	else if (key->type == CONF_NO_PROXY &&
		 strlen(text) > NO_PROXY_MAX_BYTES)
		error = "is longer than 32768 bytes";
	else if (key->type == CONF_NAME && strlen(text) > CONF_NAME_MAX_BYTES)
		error = "is longer than 253 bytes";
	else if (key->type == CONF_NAMESPACE && !is_label(text))
		error = "is no namespace; write lower case letters, digits "
			"and -";
	else if (key->type == CONF_URL)
		error = conf_parse_url(key->section == CONF_SECTION_CHECK
					       ? url_parse_check
					       : url_parse,
			text, &url);
	else if (key->type == CONF_USER && !is_user_name(text))
		error = "is no user name; write letters, digits, _, . and -";
	else if (key->type == CONF_METHOD && !is_method(text))
		error = "is no request method; write it in capitals, such as "
			"GET or HEAD";
	return error != NULL ? wrong(why, key, text, error) : 0;
}

/* A host without brackets, though they may be written. */
static int
parse_host(const struct conf_key *key, const char *text, char **field,
	struct strbuf *why)
{
	size_t len = strlen(text);
	const char *error = NULL;
	char host[URL_HOST_MAX_BYTES + 1];

	if (len > 2 && text[0] == '[' && text[len - 1] == ']' &&
		strchr(text, ':') != NULL) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return wrong(why, key, text, "is longer than 253 bytes");
	memcpy(host, text, len);
	host[len] = '\0';
	if (len > 0 && !url_host_check(host, &error)) {
		wrong(why, key, text,
			"is neither a host name nor an address: ");
		strbuf_add_string(why, error);
		return -EINVAL;
	}
	return conf_replace_string(field, host) ? 0 : -ENOMEM;
}

/* Kept as a whole URL, though it may be written as host:3128. */
static int
parse_proxy(const struct conf_key *key, const char *text, char **field,
	struct strbuf *why)
{
	char full[URL_TEXT_BYTES] = "";
	const char *error;
	struct url url;

	if (*text != '\0') {
		error = conf_parse_url(url_parse_proxy, text, &url);
		if (error != NULL)
			return wrong(why, key, text, error);
		strcpy(stpcpy(full,
			       strstr(text, "://") == NULL ? "http://" : ""),
			text);
	}
	return conf_replace_string(field, full) ? 0 : -ENOMEM;
}

static int
parse_string(const struct conf_key *key, const char *text, char **field,
	struct strbuf *why)
{
	/* "not set" is no method, and nothing to check */
	if (*text != '\0' || key->type == CONF_METHOD ||
		(key->type == CONF_URL && key->section == CONF_SECTION_CHECK)) {
		int err = check_string(key, text, why);

		if (err != 0)
			return err;
	}
	return conf_replace_string(field, text) ? 0 : -ENOMEM;
}

int
conf_value_parse(const struct conf_key *key, const char *text, void *object,
	struct strbuf *why)
{
	void *field = (char *)object + key->offset;
	const char *bad;

	if (strnlen(text, CONF_VALUE_MAX_BYTES + 1) > CONF_VALUE_MAX_BYTES) {
		strbuf_add_string(why, "is longer than 57344 bytes");
		return -EINVAL;
	}
	bad = conf_text_bad_byte(text, key->type == CONF_NEIGHBOUR);
	if (bad != NULL) {
		strbuf_printf(why,
			"contains a control character or is not valid UTF-8: "
			"\\x%02x behind %zu bytes; remove it",
			(unsigned char)*bad, (size_t)(bad - text));
		return -EINVAL;
	}
	switch (key->type) {
	case CONF_BOOL:
		return parse_bool(key, text, field, why);
	case CONF_INTEGER:
		return parse_integer(key, text, field, why);
	case CONF_PORT:
		return parse_port(key, text, field, why);
	case CONF_DURATION:
		return parse_duration(key, text, field, why);
	case CONF_ENUM:
		return parse_enum(key, text, field, why);
	case CONF_TEXT:
	case CONF_FILE:
	case CONF_SELECTOR:
	case CONF_NO_PROXY:
	case CONF_NAME:
	case CONF_NAMESPACE:
	case CONF_URL:
	case CONF_USER:
	case CONF_METHOD:
		return parse_string(key, text, field, why);
	case CONF_HOST:
		return parse_host(key, text, field, why);
	case CONF_PROXY:
		return parse_proxy(key, text, field, why);
	case CONF_BUCKETS:
		return conf_parse_buckets(text, field, why);
	case CONF_LISTEN:
		return conf_parse_listen(text, field, why);
	case CONF_STATUSES:
		return conf_parse_statuses(text, field, why);
	case CONF_HEADER:
		return conf_parse_header(text, field, why);
	case CONF_EXTRA_CHECKS:
		return conf_parse_extra_checks(text, field, why);
	case CONF_NEIGHBOUR:
		return conf_parse_neighbour(text, field, why);
	}
	return -EINVAL;
}
