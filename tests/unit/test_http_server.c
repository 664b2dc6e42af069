/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server over real sockets on loopback, its loop driven by the test.
 * Nothing waits for a time to pass: each test waits for an event, and a
 * deadline that is not under test lies an hour away.
 */
#include "common/clock.h"
#include "common/loop.h"
#include "common/strbuf.h"
#include "supervisor/http_listen.h"
#include "supervisor/http_server.h"
#include "tests/lib/one_result.h"
#include "tests/unit/under_valgrind.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOUR         (3600 * NS_PER_S)
#define SHORT        (50 * NS_PER_MS)
#define HOST         "Host: a\r\n"
#define CLOSE        "Connection: close\r\n"
#define LAST         "GET /ready HTTP/1.1\r\n" HOST CLOSE "\r\n"
#define LAST_ANSWER  "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 0\r\n\r\n"

/* What the source says, and what it was told. */
static struct {
	bool ready, first_round_ended;
	size_t metrics_len; /* SIZE_MAX: without end */
	unsigned n_readers, n_views;
	char origin[64];
	unsigned n_origins;
} source_state;

static struct loop *loop;
static struct http_server *server;
static char error[256];
static unsigned n_drained;

static bool
is_ready(void *arg)
{
	ck_assert_ptr_eq(arg, &source_state);
	return source_state.ready;
}

static bool
first_round_ended(void *arg)
{
	ck_assert_ptr_eq(arg, &source_state);
	return source_state.first_round_ended;
}

static int
alive_open(void *arg, struct alive_view *ret_view)
{
	ck_assert_ptr_eq(arg, &source_state);
	source_state.n_views++;
	one_result_fill(ret_view);
	return 0;
}

static void
alive_close(void *arg, struct alive_view *view)
{
	ck_assert_ptr_eq(arg, &source_state);
	ck_assert_str_eq(view->hostname, "node");
	source_state.n_views--;
}

static void
on_origin(void *arg, const char *name, size_t len)
{
	ck_assert_ptr_eq(arg, &source_state);
	ck_assert_uint_lt(len, sizeof(source_state.origin));
	memcpy(source_state.origin, name, len);
	source_state.origin[len] = '\0';
	source_state.n_origins++;
}

static void *
metrics_open(void *arg)
{
	ck_assert_ptr_eq(arg, &source_state);
	source_state.n_readers++;
	return calloc(1, sizeof(size_t));
}

static ssize_t
metrics_read(void *reader, char *buf, size_t cap)
{
	size_t *done = reader, n;

	if (*done >= source_state.metrics_len)
		return 0;
	n = source_state.metrics_len - *done;
	if (n > cap)
		n = cap;
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)('a' + (*done + i) % 23);
	*done += n;
	return (ssize_t)n;
}

static void
metrics_close(void *reader)
{
	source_state.n_readers--;
	free(reader);
}

static const struct http_source source = { &source_state, is_ready,
	first_round_ended, alive_open, alive_close, on_origin, metrics_open,
	metrics_read, metrics_close };

static const struct http_listener_options loopback[] = {
	{ .address = "127.0.0.1:0" }
};

/* An hour where nothing is said. */
static void
serve(struct http_server_options options)
{
	if (options.n_listeners == 0) {
		options.listeners = loopback;
		options.n_listeners = 1;
	}
	if (options.timeouts.headers_ns == 0)
		options.timeouts.headers_ns = HOUR;
	if (options.timeouts.answer_ns == 0)
		options.timeouts.answer_ns = HOUR;
	if (options.timeouts.idle_ns == 0)
		options.timeouts.idle_ns = HOUR;
	server =
		http_server_open(loop, &options, &source, error, sizeof(error));
	ck_assert_msg(server != NULL, "%s", error);
	ck_assert_int_eq(http_server_start(server, error, sizeof(error)), 0);
}

static void
setup(void)
{
	memset(&source_state, 0, sizeof(source_state));
	source_state.ready = source_state.first_round_ended = true;
	source_state.metrics_len = 100;
	n_drained = 0;
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
}

static void
teardown(void)
{
	http_server_free(server);
	server = NULL;
	loop_free(loop);
	/* nothing of the source is left open */
	ck_assert_uint_eq(source_state.n_readers, 0);
	ck_assert_uint_eq(source_state.n_views, 0);
}

static void
turn(void)
{
	ck_assert_int_eq(loop_turn(loop, NS_PER_MS), 0);
}

