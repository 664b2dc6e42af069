/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server may answer, and what of it is believed. */
#include "workers/discovery/table_parser.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                \
	"\"columnDefinitions\":[{\"name\":\"Name\",\"priority\":0},"           \
	"{\"name\":\"Ready\"},{\"name\":\"Status\"},{\"name\":\"Restarts\"},"  \
	"{\"name\":\"IP\"},{\"name\":\"Node\"}]"
#define ROW(name, ready, status, ip, node)                                     \
	"{\"cells\":[\"" name "\",\"" ready "\",\"" status "\",0,\"" ip        \
	"\",\"" node "\"],\"object\":null}"
#define TABLE(version, columns, rows)                                          \
	"{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{" \
	"\"resourceVersion\":\"" version "\"}," columns ",\"rows\":[" rows     \
	"]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define LIST                                                                   \
	TABLE("12", COLUMNS,                                                   \
		ROW("a", "1/1", "Running", "10.0.0.1", "node-a") "," ROW("b",  \
			"0/1", "Running", "fd00::1", "node-b") "," ROW("c",    \
			"2/2", "Terminating", "\\u003cnone\\u003e", "<none>"))

/* What was told, as one line per event. */
struct said {
	char text[8192];
	size_t len;
	int rc; /* what the receiver answers */
	struct table_columns columns;
};

static int
on_event(void *arg, enum table_event event, const struct table_row *row)
{
	static const char *const names[] = { "LISTED", "ADDED", "MODIFIED",
		"DELETED", "BOOKMARK", "ERROR" };
	struct said *said = arg;

	said->len += (size_t)snprintf(said->text + said->len,
		sizeof(said->text) - said->len, "%s", names[event]);
	if (row != NULL)
		said->len += (size_t)snprintf(said->text + said->len,
			sizeof(said->text) - said->len,
			" %s/%s %s %s %s%s%s%s%s", row->namespace_name,
			row->name, row->ip, row->node_name, row->host_ip,
			row->ready ? " ready" : "",
			row->terminating ? " terminating" : "",
			row->running ? "" : " not running",
			row->unschedulable ? " cordoned" : "");
	said->len += (size_t)snprintf(
		said->text + said->len, sizeof(said->text) - said->len, "\n");
	return said->rc;
}

static struct table_parser *
start(struct said *said, enum table_mode mode, enum table_kind kind)
{
	const struct table_parser_options options = {
		.mode = mode, .kind = kind, .on_event = on_event, .arg = said
	};
	struct table_parser *parser =
		table_parser_new(&options, &said->columns);

	ck_assert_ptr_nonnull(parser);
	return parser;
}

static int
parse(struct said *said, enum table_mode mode, enum table_kind kind,
	const char *text)
{
	struct table_parser *parser = start(said, mode, kind);
	int rc = table_parser_feed(parser, text, strlen(text));

	if (rc == 0)
		rc = table_parser_finish(parser);
	ck_assert((rc < 0) == (table_parser_error(parser) != NULL));
	table_parser_free(parser);
	return rc;
}

/* F 5.7 */
START_TEST(a_list_as_a_table)
{
	struct said said = { 0 };
	struct table_parser *parser = start(&said, TABLE_LIST, TABLE_PODS);

	ck_assert_int_eq(table_parser_feed(parser, LIST, strlen(LIST)), 0);
	ck_assert_int_eq(table_parser_finish(parser), 0);
	ck_assert_str_eq(table_parser_version(parser), "12");
	ck_assert_str_eq(said.text, "LISTED /a 10.0.0.1 node-a  ready\n"
				    "LISTED /b fd00::1 node-b \n"
				    "LISTED /c    ready terminating\n");
	table_parser_free(parser);
}
END_TEST

START_TEST(an_empty_list)
{
	static const char *const lists[] = {
		TABLE("9", COLUMNS, ""),
		"{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"9\"}"
		",\"items\":null}",
		"{\"kind\":\"PodList\",\"items\":[],"
		"\"metadata\":{\"resourceVersion\":\"9\"}}",
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct said said = { 0 };

		ck_assert_int_eq(
			parse(&said, TABLE_LIST, TABLE_PODS, lists[i]), 0);
		ck_assert_uint_eq(said.len, 0);
	}
}
END_TEST

