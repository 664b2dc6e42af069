/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: defaults, file, environment, what follows from them; see conf.h. */
#include "supervisor/conf_loader.h"

#include "common/strbuf.h"
#include "supervisor/conf_value.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct conf_origin *
conf_loader_origin(struct conf_loader *loader, const struct conf_key *key)
{
	return &loader->origins[key - conf_keys];
}

void
conf_loader_no_memory(struct conf_loader *loader)
{
	conf_problems_add_error(loader->problems, "out of memory");
}

void
conf_loader_warning(
	struct conf_loader *loader, const char *name, const char *format, ...)
{
	const struct conf_origin *origin = conf_loader_origin(
		loader, conf_key_find(CONF_SECTION_KUBENURSE, name));
	char text[CONF_PROBLEM_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (origin->env != NULL)
		conf_problems_add_warning(loader->problems,
			"environment: %s: %s", origin->env, text);
	else
		conf_problems_add_warning(loader->problems, "%s:%u: %s: %s",
			loader->file_name, origin->line_number, name, text);
}

void
conf_loader_error(
	struct conf_loader *loader, const char *name, const char *format, ...)
{
	const struct conf_key *key =
		conf_key_find(CONF_SECTION_KUBENURSE, name);
	const struct conf_origin *origin = conf_loader_origin(loader, key);
	char text[CONF_PROBLEM_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (origin->env != NULL)
		conf_problems_add_error(loader->problems, "environment: %s: %s",
			origin->env, text);
	else if (origin->line_number > 0)
		conf_problems_add_error_at(loader->problems, loader->file_name,
			origin->line_number, "%s: %s", name, text);
	else if (loader->conf->from_ini || key->env == NULL)
		conf_problems_add_error(loader->problems, "%s: %s: %s",
			loader->file_name, name, text);
	else
		conf_problems_add_error(loader->problems, "environment: %s: %s",
			key->env, text);
}

/* What is no file, or is not to be looked at, is no matter here. */
static bool
can_read(const struct conf_loader *loader, const struct conf_key *key,
	const char *path, struct strbuf *why)
{
	const char *error, *user = loader->input->user;

	if (!loader->input->check_files || key->type != CONF_FILE ||
		*path == '\0')
		return true;
	error = conf_file_error(path);
	if (error != NULL)
		strbuf_printf(why,
			"\"%.200s\" cannot be read: %s; write the path of a "
			"file that %s%s can read",
			path, error, user != NULL ? "user " : "",
			user != NULL ? user : "this user");
	return error == NULL;
}

bool
conf_loader_set(struct conf_loader *loader, const struct conf_key *key,
	void *object, const char *text, unsigned line_number, const char *env,
	const char *odd)
{
	struct conf_origin *origin = conf_loader_origin(loader, key);
	struct strbuf why;
	int err;

	strbuf_init(&why, CONF_PROBLEM_MAX_BYTES);
	err = conf_value_parse(key, text, object, &why);
	if (err == 0 && !can_read(loader, key, text, &why))
		err = -EINVAL;
	if (err == -EINVAL && odd != NULL)
		strbuf_printf(&why, "; the value %s", odd);
	origin->failed = err != 0;
	origin->env = env;
	if (line_number > 0)
		origin->line_number = line_number;
	if (err == -ENOMEM)
		conf_loader_no_memory(loader);
	else if (err != 0 && env != NULL)
		conf_problems_add_error(loader->problems, "environment: %s: %s",
			env, why.failed ? "is wrong" : strbuf_text(&why));
	else if (err != 0)
		conf_problems_add_error_at(loader->problems, loader->file_name,
			line_number, "%s: %s", key->name,
			why.failed ? "is wrong" : strbuf_text(&why));
	strbuf_fini(&why);
	return err == 0;
}

/* A string field that no default fills is "". */
static bool
set_default(struct conf *conf, const struct conf_key *key)
{
	struct strbuf why;
	int err = 0;

	if (key->section != CONF_SECTION_KUBENURSE)
		return true;
	strbuf_init(&why, 0);
	if (key->default_text != NULL)
		err = conf_value_parse(key, key->default_text, conf, &why);
	else if (key->type == CONF_TEXT || key->type == CONF_FILE ||
		 key->type == CONF_SELECTOR || key->type == CONF_NO_PROXY ||
		 key->type == CONF_NAME || key->type == CONF_NAMESPACE ||
		 key->type == CONF_HOST || key->type == CONF_URL ||
		 key->type == CONF_PROXY || key->type == CONF_USER)
		err = conf_value_parse(key, "", conf, &why);
	strbuf_fini(&why);
	return err == 0;
}

static struct conf *
new_conf(void)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	bool ok = conf != NULL;