/* A non-blocking client; -1: refused. */
static int
try_connect(const char *host, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
client(void)
{
	int fd = try_connect("127.0.0.1", http_server_port(server, 0));

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* false: the server has hung up. */
static bool
send_bytes(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			turn();
		else if (n < 0)
			return false;
		else {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static void
send_text(int fd, const char *text)
{
	ck_assert(send_bytes(fd, text, strlen(text)));
}

/* Takes what is there.  false: the stream has ended. */
static bool
take(int fd, struct strbuf *in)
{
	char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	strbuf_add(in, buf, (size_t)n);
	return true;
}

/* "Date: ...\r\n" goes, wherever it stands. */
static void
drop_dates(char *text)
{
	char *date;

	while ((date = strstr(text, "Date: ")) != NULL) {
		char *end = strstr(date, "GMT\r\n");

		ck_assert_ptr_nonnull(end);
		memmove(date, end + 5, strlen(end + 5) + 1);
	}
}

static bool
is_readable(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Nothing has come, and no end either. */
static bool
is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN;
}

/* Everything up to the end of the stream, without dates; to be freed. */
static char *
read_all(int fd)
{
	struct strbuf in;
	char *text;

	strbuf_init(&in, 0);
	while (take(fd, &in))
		turn();
	close(fd);
	text = strbuf_take(&in);
	ck_assert_ptr_nonnull(text);
	drop_dates(text);
	return text;
}

/* Until this text has come; the stream stays open. */
static void
read_until(int fd, const char *end)
{
	struct strbuf in;

	strbuf_init(&in, 0);
	while (strstr(strbuf_text(&in), end) == NULL) {
		ck_assert_msg(take(fd, &in), "%s", strbuf_text(&in));
		turn();
	}
	strbuf_fini(&in);
}

static void
check_answer(int fd, const char *expected)
{
	char *text = read_all(fd);

	ck_assert_str_eq(text, expected);
	free(text);
}

static void
check_serves(const char *host, uint16_t port)
{
	int fd = try_connect(host, port);

	ck_assert_int_ge(fd, 0);
	send_text(fd, LAST);
	check_answer(fd, LAST_ANSWER);
}

/* --- each path and refusal ------------------------------------------------ */

#define EMPTY(status) "HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n"
#define MOVED                                                                  \
	"HTTP/1.1 301 Moved Permanently\r\n"                                   \
	"Content-Type: text/html; charset=utf-8\r\n"                           \
	"Location: /alive\r\n"                                                 \
	"Content-Length: 41\r\n\r\n"
#define MOVED_BODY "<a href=\"/alive\">Moved Permanently</a>.\n\n"
#define TEXT       "Content-Type: text/plain; charset=utf-8\r\n"
#define NOT_ALLOWED                                                            \
	TEXT "Allow: GET, HEAD\r\nContent-Length: 22\r\n\r\n"                  \
	     "405 Method Not Allowed"
#define BAD_REQUEST                                                            \
	"HTTP/1.1 400 Bad Request\r\n" CLOSE TEXT                              \
	"Content-Length: 15\r\n\r\n400 Bad Request"

static const struct {
	const char *request, *answer;
	bool kept; /* another request is answered on the same connection */
} exchanges[] = {
	{ "GET /alwayshappy HTTP/1.1\r\n" HOST "\r\n", EMPTY("200 OK"), true },
	{ "GET /alwayshappy?x HTTP/1.1\r\n" HOST "\r\n", EMPTY("200 OK"),
		true },
	{ "HEAD /alwayshappy HTTP/1.1\r\n" HOST "\r\n", EMPTY("200 OK"), true },
	{ "GET /ready HTTP/1.1\r\n" HOST "\r\n", EMPTY("200 OK"), true },
	{ "GET /%72eady HTTP/1.1\r\n" HOST "\r\n", EMPTY("200 OK"), true },
	{ "GET http://b/ready?x HTTP/1.1\r\n" HOST "\r\n", EMPTY("200 OK"),
		true },
	{ "GET /ready HTTP/1.1\nHost: a\n\n", EMPTY("200 OK"), true },
	{ "GET /x?y HTTP/1.1\r\n" HOST "\r\n", MOVED MOVED_BODY, true },
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", MOVED MOVED_BODY, true },
	{ "GET //alive HTTP/1.1\r\n" HOST "\r\n", MOVED MOVED_BODY, true },
	{ "HEAD /x HTTP/1.1\r\n" HOST "\r\n", MOVED, true },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
		"HTTP/1.1 204 No Content\r\nAllow: GET, HEAD\r\n\r\n", true },
	{ "OPTIONS / HTTP/1.1\r\n" HOST "\r\n",
		"HTTP/1.1 204 No Content\r\nAllow: GET, HEAD\r\n\r\n", true },
	{ "OPTIONS /alwayshappy HTTP/1.1\r\n" HOST "Content-Length: 2\r\n"
	  "\r\nab",
		"HTTP/1.1 204 No Content\r\nAllow: GET, HEAD\r\n\r\n", true },
	{ "POST /alive HTTP/1.1\r\n" HOST "\r\n",
		"HTTP/1.1 405 Method Not Allowed\r\n" NOT_ALLOWED, true },
	{ "DELETE /x HTTP/1.1\r\n" HOST "\r\n",
		"HTTP/1.1 405 Method Not Allowed\r\n" NOT_ALLOWED, true },
	{ "POST /alive HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab",
		"HTTP/1.1 405 Method Not Allowed\r\n" CLOSE NOT_ALLOWED,
		false },
	/* bodies are read and dropped */
	{ "GET /ready HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
		EMPTY("200 OK"), true },
	/* except in chunks */
	{ "GET /ready HTTP/1.1\r\n" HOST
	  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		BAD_REQUEST, false },
	{ "GET /ready HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\nab",
		"HTTP/1.1 413 Content Too Large\r\n" CLOSE TEXT
		"Content-Length: 21\r\n\r\n413 Content Too Large",
		false },
	{ "GET /ready HTTP/1.1\r\n" HOST "Expect: x\r\n\r\n",
		"HTTP/1.1 417 Expectation Failed\r\n" CLOSE TEXT
		"Content-Length: 22\r\n\r\n417 Expectation Failed",
		false },
	/* HTTP/1.0 */
	{ "GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"HTTP/1.0 200 OK\r\n" CLOSE "Content-Length: 0\r\n\r\n",
		false },
	/* bad requests */
	{ "GET /ready HTTP/1.1\r\n" HOST HOST "\r\n", BAD_REQUEST, false },
	{ "GET /%zz HTTP/1.1\r\n" HOST "\r\n", BAD_REQUEST, false },
	{ "GET ready HTTP/1.1\r\n" HOST "\r\n", BAD_REQUEST, false },
	{ "GET * HTTP/1.1\r\n" HOST "\r\n", BAD_REQUEST, false },
	{ "GET /ready HTTP/1.1\r\n" HOST "X: \x01\r\n\r\n", BAD_REQUEST,
		false },
	{ "GET /ready HTTP/1.1\r\n" HOST
	  "Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
		BAD_REQUEST, false },
};

/* K 2.3, F 2.20 */
START_TEST(a_request_gets_its_answer)
{
	struct strbuf expected;
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	strbuf_init(&expected, 0);
	strbuf_add_string(&expected, exchanges[_i].answer);
	send_text(fd, exchanges[_i].request);
	if (exchanges[_i].kept) {
		send_text(fd, LAST);
		strbuf_add_string(&expected, LAST_ANSWER);
	}
	check_answer(fd, strbuf_text(&expected));
	strbuf_fini(&expected);
}
END_TEST

/*
 * The library refuses these itself, 0.9.75 or 1.0, and words it; where the
 * two differ in the status either will do.
 */
#define WITH_NULS(request)                                                     \
	{                                                                      \
		request, "400", "400", sizeof(request) - 1                     \
	}

static const struct {
	const char *request, *status, *other_status;
	size_t len; /* 0: up to the NUL */
} library_refusals[] = {
	{ "GET /ready\r\n\r\n", "400", "400", 0 },
	{ "GET\r\n\r\n", "400", "400", 0 },
	{ "GET /ready HTTP/3.0\r\n" HOST "\r\n", "505", "505", 0 },
	{ "GET /ready HTTP/1.1\r\n\r\n", "400", "400", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST "XY\r\n\r\n", "400", "400", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST "X Y: z\r\n\r\n", "400", "400", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "400",
		"400", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n1", "400",
		"400", 0 },
	{ "POST /ready HTTP/1.1\r\n" HOST
	  "Content-Length: 99999999999999999999\r\n\r\n1",
		"400", "413", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n",
		"501", "400", 0 },
	/* 1.0 proposes the target with the blank encoded */
	{ "GET /re ady HTTP/1.1\r\n" HOST "\r\n", "400", "301", 0 },
	/* 1.0 proposes the target with the blank encoded */
	{ "GET  /ready HTTP/1.1\r\n" HOST CLOSE "\r\n", "400", "301", 0 },
	WITH_NULS("GET /ready\0 HTTP/1.1\r\n" HOST "\r\n"),
	WITH_NULS("GET /ready HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"),
	WITH_NULS("GET /ready HTTP/1.1\r\n" HOST "X: a\0\r\nY: b\r\n\r\n"),
	WITH_NULS("GET /ready HTTP/1.1\r\n" HOST "X: a\r\nY: b\0\r\n\r\n"),
	WITH_NULS("GET /ready HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n"),
	/* what ends the headers too early makes two requests of one */
	WITH_NULS("GET /ready HTTP/1.1\r\n" HOST "\0X: a\r\n" LAST),
	{ "GET /ready HTTP/1.1\r\n" HOST ": a\r\n\r\n", "400", "400", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST ": a\r\n" LAST, "400", "400", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST ":\r\n" LAST, "400", "400", 0 },
	{ "GET /ready HTTP/1.1\r\n: a\r\n" HOST "\r\n", "400", "400", 0 },
	/* folded lines: 1.0 joins them */
	{ "GET /ready HTTP/1.1\r\n" HOST CLOSE "X: a\r\n b\r\n\r\n", "400",
		"200", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST CLOSE "X: a\r\n\tb\r\nY: c\r\n\r\n",
		"400", "200", 0 },
	{ "GET /ready HTTP/1.1\r\n" HOST CLOSE "X: a\r\n  \r\n\r\n", "400",
		"200", 0 },
};

/* Its own pages may well speak of HTTP/1.1: libmicrohttpd 1.0's do. */
static unsigned
count_status_lines(const char *text)
{
	static const char version[] = "HTTP/1.1 ";
	unsigned count = 0;

	while ((text = strstr(text, version)) != NULL) {
		text += sizeof(version) - 1;
		count += strspn(text, "0123456789") == 3;
	}
	return count;
}

START_TEST(what_the_library_refuses_gets_its_status_and_is_closed)
{
	const size_t status_at = strlen("HTTP/1.1 ");
	size_t len = library_refusals[_i].len;
	char *text;
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	if (len == 0)
		len = strlen(library_refusals[_i].request);
	ck_assert(send_bytes(fd, library_refusals[_i].request, len));
	text = read_all(fd);
	ck_assert_uint_ge(strlen(text), status_at + 3);
	ck_assert_msg(
		strncmp(text + status_at, library_refusals[_i].status, 3) ==
				0 ||
			strncmp(text + status_at,
				library_refusals[_i].other_status, 3) == 0,
		"%s", text);
	ck_assert_ptr_nonnull(strstr(text, CLOSE));
	/* once, and nothing of what follows is taken for a request */
	ck_assert_uint_eq(count_status_lines(text), 1);
	free(text);
}
END_TEST

/* What may look odd and is right. */
static const char *const odd_requests[] = {
	"GET /ready?a=b&c=%41&d HTTP/1.1\r\n" HOST CLOSE "\r\n",
	"GET /ready? HTTP/1.1\r\n" HOST CLOSE "\r\n",
	"GET /ready HTTP/1.1\nHost:a\nX:\nConnection:\t close\n\n",
	"GET /ready HTTP/1.1\r\nX: \r\n" CLOSE HOST "Y:\r\n\r\n",
	"GET /ready HTTP/1.1\r\n" HOST CLOSE "X: a:b \r\nCookie: a=b; c\r\n"
	"\r\n",
	"\r\n\r\nGET /ready HTTP/1.1\r\n" CLOSE HOST "\r\n",
};

START_TEST(what_is_odd_and_right_is_answered)
{
	int fd;

	serve((struct http_server_options){ 0 });
	for (size_t i = 0; i < strlen(odd_requests[_i]); i++) {
		/* in one piece, and in two wherever it may break */
		fd = client();
		ck_assert(send_bytes(fd, odd_requests[_i], i));
		turn();
		turn();
		send_text(fd, odd_requests[_i] + i);
		check_answer(fd, LAST_ANSWER);
	}
}
END_TEST

/* F 2.21 */
START_TEST(headers_of_sixteen_kibibytes_pass_and_thirtytwo_are_431)
{
	char *value = malloc(40000), *text;
	int fd;

	memset(value, 'x', 40000);
	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST CLOSE "X: ");
	ck_assert(send_bytes(fd, value, 16384));
	send_text(fd, "\r\n\r\n");
	check_answer(fd, LAST_ANSWER);
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "X: ");
	ck_assert(send_bytes(fd, value, 32768));
	text = read_all(fd);
	ck_assert_msg(strncmp(text, "HTTP/1.1 431 ", 13) == 0, "%s", text);
	free(text);
	free(value);
}
END_TEST

START_TEST(a_body_without_end_is_not_read)
{
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST
		      "Transfer-Encoding: chunked\r\n\r\n");
	check_answer(fd, BAD_REQUEST);
	check_serves("127.0.0.1", http_server_port(server, 0));
}
END_TEST

