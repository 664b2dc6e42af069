/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and watches of the API server, whatever it answers, on a scripted
 * network and in simulated time: when is what asked again, from where on, and
 * what is told of it.
 */
#include "tests/unit/fake_network.h"
#include "workers/discovery/list_watch.h"

#include <stdarg.h>
#include <time.h>

#define S  NS_PER_S
#define MS NS_PER_MS

#define ANSWERS_MAX  48
#define FAILURES_MAX 48

/* What the server does, request by request; the last one again and again. */
static struct fake_peer answers[ANSWERS_MAX];
static size_t answer_count;
static struct fake_peer gate;
static char texts[64 * 1024];
static size_t texts_used;

static struct {
	uint64_t at_ns;
	char text[2048];
} requests[ANSWERS_MAX];
static size_t request_count;

static struct {
	enum discovery_error error;
	char text[LIST_WATCH_ERROR_BYTES];
} failures[FAILURES_MAX];
static size_t failure_count;

static unsigned lists_begun, lists_complete, lists_aborted, successes;
static uint64_t received_bytes;
static char told[65536]; /* "+name " a row, "-name " one that left */
static int row_rc;

static struct control_nursery settings;
static struct worker worker;
static struct list_watch watch;

/* --------------------------------------------------------------- the server */

static const struct fake_peer *
answer(const char *request)
{
	size_t i = request_count;

	ck_assert_uint_lt(i, ANSWERS_MAX);
	ck_assert_uint_gt(answer_count, 0);
	requests[i].at_ns = fake.now_ns;
	snprintf(requests[i].text, sizeof(requests[i].text), "%s", request);
	request_count++;
	return &answers[i < answer_count ? i : answer_count - 1];
}

static struct fake_peer *
add_answer(void)
{
	struct fake_peer *peer = &answers[answer_count++];

	ck_assert_uint_le(answer_count, ANSWERS_MAX);
	memset(peer, 0, sizeof(*peer));
	peer->answer = answer;
	return peer;
}

static void
add_step(struct fake_peer *peer, uint64_t after_ns, const char *bytes)
{
	ck_assert_uint_lt(peer->step_count, FAKE_STEPS);
	peer->steps[peer->step_count++] =
		(struct fake_step){ .after_ns = after_ns, .bytes = bytes };
}

/* Stays until the script ends. */
static const char *
text_of(const char *format, ...)
{
	char *text = texts + texts_used;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(texts) - texts_used, format, args);
	va_end(args);
	texts_used += (size_t)len + 1;
	ck_assert_uint_lt(texts_used, sizeof(texts));
	return text;
}

static void
answer_with(const char *status, const char *fields, const char *body)
{
	add_step(add_answer(), MS,
		text_of("HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s",
			status, strlen(body), fields, body));
}

static void
refuse_with(const char *status, const char *fields)
{
	answer_with(status, fields,
		"{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":1,"
		"\"message\":\"the server's reason\"}");
}

#define COLUMNS                                                                \
	"\"columnDefinitions\":[{\"name\":\"Name\"},{\"name\":\"Ready\"},"     \
	"{\"name\":\"Status\"},{\"name\":\"IP\"},{\"name\":\"Node\"}],"
#define ROW(name)                                                              \
	"\"rows\":[{\"cells\":[\"" name "\",\"1/1\",\"Running\","              \
	"\"10.0.0.1\",\"n1\"],\"object\":null}]"
#define TABLE(version, more)                                                   \
	"{\"kind\":\"Table\",\"metadata\":{\"resourceVersion\":\"" version     \
	"\"}," COLUMNS more "}"
#define EVENT(type, version, more)                                             \
	"{\"type\":\"" type "\",\"object\":" TABLE(version, more) "}\n"
#define BOOKMARK(version) EVENT("BOOKMARK", version, "\"rows\":[]")

static void
answer_list(void)
{
	answer_with("200 OK", "", TABLE("7", ROW("a")));
}

#define WATCH_HEAD                                                             \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"                \
	"Transfer-Encoding: chunked\r\n\r\n"
#define WATCH_END "0\r\n\r\n"

static const char *
chunk(const char *bytes)
{
	return text_of("%zx\r\n%s\r\n", strlen(bytes), bytes);
}

/* A watch that begins; what follows are its steps. */
static struct fake_peer *
begin_watch(void)
{
	struct fake_peer *peer = add_answer();

	add_step(peer, MS, WATCH_HEAD);
	return peer;
}

/* All that was ever said, without TLS. */
static uint64_t
sent_bytes(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < answer_count; i++)
		for (size_t j = 0; j < answers[i].step_count; j++)
			sum += strlen(answers[i].steps[j].bytes);
	return sum;
}

/* --------------------------------------------------------------- the client */

static void
on_list(struct list_watch *w)
{
	(void)w;
	lists_begun++;
}

static int
on_row(struct list_watch *w, enum table_event event,
	const struct table_row *row)
{
	size_t used = strlen(told);

	(void)w;
	snprintf(told + used, sizeof(told) - used, "%c%s ",
		event == TABLE_DELETED ? '-' : '+', row->name);
	return row_rc;
}

static void
on_list_end(struct list_watch *w, bool complete)
{
	(void)w;
	lists_complete += complete;
	lists_aborted += !complete;
}

static void
on_changes(struct list_watch *w)
{
	(void)w;
}

static void
on_success(struct list_watch *w)
{
	(void)w;
	successes++;
}

static void
on_failure(struct list_watch *w, enum discovery_error error, const char *text)
{
	(void)w;
	ck_assert_uint_lt(failure_count, FAILURES_MAX);
	failures[failure_count].error = error;
	snprintf(failures[failure_count++].text, LIST_WATCH_ERROR_BYTES, "%s",
		text);
}

static void
on_received(struct list_watch *w, size_t n_bytes)
{
	(void)w;
	received_bytes += n_bytes;
}

