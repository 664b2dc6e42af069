/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked; see target.h. */
#include "supervisor/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *
text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* The strings of a specification, for all that treats them alike. */
#define SPEC_TEXT_COUNT (7 + CONTROL_FILE_COUNT)

static const char **
spec_text(struct target_spec *spec, size_t i)
{
	const char **const texts[] = { &spec->key, &spec->label, &spec->url,
		&spec->method, &spec->origin, &spec->headers,
		&spec->server_name };
	const size_t count = sizeof(texts) / sizeof(texts[0]);

	_Static_assert(sizeof(texts) / sizeof(texts[0]) + CONTROL_FILE_COUNT ==
			       SPEC_TEXT_COUNT,
		"all of them");
	return i < count ? texts[i] : &spec->files[i - count];
}

static void
spec_fini(struct target_spec *spec)
{
	for (size_t i = 0; i < SPEC_TEXT_COUNT; i++) {
		char *text = (char *)(uintptr_t)*spec_text(spec, i);

		if (text != NULL)
			explicit_bzero(text, strlen(text));
		free(text);
	}
	memset(spec, 0, sizeof(*spec));
}

static int
spec_copy(struct target_spec *to, const struct target_spec *from)
{
	struct target_spec source = *from;
	bool failed = false;

	*to = source;
	for (size_t i = 0; i < SPEC_TEXT_COUNT; i++) {
		const char *text = text_or_empty(*spec_text(&source, i));

		*spec_text(to, i) = strdup(text);
		failed |= *spec_text(to, i) == NULL;
	}
	if (failed)
		spec_fini(to);
	return failed ? -ENOMEM : 0;
}

static bool
spec_equal(struct target_spec *a, const struct target_spec *other)
{
	struct target_spec b = *other;

	for (size_t i = 0; i < SPEC_TEXT_COUNT; i++)
		if (strcmp(*spec_text(a, i),
			    text_or_empty(*spec_text(&b, i))) != 0)
			return false;
	return a->expect_count == b.expect_count &&
	       memcmp(a->expect, b.expect,
		       a->expect_count * sizeof(a->expect[0])) == 0 &&
	       a->interval_ns == b.interval_ns &&
	       a->timeout_ns == b.timeout_ns &&
	       a->dial_timeout_ns == b.dial_timeout_ns &&
	       a->tls_security_level == b.tls_security_level &&
	       a->insecure == b.insecure &&
	       a->follow_redirects == b.follow_redirects &&
	       a->reuse_connections == b.reuse_connections;
}

#define FIRST_BUCKETS 64

void
target_table_init(struct target_table *table)
{
	memset(table, 0, sizeof(*table));
	name_hash_key_init(&table->hash_key);
}

static struct target **
bucket_of(const struct target_table *table, enum worker_type type,
	const char *key)
{
	uint64_t hash =
		name_hash(&table->hash_key, worker_type_name(type), key);

	return &table->buckets[hash & (table->bucket_count - 1)];
}

static void
link_target(struct target_table *table, struct target *target)
{
	struct target **bucket =
		bucket_of(table, target->type, target->spec.key);

	target->next = *bucket;
	*bucket = target;
}

static void
unlink_target(struct target_table *table, struct target *target)
{
	struct target **place =
		bucket_of(table, target->type, target->spec.key);

	while (*place != target)
		place = &(*place)->next;
	*place = target->next;
	target->next = NULL;
}

/* Room for one more. */
static int
grow(struct target_table *table)
{
	size_t count = table->bucket_count == 0 ? FIRST_BUCKETS
						: 2 * table->bucket_count;
	struct target **buckets;

	if (table->count < table->bucket_count)
		return 0;
	buckets = calloc(count, sizeof(*buckets));
	if (buckets == NULL)
		return -ENOMEM;
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = count;
	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->used &&
			table->targets[i]->news != TARGET_NEWS_GONE)
			link_target(table, table->targets[i]);
	return 0;
}

void
target_table_fini(struct target_table *table, uint64_t now_ns)
{
	for (size_t i = 0; i < table->count; i++) {
		target_series_release(&table->targets[i]->series, now_ns);
		spec_fini(&table->targets[i]->spec);
		free(table->targets[i]->warning);
		free(table->targets[i]);
	}
	free(table->targets);
	free(table->buckets);
	target_table_init(table);
}

void
target_table_begin(struct target_table *table, enum worker_type type)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->type == type)
			table->targets[i]->wanted = false;
}

static struct target *
find(const struct target_table *table, enum worker_type type, const char *key)
{
	struct target *target;

	if (table->bucket_count == 0)
		return NULL;
	target = *bucket_of(table, type, key);
	while (target != NULL &&
		(target->type != type || strcmp(target->spec.key, key) != 0))
		target = target->next;
	return target;
}

static struct target *
new_slot(struct target_table *table)
{
	struct target **targets, *target = table->free_slots;

	if (grow(table) < 0)
		return NULL;
	if (target != NULL) {
		table->free_slots = target->next;
		return target;
	}
	targets = realloc(
		table->targets, (table->count + 1) * sizeof(*table->targets));
	if (targets == NULL)
		return NULL;
	table->targets = targets;
	target = calloc(1, sizeof(*target));
	if (target == NULL)
		return NULL;
	target->id = (uint32_t)table->count;
	table->targets[table->count++] = target;
	return target;
}

static void
set_ref(struct target_ref *ret_ref, const struct target *target)
{
	if (ret_ref != NULL)
		*ret_ref = (struct target_ref){ target->id, target->gen };
}

