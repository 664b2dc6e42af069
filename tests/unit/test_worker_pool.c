/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Births and deaths of workers against a nursery that the test plays itself:
 * real processes that only wait give the pids, the test writes what they say.
 * The clock is the test's; nothing waits but for a process that was killed.
 */
#include "supervisor/worker_pool.h"

#include "common/clock.h"
#include "common/log_record.h"
#include "supervisor/exposition.h"
#include "supervisor/metric_families.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns;

uint64_t
clock_mono_ns(void)
{
	return now_ns;
}

uint64_t
clock_unix_ns(void)
{
	return now_ns;
}

uint64_t
clock_unix_to_mono_ns(uint64_t unix_ns)
{
	return unix_ns;
}

static struct loop *loop;
static struct nursery nursery;
static struct registry *registry;
static struct aggregate aggregate;
static struct target_table targets;
static struct worker_pool pool;
static int nursery_fd; /* the nursery's end */
static unsigned result_count;
static unsigned char buf[CONTROL_MAX_BYTES];

/* A worker as the nursery gave birth to it. */
struct newborn {
	struct control_birth birth;
	pid_t pid;
	int control_fd, pipe_fd, log_fd;
	uint64_t checks_started, records_dropped;
};

static void
on_result(struct worker_pool *of)
{
	ck_assert_ptr_eq(of, &pool);
	result_count++;
}

static void
on_born(struct nursery *of, const struct control_born *born)
{
	(void)of;
	worker_pool_born(&pool, born);
}

static void
on_gone(struct nursery *of)
{
	(void)of;
}

static struct target_spec
a_spec(const char *key)
{
	return (struct target_spec){ .key = key,
		.label = key,
		.url = "http://192.0.2.1/",
		.method = "GET",
		.expect = { { 200, 200 } },
		.expect_count = 1,
		.interval_ns = NS_PER_S,
		.timeout_ns = 6 * NS_PER_S,
		.dial_timeout_ns = 5 * NS_PER_S };
}

static void
want(const char *first, const char *second)
{
	const char *const keys[] = { first, second };

	target_table_begin(&targets, WORKER_EXTRA);
	for (int i = 0; i < 2; i++)
		if (keys[i] != NULL) {
			struct target_spec spec = a_spec(keys[i]);

			ck_assert_int_eq(target_table_want(&targets,
						 WORKER_EXTRA, &spec, 0, NULL),
				0);
		}
	target_table_end(&targets, WORKER_EXTRA, now_ns);
	worker_pool_update(&pool, WORKER_EXTRA);
}

