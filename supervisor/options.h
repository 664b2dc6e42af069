/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the supervisor program. */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

struct options {
	const char *config_path; /* NULL: the default */
	bool check_config;
	bool print_config;
	bool version;
	bool help;
};

/* Pointers go into argv.  False: what is wrong and the usage went to err. */
bool options_parse(
	int argc, char *const argv[], struct options *ret_options, FILE *err);
void options_print_help(FILE *stream);

#endif
