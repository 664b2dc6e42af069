/* SPDX-License-Identifier: Apache-2.0 */
/* A node's place on the ring; see node_hash.h. */
#include "workers/discovery/node_hash.h"

#include <openssl/sha.h>
#include <string.h>

uint64_t
node_hash(const char *node_name)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	uint64_t hash = 0;

	SHA256((const unsigned char *)node_name, strlen(node_name), digest);
	for (unsigned i = 0; i < sizeof(hash); i++)
		hash = hash << 8 | digest[i];
	return hash;
}