static const struct list_watch_ops ops = {
	.on_list = on_list,
	.on_row = on_row,
	.on_list_end = on_list_end,
	.on_changes = on_changes,
	.on_success = on_success,
	.on_failure = on_failure,
	.on_received = on_received,
};

static void
setup(void)
{
	fake_reset();
	memset(&worker, 0, sizeof(worker));
	memset(&watch, 0, sizeof(watch));
	answer_count = request_count = failure_count = 0;
	lists_begun = lists_complete = lists_aborted = successes = 0;
	received_bytes = 0;
	texts_used = 0;
	told[0] = '\0';
	row_rc = 0;
	gate = (struct fake_peer){ .address = "192.0.2.1:443",
		.connect_ns = MS,
		.tls_ns = MS,
		.answer = answer };
	fake.peers = &gate;
	fake.peer_count = 1;
	settings = (struct control_nursery){
		.api_host = "192.0.2.1", .api_port = 443, .token_path = "token"
	};
	worker.settings = &settings;
	worker.loop = (struct loop *)(void *)&fake; /* nobody looks inside */
}

static void
teardown(void)
{
	list_watch_stop(&watch);
	ck_assert_uint_eq(fake_open_sockets(), 0);
	for (int i = 0; i < FAKE_MAX; i++)
		ck_assert_ptr_null(fake.timers[i]);
}

static void
begin(bool has_selector)
{
	const struct list_watch_options options = { .kind = TABLE_PODS,
		.path = "/api/v1/pods",
		.query = "labelSelector=x",
		.has_selector = has_selector };

	list_watch_start(&watch, &worker, &options, &ops);
}

static void
begin_anew(void)
{
	teardown();
	setup();
}

/* Between the n-th request and the one after it. */
static uint64_t
pause_after(size_t n)
{
	ck_assert_uint_lt(n + 1, request_count);
	return requests[n + 1].at_ns - requests[n].at_ns;
}

static bool
asks(size_t n, const char *what)
{
	ck_assert_uint_lt(n, request_count);
	return strstr(requests[n].text, what) != NULL;
}

static bool
lists(size_t n)
{
	return asks(n, "GET /api/v1/pods?resourceVersion=0&labelSelector=x ");
}

static bool
watches_from(size_t n, const char *version)
{
	return asks(n, text_of("GET /api/v1/pods?watch=1"
			       "&allowWatchBookmarks=true"
			       "&resourceVersion=%s&timeoutSeconds=",
			       version));
}

/* A new connection takes 2 ms, an answer 1 ms. */
#define TRIP_NS (5 * MS)

#define ASSERT_PAUSE(n, least_ns, most_ns)                                     \
	do {                                                                   \
		ck_assert_uint_ge(pause_after(n), (least_ns));                 \
		ck_assert_uint_le(pause_after(n), (most_ns) + TRIP_NS);        \
	} while (0)

/* -------------------------------------------------------- all goes well */

START_TEST(a_list_then_a_watch_from_there)
{
	struct fake_peer *peer;
	unsigned timeout_s;

	answer_list();
	peer = begin_watch();
	add_step(peer, S, chunk(EVENT("ADDED", "8", ROW("b"))));
	add_step(peer, S, chunk(EVENT("DELETED", "9", ROW("a"))));
	begin(false);
	fake_run_for(60 * S);
	ck_assert_uint_eq(request_count, 2);
	ck_assert(lists(0));
	ck_assert(asks(0, "Accept-Encoding: gzip\r\n"));
	ck_assert(asks(0, "Authorization: Bearer sekrit\r\n"));
	ck_assert(watches_from(1, "7"));
	ck_assert(!asks(1, "Accept-Encoding"));
	ck_assert_int_eq(sscanf(strstr(requests[1].text, "timeoutSeconds="),
				 "timeoutSeconds=%u", &timeout_s),
		1);
	ck_assert(timeout_s >= 300 && timeout_s < 600);
	ck_assert_str_eq(told, "+a +b -a ");
	ck_assert_uint_eq(lists_complete, 1);
	ck_assert_uint_eq(failure_count, 0);
	ck_assert_uint_ge(successes, 2);
	ck_assert_uint_eq(received_bytes, sent_bytes());
}
END_TEST

START_TEST(bookmarks_move_the_point_of_resumption)
{
	struct fake_peer *peer;
	unsigned known;

	answer_list();
	peer = begin_watch();
	add_step(peer, 60 * S, chunk(BOOKMARK("20")));
	add_step(peer, 60 * S, chunk(BOOKMARK("30")));
	add_step(peer, 60 * S, WATCH_END);
	begin_watch();
	begin(false);
	fake_run_for(S);
	known = successes;
	fake_run_for(60 * S);
	/* the server is well, though nothing changes */
	ck_assert_uint_eq(successes, known + 1);
	fake_run_for(139 * S);
	ck_assert_uint_eq(request_count, 3);
	ck_assert(watches_from(1, "7"));
	ck_assert(watches_from(2, "30"));
	ck_assert_uint_eq(failure_count, 0);
	ck_assert_str_eq(told, "+a ");
}
END_TEST

/* However it ends a watch after its time, that is no error; it is resumed at
 * once, and for ever. */
START_TEST(a_watch_that_the_server_ends_is_normal)
{
	static const char *const ends[] = { WATCH_END, NULL };

	for (size_t i = 0; i < 2; i++) {
		begin_anew();
		answer_list();
		for (unsigned j = 0; j < 5; j++) {
			struct fake_peer *peer = begin_watch();

			add_step(peer, 60 * S,
				chunk(text_of(BOOKMARK("1%u"), j)));
			add_step(peer, 60 * S, ends[i]);
		}
		begin_watch();
		begin(false);
		fake_run_for(5 * 121 * S);
		ck_assert_uint_eq(request_count, 7);
		for (size_t j = 1; j < 6; j++)
			ASSERT_PAUSE(j, 120 * S, 120 * S);
		ck_assert(watches_from(6, "14"));
		ck_assert_uint_eq(failure_count, 0);
		ck_assert_uint_eq(lists_begun, 1);
	}
}
END_TEST

