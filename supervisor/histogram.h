/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms of nanoseconds.  The layout (bounds and their texts) is made once
 * for a family and shared by its histograms; recording is a search in it and
 * three additions.  A layout must outlive its histograms.
 */
#ifndef SUPERVISOR_HISTOGRAM_H
#define SUPERVISOR_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HIST_TEXT_MAX_BYTES 40

/* What follows `le="` in a line: the bound, the quote, the brace, a blank. */
struct hist_text {
	char bytes[HIST_TEXT_MAX_BYTES];
	uint8_t len_bytes;
};

struct hist_layout {
	bool vmrange;        /* else classic: cumulative, with le */
	size_t n_buckets;    /* the last one has no bound of its own */
	uint64_t *bounds_ns; /* n_buckets - 1; a value on a bound is inside */
	struct hist_text *texts; /* n_buckets */
};

struct hist {
	const struct hist_layout *layout;
	uint64_t count;
	uint64_t sum_s;     /* the sum is sum_s + sum_ns / 1e9, exactly */
	uint32_t sum_ns;    /* below 1e9 */
	uint32_t n_filled;  /* buckets that are not empty */
	uint64_t buckets[]; /* each bucket alone, not cumulative */
};

/*
 * Copies the bounds; none at all leaves the +Inf bucket.  Each is shown as it
 * was written, however fine or large, and a value is inside when its seconds,
 * as a double, are not above it.  NULL: no memory, or bounds that are negative,
 * not finite or not strictly increasing.
 */
struct hist_layout *hist_layout_new(const double *bounds_s, size_t n_bounds);
/*
 * 18 buckets per decade from 1e-9 s on, a power of ten in the lower one, and
 * one for zero.  64 bits of nanoseconds end at 1.8e10 s, and so do they.
 */
struct hist_layout *hist_layout_new_vmrange(void);
void hist_layout_free(struct hist_layout *layout);
/* Lines that a histogram can have in the text: buckets, sum and count. */
size_t hist_lines_max(const struct hist_layout *layout);

/* NULL: no memory. */
struct hist *hist_new(const struct hist_layout *layout);
void hist_free(struct hist *hist);
/* Cannot fail and allocates nothing. */
void hist_record(struct hist *hist, uint64_t value_ns);

#endif
