/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of system calls; see sandbox.h. */
#include "common/sandbox_table.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest name of a system call, and a NUL. */
#define NAME_MAX_BYTES 64

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
			.datum_b = condition->is_own_pid
					   ? (scmp_datum_t)getpid()
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

	/* a tree: a call late in the list costs as little as an early one */
	if (rc == 0)
		rc = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < sandbox_n_calls && rc == 0; i++)
		if (sandbox_calls[i].roles & SANDBOX_BIT(role))
			rc = add_row(context, &sandbox_calls[i]);
	return rc;
}

int
sandbox_filter_enter(enum sandbox_role role)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_TRAP);
	int rc;

	if (context == NULL)
		return -ENOMEM;
	rc = fill(context, role);
	if (rc == 0)
		rc = seccomp_load(context);
	seccomp_release(context);
	return rc;
}

void
sandbox_call_name(int call_number, char *buf, size_t cap_bytes)
{
	char *name =
		seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call_number);

	snprintf(buf, cap_bytes, "%s", name != NULL ? name : "?");
	free(name);
}
