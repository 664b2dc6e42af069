/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --print-config prints: a file that loads to the same configuration,
 * and no secrets.  Also the table itself: every default must parse.
 */
#include "tests/unit/conf_fixture.h"

#include "supervisor/conf_table.h"

#include <errno.h>

#define K "[kubenurse]\n"

static char *
printed(const struct conf *conf)
{
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *stream = open_memstream(&text, &n_bytes);

	ck_assert_int_eq(conf_print(conf, stream), 0);
	fclose(stream);
	return text;
}

/* Prints, loads, prints: the texts must be the same. */
static void
expect_stable(const struct fixture *f)
{
	char *first = printed(f->conf), *second;
	struct fixture back = load(first, ENV());

	expect_clean(&back);
	second = printed(back.conf);
	ck_assert_str_eq(first, second);
	ck_assert_str_eq(
		f->conf->me_ingress_target, back.conf->me_ingress_target);
	ck_assert_uint_eq(f->conf->checks.n_checks, back.conf->checks.n_checks);
	unload(&back);
	free(first);
	free(second);
}

/* N 1.6 */
START_TEST(the_defaults_load_back)
{
	struct fixture f = load_env(ENV());

	expect_clean(&f);
	expect_stable(&f);
	unload(&f);
}
END_TEST

START_TEST(a_full_configuration_loads_back)
{
	struct fixture f = load(K
		"ingress_url = https://i.example/\n"
		"listen = 127.0.0.1:9000, :80\n"
		"histogram_buckets = 1e-9, 0.1, 1234567.5\n"
		"http_proxy = p:1\n"
		"namespace = a\nneighbour_filter = a in (b, c),!d\n"
		"neighbour_source = static\nlog_level = debug\n"
		"check_interval = 1500ms\nneighbour_limit = -3\n"
		"check_me_service = false\nexpose_metadata = false\n"
		"[check a b]\nurl = http://h/x y?a b\nexpect = 2xx, 404, 500-599, 301\n"
		"timeout = 1m\nheader = A: b\nheader = C: d\n"
		"insecure = true\nserver_name = [2001:db8::1]\n"
		"[neighbours]\nneighbour = a ::1\nneighbour = b 1.2.3.4\n",
		ENV((char *)"KUBENURSE_EXTRA_CHECKS=x:http://h|y:https://g/?q",
			(char *)"KUBERNETES_SERVICE_HOST=fd00::1"));

	expect_clean(&f);
	expect_stable(&f);
	unload(&f);
}
END_TEST

START_TEST(very_long_values_load_back)
{
	char no_proxy[4000];
	struct fixture f;

	strcpy(no_proxy, "NO_PROXY=");
	for (size_t i = 0; i < 300; i++)
		strcat(no_proxy, "host.name, ");
	strcat(no_proxy, "z");
	f = load_env(ENV(no_proxy));
	expect_clean(&f);
	expect_stable(&f);
	unload(&f);
}
END_TEST