START_TEST(a_connection_closed_while_it_was_idle_is_no_error)
{
	struct fake_peer *peer;

	answer_list();
	/* the watch is asked on the list's connection, and finds its end */
	peer = add_answer();
	add_step(peer, MS, NULL);
	begin_watch();
	begin(false);
	fake_run_for(S / 2);
	ck_assert_uint_eq(request_count, 3);
	ck_assert(watches_from(2, "7"));
	ck_assert_uint_eq(failure_count, 0);
}
END_TEST

/* -------------------------------------------------------------- silence */

/* Behind a proxy that buffers: lists arrive, events and bookmarks do not. */
START_TEST(a_silent_watch_is_a_failure_and_lists_serve_instead)
{
	struct fake_peer *peer;
	unsigned successes_before;

	answer_list();
	peer = begin_watch();
	add_step(peer, 74 * S, chunk(BOOKMARK("20"))); /* just in time */
	answer_list();
	begin_watch();
	answer_list();
	peer = begin_watch();
	add_step(peer, 60 * S, chunk(BOOKMARK("30")));
	add_step(peer, 60 * S, chunk(BOOKMARK("31")));
	begin(false);
	fake_run_for((74 + 74) * S);
	ck_assert_uint_eq(request_count, 2);
	ck_assert_uint_eq(failure_count, 0);
	successes_before = successes;
	fake_run_for(3 * S);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_SILENT);
	/* what the list says is taken, but the source is not well by that */
	ck_assert_uint_eq(request_count, 4);
	ck_assert(lists(2));
	ck_assert(watches_from(3, "7"));
	ck_assert_uint_eq(lists_complete, 2);
	ck_assert_uint_eq(successes, successes_before);
	/* nothing has changed since, but nothing has been heard either */
	fake_run_for(79 * S);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(request_count, 6);
	ck_assert_uint_eq(lists_complete, 3);
	ck_assert_uint_eq(successes, successes_before);
	fake_run_for(61 * S); /* it tells something */
	ck_assert_uint_gt(successes, successes_before);
	fake_run_for(60 * S);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(request_count, 6);
}
END_TEST

/* A server that was just started, and where nothing changes, sends no bookmark:
 * there is nothing that could have been missed. */
START_TEST(a_quiet_watch_that_has_missed_nothing_is_no_failure)
{
	answer_list();
	begin_watch();
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(78 * S);
	ck_assert_uint_eq(request_count, 4);
	ck_assert(lists(2));
	ck_assert(watches_from(3, "7"));
	ck_assert_uint_eq(failure_count, 0);
	ck_assert_uint_ge(successes, 4);
}
END_TEST

/* Bytes that are no event are as good as none. */
START_TEST(a_watch_that_trickles_is_silent_too)
{
	struct fake_peer *peer;

	answer_list();
	peer = begin_watch();
	for (int i = 0; i < 4; i++)
		add_step(peer, 20 * S, chunk(" "));
	answer_with("200 OK", "", TABLE("8", ROW("a")));
	begin_watch();
	begin(false);
	fake_run_for(78 * S);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_SILENT);
	ck_assert(lists(2));
}
END_TEST

/* ------------------------------------------------------------- older times */

static const struct {
	const char *event;
	bool is_older; /* than 7, which the list told */
} resumptions[] = {
	{ BOOKMARK("6"), true },
	{ EVENT("MODIFIED", "6", ROW("a")), true },
	{ EVENT("DELETED", "3", ROW("a")), true },
	{ BOOKMARK("007"), false },
	{ BOOKMARK("7"), false },
	{ BOOKMARK("10"), false },
	{ BOOKMARK("99999999999999999999999999"), false },
	{ BOOKMARK("opaque"), false },
};
#define VERSION_COUNT ((int)(sizeof(resumptions) / sizeof(resumptions[0])))

/* etcd was restored from a backup: what is known never was. */
START_TEST(an_event_older_than_what_is_known_lists_again)
{
	struct fake_peer *peer;

	answer_list();
	peer = begin_watch();
	add_step(peer, 10 * S, chunk(resumptions[_i].event));
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(20 * S);
	if (!resumptions[_i].is_older) {
		ck_assert_uint_eq(failure_count, 0);
		ck_assert_uint_eq(request_count, 2);
		return;
	}
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_GONE);
	ck_assert_uint_eq(request_count, 4);
	ck_assert(lists(2));
	ck_assert(watches_from(3, "7"));
}
END_TEST

/* Who answers after that may be another server, or have another past. */
START_TEST(after_a_server_was_away_it_is_listed_again)
{
	answer_list();
	add_step(begin_watch(), 10 * S, NULL); /* its connection ends */
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(5 * S);
	gate.connect_errno = ECONNREFUSED;
	fake_run_for(7 * S);
	ck_assert_uint_ge(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_CONNECT);
	gate.connect_errno = 0;
	fake_run_for(10 * S);
	ck_assert(lists(request_count - 2));
	ck_assert(watches_from(request_count - 1, "7"));
	ck_assert_uint_eq(lists_complete, 2);
}
END_TEST

