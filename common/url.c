/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of http and https URLs; see url.h.  Every length is checked against
 * the field before it is copied: the text may come from a hostile server.
 */
#include "common/url.h"

#include "common/hex.h"
#include "common/idn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define LABEL_MAX_BYTES 63 /* RFC 1035, 2.3.4 */

/* A piece of the text that is being parsed. */
struct span {
	const char *text;
	size_t len_bytes;
};

/* ASCII only, whatever the locale. */
static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* The byte of a %XX at p, or -1. */
static int
escaped_byte(const char *p, const char *end)
{
	if (end - p < 3 || hex_value(p[1]) < 0 || hex_value(p[2]) < 0)
		return -1;
	return hex_value(p[1]) * 16 + hex_value(p[2]);
}

static const char *
decode(struct span from, char *to, size_t size_bytes)
{
	const char *p = from.text, *end = p + from.len_bytes;
	size_t n = 0;

	while (p < end) {
		int c = (unsigned char)*p;

		if (c == '%') {
			c = escaped_byte(p, end);
			if (c < 0)
				return "a % is not followed by two hexadecimal "
				       "digits; write it as %25";
			p += 2;
		}
		p++;
		if (c == 0)
			return "%00 cannot stand in a user part or zone";
		if (n + 1 >= size_bytes)
			return "the user part or the zone is too long";
		to[n++] = (char)c;
	}
	to[n] = '\0';
	return NULL;
}

static const char *
parse_user(struct url *url, struct span user)
{
	struct span password = { "", 0 };
	const char *colon, *error;

	for (size_t i = 0; i < user.len_bytes; i++) {
		if (!is_alnum(user.text[i]) &&
			!is_one_of(user.text[i], "-._:~!$&'()*+,;=%@"))
			return "a character of the user part must be "
			       "percent-encoded";
	}
	colon = memchr(user.text, ':', user.len_bytes);
	if (colon != NULL) {
		password.text = colon + 1;
		password.len_bytes =
			user.len_bytes - (size_t)(password.text - user.text);
		user.len_bytes = (size_t)(colon - user.text);
	}
	url->has_user = true;
	error = decode(user, url->user, sizeof(url->user));
	if (error == NULL)
		error = decode(password, url->password, sizeof(url->password));
	return error;
}

static const char *
check_name(struct span host)
{
	size_t label_bytes = 0;

	for (size_t i = 0; i < host.len_bytes; i++) {
		char c = host.text[i];

		if ((unsigned char)c >= 0x80)
			return "the host is not ASCII; write its xn-- form";
		if (c != '.' && !is_alnum(c) && c != '-' && c != '_')
			return "a character of the host can stand in no "
			       "host name";
		if (c == '.' && label_bytes == 0)
			return "a dot of the host has no label before it";
		label_bytes = c == '.' ? 0 : label_bytes + 1;
		if (label_bytes > LABEL_MAX_BYTES)
			return "a label of the host is longer than 63 bytes";
	}
	if (host.len_bytes > URL_HOST_MAX_BYTES - (label_bytes == 0 ? 0U : 1U))
		return "the host is longer than 253 bytes";
	return NULL;
}

/* A name or an IPv4 address.  What is no dotted quad, as 127.1, is a name. */
static const char *
parse_name(struct url *url, struct span host)
{
	struct in_addr address;
	const char *error;

	if (host.len_bytes == 0)
		return "there is no host; write http://host/ or https://host/";
	error = check_name(host);
	if (error != NULL)
		return error;
	memcpy(url->host, host.text, host.len_bytes);
	url->host[host.len_bytes] = '\0';
	url->host_is_ip = inet_pton(AF_INET, url->host, &address) == 1;
	url->family = url->host_is_ip ? AF_INET : AF_UNSPEC;
	return NULL;
}

/* The same for a name beyond ASCII, which is known by its xn-- form. */
static const char *
parse_any_name(struct url *url, struct span host)
{
	char ascii[IDN_NAME_BYTES];
	const char *error;
	size_t i = 0;

	while (i < host.len_bytes && (unsigned char)host.text[i] < 0x80)
		i++;
	if (i == host.len_bytes)
		return parse_name(url, host);
	error = idn_to_ascii(host.text, host.len_bytes, ascii);
	if (error != NULL)
		return error;
	return parse_name(url, (struct span){ ascii, strlen(ascii) });
}

