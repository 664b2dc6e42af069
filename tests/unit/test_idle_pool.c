/* SPDX-License-Identifier: Apache-2.0 */
/* Connections kept between checks: to whom they are given, and when not. */
#include "common/loop.h"
#include "tests/unit/loopback.h"
#include "workers/idle_pool.h"
#include "workers/proxy.h"
#include "workers/socket.h"
#include "workers/tls.h"
#include "workers/transport.h"

#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 4

static struct loop *loop;
static struct idle_pool pool;
static struct transport client[PAIRS], taken;
static int server_fd[PAIRS];
static const struct idle_place here = {
	.port = 80, .host = "a.test", .zone = ""
};

static void
open_all(void)
{
	int client_fd;

	ck_assert_int_eq(tls_library_init(), 0);
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	idle_pool_init(&pool, loop, IDLE_POOL_KEEP_NS);
	ck_assert_int_eq(idle_pool_reserve(&pool, PAIRS), 0);
	for (int i = 0; i < PAIRS; i++) {
		loopback_pair(&client_fd, &server_fd[i]);
		ck_assert_int_eq(
			transport_start(&client[i], client_fd, NULL, NULL), 0);
	}
	memset(&taken, 0, sizeof(taken));
}

static void
close_all(void)
{
	idle_pool_fini(&pool);
	for (int i = 0; i < PAIRS; i++) {
		transport_close(&client[i], TRANSPORT_CLOSE_ABORT);
		if (server_fd[i] >= 0)
			close(server_fd[i]);
	}
	transport_close(&taken, TRANSPORT_CLOSE_ABORT);
	loop_free(loop);
}

static void
end_server(int i)
{
	close(server_fd[i]);
	server_fd[i] = -1;
}

static void
put(int i)
{
	ck_assert(idle_pool_put(&pool, &here, &client[i]));
	ck_assert_ptr_null(client[i].ops); /* it is no longer the caller's */
}

START_TEST(what_was_put_is_taken_once)
{
	int fd = client[0].fd;
	char text[8];
	size_t progress = 0;

	put(0);
	ck_assert(idle_pool_take(&pool, &here, &taken));
	ck_assert_int_eq(taken.fd, fd);
	ck_assert_int_eq(transport_write(&taken, "ask", 3, &progress), IO_DONE);
	loopback_wait(server_fd[0], POLLIN);
	ck_assert_int_eq(recv(server_fd[0], text, sizeof(text), 0), 3);
	ck_assert(!idle_pool_take(&pool, &here, &client[0]));
	ck_assert_uint_eq(idle_pool_count(&pool), 0);
}
END_TEST

START_TEST(the_one_kept_last_goes_first)
{
	int fd = client[1].fd;

	put(0);
	put(1);
	ck_assert(idle_pool_take(&pool, &here, &taken));
	ck_assert_int_eq(taken.fd, fd);
}
END_TEST

/* K 4.8 */
START_TEST(two_to_one_place_and_no_more)
{
	struct idle_place there = here;

	there.port = 81;
	put(0);
	put(1);
	ck_assert(!idle_pool_put(&pool, &here, &client[2]));
	ck_assert_ptr_nonnull(client[2].ops);
	ck_assert(idle_pool_put(&pool, &there, &client[2]));
}
END_TEST

START_TEST(no_room_no_place)
{
	struct idle_place place = here;
	struct idle_pool small;

	idle_pool_init(&small, loop, IDLE_POOL_KEEP_NS);
	ck_assert_int_eq(idle_pool_reserve(&small, 1), 0);
	ck_assert(idle_pool_put(&small, &here, &client[0]));
	place.port = 81;
	ck_assert(!idle_pool_put(&small, &place, &client[1]));
	ck_assert_int_eq(idle_pool_reserve(&small, 2), 0);
	ck_assert(idle_pool_put(&small, &place, &client[1]));
	idle_pool_fini(&small);
}
END_TEST

/* A connection that was judged for one must not be given to another. */
START_TEST(another_place_is_another)
{
	struct tls_trust *trust = tls_trust_new(NULL, false);
	struct proxy proxy = { .kind = PROXY_HTTP };
	const struct idle_place others[] = {
		{ .port = 81, .host = "a.test", .zone = "" },
		{ .port = 80, .host = "b.test", .zone = "" },
		{ .port = 80, .host = "a.test", .zone = "eth0" },
		{ .port = 80, .host = "a.test", .zone = "", .https = true },
		{ .port = 80, .host = "a.test", .zone = "", .trust = trust },
		{ .port = 80, .host = "a.test", .zone = "", .proxy = &proxy },
		{ .port = 80,
			.host = "a.test",
			.zone = "",
			.tls_security_level = 1 },
	};
	struct idle_place same = here;

	put(0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!idle_pool_take(&pool, &others[i], &taken),
			"place %zu", i);
	same.host = "A.TEST"; /* RFC 4343 */
	ck_assert(idle_pool_take(&pool, &same, &taken));
	tls_trust_free(trust);
}
END_TEST