/* K 2.6 */
START_TEST(ready_follows_the_source)
{
	int fd;

	serve((struct http_server_options){ 0 });
	source_state.ready = false;
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST CLOSE "\r\n");
	check_answer(fd, "HTTP/1.1 503 Service Unavailable\r\n" CLOSE
			 "Content-Length: 0\r\n\r\n");
}
END_TEST

/* K 2.8 */
START_TEST(alive_is_500_until_the_first_round_has_ended)
{
	int fd;

	serve((struct http_server_options){ 0 });
	source_state.first_round_ended = false;
	fd = client();
	send_text(fd, "GET /alive HTTP/1.1\r\n" HOST CLOSE "\r\n");
	check_answer(fd, "HTTP/1.1 500 Internal Server Error\r\n" CLOSE
			 "Content-Length: 0\r\n\r\n");
}
END_TEST

/* K 2.12: an answer of at most 2048 bytes has a Content-Length */
START_TEST(alive_shows_the_request_as_it_was)
{
	struct sockaddr_in self;
	socklen_t len = sizeof(self);
	char expected[1024], body[512];
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&self, &len), 0);
	send_text(fd, "GET http://b/%61live?a=%41&b HTTP/1.0\r\n"
		      "Host: a\r\nx-b: 2\r\nX-B:1 \r\nCookie: c=d\r\n"
		      "User-Agent: u\r\n\r\n");
	snprintf(body, sizeof(body),
		"{\n \"hostname\": \"node\",\n \"headers\": {\n"
		"  \"Cookie\": [\n   \"redacted\"\n  ],\n"
		"  \"User-Agent\": [\n   \"u\"\n  ],\n"
		"  \"X-B\": [\n   \"2\",\n   \"1\"\n  ]\n },\n"
		" \"user_agent\": \"u\",\n"
		" \"request_uri\": \"http://b/%%61live?a=%%41\\u0026b\",\n"
		" \"remote_addr\": \"127.0.0.1:%u\",\n"
		" \"last_check_result\": {\n"
		"  \"me_service\": \"ok\",\n"
		"  \"neighbourhood_state\": \"skipped\"\n }\n}\n",
		ntohs(self.sin_port));
	snprintf(expected, sizeof(expected),
		"HTTP/1.0 200 OK\r\n" CLOSE TEXT
		"Content-Length: %zu\r\n\r\n%s",
		strlen(body), body);
	check_answer(fd, expected);
}
END_TEST

/* K 2.12: a longer one is chunked, and nothing of it is lost */
START_TEST(a_long_alive_is_chunked)
{
	char name[2048 + 1], request[4096];
	char *answer;
	int fd;

	serve((struct http_server_options){ 0 });
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(request, sizeof(request),
		"GET /alive HTTP/1.1\r\n" HOST CLOSE "X: %s\r\n\r\n", name);
	fd = client();
	send_text(fd, request);
	answer = read_all(fd);
	ck_assert_ptr_nonnull(
		strstr(answer, "\r\nTransfer-Encoding: chunked\r\n"));
	ck_assert_ptr_null(strstr(answer, "Content-Length"));
	ck_assert_ptr_nonnull(strstr(answer, "{\n \"hostname\": \"node\","));
	ck_assert_ptr_nonnull(strstr(answer, name));
	ck_assert_ptr_nonnull(strstr(answer, " }\n}\n\r\n0\r\n\r\n"));
	free(answer);
}
END_TEST

/* K 2.4 */
START_TEST(the_first_origin_is_told_and_only_from_alwayshappy)
{
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST
		      "Kubenurse-Neighbour-Origin: nobody\r\n\r\n"
		      "GET /alwayshappy HTTP/1.1\r\n" HOST
		      "Kubenurse-Neighbour-Origin: \r\n"
		      "Kubenurse-Neighbour-Origin: nobody\r\n\r\n"
		      "POST /alwayshappy HTTP/1.1\r\n" HOST
		      "Kubenurse-Neighbour-Origin: nobody\r\n\r\n"
		      "GET /alwayshappy HTTP/1.1\r\n" HOST
		      "kubenurse-neighbour-origin: \t pod-a \r\n"
		      "Kubenurse-Neighbour-Origin: pod-b\r\n\r\n" LAST);
	free(read_all(fd));
	ck_assert_uint_eq(source_state.n_origins, 1);
	ck_assert_str_eq(source_state.origin, "pod-a");
}
END_TEST

