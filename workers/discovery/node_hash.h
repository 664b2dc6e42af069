/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node stands on the ring of neighbours: the first eight bytes of the
 * SHA-256 of its name, big-endian.  Computed here, because the supervisor is
 * not linked with OpenSSL.
 */
#ifndef WORKERS_DISCOVERY_NODE_HASH_H
#define WORKERS_DISCOVERY_NODE_HASH_H

#include <stdint.h>

uint64_t node_hash(const char *node_name);

#endif
