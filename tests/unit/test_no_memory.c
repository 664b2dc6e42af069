/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that cannot be had.  Each act is done again and again: first its
 * first allocation fails, then its second, until it came through; once with
 * that one failing alone, once with all that follow as well.  Nothing may
 * crash, and what fails must say so.  That nothing leaks is seen by the
 * sanitizers and by valgrind, under which this runs, too.
 *
 * The linker puts the functions below in the place of the allocator's, for our
 * own objects; libraries have the real ones.
 */
#include "common/clock.h"
#include "common/loop.h"
#include "common/strbuf.h"
#include "supervisor/exposition.h"
#include "supervisor/file_watch.h"
#include "supervisor/http_body.h"
#include "supervisor/http_server.h"
#include "supervisor/metric_families.h"
#include "supervisor/neighbours.h"
#include "supervisor/origins.h"
#include "supervisor/plan.h"
#include "supervisor/process_metrics.h"
#include "tests/lib/one_result.h"
#include "tests/unit/conf_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ALLOCATIONS_MAX 100000

static unsigned long count, fail_at; /* 0: none fails */
static bool all_after, failed;

static bool
fails(void)
{
	if (fail_at == 0)
		return false;
	count++;
	if (count < fail_at || (count > fail_at && !all_after))
		return false;
	failed = true;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *
__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* As ck_assert, which allocates also when all is well. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			fail_at = 0;                                           \
			ck_abort_msg("%s, allocation %lu", #condition, count); \
		}                                                              \
	} while (0)
#define MUST_EQ(a, b) MUST((a) == (b))

/* The act does all it can, frees all, and knows by `failed` what to expect. */
static void
sweep(void (*act)(void))
{
	for (int mode = 0; mode < 2; mode++) {
		all_after = mode == 1;
		for (unsigned long n = 1;; n++) {
			count = 0;
			failed = false;
			fail_at = n;
			act();
			fail_at = 0;
			if (!failed)
				break;
			MUST(n < ALLOCATIONS_MAX);
		}
		/* or the linker has not done what it should */
		MUST(count > 0);
	}
}

/* --------------------------------------------------------------- texts */

static void
build_text(void)
{
	struct strbuf buf;

	strbuf_init(&buf, 0);
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&buf, "line %d\n", i);
	strbuf_add_char(&buf, '.');
	MUST((strbuf_text(&buf) == NULL) == failed);
	strbuf_fini(&buf);
}

START_TEST(a_text)
{
	sweep(build_text);
}
END_TEST

/* ------------------------------------------------------- configuration */

#define INI                                                                                 \
	"[kubenurse]\nservice_url = http://s.example\n"                                     \
	"ingress_url = https://i.example\nneighbour_source = static\nneighbour_limit = 3\n" \
	"histogram_buckets = 1, 2, 3\nnode_name = n-own\n"                                  \
	"listen = 127.0.0.1:1, [::1]:2\n"                                                   \
	"[check one]\nurl = https://one.example/\nheader = A: b\n"                          \
	"header = C: d\nexpect = 200, 2xx\nca = /tmp/ca\n"                                  \
	"header = Host: h\nserver_name = s\ncert = /tmp/c\nkey = /tmp/k\n"                  \
	"[check two]\nurl = unix:///run/two.sock:/x\n"                                      \
	"[neighbours]\nneighbour = a 192.0.2.1\nneighbour = b 192.0.2.2\n"

#define ENVIRONMENT                                                            \
	ENV("KUBENURSE_EXTRA_CHECKS=three:http://three.example/",              \
		"HTTP_PROXY=http://proxy.example:3128",                        \
		"KUBENURSE_CHECK_INTERVAL=3s")

static struct fixture
read_text(const char *ini, char *const *envp)
{
	struct fixture f;
	struct conf_input input = {
		.path = "t.ini", .envp = envp, .host_name = "host"
	};

	input.stream = fmemopen((void *)(uintptr_t)ini, strlen(ini), "r");
	MUST(input.stream != NULL);
	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	fclose(input.stream);
	MUST((f.conf == NULL) == (f.problems.errors.n_all > 0));
	return f;
}

static FILE *sink;

static void
read_configuration(void)
{
	struct fixture f = read_text(INI, ENVIRONMENT);

	MUST(f.conf != NULL || failed);
	if (f.conf != NULL)
		MUST(conf_print(f.conf, sink) == 0 || failed);
	unload(&f);
}

