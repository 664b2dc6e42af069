/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that change the way files do: renamed over, written in place, the link
 * of a ConfigMap volume, a link that leads elsewhere.  The clock is the test's.
 */
#include "supervisor/file_watch.h"

#include "common/clock.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t now_ns;

uint64_t
clock_mono_ns(void)
{
	return now_ns;
}

uint64_t
clock_unix_ns(void)
{
	return now_ns;
}

uint64_t
clock_unix_to_mono_ns(uint64_t unix_ns)
{
	return unix_ns;
}

static struct loop *loop;
static struct file_watch file_watch;
static char folder[64];
static unsigned called, waited, seen;

static void
on_change(struct file_watch *of, unsigned tags)
{
	ck_assert_ptr_eq(of, &file_watch);
	called++;
	seen |= tags;
}

static const char *
path_of(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
append(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "a");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
on_wait(struct file_watch *of, const char *path)
{
	ck_assert_ptr_eq(of, &file_watch);
	ck_assert_str_eq(path, path_of("conf"));
	waited++;
}

static void
setup(void)
{
	now_ns = 1000 * NS_PER_S;
	strcpy(folder, "/tmp/file_watch_XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	loop = loop_new();
	called = waited = seen = 0;
	ck_assert_int_eq(file_watch_init(&file_watch, loop, on_change), 0);
	file_watch.on_wait = on_wait;
}

static void
teardown(void)
{
	char command[128];

	file_watch_fini(&file_watch);
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void
pass(uint64_t duration_ns)
{
	ck_assert_int_eq(loop_turn(loop, 0), 0); /* events come first */
	now_ns += duration_ns;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
}

START_TEST(a_file_renamed_over_is_told_once_after_a_moment)
{
	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("conf.new", "new");
	ck_assert_int_eq(rename(path_of("conf.new"), path_of("conf")), 0);
	pass(FILE_WATCH_SETTLE_NS - 1);
	ck_assert_uint_eq(called, 0);
	pass(1);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(seen, 1);
	pass(10 * NS_PER_S);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(a_file_written_in_place)
{
	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("conf", "longer than before");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

/* As one that was mounted by itself: its directory does not hear of it. */
START_TEST(a_file_written_in_place_where_it_lies_elsewhere)
{
	ck_assert_int_eq(mkdir(path_of("etc"), 0700), 0);
	ck_assert_int_eq(mkdir(path_of("host"), 0700), 0);
	put("host/conf", "old");
	ck_assert_int_eq(link(path_of("host/conf"), path_of("etc/conf")), 0);
	ck_assert_int_eq(
		file_watch_add(&file_watch, path_of("etc/conf"), 1), 0);
	put("host/conf", "longer than before");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	put("host/conf", "and again");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 2);
}
END_TEST

/* N 1.4 */
START_TEST(a_volume_whose_data_link_is_swapped)
{
	ck_assert_int_eq(mkdir(path_of("v1"), 0700), 0);
	ck_assert_int_eq(mkdir(path_of("v2"), 0700), 0);
	put("v1/conf", "same");
	put("v2/conf", "same");
	ck_assert_int_eq(symlink("v1", path_of("..data")), 0);
	ck_assert_int_eq(symlink("..data/conf", path_of("conf")), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 4), 0);
	ck_assert_int_eq(symlink("v2", path_of("..data_tmp")), 0);
	ck_assert_int_eq(rename(path_of("..data_tmp"), path_of("..data")), 0);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(seen, 4);
}
END_TEST

START_TEST(a_link_into_another_directory)
{
	ck_assert_int_eq(mkdir(path_of("etc"), 0700), 0);
	ck_assert_int_eq(mkdir(path_of("run"), 0700), 0);
	put("run/resolv.conf", "old");
	ck_assert_int_eq(
		symlink("../run/resolv.conf", path_of("etc/resolv.conf")), 0);
	ck_assert_int_eq(
		file_watch_add(&file_watch, path_of("etc/resolv.conf"), 2), 0);
	put("run/new", "new");
	ck_assert_int_eq(
		rename(path_of("run/new"), path_of("run/resolv.conf")), 0);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(a_link_to_what_is_not_there_yet)
{
	ck_assert_int_eq(mkdir(path_of("etc"), 0700), 0);
	ck_assert_int_eq(
		symlink("../run/resolv.conf", path_of("etc/resolv.conf")), 0);
	ck_assert_int_eq(
		file_watch_add(&file_watch, path_of("etc/resolv.conf"), 2), 0);
	pass(FILE_WATCH_POLL_NS);
	ck_assert_uint_eq(called, 0);
	ck_assert_int_eq(mkdir(path_of("run"), 0700), 0);
	put("run/resolv.conf", "new");
	pass(FILE_WATCH_POLL_NS);
	pass(FILE_WATCH_POLL_NS);
	ck_assert_uint_eq(called, 1);
	/* from now on it is told at once */
	put("run/resolv.conf", "newer");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 2);
	ck_assert(!file_watch.settle.armed);
}
END_TEST

/* How a writer may open it, and what is at the path before. */
static const struct {
	int flags;
	bool is_there, is_linked;
} writers[] = {
	{ O_WRONLY | O_CREAT | O_TRUNC, true, false },
	{ O_WRONLY | O_APPEND, true, false },
	{ O_WRONLY | O_CREAT | O_EXCL, false, false },
	/* mounted by itself: no directory of ours tells anything */
	{ O_WRONLY | O_TRUNC, true, true },
};

START_TEST(a_file_that_is_still_open_waits_for_its_close)
{
	const char *written = writers[_i].is_linked ? "host/conf" : "conf";
	int fd;

	ck_assert_int_eq(mkdir(path_of("host"), 0700), 0);
	put(written, "old");
	if (writers[_i].is_linked)
		ck_assert_int_eq(link(path_of(written), path_of("conf")), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	if (!writers[_i].is_there)
		ck_assert_int_eq(unlink(path_of("conf")), 0);
	fd = open(path_of(written), writers[_i].flags, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "half", 4), 4);
	for (unsigned i = 0; i < 10; i++) {
		pass(FILE_WATCH_LATEST_NS);
		ck_assert_uint_eq(called, 0);
	}
	ck_assert_uint_eq(waited, 1);
	ck_assert_int_eq(write(fd, " and half", 9), 9);
	pass(FILE_WATCH_LATEST_NS);
	ck_assert_uint_eq(called, 0);
	close(fd);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	pass(60 * NS_PER_S);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(waited, 1);
}
END_TEST

/* Another file takes its place: the one that is written does not count. */
START_TEST(a_rename_over_a_file_that_is_open_is_told)
{
	int fd;

	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	fd = open(path_of("conf"), O_WRONLY | O_TRUNC);
	pass(FILE_WATCH_LATEST_NS);
	ck_assert_uint_eq(called, 0);
	put("conf.new", "new");
	ck_assert_int_eq(rename(path_of("conf.new"), path_of("conf")), 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	close(fd);
}
END_TEST

/* Nobody has it open, so that no close follows. */
START_TEST(a_link_in_place_of_a_file_is_told)
{
	put("conf", "old");
	put("other", "another");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	ck_assert_int_eq(unlink(path_of("conf")), 0);
	ck_assert_int_eq(_i == 0 ? link(path_of("other"), path_of("conf"))
				 : symlink("other", path_of("conf")),
		0);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(waited, 0);
}
END_TEST

START_TEST(a_file_that_comes_and_goes)
{
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("conf", "new");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	ck_assert_int_eq(unlink(path_of("conf")), 0);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 2);
}
END_TEST

/* It may be that of the configuration, which nobody could read before. */
START_TEST(a_file_that_others_may_read_now)
{
	put("conf", "x");
	ck_assert_int_eq(chmod(path_of("conf"), 0600), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	ck_assert_int_eq(chmod(path_of("conf"), 0644), 0);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(one_that_was_another_when_it_was_read_is_told)
{
	struct file_stamp stamp;

	put("conf", "old");
	stamp = file_stamp_of(path_of("conf"));
	put("conf", "changed");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	file_watch_expect(&file_watch, 1, &stamp);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(one_that_has_been_read_since_is_not_told)
{
	struct file_stamp stamp;

	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("conf", "changed");
	stamp = file_stamp_of(path_of("conf"));
	file_watch_expect(&file_watch, 1, &stamp);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 0);
	put("conf", "changed again");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(others_in_the_directory_are_none_of_ours)
{
	put("conf", "x");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("other", "x");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 0);
}
END_TEST

START_TEST(a_directory_that_is_never_silent_does_not_put_it_off)
{
	put("conf", "x");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("conf", "changed");
	for (uint64_t passed_ns = 0; passed_ns < FILE_WATCH_LATEST_NS;
		passed_ns += 100 * NS_PER_MS) {
		ck_assert_uint_eq(called, 0);
		put("noise", "x");
		pass(100 * NS_PER_MS);
	}
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(several_files_are_told_together_and_can_be_removed)
{
	put("a", "x");
	put("b", "x");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("a"), 1), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("b"), 2), 0);
	put("a", "changed");
	put("b", "changed");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(seen, 3);
	file_watch_begin(&file_watch, 1);
	file_watch_end(&file_watch);
	put("a", "changed again");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(what_changed_before_a_reload_is_told_after_it)
{
	put("stays", "x");
	put("leaves", "x");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("stays"), 1), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("leaves"), 1), 0);
	put("stays", "changed");
	put("leaves", "changed");
	file_watch_begin(&file_watch, 1);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("stays"), 1), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("stays"), 1), 0);
	file_watch_end(&file_watch);
	ck_assert_uint_eq(file_watch.count, 1);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

