/* SPDX-License-Identifier: Apache-2.0 */
/* kubenurse: the command line, then the supervisor. */
#include "supervisor/conf.h"
#include "supervisor/options.h"
#include "supervisor/service_account.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Every problem in one run; warnings stop nobody. */
static struct conf *
load(const struct conf_input *input)
{
	struct conf_problems problems;
	struct conf *conf;

	conf_problems_init(&problems);
	conf = conf_load(input, &problems);
	conf_problems_print(&problems, stderr);
	conf_problems_fini(&problems);
	return conf;
}

/* What was asked for must have come out: a full disk is an error. */
static int
close_stdout(void)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return EXIT_CODE_OK;
	fprintf(stderr, "kubenurse: cannot write the output: %s\n",
		strerror(errno));
	return EXIT_CODE_FAILED;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct conf_input input = { .has_token = service_account_has_token() };
	struct conf *conf;

	if (!options_parse(argc, argv, &options, stderr))
		return EXIT_CODE_BAD_CONF;
	if (options.help) {
		options_print_help(stdout);
		return close_stdout();
	}
	if (options.version) {
		printf("kubenurse %s\n", PACKAGE_VERSION);
		return close_stdout();
	}
	input.path = options.config_path;
	input.envp = environ;
	conf = load(&input);
	if (conf == NULL)
		return EXIT_CODE_BAD_CONF;
	if (options.print_config) {
		int rc = conf_print(conf, stdout);

		conf_free(conf);
		if (rc == 0)
			return EXIT_CODE_OK;
		fprintf(stderr, "kubenurse: cannot write the output: %s\n",
			strerror(-rc));
		return EXIT_CODE_FAILED;
	}
	if (options.check_config) {
		conf_free(conf);
		puts("the configuration is good");
		return close_stdout();
	}
	return (int)supervisor_run(conf, &input);
}
