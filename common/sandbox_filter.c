/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of system calls; see sandbox.h.  libseccomp writes the program;
 * it leaves some 100 KiB of heap behind, so whoever gives birth to others lets
 * a child of its own do that, and they all inherit the programs.
 */
#include "common/sandbox_table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* The longest name of a system call, and a NUL. */
#define NAME_MAX_BYTES 64
/* Stands for the own process id in a program: no process has it, for the
 * kernel's highest is 2^22 (proc(5), pid_max), and no rule compares with it. */
#define OWN_PID 0x7e57f11eU
/* Programs in a row fit a pipe, which holds 64 KiB (pipe(7)): a child can
 * write and end though nobody reads yet.  Ours have some 200 instructions. */
#define CODE_MAX_BYTES (16 * 1024)

/* Of processor time.  A program takes some 10 ms (measured). */
#define LIBRARY_MAX_S 5

struct program {
	struct sock_filter *code; /* NULL: not made */
	unsigned short length;
};

static struct program programs[SANDBOX_ROLE_COUNT];

struct rule {
	scmp_filter_ctx context;
	int call;
	const struct sandbox_calls *row;
	struct scmp_arg_cmp compares[SANDBOX_CONDITIONS_MAX];
};

/* Each combination of the conditions' values is a rule of its own. */
static int
add_rules(struct rule *rule, unsigned depth)
{
	const struct sandbox_condition *condition =
		&rule->row->conditions[depth];
	int rc = 0;

	if (depth == SANDBOX_CONDITIONS_MAX || condition->mask == 0)
		return seccomp_rule_add_array(rule->context, SCMP_ACT_ALLOW,
			rule->call, depth, rule->compares);
	for (size_t i = 0; i < condition->n_values && rc == 0; i++) {
		rule->compares[depth] = (struct scmp_arg_cmp){
			.arg = condition->argument,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = condition->mask,
			.datum_b = condition->is_own_pid ? OWN_PID
							 : condition->values[i],
		};
		rc = add_rules(rule, depth + 1);
	}
	return rc;
}

static int
add_call(scmp_filter_ctx context, const struct sandbox_calls *row,
	const char *name)
{
	struct rule rule = { .context = context, .row = row };
	int rc;

	rule.call = seccomp_syscall_resolve_name(name);
	/* another machine's, or newer than the library: then nobody here can
	 * name it, and what needs it finds another way */
	if (rule.call < 0)
		return 0;
	rc = add_rules(&rule, 0);
	/* an earlier row allows it without conditions */
	return rc == -EEXIST ? 0 : rc;
}

static int
add_row(scmp_filter_ctx context, const struct sandbox_calls *row)
{
	const char *at = row->calls;
	char name[NAME_MAX_BYTES];
	int rc = 0;

	while (*at != '\0' && rc == 0) {
		size_t len = strcspn(at, " ");

		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		rc = add_call(context, row, name);
		at += len;
		at += strspn(at, " ");
	}
	return rc;
}

static int
fill(scmp_filter_ctx context, enum sandbox_role role)
{
	/* a call by another machine's convention is no mistake of ours */
	int rc = seccomp_attr_set(
		context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* the library asks the kernel by seccomp(2) whether it can: one before
	 * 4.14 cannot, and a container may forbid the question.  The process is
	 * its only thread. */
	if (rc == -EINVAL)
		rc = seccomp_attr_set(
			context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_THREAD);
	/* a tree: a call late in the list costs as little as an early one */
	if (rc == 0)
		rc = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < sandbox_n_calls && rc == 0; i++)
		if (sandbox_calls[i].roles & SANDBOX_BIT(role))
			rc = add_row(context, &sandbox_calls[i]);
	return rc;
}

/*
 * Where an allocation fails, libseccomp 2.5 may go round its lists for ever
 * (measured).  SIGPROF then ends the process, whatever other signals it blocks.
 */
