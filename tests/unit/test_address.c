/* SPDX-License-Identifier: Apache-2.0 */
#include "common/address.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>

static enum address_kind
kind_of(const char *text)
{
	struct in6_addr address;

	ck_assert_msg(address_parse(&address, text), "%s", text);
	return address_kind(&address);
}

START_TEST(kinds_of_addresses)
{
	static const struct {
		const char *text;
		enum address_kind kind;
	} cases[] = {
		{ "0.0.0.0", ADDRESS_UNSPECIFIED },
		{ "0.255.255.255", ADDRESS_UNSPECIFIED },
		{ "1.0.0.0", ADDRESS_ORDINARY },
		{ "10.0.0.1", ADDRESS_ORDINARY },
		{ "100.64.0.1", ADDRESS_ORDINARY },
		{ "126.255.255.255", ADDRESS_ORDINARY },
		{ "127.0.0.0", ADDRESS_LOOPBACK },
		{ "127.255.255.255", ADDRESS_LOOPBACK },
		{ "128.0.0.0", ADDRESS_ORDINARY },
		{ "169.253.255.255", ADDRESS_ORDINARY },
		{ "169.254.0.0", ADDRESS_LINK_LOCAL },
		{ "169.254.169.254", ADDRESS_LINK_LOCAL },
		{ "169.255.0.0", ADDRESS_ORDINARY },
		{ "223.255.255.255", ADDRESS_ORDINARY },
		{ "224.0.0.0", ADDRESS_MULTICAST },
		{ "239.255.255.255", ADDRESS_MULTICAST },
		{ "240.0.0.0", ADDRESS_ORDINARY },
		{ "255.255.255.254", ADDRESS_ORDINARY },
		{ "255.255.255.255", ADDRESS_BROADCAST },
		{ "::", ADDRESS_UNSPECIFIED },
		{ "::1", ADDRESS_LOOPBACK },
		{ "::2", ADDRESS_UNSPECIFIED },
		{ "fe80::1", ADDRESS_LINK_LOCAL },
		{ "febf:ffff::1", ADDRESS_LINK_LOCAL },
		{ "fec0::1", ADDRESS_ORDINARY },
		{ "fd00::1", ADDRESS_ORDINARY },
		{ "2001:db8::7f00:1", ADDRESS_ORDINARY },
		{ "ff02::1", ADDRESS_MULTICAST },
		{ "::ffff:127.0.0.1", ADDRESS_LOOPBACK },
		{ "::ffff:0.0.0.0", ADDRESS_UNSPECIFIED },
		{ "::ffff:169.254.169.254", ADDRESS_LINK_LOCAL },
		{ "::ffff:10.0.0.1", ADDRESS_ORDINARY },
		{ "::127.0.0.1", ADDRESS_LOOPBACK },
		{ "::10.0.0.1", ADDRESS_ORDINARY },
		{ "64:ff9b::127.0.0.1", ADDRESS_LOOPBACK },
		{ "64:ff9b::255.255.255.255", ADDRESS_BROADCAST },
		{ "64:ff9b::10.0.0.1", ADDRESS_ORDINARY },
		{ "64:ff9b:1::127.0.0.1", ADDRESS_ORDINARY },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(kind_of(cases[i].text) == cases[i].kind,
			"%s is %s", cases[i].text,
			address_kind_name(kind_of(cases[i].text)));
}
END_TEST

START_TEST(what_is_no_address)
{
	static const char *const texts[] = { "", "h", "127.1", "[::1]",
		"fe80::1%lo", "10.0.0.1 ", "10.0.0.256" };
	struct in6_addr address;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(
			!address_parse(&address, texts[i]), "%s", texts[i]);
}
END_TEST

START_TEST(addresses_of_sockets)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	struct sockaddr other = { .sa_family = AF_UNIX };
	struct in6_addr address, expected;

	inet_pton(AF_INET, "192.0.2.1", &ipv4.sin_addr);
	ck_assert(address_parse(&expected, "::ffff:192.0.2.1"));
	ck_assert(address_from_socket(
		&address, (struct sockaddr *)(void *)&ipv4));
	ck_assert_mem_eq(&address, &expected, sizeof(address));
	inet_pton(AF_INET6, "2001:db8::1", &ipv6.sin6_addr);
	ck_assert(address_from_socket(
		&address, (struct sockaddr *)(void *)&ipv6));
	ck_assert_mem_eq(&address, &ipv6.sin6_addr, sizeof(address));
	ck_assert(!address_from_socket(&address, &other));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("address");
	TCase *tcase = tcase_create("kinds");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, kinds_of_addresses);
	tcase_add_test(tcase, what_is_no_address);
	tcase_add_test(tcase, addresses_of_sockets);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
