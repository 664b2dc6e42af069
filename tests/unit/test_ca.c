/* SPDX-License-Identifier: Apache-2.0 */
/* Where CAs come from: a bad source is named and costs only itself. */
#include "common/strbuf.h"
#include "tests/unit/tls_peer.h"
#include "workers/ca.h"
#include "workers/tls.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static struct tls_trust *trust;
static struct strbuf problems;

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* A file with so many new CAs. */
static void
write_cas(const char *name, int count)
{
	const struct peer_subject subject = {
		.common_name = "CA",
		.ends_in_s = PEER_DAY_S,
		.is_ca = true,
	};
	char all[8192] = "";

	while (count-- > 0) {
		struct peer_identity made = peer_identity_new(&subject, NULL);
		char *pem = peer_identity_pem(&made);

		strncat(all, pem, sizeof(all) - strlen(all) - 1);
		free(pem);
		peer_identity_free(&made);
	}
	write_file(name, all);
}

static void
open_all(void)
{
	strcpy(directory, "/tmp/test_ca.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(tls_library_init(), 0);
	trust = tls_trust_new(NULL, false);
	strbuf_init(&problems, 0);
	setenv("SSL_CERT_FILE", path_of("bundle.pem"), 1);
	setenv("SSL_CERT_DIR", path_of("none"), 1);
}

static int
remove_one(const char *path, const struct stat *status, int flag,
	struct FTW *where)
{
	(void)status;
	(void)flag;
	(void)where;
	return remove(path);
}

static void
close_all(void)
{
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	strbuf_fini(&problems);
	tls_trust_free(trust);
}

static void
expect_problem(int error, int expected, const char *name, const char *words)
{
	char line[256];

	snprintf(line, sizeof(line), "%s: %s\n", path_of(name), words);
	ck_assert_int_eq(error, expected);
	ck_assert_str_eq(strbuf_text(&problems), line);
}

START_TEST(a_file_is_read)
{
	write_cas("two.pem", 2);
	ck_assert_int_eq(ca_load_file(trust, path_of("two.pem"), &problems), 0);
	ck_assert_uint_eq(tls_trust_count(trust), 2);
	ck_assert_str_eq(strbuf_text(&problems), "");
}
END_TEST

START_TEST(a_missing_file_is_named)
{
	expect_problem(ca_load_file(trust, path_of("gone"), &problems), -ENOENT,
		"gone", "No such file or directory");
}
END_TEST

START_TEST(a_directory_is_no_file)
{
	mkdir(path_of("sub"), 0700);
	expect_problem(ca_load_file(trust, path_of("sub"), &problems), -EISDIR,
		"sub", "Is a directory");
}
END_TEST

START_TEST(a_pipe_does_not_hang)
{
	mkfifo(path_of("pipe"), 0600);
	expect_problem(ca_load_file(trust, path_of("pipe"), &problems), -EINVAL,
		"pipe", "Invalid argument");
}
END_TEST

START_TEST(a_huge_file_is_refused)
{
	write_file("huge", "");
	ck_assert_int_eq(truncate(path_of("huge"), (off_t)1 << 40), 0);
	expect_problem(ca_load_file(trust, path_of("huge"), &problems), -EFBIG,
		"huge", "File too large");
}
END_TEST

START_TEST(an_empty_file_is_named)
{
	write_file("empty", "");
	expect_problem(ca_load_file(trust, path_of("empty"), &problems),
		-ENODATA, "empty", "no certificate in it");
}
END_TEST

/* F 1.27 */
START_TEST(one_bad_source_costs_only_itself)
{
	write_cas("good.pem", 1);
	ck_assert_int_lt(ca_load_file(trust, path_of("gone"), &problems), 0);
	ck_assert_int_eq(
		ca_load_file(trust, path_of("good.pem"), &problems), 0);
	ck_assert_uint_eq(tls_trust_count(trust), 1);
}
END_TEST

START_TEST(a_descriptor_is_read_from_its_start_again_and_again)
{
	struct tls_trust *second = tls_trust_new(NULL, false);
	int fd;

	write_cas("ca.pem", 3);
	fd = open(path_of("ca.pem"), O_RDONLY);
	lseek(fd, 100, SEEK_SET);
	ck_assert_int_eq(ca_load_fd(trust, fd, "check x: ca", &problems), 0);
	ck_assert_int_eq(ca_load_fd(second, fd, "check x: ca", &problems), 0);
	ck_assert_uint_eq(tls_trust_count(trust), 3);
	ck_assert_uint_eq(tls_trust_count(second), 3);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 100);
	close(fd);
	ck_assert_int_eq(
		ca_load_fd(trust, -1, "check x: ca", &problems), -EBADF);
	ck_assert_str_eq(
		strbuf_text(&problems), "check x: ca: Bad file descriptor\n");
	tls_trust_free(second);
}
END_TEST

/* K 1.26 */
START_TEST(the_system_is_its_bundle_and_its_directories)
{
	char list[256];

	write_cas("bundle.pem", 2);
	mkdir(path_of("one"), 0700);
	mkdir(path_of("two"), 0700);
	write_cas("one/added.crt", 1);
	write_cas("two/other.crt", 1);
	write_file("one/README", "not a certificate\n");
	mkdir(path_of("one/java"), 0700);
	ck_assert_int_eq(symlink("added.crt", path_of("one/12345678.0")), 0);
	ck_assert_int_eq(symlink("nowhere/x", path_of("one/broken.crt")), 0);
	ck_assert_int_eq(symlink("../bundle.pem", path_of("two/all.crt")), 0);
	snprintf(list, sizeof(list), "%s/one::%s/two:", directory, directory);
	setenv("SSL_CERT_DIR", list, 1);
	ck_assert_int_eq(ca_load_system(trust, &problems), 0);
	ck_assert_uint_eq(tls_trust_count(trust), 4);
	ck_assert_str_eq(strbuf_text(&problems), "");
}
END_TEST

START_TEST(a_system_without_cas_says_so)
{
	write_file("bundle.pem", "");
	expect_problem(ca_load_system(trust, &problems), -ENODATA, "bundle.pem",
		"no certificate in it");
}
END_TEST

START_TEST(a_bundle_that_is_gone_does_not_drop_the_directory)
{
	mkdir(path_of("one"), 0700);
	write_cas("one/ca.crt", 1);
	setenv("SSL_CERT_DIR", path_of("one"), 1);
	ck_assert_int_eq(ca_load_system(trust, &problems), -ENOENT);
	ck_assert_ptr_nonnull(strstr(strbuf_text(&problems), "bundle.pem: "));
	ck_assert_uint_eq(tls_trust_count(trust), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ca");
	TCase *tcase = tcase_create("sources");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_all, close_all);
	tcase_add_test(tcase, a_file_is_read);
	tcase_add_test(tcase, a_missing_file_is_named);
	tcase_add_test(tcase, a_directory_is_no_file);
	tcase_add_test(tcase, a_pipe_does_not_hang);
	tcase_add_test(tcase, a_huge_file_is_refused);
	tcase_add_test(tcase, an_empty_file_is_named);
	tcase_add_test(tcase, one_bad_source_costs_only_itself);
	tcase_add_test(
		tcase, a_descriptor_is_read_from_its_start_again_and_again);
	tcase_add_test(tcase, the_system_is_its_bundle_and_its_directories);
	tcase_add_test(tcase, a_system_without_cas_says_so);
	tcase_add_test(
		tcase, a_bundle_that_is_gone_does_not_drop_the_directory);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
