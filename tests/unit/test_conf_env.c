/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment: the variables of kubenurse 1.x with their odd booleans,
 * what Kubernetes injects, and that it overrides the file.
 */
#include "tests/unit/conf_fixture.h"

#define K "[kubenurse]\n"

START_TEST(nothing_set_gives_the_defaults)
{
	struct fixture f = load_env(ENV());

	expect_clean(&f);
	ck_assert(!f.conf->from_ini);
	ck_assert_msg(!f.conf->expose_metadata, "off, for there is no file");
	ck_assert_int_eq(f.conf->check_interval_ns, 5000000000);
	ck_assert(f.conf->check_me_ingress);
	unload(&f);
}
END_TEST

/* N 1.7 */
START_TEST(an_empty_variable_counts_as_unset)
{
	struct fixture f = load_env(ENV((char *)"KUBENURSE_CHECK_INTERVAL=",
		(char *)"KUBENURSE_NEIGHBOUR_LIMIT=",
		(char *)"KUBENURSE_CHECK_ME_INGRESS=",
		(char *)"KUBENURSE_HISTOGRAM_BUCKETS=",
		(char *)"KUBENURSE_NODE_NAME=", (char *)"HTTP_PROXY=",
		(char *)"http_proxy=p:1"));

	expect_clean(&f);
	ck_assert_int_eq(f.conf->check_interval_ns, 5000000000);
	ck_assert_int_eq(f.conf->neighbour_limit, 10);
	ck_assert(f.conf->check_me_ingress);
	ck_assert_str_eq(f.conf->node_name, "host");
	ck_assert_str_eq(f.conf->http_proxy, "http://p:1");
	unload(&f);
	f = load(K "check_interval = 7s\n",
		ENV((char *)"KUBENURSE_CHECK_INTERVAL="));
	expect_clean(&f);
	ck_assert_int_eq(f.conf->check_interval_ns, 7000000000);
	unload(&f);
}
END_TEST

/* N 1.7, N 1.12, N 1.13, K 1.22, K 1.31, K 1.43, N 1.46, K 3.1 */
START_TEST(a_pod_of_kubenurse_1)
{
	struct fixture f;
	struct conf_input input = {
		.envp = ENV((char *)"KUBERNETES_SERVICE_HOST=10.96.0.1",
			(char *)"KUBERNETES_SERVICE_PORT=443",
			(char *)"KUBENURSE_INGRESS_URL=https://i.example",
			(char *)"KUBENURSE_SERVICE_URL=http://kubenurse:8080",
			(char *)"KUBENURSE_NAMESPACE=kube-system",
			(char *)"KUBENURSE_NEIGHBOUR_FILTER=app=kubenurse",
			(char *)"KUBENURSE_NEIGHBOUR_LIMIT=-1",
			(char *)"KUBENURSE_INSECURE=true",
			(char *)"KUBENURSE_USE_TLS=true",
			(char *)"KUBENURSE_CERT_FILE=/c",
			(char *)"KUBENURSE_CERT_KEY=/k",
			(char *)"KUBENURSE_NODE_NAME=n1",
			(char *)"KUBENURSE_POD_NAME=p1",
			(char *)"KUBENURSE_SERVICE_HOST=10.0.0.7",
			(char *)"KUBENURSE_SERVICE_PORT=8080",
			(char *)"KUBENURSE_PORT=tcp://10.0.0.7:8080",
			(char *)"KUBENURSE_PORT_8080_TCP=tcp://10.0.0.7:8080",
			(char *)"KUBENURSE_WHATEVER=x"),
		.host_name = "host",
		.has_token = true,
	};

	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	expect_clean(&f);
	ck_assert_uint_eq(f.conf->neighbour_source, CONF_SOURCE_PODS);
	ck_assert_uint_eq(f.conf->neighbour_port, 8443);
	ck_assert_str_eq(f.conf->api_server_direct_target,
		"https://10.96.0.1:443/version");
	ck_assert_str_eq(f.conf->api_server_dns_target,
		"https://kubernetes.default.svc.cluster.local:443/version");
	ck_assert_str_eq(
		f.conf->me_ingress_target, "https://i.example/alwayshappy");
	ck_assert_int_eq(f.conf->neighbour_limit, -1);
	ck_assert(f.conf->insecure && !f.conf->api_server_insecure);
	ck_assert_str_eq(f.conf->node_name, "n1");
	ck_assert_str_eq(f.conf->pod_name, "p1");
	unload(&f);
	input.has_token = false;
	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	expect_clean(&f);
	ck_assert_uint_eq(f.conf->neighbour_source, CONF_SOURCE_STATIC);
	unload(&f);
}
END_TEST

