/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Started as root on a host, the whole program becomes an ordinary user first
 * of all, before it opens a port or reads a byte from anyone.
 */
#ifndef SUPERVISOR_PRIVILEGES_H
#define SUPERVISOR_PRIVILEGES_H

/* Other daemons run as this user, too: their processes can signal ours. */
#define PRIVILEGES_SHARED_USER "nobody"

/*
 * Becomes the user, with its groups; "": kubenurse, or the shared user where
 * there is no kubenurse.  1; 0: this is not root, or root is the user, and
 * nothing was done; -ENOENT: there is no such user; or another negative errno.
 * *ret_user says which user it was about, also on failure.
 */
int privileges_become(const char *user, const char **ret_user);
/* As many descriptors as the hard limit allows, 65,536 at most. */
void privileges_raise_fd_limit(void);

#endif
