/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an environment: one assignment up to each NUL.  What loads must
 * print to a file that loads to the same.  Durations are given to their parser
 * too, and must come back from their text.
 */
#include "common/duration.h"
#include "supervisor/conf.h"

#include <stdlib.h>
#include <string.h>

#define VARIABLES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void
check_duration(const char *text)
{
	char formatted[DURATION_TEXT_BYTES];
	int64_t ns, back;

	if (duration_parse(text, &ns) != 0)
		return;
	duration_format(ns, formatted);
	if (duration_parse(formatted, &back) != 0 || back != ns)
		abort();
}

static struct conf *
load(char *const *envp, FILE *stream)
{
	struct conf_input input = { .path = stream != NULL ? "fuzz.ini" : NULL,
		.stream = stream,
		.envp = envp,
		.host_name = "host",
		.has_token = true };
	struct conf_problems problems;
	struct conf *conf;

	conf_problems_init(&problems);
	conf = conf_load(&input, &problems);
	if ((conf == NULL) == (problems.errors.n_all == 0))
		abort();
	conf_problems_fini(&problems);
	return conf;
}

static char *
print(const struct conf *conf, size_t *ret_n_bytes)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, ret_n_bytes);

	if (stream == NULL || conf_print(conf, stream) != 0)
		abort();
	fclose(stream);
	return text;
}

/* What a file can hold prints to one that loads and prints the same again. */
static void
check_load(char *const *envp)
{
	static char *const no_env[] = { NULL };
	struct conf *conf = load(envp, NULL), *back;
	size_t n_first, n_second;
	char *first, *second;
	FILE *stream;

	if (conf == NULL)
		return;
	first = print(conf, &n_first);
	conf_free(conf);
	if (strstr(first, "its value can stand in the environment") == NULL) {
		stream = fmemopen(first, n_first, "r");
		back = stream != NULL ? load(no_env, stream) : NULL;
		if (back == NULL)
			abort();
		fclose(stream);
		second = print(back, &n_second);
		if (strcmp(first, second) != 0)
			abort();
		free(second);
		conf_free(back);
	}
	free(first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	char *envp[VARIABLES_MAX + 1], *bytes = malloc(n_bytes + 1);
	size_t n = 0, start = 0;

	if (bytes == NULL)
		return 0;
	if (n_bytes > 0)
		memcpy(bytes, data, n_bytes);
	bytes[n_bytes] = '\0';
	while (start <= n_bytes && n < VARIABLES_MAX) {
		const char *value = strchr(bytes + start, '=');

		envp[n++] = bytes + start;
		if (value != NULL)
			check_duration(value + 1);
		start += strlen(bytes + start) + 1;
	}
	envp[n] = NULL;
	check_load(envp);
	free(bytes);
	return 0;
}