/* K 1.29 */
START_TEST(namespaces_come_with_the_metadata)
{
	struct said said = { 0 };

	ck_assert_int_eq(
		parse(&said, TABLE_LIST, TABLE_PODS,
			TABLE("3", COLUMNS,
				"{\"cells\":[\"a\",\"1/1\",\"Running\",\"1\","
				"\"10.0.0.1\",\"n\"],\"object\":{\"kind\":\"x\""
				",\"metadata\":{\"name\":\"a\",\"namespace\":"
				"\"ns\",\"labels\":{\"name\":\"no\"}}}}")),
		0);
	ck_assert_str_eq(said.text, "LISTED ns/a 10.0.0.1 n  ready\n");
}
END_TEST

START_TEST(plain_objects_are_understood)
{
	struct said said = { 0 };

	ck_assert_int_eq(
		parse(&said, TABLE_LIST, TABLE_PODS,
			"{\"kind\":\"PodList\",\"metadata\":{"
			"\"resourceVersion\":\"7\"},\"items\":["
			"{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},"
			"\"spec\":{\"nodeName\":\"n\",\"x\":[[{}]]},"
			"\"status\":{\"podIP\":\"10.0.0.1\",\"hostIP\":"
			"\"10.9.9.9\",\"conditions\":[{\"type\":\"Ready\","
			"\"status\":\"True\"},{\"type\":\"Other\",\"status\":"
			"\"False\"}]}},"
			"{\"metadata\":{\"name\":\"b\","
			"\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"}}]}"),
		0);
	ck_assert_str_eq(said.text, "LISTED ns/a 10.0.0.1 n 10.9.9.9 ready\n"
				    "LISTED /b    terminating\n");
	memset(&said, 0, sizeof(said));
	ck_assert_int_eq(
		parse(&said, TABLE_WATCH, TABLE_NODES,
			EVENT("ADDED",
				"{\"kind\":\"Node\",\"metadata\":{\"name\":"
				"\"n1\",\"resourceVersion\":\"4\"},\"spec\":{"
				"\"unschedulable\":true}}") EVENT("BOOKMARK",
				"{\"kind\":\"Node\",\"metadata\":{"
				"\"resourceVersion\":\"5\"}}")),
		0);
	ck_assert_str_eq(said.text, "ADDED /n1    cordoned\nBOOKMARK\n");
}
END_TEST

/* A server that does not look at field selectors tells more than was asked
 * for. */
/* K 5.1 */
START_TEST(what_a_row_says_of_itself_counts)
{
	static const struct {
		const char *status;
		bool running;
	} cases[] = {
		{ "Running", true },
		{ "CrashLoopBackOff", true }, /* words of its containers */
		{ "Completed", true },
		{ "NotReady", true },
		{ "", true },
		{ "Pending", false },
		{ "Succeeded", false },
		{ "Failed", false },
	};
	static const char table[] =
		TABLE("12", COLUMNS, ROW("a", "0/1", "%s", "10.0.0.1", "n"));
	static const char plain[] =
		"{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\""
		"},\"items\":[{\"metadata\":{\"name\":\"first\"},\"status\":{"
		"\"phase\":\"%s\"}},{\"metadata\":{\"name\":\"next\"}}]}";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *more = cases[i].running ? "" : " not running";
		struct said said = { 0 };
		char text[1024], wanted[128];

		snprintf(text, sizeof(text), table, cases[i].status);
		ck_assert_int_eq(parse(&said, TABLE_LIST, TABLE_PODS, text), 0);
		snprintf(wanted, sizeof(wanted), "LISTED /a 10.0.0.1 n %s\n",
			more);
		ck_assert_str_eq(said.text, wanted);
		memset(&said, 0, sizeof(said));
		snprintf(text, sizeof(text), plain, cases[i].status);
		ck_assert_int_eq(parse(&said, TABLE_LIST, TABLE_PODS, text), 0);
		/* of a plain object it is the phase, and no other's */
		more = strcmp(cases[i].status, "Running") == 0 ||
				       cases[i].status[0] == '\0'
			       ? ""
			       : " not running";
		snprintf(wanted, sizeof(wanted),
			"LISTED /first   %s\nLISTED /next   \n", more);
		ck_assert_str_eq(said.text, wanted);
	}
}
END_TEST