START_TEST(a_list_lives_between_one_and_two_hours)
{
	uint64_t ages_ns[4];
	unsigned distinct = 0;

	for (size_t i = 0; i < 4; i++) {
		size_t n = 1;

		begin_anew();
		answer_list();
		for (int j = 0; j < ANSWERS_MAX - 1; j++) {
			struct fake_peer *peer = begin_watch();

			/* as the server ends it, after five to ten minutes */
			for (int k = 0; k < 5; k++)
				add_step(peer, 60 * S, chunk(BOOKMARK("8")));
			add_step(peer, MS, WATCH_END);
		}
		begin(false);
		while (lists_begun < 2)
			fake_run_for(S);
		while (!lists(n))
			n++;
		ages_ns[i] = requests[n].at_ns - requests[0].at_ns;
		ck_assert_uint_ge(ages_ns[i], 3600 * S);
		ck_assert_uint_le(ages_ns[i], 7200 * S + 301 * S);
		ck_assert_uint_eq(failure_count, 0);
		for (size_t j = 0; j < i; j++)
			distinct += ages_ns[i] != ages_ns[j];
	}
	ck_assert_uint_gt(distinct, 0);
}
END_TEST

START_TEST(a_server_that_does_not_answer)
{
	gate.connect_ns = FAKE_NEVER;
	begin(false);
	fake_run_for(10 * S + MS);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_CONNECT);
	ck_assert_str_eq(failures[0].text, "connect 192.0.2.1:443: timeout");

	begin_anew();
	gate.tls_ns = FAKE_NEVER;
	begin(false);
	fake_run_for(10 * S + MS);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_TLS);

	begin_anew();
	gate.write_ns = FAKE_NEVER;
	begin(false);
	fake_run_for(10 * S + 10 * MS);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_CONNECT);

	begin_anew();
	add_answer(); /* says nothing */
	begin(false);
	fake_run_for(30 * S + 10 * MS);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_CONNECT);
	ck_assert_str_eq(failures[0].text, "no answer: timeout");
}
END_TEST

/* ------------------------------------------------------------- the back-off */

START_TEST(a_refused_connection_is_tried_from_1_s_to_60_s)
{
	static const uint64_t wanted_s[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
	uint64_t last_ns = FAKE_EPOCH_NS;

	gate.connect_errno = ECONNREFUSED;
	begin(false);
	for (size_t i = 0; i < sizeof(wanted_s) / sizeof(wanted_s[0]); i++) {
		uint64_t nominal_ns = wanted_s[i] * S;
		uint64_t least_ns = nominal_ns * 3 / 4, most_ns;

		least_ns = least_ns < S ? S : least_ns;
		most_ns = nominal_ns * 5 / 4;
		most_ns = most_ns > 60 * S ? 60 * S : most_ns;
		while (failure_count == i)
			fake_run_for(MS);
		ck_assert_uint_le(fake.now_ns - last_ns, 10 * MS);
		ck_assert_uint_eq(failures[i].error, DISCOVERY_ERROR_CONNECT);
		last_ns = fake.now_ns;
		fake_run_for(least_ns - 5 * MS);
		ck_assert_uint_eq(failure_count, i + 1);
		while (failure_count == i + 1 &&
			fake.now_ns - last_ns < 100 * S)
			fake_run_for(MS);
		ck_assert_uint_le(fake.now_ns - last_ns, most_ns + 10 * MS);
		last_ns = fake.now_ns;
	}
}
END_TEST

/* The doctors of a cluster do not come back together. */
START_TEST(chance_is_in_every_wait)
{
	uint64_t pauses_ns[8];
	unsigned distinct = 0;

	for (unsigned i = 0; i < 8; i++) {
		begin_anew();
		refuse_with("503 Service Unavailable", "");
		refuse_with("503 Service Unavailable", "");
		refuse_with("503 Service Unavailable", "");
		begin(false);
		fake_run_for(4 * S);
		pauses_ns[i] = pause_after(1);
		ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_SERVER);
		for (unsigned j = 0; j < i; j++)
			distinct += pauses_ns[i] != pauses_ns[j];
	}
	ck_assert_uint_gt(distinct, 0);
}
END_TEST

/* For who has heard that it is there again. */
START_TEST(the_wait_for_a_server_can_be_cut_short)
{
	gate.connect_errno = ECONNREFUSED;
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(20 * S); /* after 1, 2, 4 and 8 s, then 16 */
	ck_assert_uint_ge(failure_count, 4);
	gate.connect_errno = 0;
	list_watch_hurry(&watch);
	list_watch_hurry(&watch);
	fake_run_for(S);
	ck_assert_uint_eq(request_count, 2);
	list_watch_hurry(&watch); /* it does not wait */
	fake_run_for(S);
	ck_assert_uint_eq(request_count, 2);

	/* whom the server has told to go knows that it is there */
	begin_anew();
	list_watch_hurry(&watch);
	for (unsigned i = 0; i < 4; i++)
		refuse_with("403 Forbidden", "");
	begin(false);
	fake_run_for(S / 2);
	list_watch_hurry(&watch);
	fake_run_for(S / 2 - MS);
	ck_assert_uint_eq(request_count, 1);
}
END_TEST

START_TEST(success_begins_the_back_off_anew)
{
	for (unsigned i = 0; i < 4; i++)
		refuse_with("500 Internal Server Error", "");
	answer_list();
	add_step(begin_watch(), 10 * S, WATCH_END);
	refuse_with("500 Internal Server Error", "");
	begin_watch();
	begin(false);
	fake_run_for(60 * S);
	ck_assert_uint_eq(request_count, 8);
	ASSERT_PAUSE(3, 6 * S, 10 * S);
	ASSERT_PAUSE(6, 1 * S, 5 * S / 4);
	ck_assert(watches_from(7, "7"));
}
END_TEST

/* A watch that ends as soon as it began is not asked for in a loop. */
START_TEST(watches_that_end_at_once_are_slowed_down)
{
	answer_list();
	for (unsigned i = 0; i < 6; i++)
		add_step(begin_watch(), 0, WATCH_END);
	begin(false);
	fake_run_for(60 * S);
	ck_assert_uint_le(request_count, 9);
	ASSERT_PAUSE(1, 1 * S, 5 * S / 4);
	ASSERT_PAUSE(4, 6 * S, 10 * S);
}
END_TEST

