/* SPDX-License-Identifier: Apache-2.0 */
/* Reloading; see reload.h. */
#include "supervisor/reload.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/strbuf.h"
#include "supervisor/conf_value.h"
#include "supervisor/http_tls.h"
#include "supervisor/plan.h"
#include "supervisor/sandbox.h"
#include "supervisor/service_account.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <string.h>

/* What a change of a watched file is about. */
enum file_tag {
	FILE_TAG_CONF = 1 << 0,
	FILE_TAG_RESOLVER = 1 << 1,
	FILE_TAG_CA = 1 << 2,
	FILE_TAG_CHECK = 1 << 3, /* one that a check names */
	FILE_TAG_TLS = 1 << 4,   /* of the https listener */
};

static const char *const resolver_files[] = { "/etc/resolv.conf" };

static const char *const ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	SERVICE_ACCOUNT_CA,
};

static void
add_listeners(struct listener_list *list, const struct conf_listen *listen,
	struct http_tls *tls)
{
	for (size_t i = 0; i < listen->n_addresses; i++) {
		char *text = list->texts[list->count];

		http_listen_format(&listen->addresses[i].any, text);
		list->options[list->count++] =
			(struct http_listener_options){ .address = text,
				.tls = tls };
	}
}

void
listener_list_fill(struct listener_list *list, const struct conf *conf,
	struct http_tls *tls)
{
	list->count = 0;
	add_listeners(list, &conf->listen, NULL);
	if (tls != NULL)
		add_listeners(list, &conf->listen_tls, tls);
}

static void
reload_certificate(struct supervisor *supervisor)
{
	char error[512];
	int rc = http_tls_reload(supervisor->http_tls, error, sizeof(error));

	series_set(supervisor->series.tls_reload_successful, rc == 0 ? 1 : 0);
	if (rc == 0)
		LOG_INFO("the listener's certificate has been renewed",
			LOG_INT("not_after_unix_s",
				http_tls_not_after_unix_s(
					supervisor->http_tls)));
	else
		LOG_ERROR("the listener's new certificate is refused, "
			  "the old one stays",
			LOG_STR("error", error));
}

static void
on_files_changed(struct file_watch *file_watch, unsigned tags)
{
	struct supervisor *supervisor =
		LOOP_OWNER(file_watch, struct supervisor, file_watch);

	if (supervisor->stopping)
		return;
	if (tags & FILE_TAG_CONF)
		supervisor_reload(supervisor);
	if (tags & FILE_TAG_TLS)
		reload_certificate(supervisor);
	if (tags & FILE_TAG_CHECK) {
		LOG_INFO("a file of a check has changed");
		target_table_touch_files(&supervisor->targets);
		worker_pool_update(&supervisor->pool, WORKER_EXTRA);
	}
	if (tags & FILE_TAG_CA) {
		LOG_INFO("the CAs have changed");
		nursery_renew(&supervisor->nursery);
	}
	if (tags & FILE_TAG_RESOLVER)
		LOG_INFO("resolv.conf has changed");
	if (tags & (FILE_TAG_CA | FILE_TAG_RESOLVER))
		worker_pool_replace(&supervisor->pool);
}

static void
on_file_waits(struct file_watch *file_watch, const char *path)
{
	(void)file_watch;
	LOG_WARN("a file has changed, but who writes it has not closed it yet: "
		 "the change waits",
		LOG_STR("file", path));
}

static void
watch(struct supervisor *supervisor, const char *path, unsigned tag)
{
	int rc = 0;

	if (path != NULL && path[0] != '\0')
		rc = file_watch_add(&supervisor->file_watch, path, tag);
	/* a directory that is not there has no file that could change */
	if (rc < 0 && rc != -ENOENT && rc != -EACCES)
		LOG_WARN("cannot watch a file for changes",
			LOG_STR("file", path), LOG_ERRNO(-rc));
}

static void
watch_checks(struct supervisor *supervisor)
{
	const struct conf_checks *checks = &supervisor->conf->checks;

	file_watch_begin(&supervisor->file_watch, FILE_TAG_CHECK);
	for (size_t i = 0; i < checks->n_checks; i++) {
		for (size_t j = 0; j < CONTROL_FILE_COUNT; j++)
			watch(supervisor,
				conf_check_file(&checks->checks[i], j),
				FILE_TAG_CHECK);
	}
	file_watch_end(&supervisor->file_watch);
}

void
reload_watch_files(struct supervisor *supervisor)
{
	int rc = file_watch_init(
		&supervisor->file_watch, supervisor->loop, on_files_changed);

	if (rc < 0) {
		LOG_WARN("files are not watched for changes", LOG_ERRNO(-rc));
		return;
	}
	supervisor->file_watch.on_wait = on_file_waits;
	/* the default file may come later */
	watch(supervisor, conf_input_path(&supervisor->conf_input),
		FILE_TAG_CONF);
	file_watch_expect(&supervisor->file_watch, FILE_TAG_CONF,
		&supervisor->conf_stamp);
	for (size_t i = 0;
		i < sizeof(resolver_files) / sizeof(resolver_files[0]); i++)
		watch(supervisor, resolver_files[i], FILE_TAG_RESOLVER);
	for (size_t i = 0; i < sizeof(ca_files) / sizeof(ca_files[0]); i++)
		watch(supervisor, ca_files[i], FILE_TAG_CA);
	watch(supervisor, supervisor->conf->extra_ca, FILE_TAG_CA);
	if (supervisor->http_tls != NULL) {
		watch(supervisor, supervisor->conf->cert_file, FILE_TAG_TLS);
		watch(supervisor, supervisor->conf->cert_key, FILE_TAG_TLS);
	}
	watch_checks(supervisor);
	if (supervisor->file_watch.shortage_errno != 0)
		LOG_WARN("the kernel can watch no more files: they are looked "
			 "at every few seconds for changes",
			LOG_ERRNO(supervisor->file_watch.shortage_errno));
}

