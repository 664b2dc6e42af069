/* SPDX-License-Identifier: Apache-2.0 */
/* The plain transport; what TLS adds is in test_tls.c. */
#include "common/clock.h"
#include "tests/unit/loopback.h"
#include "workers/socket.h"
#include "workers/stamp.h"
#include "workers/transport.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct transport client;
static int server_fd, holder_fd;
static char text[256];

static void
open_pair(void)
{
	int client_fd;

	holder_fd = stamp_holder_open();
	loopback_pair(&client_fd, &server_fd);
	ck_assert_int_eq(transport_start(&client, client_fd, NULL, NULL), 0);
}

static void
close_pair(void)
{
	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	if (server_fd >= 0)
		close(server_fd);
	close(holder_fd);
}

START_TEST(a_plain_handshake_is_done_at_once)
{
	ck_assert_int_eq(transport_handshake(&client), IO_DONE);
	ck_assert_int_eq(transport_certificate_expiry_unix_s(&client), 0);
	ck_assert_int_eq(transport_tls_failure(&client), TLS_FAILURE_NONE);
}
END_TEST

START_TEST(bytes_go_both_ways_with_a_stamp)
{
	size_t progress = 2, got_bytes;
	uint64_t stamp_ns = 0;
	int i;

	ck_assert_int_eq(
		transport_write(&client, "xxask", 5, &progress), IO_DONE);
	ck_assert_uint_eq(progress, 5);
	loopback_wait(server_fd, POLLIN);
	ck_assert_int_eq(recv(server_fd, text, sizeof(text), 0), 3);
	ck_assert_mem_eq(text, "ask", 3);
	for (i = 0; i < 1000 && stamp_ns == 0; i++) {
		loopback_send(server_fd, "answer", 6);
		loopback_wait(client.fd, POLLIN);
		transport_begin_turn(&client, clock_mono_ns());
		ck_assert_int_eq(
			transport_read(&client, text, sizeof(text), &got_bytes),
			IO_DONE);
		ck_assert_uint_eq(got_bytes, 6);
		stamp_ns = transport_stamp_mono_ns(&client);
	}
	ck_assert_uint_ne(stamp_ns, 0);
	ck_assert_uint_le(stamp_ns, clock_mono_ns());
	ck_assert_int_eq(
		transport_read(&client, text, sizeof(text), &got_bytes),
		IO_WANT_READ);
}
END_TEST

static unsigned
reads_of_turn(uint64_t now_ns)
{
	size_t got_bytes;
	unsigned count = 0;

	transport_begin_turn(&client, now_ns);
	while (transport_read(&client, text, 1, &got_bytes) == IO_DONE)
		count++;
	return count;
}

/* So many reads, or one when the turn has lasted too long already. */
START_TEST(a_turn_ends)
{
	loopback_send(server_fd, "0123456789", 10);
	loopback_wait(client.fd, POLLIN);
	ck_assert_uint_eq(reads_of_turn(UINT64_MAX / 2), 4);
	ck_assert(transport_turn_is_over(&client));
	ck_assert_uint_eq(reads_of_turn(0), 1);
	ck_assert_uint_eq(reads_of_turn(0), 1);
	ck_assert(transport_turn_is_over(&client));
	loopback_wait(client.fd, POLLIN); /* the rest announces itself */
	ck_assert_uint_eq(reads_of_turn(UINT64_MAX / 2), 4);
	ck_assert_uint_eq(reads_of_turn(UINT64_MAX / 2), 0);
	ck_assert(!transport_turn_is_over(&client)); /* there was no more */
}
END_TEST

START_TEST(a_blocked_write_goes_on_where_it_stopped)
{
	static const char much[4 << 20];
	static char sink[65536];
	size_t progress = 0, got_bytes = 0;
	enum io_result result = IO_WANT_WRITE;
	int blocked = 0;

	while (got_bytes < sizeof(much)) {
		ssize_t got;

		if (result == IO_WANT_WRITE)
			result = transport_write(
				&client, much, sizeof(much), &progress);
		blocked += result == IO_WANT_WRITE;
		loopback_wait(server_fd, POLLIN);
		while ((got = recv(server_fd, sink, sizeof(sink), 0)) > 0)
			got_bytes += (size_t)got;
	}
	ck_assert_int_eq(result, IO_DONE);
	ck_assert_int_gt(blocked, 0);
	ck_assert_uint_eq(got_bytes, sizeof(much));
}
END_TEST

