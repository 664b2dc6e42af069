/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of families and series; see registry.h.  Series that nobody
 * holds stand in a list of their account by the time they were given back, so
 * that expiry looks only at those that are due, and what needs room finds it at
 * the head.
 */
#include "supervisor/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/strbuf.h"
#include "supervisor/histogram.h"
#include "supervisor/label_text.h"
#include "supervisor/series.h"
#include "supervisor/series_order.h"

struct collect_hook {
	void (*fn)(void *arg);
	void *arg;
};

struct account {
	struct registry_budget budget;
	size_t n_series; /* by weight */
	size_t n_lines;
	size_t n_idle_series; /* those of them that nobody holds */
	size_t n_idle_lines;
	uint64_t n_refused;
	struct series *idle_head; /* the one longest without references */
	struct series *idle_tail;
};

struct registry {
	struct series_order order;
	struct strbuf key; /* scratch for registry_get_for() */
	size_t n_series;
	struct account accounts[REGISTRY_ACCOUNTS];
	struct collect_hook hooks[REGISTRY_HOOKS_MAX];
	size_t n_hooks;
	size_t n_families;
	struct family families[];
};

struct registry *
registry_new(size_t n_families, size_t max_series)
{
	struct registry *registry = calloc(1,
		sizeof(*registry) + n_families * sizeof(registry->families[0]));

	if (registry == NULL)
		return NULL;
	series_order_init(&registry->order);
	strbuf_init(&registry->key, REGISTRY_KEY_MAX_BYTES);
	for (unsigned i = 0; i < REGISTRY_ACCOUNTS; i++)
		registry->accounts[i].budget =
			(struct registry_budget){ max_series, SIZE_MAX };
	registry->n_families = n_families;
	return registry;
}

void
registry_set_budget(struct registry *registry, unsigned account,
	const struct registry_budget *budget)
{
	assert(account < REGISTRY_ACCOUNTS);
	registry->accounts[account].budget = *budget;
}

static void
family_fini(struct family *family)
{
	hist_layout_free(family->layout);
	free(family->metadata);
	memset(family, 0, sizeof(*family));
}

static bool
is_histogram(const struct family *family)
{
	return family->layout != NULL;
}

static void
series_free(struct series *series)
{
	if (is_histogram(series->family))
		hist_free(series->value.hist);
	free(series);
}

void
registry_free(struct registry *registry)
{
	struct series *series;

	if (registry == NULL)
		return;
	while ((series = registry->order.first[0]) != NULL) {
		registry->order.first[0] = series->next[0];
		series_free(series);
	}
	for (size_t i = 0; i < registry->n_families; i++)
		family_fini(&registry->families[i]);
	strbuf_fini(&registry->key);
	free(registry);
}

static const char *
kind_text(enum metric_kind kind)
{
	switch (kind) {
	case KIND_COUNTER:
	case KIND_COUNTER_NS:
		return "counter";
	case KIND_GAUGE:
		return "gauge";
	case KIND_HISTOGRAM:
		return "histogram";
	case KIND_VMRANGE:
		return "untyped";
	}
	return NULL;
}

static int
family_describe(struct family *family, const char *help)
{
	struct strbuf text;

	strbuf_init(&text, 0);
	strbuf_printf(&text, "# HELP %s %s\n# TYPE %s %s\n", family->name, help,
		family->name, kind_text(family->kind));
	family->metadata_len_bytes = text.len_bytes;
	family->metadata = strbuf_take(&text);
	return family->metadata != NULL ? 0 : -ENOMEM;
}

static int
family_lay_out(struct family *family, const struct family_def *def)
{
	if (def->kind == KIND_HISTOGRAM)
		family->layout = hist_layout_new(def->bounds_s, def->n_bounds);
	else if (def->kind == KIND_VMRANGE)
		family->layout = hist_layout_new_vmrange();
	else
		return 0;
	return family->layout != NULL ? 0 : -ENOMEM;
}

static bool
bounds_rise(const struct family_def *def)
{
	for (size_t i = 1; i < def->n_bounds; i++)
		if (!(def->bounds_s[i] > def->bounds_s[i - 1]))
			return false;
	return true;
}

static bool
def_is_good(const struct family_def *def)
{
	return bounds_rise(def) && def->name != NULL && def->name[0] != '\0' &&
	       def->help != NULL && def->help[0] != '\0' &&
	       strpbrk(def->help, "\n\\") == NULL &&
	       kind_text(def->kind) != NULL;
}

int
registry_register(
	struct registry *registry, size_t id, const struct family_def *def)
{
	struct family *family;
	int ret;