static void
setup(void)
{
	static const double bounds_s[] = { 1 };
	int pair[2];

	now_ns = 1000 * NS_PER_S;
	result_count = 0;
	loop = loop_new();
	registry = registry_new(METRIC_ID_COUNT, 1000);
	ck_assert_int_eq(
		metric_families_register(registry, bounds_s, 1, false, true),
		0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	memset(&nursery, 0, sizeof(nursery));
	nursery.fd = pair[0];
	nursery.loop = loop;
	nursery.on_born = on_born;
	nursery.on_gone = on_gone;
	nursery_fd = pair[1];
	target_table_init(&targets);
	aggregate = (struct aggregate){ .registry = registry };
	memset(&pool, 0, sizeof(pool));
	pool.loop = loop;
	pool.nursery = &nursery;
	pool.registry = registry;
	pool.aggregate = &aggregate;
	pool.targets = &targets;
	pool.on_result = on_result;
	ck_assert_int_eq(worker_pool_init(&pool), 0);
}

static void
teardown(void)
{
	worker_pool_fini(&pool);
	ck_assert_uint_eq(worker_pool_running(&pool), 0);
	target_table_fini(&targets, now_ns);
	registry_free(registry);
	close(nursery.fd);
	close(nursery_fd);
	loop_free(loop);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* no child left */
}

static void
turn(void)
{
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(loop_turn(loop, 0), 0);
	worker_pool_read(&pool); /* as before a scrape */
}

/* Lets time pass: what is due fires. */
static void
pass(uint64_t duration_ns)
{
	now_ns += duration_ns;
	turn();
}

/* 1: the supervisor has asked the nursery for something. */
static int
asked(struct control_message *ret_message)
{
	return control_receive(nursery_fd, ret_message, buf, sizeof(buf));
}

/* The next worker is to have other addresses. */
static void
assert_renewed(void)
{
	struct control_message message;

	ck_assert_int_eq(asked(&message), 1);
	ck_assert_int_eq(message.kind, CONTROL_RENEW);
}

static struct newborn
take_birth(void)
{
	struct newborn newborn = { .pid = 0 };
	struct control_message message;

	ck_assert_int_eq(asked(&message), 1);
	ck_assert_int_eq(message.kind, CONTROL_BIRTH);
	ck_assert_uint_eq(message.fd_count, 3);
	newborn.birth = message.body.birth;
	newborn.control_fd = message.fds[0];
	newborn.pipe_fd = message.fds[1];
	newborn.log_fd = message.fds[2];
	ck_assert_int_eq(
		control_receive(newborn.control_fd, &message, buf, sizeof(buf)),
		1);
	ck_assert_int_eq(message.kind, CONTROL_BOOT);
	ck_assert_uint_eq(
		message.body.boot.worker_gen, newborn.birth.worker_gen);
	newborn.pid = fork();
	if (newborn.pid == 0) {
		closefrom(3);
		for (;;)
			pause();
	}
	return newborn;
}

/* The nursery that fails before the supervisor's next step. */
static bool is_quick;

int __real_control_send(int fd, const struct control_message *message);
int __wrap_control_send(int fd, const struct control_message *message);

int
__wrap_control_send(int fd, const struct control_message *message)
{
	struct control_message request;
	int rc = __real_control_send(fd, message);

	if (rc == 0 && is_quick && message->kind == CONTROL_BIRTH) {
		ck_assert_int_eq(asked(&request), 1);
		control_close_fds(&request);
	}
	return rc;
}

static void
tell_birth(const struct newborn *newborn, int32_t pid)
{
	worker_pool_born(&pool,
		&(struct control_born){
			.worker_gen = newborn->birth.worker_gen, .pid = pid });
}

static void
say_record(struct newborn *newborn, struct wire_record *record)
{
	record->checks_started = newborn->checks_started;
	record->records_dropped = newborn->records_dropped;
	ck_assert_int_eq(wire_write(newborn->pipe_fd, record), 0);
	turn();
}

static void
say(struct newborn *newborn, enum wire_kind kind)
{
	struct wire_record record;

	wire_init(&record, kind, newborn->birth.worker_gen);
	say_record(newborn, &record);
}

static struct wire_record
a_sample(struct newborn *newborn, const struct target *target)
{
	struct wire_record record;
	struct wire_sample *sample = &record.body.sample;

	wire_init(&record, WIRE_SAMPLE, newborn->birth.worker_gen);
	sample->target_id = target->id;
	sample->target_gen = target->gen;
	sample->has_status = 1;
	sample->http_status = 200;
	sample->last = 1;
	return record;
}

static struct newborn
live(void)
{
	struct newborn newborn = take_birth();

	tell_birth(&newborn, newborn.pid);
	say(&newborn, WIRE_HELLO);
	return newborn;
}

/* What the worker was told, one letter each: T, G(one), D(rain), C(ancel). */
static const char *
told(const struct newborn *newborn)
{
	static char text[32];
	struct control_message message;
	size_t n = 0;

	while (n < sizeof(text) - 1 &&
		control_receive(
			newborn->control_fd, &message, buf, sizeof(buf)) == 1) {
		text[n++] = message.kind == CONTROL_TARGET        ? 'T'
			    : message.kind == CONTROL_TARGET_GONE ? 'G'
			    : message.kind == CONTROL_DRAIN       ? 'D'
			    : message.kind == CONTROL_CANCEL      ? 'C'
								  : '?';
		control_close_fds(&message);
	}
	text[n] = '\0';
	return text;
}

/* It dies of this signal, and the supervisor hears of it. */
static void
die_of(struct newborn *newborn, int signal_number)
{
	siginfo_t info;
	struct worker_exit worker_exit;

	if (signal_number != 0)
		kill(newborn->pid, signal_number);
	/* or the turn in which it was killed has seen it die already */
	if (waitid(P_PID, (id_t)newborn->pid, &info, WEXITED | WNOWAIT) < 0)
		ck_assert_int_eq(errno, ECHILD);
	close(newborn->control_fd);
	close(newborn->pipe_fd);
	close(newborn->log_fd);
	turn();
	/* where there is no pidfd_open(2), SIGCHLD tells it */
	if (worker_exit_collect(newborn->pid, WNOHANG, &worker_exit) ==
		newborn->pid)
		ck_assert(
			worker_pool_reaped(&pool, newborn->pid, &worker_exit));
}

static void
forget(const struct newborn *newborn)
{
	close(newborn->control_fd);
	close(newborn->pipe_fd);
	close(newborn->log_fd);
}

/* As it would end by exit(2). */
static void
end_well(struct newborn *newborn)
{
	const struct worker_exit well = { .wait_status = 0 };

	kill(newborn->pid, SIGKILL);
	waitpid(newborn->pid, NULL, 0);
	close(newborn->control_fd);
	close(newborn->pipe_fd);
	close(newborn->log_fd);
	ck_assert(worker_pool_reaped(&pool, newborn->pid, &well));
}

/* A line of the metrics; -1: there is none. */
static double
metric(const char *series)
{
	static char text[256 * 1024];
	static struct exposition reader;
	size_t used = 0;
	ssize_t n;
	const char *at;

	exposition_start(&reader, registry, false);
	while ((n = exposition_read(
			&reader, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	exposition_fini(&reader);
	text[used] = '\0';
	at = strstr(text, series);
	return at == NULL ? -1 : strtod(at + strlen(series), NULL);
}

#define UP        "kubenurse_worker_up{worker=\"extra\"} "
#define LOST      "kubenurse_samples_lost_total{worker=\"extra\"} "
#define STARTED   "kubenurse_checks_started_total{worker=\"extra\"} "
#define UNCOUNTED "kubenurse_checks_uncounted_total{worker=\"extra\"} "
#define RESTARTS(reason)                                                       \
	"kubenurse_worker_restarts_total{worker=\"extra\",reason=\"" reason    \
	"\"} "

START_TEST(a_type_without_targets_has_no_worker)
{
	struct control_message message;

	want(NULL, NULL);
	ck_assert_int_eq(asked(&message), 0);
	ck_assert(metric(UP) < 0);
}
END_TEST

static void
want_of(enum worker_type type, const char *url)
{
	struct target_spec spec = a_spec(worker_type_name(type));

	spec.url = url;
	target_table_begin(&targets, type);
	ck_assert_int_eq(target_table_want(&targets, type, &spec, 0, NULL), 0);
	target_table_end(&targets, type, now_ns);
}

/* The nursery reads its requests in their order, and the first of these takes
 * it as long as all others. */
START_TEST(who_needs_the_cas_is_born_last)
{
	static const enum worker_type wanted[] = { WORKER_ME_SERVICE,
		WORKER_EXTRA, WORKER_ME_INGRESS };
	static struct neighbours neighbours;
	static struct conf conf; /* source static, nobody to find */
	struct newborn newborns[3];

	conf.neighbour_source = CONF_SOURCE_STATIC;
	neighbours.conf = &conf;
	pool.neighbours = &neighbours;
	want_of(WORKER_ME_INGRESS, "https://192.0.2.1/");
	want_of(WORKER_ME_SERVICE, "http://192.0.2.1/");
	want_of(WORKER_EXTRA, "http://192.0.2.1/");
	worker_pool_update_all(&pool);
	for (int i = 0; i < 3; i++) {
		newborns[i] = take_birth();
		ck_assert_uint_eq(newborns[i].birth.worker_type, wanted[i]);
		ck_assert(newborns[i].birth.needs_tls == (i == 2));
		tell_birth(&newborns[i], newborns[i].pid);
		forget(&newborns[i]);
	}
}
END_TEST

START_TEST(a_worker_is_told_its_targets_after_its_hello)
{
	struct newborn newborn;

	want("a", "b");
	newborn = take_birth();
	ck_assert_uint_eq(newborn.birth.worker_type, WORKER_EXTRA);
	ck_assert(!newborn.birth.needs_tls);
	tell_birth(&newborn, newborn.pid);
	ck_assert_str_eq(told(&newborn), "");
	ck_assert(metric(UP) == 0);
	say(&newborn, WIRE_HELLO);
	ck_assert_str_eq(told(&newborn), "TT");
	ck_assert(metric(UP) == 1);
	want("a", "b");
	ck_assert_str_eq(told(&newborn), ""); /* nothing new */
	want("b", "c");
	ck_assert_str_eq(told(&newborn), "GT");
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

/* Else what nobody reads would hold descriptors in flight, and no worker could
 * be born any more. */
START_TEST(a_worker_cannot_send_on_its_control_socket)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	ck_assert_int_eq(
		send(newborn.control_fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL),
		-1);
	ck_assert_int_eq(errno, EPIPE);
	tell_birth(&newborn, newborn.pid);
	say(&newborn, WIRE_HELLO);
	ck_assert_str_eq(told(&newborn), "T"); /* the other way is open */
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_for_now_is_tried_again)
{
	struct target_spec spec = a_spec("a");
	struct control_message message;
	struct rlimit before, none;
	struct newborn newborn;

	spec.files[CONTROL_FILE_KEY] = "/dev/null";
	target_table_want(&targets, WORKER_EXTRA, &spec, 0, NULL);
	worker_pool_update(&pool, WORKER_EXTRA);
	newborn = take_birth();
	tell_birth(&newborn, newborn.pid);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	say(&newborn, WIRE_HELLO);
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_str_eq(told(&newborn), "");
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_int_eq(
		control_receive(newborn.control_fd, &message, buf, sizeof(buf)),
		1);
	ck_assert_int_eq(message.kind, CONTROL_TARGET);
	ck_assert(message.body.target.files[CONTROL_FILE_KEY].is_open);
	ck_assert_uint_eq(message.fd_count, 1);
	control_close_fds(&message);
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_str_eq(told(&newborn), ""); /* once */
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(a_hello_may_come_before_the_nurserys_answer)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	say(&newborn, WIRE_HELLO);
	tell_birth(&newborn, newborn.pid);
	ck_assert_str_eq(told(&newborn), "T");
	ck_assert(metric(UP) == 1);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

#define PHASES                                                                 \
	"kubenurse_phase_duration_seconds_sum{type=\"a\",phase=\"wait\"} "
#define CHECKS                                                                 \
	"kubenurse_check_duration_seconds_sum{type=\"a\",outcome=\"ok\"} "

static void
say_hop(struct newborn *newborn, uint8_t hop, bool last)
{
	struct wire_record record = a_sample(newborn, targets.targets[0]);
	struct wire_sample *sample = &record.body.sample;

	sample->hop = hop;
	sample->last = last;
	sample->outcome = last ? OUTCOME_OK : OUTCOME_REDIRECT;
	sample->phases = 1u << PHASE_WAIT;
	sample->duration_ns = sample->phase_ns[PHASE_WAIT] = NS_PER_S;
	if (last)
		sample->check_duration_ns = (hop + 1u) * NS_PER_S;
	say_record(newborn, &record);
}

/* N 4.23 */
START_TEST(the_hops_of_a_check_count_with_its_last)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	newborn.checks_started = 3;
	say_hop(&newborn, 0, false);
	say_hop(&newborn, 1, false);
	ck_assert(metric(PHASES) < 0);
	say_hop(&newborn, 2, true);
	ck_assert(metric(PHASES) == 3);
	ck_assert(metric(CHECKS) == 3);
	/* of one whose last was lost nothing counts */
	say_hop(&newborn, 0, false);
	say_hop(&newborn, 0, true);
	ck_assert(metric(PHASES) == 4);
	ck_assert(metric(CHECKS) == 4);
	say_hop(&newborn, 0, false);
	die_of(&newborn, SIGKILL);
	ck_assert(metric(PHASES) == 4);
	ck_assert(metric(LOST) == 1);
}
END_TEST

/* N 4.30 */
START_TEST(restarts_are_remembered_as_long_as_there_is_the_worker)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	die_of(&newborn, SIGKILL);
	registry_expire(registry, now_ns + 3600 * NS_PER_S, 0);
	ck_assert(metric(RESTARTS("signal")) == 1);
	want(NULL, NULL);
	registry_expire(registry, now_ns + 3600 * NS_PER_S, 0);
	ck_assert(metric(RESTARTS("signal")) < 0);
}
END_TEST

START_TEST(restarts_wait_longer_each_time)
{
	static const uint64_t delays_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct control_message message;
	struct newborn newborn;

	want("a", NULL);
	for (size_t i = 0; i < 8; i++) {
		newborn = live();
		die_of(&newborn, SIGKILL);
		ck_assert_int_eq(asked(&message), 1);
		ck_assert_int_eq(message.kind, CONTROL_RENEW);
		ck_assert(metric(UP) == 0);
		pass(delays_s[i] * NS_PER_S - 1);
		ck_assert_int_eq(asked(&message), 0);
		pass(1);
	}
	ck_assert(metric(RESTARTS("signal")) == 8);
	/* one that lived a minute is followed at once */
	newborn = live();
	now_ns += 60 * NS_PER_S;
	die_of(&newborn, SIGKILL);
	ck_assert_int_eq(asked(&message), 1);
	pass(1);
	newborn = live();
	ck_assert_str_eq(told(&newborn), "T");
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(what_was_in_flight_is_lost_and_what_was_said_is_not)
{
	struct newborn newborn;
	struct wire_record record;

	want("a", NULL);
	newborn = live();
	newborn.checks_started = 3;
	record = a_sample(&newborn, targets.targets[0]);
	record.checks_started = 3;
	/* written, not yet read */
	ck_assert_int_eq(wire_write(newborn.pipe_fd, &record), 0);
	die_of(&newborn, SIGKILL);
	ck_assert_uint_eq(result_count, 1);
	ck_assert(metric(LOST) == 2);
	ck_assert(metric("kubenurse_httpclient_requests_total{type=\"a\","
			 "code=\"200\"} ") == 1);
}
END_TEST

/* Each check that was begun is a result, lost, uncounted, or under way. */
START_TEST(every_check_that_was_begun_is_accounted_for)
{
	struct control_message message;
	struct newborn newborn;
	struct wire_record record;

	want("a", NULL);
	newborn = live();
	ck_assert(metric(STARTED) == 0);
	newborn.checks_started = 4;
	record = a_sample(&newborn, targets.targets[0]);
	say_record(&newborn, &record);
	ck_assert(metric(STARTED) == 4);
	record.body.sample.outcome = OUTCOME_CANCELLED;
	say_record(&newborn, &record);
	ck_assert(metric(UNCOUNTED) == 1);
	die_of(&newborn, SIGKILL);
	ck_assert(metric(LOST) == 2);
	ck_assert_int_eq(asked(&message), 1); /* to renew itself */
	/* the next one counts from 0, and the sum goes on */
	pass(NS_PER_S);
	newborn = live();
	ck_assert(metric(STARTED) == 4);
	newborn.checks_started = 3;
	record = a_sample(&newborn, targets.targets[0]);
	want("b", NULL); /* the result comes too late to be anybody's */
	say_record(&newborn, &record);
	ck_assert_uint_eq(result_count, 1);
	ck_assert(metric(STARTED) == 7);
	ck_assert(metric(UNCOUNTED) == 2);
	worker_pool_stop(&pool); /* ends before it can say so of each */
	die_of(&newborn, SIGKILL);
	ck_assert(metric(STARTED) == 7);
	ck_assert(metric(UNCOUNTED) == 4);
	ck_assert(metric(LOST) == 2);
}
END_TEST

START_TEST(records_that_were_dropped_are_counted_once)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	newborn.checks_started = 5;
	newborn.records_dropped = 4;
	say(&newborn, WIRE_HEARTBEAT);
	say(&newborn, WIRE_HEARTBEAT);
	ck_assert(metric(LOST) == 4);
	die_of(&newborn, SIGKILL);
	ck_assert(metric(LOST) == 5);
}
END_TEST

/* What a worker writes beside records that must not wait. */
static void
ring(const struct newborn *newborn)
{
	ck_assert_int_eq((int)write(newborn->log_fd, LOG_RECORD_BELL,
				 strlen(LOG_RECORD_BELL)),
		(int)strlen(LOG_RECORD_BELL));
}

static void
write_samples(const struct newborn *newborn, struct wire_record *record,
	unsigned count)
{
	while (count-- > 0)
		ck_assert_int_eq(wire_write(newborn->pipe_fd, record), 0);
}

/* A worker whose records have come so often that its pipe is left alone. */
static struct newborn
live_busily(struct wire_record *ret_record)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	*ret_record = a_sample(&newborn, targets.targets[0]);
	ret_record->checks_started = 10000;
	now_ns += NS_PER_S;
	for (unsigned i = 1; i <= 2; i++) { /* heard at once, both */
		write_samples(&newborn, ret_record, 1);
		now_ns += NS_PER_MS;
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_uint_eq(result_count, i);
	}
	write_samples(&newborn, ret_record, 1);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, 2);
	return newborn;
}

START_TEST(a_failure_and_what_is_shown_are_read_at_once)
{
	struct wire_record record;
	struct newborn newborn = live_busily(&record);

	ring(&newborn);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, 3);
	/* and it is left alone as before */
	write_samples(&newborn, &record, 1);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, 3);
	worker_pool_read(&pool);
	ck_assert_uint_eq(result_count, 4);
	forget(&newborn);
}
END_TEST

