/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is taken, and that anything else is refused. */
#include "supervisor/options.h"

#include "tests/unit/conf_fixture.h"

#define ARGS(...)                                                              \
	((char *const[]){ "kubenurse", __VA_ARGS__ __VA_OPT__(, ) NULL })

static bool
parse(char *const *argv, struct options *options, char said[256])
{
	int argc = 0;
	bool ok;
	FILE *err = fmemopen(said, 256, "w");

	while (argv[argc] != NULL)
		argc++;
	ok = options_parse(argc, argv, options, err);
	fclose(err);
	return ok;
}

START_TEST(nothing)
{
	struct options options;
	char said[256] = "";

	ck_assert(parse(ARGS(), &options, said));
	ck_assert_ptr_null(options.config_path);
	ck_assert(!options.check_config && !options.print_config);
	ck_assert(!options.version && !options.help);
	ck_assert_str_eq(said, "");
}
END_TEST

/* N 1.1 */
START_TEST(everything)
{
	struct options options;
	char said[256] = "";

	ck_assert(parse(ARGS("--config", "/a=b", "--check-config",
				"--print-config", "--version", "--help"),
		&options, said));
	ck_assert_str_eq(options.config_path, "/a=b");
	ck_assert(options.check_config && options.print_config);
	ck_assert(options.version && options.help);
	ck_assert(parse(ARGS("-h"), &options, said));
	ck_assert(options.help && !options.version);
	ck_assert(parse(ARGS("-V"), &options, said));
	ck_assert(options.version && !options.help);
	ck_assert(parse(ARGS("--config=--help"), &options, said));
	ck_assert_str_eq(options.config_path, "--help");
	ck_assert(!options.help);
}
END_TEST

START_TEST(what_is_unknown_is_refused)
{
	char *const *const bad[] = { ARGS("--conf"), ARGS("--conf", "x"),
		ARGS("-x"), ARGS("-hV"), ARGS("file"), ARGS(""),
		ARGS("--config"), ARGS("--config="), ARGS("--config", ""),
		ARGS("--help=1"), ARGS("--"),
		ARGS("--config", "a", "--config=b"),
		ARGS("--version", "--kubeconfig") };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct options options = { .config_path = "untouched" };
		char said[256] = "";

		ck_assert_msg(!parse(bad[i], &options, said), "case %zu", i);
		ck_assert_str_eq(options.config_path, "untouched");
		ck_assert_ptr_nonnull(strstr(said, "\nusage: kubenurse ["));
	}
}
END_TEST

/* N 1.1 */
START_TEST(help_names_every_option)
{
	char said[2048] = "";
	FILE *stream = fmemopen(said, sizeof(said), "w");

	options_print_help(stream);
	fclose(stream);
	ck_assert_ptr_nonnull(strstr(said, "  --config FILE "));
	ck_assert_ptr_nonnull(strstr(said, "  --check-config "));
	ck_assert_ptr_nonnull(strstr(said, "  --print-config "));
	ck_assert_ptr_nonnull(strstr(said, "  --version "));
	ck_assert_ptr_nonnull(strstr(said, "  --help "));
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, nothing);
	tcase_add_test(tcase, everything);
	tcase_add_test(tcase, what_is_unknown_is_refused);
	tcase_add_test(tcase, help_names_every_option);
}

int
main(void)
{
	return run_tests("options", add_tests);
}
