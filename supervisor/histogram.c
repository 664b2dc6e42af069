/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms of nanoseconds; see histogram.h.  Both kinds are the same search
 * for the first bound that is not below the value: the vmrange buckets are a
 * long list of bounds with other texts.
 */
#include "supervisor/histogram.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "supervisor/number.h"

#define RANGES_PER_DECADE 18
/* Of 10^(i/18) the last that 64 bits can hold is i = 346. */
#define RANGES_COUNT 347
/* Zero has a bucket of its own, before the ranges. */
#define VMRANGE_BUCKETS (1 + RANGES_COUNT)
/* Nanoseconds: the first range begins at 1e-9 s. */
#define FIRST_EXPONENT (-9)
/* Thirty years: no duration is above such a bound. */
#define ENDLESS_S 1e9

struct range_step {
	const char *mantissa; /* 10^(i/18) as %.3f shows it */
	/*
	 * 10^(i/18 + 18 or 19) rounded down, the last below 2^64.  Divided by
	 * ten, rounding down, it gives the lower decades exactly.
	 */
	uint64_t highest;
};

static const struct range_step range_steps[RANGES_PER_DECADE] = {
	{ "1.000", 10000000000000000000ULL },
	{ "1.136", 11364636663857247466ULL },
	{ "1.292", 12915496650148838754ULL },
	{ "1.468", 14677992676220695409ULL },
	{ "1.668", 16681005372000587535ULL },
	{ "1.896", 1895735652406375803ULL },
	{ "2.154", 2154434690031883721ULL },
	{ "2.448", 2448436746822227006ULL },
	{ "2.783", 2782559402207124597ULL },
	{ "3.162", 3162277660168379331ULL },
	{ "3.594", 3593813663804627302ULL },
	{ "4.084", 4084238652674521116ULL },
	{ "4.642", 4641588833612778892ULL },
	{ "5.275", 5274997063702618401ULL },
	{ "5.995", 5994842503189410148ULL },
	{ "6.813", 6812920690579612854ULL },
	{ "7.743", 7742636826811270597ULL },
	{ "8.799", 8799225435691070301ULL },
};

void
hist_layout_free(struct hist_layout *layout)
{
	if (layout == NULL)
		return;
	free(layout->bounds_ns);
	free(layout->texts);
	free(layout);
}

size_t
hist_lines_max(const struct hist_layout *layout)
{
	return layout->n_buckets + 2;
}

static struct hist_layout *
layout_with(size_t n_buckets)
{
	struct hist_layout *layout = calloc(1, sizeof(*layout));

	if (layout == NULL)
		return NULL;
	layout->n_buckets = n_buckets;
	layout->bounds_ns = calloc(n_buckets, sizeof(*layout->bounds_ns));
	layout->texts = calloc(n_buckets, sizeof(*layout->texts));
	if (layout->bounds_ns == NULL || layout->texts == NULL) {
		hist_layout_free(layout);
		return NULL;
	}
	return layout;
}

static void
text_add(struct hist_text *text, const char *bytes)
{
	size_t len_bytes = strlen(bytes);

	assert(text->len_bytes + len_bytes <= sizeof(text->bytes));
	memcpy(text->bytes + text->len_bytes, bytes, len_bytes);
	text->len_bytes = (uint8_t)(text->len_bytes + len_bytes);
}

/* The last nanosecond that is inside. */
static uint64_t
last_inside_ns(double bound_s)
{
	uint64_t ns;

	if (bound_s >= ENDLESS_S)
		return UINT64_MAX;
	ns = (uint64_t)(bound_s * (double)NS_PER_S);
	while ((double)ns / (double)NS_PER_S > bound_s)
		ns--;
	while ((double)(ns + 1) / (double)NS_PER_S <= bound_s)
		ns++;
	return ns;
}