int
target_table_want(struct target_table *table, enum worker_type type,
	const struct target_spec *spec, uint64_t first_delay_ns,
	struct target_ref *ret_ref)
{
	struct target *target = find(table, type, spec->key);
	struct target_spec copy;
	uint32_t id;

	if (target != NULL && spec_equal(&target->spec, spec)) {
		target->wanted = true;
		set_ref(ret_ref, target);
		return 0;
	}
	if (spec_copy(&copy, spec) < 0)
		return -ENOMEM;
	if (target == NULL) {
		target = new_slot(table);
		if (target == NULL) {
			spec_fini(&copy);
			return -ENOMEM;
		}
		id = target->id;
		free(target->warning);
		memset(target, 0, sizeof(*target));
		target->id = id;
		target->used = true;
		target->type = type;
		target->first_delay_ns = first_delay_ns;
		target->spec = copy;
		link_target(table, target);
	} else {
		spec_fini(&target->spec);
		target->spec = copy; /* of the same key */
	}
	target->started_mono_ns = 0;
	target->held = false;
	target->gen = ++table->last_gen;
	target->news = TARGET_NEWS_SPEC;
	target->wanted = true;
	set_ref(ret_ref, target);
	return 0;
}

bool
target_table_keep(struct target_table *table, struct target_ref ref)
{
	struct target *target;

	if (ref.gen == 0 || ref.id >= table->count)
		return false;
	target = table->targets[ref.id];
	if (!target->used || target->news == TARGET_NEWS_GONE ||
		target->gen != ref.gen)
		return false;
	target->wanted = true;
	return true;
}

static void
let_go(struct target_table *table, struct target *target, uint64_t now_ns)
{
	if (target->news == TARGET_NEWS_GONE)
		return;
	unlink_target(table, target);
	target->news = TARGET_NEWS_GONE;
	target_series_release(&target->series, now_ns);
}

void
target_table_end(
	struct target_table *table, enum worker_type type, uint64_t now_ns)
{
	for (size_t i = 0; i < table->count; i++) {
		struct target *target = table->targets[i];

		if (target->used && target->type == type && !target->wanted)
			let_go(table, target, now_ns);
	}
}

void
target_table_drop(struct target_table *table, enum worker_type type,
	const char *key, uint64_t now_ns)
{
	struct target *target = find(table, type, key);

	if (target != NULL)
		let_go(table, target, now_ns);
}

void
target_table_forget(struct target_table *table, struct target *target)
{
	spec_fini(&target->spec);
	free(target->warning);
	target->warning = NULL;
	target->used = false;
	target->news = TARGET_NEWS_NONE;
	target->next = table->free_slots;
	table->free_slots = target;
}

void
target_table_renew(struct target_table *table, enum worker_type type)
{
	for (size_t i = 0; i < table->count; i++) {
		struct target *target = table->targets[i];

		if (!target->used || target->type != type)
			continue;
		if (target->news == TARGET_NEWS_GONE)
			target_table_forget(table, target);
		else
			target->news = TARGET_NEWS_SPEC;
	}
}

void
target_table_forget_nameservers(
	struct target_table *table, enum worker_type type, uint64_t now_ns)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->type == type)
			target_series_release_nameservers(
				&table->targets[i]->series, now_ns);
}

void
target_table_release(struct target_table *table, enum worker_type type)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->type == type)
			table->targets[i]->held = false;
}

static bool
has_files(const struct target_spec *spec)
{
	for (size_t i = 0; i < CONTROL_FILE_COUNT; i++)
		if (spec->files[i][0] != '\0')
			return true;
	return false;
}

void
target_table_touch_files(struct target_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct target *target = table->targets[i];

		if (!target->used || target->news == TARGET_NEWS_GONE ||
			!has_files(&target->spec))
			continue;
		target->started_mono_ns = 0;
		target->held = false;
		target->gen = ++table->last_gen;
		target->news = TARGET_NEWS_SPEC;
	}
}

size_t
target_table_count(const struct target_table *table, enum worker_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->used && table->targets[i]->type == type)
			count++;
	return count;
}

bool
target_table_has(const struct target_table *table, enum worker_type type)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->used &&
			table->targets[i]->type == type &&
			table->targets[i]->news != TARGET_NEWS_GONE)
			return true;
	return false;
}

static bool
has_scheme(const struct target_table *table, enum worker_type type,
	const char *scheme)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->targets[i]->used &&
			table->targets[i]->type == type &&
			table->targets[i]->news != TARGET_NEWS_GONE &&
			strncasecmp(table->targets[i]->spec.url, scheme,
				strlen(scheme)) == 0)
			return true;
	return false;
}

bool
target_table_needs_tls(const struct target_table *table, enum worker_type type)
{
	return has_scheme(table, type, "https:");
}

bool
target_table_needs_unix(const struct target_table *table, enum worker_type type)
{
	return type == WORKER_EXTRA && has_scheme(table, type, "unix:");
}

bool
target_is_unix(const struct target *target)
{
	return strncasecmp(target->spec.url, "unix:", 5) == 0;
}

enum target_match
target_table_match(const struct target_table *table, enum worker_type type,
	uint32_t id, uint32_t gen, struct target **ret_target)
{
	struct target *target;

	if (id >= table->count || gen > table->last_gen)
		return TARGET_UNKNOWN;
	target = table->targets[id];
	if (!target->used || target->news == TARGET_NEWS_GONE ||
		gen < target->gen)
		return TARGET_STALE;
	if (gen > target->gen || target->type != type)
		return TARGET_UNKNOWN;
	*ret_target = target;
	return TARGET_CURRENT;
}
