/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets and the kernel's receive stamps, over loopback. */
#include "common/clock.h"
#include "tests/unit/loopback.h"
#include "workers/socket.h"
#include "workers/stamp.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int client_fd, server_fd, holder_fd;

static void
open_pair(void)
{
	holder_fd = stamp_holder_open();
	ck_assert_int_ge(holder_fd, 0);
	loopback_pair(&client_fd, &server_fd);
}

static void
close_pair(void)
{
	if (client_fd >= 0)
		close(client_fd);
	if (server_fd >= 0)
		close(server_fd);
	close(holder_fd);
}

/*
 * Stamping begins some moments after it was asked for, later still where the
 * kernel's workers are busy: try until it does.
 */
static uint64_t
read_stamped(char *buf, size_t cap_bytes, size_t *ret_bytes,
	uint64_t *ret_sent_mono_ns)
{
	uint64_t deadline_ns = clock_mono_ns() + 3 * NS_PER_S;
	uint64_t stamp_ns = 0;

	while (stamp_ns == 0 && clock_mono_ns() < deadline_ns) {
		*ret_sent_mono_ns = clock_mono_ns();
		loopback_send(server_fd, "hello", 5);
		loopback_wait(client_fd, POLLIN);
		ck_assert_int_eq(socket_read_stamped(client_fd, buf, cap_bytes,
					 ret_bytes, &stamp_ns),
			IO_DONE);
	}
	return stamp_ns;
}

START_TEST(a_stamp_lies_between_sending_and_reading)
{
	char buf[16];
	size_t got_bytes;
	uint64_t sent_ns;
	uint64_t stamp_ns =
		read_stamped(buf, sizeof(buf), &got_bytes, &sent_ns);

	ck_assert_uint_eq(got_bytes, 5);
	ck_assert_mem_eq(buf, "hello", 5);
	ck_assert_uint_ne(stamp_ns, 0);
	/* carrying over reads two clocks, one after the other */
	ck_assert_uint_ge(stamp_ns + NS_PER_MS, sent_ns);
	ck_assert_uint_le(stamp_ns, clock_mono_ns() + NS_PER_MS);
}
END_TEST

/* How long before the end of a pause, in which it came, a segment's stamp is.
 */
static uint64_t
stamp_age_ns(uint64_t pause_ns)
{
	char buf[16];
	size_t got_bytes;
	uint64_t later_ns, stamp_ns;

	loopback_send(server_fd, "x", 1);
	loopback_wait(client_fd, POLLIN);
	later_ns = clock_mono_ns() + pause_ns;
	while (clock_mono_ns() < later_ns)
		continue;
	ck_assert_int_eq(socket_read_stamped(client_fd, buf, sizeof(buf),
				 &got_bytes, &stamp_ns),
		IO_DONE);
	ck_assert_uint_ne(stamp_ns, 0);
	return clock_since_ns(later_ns, stamp_ns);
}

START_TEST(a_stamp_is_when_it_came_not_when_it_was_read)
{
	char buf[16];
	size_t got_bytes;
	uint64_t sent_ns;
	uint64_t age_ns = 0;
	int i;

	(void)read_stamped(buf, sizeof(buf), &got_bytes, &sent_ns);
	/* a clock read may be interrupted, so once is enough */
	for (i = 0; i < 100 && age_ns < 2 * NS_PER_MS; i++)
		age_ns = stamp_age_ns(2 * NS_PER_MS);
	ck_assert_uint_ge(age_ns, 2 * NS_PER_MS);
}
END_TEST

START_TEST(a_stamp_outside_its_window_is_none)
{
	ck_assert_uint_eq(stamp_in_window(50, 50, 60), 50);
	ck_assert_uint_eq(stamp_in_window(60, 50, 60), 60);
	ck_assert_uint_eq(stamp_in_window(49, 50, 60), 0);
	ck_assert_uint_eq(stamp_in_window(61, 50, 60), 0);
	ck_assert_uint_eq(stamp_in_window(0, 50, 60), 0);
}
END_TEST

START_TEST(no_control_data_is_no_stamp)
{
	struct msghdr message = { 0 };

	ck_assert_uint_eq(stamp_of_message(&message), 0);
}
END_TEST