static int
limit_time(time_t max_s)
{
	const struct itimerval timer = { .it_value.tv_sec = max_s };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	if (signal(SIGPROF, SIG_DFL) == SIG_ERR ||
		sigprocmask(SIG_UNBLOCK, &set, NULL) < 0 ||
		setitimer(ITIMER_PROF, &timer, NULL) < 0)
		return -errno;
	return 0;
}

/* The program, as bytes into a pipe. */
static int
write_program(enum sandbox_role role, int fd)
{
	scmp_filter_ctx context;
	int rc = limit_time(LIBRARY_MAX_S);

	if (rc < 0)
		return rc;
	context = seccomp_init(SCMP_ACT_TRAP);
	if (context == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = fill(context, role);
	if (rc == 0)
		rc = seccomp_export_bpf(context, fd);
	if (context != NULL)
		seccomp_release(context);
	limit_time(0);
	return rc;
}

/* All that comes until the end; the writer has closed its end, or will. */
static int
read_program(int fd, struct program *ret_program)
{
	struct sock_filter *code = malloc(CODE_MAX_BYTES), *fitting;
	size_t len_bytes = 0;
	ssize_t n = 1;

	if (code == NULL)
		return -ENOMEM;
	while (n > 0 && len_bytes < CODE_MAX_BYTES) {
		n = read(fd, (char *)code + len_bytes,
			CODE_MAX_BYTES - len_bytes);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len_bytes += (size_t)n;
	}
	if (n != 0 || len_bytes == 0 || len_bytes % sizeof(*code) != 0) {
		free(code);
		return -EPROTO;
	}
	fitting = realloc(code, len_bytes);
	ret_program->code = fitting != NULL ? fitting : code;
	ret_program->length = (unsigned short)(len_bytes / sizeof(*code));
	return 0;
}

/* What the library did not survive was a lack of memory, too; of what it says
 * itself the exit status is the errno. */
static int
await_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
		return -ETIME;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ENOMEM;
}

static void
forget_program(struct program *program)
{
	free(program->code);
	*program = (struct program){ 0 };
}

/* Here, or in a child whose heap goes with it. */
static int
make_program(enum sandbox_role role, bool in_child)
{
	int fds[2], rc = 0, child_rc = 0;
	pid_t pid = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	if (in_child)
		pid = fork();
	if (pid < 0)
		rc = -errno;
	else if (pid == 0)
		rc = write_program(role, fds[1]);
	if (in_child && pid == 0)
		_exit(-rc);
	close(fds[1]);
	if (rc == 0)
		rc = read_program(fds[0], &programs[role]);
	close(fds[0]);
	if (pid > 0)
		child_rc = await_child(pid);
	if (child_rc == 0)
		return rc;
	forget_program(&programs[role]);
	return child_rc;
}

int
sandbox_filter_prepare(enum sandbox_role role)
{
	if (programs[role].code != NULL)
		return 0;
	return make_program(role, true);
}

/* Own is who enters, not who made the program. */
static int
insert_own_pid(struct program *program)
{
	bool is_found = false;

	for (unsigned i = 0; i < program->length; i++) {
		struct sock_filter *at = &program->code[i];

		if (at->code != (BPF_JMP | BPF_JEQ | BPF_K) || at->k != OWN_PID)
			continue;
		at->k = (uint32_t)getpid();
		is_found = true;
	}
	return is_found ? 0 : -EPROTO;
}

int
sandbox_filter_enter(enum sandbox_role role)
{
	struct program *program = &programs[role];
	struct sock_fprog loaded;
	int rc = 0;

	if (program->code == NULL)
		rc = make_program(role, false);
	if (rc == 0)
		rc = insert_own_pid(program);
	if (rc < 0)
		return rc;
	loaded = (struct sock_fprog){ program->length, program->code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded) < 0)
		return -errno;
	return 0;
}

void
sandbox_call_name(int call_number, char *buf, size_t cap_bytes)
{
	char *name =
		seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call_number);

	snprintf(buf, cap_bytes, "%s", name != NULL ? name : "?");
	free(name);
}