START_TEST(a_pipe_that_fills_is_emptied_at_once)
{
	struct wire_record record;
	struct newborn newborn = live_busily(&record);
	unsigned count = 3;

	while (wire_write(newborn.pipe_fd, &record) == 0)
		count++;
	ring(&newborn); /* a worker does that long before */
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, count);
	ck_assert_int_eq(wire_write(newborn.pipe_fd, &record), 0);
	forget(&newborn);
}
END_TEST

START_TEST(what_a_dying_worker_has_written_counts)
{
	struct wire_record record;
	struct newborn newborn = live_busily(&record);

	write_samples(&newborn, &record, 299);
	die_of(&newborn, SIGKILL);
	ck_assert_uint_eq(result_count, 302);
}
END_TEST

/* What a scrape shows in several pieces is of one moment. */
START_TEST(a_failure_waits_for_the_end_of_a_scrape)
{
	struct wire_record record;
	struct newborn newborn = live_busily(&record);

	worker_pool_read(&pool);
	ck_assert_uint_eq(result_count, 3);
	worker_pool_hold(&pool, now_ns + 53 * NS_PER_MS);
	write_samples(&newborn, &record, 1);
	ring(&newborn);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, 3);
	if (_i == 0) {
		worker_pool_hold(&pool, 0);
	} else { /* of one that takes its time not for ever */
		now_ns += 48 * NS_PER_MS; /* the timer of the second record */
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_uint_eq(result_count, 3);
		now_ns += 5 * NS_PER_MS;
		ck_assert_int_eq(loop_turn(loop, 0), 0);
	}
	ck_assert_uint_eq(result_count, 4);
	forget(&newborn);
}
END_TEST

