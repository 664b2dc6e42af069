/* SPDX-License-Identifier: Apache-2.0 */
/* --print-config, and what a reload cannot change; see conf.h. */
#include "supervisor/conf.h"

#include "common/strbuf.h"
#include "supervisor/conf_table.h"
#include "supervisor/conf_value.h"

#include <errno.h>
#include <string.h>

/* The longest piece that the parser surely takes at once; see conf_ini.c. */
#define PIECE_MAX_BYTES 150

/*
 * A blank at an end is trimmed, one before a semicolon starts a comment.  A
 * long line must have places where it can be taken apart.
 */
static bool
fits_a_line(const char *name, const char *value)
{
	size_t len = strlen(value), piece_bytes = strlen(name) + 3;

	if (len == 0)
		return true;
	if (value[0] == ' ' || value[len - 1] == ' ' ||
		strstr(value, " ;") != NULL)
		return false;
	for (size_t i = 1; i < len && piece_bytes < PIECE_MAX_BYTES; i++) {
		piece_bytes++;
		if (strchr(" \t", value[i - 1]) == NULL &&
			strchr(" \t;#", value[i]) == NULL)
			piece_bytes = 0;
	}
	return piece_bytes < PIECE_MAX_BYTES;
}

/* The value, or why there is none, as a line that loads.  At its begin a
 * semicolon is part of it, unless there is a blank before. */
static void
put_line(struct strbuf *out, const struct conf_key *key, const char *value)
{
	if (fits_a_line(key->name, value))
		strbuf_printf(out, "%s =%s%s\n", key->name,
			value[0] != ';' ? " " : "", value);
	else
		strbuf_printf(out,
			"; %s: its value can stand in the "
			"environment only\n",
			key->name);
}

static void
put_key(struct strbuf *out, const struct conf_key *key, const void *object)
{
	struct strbuf value;
	size_t n = 0;

	strbuf_init(&value, 0);
	while (conf_value_format(key, object, n, &value)) {
		if (strbuf_text(&value) == NULL) {
			out->failed = true;
			break;
		}
		put_line(out, key, strbuf_text(&value));
		strbuf_reset(&value);
		n++;
	}
	/* set to nothing is not the same as not set where there is a default */
	if (n == 0)
		strbuf_printf(out, "%s%s =\n",
			key->default_text == NULL ? ";" : "", key->name);
	strbuf_fini(&value);
}

static void
put_section(struct strbuf *out, enum conf_section section, const void *object)
{
	for (size_t i = 0; i < conf_n_keys; i++) {
		if (conf_keys[i].section == section)
			put_key(out, &conf_keys[i], object);
	}
}

/* In a copy, extra_checks holds its items again. */
static void
put_conf(struct strbuf *out, const struct conf *conf)
{
	struct conf view = *conf;

	view.listed_checks = conf->checks;
	strbuf_add_string(out, "; The effective configuration; secrets are "
			       "redacted.\n[kubenurse]\n");
	put_section(out, CONF_SECTION_KUBENURSE, &view);
	for (size_t i = 0; i < conf->checks.n_checks; i++) {
		const struct conf_check *check = &conf->checks.checks[i];

		if (check->line_number == 0)
			continue;
		strbuf_printf(out, "\n[check %s]\n", check->name);
		put_section(out, CONF_SECTION_CHECK, check);
	}
	if (conf->neighbours.n_neighbours > 0) {
		strbuf_add_string(out, "\n[neighbours]\n");
		put_section(out, CONF_SECTION_NEIGHBOURS, conf);
	}
}

int
conf_print(const struct conf *conf, FILE *stream)
{
	struct strbuf out;
	int err = 0;

	strbuf_init(&out, 0);
	put_conf(&out, conf);
	errno = 0;
	if (strbuf_text(&out) == NULL)
		err = -ENOMEM;
	else if (fputs(strbuf_text(&out), stream) == EOF || fflush(stream) != 0)
		err = errno != 0 ? -errno : -EIO;
	strbuf_fini(&out);
	return err;
}

/* What is redacted in print is compared as it is. */
static bool
differs(const struct conf_key *key, const struct conf *a, const struct conf *b)
{
	struct strbuf left, right;
	bool same;

	if (key->type == CONF_URL || key->type == CONF_PROXY) {
		const void *in_a = (const char *)a + key->offset;
		const void *in_b = (const char *)b + key->offset;

		return strcmp(*(char *const *)in_a, *(char *const *)in_b) != 0;
	}
	strbuf_init(&left, 0);
	strbuf_init(&right, 0);
	conf_value_format(key, a, 0, &left);
	conf_value_format(key, b, 0, &right);
	same = strbuf_text(&left) != NULL && strbuf_text(&right) != NULL &&
	       strcmp(strbuf_text(&left), strbuf_text(&right)) == 0;
	strbuf_fini(&left);
	strbuf_fini(&right);
	return !same;
}

const char *
conf_changed_key(const struct conf *running, const struct conf *loaded,
	bool restart_only, size_t n)
{
	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->section == CONF_SECTION_KUBENURSE &&
			(!restart_only || (key->flags & CONF_RESTART) != 0) &&
			differs(key, running, loaded) && n-- == 0)
			return key->name;
	}
	return NULL;
}
