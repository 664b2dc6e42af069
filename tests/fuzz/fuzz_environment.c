/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an environment: one assignment up to each NUL.  Durations are
 * given to their parser too, and must come back from their text.
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

static void
check_load(char *const *envp)
{
	struct conf_input input = {
		.envp = envp, .host_name = "host", .has_token = true
	};
	struct conf_problems problems;
	char *text = NULL;
	size_t n_bytes;
	struct conf *conf;

	conf_problems_init(&problems);
	conf = conf_load(&input, &problems);
	if ((conf == NULL) == (problems.errors.n_all == 0))
		abort();
	if (conf != NULL) {
		FILE *stream = open_memstream(&text, &n_bytes);

		if (stream == NULL || conf_print(conf, stream) != 0)
			abort();
		fclose(stream);
		free(text);
	}
	conf_free(conf);
	conf_problems_fini(&problems);
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