static void
read_bad_configuration(void)
{
	struct fixture f =
		read_text("[kubenurse]\nfoo = bar\nlisten = x\n[y]\n",
			ENV("KUBENURSE_CHECK_INTERVAL=never"));

	MUST(f.conf == NULL);
	unload(&f);
}

START_TEST(a_configuration)
{
	sink = fopen("/dev/null", "w");
	MUST(sink != NULL);
	sweep(read_configuration);
	sweep(read_bad_configuration);
	fclose(sink);
}
END_TEST

/* ------------------------------------------------- targets, neighbours */

static struct fixture conf;
static struct loop *loop;

static void
ignore(struct neighbours *neighbours)
{
	(void)neighbours;
}

static struct registry *
new_registry(void)
{
	static const double bounds_s[] = { .001, 1 };
	struct registry *registry = registry_new(METRIC_ID_COUNT, 1000);

	if (registry != NULL && metric_families_register(registry, bounds_s, 2,
					false, true) < 0) {
		registry_free(registry);
		registry = NULL;
	}
	MUST(registry != NULL || failed);
	return registry;
}

static void
say_neighbours(struct neighbours *neighbours)
{
	struct wire_neighbour record = { .flags = WIRE_NEIGHBOUR_READY };
	struct wire_discovery status = { .up = true, .complete = true };
	char name[32];

	neighbours_begin(neighbours);
	for (uint64_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "node-%u", (unsigned)i);
		record.node_hash = i * 77777;
		wire_set_text(record.pod_name, WIRE_NAME_BYTES, name);
		wire_set_text(record.node_name, WIRE_NAME_BYTES, name);
		wire_set_text(record.pod_ip, WIRE_ADDRESS_BYTES, "192.0.2.9");
		neighbours_take(neighbours, &record);
	}
	neighbours_take_status(neighbours, &status);
}

static void
plan_all(void)
{
	struct neighbours neighbours = { .loop = loop, .on_change = ignore };
	struct target_table targets;
	struct alive_view view = { .hostname = "h" };
	uint64_t now_ns = clock_mono_ns();

	neighbours.registry = new_registry();
	if (neighbours.registry == NULL)
		return;
	target_table_init(&targets);
	neighbours_init(&neighbours);
	neighbours_configure(&neighbours, conf.conf);
	say_neighbours(&neighbours);
	for (int i = 0; i < 2; i++) {
		bool had = target_table_has(&targets, WORKER_EXTRA);

		MUST(plan_checks(&targets, conf.conf, now_ns) == 0 || failed);
		/* what is checked stays, also without memory for the rest */
		MUST(!had || target_table_has(&targets, WORKER_EXTRA));
		MUST(neighbours_plan(&neighbours, &targets, now_ns) == 0 ||
			failed);
	}
	if (!failed)
		MUST_EQ(target_table_count(&targets, WORKER_PATH), 3);
	target_table_touch_files(&targets);
	if (neighbours_open_view(&neighbours, &view) == 0)
		neighbours_close_view(&neighbours, &view);
	else
		MUST(failed);
	target_table_fini(&targets, now_ns);
	neighbours_fini(&neighbours);
	registry_free(neighbours.registry);
}

START_TEST(targets_and_neighbours)
{
	conf = read_text(INI, ENVIRONMENT);
	loop = loop_new();
	MUST(conf.conf != NULL && loop != NULL);
	sweep(plan_all);
	loop_free(loop);
	unload(&conf);
}
END_TEST

/* -------------------------------------------------------------- metrics */

static void
count_and_show(void)
{
	static const char *const labels[] = { "me_service", "200" };
	struct registry *registry = new_registry();
	struct process_metrics *process;
	struct exposition exposition;
	char buf[300]; /* a histogram is longer, and has to be kept */
	ssize_t n;

	if (registry == NULL)
		return;
	process = process_metrics_start(registry);
	for (int i = METRIC_HTTPCLIENT_REQUESTS_TOTAL;
		i <= METRIC_HTTPCLIENT_REQUEST_DURATION; i++) {
		struct series *series =
			registry_get(registry, (size_t)i, labels);

		MUST(series != NULL || failed);
		/* nobody has to ask whether there is one */
		if (i == METRIC_HTTPCLIENT_REQUESTS_TOTAL)
			series_add(series, 1);
		else
			series_observe(series, NS_PER_MS);
		registry_put(series, 1);
	}
	exposition_start(&exposition, registry, true);
	while ((n = exposition_read(&exposition, buf, sizeof(buf))) > 0)
		continue;
	MUST(n == 0 || failed);
	exposition_fini(&exposition);
	process_metrics_free(process);
	registry_free(registry);
}

