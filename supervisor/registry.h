/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: families of metrics, registered once, and their series, which
 * appear when they are first asked for.  A caller gets a series once, keeps
 * it, and counts in it without a search and without memory.  Single-threaded.
 * It knows buckets and order; the text is made by exposition.h.
 */
#ifndef SUPERVISOR_REGISTRY_H
#define SUPERVISOR_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTRY_LABELS_MAX 4
/* A series' name with all its labels, escaped; a longer one is refused. */
#define REGISTRY_KEY_MAX_BYTES 4096
#define REGISTRY_ACCOUNTS      8
/* A line of the text with a longer key counts as two, as three, and so on. */
#define REGISTRY_LINE_KEY_BYTES 192
/* So many are removed by one registry_expire(), so that it never blocks. */
#define REGISTRY_EXPIRE_MAX 256
#define REGISTRY_HOOKS_MAX  16

enum metric_kind {
	KIND_COUNTER,
	KIND_COUNTER_NS, /* counts nanoseconds, shown in seconds */
	KIND_GAUGE,
	KIND_HISTOGRAM, /* of nanoseconds, shown in seconds */
	KIND_VMRANGE,   /* the same in VictoriaMetrics' buckets */
};

struct family_def {
	const char *name;
	const char *help; /* one line without backslash */
	enum metric_kind kind;
	const char *labels[REGISTRY_LABELS_MAX]; /* in order; NULL: no more */
	/* KIND_HISTOGRAM: finite, not negative, strictly increasing */
	const double *bounds_s;
	size_t n_bounds;
};

/*
 * Who pays for a series: each account has a budget of its own, so that what one
 * worker invents never costs another its series.
 */
enum registry_account {
	REGISTRY_OWN, /* what the program itself shows; the workers follow */
};

struct registry_budget {
	size_t max_series;
	/* Of the text: a counter has one, a histogram one for each bucket that
	 * it can have, its sum and its count. */
	size_t max_lines;
};

struct registry;
struct series;

/* Each account may have max_series, until registry_set_budget(), of any number
 * of lines.  NULL: no memory. */
struct registry *registry_new(size_t n_families, size_t max_series);
/* What is above a smaller budget stays, until it goes for another reason. */
void registry_set_budget(struct registry *registry, unsigned account,
	const struct registry_budget *budget);
/* Frees all series too, whoever still holds one. */
void registry_free(struct registry *registry);
/*
 * Copies everything but name, help and label names, which must stay.  id is
 * below n_families and new.  -EINVAL: a definition that breaks the rules above;
 * -ENOMEM.
 */
int registry_register(
	struct registry *registry, size_t id, const struct family_def *def);

/*
 * The series of these label values, one per label of the family; made, and
 * shown from then on, when there is none.  The account pays for one that is
 * made: where its budget is spent, those of its series go that nobody holds,
 * the longest unheld first.  Each get is matched by a put or a remove.  NULL:
 * the family is not registered (left out by configuration), or the series is
 * refused (no budget, too long, no memory) and counted as such; all functions
 * below take NULL and do nothing then.
 */
struct series *registry_get_for(struct registry *registry, unsigned account,
	size_t id, const char *const *label_values);
/* The same for REGISTRY_OWN. */
struct series *registry_get(
	struct registry *registry, size_t id, const char *const *label_values);
/* Gives the series back; it goes on being shown until it expires, or until its
 * account needs the room. */
void registry_put(struct series *series, uint64_t now_mono_ns);
/*
 * Gives the series back and, unless somebody else holds it too, takes it out
 * of the text at once: what is no longer true shall not be shown.
 */
void registry_remove(struct series *series);
/*
 * Removes series that nobody has held for ttl_ns, REGISTRY_EXPIRE_MAX at most:
 * that number returned means that there may be more.
 */
size_t registry_expire(
	struct registry *registry, uint64_t now_mono_ns, uint64_t ttl_ns);

/* Counters.  In KIND_COUNTER_NS n is nanoseconds. */
void series_add(struct series *series, uint64_t n);
/* For totals that are counted elsewhere; a counter never goes down. */
void series_raise(struct series *series, uint64_t total);
/* Gauges. */
void series_set(struct series *series, double value);
/* Histograms. */
void series_observe(struct series *series, uint64_t value_ns);

/* fn runs at the start of each scrape.  -ENOSPC: REGISTRY_HOOKS_MAX. */
int registry_on_collect(
	struct registry *registry, void (*fn)(void *arg), void *arg);
void registry_collect(struct registry *registry);

/* What one series of the family takes of a budget, with a short key; 0: it is
 * not registered. */
size_t registry_lines_of(const struct registry *registry, size_t id);
size_t registry_series_count(const struct registry *registry);
size_t registry_line_count(const struct registry *registry);
uint64_t registry_refused_count(
	const struct registry *registry, unsigned account);
/* The first series in order whose key is above the given one; NULL: none. */
const struct series *registry_first_after(
	const struct registry *registry, const char *key, size_t key_len_bytes);

#endif
