/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locked in, for real: a child enters the sandbox of a role and tries one
 * forbidden thing.  It has to fail at it: by a trap, which names the call and
 * ends the child by SIGSYS, or by the kernel's refusal.
 */
#include "common/sandbox.h"

#include "common/sandbox_table.h"
#include "tests/unit/under_valgrind.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SUPERVISOR SANDBOX_BIT(SANDBOX_SUPERVISOR)
#define DISCOVERY  SANDBOX_BIT(SANDBOX_DISCOVERY)
#define TOKEN      (SANDBOX_BIT(SANDBOX_API_PROBER) | DISCOVERY)
#define LOCAL      SANDBOX_BIT(SANDBOX_UNIX_PROBER)
#define WORKERS    (SANDBOX_BIT(SANDBOX_PROBER) | LOCAL | TOKEN)
#define ALL        (SUPERVISOR | WORKERS)

/* Beside system calls' numbers: what a child can report. */
enum { NOT_TRAPPED = -1 };

static struct {
	char root[64]; /* of all that lies on the disk */
	char token[96], conf[96], other[96], token_directory[96];
	char conf_directory[96];
	pid_t sibling; /* a process of the same user that does nothing */
	int listener;
	int pair[2]; /* of UNIX sockets, as a worker's for its orders */
	struct sockaddr_in address; /* of it */
} here;

static int report_fd;

static void
on_trap(int call_number, unsigned arch)
{
	(void)arch;
	if (write(report_fd, &call_number, sizeof(call_number)) < 0)
		_exit(99);
}

static int
enter(enum sandbox_role role)
{
	const struct sandbox_grant grants[] = {
		{ SANDBOX_PLACE_TOKEN, here.token_directory },
		{ SANDBOX_PLACE_CONF, here.conf_directory },
		{ SANDBOX_PLACE_NAMED, "/no/such/place" },
	};
	struct sandbox_wish wish = { .role = role,
		.grants = grants,
		.n_grants = 3,
		.on_trap = on_trap };
	struct sandbox_state state;
	int rc = sandbox_drop_rights(0);

	if (rc == 0)
		rc = sandbox_enter(&wish, &state);
	return rc == 0 ? state.seccomp_error : rc;
}

struct result {
	int trapped;     /* number of the call, or NOT_TRAPPED */
	int signal;      /* that ended it, or 0 */
	int exit_status; /* what the attempt gave: 0 or an errno */
};

/* attempt: 0 or a negative errno. */
static struct result
try_as(enum sandbox_role role, int (*attempt)(void))
{
	struct result result = { NOT_TRAPPED, 0, 0 };
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		report_fd = fds[1];
		if (enter(role) < 0)
			_exit(98);
		_exit(-attempt());
	}
	close(fds[1]);
	if (read(fds[0], &result.trapped, sizeof(int)) != sizeof(int))
		result.trapped = NOT_TRAPPED;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	return result;
}

static int
rc_of(long returned)
{
	return returned < 0 ? -errno : 0;
}

/* --------------------------------------------------- what is forbidden to all
 */

static int
execute(void)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };

	return rc_of(execve("/bin/true", argv, environ));
}

static int
clone_child(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return rc_of(pid);
}

static int
trace_sibling(void)
{
	return rc_of(ptrace(PTRACE_ATTACH, here.sibling, NULL, NULL));
}

static int
read_sibling(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { &here, 1 };

	return rc_of(process_vm_readv(here.sibling, &local, 1, &remote, 1, 0));
}

static int
write_sibling(void)
{
	char byte = 0;
	struct iovec local = { &byte, 1 }, remote = { &here, 1 };

	return rc_of(process_vm_writev(here.sibling, &local, 1, &remote, 1, 0));
}

static int
take_descriptor_of_sibling(void)
{
	return rc_of(syscall(SYS_pidfd_getfd, 0, 0, 0));
}

static int
end_sibling(void)
{
	return rc_of(kill(here.sibling, SIGTERM));
}

static int
create_file(void)
{
	return rc_of(open(here.other, O_WRONLY | O_CREAT, 0600));
}

static int
append_to_file(void)
{
	return rc_of(open(here.conf, O_RDWR | O_APPEND));
}

static int
create_nameless_file(void)
{
	return rc_of(open(here.root, O_TMPFILE | O_RDWR, 0600));
}

static int
truncate_file(void)
{
	return rc_of(open(here.conf, O_RDONLY | O_TRUNC));
}