#define METRICS_TEXT                                                           \
	"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
#define VARY "Vary: Accept-Encoding\r\n"

/* F 2.22 */
START_TEST(metrics_come_in_chunks_whole_and_in_order)
{
	const size_t len = 1000000;
	size_t head_len, n_right = 0;
	char *text;
	int fd;

	source_state.metrics_len = len;
	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	text = read_all(fd);
	head_len = strlen("HTTP/1.0 200 OK\r\n" CLOSE METRICS_TEXT VARY "\r\n");
	ck_assert(strncmp(text,
			  "HTTP/1.0 200 OK\r\n" CLOSE METRICS_TEXT VARY "\r\n",
			  head_len) == 0);
	ck_assert_uint_eq(strlen(text + head_len), len);
	while (n_right < len &&
		text[head_len + n_right] == (char)('a' + n_right % 23))
		n_right++;
	ck_assert_uint_eq(n_right, len);
	free(text);
	source_state.metrics_len = 26;
	fd = client();
	send_text(fd, "GET /metrics HTTP/1.1\r\n" HOST CLOSE "\r\n");
	check_answer(fd, "HTTP/1.1 200 OK\r\n" CLOSE METRICS_TEXT VARY
			 "Transfer-Encoding: chunked\r\n\r\n"
			 "1A\r\nabcdefghijklmnopqrstuvwabc\r\n0\r\n\r\n");
}
END_TEST

/* K 2.12: its length is known, so that the connection is kept */
START_TEST(head_of_a_short_alive_says_the_length_of_get)
{
	char *text, *of_get, *of_head;
	size_t len;
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /alive HTTP/1.1\r\n" HOST "\r\n"
		      "HEAD /alive HTTP/1.1\r\n" HOST "\r\n" LAST);
	text = read_all(fd);
	of_get = strstr(text, "Content-Length: ");
	ck_assert_ptr_nonnull(of_get);
	of_head = strstr(of_get + 1, "Content-Length: ");
	ck_assert_ptr_nonnull(of_head);
	len = strcspn(of_get, "\r");
	ck_assert_int_eq(strncmp(of_get, of_head, len), 0);
	ck_assert_str_eq(of_head + len, "\r\n\r\n" LAST_ANSWER);
	free(text);
}
END_TEST

START_TEST(head_of_a_stream_has_no_body_and_asks_no_reader)
{
	static const char *const paths[] = { "/metrics", "/alive" };
	char name[2048 + 1];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	serve((struct http_server_options){ 0 });
	for (size_t i = 0; i < COUNT(paths); i++) {
		char request[4096], *text;
		int fd = client();

		snprintf(request, sizeof(request),
			"HEAD %s HTTP/1.1\r\n" HOST "X: %s\r\n\r\n", paths[i],
			name);
		send_text(fd, request);
		text = read_all(fd);
		ck_assert(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
		ck_assert_str_eq(text + strlen(text) - 4, "\r\n\r\n");
		ck_assert_ptr_eq(
			strstr(text, "\r\n\r\n") + 4, text + strlen(text));
		free(text);
	}
}
END_TEST

START_TEST(gzip_is_announced)
{
	char *text;
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd,
		"GET /metrics HTTP/1.0\r\nAccept-Encoding: br, gzip\r\n\r\n");
	text = read_all(fd);
	ck_assert_ptr_nonnull(strstr(text, "Content-Encoding: gzip\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\n\r\n\x1f\x8b\x08"));
	free(text);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "\r\n"
		      "HEAD /x HTTP/1.1\r\n" HOST "\r\n"
		      "GET /x HTTP/1.1\r\n" HOST "\r\n"
		      "POST /x HTTP/1.1\r\n" HOST "\r\n" LAST);
	check_answer(fd, EMPTY("200 OK") MOVED MOVED MOVED_BODY
		"HTTP/1.1 405 Method Not Allowed\r\n" NOT_ALLOWED LAST_ANSWER);
}
END_TEST

/* --- deadlines and limits ------------------------------------------------- */

static const char slow_request[] = "GET /ready HTTP/1.1\r\n" HOST "X: ";

/* Sends a byte per turn until the server hangs up. */
static void
trickle(int fd)
{
	struct strbuf in;

	strbuf_init(&in, 0);
	for (size_t i = 0; take(fd, &in); i++) {
		send_bytes(fd,
			i < sizeof(slow_request) - 1 ? &slow_request[i] : "x",
			1);
		turn();
	}
	/* cut off, not answered: the header is far from too large */
	ck_assert_uint_eq(in.len_bytes, 0);
	strbuf_fini(&in);
	close(fd);
}

START_TEST(a_client_that_trickles_is_cut_off)
{
	uint64_t start_ns;
	int fd;

	serve((struct http_server_options){ .timeouts.headers_ns = SHORT });
	fd = client();
	start_ns = clock_mono_ns();
	trickle(fd);
	ck_assert_uint_ge(clock_mono_ns() - start_ns, SHORT);
}
END_TEST

START_TEST(a_client_that_says_nothing_is_cut_off)
{
	serve((struct http_server_options){ .timeouts.headers_ns = SHORT });
	check_answer(client(), "");
}
END_TEST

/* An hour of idleness is allowed: that the begun request is seen is what
 * ends the connection. */
START_TEST(trickling_the_second_request_is_noticed)
{
	int fd;

	serve((struct http_server_options){ .timeouts.headers_ns = SHORT });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	read_until(fd, "\r\n\r\n");
	trickle(fd);
}
END_TEST

/* Both come at once, when the connection is known already: of epoll's one
 * event the library makes the request alone. */
START_TEST(an_end_that_comes_with_the_request_is_noticed)
{
	static const char *const requests[] = {
		"GET /ready HTTP/1.1\r\n" HOST "\r\n",
		"GET /ready HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na",
	};

	serve((struct http_server_options){ .timeouts.headers_ns = 5 * SHORT });
	for (size_t i = 0; i < COUNT(requests); i++) {
		int fd = client();

		while (http_server_connections(server) == 0)
			turn();
		turn();
		send_text(fd, requests[i]);
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
		check_answer(fd, EMPTY("200 OK"));
		while (http_server_connections(server) > 0)
			turn();
	}
}
END_TEST

START_TEST(a_second_request_begun_with_the_first_is_noticed)
{
	int fd;

	serve((struct http_server_options){ .timeouts.headers_ns = SHORT });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST
		      "Content-Length: 3\r\n\r\nabcGE");
	check_answer(fd, EMPTY("200 OK"));
}
END_TEST

START_TEST(an_idle_connection_lives_beyond_the_header_timeout)
{
	uint64_t start_ns;
	int fd;

	serve((struct http_server_options){
		.timeouts.headers_ns = SHORT, .timeouts.idle_ns = 4 * SHORT });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	read_until(fd, "\r\n\r\n");
	start_ns = clock_mono_ns();
	check_answer(fd, "");
	/* the answer was read after it was sent */
	ck_assert_uint_ge(clock_mono_ns() - start_ns, 3 * SHORT);
}
END_TEST

/* K 2.2 */
START_TEST(idleness_ends_even_when_headers_may_take_long)
{
	int fd;

	serve((struct http_server_options){ .timeouts.idle_ns = SHORT });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	check_answer(fd, EMPTY("200 OK"));
}
END_TEST