/* K 2.6 */
START_TEST(a_node_says_whether_it_is_cordoned)
{
#define NODE_COLUMNS                                                           \
	"\"columnDefinitions\":[{\"name\":\"Name\"},{\"name\":\"Status\"}]"
	struct said said = { 0 };

	ck_assert_int_eq(
		parse(&said, TABLE_LIST, TABLE_NODES,
			TABLE("3", NODE_COLUMNS,
				"{\"cells\":[\"a\",\"Ready\"]},"
				"{\"cells\":[\"b\",\"Ready,SchedulingDisabled\"]}"
				",{\"cells\":[\"c\"]}")),
		0);
	ck_assert_str_eq(said.text, "LISTED /a   \nLISTED /b    cordoned\n"
				    "LISTED /c    cordoned\n");
	memset(&said, 0, sizeof(said));
	ck_assert_int_eq(
		parse(&said, TABLE_LIST, TABLE_NODES,
			"{\"kind\":\"NodeList\",\"metadata\":{"
			"\"resourceVersion\":\"4\"},\"items\":["
			"{\"metadata\":{\"name\":\"a\"},\"spec\":{"
			"\"unschedulable\":true}},"
			"{\"metadata\":{\"name\":\"b\"},\"spec\":{"
			"\"unschedulable\":false}},"
			"{\"metadata\":{\"name\":\"c\"},\"spec\":{}}]}"),
		0);
	ck_assert_str_eq(said.text, "LISTED /a    cordoned\nLISTED /b   \n"
				    "LISTED /c   \n");
}
END_TEST

#define WATCH                                                                  \
	EVENT("ADDED",                                                         \
		TABLE("20", COLUMNS,                                           \
			ROW("a", "1/1", "Running", "10.0.0.1", "node-a")))     \
	EVENT("MODIFIED",                                                      \
		TABLE("21", "\"columnDefinitions\":null",                      \
			ROW("a", "0/1", "Running", "10.0.0.2", "node-a")))     \
	EVENT("BOOKMARK", TABLE("22", "\"columnDefinitions\":null",            \
				  ROW("", "0/0", "", "", "")))                 \
	EVENT("DELETED",                                                       \
		TABLE("23", "\"columnDefinitions\":null",                      \
			ROW("a", "0/1", "Error", "10.0.0.2", "node-a")))
#define WATCH_SAID                                                             \
	"ADDED /a 10.0.0.1 node-a  ready\n"                                    \
	"MODIFIED /a 10.0.0.2 node-a \n"                                       \
	"BOOKMARK\n"                                                           \
	"DELETED /a 10.0.0.2 node-a \n"

START_TEST(a_watch_cut_at_every_byte_is_the_same)
{
	size_t len = strlen(WATCH);

	for (size_t cut = 0; cut <= len; cut++) {
		struct said said = { 0 };
		struct table_parser *parser =
			start(&said, TABLE_WATCH, TABLE_PODS);

		ck_assert_int_eq(table_parser_feed(parser, WATCH, cut), 0);
		ck_assert_int_eq(
			table_parser_feed(parser, &WATCH[cut], len - cut), 0);
		ck_assert_int_eq(table_parser_finish(parser), 0);
		ck_assert_str_eq(said.text, WATCH_SAID);
		ck_assert_str_eq(table_parser_version(parser), "23");
		table_parser_free(parser);
	}
}
END_TEST