static int
remove_file(void)
{
	return rc_of(syscall(SYS_unlinkat, AT_FDCWD, here.conf, 0));
}

static int
make_directory(void)
{
	return rc_of(syscall(SYS_mkdirat, AT_FDCWD, here.other, 0700));
}

static int
execute_memory(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? -errno : 0;
}

static int
share_memory(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? -errno : 0;
}

static int
map_private(int flags)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return memory == MAP_FAILED ? -errno : 0;
}

/* RLIMIT_DATA does not count it. */
static int
map_stack(void)
{
	return map_private(MAP_GROWSDOWN);
}

/* statm does not count them. */
static int
map_huge_pages(void)
{
	return map_private(MAP_HUGETLB);
}

static int
make_memory_executable(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return rc_of(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int
own_a_descriptor_for_a_signal(void)
{
	return rc_of(fcntl(report_fd, F_SETOWN, here.sibling));
}

/* Then what was written can be written over. */
static int
write_at_the_end(void)
{
	return rc_of(fcntl(report_fd, F_SETFL, O_APPEND));
}

static int
do_not_wait(void)
{
	return rc_of(fcntl(report_fd, F_SETFL, O_WRONLY | O_NONBLOCK));
}

static int
become_dumpable(void)
{
	return rc_of(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
raise_a_limit(void)
{
	struct rlimit limit = { 0, 0 };

	return rc_of(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL));
}

static int
limit_sibling(void)
{
	struct rlimit limit;

	return rc_of(syscall(
		SYS_prlimit64, here.sibling, RLIMIT_CORE, NULL, &limit));
}

static int
unix_socket(void)
{
	return rc_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
unix_datagram_socket(void)
{
	return rc_of(socket(AF_UNIX, SOCK_DGRAM, 0));
}

static int
unix_packet_socket(void)
{
	return rc_of(socket(AF_UNIX, SOCK_SEQPACKET, 0));
}

static int
raw_socket(void)
{
	return rc_of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int
packet_socket(void)
{
	return rc_of(socket(AF_PACKET, SOCK_DGRAM, 0));
}

static int
unshare_network(void)
{
	return rc_of(syscall(SYS_unshare, 0x40000000));
}

static int
load_bpf(void)
{
	return rc_of(syscall(SYS_bpf, 0, NULL, 0));
}

static int
ring(void)
{
	return rc_of(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
add_key(void)
{
	return rc_of(syscall(SYS_add_key, "user", "a", "b", 1, 0));
}

static int
memory_file(void)
{
	return rc_of(memfd_create("a", 0));
}

/* ----------------------------------------------------------- forbidden to some
 */

static int
netlink_socket(void)
{
	return rc_of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
bind_port(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return rc_of(bind(fd, (struct sockaddr *)&any, sizeof(any)));
}

/* It would create a file. */
static int
bind_unix_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	strcpy(name.sun_path, "/tmp/short");
	return rc_of(bind(here.pair[0], (struct sockaddr *)&name, 12));
}

static int
listen_anywhere(void)
{
	return rc_of(listen(socket(AF_INET, SOCK_STREAM, 0), 1));
}

static int
accept_someone(void)
{
	return rc_of(accept4(here.listener, NULL, NULL, SOCK_NONBLOCK));
}

static int
connect_out(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return rc_of(connect(
		fd, (struct sockaddr *)&here.address, sizeof(here.address)));
}

static int
connect_by_sending(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return rc_of(sendto(fd, "x", 1, MSG_FASTOPEN,
		(struct sockaddr *)&here.address, sizeof(here.address)));
}

static int
connect_by_sending_a_message(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct iovec iov = { (void *)(uintptr_t) "x", 1 };
	struct msghdr message = { .msg_name = &here.address,
		.msg_namelen = sizeof(here.address),
		.msg_iov = &iov,
		.msg_iovlen = 1 };

	return rc_of(sendmsg(fd, &message, MSG_FASTOPEN));
}

static int
send_datagram(void)
{
	return rc_of(socket(AF_INET, SOCK_DGRAM, 0));
}

static int
kill_a_process(void)
{
	return rc_of(kill(here.sibling, SIGKILL));
}

static int
pair_of_sockets(void)
{
	int fds[2];

	return rc_of(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
}

struct forbidden {
	const char *what;
	unsigned roles;
	int (*attempt)(void);
	int call_number;
};

#define CALL(name) SYS_##name

static const struct forbidden forbidden[] = {
	{ "exec", ALL, execute, CALL(execve) },
	{ "fork", ALL, clone_child, CALL(clone) },
	{ "ptrace", ALL, trace_sibling, CALL(ptrace) },
	{ "another's memory", ALL, read_sibling, CALL(process_vm_readv) },
	{ "write there", ALL, write_sibling, CALL(process_vm_writev) },
	{ "another's descriptor", ALL, take_descriptor_of_sibling,
		CALL(pidfd_getfd) },
	{ "signal", ALL, end_sibling, CALL(kill) },
	{ "create", ALL, create_file, CALL(openat) },
	{ "append", ALL, append_to_file, CALL(openat) },
	{ "nameless file", ALL, create_nameless_file, CALL(openat) },
	{ "truncate", ALL, truncate_file, CALL(openat) },
	{ "unlink", ALL, remove_file, CALL(unlinkat) },
	{ "mkdir", ALL, make_directory, CALL(mkdirat) },
	{ "executable memory", ALL, execute_memory, CALL(mmap) },
	{ "shared memory", ALL, share_memory, CALL(mmap) },
	{ "memory of a stack", ALL, map_stack, CALL(mmap) },
	{ "huge pages", ALL, map_huge_pages, CALL(mmap) },
	{ "mprotect", ALL, make_memory_executable, CALL(mprotect) },
	{ "F_SETOWN", ALL, own_a_descriptor_for_a_signal, CALL(fcntl) },
	{ "O_APPEND", ALL, write_at_the_end, CALL(fcntl) },
	{ "F_SETFL", SUPERVISOR, do_not_wait, CALL(fcntl) },
	{ "dumpable", ALL, become_dumpable, CALL(prctl) },
	{ "setrlimit", ALL, raise_a_limit, CALL(prlimit64) },
	{ "limits of another", ALL, limit_sibling, CALL(prlimit64) },
	{ "AF_UNIX", ALL & ~LOCAL, unix_socket, CALL(socket) },
	{ "AF_UNIX datagrams", ALL, unix_datagram_socket, CALL(socket) },
	{ "AF_UNIX packets", ALL, unix_packet_socket, CALL(socket) },
	{ "raw socket", ALL, raw_socket, CALL(socket) },
	{ "AF_PACKET", ALL, packet_socket, CALL(socket) },
	{ "unshare", ALL, unshare_network, CALL(unshare) },
	{ "bpf", ALL, load_bpf, CALL(bpf) },
	{ "io_uring", ALL, ring, CALL(io_uring_setup) },
	{ "keys", ALL, add_key, CALL(add_key) },
	{ "memfd", ALL, memory_file, CALL(memfd_create) },
	{ "AF_NETLINK", ALL, netlink_socket, CALL(socket) },
	{ "bind", WORKERS, bind_port, CALL(bind) },
	{ "bind by name", WORKERS, bind_unix_socket, CALL(bind) },
	{ "listen", WORKERS, listen_anywhere, CALL(listen) },
	{ "accept", WORKERS, accept_someone, CALL(accept4) },
	{ "SIGKILL", WORKERS, kill_a_process, CALL(kill) },
	{ "socketpair", WORKERS, pair_of_sockets, CALL(socketpair) },
	{ "connect", SUPERVISOR, connect_out, CALL(connect) },
	{ "TCP fast open", SUPERVISOR, connect_by_sending, CALL(sendto) },
	{ "TCP fast open by sendmsg", SUPERVISOR, connect_by_sending_a_message,
		CALL(sendmsg) },
	{ "UDP", SUPERVISOR, send_datagram, CALL(socket) },
};
#define N_FORBIDDEN (sizeof(forbidden) / sizeof(forbidden[0]))

START_TEST(what_is_forbidden_ends_the_process)
{
	const struct forbidden *row = &forbidden[_i];

	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++) {
		struct result result;

		if ((row->roles & SANDBOX_BIT(role)) == 0)
			continue;
		result = try_as((enum sandbox_role)role, row->attempt);
		ck_assert_msg(result.signal == SIGSYS &&
				      result.trapped == row->call_number,
			"%s as %s: trapped %d (should be %d), signal %d, "
			"errno %d",
			row->what, sandbox_role_name((enum sandbox_role)role),
			result.trapped, row->call_number, result.signal,
			result.exit_status);
	}
	/* nobody has reached it */
	ck_assert_int_eq(kill(here.sibling, 0), 0);
}
END_TEST

/* -------------------------------------------------------------------- allowed
 */

static int
connect_and_talk(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		IPPROTO_TCP);
	int on = 1, udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || udp < 0)
		return -errno;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&here.address,
		    sizeof(here.address)) < 0 &&
		errno != EINPROGRESS)
		return -errno;
	return rc_of(sendto(udp, "x", 1, 0, (struct sockaddr *)&here.address,
		sizeof(here.address)));
}

static int
work_with_memory(void)
{
	for (size_t size_bytes = 16; size_bytes < 64 * 1024 * 1024;
		size_bytes *= 4) {
		char *memory = malloc(size_bytes), *grown;

		if (memory == NULL)
			return -ENOMEM;
		memset(memory, 1, size_bytes);
		grown = realloc(memory, 2 * size_bytes);
		free(grown != NULL ? grown : memory);
	}
	return 0;
}

static int
read_hosts(void)
{
	return rc_of(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
}

/* Nobody is there, but it may ask. */
static int
connect_by_path(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
		.sun_path = "/no/such/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
		errno != ENOENT)
		return -EPROTO;
	return 0;
}

static int
serve(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), fds[2];

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
		listen(fd, 1) < 0)
		return -errno;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0 ||
		/* less than it has: more is refused where a user has many */
		fcntl(fds[0], F_SETPIPE_SZ, 4096) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	if (kill(here.sibling, 0) < 0) /* it lives, or is a zombie */
		return -errno;
	return epoll_create1(EPOLL_CLOEXEC) < 0 ? -errno : 0;
}

static int
abort_by_assertion(void)
{
	abort();
}

static void
assert_allowed(enum sandbox_role role, int (*attempt)(void))
{
	struct result result = try_as(role, attempt);

	ck_assert_msg(result.signal == 0 && result.trapped == NOT_TRAPPED &&
			      result.exit_status == 0,
		"as %s: trapped %d, signal %d, errno %d",
		sandbox_role_name(role), result.trapped, result.signal,
		result.exit_status);
}

START_TEST(what_a_role_is_for_is_allowed)
{
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++) {
		assert_allowed((enum sandbox_role)role, work_with_memory);
		if (role == SANDBOX_SUPERVISOR)
			continue;
		assert_allowed((enum sandbox_role)role, connect_and_talk);
		assert_allowed((enum sandbox_role)role, read_hosts);
		assert_allowed((enum sandbox_role)role, do_not_wait);
	}
	assert_allowed(SANDBOX_SUPERVISOR, serve);
	assert_allowed(SANDBOX_UNIX_PROBER, connect_by_path);
}
END_TEST

