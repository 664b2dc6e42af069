/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps by which a process that was forked from the nursery gives up what
 * it does not need, in their order.  After the last one it may touch bytes
 * from the network.  The first one the nursery itself takes, too.
 */
#ifndef WORKERS_BIRTH_H
#define WORKERS_BIRTH_H

#include <sys/types.h>

/*
 * clone(2) of the nursery: 0 in the child, which becomes the supervisor's
 * child where the kernel knows CLONE_PARENT, else the caller's own (gVisor
 * accepts the flag and ignores it).  The number, or a negative errno.
 */
pid_t birth_clone(void);
/* Dies with its parent, the supervisor or the nursery, which dies with the
 * supervisor.  -ESRCH: that is gone already. */
int birth_tie_to_parent(pid_t parent_pid);
/* No core file, no children, bounds of descriptors and memory. */
int birth_limit_resources(void);

#endif