START_TEST(what_the_server_closes_is_given_back_at_once)
{
	put(0);
	end_server(0);
	while (idle_pool_count(&pool) > 0)
		ck_assert_int_eq(loop_turn(loop, 10000000000), 0);
	ck_assert(!idle_pool_take(&pool, &here, &taken));
}
END_TEST

/* The loop has not yet told: the pool looks for itself. */
START_TEST(a_dead_one_is_not_handed_out)
{
	int fd = client[0].fd, ended_fd = client[1].fd;

	put(0);
	put(1);
	end_server(1);
	loopback_wait(ended_fd, POLLRDHUP);
	ck_assert(idle_pool_take(&pool, &here, &taken));
	ck_assert_int_eq(taken.fd, fd);
	ck_assert_uint_eq(idle_pool_count(&pool), 0);
}
END_TEST

START_TEST(what_speaks_unasked_is_closed)
{
	put(0);
	loopback_send(server_fd[0], "HTTP/1.1 408 \r\n", 15);
	while (idle_pool_count(&pool) > 0)
		ck_assert_int_eq(loop_turn(loop, 10000000000), 0);
	loopback_wait(server_fd[0], POLLIN);
	loopback_send(server_fd[1], "x", 1);
	loopback_wait(client[1].fd, POLLIN);
	ck_assert(!idle_pool_put(&pool, &here, &client[1]));
}
END_TEST

/* K 4.8 */
START_TEST(it_is_kept_so_long_and_no_longer)
{
	pool.keep_ns = 0;
	put(0);
	ck_assert_uint_eq(idle_pool_count(&pool), 1);
	while (idle_pool_count(&pool) > 0)
		ck_assert_int_eq(loop_turn(loop, 10000000000), 0);
	loopback_wait(server_fd[0], POLLIN);
}
END_TEST

START_TEST(a_trust_that_goes_takes_its_connections_along)
{
	struct tls_trust *trust = tls_trust_new(NULL, false);
	struct idle_place judged = here;

	judged.trust = trust;
	ck_assert(idle_pool_put(&pool, &judged, &client[1]));
	put(0);
	idle_pool_forget_trust(&pool, trust);
	ck_assert(!idle_pool_take(&pool, &judged, &taken));
	ck_assert_uint_eq(idle_pool_count(&pool), 1);
	idle_pool_forget_trust(&pool, NULL);
	ck_assert_uint_eq(idle_pool_count(&pool), 1);
	tls_trust_free(trust);
}
END_TEST

START_TEST(an_owned_connection_is_the_owners_alone)
{
	static const struct target *const one = (const void *)&pool;
	struct idle_place owned = here, other = here;

	owned.owner = one;
	other.owner = (const void *)&taken;
	put(0);
	ck_assert(!idle_pool_take(&pool, &owned, &taken));
	ck_assert(idle_pool_put(&pool, &owned, &client[1]));
	ck_assert(!idle_pool_take(&pool, &other, &taken));
	ck_assert(idle_pool_take(&pool, &here, &taken));
	transport_close(&taken, TRANSPORT_CLOSE_ABORT);
	ck_assert(!idle_pool_take(&pool, &here, &taken));
	idle_pool_forget_owner(&pool, (const void *)&taken);
	ck_assert_uint_eq(idle_pool_count(&pool), 1);
	idle_pool_forget_owner(&pool, one);
	ck_assert_uint_eq(idle_pool_count(&pool), 0);
}
END_TEST

START_TEST(all_are_closed_and_the_room_stays)
{
	put(0);
	put(1);
	idle_pool_close_all(&pool);
	ck_assert_uint_eq(idle_pool_count(&pool), 0);
	loopback_wait(server_fd[0], POLLIN);
	loopback_wait(server_fd[1], POLLIN);
	put(2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("idle_pool");
	TCase *tcase = tcase_create("idle_pool");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, open_all, close_all);
	tcase_add_test(tcase, what_was_put_is_taken_once);
	tcase_add_test(tcase, the_one_kept_last_goes_first);
	tcase_add_test(tcase, two_to_one_place_and_no_more);
	tcase_add_test(tcase, no_room_no_place);
	tcase_add_test(tcase, another_place_is_another);
	tcase_add_test(tcase, what_the_server_closes_is_given_back_at_once);
	tcase_add_test(tcase, a_dead_one_is_not_handed_out);
	tcase_add_test(tcase, what_speaks_unasked_is_closed);
	tcase_add_test(tcase, it_is_kept_so_long_and_no_longer);
	tcase_add_test(tcase, a_trust_that_goes_takes_its_connections_along);
	tcase_add_test(tcase, an_owned_connection_is_the_owners_alone);
	tcase_add_test(tcase, all_are_closed_and_the_room_stays);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
