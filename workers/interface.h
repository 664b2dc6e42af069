/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zone of a link-local address: a network interface by its name.  What
 * if_nametoindex(3) says, without the kind of socket that it asks and that a
 * worker may not have.
 */
#ifndef WORKERS_INTERFACE_H
#define WORKERS_INTERFACE_H

#include <stdint.h>

/* Its number; 0: there is none of that name. */
uint32_t interface_index(const char *name);

#endif
