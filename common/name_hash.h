/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of a namespace and a name, for tables of what strangers name: with a
 * key that they do not know, no choice of names fills one bucket.
 */
#ifndef COMMON_NAME_HASH_H
#define COMMON_NAME_HASH_H

#include <stddef.h>
#include <stdint.h>

struct name_hash_key {
	uint64_t halves[2];
};

/* A new one at random.  Without randomness, which only a kernel that is still
 * starting lacks, it depends on addresses and the time. */
void name_hash_key_init(struct name_hash_key *key);
/* SipHash-2-4 (J.-P. Aumasson, D. J. Bernstein, 2012). */
uint64_t name_hash_bytes(
	const struct name_hash_key *key, const void *bytes, size_t len);
/* Of "namespace/name"; a name that does not fit 512 bytes is cut. */
uint64_t name_hash(const struct name_hash_key *key, const char *namespace_name,
	const char *name);

#endif
