/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager hears, on a socket that the test opened for it. */
#include "supervisor/notify.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int manager_fd;
static char name[64];

static void
setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(name, sizeof(name), "@test_notify_%d", (int)getpid());
	strcpy(address.sun_path, name);
	address.sun_path[0] = '\0';
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(
		bind(manager_fd, (struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
teardown(void)
{
	close(manager_fd);
}

static const char *
heard(void)
{
	static char text[256];
	ssize_t n = recv(manager_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(lines_arrive_as_they_were_sent)
{
	struct notify notify;

	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_uint_eq(notify.watchdog_ns, 0);
	notify_send(&notify, "READY=1\nSTATUS=checking");
	ck_assert_str_eq(heard(), "READY=1\nSTATUS=checking");
	notify_reloading(&notify);
	ck_assert_int_eq(
		strncmp(heard(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	notify_close(&notify);
	notify_close(&notify);
	notify_send(&notify, "X=1");
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(the_watchdog_is_fed_twice_as_often_as_it_asks)
{
	struct notify notify;
	char pid[16];

	setenv("WATCHDOG_USEC", "30000000", 1);
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_uint_eq(notify.watchdog_ns, 15000000000);
	notify_close(&notify);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_uint_eq(notify.watchdog_ns, 15000000000);
	notify_close(&notify);
	setenv("WATCHDOG_PID", "1", 1); /* another's */
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_uint_eq(notify.watchdog_ns, 0);
	notify_close(&notify);
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
	struct notify notify;

	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(notify_open(&notify), 0);
	ck_assert_int_eq(notify.fd, -1);
	notify_send(&notify, "READY=1");
	notify_reloading(&notify);
	ck_assert_str_eq(heard(), "");
	notify_close(&notify);
}
END_TEST

START_TEST(a_socket_that_cannot_be_is_said)
{
	struct notify notify;
	char longest[300];

	setenv("NOTIFY_SOCKET", "relative", 1);
	ck_assert_int_eq(notify_open(&notify), -EINVAL);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	ck_assert_int_eq(notify_open(&notify), -EINVAL);
	setenv("NOTIFY_SOCKET", "@nobody_listens_here", 1);
	ck_assert_int_eq(notify_open(&notify), -ECONNREFUSED);
	ck_assert_int_eq(notify.fd, -1);
}
END_TEST

START_TEST(a_manager_that_is_gone_or_full_does_not_stop_us)
{
	struct notify notify;

	ck_assert_int_eq(notify_open(&notify), 0);
	for (int i = 0; i < 10000; i++)
		notify_send(&notify, "WATCHDOG=1");
	close(manager_fd);
	notify_send(&notify, "WATCHDOG=1");
	notify_close(&notify);
	manager_fd = -1;
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("notify");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, lines_arrive_as_they_were_sent);
	tcase_add_test(tcase, the_watchdog_is_fed_twice_as_often_as_it_asks);
	tcase_add_test(tcase, without_a_manager_nothing_happens);
	tcase_add_test(tcase, a_socket_that_cannot_be_is_said);
	tcase_add_test(tcase, a_manager_that_is_gone_or_full_does_not_stop_us);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