/* What stands between brackets; RFC 6874 for the zone. */
static const char *
parse_literal(struct url *url, struct span host)
{
	const char *percent = memchr(host.text, '%', host.len_bytes);
	struct in6_addr address;
	const char *error;

	if (percent != NULL) {
		size_t left = host.len_bytes - (size_t)(percent - host.text);
		struct span zone = { percent + 3, left - 3 };

		if (left < 4 || memcmp(percent, "%25", 3) != 0)
			return "a zone is written [address%25zone]";
		host.len_bytes -= left;
		error = decode(zone, url->zone, sizeof(url->zone));
		if (error != NULL)
			return error;
		for (const char *p = url->zone; *p != '\0'; p++) {
			if (!is_alnum(*p) && !is_one_of(*p, "-._~@"))
				return "the zone is no interface name";
		}
	}
	if (host.len_bytes >= INET6_ADDRSTRLEN)
		return "there is no IPv6 address between the brackets";
	memcpy(url->host, host.text, host.len_bytes);
	url->host[host.len_bytes] = '\0';
	if (inet_pton(AF_INET6, url->host, &address) != 1)
		return "there is no IPv6 address between the brackets";
	url->host_is_ip = true;
	url->family = AF_INET6;
	return NULL;
}

static const char *
parse_port(struct url *url, struct span port)
{
	unsigned long number = 0;

	for (size_t i = 0; i < port.len_bytes; i++) {
		if (port.text[i] < '0' || port.text[i] > '9')
			return "the port is not a number; an IPv6 address is "
			       "written [address]:port";
		number = number * 10 + (unsigned long)(port.text[i] - '0');
		if (number > UINT16_MAX)
			return "the port is not within 1..65535";
	}
	if (port.len_bytes > 0 && number == 0)
		return "the port is not within 1..65535";
	if (port.len_bytes >= sizeof(url->port_text))
		return "the port has too many digits";
	memcpy(url->port_text, port.text, port.len_bytes);
	url->port_text[port.len_bytes] = '\0';
	url->port = url->https ? 443 : 80;
	if (port.len_bytes > 0)
		url->port = (uint16_t)number;
	return NULL;
}

static const char *
parse_host(struct url *url, struct span host)
{
	const char *end = host.text + host.len_bytes, *colon;
	struct span inner = { host.text + 1, 0 };

	if (host.len_bytes > 0 && host.text[0] == '[') {
		const char *close = memchr(host.text, ']', host.len_bytes);
		const char *error;

		if (close == NULL)
			return "the [ of the host is not closed";
		inner.len_bytes = (size_t)(close - inner.text);
		error = parse_literal(url, inner);
		if (error != NULL)
			return error;
		if (close + 1 < end && close[1] != ':')
			return "after the ] there may be :port only";
		colon = close + 1;
	} else {
		const char *error;

		colon = memchr(host.text, ':', host.len_bytes);
		if (colon == NULL)
			colon = end;
		host.len_bytes = (size_t)(colon - host.text);
		error = parse_any_name(url, host);
		if (error != NULL)
			return error;
	}
	if (colon < end)
		colon++;
	return parse_port(url, (struct span){ colon, (size_t)(end - colon) });
}

/* From behind the `//`; moves *text to the path, the query or the end. */
static const char *
parse_authority(struct url *url, const char **text)
{
	struct span host = { *text, strcspn(*text, "/?#") };
	const char *at = memrchr(host.text, '@', host.len_bytes);
	const char *error;

	*text += host.len_bytes;
	url->has_user = false;
	url->user[0] = url->password[0] = url->zone[0] = '\0';
	if (at != NULL) {
		struct span user = { host.text, (size_t)(at - host.text) };

		error = parse_user(url, user);
		if (error != NULL)
			return error;
		host.text = at + 1;
		host.len_bytes -= user.len_bytes + 1;
	}
	return parse_host(url, host);
}

/* Returns where the next byte goes. */
static char *
put_escape(char *to, char c)
{
	static const char hex[] = "0123456789ABCDEF";

	*to++ = '%';
	*to++ = hex[(unsigned char)c >> 4];
	*to++ = hex[(unsigned char)c & 15];
	return to;
}

/*
 * The path as it goes into the request line, behind what to holds already.
 * RFC 3986, 3.3: unreserved, sub-delims, `:` and `@`; also `[` and `]`, which
 * Go leaves alone.  Escapes stay as they are written.
 */