/* Where it ends, only whole events count, and the next watch resumes there. */
START_TEST(a_watch_that_ends_at_any_byte_resumes)
{
	size_t len = strlen(WATCH);

	for (size_t cut = 0; cut <= len; cut++) {
		struct said said = { 0 };
		struct table_parser *parser =
			start(&said, TABLE_WATCH, TABLE_PODS);
		unsigned version;

		ck_assert_int_eq(table_parser_feed(parser, WATCH, cut), 0);
		ck_assert_int_eq(table_parser_finish(parser), 0);
		ck_assert_int_eq(strncmp(said.text, WATCH_SAID, said.len), 0);
		version = (unsigned)atoi(table_parser_version(parser));
		if (said.len == 0)
			ck_assert_uint_eq(version, 0);
		else
			ck_assert_uint_ge(version, 20);
		table_parser_free(parser);
	}
}
END_TEST

START_TEST(a_watch_keeps_the_columns_of_the_list)
{
	struct said said = { 0 };

	ck_assert_int_eq(parse(&said, TABLE_LIST, TABLE_PODS, LIST), 0);
	said.len = 0;
	ck_assert_int_eq(
		parse(&said, TABLE_WATCH, TABLE_PODS,
			EVENT("ADDED", TABLE("30", "\"columnDefinitions\":null",
					       ROW("z", "1/1", "Running",
						       "10.0.0.9", "node-z")))),
		0);
	ck_assert_str_eq(said.text, "ADDED /z 10.0.0.9 node-z  ready\n");
}
END_TEST

START_TEST(an_error_event)
{
	struct said said = { .rc = -ECANCELED };
	struct table_parser *parser = start(&said, TABLE_WATCH, TABLE_PODS);
	const char *text = EVENT("ERROR",
		"{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Failure\","
		"\"message\":\"too old resource version: 1 (2)\","
		"\"reason\":\"Expired\",\"code\":410}");

	ck_assert_int_eq(
		table_parser_feed(parser, text, strlen(text)), -ECANCELED);
	ck_assert_uint_eq(table_parser_status_code(parser), 410);
	ck_assert_str_eq(table_parser_message(parser),
		"too old resource version: 1 (2)");
	table_parser_free(parser);
}
END_TEST

START_TEST(a_status_instead_of_a_list)
{
	struct said said = { 0 };
	struct table_parser *parser = start(&said, TABLE_LIST, TABLE_PODS);
	const char *text = "{\"kind\":\"Status\",\"metadata\":{},"
			   "\"status\":\"Failure\",\"message\":\"pods is "
			   "forbidden\",\"code\":403,\"details\":{\"a\":[1]}}";

	ck_assert_int_eq(table_parser_feed(parser, text, strlen(text)), 0);
	ck_assert_int_eq(table_parser_finish(parser), -EPROTO);
	ck_assert_str_eq(table_parser_message(parser), "pods is forbidden");
	table_parser_free(parser);
}
END_TEST

