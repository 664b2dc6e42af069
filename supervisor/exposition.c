/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text at /metrics; see exposition.h.  How long a series can get is known
 * before it is written, so the writing itself looks at no bound: it copies the
 * prepared texts (key, le, metadata) and formats integers.
 */
#include "supervisor/exposition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "supervisor/histogram.h"
#include "supervisor/number.h"
#include "supervisor/series.h"

#define BUCKET_TEXT "_bucket"
/* What a line has beside key, le text and number: `_bucket{vmrange=""} `. */
#define LINE_EXTRA_BYTES 32

void
exposition_start(struct exposition *e, struct registry *registry, bool metadata)
{
	e->registry = registry;
	e->metadata = metadata;
	e->described = NULL;
	e->place_len_bytes = 0;
	e->carry = NULL;
	e->carry_len_bytes = 0;
	e->carry_taken_bytes = 0;
	registry_collect(registry);
}

void
exposition_fini(struct exposition *e)
{
	free(e->carry);
	e->carry = NULL;
	e->carry_len_bytes = 0;
	e->carry_taken_bytes = 0;
}

static bool
needs_metadata(const struct exposition *e, const struct series *series)
{
	return e->metadata && e->described != series->family;
}

/* A vmrange histogram without values has no line at all. */
static bool
is_silent(const struct series *series)
{
	return series->family->kind == KIND_VMRANGE &&
	       series->value.hist->count == 0;
}

/* Never less than what put_series() writes. */
static size_t
longest_text(const struct exposition *e, const struct series *series)
{
	const struct family *family = series->family;
	size_t line_bytes =
		series->key_len_bytes + LINE_EXTRA_BYTES + NUMBER_MAX_BYTES;
	size_t len_bytes = line_bytes;

	if (is_silent(series))
		return 0;
	if (family->layout != NULL) {
		size_t n_buckets = family->layout->vmrange
					   ? series->value.hist->n_filled
					   : family->layout->n_buckets;

		len_bytes = n_buckets * (line_bytes + HIST_TEXT_MAX_BYTES) +
			    2 * line_bytes;
	}
	if (needs_metadata(e, series))
		len_bytes += family->metadata_len_bytes;
	return len_bytes;
}

static char *
put(char *p, const char *bytes, size_t len_bytes)
{
	memcpy(p, bytes, len_bytes);
	return p + len_bytes;
}

/* name, suffix, {labels}, blank. */
static char *
put_suffixed(char *p, const struct series *series, const char *suffix)
{
	size_t name_bytes = series->family->name_len_bytes;

	p = put(p, series_key(series), name_bytes);
	p = put(p, suffix, strlen(suffix));
	p = put(p, series_key(series) + name_bytes,
		series->key_len_bytes - name_bytes);
	*p++ = ' ';
	return p;
}

/* name_bucket{labels,le=" */
static char *
put_bucket_start(char *p, const struct series *series)
{
	const struct family *family = series->family;
	const char *label = family->layout->vmrange ? "vmrange=\"" : "le=\"";
	size_t name_bytes = family->name_len_bytes;

	p = put(p, series_key(series), name_bytes);
	p = put(p, BUCKET_TEXT, strlen(BUCKET_TEXT));
	if (family->n_labels == 0) {
		*p++ = '{';
	} else {
		p = put(p, series_key(series) + name_bytes,
			series->key_len_bytes - name_bytes - 1);
		*p++ = ',';
	}
	return put(p, label, strlen(label));
}

static char *
put_buckets(char *p, const struct series *series)
{
	const struct hist *hist = series->value.hist;
	const struct hist_layout *layout = hist->layout;
	const char *start = p; /* the first line's start serves all lines */
	size_t start_bytes = 0;
	uint64_t count = 0;

	for (size_t i = 0; i < layout->n_buckets; i++) {
		const struct hist_text *text = &layout->texts[i];

		if (layout->vmrange && hist->buckets[i] == 0)
			continue;
		count = hist->buckets[i] + (layout->vmrange ? 0 : count);
		if (start_bytes == 0) {
			p = put_bucket_start(p, series);
			start_bytes = (size_t)(p - start);
		} else {
			p = put(p, start, start_bytes);
		}
		p = put(p, text->bytes, text->len_bytes);
		p += number_format_count(p, count);
		*p++ = '\n';
	}
	return p;
}