START_TEST(an_assertion_ends_by_its_own_signal)
{
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		ck_assert_int_eq(
			try_as((enum sandbox_role)role, abort_by_assertion)
				.signal,
			SIGABRT);
}
END_TEST

/* ---------------------------------------------------------------------- files
 */

static int
open_token(void)
{
	return rc_of(open(here.token, O_RDONLY));
}

static int
open_conf(void)
{
	return rc_of(open(here.conf, O_RDONLY));
}

static int
open_passwd(void)
{
	return rc_of(open("/etc/passwd", O_RDONLY));
}

static int
open_memory_of_sibling(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)here.sibling);
	return rc_of(open(path, O_RDONLY));
}

static int
open_environment_of_sibling(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)here.sibling);
	return rc_of(open(path, O_RDONLY));
}

static int
list_root(void)
{
	return rc_of(open("/", O_RDONLY | O_DIRECTORY));
}

struct file {
	const char *what;
	int (*attempt)(void);
	unsigned readers;
};

static const struct file files[] = {
	{ "the token", open_token, TOKEN },
	{ "the configuration", open_conf, SUPERVISOR },
	{ "/etc/passwd", open_passwd, WORKERS },
	{ "/proc/PID/mem", open_memory_of_sibling, 0 },
	{ "/proc/PID/environ", open_environment_of_sibling, 0 },
	{ "/", list_root, 0 },
};
#define N_FILES (sizeof(files) / sizeof(files[0]))