START_TEST(the_end_is_clean_and_the_fin_known)
{
	size_t got_bytes;

	ck_assert_int_eq(transport_await_fin(&client), IO_WANT_READ);
	close(server_fd);
	server_fd = -1;
	loopback_wait(client.fd, POLLRDHUP);
	ck_assert_int_eq(
		transport_read(&client, text, sizeof(text), &got_bytes),
		IO_EOF);
	ck_assert(transport_ended_whole(&client));
	ck_assert_int_eq(transport_await_fin(&client), IO_EOF);
}
END_TEST

/* Who has been told of it by TCP need not ask the socket. */
START_TEST(a_fin_that_is_known_is_not_looked_for)
{
	transport_note_fin(&client);
	ck_assert_int_eq(transport_await_fin(&client), IO_EOF);
}
END_TEST

START_TEST(waiting_for_the_fin_passes_over_data)
{
	loopback_send(server_fd, "junk", 4);
	loopback_wait(client.fd, POLLIN);
	ck_assert_int_eq(transport_await_fin(&client), IO_WANT_READ);
	close(server_fd);
	server_fd = -1;
	loopback_wait(client.fd, POLLRDHUP);
	ck_assert_int_eq(transport_await_fin(&client), IO_EOF);
}
END_TEST

START_TEST(a_reset_is_told)
{
	size_t got_bytes;

	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text, "");
	socket_close_abortive(server_fd);
	server_fd = -1;
	loopback_wait(client.fd, POLLIN);
	ck_assert_int_eq(
		transport_read(&client, text, sizeof(text), &got_bytes),
		IO_ERROR);
	errno = 0;
	ck_assert_int_eq(transport_errno(&client), ECONNRESET);
	transport_describe_failure(&client, text, sizeof(text));
	ck_assert_str_eq(text, "Connection reset by peer");
}
END_TEST

START_TEST(aborting_resets_the_peer)
{
	transport_close(&client, TRANSPORT_CLOSE_ABORT);
	loopback_wait(server_fd, POLLIN);
	ck_assert_int_eq(recv(server_fd, text, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(closing_ends_the_peers_stream_once)
{
	struct transport never = { 0 };

	transport_close(&client, TRANSPORT_CLOSE_NORMAL);
	transport_close(&client, TRANSPORT_CLOSE_ABORT);
	transport_close(&never, TRANSPORT_CLOSE_ABORT);
	loopback_wait(server_fd, POLLIN);
	ck_assert_int_eq(recv(server_fd, text, 1, 0), 0);
}
END_TEST

START_TEST(detaching_keeps_the_socket)
{
	int fd = client.fd;

	ck_assert_int_eq(transport_detach(&client), fd);
	transport_close(&client, TRANSPORT_CLOSE_ABORT);
	loopback_send(fd, "still", 5);
	loopback_wait(server_fd, POLLIN);
	ck_assert_int_eq(recv(server_fd, text, sizeof(text), 0), 5);
	close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("transport");
	TCase *tcase = tcase_create("plain");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, open_pair, close_pair);
	tcase_add_test(tcase, a_plain_handshake_is_done_at_once);
	tcase_add_test(tcase, bytes_go_both_ways_with_a_stamp);
	tcase_add_test(tcase, a_turn_ends);
	tcase_add_test(tcase, a_blocked_write_goes_on_where_it_stopped);
	tcase_add_test(tcase, the_end_is_clean_and_the_fin_known);
	tcase_add_test(tcase, a_fin_that_is_known_is_not_looked_for);
	tcase_add_test(tcase, waiting_for_the_fin_passes_over_data);
	tcase_add_test(tcase, a_reset_is_told);
	tcase_add_test(tcase, aborting_resets_the_peer);
	tcase_add_test(tcase, closing_ends_the_peers_stream_once);
	tcase_add_test(tcase, detaching_keeps_the_socket);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