static char *
put_histogram(char *p, const struct series *series)
{
	const struct hist *hist = series->value.hist;

	p = put_buckets(p, series);
	p = put_suffixed(p, series, "_sum");
	p += number_format_seconds(p, hist->sum_s, hist->sum_ns);
	*p++ = '\n';
	p = put_suffixed(p, series, "_count");
	p += number_format_count(p, hist->count);
	*p++ = '\n';
	return p;
}

static char *
put_number(char *p, const struct series *series)
{
	uint64_t count = series->value.count;

	switch (series->family->kind) {
	case KIND_COUNTER:
		return p + number_format_count(p, count);
	case KIND_COUNTER_NS:
		return p + number_format_seconds(p, count / NS_PER_S,
				   (uint32_t)(count % NS_PER_S));
	case KIND_GAUGE:
		return p + number_format_value(p, series->value.gauge);
	case KIND_HISTOGRAM:
	case KIND_VMRANGE:
		break;
	}
	return p;
}

/* At most longest_text() bytes. */
static char *
put_series(struct exposition *e, const struct series *series, char *p)
{
	const struct family *family = series->family;

	if (is_silent(series))
		return p;
	if (needs_metadata(e, series)) {
		p = put(p, family->metadata, family->metadata_len_bytes);
		e->described = family;
	}
	if (family->layout != NULL)
		return put_histogram(p, series);
	p = put(p, series_key(series), series->key_len_bytes);
	*p++ = ' ';
	p = put_number(p, series);
	*p++ = '\n';
	return p;
}

static void
keep_place(struct exposition *e, const struct series *series)
{
	memcpy(e->place, series_key(series), series->key_len_bytes);
	e->place_len_bytes = series->key_len_bytes;
}

static size_t
take_carry(struct exposition *e, char *buf, size_t cap_bytes)
{
	size_t n_bytes = e->carry_len_bytes - e->carry_taken_bytes;

	if (n_bytes > cap_bytes)
		n_bytes = cap_bytes;
	memcpy(buf, e->carry + e->carry_taken_bytes, n_bytes);
	e->carry_taken_bytes += n_bytes;
	if (e->carry_taken_bytes == e->carry_len_bytes)
		exposition_fini(e);
	return n_bytes;
}

/* A series that does not fit into an empty buffer. */
static int
fill_carry(struct exposition *e, const struct series *series)
{
	char *carry = malloc(longest_text(e, series));

	if (carry == NULL)
		return -ENOMEM;
	e->carry = carry;
	e->carry_len_bytes = (size_t)(put_series(e, series, carry) - carry);
	e->carry_taken_bytes = 0;
	keep_place(e, series);
	return 0;
}

ssize_t
exposition_read(struct exposition *e, char *buf, size_t cap_bytes)
{
	const struct series *series;
	const struct series *last = NULL;
	char *p = buf;

	if (cap_bytes == 0)
		return -EINVAL;
	if (e->carry != NULL)
		return (ssize_t)take_carry(e, buf, cap_bytes);
	series =
		registry_first_after(e->registry, e->place, e->place_len_bytes);
	while (series != NULL &&
		longest_text(e, series) <= cap_bytes - (size_t)(p - buf)) {
		p = put_series(e, series, p);
		last = series;
		series = series->next[0];
	}
	if (last != NULL)
		keep_place(e, last);
	if (p > buf || series == NULL)
		return p - buf;
	if (fill_carry(e, series) < 0)
		return -ENOMEM;
	return (ssize_t)take_carry(e, buf, cap_bytes);
}