/* What it told is no failure: there is only a second between them. */
START_TEST(short_watches_that_tell_something_go_on)
{
	struct fake_peer *peer;

	answer_list();
	for (unsigned i = 0; i < 6; i++) {
		peer = begin_watch();
		add_step(peer, MS, chunk(text_of(BOOKMARK("1%u"), i)));
		add_step(peer, MS, WATCH_END);
	}
	begin_watch();
	begin(false);
	fake_run_for(10 * S);
	ck_assert_uint_eq(request_count, 8);
	for (size_t i = 1; i < 7; i++)
		ASSERT_PAUSE(i, 1 * S, 5 * S / 4);
	ck_assert(watches_from(7, "15"));
	ck_assert_uint_eq(failure_count, 0);
}
END_TEST

/* --------------------------------------------------------------- throttling */

/* So many seconds after the test's beginning. */
static const char *
retry_after_date(unsigned seconds)
{
	time_t at_s = (time_t)((clock_unix_ns() / NS_PER_S) + seconds);
	struct tm tm;
	char text[64];

	strftime(text, sizeof(text),
		"Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
		gmtime_r(&at_s, &tm));
	return text_of("%s", text);
}

START_TEST(retry_after_is_obeyed_within_bounds)
{
	static const struct {
		const char *field;
		uint64_t least_s, most_ms;
	} cases[] = {
		{ "Retry-After: 7\r\n", 7, 8000 },
		{ "Retry-After:   33  \r\n", 33, 34000 },
		{ "Retry-After: 301\r\n", 300, 301000 },
		{ "Retry-After: 86400\r\n", 300, 301000 },
		{ "Retry-After: 99999999999999999999\r\n", 300, 301000 },
		{ NULL, 20, 21000 }, /* the date of that */
		{ "Retry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n", 300,
			301000 },
		{ "Retry-After: Wednesday, 31-Dec-49 23:59:59 GMT\r\n", 300,
			301000 },
		{ "Retry-After: Thu Dec  3 23:59:59 2099\r\n", 300, 301000 },
		/* as if it were not there: the back-off alone */
		{ "Retry-After: 0\r\n", 1, 1250 },
		{ "Retry-After: -5\r\n", 1, 1250 },
		{ "Retry-After: soon\r\n", 1, 1250 },
		{ "Retry-After:\r\n", 1, 1250 },
		{ "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 1, 1250 },
		{ "Retry-After: Fri, 31 Dec 2099 23:59:59\r\n", 1, 1250 },
		{ "Retry-After: Fri, 31 Dec 2099 23:59:59 GMT+1\r\n", 1, 1250 },
		{ "Retry-After: 1e3\r\n", 1, 1250 },
		{ "", 1, 1250 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_anew();
		refuse_with("429 Too Many Requests",
			cases[i].field != NULL ? cases[i].field
					       : retry_after_date(20));
		answer_list();
		begin_watch();
		begin(true);
		for (int s = 0; s < 310 && lists_complete == 0; s++)
			fake_run_for(S);
		fake_run_for(S);
		ck_assert_uint_ge(request_count, 3);
		ASSERT_PAUSE(0, cases[i].least_s * S, cases[i].most_ms * MS);
		ck_assert_uint_eq(failure_count, 1);
		ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_THROTTLED);
		ck_assert_str_eq(failures[0].text,
			"429 Too Many Requests: the server's reason");
		ck_assert_uint_eq(lists_complete, 1);
	}
}
END_TEST

/* A watch that is throttled is resumed where it was, not listed. */
START_TEST(a_throttled_watch_is_resumed)
{
	answer_list();
	refuse_with("429 Too Many Requests", "Retry-After: 2\r\n");
	begin_watch();
	begin(false);
	fake_run_for(10 * S);
	ASSERT_PAUSE(1, 2 * S, 3 * S);
	ck_assert(watches_from(2, "7"));
}
END_TEST

/* --------------------------------------------------------------------- gone */

#define STATUS_EVENT(code)                                                     \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\","                 \
	"\"status\":\"Failure\",\"code\":" code                                \
	",\"message\":\"the server's reason\"}}\n"

/* 410 as a status, and as an event: listed anew after up to 5 s. */
START_TEST(gone_lists_again_after_a_random_wait)
{
	uint64_t pauses_ns[16];
	unsigned distinct = 0;

	for (unsigned i = 0; i < 16; i++) {
		begin_anew();
		answer_list();
		if (i % 2 == 0) {
			refuse_with("410 Gone", "");
		} else {
			struct fake_peer *peer = begin_watch();

			add_step(peer, 0, chunk(BOOKMARK("20")));
			add_step(peer, 0, chunk(STATUS_EVENT("410")));
		}
		answer_list();
		begin_watch();
		begin(false);
		fake_run_for(6 * S);
		ck_assert_uint_eq(request_count, 4);
		ASSERT_PAUSE(1, 0, 5 * S);
		pauses_ns[i] = pause_after(1);
		for (unsigned j = 0; j < i; j++)
			distinct += pauses_ns[i] != pauses_ns[j];
		ck_assert(lists(2));
		ck_assert(watches_from(3, "7"));
		ck_assert_uint_eq(lists_complete, 2);
		ck_assert_uint_eq(failure_count, 1);
		ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_GONE);
	}
	ck_assert_uint_gt(distinct, 0);
}
END_TEST

/* ---------------------------------------------------------------- the token */

