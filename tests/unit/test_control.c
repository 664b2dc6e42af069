/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the nursery and the workers: what goes in comes out, whatever is
 * cut off or added is no message, and no descriptor is ever left open.
 */
#include "common/control.h"
#include "tests/unit/under_valgrind.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char buf[CONTROL_MAX_BYTES];

static struct control_message
target_message(void)
{
	struct control_message message;

	memset(&message, 0, sizeof(message));
	message.kind = CONTROL_TARGET;
	message.body.target = (struct control_target){ .id = 3,
		.gen = 4,
		.label = "shop",
		.url = "https://user:secret@shop.example/healthz?x=1",
		.method = "HEAD",
		.origin = "",
		.headers = "X-A: b\nX-C: d\n",
		.server_name = "shop.test",
		.expect = { { 200, 200 }, { 204, 299 }, { 999, 999 } },
		.expect_count = 3,
		.interval_ns = UINT64_MAX,
		.timeout_ns = 6000000000,
		.dial_timeout_ns = 5000000000,
		.first_delay_ns = 1,
		.started_mono_ns = 5,
		.tls_security_level = CONTROL_TLS_LEVEL_LAST,
		.insecure = true,
		.reuse_connections = true,
		.files = { { "/c/ca.crt", false, EACCES }, { "/h", true, 0 },
			{ "", false, 0 }, { "/key", true, 0 } } };
	return message;
}

static void
assert_target(const struct control_target *got)
{
	struct control_message message = target_message();
	const struct control_target *want = &message.body.target;

	ck_assert_uint_eq(got->id, want->id);
	ck_assert_uint_eq(got->gen, want->gen);
	ck_assert_str_eq(got->label, want->label);
	ck_assert_str_eq(got->url, want->url);
	ck_assert_str_eq(got->method, want->method);
	ck_assert_str_eq(got->origin, "");
	ck_assert_str_eq(got->headers, want->headers);
	ck_assert_str_eq(got->server_name, want->server_name);
	ck_assert_uint_eq(got->expect_count, 3);
	ck_assert_mem_eq(got->expect, want->expect, sizeof(want->expect));
	ck_assert_uint_eq(got->interval_ns, want->interval_ns);
	ck_assert_uint_eq(got->timeout_ns, want->timeout_ns);
	ck_assert_uint_eq(got->dial_timeout_ns, want->dial_timeout_ns);
	ck_assert_uint_eq(got->first_delay_ns, 1);
	ck_assert_uint_eq(got->started_mono_ns, 5);
	ck_assert_uint_eq(got->tls_security_level, CONTROL_TLS_LEVEL_LAST);
	ck_assert(got->insecure && got->reuse_connections);
	ck_assert(!got->follow_redirects);
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++) {
		ck_assert_str_eq(got->files[i].path, want->files[i].path);
		ck_assert_uint_eq(got->files[i].error, want->files[i].error);
		ck_assert(got->files[i].is_open == want->files[i].is_open);
	}
}

START_TEST(a_target_comes_out_as_it_went_in)
{
	struct control_message in = target_message(), out;
	int len = control_encode(&in, buf, sizeof(buf));

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len), 0);
	ck_assert_int_eq(out.kind, CONTROL_TARGET);
	assert_target(&out.body.target);
}
END_TEST

START_TEST(every_kind_comes_out_as_it_went_in)
{
	for (int kind = CONTROL_BOOT; kind < CONTROL_KIND_END; kind++) {
		struct control_message in, out;
		unsigned char again[CONTROL_MAX_BYTES];
		int len;

		memset(&in, 0, sizeof(in));
		in.kind = (enum control_kind)kind;
		if (kind == CONTROL_BOOT)
			in.body.boot = (struct control_boot){ 5, 6, 1 };
		if (kind == CONTROL_TARGET_GONE)
			in.body.gone = (struct control_target_gone){ 7, 8 };
		if (kind == CONTROL_BIRTH)
			in.body.birth =
				(struct control_birth){ 2, 9, true, true };
		if (kind == CONTROL_BORN)
			in.body.born = (struct control_born){ 9, -12, true };
		if (kind == CONTROL_ENDED)
			in.body.ended = (struct control_ended){ 7, 9, 8 };
		if (kind == CONTROL_MEMORY)
			in.body.memory.worker_gen = 9;
		len = control_encode(&in, buf, sizeof(buf));
		ck_assert_int_gt(len, 0);
		ck_assert_int_eq(control_decode(&out, buf, (size_t)len), 0);
		ck_assert_int_eq(out.kind, kind);
		/* what was decoded encodes to the same bytes */
		ck_assert_int_eq(
			control_encode(&out, again, sizeof(again)), len);
		ck_assert_mem_eq(buf, again, (size_t)len);
		if (kind == CONTROL_BORN)
			ck_assert_int_eq(out.body.born.pid, -12);
	}
}
END_TEST

