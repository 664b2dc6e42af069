/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text at /metrics, made straight from the registry in pieces of the
 * caller's size, whole series after whole series.  Between two pieces only the
 * last key is kept, so that series may come, count and go meanwhile.
 */
#ifndef SUPERVISOR_EXPOSITION_H
#define SUPERVISOR_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "supervisor/registry.h"

struct exposition {
	struct registry *registry;
	bool metadata;
	const void *described; /* the family whose metadata was written last */
	size_t place_len_bytes;
	char *carry; /* a series longer than the caller's buffer; else NULL */
	size_t carry_len_bytes;
	size_t carry_taken_bytes;
	char place[REGISTRY_KEY_MAX_BYTES]; /* the last key written */
};

/* Runs the registry's collect hooks.  Each start needs a fini. */
void exposition_start(
	struct exposition *e, struct registry *registry, bool metadata);
/* May be called at any time, also half-way. */
void exposition_fini(struct exposition *e);
/*
 * Fills buf with as many whole series as fit; one that is longer than cap
 * comes in parts, as it was when the first part was read.  Returns the bytes
 * written, 0 at the end, -ENOMEM, or -EINVAL for a cap of 0.
 */
ssize_t exposition_read(struct exposition *e, char *buf, size_t cap_bytes);

#endif
