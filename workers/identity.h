/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client certificate of a target: read from the descriptors that came with
 * it, and kept over a rotation that leaves a pair of files that do not fit.
 */
#ifndef WORKERS_IDENTITY_H
#define WORKERS_IDENTITY_H

struct control_target;
struct target;

/*
 * Fills in the target's identity, or why it has none; fds: of the target's
 * files, -1 where there is none.  old: the same target as it was, or NULL.  Of
 * the same files for the same server, what it has is taken over when the new
 * ones cannot be used, which is logged.  0 or -ENOMEM.
 */
int identity_take(struct target *target, const struct control_target *spec,
	const int fds[], struct target *old);

#endif