START_TEST(an_unauthorized_request_reads_the_token_again)
{
	answer_list();
	refuse_with("401 Unauthorized", "");
	begin_watch();
	begin(false);
	fake_run_until(
		FAKE_EPOCH_NS + 3 * MS + MS / 2); /* the watch is asked */
	ck_assert_uint_eq(request_count, 2);
	strcpy(fake.token, "renewed");
	fake_run_for(S / 2);
	ck_assert_uint_eq(request_count, 3);
	ASSERT_PAUSE(1, 0, 0);
	ck_assert(asks(1, "Authorization: Bearer sekrit\r\n"));
	ck_assert(asks(2, "Authorization: Bearer renewed\r\n"));
	ck_assert(watches_from(2, "7"));
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_UNAUTHORIZED);
}
END_TEST

START_TEST(a_token_that_stays_refused_backs_off)
{
	for (unsigned i = 0; i < 4; i++)
		refuse_with("401 Unauthorized", "");
	begin(false);
	fake_run_for(4 * S);
	ASSERT_PAUSE(0, 0, 0);
	ASSERT_PAUSE(1, 1 * S, 5 * S / 4);
	ASSERT_PAUSE(2, 3 * S / 2, 5 * S / 2);
}
END_TEST

START_TEST(without_a_token_nothing_is_asked)
{
	fake.token_rc = -ENOENT;
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(S / 2);
	ck_assert_uint_eq(request_count, 0);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_UNAUTHORIZED);
	ck_assert_str_eq(
		failures[0].text, "token: token: No such file or directory");
	fake.token_rc = 0;
	fake_run_for(S);
	ck_assert_uint_eq(request_count, 2);
	ck_assert_uint_eq(lists_complete, 1);
}
END_TEST

/* ------------------------------------------------------ whatever is answered
 */

#define OK_200 "HTTP/1.1 200 OK\r\n"
#define LENGTH "Content-Length: 1000\r\n\r\n"

/* Each is an error of its kind, tells no list, and is over with the next. */
START_TEST(every_kind_of_bad_list)
{
	static const struct {
		const char *bytes; /* and then the end */
		enum discovery_error error;
	} cases[] = {
		{ "", DISCOVERY_ERROR_CONNECT },
		{ "HTTP/1.1 200 O", DISCOVERY_ERROR_CONNECT },
		{ "SSH-2.0-OpenSSH\r\n\r\n", DISCOVERY_ERROR_MALFORMED },
		{ OK_200 LENGTH TABLE("7", ROW("b")), DISCOVERY_ERROR_CONNECT },
		{ OK_200 LENGTH "nonsense", DISCOVERY_ERROR_MALFORMED },
		{ OK_200 "Content-Length: 2\r\n\r\n{}",
			DISCOVERY_ERROR_MALFORMED },
		{ OK_200 "Content-Length: 0\r\n\r\n",
			DISCOVERY_ERROR_MALFORMED },
		{ OK_200 "Content-Length: 2\r\n\r\n[]",
			DISCOVERY_ERROR_MALFORMED },
		{ OK_200 LENGTH "{\"kind\":\"Table\",\"rows\":7,",
			DISCOVERY_ERROR_MALFORMED },
		{ OK_200 LENGTH "{\"rows\":[{\"cells\":[\"b\"]}]",
			DISCOVERY_ERROR_MALFORMED },
		{ OK_200 "Content-Encoding: gzip\r\n" LENGTH "not gzip",
			DISCOVERY_ERROR_MALFORMED },
		{ OK_200 "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
			DISCOVERY_ERROR_CONNECT },
		{ "HTTP/1.1 204 No Content\r\n\r\n", DISCOVERY_ERROR_SERVER },
		{ "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
			DISCOVERY_ERROR_SERVER },
		{ "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n",
			DISCOVERY_ERROR_BAD_SELECTOR },
		{ "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
			DISCOVERY_ERROR_FORBIDDEN },
		{ "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
			DISCOVERY_ERROR_SERVER },
		{ "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n<html>",
			DISCOVERY_ERROR_SERVER },
		{ "HTTP/1.1 503 Oh\r\nContent-Length: 8\r\n\r\n\1\2\3\4\5\6\7\10",
			DISCOVERY_ERROR_SERVER },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_peer *peer;

		begin_anew();
		peer = add_answer();
		if (cases[i].bytes[0] != '\0')
			add_step(peer, MS, cases[i].bytes);
		add_step(peer, MS, NULL);
		answer_list();
		begin_watch();
		begin(true);
		fake_run_for(S / 2);
		ck_assert_uint_eq(failure_count, 1);
		ck_assert_msg(failures[0].error == cases[i].error,
			"case %zu: %d %s", i, (int)failures[0].error,
			failures[0].text);
		ck_assert_uint_eq(lists_complete, 0);
		ck_assert_uint_eq(lists_begun, lists_aborted);
		fake_run_for(S);
		ck_assert_uint_eq(lists_complete, 1);
		ck_assert_uint_eq(failure_count, 1);
		ck_assert_uint_eq(request_count, 3);
	}
}
END_TEST

/* Who says neither a length nor farewell may have said it all. */
START_TEST(a_list_that_ends_with_its_connection)
{
	for (unsigned cut = 0; cut < 2; cut++) {
		const char *list = TABLE("7", ROW("a"));
		struct fake_peer *peer;

		begin_anew();
		peer = add_answer();
		gate.cuts_record = peer->cuts_record = true;
		add_step(peer, MS,
			text_of(OK_200 "\r\n%.*s", (int)(strlen(list) - cut),
				list));
		add_step(peer, MS, NULL);
		begin_watch();
		begin(false);
		fake_run_for(S / 2);
		ck_assert_uint_eq(lists_complete, !cut);
		ck_assert_uint_eq(failure_count, cut);
		ck_assert(!cut || failures[0].error == DISCOVERY_ERROR_CONNECT);
	}
}
END_TEST

/* Without a selector a bad request is not its fault. */
START_TEST(a_bad_request_without_a_selector)
{
	refuse_with("400 Bad Request", "");
	begin(false);
	fake_run_for(S / 2);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_SERVER);
}
END_TEST