/* N 1.8, K 1.28 */
START_TEST(the_environment_overrides_the_file)
{
	struct fixture f = load(K "check_interval = 7s\n"
				  "extra_checks = a:http://a\n"
				  "check_me_service = false\n"
				  "insecure = true\n"
				  "expose_metadata = true\n"
				  "[check b]\nurl = http://b\n",
		ENV((char *)"KUBENURSE_CHECK_INTERVAL=9s",
			(char *)"KUBENURSE_EXTRA_CHECKS=c:http://c|d:http://d",
			(char *)"KUBENURSE_CHECK_ME_SERVICE=true",
			(char *)"KUBENURSE_INSECURE=false",
			(char *)"KUBENURSE_EXPOSE_METADATA=false"));

	expect_clean(&f);
	ck_assert_int_eq(f.conf->check_interval_ns, 9000000000);
	ck_assert_uint_eq(f.conf->checks.n_checks, 3);
	ck_assert_str_eq(f.conf->checks.checks[0].name, "b");
	ck_assert_str_eq(f.conf->checks.checks[1].name, "c");
	ck_assert(f.conf->check_me_service && !f.conf->insecure);
	ck_assert(!f.conf->expose_metadata);
	unload(&f);
}
END_TEST

static const struct {
	const char *value;
	bool off_by_default, on_by_default, warned;
} bools[] = {
	{ "true", true, true, false },
	{ "false", false, false, false },
	{ "True", false, true, true },
	{ "False", false, true, true },
	{ " false", false, true, true },
	{ "true ", false, true, true },
	{ "1", false, true, true },
	{ "0", false, true, true },
	{ "no", false, true, true },
};

/* N 1.19, K 1.21 */
START_TEST(booleans_are_exact)
{
	char off[100], on[100], ttl[100];
	struct fixture f;

	snprintf(off, sizeof(off), "KUBENURSE_REUSE_CONNECTIONS=%s",
		bools[_i].value);
	snprintf(on, sizeof(on), "KUBENURSE_CHECK_NEIGHBOURHOOD=%s",
		bools[_i].value);
	snprintf(ttl, sizeof(ttl), "KUBENURSE_LEGACY_METRICS=%s",
		bools[_i].value);
	f = load_env(ENV(off, on, ttl));
	ck_assert_ptr_nonnull(f.conf);
	ck_assert(f.conf->reuse_connections == bools[_i].off_by_default);
	ck_assert(f.conf->check_neighbourhood == bools[_i].on_by_default);
	ck_assert(f.conf->legacy_metrics == bools[_i].on_by_default);
	ck_assert_uint_eq(f.problems.warnings.n_all, bools[_i].warned ? 3 : 0);
	unload(&f);
}
END_TEST

/* N 1.19 */
START_TEST(a_warning_says_what_counts)
{
	struct fixture f = load_env(ENV((char *)"KUBENURSE_CHECK_ME_INGRESS="
						"off"));

	ck_assert_ptr_nonnull(f.conf);
	ck_assert_str_eq(f.problems.warnings.texts[0],
		"environment: KUBENURSE_CHECK_ME_INGRESS: \"off\" is neither "
		"true nor false; it counts as true");
	unload(&f);
}
END_TEST

/* N 1.7 */
START_TEST(an_injected_port_is_ignored)
{
	struct fixture f = load_env(
		ENV((char *)"KUBENURSE_NEIGHBOUR_PORT=tcp://10.0.0.1:8080"));

	ck_assert_ptr_nonnull(f.conf);
	ck_assert_uint_eq(f.conf->neighbour_port, 8080);
	ck_assert_uint_eq(f.problems.warnings.n_all, 1);
	unload(&f);
	f = load_env(ENV((char *)"KUBENURSE_NEIGHBOUR_PORT=9090"));
	expect_clean(&f);
	ck_assert_uint_eq(f.conf->neighbour_port, 9090);
	unload(&f);
}
END_TEST