static const char *
encode_path(struct span path, char *to, size_t size_bytes)
{
	const char *p = path.text, *end = p + path.len_bytes;
	const char *last = to + size_bytes - sizeof("%XX");

	for (to += strlen(to); p < end; p++) {
		if (to > last)
			return "the path is too long once it is encoded";
		if (*p == '%' && escaped_byte(p, end) < 0)
			return "a % of the path is not followed by two "
			       "hexadecimal digits; write it as %25";
		if (is_alnum(*p) || is_one_of(*p, "%/-._~!$&'()*+,;=:@[]"))
			*to++ = *p;
		else
			to = put_escape(to, *p);
	}
	*to = '\0';
	return NULL;
}

/* RFC 3986, 5.2.4, in place; the path begins with a slash. */
static void
remove_dot_segments(char *path)
{
	const char *from = path;
	char *to = path;

	while (*from != '\0') {
		size_t len = 1 + strcspn(from + 1, "/");
		bool last = from[len] == '\0';

		if (len == 2 && from[1] == '.') {
			if (last)
				*to++ = '/';
		} else if (len == 3 && from[1] == '.' && from[2] == '.') {
			while (to > path && *--to != '/')
				;
			if (last)
				*to++ = '/';
		} else {
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	*to = '\0';
}

/* Sets the target from an encoded path and what follows it in the text. */
static const char *
set_target(struct url *url, const char *path, const char *rest)
{
	size_t path_bytes = strlen(path);
	size_t query_bytes = *rest == '?' ? strcspn(rest, "#") : 0;

	if (path_bytes + query_bytes > URL_MAX_BYTES)
		return "the path and the query are too long";
	/* rest may lie in the target itself */
	memmove(url->target + path_bytes, rest, query_bytes);
	memcpy(url->target, path, path_bytes);
	url->target[path_bytes + query_bytes] = '\0';
	url->path_len_bytes = (uint16_t)path_bytes;
	return NULL;
}

/* Whatever kind of text it is: its length, and bytes that fit no URL. */
static const char *
check_bytes(const char *text)
{
	if (strnlen(text, URL_MAX_BYTES + 1) > URL_MAX_BYTES)
		return "it is longer than 2048 bytes";
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return "it contains a control character";
	}
	return NULL;
}

/* The length of the scheme before its colon; 0: there is none. */
static size_t
scheme_length(const char *text)
{
	size_t n = 0;

	while (is_alnum(text[n]) || (n > 0 && is_one_of(text[n], "+-.")))
		n++;
	if (text[n] != ':' || (*text >= '0' && *text <= '9'))
		return 0;
	return n;
}

/*
 * An absolute URL, or from `//` on.  A Location's path loses its dot segments
 * (RFC 3986, 5.2.2); a configured one is sent as it is written.
 */
static const char *
parse_hierarchy(struct url *url, const char *text, bool remove_dots)
{
	char path[URL_MAX_BYTES + 1] = "";
	const char *error;
	struct span raw;

	text += 2;
	error = parse_authority(url, &text);
	if (error != NULL)
		return error;
	raw.text = text;
	raw.len_bytes = strcspn(text, "?#");
	error = encode_path(raw, path, sizeof(path));
	if (error != NULL)
		return error;
	if (path[0] == '\0')
		strcpy(path, "/");
	if (remove_dots)
		remove_dot_segments(path);
	return set_target(url, path, text + raw.len_bytes);
}

static int
parse_absolute(struct url *url, const char *text, size_t scheme_bytes,
	bool remove_dots, const char **ret_error)
{
	bool http = scheme_bytes == 4 && strncasecmp(text, "http", 4) == 0;
	bool https = scheme_bytes == 5 && strncasecmp(text, "https", 5) == 0;
	const char *error;

	if (!http && !https) {
		*ret_error = "the scheme is neither http nor https";
		return -EPROTONOSUPPORT;
	}
	text += scheme_bytes + 1;
	url->https = https;
	if (strncmp(text, "//", 2) != 0)
		error = "after the scheme there must be //host";
	else
		error = parse_hierarchy(url, text, remove_dots);
	if (error != NULL)
		*ret_error = error;
	return error != NULL ? -EINVAL : 0;
}

/* The port would be empty and the path begin with //: nobody means that. */
static bool
is_scheme_again(const char *authority)
{
	return strncasecmp(authority, "http://", 7) == 0 ||
	       strncasecmp(authority, "https://", 8) == 0;
}

int
url_parse(struct url *url, const char *text, const char **ret_error)
{
	const char *error = check_bytes(text);
	size_t scheme_bytes = scheme_length(text);

	memset(url, 0, sizeof(*url));
	if (error == NULL && scheme_bytes == 0)
		error = "it does not begin with http:// or https://";
	else if (error == NULL && strncmp(text + scheme_bytes, "://", 3) == 0 &&
		 is_scheme_again(text + scheme_bytes + 3))
		error = "it has two schemes, as in https://https://host; "
			"remove one of them";
	if (error != NULL) {
		*ret_error = error;
		return -EINVAL;
	}
	return parse_absolute(url, text, scheme_bytes, false, ret_error);
}

int
url_parse_proxy(struct url *url, const char *text, const char **ret_error)
{
	static const char prefix[] = "http://";
	char full[sizeof(prefix) + URL_MAX_BYTES];
	int err;

	if (strncasecmp(text, "socks", 5) == 0 && strstr(text, "://") != NULL) {
		*ret_error = "a SOCKS proxy is not supported; write "
			     "http://HOST:PORT of an http proxy";
		return -EPROTONOSUPPORT;
	}
	if (strstr(text, "://") == NULL &&
		strnlen(text, URL_MAX_BYTES + 1) <= URL_MAX_BYTES) {
		strcpy(stpcpy(full, prefix), text);
		text = full;
	}
	err = url_parse(url, text, ret_error);
	if (err != 0 || !url->https)
		return err;
	*ret_error = "a connection to the proxy by https is not supported; "
		     "write http://HOST:PORT";
	return -EPROTONOSUPPORT;
}

/* A reference without scheme and host; url is a copy of the base. */
static const char *
resolve_path(struct url *url, const char *text)
{
	struct span raw = { text, strcspn(text, "?#") };
	char path[2 * URL_MAX_BYTES + 1] = "";
	size_t base_bytes = url->path_len_bytes;
	const char *error, *rest = text + raw.len_bytes;

	if (memchr(raw.text, ':', strcspn(raw.text, "/?#")) != NULL)
		return "it has a colon in its first segment and no scheme";
	memcpy(path, url->target, base_bytes);
	if (raw.len_bytes > 0) {
		/* merge (5.2.3): all but what follows the last slash */
		while (*raw.text != '/' && base_bytes > 0 &&
			path[base_bytes - 1] != '/')
			base_bytes--;
		path[*raw.text == '/' ? 0 : base_bytes] = '\0';
		error = encode_path(raw, path, sizeof(path));
		if (error != NULL)
			return error;
		remove_dot_segments(path);
	} else if (*rest != '?') {
		rest = url->target + url->path_len_bytes;
	}
	return set_target(url, path, rest);
}

/*
 * A Location without blanks around it and without its fragment; a query's
 * blanks and what is not ASCII are encoded as curl does it.  Paths are encoded
 * where they are taken apart.  to: room for three times the text.
 */
static void
copy_location(char *to, const char *text)
{
	const char *end;
	bool in_query = false;

	text += strspn(text, " ");
	end = text + strlen(text);
	while (end > text && end[-1] == ' ')
		end--;
	for (; text < end && *text != '#'; text++) {
		in_query |= *text == '?';
		if (in_query && *text == ' ')
			*to++ = '+';
		else if (in_query && (unsigned char)*text >= 0x80)
			to = put_escape(to, *text);
		else
			*to++ = *text;
	}
	*to = '\0';
}

int
url_resolve(const struct url *base, const char *location, struct url *ret_url,
	const char **ret_error)
{
	const char *error = check_bytes(location);
	char text[3 * URL_MAX_BYTES + 1] = "";
	size_t scheme_bytes;
	struct url url = *base;
	int err = 0;

	if (error == NULL)
		copy_location(text, location);
	scheme_bytes = scheme_length(text);
	if (error == NULL && scheme_bytes > 0)
		err = parse_absolute(&url, text, scheme_bytes, true, ret_error);
	else if (error == NULL && strncmp(text, "//", 2) == 0)
		error = parse_hierarchy(&url, text, true);
	else if (error == NULL)
		error = resolve_path(&url, text);
	if (error != NULL) {
		*ret_error = error;
		err = -EINVAL;
	}
	if (err == 0)
		*ret_url = url;
	return err;
}

bool
url_host_check(const char *text, const char **ret_error)
{
	struct span host = { text, strnlen(text, URL_MAX_BYTES) };
	struct in6_addr address;
	struct url scratch;
	const char *error;

	if (inet_pton(AF_INET6, text, &address) == 1)
		return true;
	error = parse_name(&scratch, host);
	if (error != NULL)
		*ret_error = error;
	return error == NULL;
}
