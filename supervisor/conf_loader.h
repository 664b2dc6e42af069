/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration while it is being put together: which key came from where,
 * so that a problem found at the end still names the line or the variable.
 * Private to the conf_* files.
 */
#ifndef SUPERVISOR_CONF_LOADER_H
#define SUPERVISOR_CONF_LOADER_H

#include "supervisor/conf.h"
#include "supervisor/conf_table.h"

/* Where a key of [kubenurse] was set last. */
struct conf_origin {
	unsigned line_number; /* 0: not in the file */
	const char *env;      /* NULL: not in the environment */
	bool failed;          /* it is wrong, which has been said */
};

struct conf_loader {
	struct conf *conf;
	struct conf_problems *problems;
	const char *file_name;
	const struct conf_input *input;
	struct conf_origin origins[CONF_KEYS_MAX]; /* as conf_keys */
};

/*
 * Parses the value into object: the configuration, or a check.  False: it is
 * wrong and that was said.  A line_number of 0 means the variable env.  odd:
 * what may be the reason, said of "the value"; or NULL.
 */
bool conf_loader_set(struct conf_loader *loader, const struct conf_key *key,
	void *object, const char *text, unsigned line_number, const char *env,
	const char *odd);
struct conf_origin *conf_loader_origin(
	struct conf_loader *loader, const struct conf_key *key);
/* At the place where that key of [kubenurse] was set. */
void conf_loader_error(struct conf_loader *loader, const char *name,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void conf_loader_warning(struct conf_loader *loader, const char *name,
	const char *format, ...) __attribute__((format(printf, 3, 4)));
void conf_loader_no_memory(struct conf_loader *loader);

/* The three steps of conf_load; each says what is wrong and goes on. */
void conf_ini_read(struct conf_loader *loader, FILE *stream);
void conf_env_read(struct conf_loader *loader, char *const *envp);
void conf_finish(
	struct conf_loader *loader, const char *host_name, bool has_token);

#endif