static const struct {
	const char *assignment, *error;
} bad[] = {
	{ "KUBENURSE_CHECK_INTERVAL=5",
		"environment: KUBENURSE_CHECK_INTERVAL: \"5\" is not a" },
	{ "KUBENURSE_CHECK_INTERVAL= 5s",
		"environment: KUBENURSE_CHECK_INTERVAL: \" 5s\" is not a "
		"duration; write numbers with units, such as 500ms, 5s or "
		"1m30s; the value begins with a blank" },
	{ "KUBENURSE_SERVICE_URL=http://h\n",
		"environment: KUBENURSE_SERVICE_URL: contains a control "
		"character or is not valid UTF-8: \\x0a behind 8 bytes; "
		"remove it; the value ends "
		"with a line break, as of a Secret made with echo" },
	{ "KUBENURSE_CHECK_INTERVAL=\"5s\"",
		"environment: KUBENURSE_CHECK_INTERVAL: \"\"5s\"\" is not a "
		"duration; write numbers with units, such as 500ms, 5s or "
		"1m30s; the value is in quotation marks, which an env file" },
	{ "KUBENURSE_CHECK_INTERVAL=0", "environment: KUBENURSE_CHECK_INTE" },
	{ "KUBENURSE_CHECK_INTERVAL=-5s", "environment: KUBENURSE_CHECK_IN" },
	{ "KUBENURSE_CHECK_INTERVAL=5s\n", "environment: KUBENURSE_CHECK_I" },
	{ "KUBENURSE_NEIGHBOUR_LIMIT= 3", "environment: KUBENURSE_NEIGHBOU" },
	{ "KUBENURSE_NEIGHBOUR_LIMIT=3 ", "environment: KUBENURSE_NEIGHBOU" },
	{ "KUBENURSE_EXTRA_CHECKS=|", "environment: KUBENURSE_EXTRA_CHECKS" },
	{ "KUBENURSE_EXTRA_CHECKS=a:http://h | b:http://g",
		"environment: KUBENURSE_EXTRA_CHECKS: the URL of \"a\" is "
		"wrong: a character of the host" },
	{ "KUBENURSE_EXTRA_CHECKS=me_ingress:http://h",
		"environment: KUBENURSE_EXTRA_CHECKS: \"me_ingress\" has a" },
	{ "KUBENURSE_EXTRA_CHECKS=a:http://h|b:http://h|a:http://g",
		"environment: KUBENURSE_EXTRA_CHECKS: \"a\" is there twice" },
	{ "KUBENURSE_INGRESS_URL= http://h",
		"environment: KUBENURSE_INGRESS_URL: it does not begin" },
	{ "KUBENURSE_INGRESS_URL=http://h/\x1b[31m",
		"environment: KUBENURSE_INGRESS_URL: contains a control" },
	{ "KUBENURSE_POD_NAME=a\nb", "environment: KUBENURSE_POD_NAME: con" },
	{ "KUBENURSE_NODE_NAME=\xc0\x80", "environment: KUBENURSE_NODE_NAM" },
	{ "KUBENURSE_NEIGHBOUR_PORT=http", "environment: KUBENURSE_NEIGHBO" },
	{ "KUBENURSE_LISTEN=all", "environment: KUBENURSE_LISTEN: \"all\"" },
	{ "KUBENURSE_USE_TLS=true", "environment: KUBENURSE_USE_TLS: there" },
	{ "KUBENURSE_NEIGHBOUR_SOURCE=dns",
		"environment: KUBENURSE_NEIGHBOUR_SOURCE: dns has no name" },
	{ "KUBERNETES_SERVICE_PORT=x", "environment: KUBERNETES_SERVICE_PO" },
	{ "KUBERNETES_SERVICE_HOST=a b", "environment: KUBERNETES_SERVICE_" },
	{ "https_proxy=socks5h://h", "environment: https_proxy: a SOCKS pr" },
	{ "KUBENURSE_EXTRA_CHECKS=a:https://http://h",
		"environment: KUBENURSE_EXTRA_CHECKS: the URL of \"a\" is wrong: "
		"it has two schemes, as in https://https://host; remove one" },
};

/* N 1.2, F 1.20, K 1.28, F 1.32, F 1.35 */
START_TEST(a_bad_value_names_its_variable)
{
	struct fixture f = load_env(ENV((char *)bad[_i].assignment));

	expect_error(&f, 0, bad[_i].error);
	unload(&f);
}
END_TEST

START_TEST(a_bad_value_of_the_file_is_said_though_it_is_overridden)
{
	struct fixture f = load(K "check_interval = x\n",
		ENV((char *)"KUBENURSE_CHECK_INTERVAL=9s"));

	expect_error(&f, 0, "t.ini:2: check_interval:");
	ck_assert_uint_eq(f.problems.errors.n_all, 1);
	unload(&f);
}
END_TEST