static void
count_origins(void)
{
	struct origins *origins = origins_new(NS_PER_S);

	MUST(origins != NULL || failed);
	if (origins == NULL)
		return;
	origins_seen(origins, "a", 1, 1);
	origins_free(origins);
}

START_TEST(series_and_origins)
{
	sweep(count_and_show);
	sweep(count_origins);
}
END_TEST

/* ---------------------------------------------------------------- files */

static void
ignore_change(struct file_watch *file_watch, unsigned tags)
{
	(void)file_watch;
	(void)tags;
}

static void
run_loop(void)
{
	struct loop *mine = loop_new();
	struct file_watch file_watch;

	MUST(mine != NULL || failed);
	if (mine == NULL)
		return;
	MUST_EQ(file_watch_init(&file_watch, mine, ignore_change), 0);
	MUST(file_watch_add(&file_watch, "/etc/hosts", 1) == 0 || failed);
	file_watch_fini(&file_watch);
	loop_free(mine);
}

START_TEST(a_loop_and_its_files)
{
	sweep(run_loop);
}
END_TEST

/* ----------------------------------------------------------------- HTTP */

static int
alive_open(void *arg, struct alive_view *ret_view)
{
	(void)arg;
	one_result_fill(ret_view);
	return 0;
}

static void
alive_close(void *arg, struct alive_view *view)
{
	(void)arg;
	(void)view;
}

static void
on_origin(void *arg, const char *name, size_t len)
{
	(void)arg;
	(void)name;
	(void)len;
}

static void *
metrics_open(void *arg)
{
	(void)arg;
	return calloc(1, sizeof(bool));
}

static ssize_t
metrics_read(void *reader, char *buf, size_t cap)
{
	bool *is_read = reader;

	if (*is_read)
		return 0;
	*is_read = true;
	memset(buf, 'm', cap);
	return (ssize_t)cap;
}

static const struct http_source source = { NULL, one_result_yes, one_result_yes,
	alive_open, alive_close, on_origin, metrics_open, metrics_read, free };

static int
connect_to(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	MUST(fd >= 0);
	MUST_EQ(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* 200 when there was memory; else 503, or nothing at all: never half. */
static void
ask(uint16_t port, const char *path)
{
	char request[256], answer[65536];
	int fd = connect_to(port);
	size_t len = 0;
	ssize_t n;
	int sent = snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n"
		"Connection: close\r\n\r\n",
		path);

	MUST_EQ(send(fd, request, (size_t)sent, MSG_NOSIGNAL), sent);
	while ((n = recv(fd, answer + len, sizeof(answer) - 1 - len,
			MSG_DONTWAIT)) != 0) {
		if (n < 0 && errno != EAGAIN)
			break;
		if (n > 0)
			len += (size_t)n;
		MUST_EQ(loop_turn(loop, NS_PER_MS), 0);
	}
	close(fd);
	answer[len] = '\0';
	if (len > 0 && strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
		MUST(failed && strncmp(answer, "HTTP/1.1 503 ", 13) == 0);
	MUST(len > 0 || failed);
}

static void
serve(void)
{
	static const struct http_listener_options listeners[] = {
		{ .address = "127.0.0.1:0" }, { .address = "[::]:0" }
	};
	const struct http_server_options options = { .listeners = listeners,
		.n_listeners = 1 };
	char error[256] = "";
	struct http_server *server;

	server =
		http_server_open(loop, &options, &source, error, sizeof(error));
	if (server == NULL) {
		MUST(failed && error[0] != '\0');
		return;
	}
	if (http_server_start(server, error, sizeof(error)) == 0) {
		ask(http_server_port(server, 0), "/alwayshappy");
		ask(http_server_port(server, 0), "/alive");
		ask(http_server_port(server, 0), "/metrics");
		error[0] = '\0';
		if (http_server_relisten(
			    server, listeners, 2, error, sizeof(error)) < 0)
			MUST(failed && error[0] != '\0');
		ask(http_server_port(server, 0), "/ready");
	} else {
		MUST(failed && error[0] != '\0');
	}
	http_server_free(server);
}

START_TEST(serving)
{
	loop = loop_new();
	MUST(loop != NULL);
	sweep(serve);
	loop_free(loop);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_text);
	tcase_add_test(tcase, a_configuration);
	tcase_add_test(tcase, targets_and_neighbours);
	tcase_add_test(tcase, series_and_origins);
	tcase_add_test(tcase, a_loop_and_its_files);
	tcase_add_test(tcase, serving);
}

int
main(void)
{
	return run_tests("no_memory", add_tests);
}
