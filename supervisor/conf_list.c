/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are lists with commas; see conf_value.h. */
#include "supervisor/conf_value.h"
#include "supervisor/number.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS         " \t"
#define ITEM_MAX_BYTES 64 /* longer than any number or address */

/*
 * The next item without the blanks around it, or false at the end.  What is
 * longer than an item may be is cut: it is wrong in any case, and quoted so.
 */
static bool
next_item(const char **text, char item[ITEM_MAX_BYTES + 1])
{
	const char *start = *text;
	size_t len;

	if (start == NULL)
		return false;
	len = strcspn(start, ",");
	*text = start[len] == ',' ? start + len + 1 : NULL;
	while (len > 0 && strchr(BLANKS, start[len - 1]) != NULL)
		len--;
	while (len > 0 && strchr(BLANKS, *start) != NULL) {
		start++;
		len--;
	}
	if (len > ITEM_MAX_BYTES)
		len = ITEM_MAX_BYTES;
	memcpy(item, start, len);
	item[len] = '\0';
	return true;
}

static int
wrong(struct strbuf *why, const char *item, const char *what)
{
	strbuf_printf(why, "\"%s\" %s", item, what);
	return -EINVAL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Drops underscores between digits, as in 1_000; false: one is elsewhere. */
static bool
drop_underscores(char *item)
{
	char *to = item;

	for (const char *p = item; *p != '\0'; p++) {
		if (*p != '_')
			*to++ = *p;
		else if (p == item || !is_digit(p[-1]) || !is_digit(p[1]))
			return false;
	}
	*to = '\0';
	return true;
}

/* Decimal numbers only, though strtod(3) takes more; +Inf in all its names. */
static bool
parse_bound(const char *item, double *ret_bound_s)
{
	const char *word = item + (*item == '+');
	char digits[ITEM_MAX_BYTES + 1];
	char *end;

	if (strcasecmp(word, "inf") == 0 || strcasecmp(word, "infinity") == 0) {
		*ret_bound_s = INFINITY;
		return true;
	}
	strcpy(digits, word);
	if (!drop_underscores(digits) ||
		digits[strspn(digits, "0123456789.eE+-")] != '\0' ||
		(!is_digit(digits[0]) && digits[0] != '.'))
		return false;
	*ret_bound_s = strtod(digits, &end);
	return end != digits && *end == '\0' && isfinite(*ret_bound_s);
}

/* What is wrong with a bound behind another, or the first (last_s below 0). */
static const char *
bound_error(double bound_s, double last_s)
{
	if (isinf(last_s))
		return "stands behind +Inf, which must be the last";
	if (bound_s <= last_s)
		return "is not above the bound before it; write them in rising "
		       "order";
	return NULL;
}

int
conf_parse_buckets(
	const char *text, struct conf_buckets *field, struct strbuf *why)
{
	struct conf_buckets buckets = { 0 };
	char item[ITEM_MAX_BYTES + 1];
	double bound_s, last_s = -1;
	const char *error;

	while (next_item(&text, item)) {
		if (!parse_bound(item, &bound_s))
			return wrong(why, item,
				"is not a bound; write decimal numbers of "
				"seconds, such as 0.005,0.1,1");
		error = bound_error(bound_s, last_s);
		if (error != NULL)
			return wrong(why, item, error);
		last_s = bound_s;
		if (isinf(bound_s))
			continue;
		if (buckets.n_bounds == CONF_BUCKETS_MAX)
			return wrong(why, item,
				"is one bound too many; there "
				"may be 128");
		buckets.bounds_s[buckets.n_bounds++] = bound_s;
	}
	*field = buckets;
	return 0;
}

void
conf_format_buckets(const struct conf_buckets *field, struct strbuf *out)
{
	char number[NUMBER_MAX_BYTES];

	for (size_t i = 0; i < field->n_bounds; i++) {
		if (i > 0)
			strbuf_add_string(out, ", ");
		strbuf_add(out, number,
			number_format_shortest(number, field->bounds_s[i]));
	}
	if (field->n_bounds == 0)
		strbuf_add_string(out, "+Inf");
}

static bool
parse_port(const char *text, in_port_t *ret_port)
{
	unsigned long number = 0;
	const char *p = text;

	for (; is_digit(*p) && number <= UINT16_MAX; p++)
		number = number * 10 + (unsigned long)(*p - '0');
	if (p == text || *p != '\0' || number > UINT16_MAX)
		return false;
	*ret_port = htons((uint16_t)number);
	return true;
}

/* [IPV6]:PORT, IPV4:PORT or :PORT; the item is taken apart. */
static bool
parse_address(char *item, union conf_address *address)
{
	char *colon = strrchr(item, ':'), *host = item;
	size_t len;

	memset(address, 0, sizeof(*address));
	if (colon == NULL)
		return false;
	*colon = '\0';
	len = strlen(host);
	if (len > 0 && host[0] != '[') {
		address->in.sin_family = AF_INET;
		return inet_pton(AF_INET, host, &address->in.sin_addr) == 1 &&
		       parse_port(colon + 1, &address->in.sin_port);
	}
	address->in6.sin6_family = AF_INET6;
	if (len > 0) {
		if (host[len - 1] != ']')
			return false;
		host[len - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &address->in6.sin6_addr) != 1)
			return false;
	}
	return parse_port(colon + 1, &address->in6.sin6_port);
}

