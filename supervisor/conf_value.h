/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of the configuration: from text into the field that its row
 * names, and back.  Private to the conf_* files.  Texts about what is wrong
 * quote a value only when its row is not secret.
 */
#ifndef SUPERVISOR_CONF_VALUE_H
#define SUPERVISOR_CONF_VALUE_H

#include "common/strbuf.h"
#include "common/url.h"
#include "supervisor/conf.h"
#include "supervisor/conf_table.h"

#include <stdbool.h>

/*
 * 0; -EINVAL with what is wrong and what would be right in why; -ENOMEM.  The
 * field is unchanged on failure.  A repeatable key appends.
 */
int conf_value_parse(const struct conf_key *key, const char *text, void *object,
	struct strbuf *why);
/*
 * The text that parses back to the field, secrets redacted.  A repeatable key
 * is formatted one item at a time; n_item is 0 for the others.  False: there
 * is no such item, or the value is not set.
 */
bool conf_value_format(const struct conf_key *key, const void *object,
	size_t n_item, struct strbuf *out);
/* The first byte that is no strict UTF-8 (RFC 3629) or begins a control
 * character; a tab may be allowed.  NULL: there is none. */
const char *conf_text_bad_byte(const char *text, bool tab_allowed);
bool conf_replace_string(char **field, const char *text);
/*
 * What is wrong with a URL, a text of static storage; NULL: nothing, and it
 * is no longer than a URL may be when it is written again.
 */
typedef int conf_url_parser(
	struct url *url, const char *text, const char **ret_error);
const char *conf_parse_url(
	conf_url_parser *parse, const char *text, struct url *ret_url);

/* The lists, in conf_list.c; as conf_value_parse. */
int conf_parse_buckets(
	const char *text, struct conf_buckets *field, struct strbuf *why);
int conf_parse_listen(
	const char *text, struct conf_listen *field, struct strbuf *why);
int conf_parse_statuses(
	const char *text, struct conf_statuses *field, struct strbuf *why);
void conf_format_buckets(const struct conf_buckets *field, struct strbuf *out);
void conf_format_listen(const struct conf_listen *field, struct strbuf *out);
void conf_format_statuses(
	const struct conf_statuses *field, struct strbuf *out);

/* Checks and neighbours, in conf_check.c. */
int conf_parse_header(
	const char *text, struct conf_headers *field, struct strbuf *why);
int conf_parse_extra_checks(
	const char *text, struct conf_checks *field, struct strbuf *why);
int conf_parse_neighbour(
	const char *text, struct conf_neighbours *field, struct strbuf *why);
/* A check with the defaults of its rows.  NULL: no memory, or too many. */
struct conf_check *conf_checks_add(struct conf_checks *checks);
void conf_checks_free(struct conf_checks *checks);
void conf_neighbours_free(struct conf_neighbours *neighbours);
/* What is wrong with the name of a check; NULL: nothing.  It may be empty. */
const char *conf_check_name_error(const char *name);

/*
 * Why an item of no_proxy, without the blanks around it, can match nothing;
 * NULL: it can.  The item is taken apart.
 */
const char *conf_no_proxy_error(char *item);

#endif