	if (id >= registry->n_families || !def_is_good(def))
		return -EINVAL;
	family = &registry->families[id];
	if (family->registry != NULL)
		return -EINVAL;
	family->kind = def->kind;
	family->name = def->name;
	family->name_len_bytes = strlen(def->name);
	memcpy(family->labels, def->labels, sizeof(family->labels));
	while (family->n_labels < REGISTRY_LABELS_MAX &&
		family->labels[family->n_labels] != NULL)
		family->n_labels++;
	ret = family_describe(family, def->help);
	if (ret == 0)
		ret = family_lay_out(family, def);
	if (ret < 0) {
		family_fini(family);
		return ret;
	}
	family->registry = registry;
	return 0;
}

static void
build_key(struct strbuf *key, const struct family *family,
	const char *const *label_values)
{
	strbuf_reset(key);
	strbuf_add_string(key, family->name);
	for (size_t i = 0; i < family->n_labels; i++) {
		strbuf_add_char(key, i == 0 ? '{' : ',');
		strbuf_add_string(key, family->labels[i]);
		strbuf_add_string(key, "=\"");
		label_text_add(key, label_values[i]);
		strbuf_add_char(key, '"');
	}
	if (family->n_labels > 0)
		strbuf_add_char(key, '}');
}

static struct series *
series_new(
	const struct family *family, const struct strbuf *key, uint8_t height)
{
	struct series *series =
		calloc(1, sizeof(*series) + height * sizeof(series->next[0]) +
				  key->len_bytes);

	if (series == NULL)
		return NULL;
	series->family = family;
	series->height = height;
	series->key_len_bytes = key->len_bytes;
	memcpy(series_key(series), key->text, key->len_bytes);
	if (!is_histogram(family))
		return series;
	series->value.hist = hist_new(family->layout);
	if (series->value.hist == NULL) {
		series_free(series);
		return NULL;
	}
	return series;
}

static struct account *
account_of(const struct series *series)
{
	return &series->family->registry->accounts[series->account];
}

/* Lines of a series whose key is short. */
static size_t
lines_of(const struct family *family)
{
	return is_histogram(family) ? hist_lines_max(family->layout) : 1;
}

static void
idle_add(struct series *series)
{
	struct account *account = account_of(series);

	account->n_idle_series += series->weight;
	account->n_idle_lines += series->weight * lines_of(series->family);
	series->idle_prev = account->idle_tail;
	series->idle_next = NULL;
	if (account->idle_tail != NULL)
		account->idle_tail->idle_next = series;
	else
		account->idle_head = series;
	account->idle_tail = series;
}

static void
idle_remove(struct series *series)
{
	struct account *account = account_of(series);

	account->n_idle_series -= series->weight;
	account->n_idle_lines -= series->weight * lines_of(series->family);
	if (series->idle_prev != NULL)
		series->idle_prev->idle_next = series->idle_next;
	else
		account->idle_head = series->idle_next;
	if (series->idle_next != NULL)
		series->idle_next->idle_prev = series->idle_prev;
	else
		account->idle_tail = series->idle_prev;
}

static void
delete_series(struct registry *registry, struct series *series)
{
	struct account *account = account_of(series);

	series_order_remove(&registry->order, series);
	registry->n_series--;
	account->n_series -= series->weight;
	account->n_lines -= series->weight * lines_of(series->family);
	series_free(series);
}

static bool
fits(size_t count, size_t more, size_t max)
{
	return more <= max && count <= max - more;
}

/* True: there is, or was made, room for one of this weight.  What would not
 * fit beside what is held costs nothing. */
static bool
make_room(struct registry *registry, struct account *account, size_t weight,
	size_t lines)
{
	const struct registry_budget *budget = &account->budget;
	size_t held_series = account->n_series - account->n_idle_series;
	size_t held_lines = account->n_lines - account->n_idle_lines;

	if (!fits(held_series, weight, budget->max_series) ||
		!fits(held_lines, lines, budget->max_lines))
		return false;
	while (!fits(account->n_series, weight, budget->max_series) ||
		!fits(account->n_lines, lines, budget->max_lines)) {
		struct series *series = account->idle_head;

		idle_remove(series);
		delete_series(registry, series);
	}
	return true;
}

static struct series *
add_series(
	struct registry *registry, unsigned number, const struct family *family)
{
	struct account *account = &registry->accounts[number];
	size_t weight = 1 + registry->key.len_bytes / REGISTRY_LINE_KEY_BYTES;
	size_t lines = weight * lines_of(family);
	struct series *series;