START_TEST(the_nurserys_settings_come_out_as_they_went_in)
{
	struct control_nursery in = { .log_level = 1,
		.supervisor_pid = 4242,
		.sandbox = 2,
		.api_insecure = true,
		.api_host = "2001:db8::1",
		.api_port = 6443,
		.api_dns = "kubernetes.default",
		.api_direct_url = "https://[2001:db8::1]:6443/version",
		.api_dns_url = "https://kubernetes.default:6443/version",
		.http_proxy = "http://a:1",
		.https_proxy = "http://b:2",
		.no_proxy = "c",
		.token_path = "/token",
		.service_ca_path = "/ca" };
	struct control_nursery out;
	int len = control_encode_nursery(&in, buf, sizeof(buf));

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(control_decode_nursery(&out, buf, (size_t)len), 0);
	ck_assert_int_eq(out.supervisor_pid, 4242);
	ck_assert_uint_eq(out.sandbox, 2);
	ck_assert(out.api_insecure);
	ck_assert_uint_eq(out.api_port, 6443);
	ck_assert_str_eq(out.api_host, in.api_host);
	ck_assert_str_eq(out.api_dns, in.api_dns);
	ck_assert_str_eq(out.api_direct_url, in.api_direct_url);
	ck_assert_str_eq(out.api_dns_url, in.api_dns_url);
	ck_assert_str_eq(out.http_proxy, in.http_proxy);
	ck_assert_str_eq(out.https_proxy, in.https_proxy);
	ck_assert_str_eq(out.no_proxy, in.no_proxy);
	ck_assert_str_eq(out.token_path, in.token_path);
	ck_assert_str_eq(out.service_ca_path, in.service_ca_path);
	ck_assert_str_eq(out.extra_ca_path, "");
	for (int i = 0; i < len; i++)
		ck_assert_int_eq(
			control_decode_nursery(&out, buf, (size_t)i), -EPROTO);
}
END_TEST

/* In memory of exactly that size, so that a sanitizer sees a byte too far. */
START_TEST(cut_at_any_byte_it_is_no_message)
{
	struct control_message in = target_message(), out;
	int len = control_encode(&in, buf, sizeof(buf));

	for (int i = 0; i < len; i++) {
		unsigned char *cut = malloc((size_t)i + 1);

		memcpy(cut, buf, (size_t)i);
		ck_assert_int_eq(control_decode(&out, cut, (size_t)i), -EPROTO);
		free(cut);
	}
	buf[len] = 0;
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len + 1), -EPROTO);
}
END_TEST

START_TEST(what_is_malformed_is_no_message)
{
	struct control_message in = target_message(), out;
	int len = control_encode(&in, buf, sizeof(buf));
	unsigned char kept;
	uint32_t kind;

	for (kind = CONTROL_KIND_END; kind < CONTROL_KIND_END + 3; kind++) {
		memcpy(buf, &kind, sizeof(kind));
		ck_assert_int_eq(
			control_decode(&out, buf, (size_t)len), -EPROTO);
	}
	kind = 0;
	memcpy(buf, &kind, sizeof(kind));
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len), -EPROTO);
	kind = CONTROL_TARGET;
	memcpy(buf, &kind, sizeof(kind));
	buf[len - 1] = 2; /* a bool that is neither */
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len), -EPROTO);
	buf[len - 1] = 1;
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len), 0);
	kept = buf[16]; /* of the label: a NUL within a text */
	buf[16] = '\0';
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len), -EPROTO);
	buf[16] = kept;
	ck_assert_int_eq(control_decode(&out, buf, (size_t)len), 0);
}
END_TEST

START_TEST(what_does_not_fit_is_not_sent)
{
	static char headers[CONTROL_MAX_BYTES + 1];
	struct control_message message = target_message();
	int len = control_encode(&message, buf, sizeof(buf));

	ck_assert_int_eq(
		control_encode(&message, buf, (size_t)len - 1), -EMSGSIZE);
	memset(headers, 'x', sizeof(headers) - 1);
	message.body.target.headers = headers;
	ck_assert_int_eq(control_encode(&message, buf, sizeof(buf)), -EMSGSIZE);
	message = target_message();
	message.body.target.expect_count = CONTROL_MAX_EXPECT + 1;
	ck_assert_int_eq(control_encode(&message, buf, sizeof(buf)), -EMSGSIZE);
	message = target_message();
	message.body.target.tls_security_level = CONTROL_TLS_LEVEL_LAST + 1;
	ck_assert_int_eq(control_encode(&message, buf, sizeof(buf)), -EMSGSIZE);
}
END_TEST

