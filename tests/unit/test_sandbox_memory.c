/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter for which there is no memory.  libseccomp does not survive that: it
 * crashes, or never ends, by which allocation fails.  Here each fails in turn,
 * in a child, and the caller must hear of it.
 *
 * The library's calls of the allocator end in the functions below because the
 * program's own come first in the order of symbols.
 */
#include "common/sandbox.h"
#include "supervisor/conf.h"
#include "supervisor/conf_problem.h"
#include "supervisor/sandbox.h"
#include "tests/unit/under_valgrind.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Others than glibc have no second name for what is replaced, and sanitizers
 * and valgrind have an allocator of their own. */
#if defined(__GLIBC__) && !SANDBOX_HAS_SANITIZER
#define CAN_FAIL 1

static unsigned long count, fail_at; /* 0: none fails */
static bool fails_on;                /* and all that follow */

static bool
fails(void)
{
	if (fail_at == 0 || ++count < fail_at || (count > fail_at && !fails_on))
		return false;
	errno = ENOMEM;
	return true;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
#else
#define CAN_FAIL 0

static unsigned long fail_at;
static bool fails_on;
#endif

/* In a child, for what was once made is kept.  Which errno; -1: none fails. */
static int
prepare_without(unsigned long allocation)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int rc;

		fail_at = allocation;
		rc = sandbox_filter_prepare(SANDBOX_PROBER);
		_exit(-rc);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * Ends at the first allocation whose failure the library does not come back
 * from: each further one would cost as much processor time again.
 */
START_TEST(a_filter_without_memory_is_an_error)
{
	unsigned long failed_count = 0;
	int error = ENOMEM;

	for (unsigned long i = 1; i < 3000 && error != ETIME; i++) {
		error = prepare_without(i);
		failed_count += error != 0;
	}
	ck_assert_uint_gt(failed_count, 100);
}
END_TEST

/* In a child, with no memory from that allocation on.  Which errno. */
static int
enter_without(const struct conf *conf, const struct conf_input *input,
	unsigned long allocation)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fails_on = true;
		fail_at = allocation;
		_exit(-supervisor_sandbox_enter(conf, input));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "signal %d without allocation %lu",
		WTERMSIG(status), allocation);
	return WEXITSTATUS(status);
}

/* What the library does to a child it must not do to the supervisor. */
START_TEST(a_supervisor_without_memory_ends_in_order)
{
	char *const environment[] = { (char *)"KUBENURSE_NEIGHBOUR_SOURCE="
					      "static",
		NULL };
	const struct conf_input input = { .path = "kubenurse.ini",
		.stream = fopen("/dev/null", "r"),
		.envp = environment,
		.host_name = "host" };
	struct conf_problems problems;
	struct conf *conf;
	unsigned long failed_count = 0;
	int error = ENOMEM;

	conf_problems_init(&problems);
	conf = conf_load(&input, &problems);
	fclose(input.stream);
	ck_assert_ptr_nonnull(conf);
	for (unsigned long i = 1; i < 3000 && error != ETIME; i += 40) {
		error = enter_without(conf, &input, i);
		failed_count += error != 0;
	}
	ck_assert_uint_gt(failed_count, 10);
	conf_free(conf);
	conf_problems_fini(&problems);
}
END_TEST

START_TEST(with_memory_there_is_one)
{
	ck_assert_int_eq(prepare_without(0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sandbox_memory");
	TCase *tcase = tcase_create("sandbox_memory");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 120);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, with_memory_there_is_one);
	if (CAN_FAIL && !is_under_valgrind()) {
		tcase_add_test(tcase, a_filter_without_memory_is_an_error);
		tcase_add_test(
			tcase, a_supervisor_without_memory_ends_in_order);
	}
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
