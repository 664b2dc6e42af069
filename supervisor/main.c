/* SPDX-License-Identifier: Apache-2.0 */
/* kubenurse: the command line, then the supervisor. */
#include "common/heap.h"
#include "supervisor/check_files.h"
#include "supervisor/conf.h"
#include "supervisor/options.h"
#include "supervisor/plan.h"
#include "supervisor/privileges.h"
#include "supervisor/service_account.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * What is opened must not become one of them: then a line of the log would go
 * to a connection.  Writing to a closed one fails as ever.
 */
static void
hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)open("/dev/null", O_RDONLY);
}

/*
 * Every problem in one run; warnings stop nobody, and of a program that runs
 * they are lines of its log.
 */
static struct conf *
load(const struct conf_input *input, bool will_run)
{
	struct conf_problems problems;
	struct conf *conf;

	conf_problems_init(&problems);
	conf = conf_load(input, &problems);
	if (conf != NULL && will_run) {
		log_setup(conf->log_level, conf->log_format);
		conf_problems_log(&problems);
	} else {
		conf_problems_print(&problems, stderr);
	}
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

/*
 * Who the program would become decides which files it can read; the
 * configuration itself is opened before, as at a start.
 */
static void
become_its_user(struct conf_input *input, const struct conf *conf,
	const struct file_stamp *stamp, struct conf_problems *problems)
{
	const char *path = conf_input_path(input), *user = NULL;
	int rc;

	if (conf->from_ini)
		input->stream = fopen(path, "re");
	if (input->has_token)
		return;
	check_files_hold(conf, stamp);
	rc = privileges_become(conf->user, &user);
	if (rc == -ENOENT)
		conf_problems_add_error(problems,
			"user: there is no user %s; create it, or name one "
			"that there is",
			user);
	if (rc <= 0)
		return;
	check_files_settle();
	input->user = user;
	if (conf->from_ini && conf_file_error(path) != NULL)
		conf_problems_add_warning(problems,
			"%s: user %s cannot read it: %s; a reload will be "
			"refused until chgrp and chmod 0640 let it",
			path, user, conf_file_error(path));
}

static int
check_config(struct conf_input *input, const struct file_stamp *stamp)
{
	struct conf_problems problems;
	struct conf *first, *conf;
	bool good;

	conf_problems_init(&problems);
	first = conf_load(input, &problems);
	conf_problems_fini(&problems);
	if (first != NULL)
		become_its_user(input, first, stamp, &problems);
	input->check_files = true;
	conf = conf_load(input, &problems);
	good = conf != NULL && problems.errors.n_all == 0;
	if (good && plan_is_idle(conf))
		conf_problems_add_warning(&problems,
			"nothing to check yet: add [check] or [neighbours] to "
			"%s",
			conf_input_path(input));
	conf_problems_print(&problems, stderr);
	conf_problems_fini(&problems);
	conf_free(conf);
	conf_free(first);
	if (input->stream != NULL)
		fclose(input->stream);
	if (!good)
		return EXIT_CODE_BAD_CONF;
	puts("the configuration is good");
	return close_stdout();
}

int
main(int argc, char **argv)
{
	struct options options;
	struct conf_input input = { .has_token = service_account_has_token() };
	struct file_stamp stamp;
	struct conf *conf;

	hold_standard_descriptors();
	/* a log at its limit is a full disk, and nothing to die of */
	signal(SIGXFSZ, SIG_IGN);
	heap_give_back_large();
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
	stamp = file_stamp_of(conf_input_path(&input));
	if (options.check_config && !options.print_config)
		return check_config(&input, &stamp);
	conf = load(&input, !options.print_config);
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
	return (int)supervisor_run(conf, &input, &stamp);
}
