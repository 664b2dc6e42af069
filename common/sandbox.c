/* SPDX-License-Identifier: Apache-2.0 */
/* Locking a process in, step by step; see sandbox.h. */
#include "common/sandbox.h"

#include "common/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* capabilities(7); by the raw call, for that is all libcap would do. */
static int
drop_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	/* needs CAP_SETPCAP: without it there is nothing to lose either */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if ((kept >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap) < 0) {
			if (errno != EPERM)
				return -errno;
			break;
		}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	memset(data, 0, sizeof(data));
	if (kept != 0 && syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective &= (uint32_t)(kept >> 32 * i);
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	return 0;
}

int
sandbox_drop_rights(uint64_t kept_capabilities)
{
	int rc = drop_capabilities(kept_capabilities);

	if (rc < 0)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* the leak check of a sanitizer looks at its own process by ptrace */
	if (prctl(PR_SET_DUMPABLE, SANDBOX_HAS_SANITIZER, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static void (*report_trap)(int call_number, unsigned arch);

/*
 * Not abort(): where the C library has cached another thread's number, that one
 * would get the signal (musl, after a raw clone).
 */
static void
on_sigsys(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	if (report_trap != NULL)
		report_trap(info->si_syscall, info->si_arch);
	/* SA_RESETHAND: this one is not caught */
	kill(getpid(), signal_number);
	_exit(128 + signal_number);
}

static int
catch_traps(void (*on_trap)(int, unsigned))
{
	struct sigaction action = { .sa_sigaction = on_sigsys,
		.sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER) };
	sigset_t set;

	report_trap = on_trap;
	sigemptyset(&action.sa_mask);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) < 0 ||
		sigprocmask(SIG_UNBLOCK, &set, NULL) < 0)
		return -errno;
	return 0;
}

int
sandbox_enter(const struct sandbox_wish *wish, struct sandbox_state *ret_state)
{
	struct sandbox_state state = { 0 };

	if (wish->mode == SANDBOX_OFF) {
		*ret_state = state;
		return 0;
	}
	if (SANDBOX_HAS_SANITIZER) {
		state.landlock_error = state.seccomp_error = -ENOTSUP;
	} else {
		state.landlock_error = sandbox_landlock_enter(
			wish->role, wish->grants, wish->n_grants);
		state.seccomp_error = catch_traps(wish->on_trap);
		if (state.seccomp_error == 0)
			state.seccomp_error = sandbox_filter_enter(wish->role);
	}
	if (state.seccomp_error == 0)
		state.level = state.landlock_error == 0 ? 2 : 1;
	*ret_state = state;
	if (wish->mode != SANDBOX_REQUIRE || state.level == 2)
		return 0;
	return state.seccomp_error < 0 ? state.seccomp_error
				       : state.landlock_error;
}

void
sandbox_log_missing(const struct sandbox_state *state)
{
	if (SANDBOX_HAS_SANITIZER) {
		LOG_INFO("built with sanitizers: there is no sandbox");
		return;
	}
	if (state->seccomp_error < 0)
		LOG_WARN("sandbox: system calls cannot be filtered",
			LOG_ERRNO(-state->seccomp_error));
	if (state->landlock_error < 0)
		LOG_WARN("sandbox: files cannot be locked away (Landlock)",
			LOG_ERRNO(-state->landlock_error));
}