START_TEST(gates_count_for_readiness)
{
	static const char format[] =
		"{\"kind\":\"Table\",\"metadata\":{\"resourceVersion\":\"1\"},"
		"\"columnDefinitions\":[{\"name\":\"Readiness Gates\"},"
		"{\"name\":\"Name\"},{\"name\":\"Node\"},{\"name\":\"IP\"},"
		"{\"name\":\"Status\"},{\"name\":\"Ready\"}],\"rows\":[{"
		"\"cells\":[\"%s\",\"a\",\"n\",\"10.0.0.1\",\"Running\","
		"\"%s\"]}]}";
	static const struct {
		const char *gates, *ready;
		bool is_ready;
	} cases[] = {
		{ "<none>", "1/1", true },
		{ "1/1", "1/1", true },
		{ "0/1", "1/1", false },
		{ "<none>", "0/1", false },
		{ "<none>", "1/11", false },
		{ "<none>", "0/0", false },
		{ "<none>", "", false },
		{ "<none>", "1", false },
		{ "<none>", "x/x", false },
		{ "<none>", "12/12", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct said said = { 0 };
		char text[1024];

		snprintf(text, sizeof(text), format, cases[i].gates,
			cases[i].ready);
		ck_assert_int_eq(parse(&said, TABLE_LIST, TABLE_PODS, text), 0);
		ck_assert_str_eq(said.text,
			cases[i].is_ready ? "LISTED /a 10.0.0.1 n  ready\n"
					  : "LISTED /a 10.0.0.1 n \n");
	}
}
END_TEST

START_TEST(bad_lists)
{
	static const char *const lists[] = {
		"",
		"[]",
		"null",
		"1",
		"\"Table\"",
		"{}",
		"<html>",
		"{\"kind\":\"Table\"}",
		"{\"kind\":\"Table\",\"rows\":[]}",
		"{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"1\"},"
		"\"rows\":[]}",
		"{\"kind\":1}",
		"{\"kind\":[]}",
		"{\"metadata\":[]}",
		"{\"rows\":{}}",
		"{\"rows\":[1]}",
		"{\"rows\":[[]]}",
		"{\"columnDefinitions\":[\"Name\"]}",
		/* columns: absent, after the rows, one missing, twice */
		TABLE("1", "\"x\":1",
			ROW("a", "1/1", "Running", "10.0.0.1", "n")),
		"{\"kind\":\"Table\",\"metadata\":{\"resourceVersion\":\"1\"},"
		"\"rows\":[" ROW("a", "1/1", "Running", "10.0.0.1",
			"n") "]," COLUMNS "}",
		TABLE("1", "\"columnDefinitions\":[{\"name\":\"Name\"},{}]",
			"{\"cells\":[\"a\",1]}"),
		TABLE("1",
			"\"columnDefinitions\":[{\"name\":\"Name\"},"
			"{\"name\":\"Name\"}]",
			""),
		/* cells: too few, of another type, no name, no address */
		TABLE("1", COLUMNS, "{\"cells\":[\"a\"]}"),
		TABLE("1", COLUMNS, "{\"cells\":null}"),
		TABLE("1", COLUMNS, "{}"),
		TABLE("1", COLUMNS,
			"{\"cells\":[7,\"1/1\",\"Running\",0,\"10.0.0.1\","
			"\"n\"]}"),
		TABLE("1", COLUMNS,
			"{\"cells\":[\"a\",\"1/1\",\"Running\",0,{},\"n\"]}"),
		TABLE("1", COLUMNS, ROW("", "1/1", "Running", "10.0.0.1", "n")),
		TABLE("1", COLUMNS,
			ROW("A b", "1/1", "Running", "10.0.0.1", "n")),
		TABLE("1", COLUMNS,
			ROW("a\\u0000b", "1/1", "Running", "10.0.0.1", "n")),
		TABLE("1", COLUMNS,
			ROW("a", "1/1", "Running", "evil.example", "n")),
		TABLE("1", COLUMNS,
			ROW("a", "1/1", "Running", "10.0.0.1", "n\\\"m")),
		/* what follows */
		LIST "{}",
		LIST "x",
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct said said = { 0 };

		ck_assert_msg(parse(&said, TABLE_LIST, TABLE_PODS, lists[i]) ==
				      -EPROTO,
			"%s", lists[i]);
	}
}
END_TEST

START_TEST(a_list_that_ends_early_is_none)
{
	size_t len = strlen(LIST);

	for (size_t cut = 0; cut < len; cut++) {
		struct said said = { 0 };
		struct table_parser *parser =
			start(&said, TABLE_LIST, TABLE_PODS);

		ck_assert_int_eq(table_parser_feed(parser, LIST, cut), 0);
		ck_assert_int_eq(table_parser_finish(parser), -EPROTO);
		table_parser_free(parser);
	}
}
END_TEST

START_TEST(bad_events)
{
	static const char *const events[] = {
		EVENT("NEW", TABLE("1", COLUMNS, "")),
		EVENT("ADDED", TABLE("1", COLUMNS, "")),
		EVENT("ADDED",
			TABLE("", COLUMNS,
				ROW("a", "1/1", "Running", "10.0.0.1", "n"))),
		EVENT("ADDED", TABLE("1", COLUMNS,
				       ROW("a", "1/1", "Running", "10.0.0.1",
					       "n") "," ROW("b", "1/1",
					       "Running", "10.0.0.1", "n"))),
		EVENT("ADDED", "{\"kind\":\"Pod\",\"metadata\":{"
			       "\"resourceVersion\":\"1\"}}"),
		EVENT("ADDED", "[]"),
		EVENT("ADDED", "null"),
		EVENT("BOOKMARK", "{}"),
		"{\"object\":{}}",
		"{\"type\":1}",
		"[]",
		"1 ",
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct said said = { 0 };

		ck_assert_msg(parse(&said, TABLE_WATCH, TABLE_PODS,
				      events[i]) == -EPROTO,
			"%s", events[i]);
		ck_assert_uint_eq(said.len, 0);
	}
}
END_TEST

START_TEST(nesting_is_bounded)
{
	static char deep[100000];
	struct said said = { 0 };

	memset(deep, '[', sizeof(deep) - 1);
	memcpy(deep, "{\"x\":", 5);
	ck_assert_int_eq(parse(&said, TABLE_LIST, TABLE_PODS, deep), -EPROTO);
}
END_TEST

START_TEST(a_value_is_bounded)
{
	size_t piece = 64 * 1024, fed = 0;
	struct said said = { 0 };
	struct table_parser *parser = start(&said, TABLE_LIST, TABLE_PODS);
	char *text = malloc(piece);
	int rc = 0;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', piece);
	ck_assert_int_eq(table_parser_feed(parser, "{\"y\":\"", 6), 0);
	while (rc == 0 && fed < 100 * piece) {
		rc = table_parser_feed(parser, text, piece);
		fed += piece;
	}
	ck_assert_int_eq(rc, -EPROTO);
	ck_assert_uint_le(fed, TABLE_TOKEN_MAX_BYTES + piece);
	ck_assert_int_eq(table_parser_feed(parser, "\"}", 2), -EPROTO);
	table_parser_free(parser);
	free(text);
}
END_TEST

START_TEST(names_are_bounded)
{
	char name[300], text[2048];
	struct said said = { 0 };

	for (unsigned len = 250; len < 257; len++) {
		memset(name, 'a', len);
		name[len] = '\0';
		snprintf(text, sizeof(text),
			"{\"kind\":\"PodList\",\"metadata\":{"
			"\"resourceVersion\":\"7\"},\"items\":[{\"metadata\":{"
			"\"name\":\"%s\"}}]}",
			name);
		ck_assert_int_eq(parse(&said, TABLE_LIST, TABLE_PODS, text),
			len <= 253 ? 0 : -EPROTO);
		said.len = 0;
	}
}
END_TEST

START_TEST(the_receiver_can_end_it)
{
	static const int answers[] = { -EEXIST, -E2BIG, -ENOMEM };

	for (size_t i = 0; i < 3; i++) {
		struct said said = { .rc = answers[i] };

		ck_assert_int_eq(
			parse(&said, TABLE_LIST, TABLE_PODS, LIST), answers[i]);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("table_parser");
	TCase *tcase = tcase_create("table_parser");
	SRunner *runner;
	int failed_count;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_list_as_a_table);
	tcase_add_test(tcase, an_empty_list);
	tcase_add_test(tcase, namespaces_come_with_the_metadata);
	tcase_add_test(tcase, plain_objects_are_understood);
	tcase_add_test(tcase, what_a_row_says_of_itself_counts);
	tcase_add_test(tcase, a_node_says_whether_it_is_cordoned);
	tcase_add_test(tcase, a_watch_cut_at_every_byte_is_the_same);
	tcase_add_test(tcase, a_watch_that_ends_at_any_byte_resumes);
	tcase_add_test(tcase, a_watch_keeps_the_columns_of_the_list);
	tcase_add_test(tcase, an_error_event);
	tcase_add_test(tcase, a_status_instead_of_a_list);
	tcase_add_test(tcase, gates_count_for_readiness);
	tcase_add_test(tcase, bad_lists);
	tcase_add_test(tcase, a_list_that_ends_early_is_none);
	tcase_add_test(tcase, bad_events);
	tcase_add_test(tcase, nesting_is_bounded);
	tcase_add_test(tcase, a_value_is_bounded);
	tcase_add_test(tcase, names_are_bounded);
	tcase_add_test(tcase, the_receiver_can_end_it);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed_count = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
