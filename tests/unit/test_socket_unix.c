/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of this host, through the transport: bytes go both ways, and what a
 * hostile server sends beside them leaves nothing in this process.
 */
#include "common/clock.h"
#include "tests/unit/loopback.h"
#include "workers/socket.h"
#include "workers/socket_unix.h"
#include "workers/transport.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/kubenurse-unix-XXXXXX";
static char path[64];
static int listener_fd, server_fd;
static struct transport client;
static char text[256];

static void
set_up(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(directory, "/tmp/kubenurse-unix-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/sock", directory);
	strcpy(address.sun_path, path);
	listener_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener_fd, (const struct sockaddr *)&address,
				 sizeof(address)),
		0);
	ck_assert_int_eq(listen(listener_fd, 0), 0);
	server_fd = -1;
	memset(&client, 0, sizeof(client));
}

static void
tear_down(void)
{
	transport_close(&client, TRANSPORT_CLOSE_ABORT);
	if (server_fd >= 0)
		close(server_fd);
	close(listener_fd);
	unlink(path);
	rmdir(directory);
}

static void
connect_client(void)
{
	int fd;

	ck_assert_int_eq(socket_unix_open(&fd), 0);
	ck_assert_int_eq(socket_unix_connect(fd, path), 0);
	server_fd = accept(listener_fd, NULL, NULL);
	ck_assert_int_ge(server_fd, 0);
	ck_assert_int_eq(transport_start(&client, fd, NULL, NULL), 0);
	transport_be_local(&client);
}

static enum io_result
read_text(void)
{
	size_t n_bytes = 0;
	enum io_result result;

	transport_begin_turn(&client, clock_mono_ns());
	result = transport_read(&client, text, sizeof(text) - 1, &n_bytes);
	text[n_bytes] = '\0';
	return result;
}

START_TEST(bytes_go_both_ways_and_end)
{
	size_t progress = 0;

	connect_client();
	ck_assert_int_eq(transport_handshake(&client), IO_DONE);
	ck_assert_int_eq(read_text(), IO_WANT_READ);
	ck_assert_int_eq(
		transport_write(&client, "ask", 3, &progress), IO_DONE);
	ck_assert_int_eq(recv(server_fd, text, sizeof(text), 0), 3);
	loopback_send(server_fd, "answer", 6);
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "answer");
	ck_assert_uint_eq(transport_stamp_mono_ns(&client), 0);
	shutdown(server_fd, SHUT_WR);
	ck_assert_int_eq(read_text(), IO_EOF);
	ck_assert(transport_ended_whole(&client));
}
END_TEST

static int
count_descriptors(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = 0;

	ck_assert_ptr_nonnull(all);
	while (readdir(all) != NULL)
		count++;
	closedir(all);
	return count;
}

START_TEST(descriptors_that_a_server_sends_are_not_taken)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec piece = { .iov_base = (char *)(uintptr_t) "x",
		.iov_len = 1 };
	struct msghdr message = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header;
	int fds[8], before;

	connect_client();
	for (int i = 0; i < 8; i++)
		fds[i] = STDERR_FILENO;
	memset(&control, 0, sizeof(control));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(header), fds, sizeof(fds));
	ck_assert_int_eq(sendmsg(server_fd, &message, 0), 1);
	ck_assert_int_eq(sendmsg(server_fd, &message, 0), 1);
	before = count_descriptors();
	ck_assert_int_eq(read_text(), IO_DONE);
	ck_assert_str_eq(text, "x");
	/* and where the rest is thrown away */
	ck_assert_int_eq(transport_await_fin(&client), IO_WANT_READ);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(nobody_is_there)
{
	char too_long[200] = "/";
	int fd;

	memset(too_long, '/', sizeof(too_long) - 1);
	ck_assert_int_eq(socket_unix_open(&fd), 0);
	ck_assert_int_eq(socket_unix_connect(fd, "/no/such/place"), -ENOENT);
	ck_assert_int_eq(socket_unix_connect(fd, "/dev/null"), -ECONNREFUSED);
	ck_assert_int_eq(socket_unix_connect(fd, too_long), -ENAMETOOLONG);
	close(listener_fd);
	ck_assert_int_eq(socket_unix_connect(fd, path), -ECONNREFUSED);
	close(fd);
}
END_TEST

/* Two fit a backlog of 0: nobody waits, and it can be tried again. */
START_TEST(a_full_queue_is_told_at_once)
{
	int fds[16], count = 0, rc = 0;

	while (count < 16 && rc == 0) {
		ck_assert_int_eq(socket_unix_open(&fds[count]), 0);
		rc = socket_unix_connect(fds[count], path);
		count++;
	}
	ck_assert_int_eq(rc, -EAGAIN);
	server_fd = accept(listener_fd, NULL, NULL);
	ck_assert_int_eq(socket_unix_connect(fds[count - 1], path), 0);
	while (count > 0)
		close(fds[--count]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("socket_unix");
	TCase *tcase = tcase_create("socket_unix");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, bytes_go_both_ways_and_end);
	tcase_add_test(tcase, descriptors_that_a_server_sends_are_not_taken);
	tcase_add_test(tcase, nobody_is_there);
	tcase_add_test(tcase, a_full_queue_is_told_at_once);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