/* K 2.2 */
START_TEST(a_client_that_does_not_read_is_cut_off)
{
	int fd;

	source_state.metrics_len = SIZE_MAX;
	serve((struct http_server_options){ .timeouts.answer_ns = SHORT });
	fd = client();
	send_text(fd, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	while (source_state.n_readers == 0)
		turn();
	while (http_server_connections(server) > 0)
		turn();
	ck_assert_uint_eq(source_state.n_readers, 0);
	close(fd);
}
END_TEST

START_TEST(a_body_that_does_not_come_is_cut_off)
{
	int fd;

	serve((struct http_server_options){ .timeouts.answer_ns = SHORT });
	fd = client();
	send_text(fd,
		"GET /ready HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\na");
	check_answer(fd, "");
}
END_TEST

START_TEST(others_are_served_during_an_endless_scrape)
{
	int scrape;

	source_state.metrics_len = SIZE_MAX;
	serve((struct http_server_options){ 0 });
	scrape = client();
	send_text(scrape, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	read_until(scrape, "\r\n\r\n");
	for (int i = 0; i < 10; i++)
		check_serves("127.0.0.1", http_server_port(server, 0));
	close(scrape);
	while (source_state.n_readers > 0)
		turn();
}
END_TEST

/* Far more than the kernel holds for who does not read. */
#define LONG_PAGE_BYTES ((size_t)(16 * 1024 * 1024))

/* One that asks for a long page and reads nothing of it. */
static int
stall(const char *host)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes = 1024;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
	ck_assert_int_eq(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)),
		0);
	address.sin_port = htons(http_server_port(server, 0));
	ck_assert_int_eq(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr), 1);
	ck_assert_int_eq(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	send_text(fd, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	while (!is_readable(fd))
		turn();
	return fd;
}

/* Reads a scrape that was asked for by HTTP/1.0 to its end. */
static void
check_long_page(int fd)
{
	size_t n_bytes = 0;
	struct strbuf in;

	strbuf_init(&in, 0);
	while (take(fd, &in)) {
		ck_assert_uint_le(source_state.n_readers, 8);
		turn();
		n_bytes += in.len_bytes;
		strbuf_reset(&in);
	}
	n_bytes += in.len_bytes;
	strbuf_fini(&in);
	close(fd);
	ck_assert_uint_gt(n_bytes, LONG_PAGE_BYTES);
}

#define N_STALLED 20

/* Each from an address of his own, or all from that of the honest one. */
START_TEST(who_does_not_read_keeps_no_scrape_out)
{
	int fds[N_STALLED], honest;
	char host[32];

	source_state.metrics_len = LONG_PAGE_BYTES;
	serve((struct http_server_options){ 0 });
	for (int i = 0; i < N_STALLED; i++) {
		snprintf(host, sizeof(host), "127.0.0.%d", _i == 0 ? i + 2 : 1);
		fds[i] = stall(host);
		ck_assert_uint_le(source_state.n_readers, _i == 0 ? 8 : 4);
	}
	honest = client();
	send_text(honest, "GET /metrics HTTP/1.0\r\n\r\n");
	check_long_page(honest);
	for (int i = 0; i < N_STALLED; i++)
		close(fds[i]);
}
END_TEST

/* It is neither the oldest that goes, nor the newest. */
START_TEST(the_scrape_that_is_furthest_behind_goes)
{
	int fds[N_STALLED], honest;
	size_t n_bytes = 0;
	struct strbuf in;
	char host[32];

	source_state.metrics_len = LONG_PAGE_BYTES;
	serve((struct http_server_options){ 0 });
	honest = client();
	send_text(honest, "GET /metrics HTTP/1.0\r\n\r\n");
	strbuf_init(&in, 0);
	for (int i = 0; i < N_STALLED; i++) {
		snprintf(host, sizeof(host), "127.0.0.%d", i + 2);
		fds[i] = stall(host);
		/* slowly: he is not done before they have all come */
		strbuf_reset(&in);
		ck_assert(take(honest, &in));
		n_bytes += in.len_bytes;
	}
	strbuf_fini(&in);
	ck_assert_uint_gt(n_bytes, 0);
	ck_assert_uint_lt(n_bytes, LONG_PAGE_BYTES / 2);
	ck_assert_uint_eq(source_state.n_readers, 8);
	source_state.metrics_len = LONG_PAGE_BYTES + n_bytes;
	check_long_page(honest);
	for (int i = 0; i < N_STALLED; i++)
		close(fds[i]);
}
END_TEST

/* All at one moment: what they make the server hold is bounded. */
START_TEST(a_crowd_of_scrapes_is_bounded_and_told_so)
{
	unsigned n_busy = 0, most = 0;
	int fds[100];

	source_state.metrics_len = LONG_PAGE_BYTES;
	serve((struct http_server_options){ 0 });
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = client();
		send_text(fds[i], "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	}
	for (size_t i = 0; i < COUNT(fds); i++) {
		char status[13] = "";

		while (recv(fds[i], status, 12, MSG_PEEK | MSG_DONTWAIT) < 0 &&
			errno == EAGAIN) {
			turn();
			if (source_state.n_readers > most)
				most = source_state.n_readers;
		}
		n_busy += strcmp(status, "HTTP/1.1 503") == 0;
	}
	ck_assert_uint_gt(n_busy, 0);
	ck_assert_uint_le(most, 8);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
}
END_TEST

/* An hour is what the deadlines would give him; a megabyte, taken at once, a
 * minute. */
START_TEST(a_scrape_that_stands_still_is_cut_off)
{
	static char buf[64 * 1024];
	size_t n_bytes = 0;
	int fd;

	source_state.metrics_len = LONG_PAGE_BYTES;
	serve((struct http_server_options){ .max_scrapes = 2 });
	fd = stall("127.0.0.1");
	while (_i == 1 && n_bytes < 1024 * 1024) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		n_bytes += n > 0 ? (size_t)n : 0;
		turn();
	}
	ck_assert_uint_eq(source_state.n_readers, 1);
	while (http_server_connections(server) > 0)
		turn();
	ck_assert_uint_eq(source_state.n_readers, 0);
	close(fd);
}
END_TEST

/* 1 Mbit/s, by the same clock as the server's; longer than the other lives. */
START_TEST(a_scrape_that_is_slow_goes_on)
{
	uint64_t began_ns, age_ns = 0;
	size_t n_bytes = 0;
	char buf[4096];
	int fd;

	source_state.metrics_len = LONG_PAGE_BYTES;
	serve((struct http_server_options){ .max_scrapes = 2 });
	fd = stall("127.0.0.1");
	began_ns = clock_mono_ns();
	while (age_ns < 5 * NS_PER_S / 2) {
		age_ns = clock_mono_ns() - began_ns;
		while (n_bytes < age_ns / 8000) {
			ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

			ck_assert_msg(
				n > 0 || (n < 0 && errno == EAGAIN), "cut off");
			if (n < 0)
				break;
			n_bytes += (size_t)n;
		}
		turn();
	}
	ck_assert_uint_eq(source_state.n_readers, 1);
	close(fd);
}
END_TEST

static struct http_peer
peer_of(const char *text)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return http_listen_peer((struct sockaddr *)&v4);
	ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return http_listen_peer((struct sockaddr *)&v6);
}

START_TEST(an_ipv6_network_is_one_peer)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pairs[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "2001:db8::1", "2001:db8::ffff:1", true },
		{ "2001:db8::1", "2001:db8:0:1::1", false },
	};

	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct http_peer a = peer_of(pairs[i].a);
		struct http_peer b = peer_of(pairs[i].b);

		ck_assert_msg((memcmp(&a, &b, sizeof(a)) == 0) == pairs[i].same,
			"%s %s", pairs[i].a, pairs[i].b);
	}
}
END_TEST