START_TEST(who_rings_for_ever_is_killed)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	for (unsigned i = 0; i <= FLOOD_BURST_RECORDS + FLOOD_RECORDS_PER_S +
					  FLOOD_RECORDS_PER_CHECK;
		i++) {
		ring(&newborn);
		if (i % 1000 == 0)
			turn();
	}
	turn();
	now_ns += NS_PER_S;
	worker_pool_judge(&pool, now_ns, 0);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
}
END_TEST

/* The supervisor need not wake for each record. */
START_TEST(busy_pipes_are_read_every_50_ms)
{
	struct newborn newborn;
	struct wire_record record;

	want("a", NULL);
	newborn = live();
	record = a_sample(&newborn, targets.targets[0]);
	record.checks_started = 100;
	now_ns += NS_PER_S;
	for (unsigned i = 1; i <= 2; i++) { /* heard at once, both */
		ck_assert_int_eq(wire_write(newborn.pipe_fd, &record), 0);
		now_ns += NS_PER_MS;
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_uint_eq(result_count, i);
	}
	/* it is 2 ms past a moment at which all are read */
	for (unsigned i = 1; i <= 47; i++) {
		ck_assert_int_eq(wire_write(newborn.pipe_fd, &record), 0);
		now_ns += NS_PER_MS;
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		ck_assert_uint_eq(result_count, 2);
	}
	now_ns += NS_PER_MS;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, 49);
	now_ns += WORKER_PIPES_LATE_NS; /* nothing came: heard at once again */
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	now_ns += NS_PER_S;
	ck_assert_int_eq(wire_write(newborn.pipe_fd, &record), 0);
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_uint_eq(result_count, 50);
	forget(&newborn);
}
END_TEST

START_TEST(silence_is_death_after_two_and_a_half_seconds)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	now_ns += WORKER_SILENCE_NS - 1;
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	now_ns += 1;
	worker_pool_judge(&pool, now_ns, 0);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("silent")) == 1);
	assert_renewed();
}
END_TEST

START_TEST(the_supervisors_own_lateness_is_no_silence)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	now_ns += 10 * NS_PER_S;
	worker_pool_judge(&pool, now_ns, 10 * NS_PER_S);
	now_ns += WORKER_SILENCE_NS - 1;
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	/* what lies in the pipe is heard first */
	say(&newborn, WIRE_HEARTBEAT);
	now_ns += WORKER_SILENCE_NS - 1;
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

static int
write_heartbeat(const struct newborn *newborn)
{
	struct wire_record record;

	wire_init(&record, WIRE_HEARTBEAT, newborn->birth.worker_gen);
	return wire_write(newborn->pipe_fd, &record);
}

static void
write_heartbeats(const struct newborn *newborn, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(write_heartbeat(newborn), 0);
		if (i % 32 == 0)
			worker_pool_read(&pool);
	}
	worker_pool_read(&pool);
}

START_TEST(more_records_than_its_checks_explain_are_a_flood)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	/* as many as this are well at once */
	write_heartbeats(&newborn, FLOOD_BURST_RECORDS - 100);
	now_ns += NS_PER_S;
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	/* and these too many for a check a second */
	write_heartbeats(&newborn,
		FLOOD_RECORDS_PER_S + FLOOD_RECORDS_PER_CHECK + 100 + 1);
	now_ns += NS_PER_S;
	worker_pool_judge(&pool, now_ns, 0);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
}
END_TEST

START_TEST(a_pipe_that_is_never_empty_is_a_flood)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	/* full when the supervisor was late, and empty before long */
	while (write_heartbeat(&newborn) == 0)
		;
	now_ns += 10 * NS_PER_S;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	worker_pool_judge(&pool, now_ns, 10 * NS_PER_S);
	for (int i = 0; i < 20; i++)
		worker_pool_read(&pool);
	for (int i = 0; i < 5; i++) {
		now_ns += 500 * NS_PER_MS;
		ck_assert_int_eq(loop_turn(loop, 0), 0);
		worker_pool_judge(&pool, now_ns, 0);
		ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
		while (write_heartbeat(&newborn) == 0)
			;
	}
	now_ns += 500 * NS_PER_MS;
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	worker_pool_judge(&pool, now_ns, 0);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
}
END_TEST

#define RESIDENT "kubenurse_worker_resident_memory_bytes{worker=\"extra\"} "