/* N 1.6 */
START_TEST(secrets_are_redacted)
{
	struct fixture f =
		load(K "service_url = http://user:SECRET@h/?t=SECRET\n"
		       "https_proxy = http://user:SECRET@p:1\n"
		       "http_proxy = http://p:1/?SECRET\n"
		       "extra_checks = a:http://SECRET@h/|b:http://c:SECRET@h"
		       "|d:http://h/x?a=1&key=SECRET\n"
		       "[check c]\nurl = https://u:SECRET@h/?SECRET=SECRET\n"
		       "header = Authorization: Bearer SECRET\n",
			ENV());
	char *text;

	expect_clean(&f);
	text = printed(f.conf);
	ck_assert_ptr_null(strstr(text, "SECRET"));
	ck_assert_ptr_null(strstr(text, "user:"));
	ck_assert_ptr_nonnull(
		strstr(text, "\nservice_url = http://redacted@h/?redacted\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "\nhttps_proxy = http://redacted@p:1/\n"));
	ck_assert_ptr_nonnull(strstr(text,
		"\nextra_checks = a:http://redacted@h/|b:http://redacted@h/"
		"|d:http://h/x?redacted\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "\nheader = Authorization: redacted\n"));
	free(text);
	expect_stable(&f);
	unload(&f);
}
END_TEST

/* What a file can say must print as a file says it. */
START_TEST(a_semicolon_at_the_begin_loads_back)
{
	struct fixture f = load(K "use_tls = true\ncert_file = a\n"
				  "cert_key =;b\n",
		ENV((char *)"KUBENURSE_EXTRA_CHECKS=;x:http://h",
			(char *)"KUBENURSE_EXTRA_CA=;x"));
	char *text;

	ck_assert_ptr_nonnull(f.conf);
	text = printed(f.conf);
	ck_assert_ptr_nonnull(strstr(text, "\ncert_key =;b\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nextra_ca =;x\n"));
	free(text);
	expect_stable(&f);
	unload(&f);
}
END_TEST

START_TEST(nothing_in_place_of_a_default_loads_back)
{
	struct fixture f = load(K "api_server_dns =\n", ENV());
	char *text;

	expect_clean(&f);
	text = printed(f.conf);
	ck_assert_ptr_nonnull(strstr(text, "\napi_server_dns =\n"));
	free(text);
	expect_stable(&f);
	unload(&f);
}
END_TEST

START_TEST(what_no_file_can_hold_is_a_comment)
{
	/* the parser takes long lines apart, but not at a blank */
	char apart[500] = "KUBENURSE_EXTRA_CA=";

	for (size_t i = strlen(apart); i < sizeof(apart) - 2; i += 2)
		strcpy(apart + i, "a ");
	apart[sizeof(apart) - 3] = 'a';
	struct fixture f = load_env(ENV((char *)"KUBENURSE_NODE_NAME= a",
		(char *)"KUBENURSE_POD_NAME=a ;b", apart));
	char *text;
	struct fixture back;

	ck_assert_ptr_nonnull(f.conf);
	text = printed(f.conf);
	ck_assert_ptr_nonnull(strstr(text, "\n; extra_ca: its value can "));
	ck_assert_ptr_nonnull(strstr(text, "\n; node_name: its value can "));
	ck_assert_ptr_nonnull(strstr(text, "\n; pod_name: its value can "));
	back = load(text, ENV());
	expect_clean(&back);
	unload(&back);
	free(text);
	unload(&f);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
	struct fixture f = load_env(ENV());
	FILE *stream = fopen("/dev/full", "w");

	expect_clean(&f);
	ck_assert_int_eq(conf_print(f.conf, stream), -ENOSPC);
	fclose(stream);
	unload(&f);
}
END_TEST

/* N 1.6 */
START_TEST(every_row_is_whole)
{
	const struct conf_key *key = &conf_keys[_i];

	ck_assert_ptr_nonnull(key->name);
	ck_assert_uint_lt(strlen(key->name), 50);
	ck_assert_ptr_nonnull(key->help);
	ck_assert_int_eq(key->help[strlen(key->help) - 1], '.');
	ck_assert_msg(key->type == CONF_BOOL || key->type == CONF_ENUM ||
			      key->placeholder != NULL,
		"%s has no placeholder", key->name);
	ck_assert((key->type == CONF_ENUM) == (key->names != NULL));
	ck_assert(key->type != CONF_BOOL || key->env == NULL ||
		  key->default_text != NULL);
	ck_assert_ptr_eq(conf_key_find(key->section, key->name), key);
	for (int i = 0; i < _i; i++)
		ck_assert(key->env == NULL || conf_keys[i].env == NULL ||
			  strcmp(key->env, conf_keys[i].env) != 0);
}
END_TEST

/* N 1.6 */
START_TEST(every_default_loads_from_a_file)
{
	char ini[200];
	struct fixture f;

	if (conf_keys[_i].section != CONF_SECTION_KUBENURSE ||
		conf_keys[_i].default_text == NULL)
		return;
	snprintf(ini, sizeof(ini), K "%s = %s\n", conf_keys[_i].name,
		conf_keys[_i].default_text);
	f = load(ini, ENV());
	expect_clean(&f);
	unload(&f);
}
END_TEST

START_TEST(a_changed_password_is_a_change)
{
	struct fixture a = load(K "http_proxy = http://u:a@p\n", ENV());
	struct fixture b = load(K "http_proxy = http://u:b@p\n", ENV());

	expect_clean(&a);
	expect_clean(&b);
	ck_assert_str_eq(
		conf_changed_key(a.conf, b.conf, true, 0), "http_proxy");
	unload(&a);
	unload(&b);
}
END_TEST

START_TEST(restart_keys)
{
	struct fixture a = load(K "listen = :1\nuser = a\n"
				  "api_server_port = 1\ncheck_interval = 1s\n",
		ENV());
	struct fixture b = load(K "listen = :2\nuser = b\n"
				  "api_server_port = 2\ncheck_interval = 2s\n",
		ENV());

	expect_clean(&a);
	expect_clean(&b);
	ck_assert_str_eq(
		conf_changed_key(a.conf, b.conf, true, 0), "api_server_port");
	ck_assert_str_eq(conf_changed_key(a.conf, b.conf, true, 1), "user");
	ck_assert_ptr_null(conf_changed_key(a.conf, b.conf, true, 2));
	ck_assert_ptr_null(conf_changed_key(a.conf, a.conf, true, 0));
	ck_assert_str_eq(
		conf_changed_key(a.conf, b.conf, false, 0), "check_interval");
	ck_assert_str_eq(conf_changed_key(a.conf, b.conf, false, 2), "listen");
	unload(&a);
	unload(&b);
}
END_TEST

START_TEST(problems_print_one_line_each)
{
	struct conf_problems problems;
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *stream = open_memstream(&text, &n_bytes);

	conf_problems_init(&problems);
	conf_problems_add_error(&problems, "a\n\x1b%s", "\xc3\xa9");
	conf_problems_add_warning(&problems, "b");
	for (int i = 0; i < CONF_PROBLEMS_MAX; i++)
		conf_problems_add_warning(&problems, "c");
	conf_problems_print(&problems, stream);
	fclose(stream);
	ck_assert_ptr_eq(strstr(text, "warning: b\nwarning: c\n"), text);
	ck_assert_ptr_nonnull(strstr(text, "\nand 1 more warnings\n"));
	ck_assert_ptr_nonnull(strstr(text, "\na\\x0a\\x1b\\xc3\\xa9\n"));
	free(text);
	conf_problems_fini(&problems);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_defaults_load_back);
	tcase_add_test(tcase, a_full_configuration_loads_back);
	tcase_add_test(tcase, very_long_values_load_back);
	tcase_add_test(tcase, secrets_are_redacted);
	tcase_add_test(tcase, a_semicolon_at_the_begin_loads_back);
	tcase_add_test(tcase, nothing_in_place_of_a_default_loads_back);
	tcase_add_test(tcase, what_no_file_can_hold_is_a_comment);
	tcase_add_test(tcase, a_full_disk_is_an_error);
	tcase_add_loop_test(tcase, every_row_is_whole, 0, (int)conf_n_keys);
	tcase_add_loop_test(
		tcase, every_default_loads_from_a_file, 0, (int)conf_n_keys);
	tcase_add_test(tcase, a_changed_password_is_a_change);
	tcase_add_test(tcase, restart_keys);
	tcase_add_test(tcase, problems_print_one_line_each);
}

int
main(void)
{
	return run_tests("conf_print", add_tests);
}