#define MAX_UNFINISHED 128 /* http_site.c's */

/* Half of a request each: they are fewer than the connections may be. */
START_TEST(of_too_many_unfinished_requests_the_oldest_goes)
{
	static const char *const halves[] = { "GET /ready HTTP/1.1\r\nX: ",
		"GET /ready HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\na" };
	int fds[300];

	serve((struct http_server_options){ .max_connections = 2048 });
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = client();
		send_text(fds[i], halves[_i]);
		turn();
	}
	while (http_server_connections(server) > MAX_UNFINISHED)
		turn();
	ck_assert_uint_eq(http_server_connections(server), MAX_UNFINISHED);
	check_serves("127.0.0.1", http_server_port(server, 0));
	ck_assert(!is_open(fds[0]));
	ck_assert(is_open(fds[COUNT(fds) - 1]));
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
}
END_TEST

/* What has connected and says nothing holds nothing. */
START_TEST(many_that_have_just_come_are_not_too_many)
{
	int fds[300];

	serve((struct http_server_options){ .max_connections = 2048 });
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = client();
		turn();
	}
	for (size_t i = 0; i < COUNT(fds); i++)
		send_text(fds[i], "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	for (size_t i = 0; i < COUNT(fds); i++) {
		char answer[256] = "";

		while (recv(fds[i], answer, sizeof(answer) - 1, MSG_DONTWAIT) <
			0)
			turn();
		ck_assert_ptr_nonnull(strstr(answer, " 200 OK"));
		close(fds[i]);
	}
}
END_TEST

/* Of a request for nearly two kilobytes: more than once it is not read. */
static void
ask_until_nothing_goes(int fd)
{
	char request[1600];
	int n_full = 0, on = 1024;

	ck_assert_int_eq(
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &on, sizeof(on)), 0);
	snprintf(request, sizeof(request),
		"GET /alive HTTP/1.1\r\n" HOST "X: %01500d\r\n\r\n", 0);
	while (n_full < 20) {
		ssize_t n = send(fd, request, strlen(request),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		n_full = n < 0 ? n_full + 1 : 0;
		if (n < 0 && errno != EAGAIN)
			return;
		turn();
	}
}

/* What they do who hold on to a connection. */
static void
hold(int fd, int how)
{
	switch (how) {
	case 0: /* nothing, or half of the headers */
		break;
	case 1:
		send_text(fd, "GET /ready HTTP/1.1\r\nX: ");
		break;
	case 2: /* half of a body */
		send_text(fd, "GET /ready HTTP/1.1\r\n" HOST
			      "Content-Length: 9\r\n\r\na");
		break;
	case 3: /* an answer is not taken */
		ask_until_nothing_goes(fd);
		break;
	default: /* idle after an answer */
		send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
		read_until(fd, "\r\n\r\n");
	}
	turn();
}

/* Each way by itself, and at last all of them. */
START_TEST(who_holds_all_connections_keeps_nobody_out)
{
	int fds[32];

	serve((struct http_server_options){ .max_connections = 16 });
	for (int i = 0; i < (int)COUNT(fds); i++) {
		fds[i] = client();
		hold(fds[i], _i < 5 ? _i : i % 5);
	}
	ck_assert_uint_le(http_server_connections(server), 16);
	check_serves("127.0.0.1", http_server_port(server, 0));
	check_serves("127.0.0.1", http_server_port(server, 0));
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
}
END_TEST

#define PIPELINING     100
#define PIPELINED_EACH 40
#define PIPELINED      "GET /alwayshappy HTTP/1.1\r\n" HOST ORIGIN "\r\n"
#define ORIGIN         "Kubenurse-Neighbour-Origin: a\r\n"
#define MANY_PER_TURN  64

/* Each sends all his requests; the origins tell how many were answered. */
static void
pipeline(int fds[PIPELINING])
{
	for (size_t i = 0; i < PIPELINING; i++) {
		fds[i] = client();
		for (size_t j = 0; j < PIPELINED_EACH; j++)
			send_text(fds[i], PIPELINED);
	}
	while (http_server_connections(server) < PIPELINING)
		turn();
}

START_TEST(who_pipelines_lets_others_go_first)
{
	unsigned n_asked = PIPELINING * PIPELINED_EACH;
	int fds[PIPELINING];
	struct strbuf in;
	int honest;

	serve((struct http_server_options){ 0 });
	pipeline(fds);
	honest = client();
	send_text(honest, LAST);
	strbuf_init(&in, 0);
	while (take(honest, &in)) {
		unsigned n_before = source_state.n_origins;

		turn();
		ck_assert_uint_le(
			source_state.n_origins - n_before, MANY_PER_TURN);
	}
	ck_assert(in.len_bytes > 0);
	ck_assert_uint_lt(source_state.n_origins, n_asked);
	strbuf_fini(&in);
	close(honest);
	/* and nobody is forgotten */
	while (source_state.n_origins < n_asked)
		turn();
	for (size_t i = 0; i < PIPELINING; i++) {
		send_text(fds[i], LAST);
		free(read_all(fds[i]));
	}
}
END_TEST

START_TEST(who_waits_his_turn_may_vanish)
{
	const struct linger at_once = { 1, 0 };
	int fds[PIPELINING];

	serve((struct http_server_options){ 0 });
	pipeline(fds);
	for (size_t i = 0; i < PIPELINING; i++) {
		if (i % 2 == 0)
			ck_assert_int_eq(
				setsockopt(fds[i], SOL_SOCKET, SO_LINGER,
					&at_once, sizeof(at_once)),
				0);
		close(fds[i]);
	}
	check_serves("127.0.0.1", http_server_port(server, 0));
	while (http_server_connections(server) > 0)
		turn();
}
END_TEST

START_TEST(the_server_may_be_freed_when_some_wait)
{
	int fds[PIPELINING];

	serve((struct http_server_options){ 0 });
	pipeline(fds);
	ck_assert_uint_lt(source_state.n_origins, PIPELINING * PIPELINED_EACH);
	http_server_free(server);
	server = NULL;
	for (size_t i = 0; i < PIPELINING; i++)
		close(fds[i]);
}
END_TEST

START_TEST(of_too_many_idle_ones_the_oldest_goes)
{
	int fds[17];

	serve((struct http_server_options){ .max_connections = 64 });
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = client();
		send_text(fds[i], "GET /ready HTTP/1.1\r\n" HOST "\r\n");
		read_until(fds[i], "\r\n\r\n");
	}
	check_answer(fds[0], "");
	ck_assert_uint_eq(http_server_connections(server), 16);
	for (size_t i = 1; i < COUNT(fds); i++) {
		send_text(fds[i], LAST);
		check_answer(fds[i], LAST_ANSWER);
	}
}
END_TEST

/* The descriptors that are open stay; there are no new ones. */
static struct rlimit
forbid_descriptors(void)
{
	struct rlimit old, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	return old;
}