/* What the kernel says in statm (proc(5)): its second number. */
static void
have_pages(int memory_fd, uint64_t count)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%llu %llu 1 1 0 1 0\n",
		(unsigned long long)count + 9, (unsigned long long)count);

	ck_assert_int_eq(pwrite(memory_fd, text, (size_t)len, 0), len);
}

START_TEST(what_is_larger_than_its_targets_explain_is_replaced)
{
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t limit_bytes =
		WORKER_MEMORY_BASE_BYTES + WORKER_MEMORY_TARGET_BYTES;
	int memory_fd = memfd_create("statm", MFD_CLOEXEC);
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	worker_pool_take_memory(
		&pool, newborn.birth.worker_gen, dup(memory_fd));
	tell_birth(&newborn, newborn.pid);
	say(&newborn, WIRE_HELLO);
	ck_assert(metric(RESIDENT) < 0); /* not known yet */
	have_pages(memory_fd, limit_bytes / page_bytes);
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert(metric(RESIDENT) == (double)limit_bytes);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	have_pages(memory_fd, limit_bytes / page_bytes + 1);
	worker_pool_judge(&pool, now_ns, 0);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("memory")) == 1);
	assert_renewed();
	close(memory_fd);
}
END_TEST

START_TEST(memory_that_cannot_be_read_is_unknown_and_no_fault)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	worker_pool_take_memory(&pool, newborn.birth.worker_gen, -1);
	tell_birth(&newborn, newborn.pid);
	say(&newborn, WIRE_HELLO);
	worker_pool_judge(&pool, now_ns, 0);
	ck_assert(metric(RESIDENT) < 0);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	/* of a birth that nobody asked for: closed, as the end will show */
	worker_pool_take_memory(&pool, newborn.birth.worker_gen + 1,
		memfd_create("statm", MFD_CLOEXEC));
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

#define CPU "kubenurse_worker_cpu_seconds_total{worker=\"extra\"} "

/* Uses so much of the processor that no account is too coarse for it. */
static pid_t
fork_spinner(void)
{
	int done[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(done), 0);
	pid = fork();
	if (pid == 0) {
		while (clock() < CLOCKS_PER_SEC / 10)
			;
		byte = (char)write(done[1], "x", 1);
		for (;;)
			pause();
	}
	close(done[1]);
	ck_assert_int_eq(read(done[0], &byte, 1), 1);
	close(done[0]);
	return pid;
}

/* N 4.30 */
START_TEST(cpu_time_is_the_kernels_word_and_outlives_a_kill)
{
	struct newborn newborn;
	double before;

	want("a", NULL);
	newborn = take_birth();
	kill(newborn.pid, SIGKILL);
	waitpid(newborn.pid, NULL, 0);
	newborn.pid = fork_spinner();
	tell_birth(&newborn, newborn.pid);
	say(&newborn, WIRE_HELLO);
	ck_assert(metric(CPU) == 0); /* no heartbeat yet */
	die_of(&newborn, SIGKILL);
	before = metric(CPU);
	ck_assert_double_ge(before, 0.1);
	assert_renewed();
	pass(NS_PER_S);
	newborn = take_birth(); /* the next one begins at nothing */
	kill(newborn.pid, SIGKILL);
	waitpid(newborn.pid, NULL, 0);
	newborn.pid = fork_spinner();
	tell_birth(&newborn, newborn.pid);
	say(&newborn, WIRE_HELLO);
	ck_assert(metric(CPU) == before);
	say(&newborn, WIRE_HEARTBEAT);
	ck_assert_double_ge(metric(CPU), before + 0.1);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(a_trap_is_told_and_death_by_it_counted)
{
	struct newborn newborn;
	struct wire_record record;

	want("a", NULL);
	newborn = live();
	wire_init(&record, WIRE_TRAP, newborn.birth.worker_gen);
	record.body.trap.call_number = 59;
	say_record(&newborn, &record);
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	die_of(&newborn, SIGKILL);
	ck_assert(metric(RESTARTS("signal")) == 1);
}
END_TEST

enum nonsense {
	NONSENSE_TORN,
	NONSENSE_MAGIC,
	NONSENSE_GENERATION,
	NONSENSE_TARGET,
	NONSENSE_TARGET_GENERATION,
	NONSENSE_FEWER_STARTED,
	NONSENSE_MORE_ENDED,
	NONSENSE_AFTER_A_TRAP,
	NONSENSE_COUNT
};

static void
write_nonsense(struct newborn *newborn, enum nonsense what)
{
	struct wire_record record = a_sample(newborn, targets.targets[0]);

	newborn->checks_started = 1;
	if (what == NONSENSE_TORN) {
		ck_assert_int_eq((int)write(newborn->pipe_fd, &record, 9), 9);
		turn();
		return;
	}
	if (what == NONSENSE_MAGIC)
		record.magic++;
	if (what == NONSENSE_GENERATION)
		record.worker_gen++;
	if (what == NONSENSE_TARGET)
		record.body.sample.target_id = 99;
	if (what == NONSENSE_TARGET_GENERATION)
		record.body.sample.target_gen = targets.last_gen + 1;
	if (what == NONSENSE_FEWER_STARTED) {
		newborn->checks_started = 9;
		say(newborn, WIRE_HEARTBEAT);
		newborn->checks_started = 8;
	}
	if (what == NONSENSE_MORE_ENDED)
		newborn->checks_started = 0;
	if (what == NONSENSE_AFTER_A_TRAP)
		say(newborn, WIRE_TRAP);
	say_record(newborn, &record);
}

START_TEST(nonsense_is_death)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	write_nonsense(&newborn, (enum nonsense)_i);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
	ck_assert_uint_eq(result_count, 0);
	assert_renewed();
}
END_TEST

START_TEST(inventing_nameservers_is_nonsense)
{
	struct newborn newborn;
	struct wire_record record;

	want("a", NULL);
	newborn = live();
	wire_init(&record, WIRE_DNS, newborn.birth.worker_gen);
	record.body.dns.target_id = targets.targets[0]->id;
	record.body.dns.target_gen = targets.targets[0]->gen;
	for (int i = 0; i < 1000; i++) {
		snprintf(record.body.dns.nameserver, WIRE_NAMESERVER_BYTES,
			"192.0.2.%d:53", i % WORKER_NAMESERVERS_MAX);
		say_record(&newborn, &record);
	}
	ck_assert_int_eq(waitpid(newborn.pid, NULL, WNOHANG), 0);
	strcpy(record.body.dns.nameserver, "192.0.2.200:53");
	say_record(&newborn, &record);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
}
END_TEST

#define ASKED_COUNT(server)                                                    \
	"kubenurse_dns_query_duration_seconds_count{type=\"a\","               \
	"nameserver=\"" server "\"} "

static void
say_dns(struct newborn *newborn, const char *nameserver)
{
	struct wire_record record;

	wire_init(&record, WIRE_DNS, newborn->birth.worker_gen);
	record.body.dns.target_id = targets.targets[0]->id;
	record.body.dns.target_gen = targets.targets[0]->gen;
	wire_set_text(
		record.body.dns.nameserver, WIRE_NAMESERVER_BYTES, nameserver);
	say_record(newborn, &record);
}

