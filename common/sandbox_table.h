/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process may do: one table.  The filters of system calls
 * (sandbox_filter.c), the rules of files (sandbox_landlock.c) and the tables of
 * docs/security.md (tools/sandboxdoc.c) are made from it, and so cannot
 * disagree.
 */
#ifndef COMMON_SANDBOX_TABLE_H
#define COMMON_SANDBOX_TABLE_H

#include "common/sandbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_BIT(role) (1u << (role))

#define SANDBOX_VALUES_MAX     8
#define SANDBOX_CONDITIONS_MAX 3

/* The bits of an argument that mask selects are one of the values. */
struct sandbox_condition {
	unsigned argument;
	uint64_t mask; /* 0: there is no such condition */
	size_t n_values;
	uint64_t values[SANDBOX_VALUES_MAX];
	bool is_own_pid; /* and of no other process; values are not used */
};

struct sandbox_calls {
	const char *what;  /* as docs/security.md says it */
	unsigned roles;    /* a SANDBOX_BIT each */
	const char *calls; /* names, with a blank between them; those that a
			      machine does not have are left out */
	struct sandbox_condition conditions[SANDBOX_CONDITIONS_MAX];
};

struct sandbox_place_row {
	const char *what;
	unsigned roles;
	enum sandbox_place place;
	const char *path; /* of SANDBOX_PLACE_FIXED, else NULL */
};

extern const struct sandbox_calls sandbox_calls[];
extern const size_t sandbox_n_calls;
extern const struct sandbox_place_row sandbox_places[];
extern const size_t sandbox_n_places;

const char *sandbox_role_name(enum sandbox_role role);

#endif