/* Its receiver has no room, or has the name already. */
START_TEST(a_list_that_its_receiver_refuses)
{
	static const struct {
		int rc;
		enum discovery_error error;
		const char *text;
	} cases[] = {
		{ -EEXIST, DISCOVERY_ERROR_MALFORMED, "a name twice" },
		{ -E2BIG, DISCOVERY_ERROR_TOO_MANY,
			"more than 20000 pods are selected: narrow it with "
			"KUBENURSE_NAMESPACE or KUBENURSE_NEIGHBOUR_FILTER" },
		{ -ENOMEM, DISCOVERY_ERROR_MALFORMED, "no memory" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_anew();
		answer_list();
		row_rc = cases[i].rc;
		begin(false);
		fake_run_for(S / 2);
		ck_assert_uint_eq(failure_count, 1);
		ck_assert_uint_eq(failures[0].error, cases[i].error);
		ck_assert_ptr_nonnull(strstr(failures[0].text, cases[i].text));
		ck_assert_uint_eq(lists_aborted, 1);
		ck_assert_uint_eq(lists_complete, 0);
	}
}
END_TEST

/* One event too many is no reason to ask for the same again: the list tells
 * whether there are so many. */
START_TEST(a_watch_that_its_receiver_has_no_room_for)
{
	answer_list();
	add_step(begin_watch(), S, chunk(EVENT("ADDED", "8", ROW("b"))));
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(S / 2);
	row_rc = -E2BIG;
	fake_run_for(S);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_TOO_MANY);
	row_rc = 0;
	fake_run_for(10 * S);
	ck_assert_uint_eq(request_count, 4);
	ck_assert(lists(2));
	ck_assert_uint_eq(failure_count, 1);
}
END_TEST

/* Values come all the time, and the event they are in never ends. */
START_TEST(an_event_without_end)
{
	static char zeros[2 * 1024 * 1024];
	struct fake_peer *peer;

	for (size_t i = 0; i + 2 < sizeof(zeros); i += 2)
		memcpy(zeros + i, "0,", 2);
	answer_list();
	peer = add_answer();
	add_step(peer, MS,
		"HTTP/1.1 200 OK\r\n\r\n{\"type\":\"ADDED\",\"more\":[");
	while (peer->step_count < FAKE_STEPS)
		add_step(peer, MS, zeros);
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(10 * S);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_MALFORMED);
	ck_assert_ptr_nonnull(
		strstr(failures[0].text, "an event longer than 8 MiB"));
	ck_assert(lists(2));
}
END_TEST

/* A connection that breaks is resumed; what cannot be read must not come again
 * and again: then only a list can tell. */
START_TEST(every_kind_of_bad_watch)
{
	static const struct {
		const char *bytes;
		enum discovery_error error;
	} cases[] = {
		{ "nonsense\n", DISCOVERY_ERROR_MALFORMED },
		{ "{\"type\":\"ADDED\",\"object\":7}\n",
			DISCOVERY_ERROR_MALFORMED },
		{ EVENT("RENAMED", "9", ROW("b")), DISCOVERY_ERROR_MALFORMED },
		{ EVENT("ADDED", "", ROW("b")), DISCOVERY_ERROR_MALFORMED },
		{ EVENT("ADDED", "9", "\"rows\":[]"),
			DISCOVERY_ERROR_MALFORMED },
		{ EVENT("ADDED", "9", ROW("B\"}{")),
			DISCOVERY_ERROR_MALFORMED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_anew();
		answer_list();
		add_step(begin_watch(), S, chunk(cases[i].bytes));
		answer_list();
		begin_watch();
		begin(false);
		fake_run_for(10 * S);
		ck_assert_uint_eq(failure_count, 1);
		ck_assert_uint_eq(failures[0].error, cases[i].error);
		ck_assert_str_eq(told, "+a +a ");
		ck_assert_uint_eq(request_count, 4);
		ck_assert(lists(2));
	}
}
END_TEST

/* The server cannot go on: resumed twice, then listed. */
START_TEST(error_events_of_other_kinds)
{
	answer_list();
	for (unsigned i = 0; i < 3; i++)
		add_step(begin_watch(), S, chunk(STATUS_EVENT("500")));
	answer_list();
	begin_watch();
	begin(false);
	fake_run_for(60 * S);
	ck_assert_uint_eq(failure_count, 3);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_SERVER);
	ck_assert_str_eq(failures[0].text,
		"the watch ended with 500: the server's reason");
	ck_assert(watches_from(2, "7") && watches_from(3, "7"));
	ck_assert(lists(4));
}
END_TEST

/*
 * The stream breaks after each of its bytes, by an end or a reset: the watch
 * goes on after the last event that was whole, and nothing is told of the rest.
 */
START_TEST(a_watch_cut_at_every_byte)
{
	static const char *const events[] = { EVENT("ADDED", "21", ROW("b")),
		BOOKMARK("22"), EVENT("DELETED", "23", ROW("b")) };
	static const char *const versions[] = { "7", "21", "22", "23" };
	static const char *const names[] = { "+a ", "+a +b ", "+a +b ",
		"+a +b -b " };
	char whole[4096];
	size_t len, ends[4] = { 0 };

	snprintf(whole, sizeof(whole), "%s%s%s", events[0], events[1],
		events[2]);
	len = strlen(whole);
	for (size_t i = 0; i < 3; i++) /* its last brace; the line's end is not
					  waited for */
		ends[i + 1] = ends[i] + strlen(events[i]);
	for (size_t cut = 0; cut <= len; cut++) {
		const char *part;
		struct fake_peer *peer;
		size_t seen = 0;

		while (seen < 3 && cut >= ends[seen + 1] - 1)
			seen++;
		begin_anew();
		answer_list();
		part = text_of("%.*s", (int)cut, whole);
		peer = add_answer();
		add_step(peer, MS, "HTTP/1.1 200 OK\r\n\r\n");
		if (cut > 0)
			add_step(peer, 2 * S, part);
		add_step(peer, 2 * S, NULL);
		if (cut % 2 != 0)
			peer->steps[peer->step_count - 1].error = ECONNRESET;
		begin_watch();
		begin(false);
		fake_run_for(10 * S);
		ck_assert_uint_eq(request_count, 3);
		ck_assert_msg(watches_from(2, versions[seen]), "cut at %zu: %s",
			cut, requests[2].text);
		ck_assert_str_eq(told, names[seen]);
		ck_assert_uint_eq(failure_count, 0);
	}
}
END_TEST