START_TEST(nameservers_of_a_worker_that_was_replaced_are_forgotten)
{
	struct newborn old, new;

	want("a", NULL);
	old = live();
	say_dns(&old, "192.0.2.1:53");
	say_dns(&old, "192.0.2.2:53");
	worker_pool_replace(&pool);
	new = live();
	end_well(&old);
	say_dns(&new, "192.0.2.2:53");
	registry_expire(registry, now_ns, 0);
	ck_assert(metric(ASKED_COUNT("192.0.2.1:53")) < 0);
	ck_assert(metric(ASKED_COUNT("192.0.2.2:53")) == 2);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(nonsense_before_the_pid_is_known_is_death_too)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	write_nonsense(&newborn, NONSENSE_MAGIC);
	tell_birth(&newborn, newborn.pid);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
}
END_TEST

START_TEST(a_sample_of_an_older_generation_is_dropped)
{
	struct newborn newborn;
	struct wire_record record;
	struct target_spec spec = a_spec("a");

	want("a", NULL);
	newborn = live();
	newborn.checks_started = 2;
	record = a_sample(&newborn, targets.targets[0]);
	spec.interval_ns++;
	target_table_begin(&targets, WORKER_EXTRA);
	target_table_want(&targets, WORKER_EXTRA, &spec, 0, NULL);
	target_table_end(&targets, WORKER_EXTRA, now_ns);
	worker_pool_update(&pool, WORKER_EXTRA);
	say_record(&newborn, &record);
	ck_assert_uint_eq(result_count, 0);
	ck_assert(metric(UP) == 1); /* and no nonsense */
	record = a_sample(&newborn, targets.targets[0]);
	say_record(&newborn, &record);
	ck_assert_uint_eq(result_count, 1);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(a_cancelled_check_counts_nowhere)
{
	struct newborn newborn;
	struct wire_record record;

	want("a", NULL);
	newborn = live();
	newborn.checks_started = 1;
	record = a_sample(&newborn, targets.targets[0]);
	record.body.sample.outcome = OUTCOME_CANCELLED;
	record.body.sample.stamped = 1;
	say_record(&newborn, &record);
	ck_assert_uint_eq(result_count, 0);
	ck_assert(metric("kubenurse_scheduler_lateness_seconds_count") < 0);
	ck_assert(metric("kubenurse_httpclient_requests_total") < 0);
	die_of(&newborn, SIGKILL);
	ck_assert(metric(LOST) == 0);
}
END_TEST

START_TEST(a_nursery_that_does_not_answer_is_noticed)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	ck_assert(
		!worker_pool_is_lost(&pool, now_ns + WORKER_BIRTH_MAX_NS - 1));
	ck_assert(worker_pool_is_lost(&pool, now_ns + WORKER_BIRTH_MAX_NS));
	/* all were frozen: it gets as much time as before */
	now_ns += 60 * NS_PER_S;
	worker_pool_judge(&pool, now_ns, 60 * NS_PER_S);
	ck_assert(
		!worker_pool_is_lost(&pool, now_ns + WORKER_BIRTH_MAX_NS - 1));
	tell_birth(&newborn, newborn.pid);
	ck_assert(!worker_pool_is_lost(&pool, now_ns + WORKER_BIRTH_MAX_NS));
	die_of(&newborn, SIGKILL);
}
END_TEST

START_TEST(a_nursery_that_cannot_is_asked_again)
{
	struct newborn newborn;
	struct control_message message;

	want("a", NULL);
	newborn = take_birth();
	tell_birth(&newborn, -EAGAIN);
	ck_assert(metric(RESTARTS("exit")) == 1);
	kill(newborn.pid, SIGKILL);
	waitpid(newborn.pid, NULL, 0);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
	ck_assert_int_eq(asked(&message), 0);
	pass(NS_PER_S);
	newborn = live();
	ck_assert(metric(UP) == 1);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

/* The kernel ignores CLONE_PARENT, or holds what was killed: here the test
 * tells of no end. */
START_TEST(who_is_killed_and_never_reaped_is_noticed)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = take_birth();
	worker_pool_born(
		&pool, &(struct control_born){ .worker_gen = pool.last_gen,
			       .pid = newborn.pid,
			       .is_nurserys = true });
	say(&newborn, WIRE_HELLO);
	now_ns += WORKER_SILENCE_NS;
	worker_pool_judge(&pool, now_ns, 0);
	turn();
	ck_assert(
		!worker_pool_is_lost(&pool, now_ns + WORKER_DEATH_MAX_NS - 1));
	ck_assert(worker_pool_is_lost(&pool, now_ns + WORKER_DEATH_MAX_NS));
	/* all were frozen: it gets as much time as before */
	now_ns += 60 * NS_PER_S;
	worker_pool_judge(&pool, now_ns, 60 * NS_PER_S);
	ck_assert(
		!worker_pool_is_lost(&pool, now_ns + WORKER_DEATH_MAX_NS - 1));
	die_of(&newborn, 0); /* reaped here: by SIGKILL */
	ck_assert(!worker_pool_is_lost(&pool, now_ns + WORKER_DEATH_MAX_NS));
	ck_assert(metric(RESTARTS("silent")) == 1);
}
END_TEST

/* It has closed what it was given before the supervisor goes on. */
START_TEST(a_nursery_that_fails_at_once_says_why_itself)
{
	is_quick = true;
	want("a", NULL);
	is_quick = false;
	/* its answer is waited for: there was no failure of our own */
	ck_assert_uint_eq(worker_pool_running(&pool), 1);
	worker_pool_born(
		&pool, &(struct control_born){
			       .worker_gen = pool.last_gen, .pid = -EMFILE });
	ck_assert_uint_eq(worker_pool_running(&pool), 0);
	ck_assert(metric(RESTARTS("exit")) == 1);
}
END_TEST

