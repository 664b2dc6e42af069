/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locking a process in: it may make the system calls and read the places that
 * sandbox_table.c lists for its role, and nothing else, for ever.  A call that
 * is not listed ends the process by SIGSYS, after it has been reported.  Files
 * are opened for reading only, whether the kernel has Landlock or not.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <stddef.h>
#include <stdint.h>

/*
 * The reports of sanitizers read /proc, start programs and map what they like:
 * programs that are built with them do without a sandbox.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_HAS_SANITIZER 1
#endif
#endif
#ifndef SANDBOX_HAS_SANITIZER
#define SANDBOX_HAS_SANITIZER 0
#endif

enum sandbox_role {
	SANDBOX_SUPERVISOR,
	SANDBOX_PROBER,
	SANDBOX_UNIX_PROBER, /* a prober with checks of unix:// */
	SANDBOX_API_PROBER,  /* a prober that may read the token */
	SANDBOX_DISCOVERY,
	SANDBOX_ROLE_COUNT
};

/* As the configuration says it; the order is that of its key. */
enum sandbox_mode {
	SANDBOX_AUTO,    /* as far as the kernel can */
	SANDBOX_REQUIRE, /* all of it, or the process does not start */
	SANDBOX_OFF,
	SANDBOX_MODE_COUNT
};

/* Kinds of places whose paths are known when the program runs only. */
enum sandbox_place {
	SANDBOX_PLACE_FIXED, /* the table has the path */
	SANDBOX_PLACE_CA,    /* a file or a directory of CAs */
	SANDBOX_PLACE_TOKEN, /* the directory of the token */
	SANDBOX_PLACE_CONF,  /* a directory of the configuration */
	SANDBOX_PLACE_NAMED, /* a directory, or file, that it names */
};

struct sandbox_grant {
	enum sandbox_place place;
	const char *path; /* what is not there is left out */
};

struct sandbox_wish {
	enum sandbox_role role;
	enum sandbox_mode mode;
	const struct sandbox_grant *grants;
	size_t n_grants;
	/*
	 * Says which forbidden call was made; in a signal handler, so that it
	 * may do nothing but write.  The process ends when it returns.
	 */
	void (*on_trap)(int call_number, unsigned arch);
};

/* What has come of it; 0 or a negative errno each. */
struct sandbox_state {
	unsigned level; /* 2: seccomp and Landlock, 1: seccomp, 0: none */
	int seccomp_error;
	int landlock_error; /* -ENOSYS, -EOPNOTSUPP: the kernel has none */
};

/*
 * Needs no_new_privs.  0, or a negative errno when the mode is REQUIRE and
 * something is missing; *ret_state is filled in either way.
 */
int sandbox_enter(
	const struct sandbox_wish *wish, struct sandbox_state *ret_state);

/* Says what is missing, as a warning, of a state whose level is below 2. */
void sandbox_log_missing(const struct sandbox_state *state);

/* No capability but those of the mask (a bit each, capabilities(7)), no gain by
 * exec, no core and no ptrace by others of the same user. */
int sandbox_drop_rights(uint64_t kept_capabilities);

/* The name of a system call of this machine; "?" when it has none. */
void sandbox_call_name(int call_number, char *buf, size_t cap_bytes);

/*
 * Makes the role's filter by a child of the caller, so that the memory it takes
 * is gone, and so that children who enter later inherit it.  May be left out:
 * then sandbox_enter makes it.  0 or a negative errno.  -ENOMEM: there was no
 * memory, or the library crashed; -ETIME: it did not come to an end.  In
 * sandbox_enter either ends the process, by a signal.
 */
int sandbox_filter_prepare(enum sandbox_role role);

/* The two halves of sandbox_enter.  0 or a negative errno. */
int sandbox_filter_enter(enum sandbox_role role);
int sandbox_landlock_enter(enum sandbox_role role,
	const struct sandbox_grant *grants, size_t n_grants);

#endif
