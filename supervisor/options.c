/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line; see options.h.  By hand, for getopt_long(3) takes
 * abbreviations, which would be part of the interface for ever.
 */
#include "supervisor/options.h"

#include "supervisor/conf.h"

#include <string.h>

static const char usage[] =
	"usage: kubenurse [--config FILE] [--check-config] [--print-config]\n"
	"                 [--version] [--help]\n";

void
options_print_help(FILE *stream)
{
	fputs(usage, stream);
	fputs("\n"
	      "  --config FILE   read FILE instead of " CONF_DEFAULT_PATH "\n"
	      "  --check-config  say what is wrong with the configuration and "
	      "exit\n"
	      "  --print-config  print the effective configuration and exit\n"
	      "  --version       print the version and exit; also -V\n"
	      "  --help          print this and exit; also -h\n"
	      "\n"
	      "The environment overrides the file; see kubenurse.ini(5).\n",
		stream);
}

static bool
parse_flag(const char *arg, struct options *options)
{
	if (strcmp(arg, "--check-config") == 0)
		options->check_config = true;
	else if (strcmp(arg, "--print-config") == 0)
		options->print_config = true;
	else if (strcmp(arg, "--version") == 0 || strcmp(arg, "-V") == 0)
		options->version = true;
	else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
		options->help = true;
	else
		return false;
	return true;
}

/* NULL: good; else what is wrong with the argument. */
static const char *
set_config(struct options *options, const char *path)
{
	if (path == NULL || *path == '\0')
		return "needs the name of a file";
	if (options->config_path != NULL)
		return "is there twice";
	options->config_path = path;
	return NULL;
}

bool
options_parse(
	int argc, char *const argv[], struct options *ret_options, FILE *err)
{
	static const char config[] = "--config=";
	struct options options = { 0 };

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *error = NULL;

		if (strcmp(arg, "--config") == 0)
			error = set_config(
				&options, i + 1 < argc ? argv[++i] : NULL);
		else if (strncmp(arg, config, sizeof(config) - 1) == 0)
			error = set_config(&options, arg + sizeof(config) - 1);
		else if (!parse_flag(arg, &options))
			error = "is not known";
		if (error != NULL) {
			fprintf(err, "kubenurse: %s %s\n%s", arg, error, usage);
			return false;
		}
	}
	*ret_options = options;
	return true;
}