START_TEST(without_descriptors_the_idle_go_and_the_next_is_served)
{
	struct rlimit old;
	int idle, next;

	serve((struct http_server_options){ 0 });
	idle = client();
	send_text(idle, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	read_until(idle, "\r\n\r\n");
	next = client();
	old = forbid_descriptors();
	send_text(next, LAST);
	/* it is cut, in the hope that this makes room */
	check_answer(idle, "");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	check_answer(next, LAST_ANSWER);
}
END_TEST

START_TEST(without_descriptors_nobody_spins)
{
	struct rlimit old;
	uint64_t start_ns;
	int next, turns = 0;

	serve((struct http_server_options){ 0 });
	next = client();
	send_text(next, LAST);
	old = forbid_descriptors();
	start_ns = clock_mono_ns();
	while (clock_mono_ns() - start_ns < 4 * SHORT && ++turns < 1000)
		ck_assert_int_eq(loop_turn(loop, HOUR), 0);
	ck_assert_int_lt(turns, 1000);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	check_answer(next, LAST_ANSWER);
}
END_TEST

/* --- listeners ------------------------------------------------------------ */

/* F 2.23 */
START_TEST(a_taken_port_is_a_clear_error)
{
	char address[32], expected[100];
	struct http_listener_options listener = { .address = address };
	struct http_server_options options = { .listeners = &listener,
		.n_listeners = 1 };

	serve((struct http_server_options){ 0 });
	snprintf(address, sizeof(address), "127.0.0.1:%u",
		http_server_port(server, 0));
	snprintf(expected, sizeof(expected),
		"listen %s: Address already in use", address);
	ck_assert_ptr_null(http_server_open(
		loop, &options, &source, error, sizeof(error)));
	ck_assert_str_eq(error, expected);
}
END_TEST

static const char *const bad_addresses[] = { "", "80", "127.0.0.1",
	"127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:+80",
	"::1:80", "[::1]", "[::1:80", "::1]:80", "[]80", "localhost:80",
	"[127.0.0.1:80", "127.0.0.1:080000" };

START_TEST(a_bad_address_is_a_clear_error)
{
	struct http_listener_options listener = { .address =
							  bad_addresses[_i] };
	struct http_server_options options = { .listeners = &listener,
		.n_listeners = 1 };

	ck_assert_ptr_null(http_server_open(
		loop, &options, &source, error, sizeof(error)));
	ck_assert_msg(strstr(error, "not ADDRESS:PORT") != NULL, "%s", error);
}
END_TEST

/* N 1.10 */
START_TEST(every_address_serves_ipv4)
{
	static const struct http_listener_options any[] = {
		{ .address = "[::]:0" }
	};
	struct sockaddr_in self;
	socklen_t len = sizeof(self);
	char expected[64], *text;
	int fd;

	serve((struct http_server_options){
		.listeners = any, .n_listeners = 1 });
	fd = client();
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&self, &len), 0);
	send_text(fd, "GET /alive HTTP/1.0\r\n\r\n");
	text = read_all(fd);
	/* and an IPv4 client looks like one */
	snprintf(expected, sizeof(expected), "\"127.0.0.1:%u\"",
		ntohs(self.sin_port));
	ck_assert_ptr_nonnull(strstr(text, expected));
	free(text);
}
END_TEST