static unsigned
open_fd_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
open_sockets(int fds[2])
{
	ck_assert_int_eq(
		socketpair(AF_UNIX,
			SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
		0);
}

START_TEST(descriptors_come_along_and_are_closed_once)
{
	struct control_message in = target_message(), out;
	unsigned before;
	int fds[2], pipe_fds[2];

	open_sockets(fds);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	before = open_fd_count();
	in.fds[0] = pipe_fds[0];
	in.fds[1] = pipe_fds[1];
	in.fd_count = 2;
	ck_assert_int_eq(control_receive(fds[1], &out, buf, sizeof(buf)), 0);
	ck_assert_int_eq(control_send(fds[0], &in), 0);
	ck_assert_int_eq(control_receive(fds[1], &out, buf, sizeof(buf)), 1);
	assert_target(&out.body.target);
	ck_assert_uint_eq(out.fd_count, 2);
	ck_assert(!out.fds_are_lost);
	ck_assert_int_eq((int)write(out.fds[1], "x", 1), 1);
	ck_assert_int_ne(fcntl(out.fds[0], F_GETFD) & FD_CLOEXEC, 0);
	control_close_fds(&out);
	control_close_fds(&out);
	ck_assert_uint_eq(open_fd_count(), before);
	close(fds[0]);
	ck_assert_int_eq(
		control_receive(fds[1], &out, buf, sizeof(buf)), -EPIPE);
	ck_assert_int_eq(control_send(fds[1], &in), -EPIPE);
	close(fds[1]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

/* Sends raw bytes with n descriptors of /dev/null. */
static void
send_raw(int fd, const void *bytes, size_t len, unsigned n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *cmsg;
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memset(&control, 0, sizeof(control));
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (unsigned i = 0; i < n; i++)
		memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &null_fd,
			sizeof(int));
	ck_assert_int_ge((int)sendmsg(fd, &msg, 0), 0);
	close(null_fd);
}

START_TEST(what_is_no_message_leaves_no_descriptor)
{
	struct control_message out;
	unsigned before;
	int fds[2];

	open_sockets(fds);
	before = open_fd_count();
	send_raw(fds[0], "nonsense", 8, 2);
	ck_assert_int_eq(
		control_receive(fds[1], &out, buf, sizeof(buf)), -EPROTO);
	ck_assert_uint_eq(open_fd_count(), before);
	/* more of them than there is room for */
	send_raw(fds[0], (const uint32_t[]){ CONTROL_DRAIN }, 4, 16);
	ck_assert_int_eq(
		control_receive(fds[1], &out, buf, sizeof(buf)), -EPROTO);
	ck_assert_uint_eq(open_fd_count(), before);
	/* longer than the buffer */
	send_raw(fds[0], buf, 100, 1);
	ck_assert_int_eq(control_receive(fds[1], &out, buf, 99), -EPROTO);
	ck_assert_uint_eq(open_fd_count(), before);
	send_raw(fds[0], "", 0, 3);
	ck_assert_int_eq(
		control_receive(fds[1], &out, buf, sizeof(buf)), -EPIPE);
	ck_assert_uint_eq(open_fd_count(), before);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* A process may be given a limit that is below what it has. */
START_TEST(descriptors_beyond_the_limit_are_told_of)
{
	struct control_message in = target_message(), out;
	struct rlimit before, limit;
	int fds[2], low;
	unsigned count;

	open_sockets(fds);
	count = open_fd_count();
	in.fds[0] = in.fds[1] = fds[0];
	in.fd_count = 2;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int room = 0; room < 2; room++) {
		low = dup(fds[0]);
		close(low);
		limit = before;
		limit.rlim_cur = (rlim_t)(low + room);
		ck_assert_int_eq(control_send(fds[0], &in), 0);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		ck_assert_int_eq(
			control_receive(fds[1], &out, buf, sizeof(buf)), 1);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_target(&out.body.target);
		ck_assert(out.fds_are_lost);
		ck_assert_uint_eq(out.fd_count, 0);
		ck_assert_uint_eq(open_fd_count(), count);
	}
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_full_socket_is_told_and_nothing_is_lost)
{
	struct control_message in = target_message(), out;
	unsigned sent = 0, received = 0;
	int fds[2], rc;

	open_sockets(fds);
	while ((rc = control_send(fds[0], &in)) == 0)
		sent++;
	ck_assert_int_eq(rc, -EAGAIN);
	while (control_receive(fds[1], &out, buf, sizeof(buf)) == 1) {
		assert_target(&out.body.target);
		received++;
	}
	ck_assert_uint_gt(sent, 0);
	ck_assert_uint_eq(received, sent);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("control");
	TCase *tcase = tcase_create("control");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_target_comes_out_as_it_went_in);
	tcase_add_test(tcase, every_kind_comes_out_as_it_went_in);
	tcase_add_test(tcase, the_nurserys_settings_come_out_as_they_went_in);
	tcase_add_test(tcase, cut_at_any_byte_it_is_no_message);
	tcase_add_test(tcase, what_is_malformed_is_no_message);
	tcase_add_test(tcase, what_does_not_fit_is_not_sent);
	tcase_add_test(tcase, descriptors_come_along_and_are_closed_once);
	tcase_add_test(tcase, what_is_no_message_leaves_no_descriptor);
	if (!is_under_valgrind())
		tcase_add_test(tcase, descriptors_beyond_the_limit_are_told_of);
	tcase_add_test(tcase, a_full_socket_is_told_and_nothing_is_lost);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