	if (!make_room(registry, account, weight, lines))
		return NULL;
	series = series_new(family, &registry->key,
		series_order_draw_height(&registry->order));
	if (series == NULL)
		return NULL;
	series->account = (uint8_t)number;
	series->weight = (uint32_t)weight;
	series_order_insert(&registry->order, series);
	registry->n_series++;
	account->n_series += weight;
	account->n_lines += lines;
	return series;
}

struct series *
registry_get_for(struct registry *registry, unsigned account, size_t id,
	const char *const *label_values)
{
	const struct family *family;
	struct strbuf *key = &registry->key;
	struct series *series = NULL;

	assert(id < registry->n_families && account < REGISTRY_ACCOUNTS);
	family = &registry->families[id];
	if (family->registry == NULL)
		return NULL;
	build_key(key, family, label_values);
	if (!key->failed) {
		series = series_order_find(
			&registry->order, key->text, key->len_bytes);
		if (series == NULL)
			series = add_series(registry, account, family);
		else if (series->refs == 0)
			idle_remove(series);
	}
	if (series == NULL) {
		registry->accounts[account].n_refused++;
		return NULL;
	}
	series->refs++;
	return series;
}

struct series *
registry_get(
	struct registry *registry, size_t id, const char *const *label_values)
{
	return registry_get_for(registry, REGISTRY_OWN, id, label_values);
}

void
registry_put(struct series *series, uint64_t now_mono_ns)
{
	if (series == NULL)
		return;
	assert(series->refs > 0);
	if (--series->refs > 0)
		return;
	series->idle_since_mono_ns = now_mono_ns;
	idle_add(series);
}

void
registry_remove(struct series *series)
{
	if (series == NULL)
		return;
	assert(series->refs > 0);
	if (--series->refs == 0)
		delete_series(series->family->registry, series);
}

size_t
registry_expire(
	struct registry *registry, uint64_t now_mono_ns, uint64_t ttl_ns)
{
	size_t n_removed = 0;

	for (unsigned i = 0; i < REGISTRY_ACCOUNTS; i++) {
		struct series *series;

		while (n_removed < REGISTRY_EXPIRE_MAX &&
			(series = registry->accounts[i].idle_head) != NULL &&
			series->idle_since_mono_ns <= now_mono_ns &&
			now_mono_ns - series->idle_since_mono_ns >= ttl_ns) {
			idle_remove(series);
			delete_series(registry, series);
			n_removed++;
		}
	}
	return n_removed;
}

static bool
is_counter(const struct series *series)
{
	return series->family->kind == KIND_COUNTER ||
	       series->family->kind == KIND_COUNTER_NS;
}

void
series_add(struct series *series, uint64_t n)
{
	if (series == NULL)
		return;
	assert(is_counter(series));
	series->value.count += n;
}

void
series_raise(struct series *series, uint64_t total)
{
	if (series == NULL)
		return;
	assert(is_counter(series));
	if (total > series->value.count)
		series->value.count = total;
}

void
series_set(struct series *series, double value)
{
	if (series == NULL)
		return;
	assert(series->family->kind == KIND_GAUGE);
	series->value.gauge = value;
}

void
series_observe(struct series *series, uint64_t value_ns)
{
	if (series == NULL)
		return;
	assert(is_histogram(series->family));
	hist_record(series->value.hist, value_ns);
}

int
registry_on_collect(struct registry *registry, void (*fn)(void *arg), void *arg)
{
	if (registry->n_hooks == REGISTRY_HOOKS_MAX)
		return -ENOSPC;
	registry->hooks[registry->n_hooks++] = (struct collect_hook){ fn, arg };
	return 0;
}

void
registry_collect(struct registry *registry)
{
	for (size_t i = 0; i < registry->n_hooks; i++)
		registry->hooks[i].fn(registry->hooks[i].arg);
}

size_t
registry_lines_of(const struct registry *registry, size_t id)
{
	const struct family *family = &registry->families[id];

	return family->registry != NULL ? lines_of(family) : 0;
}

size_t
registry_series_count(const struct registry *registry)
{
	return registry->n_series;
}

size_t
registry_line_count(const struct registry *registry)
{
	size_t n_lines = 0;

	for (unsigned i = 0; i < REGISTRY_ACCOUNTS; i++)
		n_lines += registry->accounts[i].n_lines;
	return n_lines;
}

uint64_t
registry_refused_count(const struct registry *registry, unsigned account)
{
	return registry->accounts[account].n_refused;
}

const struct series *
registry_first_after(
	const struct registry *registry, const char *key, size_t key_len_bytes)
{
	return series_order_first_after(&registry->order, key, key_len_bytes);
}
