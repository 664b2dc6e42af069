/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment's part of the configuration.  Only the variables that rows
 * of the table name are looked at; an empty one counts as unset.
 */
#include "supervisor/conf_loader.h"

#include <string.h>

static const char *
look_up(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return (*envp)[len + 1] != '\0' ? *envp + len + 1
							: NULL;
	}
	return NULL;
}

/*
 * As the Go program: what is off by default is on only if exactly `true`, what
 * is on by default is off only if exactly `false`.
 */
static void
set_bool(struct conf_loader *loader, const struct conf_key *key,
	const char *env, const char *value)
{
	bool on = strcmp(key->default_text, "true") == 0
			  ? strcmp(value, "false") != 0
			  : strcmp(value, "true") == 0;

	conf_loader_set(
		loader, key, loader->conf, on ? "true" : "false", 0, env);
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		conf_problems_add_warning(loader->problems,
			"environment: %s: \"%.60s\" is neither true nor "
			"false; it counts as %s",
			env, value, on ? "true" : "false");
}

/*
 * Beside a Service named kubenurse-neighbour every pod gets a variable
 * KUBENURSE_NEIGHBOUR_PORT=tcp://ADDRESS:PORT.  Nobody meant that.
 */
static bool
is_injected(const struct conf_key *key, const char *value)
{
	return key->type == CONF_PORT &&
	       (strncmp(value, "tcp://", 6) == 0 ||
		       strncmp(value, "udp://", 6) == 0 ||
		       strncmp(value, "sctp://", 7) == 0);
}

void
conf_env_read(struct conf_loader *loader, char *const *envp)
{
	for (size_t i = 0; i < conf_n_keys; i++) {
		const struct conf_key *key = &conf_keys[i];
		const char *env = key->env, *value = NULL;

		if (env != NULL)
			value = look_up(envp, env);
		if (value == NULL && key->env_alt != NULL) {
			env = key->env_alt;
			value = look_up(envp, env);
		}
		if (value == NULL)
			continue;
		if (is_injected(key, value))
			conf_problems_add_warning(loader->problems,
				"environment: %s: is ignored, for Kubernetes "
				"set it beside a Service of that name",
				env);
		else if (key->type == CONF_BOOL)
			set_bool(loader, key, env, value);
		else
			conf_loader_set(
				loader, key, loader->conf, value, 0, env);
	}
}