/* ---------------------------------------------------- where the server is */

START_TEST(the_server_by_address_and_by_name)
{
	static const struct fake_name name = { .name = "api.test",
		.ipv6_ns = MS,
		.ipv4_ns = MS,
		.ipv6 = { "2001:db8::1" },
		.ipv4 = { "192.0.2.1" } };
	static const struct {
		const char *host, *field, *address;
	} cases[] = {
		{ "192.0.2.1", "Host: 192.0.2.1\r\n", "192.0.2.1:443" },
		{ "2001:db8::1", "Host: [2001:db8::1]\r\n",
			"[2001:db8::1]:443" },
		{ "api.test", "Host: api.test\r\n", "[2001:db8::1]:443" },
	};

	for (size_t i = 0; i < 3; i++) {
		begin_anew();
		settings.api_host = cases[i].host;
		gate.address = cases[i].address;
		fake.names = &name;
		fake.name_count = 1;
		answer_list();
		begin_watch();
		begin(false);
		fake_run_for(S);
		ck_assert_uint_eq(request_count, 2);
		ck_assert_uint_eq(lists_complete, 1);
		ck_assert_msg(
			asks(0, cases[i].field) ||
				asks(0, text_of("%.*s:443\r\n",
						(int)strlen(cases[i].field) - 2,
						cases[i].field)),
			"%s", requests[0].text);
		ck_assert_ptr_nonnull(
			strstr(fake.log, text_of("[TLS %s]", cases[i].host)));
	}
}
END_TEST

START_TEST(a_name_that_is_not_there)
{
	static const struct fake_name name = { .name = "api.test",
		.ipv6_ns = MS,
		.ipv4_ns = MS,
		.result = DNS_NXDOMAIN };

	settings.api_host = "api.test";
	fake.names = &name;
	fake.name_count = 1;
	begin(false);
	fake_run_for(S / 2);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_CONNECT);
	ck_assert_ptr_nonnull(
		strstr(failures[0].text, "nxdomain for api.test"));
}
END_TEST

/* A certificate that is not trusted. */
START_TEST(a_handshake_that_fails)
{
	gate.tls_errno = -1;
	begin(false);
	fake_run_for(S / 2);
	ck_assert_uint_eq(failure_count, 1);
	ck_assert_uint_eq(failures[0].error, DISCOVERY_ERROR_TLS);
	ck_assert_uint_eq(request_count, 0); /* nor did the token leave */
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("list_watch");
	TCase *tcase = tcase_create("list_watch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_list_then_a_watch_from_there);
	tcase_add_test(tcase, bookmarks_move_the_point_of_resumption);
	tcase_add_test(tcase, a_watch_that_the_server_ends_is_normal);
	tcase_add_test(
		tcase, a_connection_closed_while_it_was_idle_is_no_error);
	tcase_add_test(
		tcase, a_silent_watch_is_a_failure_and_lists_serve_instead);
	tcase_add_test(tcase, a_watch_that_trickles_is_silent_too);
	tcase_add_test(
		tcase, a_quiet_watch_that_has_missed_nothing_is_no_failure);
	tcase_add_loop_test(tcase,
		an_event_older_than_what_is_known_lists_again, 0,
		VERSION_COUNT);
	tcase_add_test(tcase, after_a_server_was_away_it_is_listed_again);
	tcase_add_test(tcase, a_list_lives_between_one_and_two_hours);
	tcase_add_test(tcase, a_server_that_does_not_answer);
	tcase_add_test(tcase, a_refused_connection_is_tried_from_1_s_to_60_s);
	tcase_add_test(tcase, chance_is_in_every_wait);
	tcase_add_test(tcase, the_wait_for_a_server_can_be_cut_short);
	tcase_add_test(tcase, success_begins_the_back_off_anew);
	tcase_add_test(tcase, watches_that_end_at_once_are_slowed_down);
	tcase_add_test(tcase, short_watches_that_tell_something_go_on);
	tcase_add_test(tcase, retry_after_is_obeyed_within_bounds);
	tcase_add_test(tcase, a_throttled_watch_is_resumed);
	tcase_add_test(tcase, gone_lists_again_after_a_random_wait);
	tcase_add_test(tcase, an_unauthorized_request_reads_the_token_again);
	tcase_add_test(tcase, a_token_that_stays_refused_backs_off);
	tcase_add_test(tcase, without_a_token_nothing_is_asked);
	tcase_add_test(tcase, every_kind_of_bad_list);
	tcase_add_test(tcase, a_list_that_ends_with_its_connection);
	tcase_add_test(tcase, a_bad_request_without_a_selector);
	tcase_add_test(tcase, a_list_that_its_receiver_refuses);
	tcase_add_test(tcase, a_watch_that_its_receiver_has_no_room_for);
	tcase_add_test(tcase, an_event_without_end);
	tcase_add_test(tcase, every_kind_of_bad_watch);
	tcase_add_test(tcase, error_events_of_other_kinds);
	tcase_add_test(tcase, a_watch_cut_at_every_byte);
	tcase_add_test(tcase, the_server_by_address_and_by_name);
	tcase_add_test(tcase, a_name_that_is_not_there);
	tcase_add_test(tcase, a_handshake_that_fails);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