/* Those of this test are closed on exec by themselves. */
START_TEST(no_socket_is_inherited)
{
	unsigned n_sockets = 0;
	int fd;

	serve((struct http_server_options){ 0 });
	fd = client();
	send_text(fd, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	read_until(fd, "\r\n\r\n");
	for (int i = 3; i < 1024; i++) {
		struct stat status;

		if (fstat(i, &status) < 0 || !S_ISSOCK(status.st_mode))
			continue;
		n_sockets++;
		ck_assert_int_eq(fcntl(i, F_GETFD), FD_CLOEXEC);
	}
	ck_assert_uint_ge(n_sockets, 3);
	close(fd);
}
END_TEST

START_TEST(what_connects_before_the_start_is_served_after_it)
{
	struct http_server_options options = { .listeners = loopback,
		.n_listeners = 1 };
	int fd;

	server =
		http_server_open(loop, &options, &source, error, sizeof(error));
	ck_assert_ptr_nonnull(server);
	fd = client();
	send_text(fd, LAST);
	ck_assert_int_eq(http_server_start(server, error, sizeof(error)), 0);
	check_answer(fd, LAST_ANSWER);
}
END_TEST

START_TEST(a_reload_adds_keeps_and_closes_listeners)
{
	static const struct http_listener_options two[] = {
		{ .address = "127.0.0.2:0" }, { .address = "127.0.0.1:0" }
	};
	uint16_t first, second;
	int idle, scrape;
	char *text;

	serve((struct http_server_options){ 0 });
	first = http_server_port(server, 0);
	ck_assert_int_eq(
		http_server_relisten(server, two, 2, error, sizeof(error)), 0);
	second = http_server_port(server, 0);
	ck_assert_uint_eq(http_server_port(server, 1), first);
	check_serves("127.0.0.1", first);
	check_serves("127.0.0.2", second);
	idle = try_connect("127.0.0.1", first);
	source_state.metrics_len = SIZE_MAX;
	scrape = try_connect("127.0.0.1", first);
	send_text(scrape, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	read_until(scrape, "\r\n\r\n");
	ck_assert_int_eq(
		http_server_relisten(server, two, 1, error, sizeof(error)), 0);
	ck_assert_int_eq(try_connect("127.0.0.1", first), -1);
	check_answer(idle, "");
	check_serves("127.0.0.2", second);
	/* who waits for an answer gets it to its end, and that was all */
	source_state.metrics_len = 0;
	text = read_all(scrape);
	ck_assert_str_eq(text + strlen(text) - 7, "\r\n0\r\n\r\n");
	free(text);
	check_serves("127.0.0.2", second);
	ck_assert_uint_eq(http_server_connections(server), 0);
}
END_TEST

START_TEST(a_reload_that_fails_changes_nothing)
{
	char taken[32];
	struct http_listener_options wanted[] = { { .address = "127.0.0.2:0" },
		{ .address = taken } };
	struct sockaddr_in self = { .sin_family = AF_INET };
	socklen_t len = sizeof(self);
	int other = socket(AF_INET, SOCK_STREAM, 0);
	uint16_t port;

	self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(other, (struct sockaddr *)&self, len), 0);
	ck_assert_int_eq(listen(other, 1), 0);
	ck_assert_int_eq(getsockname(other, (struct sockaddr *)&self, &len), 0);
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", ntohs(self.sin_port));
	serve((struct http_server_options){ 0 });
	port = http_server_port(server, 0);
	ck_assert_int_lt(
		http_server_relisten(server, wanted, 2, error, sizeof(error)),
		0);
	ck_assert_ptr_nonnull(strstr(error, "Address already in use"));
	ck_assert_uint_eq(http_server_port(server, 0), port);
	ck_assert_uint_eq(http_server_port(server, 1), 0);
	check_serves("127.0.0.1", port);
	close(other);
}
END_TEST

/* --- the end -------------------------------------------------------------- */

static void
on_drained(void *arg)
{
	ck_assert_ptr_eq(arg, &n_drained);
	n_drained++;
}

START_TEST(with_nobody_connected_the_end_comes_at_once)
{
	serve((struct http_server_options){ 0 });
	http_server_quiesce(server, HOUR, on_drained, &n_drained);
	ck_assert_uint_eq(n_drained, 0); /* from the loop, not from here */
	while (n_drained == 0)
		turn();
}
END_TEST

/* K 6.3 */
START_TEST(the_idle_and_the_half_sent_delay_nothing)
{
	int idle, half, mute;

	serve((struct http_server_options){ 0 });
	idle = client();
	send_text(idle, "GET /ready HTTP/1.1\r\n" HOST "\r\n");
	read_until(idle, "\r\n\r\n");
	half = client();
	send_text(half, "GET /rea");
	mute = client();
	while (http_server_connections(server) < 3)
		turn();
	http_server_quiesce(server, HOUR, on_drained, &n_drained);
	while (n_drained == 0)
		turn();
	ck_assert_uint_eq(http_server_connections(server), 0);
	check_answer(idle, "");
	check_answer(half, "");
	check_answer(mute, "");
}
END_TEST

/* K 6.3 */
START_TEST(who_has_asked_gets_the_answer_and_then_it_ends)
{
	static const char body[] = "abc";
	uint16_t port;
	int asking, queued;

	serve((struct http_server_options){ 0 });
	port = http_server_port(server, 0);
	asking = client();
	send_text(asking, "GET /ready HTTP/1.1\r\n" HOST "Content-Length: 3\r\n"
			  "Expect: 100-continue\r\n\r\n");
	read_until(asking, "100 Continue\r\n\r\n");
	/* complete, but the server has not so much as accepted it */
	queued = client();
	send_text(queued, "GET /ready HTTP/1.0\r\n\r\n");
	http_server_quiesce(server, HOUR, on_drained, &n_drained);
	ck_assert_int_eq(try_connect("127.0.0.1", port), -1);
	check_answer(queued,
		"HTTP/1.0 200 OK\r\n" CLOSE "Content-Length: 0\r\n\r\n");
	ck_assert_uint_eq(n_drained, 0);
	send_text(asking, body);
	check_answer(asking, EMPTY("200 OK"));
	while (n_drained == 0)
		turn();
}
END_TEST

/* K 6.3 */
START_TEST(the_end_comes_in_time_whoever_hangs_on)
{
	int scrape;

	source_state.metrics_len = SIZE_MAX;
	serve((struct http_server_options){ 0 });
	scrape = client();
	send_text(scrape, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
	read_until(scrape, "\r\n\r\n");
	http_server_quiesce(server, SHORT, on_drained, &n_drained);
	while (n_drained == 0)
		turn();
	ck_assert_uint_eq(http_server_connections(server), 1);
	close(scrape);
}
END_TEST

static void
free_server(void *arg)
{
	http_server_free(server);
	server = NULL;
	on_drained(arg);
}

START_TEST(the_server_may_be_freed_when_drained)
{
	serve((struct http_server_options){ 0 });
	http_server_quiesce(server, HOUR, free_server, &n_drained);
	while (n_drained == 0)
		turn();
	turn();
}
END_TEST

static void
add_answer_tests(TCase *tcase)
{
	tcase_add_loop_test(
		tcase, a_request_gets_its_answer, 0, COUNT(exchanges));
	tcase_add_loop_test(tcase,
		what_the_library_refuses_gets_its_status_and_is_closed, 0,
		COUNT(library_refusals));
	tcase_add_loop_test(tcase, what_is_odd_and_right_is_answered, 0,
		COUNT(odd_requests));
	tcase_add_test(
		tcase, headers_of_sixteen_kibibytes_pass_and_thirtytwo_are_431);
	tcase_add_test(tcase, a_body_without_end_is_not_read);
	tcase_add_test(tcase, ready_follows_the_source);
	tcase_add_test(tcase, alive_is_500_until_the_first_round_has_ended);
	tcase_add_test(tcase, alive_shows_the_request_as_it_was);
	tcase_add_test(tcase, a_long_alive_is_chunked);
	tcase_add_test(
		tcase, the_first_origin_is_told_and_only_from_alwayshappy);
	tcase_add_test(tcase, metrics_come_in_chunks_whole_and_in_order);
	tcase_add_test(tcase, head_of_a_short_alive_says_the_length_of_get);
	tcase_add_test(tcase, head_of_a_stream_has_no_body_and_asks_no_reader);
	tcase_add_test(tcase, gzip_is_announced);
	tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
}

static void
add_deadline_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_client_that_trickles_is_cut_off);
	tcase_add_test(tcase, a_client_that_says_nothing_is_cut_off);
	tcase_add_test(tcase, trickling_the_second_request_is_noticed);
	tcase_add_test(tcase, an_end_that_comes_with_the_request_is_noticed);
	tcase_add_test(tcase, a_second_request_begun_with_the_first_is_noticed);
	tcase_add_test(
		tcase, an_idle_connection_lives_beyond_the_header_timeout);
	tcase_add_test(tcase, idleness_ends_even_when_headers_may_take_long);
	tcase_add_test(tcase, a_client_that_does_not_read_is_cut_off);
	tcase_add_test(tcase, a_body_that_does_not_come_is_cut_off);
	tcase_add_test(tcase, others_are_served_during_an_endless_scrape);
	tcase_add_loop_test(tcase, who_does_not_read_keeps_no_scrape_out, 0, 2);
	tcase_add_test(tcase, the_scrape_that_is_furthest_behind_goes);
	tcase_add_test(tcase, a_crowd_of_scrapes_is_bounded_and_told_so);
	tcase_add_loop_test(tcase, a_scrape_that_stands_still_is_cut_off, 0, 2);
	tcase_add_test(tcase, a_scrape_that_is_slow_goes_on);
	tcase_add_test(tcase, an_ipv6_network_is_one_peer);
	tcase_add_loop_test(
		tcase, of_too_many_unfinished_requests_the_oldest_goes, 0, 2);
	tcase_add_test(tcase, many_that_have_just_come_are_not_too_many);
	tcase_add_loop_test(
		tcase, who_holds_all_connections_keeps_nobody_out, 0, 6);
	tcase_add_test(tcase, who_pipelines_lets_others_go_first);
	tcase_add_test(tcase, who_waits_his_turn_may_vanish);
	tcase_add_test(tcase, the_server_may_be_freed_when_some_wait);
	tcase_add_test(tcase, of_too_many_idle_ones_the_oldest_goes);
	/* under which accept(2) succeeds, and EMFILE is said all the same */
	if (!is_under_valgrind()) {
		tcase_add_test(tcase,
			without_descriptors_the_idle_go_and_the_next_is_served);
		tcase_add_test(tcase, without_descriptors_nobody_spins);
	}
}

static void
add_listener_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_taken_port_is_a_clear_error);
	tcase_add_loop_test(
		tcase, a_bad_address_is_a_clear_error, 0, COUNT(bad_addresses));
	tcase_add_test(tcase, every_address_serves_ipv4);
	tcase_add_test(tcase, no_socket_is_inherited);
	tcase_add_test(
		tcase, what_connects_before_the_start_is_served_after_it);
	tcase_add_test(tcase, a_reload_adds_keeps_and_closes_listeners);
	tcase_add_test(tcase, a_reload_that_fails_changes_nothing);
	tcase_add_test(tcase, with_nobody_connected_the_end_comes_at_once);
	tcase_add_test(tcase, the_idle_and_the_half_sent_delay_nothing);
	tcase_add_test(tcase, who_has_asked_gets_the_answer_and_then_it_ends);
	tcase_add_test(tcase, the_end_comes_in_time_whoever_hangs_on);
	tcase_add_test(tcase, the_server_may_be_freed_when_drained);
}

int
main(void)
{
	static void (*const adders[])(TCase *) = { add_answer_tests,
		add_deadline_tests, add_listener_tests };
	static const char *const names[] = { "answers", "deadlines",
		"listeners" };
	Suite *suite = suite_create("http_server");
	SRunner *runner;
	int n_failed;

	for (size_t i = 0; i < COUNT(adders); i++) {
		TCase *tcase = tcase_create(names[i]);

		/* a bound for what never ends, not for what is slow */
		tcase_set_timeout(tcase, 60);
		tcase_add_checked_fixture(tcase, setup, teardown);
		adders[i](tcase);
		suite_add_tcase(suite, tcase);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