	for (size_t i = 0; ok && i < conf_n_keys; i++)
		ok = set_default(conf, &conf_keys[i]);
	if (!ok) {
		conf_free(conf);
		return NULL;
	}
	return conf;
}

/*
 * Not even a name that opens may be read from: a directory opens, a pipe
 * without a writer never ends.
 */
static FILE *
open_file(struct conf_loader *loader, bool may_be_absent)
{
	int fd = open(loader->file_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *stream;

	if (fd < 0 && errno == ENOENT && may_be_absent)
		return NULL;
	if (fd < 0 || fstat(fd, &st) != 0) {
		const char *user = errno == EACCES ? loader->input->user : NULL;

		conf_problems_add_error(loader->problems,
			"%s: cannot be opened%s%s: %s", loader->file_name,
			user != NULL ? " as user " : "",
			user != NULL ? user : "", strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		conf_problems_add_error(loader->problems,
			"%s: is %s; it must be a regular file",
			loader->file_name,
			S_ISDIR(st.st_mode) ? "a directory"
					    : "a pipe or a device");
		close(fd);
		return NULL;
	}
	stream = fdopen(fd, "r");
	if (stream == NULL) {
		conf_loader_no_memory(loader);
		close(fd);
	}
	return stream;
}

static void
read_file(struct conf_loader *loader, const struct conf_input *input)
{
	FILE *stream = input->stream;

	if (stream == NULL)
		stream = open_file(loader,
			input->path == NULL && input->bytes_before == 0);
	if (stream == NULL)
		return;
	loader->conf->from_ini = true;
	conf_ini_read(loader, stream);
	if (stream != input->stream)
		fclose(stream);
}

struct conf *
conf_load(const struct conf_input *input, struct conf_problems *problems)
{
	size_t n_errors_before = problems->errors.n_all;
	char host_name[HOST_NAME_MAX + 1] = "";
	struct conf_loader loader = {
		.conf = new_conf(),
		.problems = problems,
		.file_name = conf_input_path(input),
		.input = input,
	};

	if (loader.conf == NULL) {
		conf_loader_no_memory(&loader);
		return NULL;
	}
	if (input->host_name == NULL)
		gethostname(host_name, sizeof(host_name) - 1);
	read_file(&loader, input);
	conf_env_read(&loader, input->envp);
	conf_finish(&loader,
		input->host_name != NULL ? input->host_name : host_name,
		input->has_token);
	conf_problems_sort(problems);
	if (problems->errors.n_all > n_errors_before) {
		conf_free(loader.conf);
		return NULL;
	}
	return loader.conf;
}

static void
free_string(const struct conf_key *key, struct conf *conf)
{
	switch (key->type) {
	case CONF_TEXT:
	case CONF_FILE:
	case CONF_SELECTOR:
	case CONF_NO_PROXY:
	case CONF_NAME:
	case CONF_NAMESPACE:
	case CONF_HOST:
	case CONF_URL:
	case CONF_PROXY:
	case CONF_USER:
	case CONF_METHOD:
		free(*(char **)(void *)((char *)conf + key->offset));
		break;
	case CONF_BOOL:
	case CONF_INTEGER:
	case CONF_PORT:
	case CONF_DURATION:
	case CONF_ENUM:
	case CONF_BUCKETS:
	case CONF_LISTEN:
	case CONF_STATUSES:
	case CONF_HEADER:
	case CONF_EXTRA_CHECKS:
	case CONF_NEIGHBOUR:
		break;
	}
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < conf_n_keys; i++) {
		if (conf_keys[i].section == CONF_SECTION_KUBENURSE)
			free_string(&conf_keys[i], conf);
	}
	free(conf->me_ingress_target);
	free(conf->me_service_target);
	free(conf->api_server_direct_target);
	free(conf->api_server_dns_target);
	conf_checks_free(&conf->checks);
	conf_checks_free(&conf->listed_checks);
	conf_neighbours_free(&conf->neighbours);
	free(conf);
}