static unsigned
count_watched(void)
{
	char path[64], line[256];
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", file_watch.fd);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		count += strncmp(line, "inotify wd:", 11) == 0;
	fclose(file);
	return count;
}

START_TEST(a_directory_is_watched_as_long_as_a_file_in_it_is)
{
	ck_assert_int_eq(mkdir(path_of("one"), 0755), 0);
	ck_assert_int_eq(mkdir(path_of("two"), 0755), 0);
	put("two/file", "x");
	ck_assert_int_eq(symlink("../two/file", path_of("one/link")), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("top"), 2), 0);
	ck_assert_int_eq(
		file_watch_add(&file_watch, path_of("one/link"), 1), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("one/a"), 1), 0);
	ck_assert_uint_eq(count_watched(), 4); /* two/file itself, too */
	file_watch_begin(&file_watch, 1);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("one/a"), 1), 0);
	file_watch_end(&file_watch);
	ck_assert_uint_eq(count_watched(), 2);
	file_watch_begin(&file_watch, 1);
	file_watch_end(&file_watch);
	ck_assert_uint_eq(count_watched(), 1);
}
END_TEST

START_TEST(a_link_that_leads_elsewhere_leaves_no_directory_watched)
{
	ck_assert_int_eq(mkdir(path_of("one"), 0755), 0);
	ck_assert_int_eq(mkdir(path_of("two"), 0755), 0);
	put("one/file", "x");
	put("two/file", "another");
	ck_assert_int_eq(symlink("one/file", path_of("link")), 0);
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("link"), 1), 0);
	ck_assert_uint_eq(count_watched(), 3);
	ck_assert_int_eq(symlink("two/file", path_of("new")), 0);
	ck_assert_int_eq(rename(path_of("new"), path_of("link")), 0);
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(count_watched(), 3);
}
END_TEST

