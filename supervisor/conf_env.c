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
	const char *env, const char *value, const char *odd)
{
	bool on = strcmp(key->default_text, "true") == 0
			  ? strcmp(value, "false") != 0
			  : strcmp(value, "true") == 0;

	conf_loader_set(
		loader, key, loader->conf, on ? "true" : "false", 0, env, NULL);
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		conf_problems_add_warning(loader->problems,
			"environment: %s: \"%.60s\" is neither true nor "
			"false; it counts as %s%s%s",
			env, value, on ? "true" : "false",
			odd != NULL ? ": it " : "", odd != NULL ? odd : "");
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

/* What Kubernetes sets beside a Service whose name begins with kubenurse-. */
static bool
is_of_service(const char *name, const char *value)
{
	static const char *const infixes[] = { "_SERVICE_HOST", "_SERVICE_PORT",
		"_PORT_" };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(infixes) / sizeof(infixes[0]); i++)
		if (strstr(name, infixes[i]) != NULL)
			return true;
	return len > 5 && strcmp(name + len - 5, "_PORT") == 0 &&
	       strstr(value, "://") != NULL;
}

/* Variables that no key has, but that look like one. */
static void
warn_of_misspelt(struct conf_loader *loader, char *const *envp)
{
	for (; *envp != NULL; envp++) {
		const char *value = strchr(*envp, '=');
		const struct conf_key *key;
		char name[64];

		if (value == NULL || strncmp(*envp, "KUBENURSE_", 10) != 0 ||
			(size_t)(value - *envp) >= sizeof(name))
			continue;
		memcpy(name, *envp, (size_t)(value - *envp));
		name[value - *envp] = '\0';
		key = conf_key_of_variable(name);
		if (key != NULL && key->env != NULL &&
			strcmp(key->env, name) != 0 &&
			!is_of_service(name, value + 1))
			conf_problems_add_warning(loader->problems,
				"environment: %s: is not known and has no "
				"effect; %s is",
				name, key->env);
	}
}

/* What somebody did not mean to write, and where it comes from; or NULL. */
static const char *
odd_end(const char *value)
{
	size_t len = strlen(value);
	char last = value[len - 1];

	if (last == '\n' || last == '\r')
		return "ends with a line break, as of a Secret made with echo "
		       "or of | in YAML";
	if (strchr(" \t\r\n", value[0]) != NULL)
		return "begins with a blank";
	if (last == ' ' || last == '\t')
		return "ends with a blank";
	if (len > 1 && (last == '"' || last == '\'') && value[0] == last)
		return "is in quotation marks, which an env file keeps";
	return NULL;
}

static void
set_variable(struct conf_loader *loader, const struct conf_key *key,
	const char *env, const char *value)
{
	const char *odd = odd_end(value);

	if (key->type == CONF_BOOL)
		set_bool(loader, key, env, value, odd);
	else if (conf_loader_set(
			 loader, key, loader->conf, value, 0, env, odd) &&
		 odd != NULL &&
		 /* of the first name of these conf_finish() says it */
		 (key->type != CONF_EXTRA_CHECKS ||
			 strchr(" \"'", value[0]) == NULL))
		conf_problems_add_warning(loader->problems,
			"environment: %s: the value %s; that is part of it, "
			"remove it",
			env, odd);
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
		else
			set_variable(loader, key, env, value);
	}
	warn_of_misspelt(loader, envp);
}
