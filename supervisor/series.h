/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a series and its family are made of, for the registry, its order and
 * the exposition alone.  Everyone else uses registry.h.
 */
#ifndef SUPERVISOR_SERIES_H
#define SUPERVISOR_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/histogram.h"
#include "supervisor/registry.h"

struct family {
	struct registry *registry; /* NULL: not registered */
	enum metric_kind kind;
	const char *name;
	size_t name_len_bytes;
	const char *labels[REGISTRY_LABELS_MAX];
	size_t n_labels;
	struct hist_layout *layout; /* histograms, else NULL */
	char *metadata;             /* the HELP and the TYPE line */
	size_t metadata_len_bytes;
};

struct series {
	const struct family *family;
	uint32_t refs;
	uint8_t height;  /* of next[] */
	uint8_t account; /* who pays */
	uint32_t weight; /* 1, or more when the key is long */
	/* Series of the account without references, the one given back first
	 * at the head. */
	struct series *idle_prev;
	struct series *idle_next;
	uint64_t idle_since_mono_ns;
	union {
		uint64_t count;
		double gauge;
		struct hist *hist;
	} value;
	size_t key_len_bytes;
	struct series *next[]; /* height pointers, then the key */
};

/* `name` or `name{label="value",...}`: the order, and the start of its line. */
static inline char *
series_key(const struct series *series)
{
	return (char *)(uintptr_t)&series->next[series->height];
}

#endif