START_TEST(the_socket_does_not_block_nor_survive_exec)
{
	int on = 0;
	socklen_t len = sizeof(on);

	ck_assert(fcntl(client_fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(client_fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(
		getsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	ck_assert_int_ne(on, 0);
	ck_assert(fcntl(holder_fd, F_GETFD) & FD_CLOEXEC);
}
END_TEST

START_TEST(nothing_there_is_want_read_and_untouched_results)
{
	char buf[4];
	size_t got_bytes = 77;
	uint64_t stamp_ns = 78;

	ck_assert_int_eq(socket_read_stamped(client_fd, buf, sizeof(buf),
				 &got_bytes, &stamp_ns),
		IO_WANT_READ);
	ck_assert_uint_eq(got_bytes, 77);
	ck_assert_uint_eq(stamp_ns, 78);
}
END_TEST

START_TEST(the_peers_end_is_eof)
{
	char buf[4];
	size_t got_bytes;
	uint64_t stamp_ns;

	close(server_fd);
	server_fd = -1;
	loopback_wait(client_fd, POLLIN);
	ck_assert_int_eq(socket_read_stamped(client_fd, buf, sizeof(buf),
				 &got_bytes, &stamp_ns),
		IO_EOF);
}
END_TEST

START_TEST(discarding_finds_the_fin_behind_data)
{
	ck_assert_int_eq(socket_discard(client_fd), IO_WANT_READ);
	loopback_send(server_fd, "more than was asked for", 23);
	loopback_wait(client_fd, POLLIN);
	ck_assert_int_eq(socket_discard(client_fd), IO_WANT_READ);
	ck_assert_int_eq(recv(client_fd, (char[1]){ 0 }, 1, 0), -1);
	loopback_send(server_fd, "and more", 8);
	close(server_fd);
	server_fd = -1;
	loopback_wait(client_fd, POLLRDHUP);
	ck_assert_int_eq(socket_discard(client_fd), IO_EOF);
}
END_TEST

/* It is always there before it is looked for: there is no end to wait for. */
START_TEST(discarding_gives_up_on_what_does_not_end)
{
	static char junk[4096];
	enum io_result result = IO_WANT_READ;

	while (result == IO_WANT_READ) {
		int unread_bytes = 0;

		while (unread_bytes < 64 * 1024) {
			if (send(server_fd, junk, sizeof(junk), MSG_DONTWAIT) <
				0)
				loopback_wait(client_fd, POLLIN);
			ck_assert_int_eq(
				ioctl(client_fd, FIONREAD, &unread_bytes), 0);
		}
		result = socket_discard(client_fd);
	}
	ck_assert_int_eq(result, IO_ERROR);
	ck_assert_int_eq(errno, EMSGSIZE);
}
END_TEST

START_TEST(an_abortive_close_is_a_reset_at_the_peer)
{
	char buf[4];
	size_t got_bytes;
	uint64_t stamp_ns;

	socket_close_abortive(client_fd);
	client_fd = -1;
	loopback_wait(server_fd, POLLIN);
	ck_assert_int_eq(socket_read_stamped(server_fd, buf, sizeof(buf),
				 &got_bytes, &stamp_ns),
		IO_ERROR);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(writing_to_a_reset_connection_is_an_error_not_a_signal)
{
	size_t sent_bytes;

	socket_close_abortive(server_fd);
	server_fd = -1;
	loopback_wait(client_fd, POLLIN);
	ck_assert_int_eq(
		socket_write(client_fd, "x", 1, &sent_bytes), IO_ERROR);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert_int_eq(
		socket_write(client_fd, "x", 1, &sent_bytes), IO_ERROR);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(a_full_socket_wants_to_write)
{
	static const char much[65536];
	enum io_result result = IO_DONE;
	size_t sent_bytes, all_bytes = 0;

	while (result == IO_DONE && all_bytes < (size_t)1 << 30) {
		result = socket_write(
			client_fd, much, sizeof(much), &sent_bytes);
		all_bytes += sent_bytes;
	}
	ck_assert_int_eq(result, IO_WANT_WRITE);
}
END_TEST

START_TEST(a_refused_connection_says_so)
{
	struct sockaddr_in address;
	int listener = loopback_listen(&address);
	struct tcp_observation seen;
	int fd = -1;
	int error;

	close(listener);
	ck_assert_int_eq(socket_open(AF_INET, &fd), 0);
	error = socket_connect(
		fd, (struct sockaddr *)&address, sizeof(address));
	if (error == 0) {
		loopback_wait(fd, POLLOUT);
		error = socket_connect_result(fd, &seen);
	}
	close(fd);
	ck_assert_int_eq(error, -ECONNREFUSED);
}
END_TEST

/* Once in some ten thousand attempts the kernel makes that of a closed port. */
START_TEST(a_connection_to_itself_is_a_refused_one)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	struct tcp_observation seen;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(socket_connect_result(fd, &seen), -ECONNREFUSED);
	socket_close_abortive(fd);
}
END_TEST

START_TEST(an_impossible_address_is_an_error)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = -7;

	address.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	address.sin_port = htons(9);
	ck_assert_int_lt(socket_open(-1, &fd), 0);
	ck_assert_int_eq(fd, -7);
	ck_assert_int_eq(socket_open(AF_INET, &fd), 0);
	ck_assert_int_lt(socket_connect(fd, (struct sockaddr *)&address,
				 sizeof(address)),
		0);
	close(fd);
}
END_TEST

/* N 4.24 */
START_TEST(tcp_tells_of_a_clean_handshake)
{
	struct tcp_observation seen;

	ck_assert_int_eq(socket_observe_tcp(client_fd, &seen), 0);
	ck_assert_uint_eq(seen.retransmit_count, 0);
	ck_assert_uint_gt(seen.rtt_us, 0);
	ck_assert_uint_lt(seen.rtt_us, 10000000);
	ck_assert_uint_eq(seen.received_bytes, 0);
	loopback_send(server_fd, "12345", 5);
	loopback_wait(client_fd, POLLIN);
	ck_assert_int_eq(socket_observe_tcp(client_fd, &seen), 0);
	ck_assert_uint_eq(seen.received_bytes, 5);
	ck_assert(seen.is_established && !seen.peer_has_ended);
	close(server_fd);
	server_fd = -1;
	loopback_wait(client_fd, POLLRDHUP);
	ck_assert_int_eq(socket_observe_tcp(client_fd, &seen), 0);
	ck_assert(!seen.is_established && seen.peer_has_ended);
}
END_TEST

START_TEST(what_is_no_tcp_socket_cannot_be_observed)
{
	struct tcp_observation seen;

	ck_assert_int_lt(socket_observe_tcp(holder_fd, &seen), 0);
	ck_assert_int_eq(socket_observe_tcp(-1, &seen), -EBADF);
	ck_assert_int_eq(socket_connect_result(-1, &seen), -EBADF);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("loopback");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_pair, close_pair);
	tcase_add_test(tcase, a_stamp_lies_between_sending_and_reading);
	tcase_add_test(tcase, a_stamp_is_when_it_came_not_when_it_was_read);
	tcase_add_test(tcase, a_stamp_outside_its_window_is_none);
	tcase_add_test(tcase, no_control_data_is_no_stamp);
	tcase_add_test(tcase, the_socket_does_not_block_nor_survive_exec);
	tcase_add_test(tcase, nothing_there_is_want_read_and_untouched_results);
	tcase_add_test(tcase, the_peers_end_is_eof);
	tcase_add_test(tcase, discarding_finds_the_fin_behind_data);
	tcase_add_test(tcase, discarding_gives_up_on_what_does_not_end);
	tcase_add_test(tcase, an_abortive_close_is_a_reset_at_the_peer);
	tcase_add_test(
		tcase, writing_to_a_reset_connection_is_an_error_not_a_signal);
	tcase_add_test(tcase, a_full_socket_wants_to_write);
	tcase_add_test(tcase, a_refused_connection_says_so);
	tcase_add_test(tcase, a_connection_to_itself_is_a_refused_one);
	tcase_add_test(tcase, an_impossible_address_is_an_error);
	tcase_add_test(tcase, tcp_tells_of_a_clean_handshake);
	tcase_add_test(tcase, what_is_no_tcp_socket_cannot_be_observed);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