/* It was dead and buried before the nursery's answer was read. */
START_TEST(a_worker_that_dies_at_once_is_not_waited_for_for_ever)
{
	struct newborn newborn;
	struct worker_exit worker_exit;

	want("a", NULL);
	newborn = take_birth();
	kill(newborn.pid, SIGKILL);
	ck_assert_int_eq(
		worker_exit_collect(newborn.pid, 0, &worker_exit), newborn.pid);
	ck_assert(!worker_pool_reaped(&pool, newborn.pid, &worker_exit));
	tell_birth(&newborn, newborn.pid);
	ck_assert(metric(RESTARTS("signal")) == 1);
	ck_assert_uint_eq(worker_pool_running(&pool), 0);
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(a_replacement_is_born_before_the_old_one_leaves)
{
	struct newborn old, new;
	struct wire_record record;

	want("a", NULL);
	old = live();
	ck_assert_str_eq(told(&old), "T");
	worker_pool_replace(&pool);
	new = take_birth();
	ck_assert_str_eq(told(&old), "");
	tell_birth(&new, new.pid);
	say(&new, WIRE_HELLO);
	ck_assert_str_eq(told(&old), "D");
	ck_assert_str_eq(told(&new), "");
	/* its last check still counts */
	old.checks_started = 1;
	record = a_sample(&old, targets.targets[0]);
	say_record(&old, &record);
	ck_assert_uint_eq(result_count, 1);
	ck_assert(metric(UP) == 1);
	end_well(&old);
	ck_assert_str_eq(told(&new), "T");
	ck_assert(metric(UP) == 1);
	ck_assert(metric("kubenurse_worker_restarts_total") < 0);
	ck_assert(metric(LOST) == 0);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

static void
want_url(const char *url)
{
	struct target_spec spec = a_spec("a");

	spec.url = url;
	target_table_begin(&targets, WORKER_EXTRA);
	ck_assert_int_eq(
		target_table_want(&targets, WORKER_EXTRA, &spec, 0, NULL), 0);
	target_table_end(&targets, WORKER_EXTRA, now_ns);
	worker_pool_update(&pool, WORKER_EXTRA);
}

/* The right to open UNIX sockets comes and goes with the checks of unix://. */
START_TEST(a_check_of_a_socket_needs_another_process)
{
	struct control_message message;
	struct newborn old, new;

	want("a", NULL);
	old = live();
	ck_assert(!old.birth.needs_unix);
	ck_assert_str_eq(told(&old), "T");
	want_url("unix:///run/app.sock");
	new = take_birth();
	ck_assert(new.birth.needs_unix);
	/* the old one must not even try; and nothing is asked for twice */
	ck_assert_str_eq(told(&old), "");
	worker_pool_update(&pool, WORKER_EXTRA);
	ck_assert_int_eq(asked(&message), 0);
	tell_birth(&new, new.pid);
	say(&new, WIRE_HELLO);
	ck_assert_str_eq(told(&old), "D");
	end_well(&old);
	ck_assert_str_eq(told(&new), "T");
	worker_pool_update(&pool, WORKER_EXTRA);
	ck_assert_int_eq(asked(&message), 0);
	old = new;
	want_url("http://192.0.2.1/");
	ck_assert_str_eq(told(&old), "T");
	new = take_birth();
	ck_assert(!new.birth.needs_unix);
	tell_birth(&new, new.pid);
	say(&new, WIRE_HELLO);
	end_well(&old);
	ck_assert_str_eq(told(&new), "T");
	ck_assert(metric("kubenurse_worker_restarts_total") < 0);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

static void
say_leaving(struct newborn *newborn, const struct target *busy)
{
	struct wire_record record;

	wire_init(&record, WIRE_BUSY, newborn->birth.worker_gen);
	record.body.busy.target_id = busy->id;
	record.body.busy.target_gen = busy->gen;
	say_record(newborn, &record);
	say(newborn, WIRE_IDLE);
}

/* Two targets, one of which the old worker still checks. */
static void
hand_over(struct newborn *ret_old, struct newborn *ret_new)
{
	want("a", "b");
	*ret_old = live();
	worker_pool_replace(&pool);
	*ret_new = live();
	ck_assert_str_eq(told(ret_old), "TTD");
	ck_assert_str_eq(told(ret_new), "");
	ret_old->checks_started = 1;
	say_leaving(ret_old, targets.targets[0]);
	ck_assert_str_eq(told(ret_new), "T");
	ck_assert(metric(UP) == 1);
}

START_TEST(only_checks_under_way_wait_for_the_old_one)
{
	struct newborn old, new;
	struct wire_record record;
	struct control_message message;

	hand_over(&old, &new);
	record = a_sample(&old, targets.targets[0]);
	record.body.sample.started_mono_ns = now_ns - 5;
	say_record(&old, &record);
	ck_assert_uint_eq(result_count, 1);
	/* it goes on where the old one was */
	ck_assert_int_eq(
		control_receive(new.control_fd, &message, buf, sizeof(buf)), 1);
	ck_assert_int_eq(message.kind, CONTROL_TARGET);
	ck_assert_uint_eq(message.body.target.id, targets.targets[0]->id);
	ck_assert_uint_eq(message.body.target.started_mono_ns, now_ns - 5);
	end_well(&old);
	ck_assert_str_eq(told(&new), "");
	ck_assert(metric("kubenurse_worker_restarts_total") < 0);
	ck_assert(metric(LOST) == 0);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(an_old_one_that_dies_over_its_last_check_frees_it)
{
	struct newborn old, new;

	hand_over(&old, &new);
	die_of(&old, SIGKILL);
	ck_assert_str_eq(told(&new), "T");
	ck_assert(metric(UP) == 1);
	ck_assert(metric(LOST) == 1);
	ck_assert(metric(RESTARTS("signal")) == 1);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(a_new_one_that_dies_first_does_not_bring_back_the_old)
{
	struct newborn old, new, third;
	struct wire_record record;
	struct control_message message;

	hand_over(&old, &new);
	die_of(&new, SIGKILL);
	ck_assert(metric(UP) == 0);
	ck_assert_int_eq(asked(&message), 1); /* renew */
	pass(NS_PER_S);
	third = live();
	ck_assert_str_eq(told(&third), "T");
	record = a_sample(&old, targets.targets[0]);
	say_record(&old, &record);
	ck_assert_str_eq(told(&third), "T");
	end_well(&old);
	ck_assert_str_eq(told(&third), "");
	ck_assert(metric(LOST) == 0);
	close(third.control_fd);
	close(third.pipe_fd);
	close(third.log_fd);
}
END_TEST

START_TEST(a_change_while_the_old_one_ends_its_checks_replaces_again)
{
	struct newborn old, new, third;
	struct control_message message;

	hand_over(&old, &new);
	worker_pool_replace(&pool);
	ck_assert_int_eq(asked(&message), 0);
	end_well(&old);
	third = live();
	ck_assert_str_eq(told(&new), "TD");
	end_well(&new);
	ck_assert_str_eq(told(&third), "TT");
	close(third.control_fd);
	close(third.pipe_fd);
	close(third.log_fd);
}
END_TEST

START_TEST(what_goes_while_the_old_one_ends_its_checks_does_not_come)
{
	struct newborn old, new;
	struct wire_record record;

	hand_over(&old, &new);
	record = a_sample(&old, targets.targets[0]);
	want("b", NULL);
	ck_assert_str_eq(told(&new), "G");
	say_record(&old, &record);
	end_well(&old);
	ck_assert_str_eq(told(&new), "");
	ck_assert_uint_eq(result_count, 0);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(leaving_unasked_is_nonsense)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	say(&newborn, WIRE_IDLE);
	die_of(&newborn, 0);
	ck_assert(metric(RESTARTS("nonsense")) == 1);
}
END_TEST

START_TEST(an_old_one_that_does_not_leave_is_killed)
{
	struct newborn old, new;

	want("a", NULL);
	old = live();
	worker_pool_replace(&pool);
	new = live();
	ck_assert_str_eq(told(&old), "TD");
	for (int i = 0; i < 7; i++) { /* the timeout of its targets, and 1 s */
		say(&old, WIRE_HEARTBEAT);
		say(&new, WIRE_HEARTBEAT);
		ck_assert_int_eq(waitpid(old.pid, NULL, WNOHANG), 0);
		now_ns += NS_PER_S;
		worker_pool_judge(&pool, now_ns, 0);
	}
	die_of(&old, 0);
	ck_assert_str_eq(told(&new), "T");
	ck_assert(metric("kubenurse_worker_restarts_total") < 0);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(an_old_one_that_dies_early_leaves_it_to_the_new)
{
	struct newborn old, new;

	want("a", NULL);
	old = live();
	worker_pool_replace(&pool);
	new = take_birth();
	tell_birth(&new, new.pid);
	die_of(&old, SIGKILL);
	ck_assert(metric(UP) == 0);
	say(&new, WIRE_HELLO);
	ck_assert_str_eq(told(&new), "T");
	ck_assert(metric(UP) == 1);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(a_change_during_a_replacement_replaces_again)
{
	struct newborn old, new, third;
	struct control_message message;

	want("a", NULL);
	old = live();
	worker_pool_replace(&pool);
	new = live();
	worker_pool_replace(&pool);
	ck_assert_int_eq(asked(&message), 0);
	end_well(&old);
	third = live();
	ck_assert_str_eq(told(&new), "TD");
	end_well(&new);
	ck_assert_str_eq(told(&third), "T");
	ck_assert_int_eq(asked(&message), 0);
	close(third.control_fd);
	close(third.pipe_fd);
	close(third.log_fd);
}
END_TEST

START_TEST(a_successor_that_dies_is_tried_again)
{
	struct newborn old, new;

	want("a", NULL);
	old = live();
	worker_pool_replace(&pool);
	new = take_birth();
	tell_birth(&new, -ENOMEM);
	kill(new.pid, SIGKILL);
	waitpid(new.pid, NULL, 0);
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
	ck_assert(metric(UP) == 1); /* the old one goes on */
	pass(NS_PER_S);
	new = live();
	ck_assert_str_eq(told(&old), "TD");
	end_well(&old);
	ck_assert_str_eq(told(&new), "T");
	close(new.control_fd);
	close(new.pipe_fd);
	close(new.log_fd);
}
END_TEST

START_TEST(no_targets_no_worker_no_series)
{
	struct newborn newborn;

	want("a", NULL);
	newborn = live();
	want(NULL, NULL);
	ck_assert_str_eq(told(&newborn), "TC");
	end_well(&newborn);
	ck_assert(metric(UP) < 0);
	ck_assert(metric("kubenurse_worker_restarts_total") < 0);
	want("a", NULL);
	newborn = live();
	ck_assert_str_eq(told(&newborn), "T");
	close(newborn.control_fd);
	close(newborn.pipe_fd);
	close(newborn.log_fd);
}
END_TEST

START_TEST(no_longer_wanted_while_it_waits_for_its_restart)
{
	struct newborn newborn;
	struct control_message message;

	want("a", NULL);
	newborn = live();
	die_of(&newborn, SIGKILL);
	ck_assert_int_eq(asked(&message), 1); /* renew */
	want(NULL, NULL);
	ck_assert(metric(UP) < 0);
	ck_assert(!targets.targets[0]->used);
	pass(NS_PER_S);
	ck_assert_int_eq(asked(&message), 0);
}
END_TEST

START_TEST(at_the_stop_all_are_cancelled_and_none_comes_back)
{
	struct newborn newborn;
	struct control_message message;

	want("a", NULL);
	newborn = live();
	worker_pool_stop(&pool);
	worker_pool_stop(&pool);
	ck_assert_str_eq(told(&newborn), "TC");
	end_well(&newborn);
	pass(100 * NS_PER_S);
	ck_assert_int_eq(asked(&message), 0);
	ck_assert_uint_eq(worker_pool_running(&pool), 0);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_type_without_targets_has_no_worker,
		who_needs_the_cas_is_born_last,
		a_worker_is_told_its_targets_after_its_hello,
		a_worker_cannot_send_on_its_control_socket,
		a_file_that_cannot_be_opened_for_now_is_tried_again,
		a_hello_may_come_before_the_nurserys_answer,
		the_hops_of_a_check_count_with_its_last,
		restarts_are_remembered_as_long_as_there_is_the_worker,
		restarts_wait_longer_each_time,
		what_was_in_flight_is_lost_and_what_was_said_is_not,
		every_check_that_was_begun_is_accounted_for,
		records_that_were_dropped_are_counted_once,
		busy_pipes_are_read_every_50_ms,
		a_failure_and_what_is_shown_are_read_at_once,
		a_pipe_that_fills_is_emptied_at_once,
		what_a_dying_worker_has_written_counts,
		who_rings_for_ever_is_killed,
		silence_is_death_after_two_and_a_half_seconds,
		the_supervisors_own_lateness_is_no_silence,
		more_records_than_its_checks_explain_are_a_flood,
		a_pipe_that_is_never_empty_is_a_flood,
		what_is_larger_than_its_targets_explain_is_replaced,
		memory_that_cannot_be_read_is_unknown_and_no_fault,
		cpu_time_is_the_kernels_word_and_outlives_a_kill,
		a_trap_is_told_and_death_by_it_counted,
		inventing_nameservers_is_nonsense,
		nameservers_of_a_worker_that_was_replaced_are_forgotten,
		nonsense_before_the_pid_is_known_is_death_too,
		a_sample_of_an_older_generation_is_dropped,
		a_cancelled_check_counts_nowhere,
		a_nursery_that_does_not_answer_is_noticed,
		a_nursery_that_cannot_is_asked_again,
		a_nursery_that_fails_at_once_says_why_itself,
		who_is_killed_and_never_reaped_is_noticed,
		a_worker_that_dies_at_once_is_not_waited_for_for_ever,
		a_replacement_is_born_before_the_old_one_leaves,
		a_check_of_a_socket_needs_another_process,
		only_checks_under_way_wait_for_the_old_one,
		an_old_one_that_dies_over_its_last_check_frees_it,
		a_new_one_that_dies_first_does_not_bring_back_the_old,
		a_change_while_the_old_one_ends_its_checks_replaces_again,
		what_goes_while_the_old_one_ends_its_checks_does_not_come,
		leaving_unasked_is_nonsense,
		an_old_one_that_does_not_leave_is_killed,
		an_old_one_that_dies_early_leaves_it_to_the_new,
		a_change_during_a_replacement_replaces_again,
		a_successor_that_dies_is_tried_again,
		no_targets_no_worker_no_series,
		no_longer_wanted_while_it_waits_for_its_restart,
		at_the_stop_all_are_cancelled_and_none_comes_back };
	Suite *suite = suite_create("worker_pool");
	TCase *tcase = tcase_create("worker_pool");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	signal(SIGPIPE, SIG_IGN);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, nonsense_is_death, 0, NONSENSE_COUNT);
	tcase_add_loop_test(
		tcase, a_failure_waits_for_the_end_of_a_scrape, 0, 2);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