START_TEST(files_of_others_cannot_be_opened)
{
	const struct file *file = &files[_i];

	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++) {
		bool may = (file->readers & SANDBOX_BIT(role)) != 0;
		struct result result =
			try_as((enum sandbox_role)role, file->attempt);

		ck_assert_msg(result.signal == 0 &&
				      result.exit_status == (may ? 0 : EACCES),
			"%s as %s: errno %d, signal %d", file->what,
			sandbox_role_name((enum sandbox_role)role),
			result.exit_status, result.signal);
	}
}
END_TEST

/* ----------------------------------------------------------------- the rest */

START_TEST(off_does_nothing)
{
	struct sandbox_wish wish = { .role = SANDBOX_PROBER,
		.mode = SANDBOX_OFF };
	struct sandbox_state state = { .level = 7 };

	ck_assert_int_eq(sandbox_enter(&wish, &state), 0);
	ck_assert_uint_eq(state.level, 0);
	/* or this would have been the end */
	ck_assert_int_ge(close(socket(AF_UNIX, SOCK_STREAM, 0)), 0);
}
END_TEST

/* Without no_new_privs the kernel lets nobody lock himself in. */
static int
enter_unprepared(enum sandbox_mode mode)
{
	struct sandbox_wish wish = { .role = SANDBOX_PROBER, .mode = mode };
	struct sandbox_state state = { .level = 7 };
	int status, rc;
	pid_t pid = fork();

	if (pid != 0) {
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
		return WEXITSTATUS(status);
	}
	/* root may, so it must not be root */
	if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		_exit(99);
	rc = sandbox_enter(&wish, &state);
	_exit(rc < 0 ? 1 : state.level == 0 ? 2 : 3);
}

