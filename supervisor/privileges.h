/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Started as root on a host, the whole program becomes an ordinary user first
 * of all, before it opens a port or reads a byte from anyone.
 */
#ifndef SUPERVISOR_PRIVILEGES_H
#define SUPERVISOR_PRIVILEGES_H

/*
 * Becomes the user, with its groups.  0; -ENOENT: there is none of that name;
 * or another negative errno.  Does nothing when not root.
 */
int privileges_become(const char *user);
/* As many descriptors as the hard limit allows, 65,536 at most. */
void privileges_raise_fd_limit(void);

#endif
