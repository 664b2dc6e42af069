/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads a configuration from a text and an environment for the tests of the
 * conf_* modules.  The file is called t.ini and the host `host`.
 */
#ifndef TESTS_UNIT_CONF_FIXTURE_H
#define TESTS_UNIT_CONF_FIXTURE_H

#include "supervisor/conf.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENV(...) ((char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

struct fixture {
	struct conf *conf;
	struct conf_problems problems;
};

static inline struct fixture
load_bytes(const char *ini, size_t n_bytes, char *const *envp, bool has_token)
{
	struct fixture f;
	struct conf_input input = {
		.path = "t.ini",
		.envp = envp,
		.host_name = "host",
		.has_token = has_token,
	};
	/* fmemopen(3) refuses no bytes at all */
	static char nothing[] = "\n";

	input.stream = n_bytes > 0 ? fmemopen((void *)ini, n_bytes, "r")
				   : fmemopen(nothing, 1, "r");
	ck_assert_ptr_nonnull(input.stream);
	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	fclose(input.stream);
	ck_assert((f.conf == NULL) == (f.problems.errors.n_all > 0));
	return f;
}

static inline struct fixture
load(const char *ini, char *const *envp)
{
	return load_bytes(ini, strlen(ini), envp, false);
}

/* Without a file: a path that is the default one, which is not there. */
static inline struct fixture
load_env(char *const *envp)
{
	struct fixture f;
	struct conf_input input = { .envp = envp, .host_name = "host" };

	ck_assert_int_ne(access(CONF_DEFAULT_PATH, F_OK), 0);
	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	ck_assert((f.conf == NULL) == (f.problems.errors.n_all > 0));
	return f;
}

static inline void
unload(struct fixture *f)
{
	conf_free(f->conf);
	conf_problems_fini(&f->problems);
}

/* It loads, without errors and warnings. */
static inline void
expect_clean(const struct fixture *f)
{
	if (f->problems.errors.n_kept > 0)
		ck_abort_msg("%s", f->problems.errors.texts[0]);
	if (f->problems.warnings.n_kept > 0)
		ck_abort_msg("%s", f->problems.warnings.texts[0]);
	ck_assert_ptr_nonnull(f->conf);
}

/* The n-th error begins so. */
static inline void
expect_error(const struct fixture *f, size_t n, const char *start)
{
	ck_assert_msg(n < f->problems.errors.n_kept, "no error '%s'", start);
	ck_assert_msg(
		strncmp(f->problems.errors.texts[n], start, strlen(start)) == 0,
		"'%s' is not '%s'", f->problems.errors.texts[n], start);
}

/* It is the only error. */
static inline void
expect_refused(const char *ini, const char *start)
{
	struct fixture f = load(ini, ENV());

	expect_error(&f, 0, start);
	ck_assert_msg(f.problems.errors.n_all == 1, "also '%s'",
		f.problems.errors.n_kept > 1 ? f.problems.errors.texts[1] : "");
	unload(&f);
}

static inline int
run_tests(const char *name, void (*add_tests)(TCase *tcase))
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int n_failed;

	tcase_set_timeout(tcase, 60); /* for slow machines */
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
