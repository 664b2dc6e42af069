/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a birth that the kernel answers for: above all, how much memory
 * a process can have by each way that the sandbox leaves open.  A child maps
 * until the kernel refuses; it touches nothing, so that no machine is too small
 * for the test.
 */
#include "workers/birth.h"

#include "common/sandbox.h"
#include "tests/unit/under_valgrind.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_BYTES (64UL << 20)
#define STEPS_MAX  32 /* 2 GiB; an exit status has room for it */

static void *
map(int protection)
{
	return mmap(NULL, STEP_BYTES, protection, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
}

/* RLIMIT_DATA counts it. */
static int
map_data(void)
{
	return map(PROT_READ | PROT_WRITE) == MAP_FAILED ? -errno : 0;
}

/* It did so while this could be written to, and does not any more. */
static int
map_and_make_read_only(void)
{
	void *memory = map(PROT_READ | PROT_WRITE);

	if (memory == MAP_FAILED)
		return -errno;
	return mprotect(memory, STEP_BYTES, PROT_READ) < 0 ? -errno : 0;
}

struct way {
	int (*step)(void);
	unsigned steps_max; /* of 64 MiB */
};

static const struct way ways[] = {
	{ map_data, 1024 / 64 },
	{ map_and_make_read_only, (1024 + 256) / 64 },
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

/* Does not return.  The exit status is the number of steps that went well. */
static void
map_all(const struct way *way)
{
	int n_steps = 0, rc = birth_limit_resources();

	if (rc < 0)
		_exit(99);
	while (n_steps < STEPS_MAX && (rc = way->step()) == 0)
		n_steps++;
	_exit(rc == 0 || rc == -ENOMEM ? n_steps : 98);
}

START_TEST(memory_ends_at_the_last_wall)
{
	const struct way *way = &ways[_i];
	int status;
	pid_t pid = fork();

	if (pid == 0)
		map_all(way);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_le(WEXITSTATUS(status), (int)way->steps_max);
	/* and what a worker may have it gets */
	ck_assert_int_ge(WEXITSTATUS(status), (int)way->steps_max - 4);
}
END_TEST

START_TEST(a_worker_without_its_supervisor_is_not_born)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(-birth_tie_to_parent(getpid()));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), ESRCH);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("birth");
	TCase *tcase = tcase_create("birth");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_worker_without_its_supervisor_is_not_born);
	/* both map a great deal themselves */
	if (!SANDBOX_HAS_SANITIZER && !is_under_valgrind())
		tcase_add_loop_test(
			tcase, memory_ends_at_the_last_wall, 0, N_WAYS);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
