/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what; see sandbox_table.h. */
#include "common/sandbox_table.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define SUPERVISOR  SANDBOX_BIT(SANDBOX_SUPERVISOR)
#define DISCOVERY   SANDBOX_BIT(SANDBOX_DISCOVERY)
#define TOKEN       (SANDBOX_BIT(SANDBOX_API_PROBER) | DISCOVERY)
#define UNIX_PROBER SANDBOX_BIT(SANDBOX_UNIX_PROBER)
#define WORKERS     (SANDBOX_BIT(SANDBOX_PROBER) | UNIX_PROBER | TOKEN)
#define ALL         (SUPERVISOR | WORKERS)

/* Arguments of type int: the kernel does not look at the upper half. */
#define INT 0xffffffffULL
#define ANY UINT64_MAX

/* What makes an open(2) more than reading. */
#define WRITE_FLAGS                                                            \
	((uint64_t)(O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND |                 \
		    (O_TMPFILE & ~O_DIRECTORY)))
/* socket(2): SOCK_NONBLOCK and SOCK_CLOEXEC stand above these bits. */
#define SOCKET_TYPE 0xfULL
/* prctl(2): malloc names its memory, when it is told to. */
#define PRCTL_SET_VMA 0x53564d41
/* Memory that RLIMIT_DATA does not count (getrlimit(2)), or the resident set
 * does not (huge pages: proc(5), HugetlbPages). */
#define UNCOUNTED_MEMORY (MAP_SHARED | MAP_GROWSDOWN | MAP_HUGETLB)
/* fcntl(2) F_SETFL: every flag but O_NONBLOCK; the kernel ignores the access
 * mode. */
#define OTHER_FLAGS (INT & ~(uint64_t)(O_ACCMODE | O_NONBLOCK))

/* clang-format off */
const struct sandbox_calls sandbox_calls[] = {
	{ "memory of its own that is counted, but none that can be executed",
	  ALL, "mmap mmap2",
	  { { 2, PROT_EXEC, 1, { 0 }, false },
	    { 3, UNCOUNTED_MEMORY, 1, { 0 }, false } } },
	{ "memory, but none that can be executed", ALL, "mprotect",
	  { { 2, PROT_EXEC, 1, { 0 }, false } } },
	{ "memory", ALL, "brk munmap mremap madvise futex futex_time64",
	  { { 0 } } },
	{ "names of memory", ALL, "prctl",
	  { { 0, INT, 1, { PRCTL_SET_VMA }, false } } },
	{ "time, randomness, facts of the machine", ALL,
	  "clock_gettime clock_gettime64 clock_getres clock_getres_time64 "
	  "gettimeofday time getrandom uname sysinfo getcpu sched_yield "
	  "sched_getaffinity",
	  { { 0 } } },
	{ "itself", ALL,
	  "getpid gettid getppid getuid geteuid getgid getegid getuid32 "
	  "geteuid32 getgid32 getegid32 getrusage getrlimit ugetrlimit "
	  "rt_sigreturn sigreturn rt_sigprocmask restart_syscall exit "
	  "exit_group",
	  { { 0 } } },
	{ "reading its own limits", ALL, "prlimit64",
	  { { 0, INT, 1, { 0 }, false }, { 2, ANY, 1, { 0 }, false } } },
	{ "signals to itself", ALL, "kill tgkill",
	  { { 0, INT, 1, { 0 }, true } } },
	{ "open descriptors", ALL,
	  "read readv pread64 write writev close dup lseek _llseek fstat "
	  "fstat64",
	  { { 0 } } },
	{ "flags of descriptors, not their owners", ALL, "fcntl fcntl64",
	  { { 1, INT, 4, { F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC },
	      false } } },
	/* the supervisor's stderr may be a file: O_APPEND stays on it */
	{ "descriptors that do not wait", WORKERS, "fcntl fcntl64",
	  { { 1, INT, 1, { F_SETFL }, false },
	    { 2, OTHER_FLAGS, 1, { 0 }, false } } },
	{ "questions to descriptors", ALL, "ioctl",
	  { { 1, INT, 3, { FIONREAD, FIONBIO, TCGETS }, false } } },
	{ "the number of an interface, for link-local addresses", WORKERS,
	  "ioctl", { { 1, INT, 1, { SIOCGIFINDEX }, false } } },
	{ "waiting", ALL,
	  "epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll "
	  "ppoll ppoll_time64",
	  { { 0 } } },
	{ "looking at names", ALL,
	  "stat stat64 lstat lstat64 newfstatat fstatat64 statx access "
	  "faccessat faccessat2 readlink readlinkat getdents64 getcwd",
	  { { 0 } } },
	{ "opening files for reading", ALL, "open",
	  { { 1, WRITE_FLAGS, 1, { O_RDONLY }, false } } },
	{ "opening files for reading", ALL, "openat",
	  { { 2, WRITE_FLAGS, 1, { O_RDONLY }, false } } },
	{ "connections it has", ALL,
	  "recvfrom recvmsg recv shutdown getsockname getpeername getsockopt "
	  "setsockopt",
	  { { 0 } } },
	{ "sockets of TCP and UDP", WORKERS, "socket",
	  { { 0, INT, 2, { AF_INET, AF_INET6 }, false },
	    { 1, SOCKET_TYPE, 2, { SOCK_STREAM, SOCK_DGRAM }, false },
	    { 2, INT, 3, { 0, IPPROTO_TCP, IPPROTO_UDP }, false } } },
	/* and no bind, listen or accept */
	{ "sockets to servers on this host, for checks of `unix://`",
	  UNIX_PROBER, "socket",
	  { { 0, INT, 1, { AF_UNIX }, false },
	    { 1, SOCKET_TYPE, 1, { SOCK_STREAM }, false },
	    { 2, INT, 1, { 0 }, false } } },
	{ "connecting and sending", WORKERS,
	  "connect send sendto sendmsg sendmmsg recvmmsg recvmmsg_time64",
	  { { 0 } } },
	{ "sockets of TCP", SUPERVISOR, "socket",
	  { { 0, INT, 2, { AF_INET, AF_INET6 }, false },
	    { 1, SOCKET_TYPE, 1, { SOCK_STREAM }, false },
	    { 2, INT, 2, { 0, IPPROTO_TCP }, false } } },
	{ "serving", SUPERVISOR, "bind listen accept accept4 eventfd2 send",
	  { { 0 } } },
	/* an address beside the data, or this flag, would be a connect */
	{ "sending to who has connected", SUPERVISOR, "sendto",
	  { { 3, MSG_FASTOPEN, 1, { 0 }, false }, { 4, ANY, 1, { 0 }, false } } },
	{ "sending to who has connected", SUPERVISOR, "sendmsg",
	  { { 2, MSG_FASTOPEN, 1, { 0 }, false } } },
	{ "pipes and sockets to its workers", SUPERVISOR, "socketpair",
	  { { 0, INT, 1, { AF_UNIX }, false } } },
	{ "pipes and sockets to its workers", SUPERVISOR, "fcntl fcntl64",
	  { { 1, INT, 1, { F_SETPIPE_SZ }, false } } },
	{ "watching its workers and files", SUPERVISOR,
	  "pipe2 pidfd_open pidfd_send_signal wait4 waitid inotify_add_watch "
	  "inotify_rm_watch",
	  { { 0 } } },
	{ "killing, or asking whether it lives", SUPERVISOR, "kill",
	  { { 1, INT, 2, { SIGKILL, 0 }, false } } },
};
const size_t sandbox_n_calls = sizeof(sandbox_calls) / sizeof(sandbox_calls[0]);