/* K 1.28 */
START_TEST(names_of_extra_checks_are_not_trimmed)
{
	struct fixture f =
		load_env(ENV((char *)"KUBENURSE_EXTRA_CHECKS="
				     "a b:http://h| c:http://g|:http://i"));

	ck_assert_ptr_nonnull(f.conf);
	ck_assert_uint_eq(f.problems.warnings.n_all, 1);
	ck_assert_str_eq(f.problems.warnings.texts[0],
		"environment: KUBENURSE_EXTRA_CHECKS: the name \" c\" begins or "
		"ends with a blank or a quotation mark, which is part of the "
		"type; remove it");
	ck_assert_str_eq(f.conf->checks.checks[0].name, "a b");
	ck_assert_str_eq(f.conf->checks.checks[1].name, " c");
	ck_assert_str_eq(f.conf->checks.checks[2].name, "");
	unload(&f);
}
END_TEST

START_TEST(a_name_that_begins_like_another_is_not_it)
{
	struct fixture f = load_env(ENV((char *)"KUBENURSE_NAMESPACES=x",
		(char *)"KUBENURSE_NAMESPAC=y", (char *)"KUBENURSE_NAMESPACE",
		(char *)"", (char *)"=", (char *)"KUBENURSE_NAMESPACE=z",
		(char *)"KUBENURSE_NAMESPACE=second"));

	ck_assert_ptr_nonnull(f.conf);
	ck_assert_uint_eq(f.problems.warnings.n_all, 2);
	ck_assert_str_eq(f.problems.warnings.texts[0],
		"environment: KUBENURSE_NAMESPACES: is not known and has no "
		"effect; KUBENURSE_NAMESPACE is");
	ck_assert_str_eq(f.conf->namespace, "z");
	unload(&f);
}
END_TEST

static const struct {
	const char *assignment;
	const char *warning; /* begins so; NULL: there is none */
} warned[] = {
	{ "KUBENURSE_CHEK_INTERVAL=9s",
		"environment: KUBENURSE_CHEK_INTERVAL: is not known and has no "
		"effect; KUBENURSE_CHECK_INTERVAL is" },
	{ "KUBENURSE_API_SERVER_HOST=h",
		"environment: KUBENURSE_API_SERVER_HOST: is not known and has "
		"no effect; KUBERNETES_SERVICE_HOST is" },
	{ "KUBENURSE_NEIGHBOR_PORT=8080",
		"environment: KUBENURSE_NEIGHBOR_PORT: is not known" },
	/* of Services kubenurse, kubenurse-neighbor and kubenurse-use */
	{ "KUBENURSE_SERVICE_HOST=10.0.0.1", NULL },
	{ "KUBENURSE_SERVICE_PORT=8080", NULL },
	{ "KUBENURSE_SERVICE_PORT_HTTP=8080", NULL },
	{ "KUBENURSE_PORT=tcp://10.0.0.1:8080", NULL },
	{ "KUBENURSE_PORT_8080_TCP=tcp://10.0.0.1:8080", NULL },
	{ "KUBENURSE_PORT_8080_TCP_ADDR=10.0.0.1", NULL },
	{ "KUBENURSE_NEIGHBOR_PORT=tcp://10.0.0.1:8080", NULL },
	{ "KUBENURSE_NEIGHBOR_SERVICE_HOST=10.0.0.1", NULL },
	{ "KUBENURSE_USE_PORT_443_TCP_PROTO=tcp", NULL },
	{ "KUBENURSE_TEAM=network", NULL },
	/* ends that nobody meant */
	{ "KUBENURSE_POD_NAME= p",
		"environment: KUBENURSE_POD_NAME: the value begins with a "
		"blank; that is part of it" },
	{ "KUBENURSE_NODE_NAME=n\t", NULL /* refused */ },
	{ "KUBENURSE_NEIGHBOUR_FILTER=\"a=b\"",
		"environment: KUBENURSE_NEIGHBOUR_FILTER: the value is in "
		"quotation marks, which an env file keeps; that is" },
	{ "KUBENURSE_INSECURE='true'",
		"environment: KUBENURSE_INSECURE: \"'true'\" is neither true "
		"nor false; it counts as false: it is in quotation marks" },
	{ "KUBENURSE_INSECURE=true\n",
		"environment: KUBENURSE_INSECURE: \"true\\x0a\" is neither true "
		"nor false; it counts as false: it ends with a line break" },
	{ "NO_PROXY=http://h",
		"environment: NO_PROXY: \"http://h\" can match nothing: it is "
		"a URL" },
};