/* N 1.16 */
START_TEST(what_cannot_be_had_is_fatal_only_when_required)
{
	/* libseccomp sets no_new_privs itself: Landlock alone is missing */
	ck_assert_int_eq(enter_unprepared(SANDBOX_REQUIRE), 1);
	ck_assert_int_ge(enter_unprepared(SANDBOX_AUTO), 2);
}
END_TEST

START_TEST(calls_have_names)
{
	char name[64];

	sandbox_call_name(SYS_execve, name, sizeof(name));
	ck_assert_str_eq(name, "execve");
	sandbox_call_name(1 << 20, name, sizeof(name));
	ck_assert_str_eq(name, "?");
}
END_TEST

static bool
has_landlock(void)
{
	return syscall(444, NULL, 0, 1) >= 1;
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static void
open_listener(void)
{
	socklen_t len = sizeof(here.address);

	here.address.sin_family = AF_INET;
	here.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	here.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(here.listener, (struct sockaddr *)&here.address,
				 sizeof(here.address)),
		0);
	ck_assert_int_eq(listen(here.listener, 64), 0);
	ck_assert_int_eq(getsockname(here.listener,
				 (struct sockaddr *)&here.address, &len),
		0);
}

static void
set_up(void)
{
	strcpy(here.root, "/tmp/kubenurse-sandbox.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(here.root));
	snprintf(here.token_directory, sizeof(here.token_directory),
		"%s/account", here.root);
	snprintf(here.conf_directory, sizeof(here.conf_directory), "%s/conf",
		here.root);
	snprintf(here.token, sizeof(here.token), "%s/account/token", here.root);
	snprintf(here.conf, sizeof(here.conf), "%s/conf/file", here.root);
	snprintf(here.other, sizeof(here.other), "%s/conf/new", here.root);
	ck_assert_int_eq(chmod(here.root, 0755), 0);
	ck_assert_int_eq(mkdir(here.token_directory, 0755), 0);
	ck_assert_int_eq(mkdir(here.conf_directory, 0755), 0);
	write_file(here.token, "secret");
	write_file(here.conf, "text");
	open_listener();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				 here.pair),
		0);
	here.sibling = fork();
	if (here.sibling == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void
tear_down(void)
{
	close(here.listener);
	close(here.pair[0]);
	close(here.pair[1]);
	kill(here.sibling, SIGKILL);
	waitpid(here.sibling, NULL, 0);
	unlink(here.token);
	unlink(here.conf);
	unlink(here.other);
	rmdir(here.token_directory);
	rmdir(here.conf_directory);
	rmdir(here.root);
}

static bool
can_be_locked_in(void)
{
	return !SANDBOX_HAS_SANITIZER && !is_under_valgrind();
}

int
main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("sandbox");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, off_does_nothing);
	tcase_add_test(tcase, calls_have_names);
	if (can_be_locked_in()) {
		tcase_add_loop_test(tcase, what_is_forbidden_ends_the_process,
			0, N_FORBIDDEN);
		tcase_add_test(tcase, what_a_role_is_for_is_allowed);
		tcase_add_test(tcase, an_assertion_ends_by_its_own_signal);
	}
	if (can_be_locked_in() && has_landlock()) {
		tcase_add_loop_test(
			tcase, files_of_others_cannot_be_opened, 0, N_FILES);
		tcase_add_test(
			tcase, what_cannot_be_had_is_fatal_only_when_required);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