const struct sandbox_place_row sandbox_places[] = {
	{ "hosts file, CAs", WORKERS, SANDBOX_PLACE_FIXED, "/etc" },
	/* where it lies elsewhere and /etc has a link to it */
	{ "hosts file", WORKERS, SANDBOX_PLACE_FIXED, "/etc/hosts" },
	{ "what /etc/ssl/certs links to", WORKERS, SANDBOX_PLACE_FIXED,
	  "/usr/share/ca-certificates" },
	{ "what /etc/ssl/certs links to", WORKERS, SANDBOX_PLACE_FIXED,
	  "/usr/local/share/ca-certificates" },
	{ "CAs (SUSE)", WORKERS, SANDBOX_PLACE_FIXED,
	  "/var/lib/ca-certificates" },
	{ "`SSL_CERT_FILE`, `SSL_CERT_DIR`, `extra_ca` and the service "
	  "account's `ca.crt`: these files themselves",
	  WORKERS, SANDBOX_PLACE_CA, NULL },
	{ "the service account's directory, with the token", TOKEN,
	  SANDBOX_PLACE_TOKEN, NULL },
	{ "the directory of the configuration file", SUPERVISOR,
	  SANDBOX_PLACE_CONF, NULL },
	{ "the directories of the files that the configuration named at the "
	  "start (`ca`, `cert`, `key`, `header_file`, `cert_file`, "
	  "`cert_key`)",
	  SUPERVISOR, SANDBOX_PLACE_NAMED, NULL },
};
const size_t sandbox_n_places =
	sizeof(sandbox_places) / sizeof(sandbox_places[0]);
/* clang-format on */

const char *
sandbox_role_name(enum sandbox_role role)
{
	switch (role) {
	case SANDBOX_SUPERVISOR:
		return "supervisor";
	case SANDBOX_PROBER:
		return "prober";
	case SANDBOX_UNIX_PROBER:
		return "prober of unix://";
	case SANDBOX_API_PROBER:
		return "API prober";
	case SANDBOX_DISCOVERY:
		return "discovery";
	case SANDBOX_ROLE_COUNT:
		break;
	}
	return NULL;
}
