/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration file.  Either there are problems, or what
 * loads prints to a file that loads and prints the same again.
 */
#include "supervisor/conf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static struct conf *
load(void *bytes, size_t n_bytes)
{
	char *const no_env[] = { NULL };
	struct conf_input input = {
		.path = "fuzz.ini",
		.stream = fmemopen(bytes, n_bytes, "r"),
		.envp = no_env,
		.host_name = "host",
	};
	struct conf_problems problems;
	struct conf *conf;

	if (input.stream == NULL)
		return NULL;
	conf_problems_init(&problems);
	conf = conf_load(&input, &problems);
	if ((conf == NULL) == (problems.errors.n_all == 0))
		abort();
	conf_problems_fini(&problems);
	fclose(input.stream);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct conf *conf, *back;
	char *bytes, *first, *second;
	size_t n_first, n_second;

	if (n_bytes == 0)
		return 0;
	/* fmemopen(3) wants memory that it could write */
	bytes = malloc(n_bytes);
	if (bytes == NULL)
		return 0;
	memcpy(bytes, data, n_bytes);
	conf = load(bytes, n_bytes);
	free(bytes);
	if (conf == NULL)
		return 0;
	first = print(conf, &n_first);
	back = load(first, n_first);
	if (back == NULL)
		abort();
	second = print(back, &n_second);
	if (strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	conf_free(conf);
	conf_free(back);
	return 0;
}