static bool
are_bounds(const double *bounds_s, size_t n_bounds)
{
	for (size_t i = 0; i < n_bounds; i++)
		if (!isfinite(bounds_s[i]) || bounds_s[i] < 0 ||
			(i > 0 && bounds_s[i] <= bounds_s[i - 1]))
			return false;
	return true;
}

struct hist_layout *
hist_layout_new(const double *bounds_s, size_t n_bounds)
{
	struct hist_layout *layout;

	if (!are_bounds(bounds_s, n_bounds))
		return NULL;
	layout = layout_with(n_bounds + 1);
	if (layout == NULL)
		return NULL;
	for (size_t i = 0; i < n_bounds; i++) {
		struct hist_text *text = &layout->texts[i];

		/* within one nanosecond several bounds are the same one */
		layout->bounds_ns[i] = last_inside_ns(bounds_s[i]);
		text->len_bytes = (uint8_t)number_format_shortest(
			text->bytes, bounds_s[i]);
		text_add(text, "\"} ");
	}
	text_add(&layout->texts[n_bounds], "+Inf\"} ");
	return layout;
}

/* The edge of number i, 10^(i/18) ns, as %.3e shows it in seconds. */
static void
text_add_edge(struct hist_text *text, size_t i)
{
	int exponent = (int)(i / RANGES_PER_DECADE) + FIRST_EXPONENT;
	unsigned size = (unsigned)abs(exponent);
	char tail[] = { 'e', exponent < 0 ? '-' : '+', (char)('0' + size / 10),
		(char)('0' + size % 10), '\0' };

	text_add(text, range_steps[i % RANGES_PER_DECADE].mantissa);
	text_add(text, tail);
}

static uint64_t
edge_ns(size_t i)
{
	uint64_t edge = range_steps[i % RANGES_PER_DECADE].highest;

	while (i + RANGES_PER_DECADE < RANGES_COUNT) {
		edge /= 10;
		i += RANGES_PER_DECADE;
	}
	return edge;
}

struct hist_layout *
hist_layout_new_vmrange(void)
{
	struct hist_layout *layout = layout_with(VMRANGE_BUCKETS);

	if (layout == NULL)
		return NULL;
	layout->vmrange = true;
	/* bounds_ns[0] stays 0: only zero is below the first edge. */
	text_add(&layout->texts[0], "0...");
	text_add_edge(&layout->texts[0], 0);
	text_add(&layout->texts[0], "\"} ");
	for (size_t i = 0; i < RANGES_COUNT; i++) {
		struct hist_text *text = &layout->texts[1 + i];

		text_add_edge(text, i);
		text_add(text, "...");
		text_add_edge(text, i + 1);
		text_add(text, "\"} ");
		if (i + 1 < RANGES_COUNT)
			layout->bounds_ns[1 + i] = edge_ns(i + 1);
	}
	return layout;
}

struct hist *
hist_new(const struct hist_layout *layout)
{
	struct hist *hist = calloc(1,
		sizeof(*hist) + layout->n_buckets * sizeof(hist->buckets[0]));

	if (hist != NULL)
		hist->layout = layout;
	return hist;
}

void
hist_free(struct hist *hist)
{
	free(hist);
}

/* The first bucket whose bound is not below the value; else the last. */
static size_t
find_bucket(const struct hist_layout *layout, uint64_t value_ns)
{
	size_t from = 0;
	size_t to = layout->n_buckets - 1;

	while (from < to) {
		size_t middle = (from + to) / 2;

		if (layout->bounds_ns[middle] < value_ns)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

void
hist_record(struct hist *hist, uint64_t value_ns)
{
	uint64_t *bucket = &hist->buckets[find_bucket(hist->layout, value_ns)];

	if (*bucket == 0)
		hist->n_filled++;
	(*bucket)++;
	hist->count++;
	hist->sum_s += value_ns / NS_PER_S;
	hist->sum_ns += (uint32_t)(value_ns % NS_PER_S);
	if (hist->sum_ns >= NS_PER_S) {
		hist->sum_ns -= (uint32_t)NS_PER_S;
		hist->sum_s++;
	}
}