START_TEST(what_was_hardly_meant_is_a_warning)
{
	struct fixture f = load_env(ENV((char *)warned[_i].assignment));
	const struct conf_problem_list *list = &f.problems.warnings;

	if (warned[_i].warning == NULL) {
		ck_assert_msg(list->n_all == 0, "%s: %s", warned[_i].assignment,
			list->n_kept > 0 ? list->texts[0] : "");
	} else {
		ck_assert_uint_eq(list->n_all, 1);
		ck_assert_msg(strncmp(list->texts[0], warned[_i].warning,
				      strlen(warned[_i].warning)) == 0,
			"'%s' is not '%s'", list->texts[0], warned[_i].warning);
	}
	unload(&f);
}
END_TEST

START_TEST(proxies)
{
	struct fixture f = load_env(ENV((char *)"HTTP_PROXY=http://up:1",
		(char *)"http_proxy=http://low:1",
		(char *)"https_proxy=u:p@low:2", (char *)"NO_PROXY=*"));

	expect_clean(&f);
	ck_assert_str_eq(f.conf->http_proxy, "http://up:1");
	ck_assert_str_eq(f.conf->https_proxy, "http://u:p@low:2");
	ck_assert_str_eq(f.conf->no_proxy, "*");
	unload(&f);
}
END_TEST

START_TEST(an_api_server_name_that_is_set_needs_no_address)
{
	struct fixture f =
		load_env(ENV((char *)"KUBERNETES_SERVICE_DNS=api.example"));

	expect_clean(&f);
	ck_assert_str_eq(f.conf->api_server_dns_target,
		"https://api.example:443/version");
	ck_assert_str_eq(f.conf->api_server_direct_target, "");
	unload(&f);
}
END_TEST

/* K 1.43 */
START_TEST(an_ipv6_api_server_gets_brackets)
{
	static const char *const hosts[] = { "KUBERNETES_SERVICE_HOST=fd00::1",
		"KUBERNETES_SERVICE_HOST=[fd00::1]" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture f = load_env(ENV((char *)hosts[i]));

		expect_clean(&f);
		ck_assert_str_eq(f.conf->api_server_host, "fd00::1");
		ck_assert_str_eq(f.conf->api_server_direct_target,
			"https://[fd00::1]:443/version");
		unload(&f);
	}
}
END_TEST

/* N 1.46 */
START_TEST(the_host_name_is_found_by_itself)
{
	struct conf_input input = { .envp = ENV() };
	char host_name[256] = "";
	struct fixture f;

	gethostname(host_name, sizeof(host_name) - 1);
	conf_problems_init(&f.problems);
	f.conf = conf_load(&input, &f.problems);
	expect_clean(&f);
	ck_assert_str_eq(f.conf->pod_name, host_name);
	unload(&f);
}
END_TEST

static void
add_tests(TCase *tcase)
{
	tcase_add_test(tcase, nothing_set_gives_the_defaults);
	tcase_add_test(tcase, an_empty_variable_counts_as_unset);
	tcase_add_test(tcase, a_pod_of_kubenurse_1);
	tcase_add_test(tcase, the_environment_overrides_the_file);
	tcase_add_loop_test(tcase, booleans_are_exact, 0,
		(int)(sizeof(bools) / sizeof(bools[0])));
	tcase_add_test(tcase, a_warning_says_what_counts);
	tcase_add_test(tcase, an_injected_port_is_ignored);
	tcase_add_loop_test(tcase, a_bad_value_names_its_variable, 0,
		(int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(
		tcase, a_bad_value_of_the_file_is_said_though_it_is_overridden);
	tcase_add_test(tcase, names_of_extra_checks_are_not_trimmed);
	tcase_add_test(tcase, a_name_that_begins_like_another_is_not_it);
	tcase_add_loop_test(tcase, what_was_hardly_meant_is_a_warning, 0,
		(int)(sizeof(warned) / sizeof(warned[0])));
	tcase_add_test(tcase, proxies);
	tcase_add_test(tcase, an_api_server_name_that_is_set_needs_no_address);
	tcase_add_test(tcase, an_ipv6_api_server_gets_brackets);
	tcase_add_test(tcase, the_host_name_is_found_by_itself);
}

int
main(void)
{
	return run_tests("conf_env", add_tests);
}