int
conf_parse_listen(
	const char *text, struct conf_listen *field, struct strbuf *why)
{
	char item[ITEM_MAX_BYTES + 1], scratch[ITEM_MAX_BYTES + 1];
	struct conf_listen listen;

	memset(&listen, 0, sizeof(listen));
	while (next_item(&text, item)) {
		size_t n = listen.n_addresses;

		if (n == CONF_LISTEN_MAX)
			return wrong(why, item,
				"is one address too many; "
				"there may be 16");
		strcpy(scratch, item);
		if (!parse_address(scratch, &listen.addresses[n]))
			return wrong(why, item,
				"is no address to listen on; write [::]:8080, "
				"127.0.0.1:8080 or :8080");
		for (size_t i = 0; i < n; i++) {
			if (memcmp(&listen.addresses[i], &listen.addresses[n],
				    sizeof(listen.addresses[0])) == 0)
				return wrong(why, item, "is there twice");
		}
		listen.n_addresses++;
	}
	*field = listen;
	return 0;
}

void
conf_format_listen(const struct conf_listen *field, struct strbuf *out)
{
	char host[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < field->n_addresses; i++) {
		const union conf_address *address = &field->addresses[i];

		if (i > 0)
			strbuf_add_string(out, ", ");
		if (address->any.sa_family == AF_INET) {
			inet_ntop(AF_INET, &address->in.sin_addr, host,
				sizeof(host));
			strbuf_printf(out, "%s:%u", host,
				ntohs(address->in.sin_port));
		} else {
			inet_ntop(AF_INET6, &address->in6.sin6_addr, host,
				sizeof(host));
			strbuf_printf(out, "[%s]:%u", host,
				ntohs(address->in6.sin6_port));
		}
	}
}

/* An interim answer is no answer (RFC 9110, 15.2), but for 101. */
static bool
parse_status(const char *digits, uint16_t *ret_status)
{
	if (strspn(digits, "0123456789") < 3 ||
		(digits[0] < '2' && strncmp(digits, "101", 3) != 0))
		return false;
	*ret_status = (uint16_t)((digits[0] - '0') * 100 +
				 (digits[1] - '0') * 10 + (digits[2] - '0'));
	return true;
}

/* 204, 2xx or 200-299. */
static bool
parse_range(const char *item, struct status_range *range)
{
	if (strlen(item) == 3 && strcasecmp(item + 1, "xx") == 0 &&
		item[0] >= '2' && item[0] <= '9') {
		range->first = (uint16_t)((item[0] - '0') * 100);
		range->last = (uint16_t)(range->first + 99);
		return true;
	}
	if (!parse_status(item, &range->first))
		return false;
	range->last = range->first;
	return item[3] == '\0' ||
	       (item[3] == '-' && parse_status(item + 4, &range->last) &&
		       item[7] == '\0');
}

int
conf_parse_statuses(
	const char *text, struct conf_statuses *field, struct strbuf *why)
{
	struct conf_statuses statuses = { 0 };
	char item[ITEM_MAX_BYTES + 1];
	struct status_range range;

	while (next_item(&text, item)) {
		if (!parse_range(item, &range))
			return wrong(why, item,
				"is no status; write codes and ranges such as "
				"200, 204, 3xx or 400-403");
		if (range.first > range.last)
			return wrong(why, item,
				"is a range without a status; write the "
				"lower one first");
		if (statuses.n_ranges == CONF_STATUS_MAX)
			return wrong(why, item,
				"is one status too many; "
				"there may be 32");
		statuses.ranges[statuses.n_ranges++] = range;
	}
	*field = statuses;
	return 0;
}

void
conf_format_statuses(const struct conf_statuses *field, struct strbuf *out)
{
	for (size_t i = 0; i < field->n_ranges; i++) {
		const struct status_range *range = &field->ranges[i];

		strbuf_printf(out, "%s%u", i > 0 ? ", " : "", range->first);
		if (range->last != range->first)
			strbuf_printf(out, "-%u", range->last);
	}
}