static bool
log_out_of_reach(const char *file)
{
	LOG_ERROR("restart needed: this file lies outside of the directories "
		  "known at the start",
		LOG_STR("file", file));
	return false;
}

/* True: nothing in it waits for a new start of the program. */
static bool
can_apply(const struct conf *running, const struct conf *loaded)
{
	const char *key, *file = supervisor_sandbox_out_of_reach(loaded);
	size_t n = 0;

	while ((key = conf_changed_key(running, loaded, true, n)) != NULL) {
		LOG_ERROR("restart needed: this key cannot change in a running "
			  "program",
			LOG_STR("key", key));
		n++;
	}
	if (file != NULL)
		return log_out_of_reach(file);
	return n == 0;
}

static bool
relisten(struct supervisor *supervisor, const struct conf *loaded)
{
	struct listener_list listeners;
	char error[256];

	listener_list_fill(&listeners, loaded, supervisor->http_tls);
	if (http_server_relisten(supervisor->http, listeners.options,
		    listeners.count, error, sizeof(error)) == 0)
		return true;
	LOG_ERROR("cannot listen", LOG_STR("error", error));
	return false;
}

static void
apply(struct supervisor *supervisor, struct conf *loaded)
{
	struct conf *old = supervisor->conf;
	/* what each worker gets in its boot message */
	bool birth_changed = old->log_level != loaded->log_level;

	supervisor->conf = loaded;
	log_setup(loaded->log_level, loaded->log_format);
	supervisor->pool.log_level = loaded->log_level;
	origins_set_lifetime(supervisor->origins,
		origins_lifetime_ns((uint64_t)loaded->check_interval_ns));
	watch_checks(supervisor); /* what changes from here on is told */
	if (supervisor_plan(supervisor) < 0)
		LOG_ERROR("no memory for all targets");
	if (birth_changed)
		worker_pool_replace(&supervisor->pool);
}

void
reload_log_idle(const struct supervisor *supervisor)
{
	if (plan_is_idle(supervisor->conf))
		LOG_WARN("nothing to check yet: add [check] or [neighbours] to "
			 "the file",
			LOG_STR("file",
				conf_input_path(&supervisor->conf_input)));
}

/* What an operator would miss or wonder at, in one line. */
static void
log_reloaded(const struct conf *old, const struct conf *conf)
{
	const char *key, *listen_text, *changed_text;
	struct strbuf listen, changed;

	strbuf_init(&listen, 0);
	strbuf_init(&changed, 0);
	conf_format_listen(&conf->listen, &listen);
	for (size_t n = 0;
		(key = conf_changed_key(old, conf, false, n)) != NULL; n++)
		strbuf_printf(&changed, "%s%s", n > 0 ? " " : "", key);
	listen_text = strbuf_text(&listen);
	changed_text = strbuf_text(&changed);
	LOG_INFO("configuration reloaded", LOG_INT("targets", plan_count(conf)),
		LOG_INT("was", plan_count(old)),
		LOG_STR("listen", listen_text != NULL ? listen_text : ""),
		LOG_STR("changed", changed_text != NULL ? changed_text : ""));
	strbuf_fini(&listen);
	strbuf_fini(&changed);
}

/* NULL: refused, and that was said; else what was in force before. */
static struct conf *
reload(struct supervisor *supervisor)
{
	struct conf *old = supervisor->conf;
	const char *path = conf_input_path(&supervisor->conf_input);
	struct conf_problems problems;
	struct conf *loaded;

	if (!supervisor_sandbox_reaches(path)) {
		log_out_of_reach(path);
		return NULL;
	}
	supervisor->conf_input.bytes_before = old->file_bytes;
	conf_problems_init(&problems);
	loaded = conf_load(&supervisor->conf_input, &problems);
	conf_problems_log(&problems);
	conf_problems_fini(&problems);
	if (loaded == NULL)
		return NULL;
	if (!can_apply(old, loaded) || !relisten(supervisor, loaded)) {
		conf_free(loaded);
		return NULL;
	}
	apply(supervisor, loaded);
	return old;
}

void
supervisor_reload(struct supervisor *supervisor)
{
	struct file_stamp stamp =
		file_stamp_of(conf_input_path(&supervisor->conf_input));
	struct conf *old;

	/* a signal is told of a change before the directory is silent */
	file_watch_expect(&supervisor->file_watch, FILE_TAG_CONF, &stamp);
	notify_reloading(&supervisor->notify);
	old = reload(supervisor);
	series_set(supervisor->series.reload_successful, old != NULL ? 1 : 0);
	if (old != NULL) {
		series_set(supervisor->series.reload_success_time,
			(double)clock_unix_ns() / (double)NS_PER_S);
		log_reloaded(old, supervisor->conf);
		reload_log_idle(supervisor);
		conf_free(old);
	} else {
		LOG_ERROR("the new configuration is refused, "
			  "the old one stays");
	}
	notify_send(&supervisor->notify, "READY=1");
}