START_TEST(what_cannot_be_watched_is_said)
{
	struct file_watch never = { 0 };
	char name[16];

	ck_assert_int_lt(
		file_watch_add(&file_watch, path_of("no/where"), 1), 0);
	for (int i = 0; i < FILE_WATCH_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ck_assert_int_eq(
			file_watch_add(&file_watch, path_of(name), 1), 0);
	}
	ck_assert_int_lt(file_watch_add(&file_watch, path_of("x"), 1), 0);
	/* as many others may take their places */
	file_watch_begin(&file_watch, 1);
	for (int i = 0; i < FILE_WATCH_MAX; i++) {
		snprintf(name, sizeof(name), "other_%d", i);
		ck_assert_int_eq(
			file_watch_add(&file_watch, path_of(name), 1), 0);
	}
	file_watch_end(&file_watch);
	ck_assert_uint_eq(file_watch.count, FILE_WATCH_MAX);
	file_watch_fini(&never);
}
END_TEST

/* Without a descriptor for inotify, as where others use all there are.
 */
static void
init_without_inotify(void)
{
	struct rlimit old, none;

	file_watch_fini(&file_watch);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(file_watch_init(&file_watch, loop, on_change), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(file_watch.shortage_errno, EMFILE);
}

START_TEST(without_inotify_files_are_polled)
{
	init_without_inotify();
	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	pass(FILE_WATCH_POLL_NS);
	ck_assert_uint_eq(called, 0);
	for (unsigned i = 1; i <= 3; i++) {
		put("conf.new", "new");
		ck_assert_int_eq(
			rename(path_of("conf.new"), path_of("conf")), 0);
		pass(FILE_WATCH_POLL_NS);
		pass(FILE_WATCH_POLL_NS - 1);
		ck_assert_uint_eq(called, i - 1);
		pass(1);
		ck_assert_uint_eq(called, i);
		ck_assert_uint_eq(seen, 1);
	}
}
END_TEST

START_TEST(what_grows_between_two_looks_is_not_told)
{
	init_without_inotify();
	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	put("conf", "");
	for (unsigned i = 0; i < 5; i++) {
		pass(FILE_WATCH_POLL_NS);
		ck_assert_uint_eq(called, 0);
		append("conf", "more");
	}
	pass(FILE_WATCH_POLL_NS);
	pass(FILE_WATCH_POLL_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(a_shortage_that_passes_is_over)
{
	put("conf", "old");
	ck_assert_int_eq(file_watch_add(&file_watch, path_of("conf"), 1), 0);
	/* as if the last directory could not be watched */
	file_watch.shortage_errno = ENOSPC;
	put("other", "new");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_int_eq(file_watch.shortage_errno, 0);
	pass(FILE_WATCH_POLL_NS);
	put("conf", "longer than before");
	pass(FILE_WATCH_SETTLE_NS);
	ck_assert_uint_eq(called, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("file_watch");
	TCase *tcase = tcase_create("file_watch");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_file_renamed_over_is_told_once_after_a_moment);
	tcase_add_test(tcase, a_file_written_in_place);
	tcase_add_test(tcase, a_file_written_in_place_where_it_lies_elsewhere);
	tcase_add_test(tcase, a_volume_whose_data_link_is_swapped);
	tcase_add_test(tcase, a_link_into_another_directory);
	tcase_add_loop_test(tcase,
		a_file_that_is_still_open_waits_for_its_close, 0,
		(int)(sizeof(writers) / sizeof(writers[0])));
	tcase_add_test(tcase, a_rename_over_a_file_that_is_open_is_told);
	tcase_add_loop_test(tcase, a_link_in_place_of_a_file_is_told, 0, 2);
	tcase_add_test(tcase, what_grows_between_two_looks_is_not_told);
	tcase_add_test(tcase, a_link_to_what_is_not_there_yet);
	tcase_add_test(tcase, a_file_that_comes_and_goes);
	tcase_add_test(tcase, a_file_that_others_may_read_now);
	tcase_add_test(tcase, one_that_was_another_when_it_was_read_is_told);
	tcase_add_test(tcase, one_that_has_been_read_since_is_not_told);
	tcase_add_test(tcase, others_in_the_directory_are_none_of_ours);
	tcase_add_test(
		tcase, a_directory_that_is_never_silent_does_not_put_it_off);
	tcase_add_test(
		tcase, several_files_are_told_together_and_can_be_removed);
	tcase_add_test(tcase, what_changed_before_a_reload_is_told_after_it);
	tcase_add_test(
		tcase, a_directory_is_watched_as_long_as_a_file_in_it_is);
	tcase_add_test(
		tcase, a_link_that_leads_elsewhere_leaves_no_directory_watched);
	tcase_add_test(tcase, what_cannot_be_watched_is_said);
	tcase_add_test(tcase, without_inotify_files_are_polled);
	tcase_add_test(tcase, a_shortage_that_passes_is_over);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
