/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of keys: parser, environment, --print-config, the sample file
 * and the manual page are all made from its rows.  Each row names its
 * environment variable itself; nothing is derived by prefix, for Kubernetes
 * injects KUBENURSE_ variables of its own.
 */
#ifndef SUPERVISOR_CONF_TABLE_H
#define SUPERVISOR_CONF_TABLE_H

#include <stddef.h>

enum conf_section {
	CONF_SECTION_KUBENURSE,  /* offsets into struct conf */
	CONF_SECTION_CHECK,      /* offsets into struct conf_check */
	CONF_SECTION_NEIGHBOURS, /* offsets into struct conf */
	CONF_SECTION_COUNT
};

/* In parentheses: the type of the field. */
enum conf_type {
	CONF_BOOL,     /* bool */
	CONF_INTEGER,  /* int64_t */
	CONF_PORT,     /* uint16_t */
	CONF_DURATION, /* int64_t, ns */
	CONF_ENUM,     /* an enum; the index into names */
	CONF_TEXT,     /* char *, and so for the next ten */
	CONF_FILE,     /* a path */
	CONF_SELECTOR, /* of labels */
	CONF_NO_PROXY,
	CONF_NAME, /* of a node or pod */
	CONF_NAMESPACE,
	CONF_HOST,
	CONF_URL,
	CONF_PROXY,
	CONF_USER,
	CONF_METHOD,
	CONF_BUCKETS,      /* struct conf_buckets */
	CONF_LISTEN,       /* struct conf_listen */
	CONF_STATUSES,     /* struct conf_statuses */
	CONF_HEADER,       /* struct conf_headers, one more of it */
	CONF_EXTRA_CHECKS, /* struct conf_checks */
	CONF_NEIGHBOUR,    /* struct conf_neighbours, one more of it */
};

enum conf_key_flags {
	CONF_REPEATABLE = 1 << 0,
	CONF_SECRET = 1 << 1,  /* never quoted, printed redacted */
	CONF_RESTART = 1 << 2, /* a reload does not change it */
};

struct conf_key {
	enum conf_section section;
	const char *name;
	const char *env;     /* NULL: none */
	const char *env_alt; /* looked at when env is not set */
	enum conf_type type;
	unsigned flags;
	size_t offset;
	/* What the parser takes.  NULL: empty, or found when all is known. */
	const char *default_text;
	const char *default_note; /* says what NULL means, when not "empty" */
	const char *min, *max;    /* NULL: no bound */
	const char *const *names; /* of an enum, NULL at its end */
	const char *placeholder;
	const char *help;
};

#define CONF_KEYS_MAX 64

extern const struct conf_key conf_keys[];
extern const size_t conf_n_keys;

/* NULL: the section has no such key. */
const struct conf_key *conf_key_find(
	enum conf_section section, const char *name);
/* The key's name in the section that is most like it; NULL: none is. */
const char *conf_key_guess(enum conf_section section, const char *name);
/*
 * The key that a variable of this name sets, or seems to be meant to set: one
 * that begins with KUBENURSE_ and goes on like a key.  NULL: there is none.
 */
const struct conf_key *conf_key_of_variable(const char *name);
/* As it is written between brackets: `check NAME`. */
const char *conf_section_title(enum conf_section section);
/* One paragraph for the sample file and the manual page. */
const char *conf_section_help(enum conf_section section);

#endif
