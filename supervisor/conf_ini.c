/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file's part of the configuration, through inih.  inih cuts long lines
 * and names without a word and loses count of lines, so it reads through a
 * reader of ours: that counts, skips comments, knows the section, and feeds a
 * long line in pieces, each but the first indented, which inih takes for the
 * lines of one value and hands on under the same key.
 */
#include "supervisor/conf_loader.h"

#include "common/strbuf.h"
#include "supervisor/conf_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\v\f\r" /* what inih trims */
/* inih remembers only that much of a key for the pieces that follow. */
#define KEY_KEPT_BYTES 49

struct reader {
	struct conf_loader *loader;
	char *rest; /* of the file; NULL at its end */
	unsigned line_number;

	enum conf_section section; /* COUNT: none yet, or one not to read */
	bool before_sections;
	bool unknown_section;                       /* its title names none */
	unsigned section_lines[CONF_SECTION_COUNT]; /* 0: not there yet */
	size_t check;        /* index of the [check] section being read */
	uint64_t check_keys; /* bit i: conf_keys[i] was set in it */

	const char *line; /* what is still to be fed */
	size_t left_bytes;
	bool key_pending; /* fed, but not yet set */
	unsigned n_pieces, n_calls;
	char key[KEY_KEPT_BYTES + 1];
	struct strbuf value;
};

static void __attribute__((format(printf, 2, 3)))
error_here(struct reader *reader, const char *format, ...)
{
	char text[CONF_PROBLEM_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	conf_problems_add_error_at(reader->loader->problems,
		reader->loader->file_name, reader->line_number, "%s", text);
}

/* A variable's name in the file; false: it is none. */
static bool
is_variable(struct reader *reader, const char *name, const char *value)
{
	const struct conf_key *key = conf_key_of_variable(name);

	if (key == NULL)
		return false;
	error_here(reader,
		"%s: is the name of a variable; in the file write %s = %.60s "
		"under [kubenurse]",
		name, key->name,
		(key->flags & CONF_SECRET) == 0 ? value : "VALUE");
	return true;
}

static bool
is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

static void
unknown_key(struct reader *reader, const char *name, const char *value)
{
	const struct conf_problem_list *errors =
		&reader->loader->problems->errors;
	int name_bytes = (int)strcspn(name, BLANKS);
	const char *guess = NULL;

	for (enum conf_section s = 0; s < CONF_SECTION_COUNT; s++) {
		if (conf_key_find(s, name) != NULL) {
			error_here(reader,
				"%s: is no key of [%s]; it belongs "
				"to [%s]",
				name, conf_section_title(reader->section),
				conf_section_title(s));
			return;
		}
	}
	if (is_variable(reader, name, value))
		return;
	/* takes its time, and a file may be nothing but unknown keys */
	if (errors->n_kept < CONF_PROBLEMS_MAX)
		guess = conf_key_guess(reader->section, name);
	if (reader->section == CONF_SECTION_NEIGHBOURS && is_address(value))
		error_here(reader,
			"%s: unknown key; for a neighbour of this name write "
			"neighbour = %s %s",
			name, name, value);
	else if (guess != NULL)
		error_here(reader, "%.*s: unknown key; %s is one", name_bytes,
			name, guess);
	else
		error_here(reader,
			"%.*s: unknown key; the keys of [%s] are in "
			"kubenurse.ini(5)",
			name_bytes, name, conf_section_title(reader->section));
}

/* A key of a section that there is not. */
static void
lost_key(struct reader *reader, const char *name, const char *value)
{
	if (is_variable(reader, name, value))
		return;
	for (enum conf_section s = 0; s < CONF_SECTION_COUNT; s++) {
		if (conf_key_find(s, name) != NULL) {
			error_here(reader,
				"%s: its section is unknown; it belongs to "
				"[%s]",
				name, conf_section_title(s));
			return;
		}
	}
	error_here(
		reader, "%s: its section is unknown, and so is this key", name);
}

/* What is part of a value, and hardly ever meant to be; or NULL. */
static const char *
odd_part(const struct conf_key *key, const char *value)
{
	size_t len = strlen(value);

	if (len > 1 && (value[0] == '"' || value[0] == '\'') &&
		value[len - 1] == value[0])
		return "is in quotation marks";
	if (key->type != CONF_HEADER &&
		(strstr(value, " #") != NULL || strstr(value, "\t#") != NULL))
		return "has a # behind a blank, which begins no comment there";
	return NULL;
}

static void
set_value(struct reader *reader, const struct conf_key *key, void *object,
	const char *value)
{
	const char *odd = odd_part(key, value);

	if (conf_loader_set(reader->loader, key, object, value,
		    reader->line_number, NULL, odd) &&
		odd != NULL)
		conf_problems_add_warning(reader->loader->problems,
			"%s:%u: %s: the value %s; that is part of it, remove "
			"it",
			reader->loader->file_name, reader->line_number,
			key->name, odd);
}

static void
set_kubenurse_key(
	struct reader *reader, const struct conf_key *key, const char *value)
{
	struct conf_loader *loader = reader->loader;
	const struct conf_origin *origin = conf_loader_origin(loader, key);

	if (origin->line_number > 0 && (key->flags & CONF_REPEATABLE) == 0) {
		error_here(reader,
			"%s: is there twice; remove this one or "
			"that in line %u",
			key->name, origin->line_number);
		return;
	}
	set_value(reader, key, loader->conf, value);
	if (key->type == CONF_NEIGHBOUR && !origin->failed) {
		struct conf_neighbours *list = &loader->conf->neighbours;

		list->neighbours[list->n_neighbours - 1].line_number =
			reader->line_number;
	}
}

static void
set_check_key(
	struct reader *reader, const struct conf_key *key, const char *value)
{
	struct conf_loader *loader = reader->loader;
	struct conf_check *check = &loader->conf->checks.checks[reader->check];
	uint64_t bit = (uint64_t)1 << (key - conf_keys);

	if ((reader->check_keys & bit) != 0 &&
		(key->flags & CONF_REPEATABLE) == 0) {
		error_here(reader,
			"%s: is there twice in this section; remove "
			"one of them",
			key->name);
		return;
	}
	reader->check_keys |= bit;
	set_value(reader, key, check, value);
	if (key->type == CONF_BOOL && strcmp(key->name, "insecure") == 0)
		check->insecure_is_set = true;
}

/* The line that was fed last is complete: inih has had all its pieces. */
static void
set_pending(struct reader *reader)
{
	const struct conf_key *key;

	if (!reader->key_pending)
		return;
	reader->key_pending = false;
	if (reader->n_calls == 0 || reader->key[0] == '\0') {
		error_here(reader, "is neither a [section] nor KEY = VALUE");
		return;
	}
	if (reader->n_calls != reader->n_pieces) {
		/* whose key it is cannot be told then */
		error_here(reader, "is too long for the INI parser of this "
				   "system; set it in the environment");
		return;
	}
	if (strbuf_text(&reader->value) == NULL) {
		conf_loader_no_memory(reader->loader);
		return;
	}
	if (reader->before_sections) {
		error_here(reader,
			"%s: stands before any section; put it "
			"under [kubenurse]",
			reader->key);
		return;
	}
	if (reader->section == CONF_SECTION_COUNT) {
		/* what is wrong with the section has been said */
		if (reader->unknown_section)
			lost_key(reader, reader->key,
				strbuf_text(&reader->value));
		return;
	}
	key = conf_key_find(reader->section, reader->key);
	if (key == NULL)
		unknown_key(reader, reader->key, strbuf_text(&reader->value));
	else if (reader->section == CONF_SECTION_CHECK)
		set_check_key(reader, key, strbuf_text(&reader->value));
	else
		set_kubenurse_key(reader, key, strbuf_text(&reader->value));
}

/* A [check] section ends: it must have had a URL, right or wrong. */
static void
end_section(struct reader *reader)
{
	const struct conf_key *url = conf_key_find(CONF_SECTION_CHECK, "url");
	const struct conf_check *check;

	if (reader->section != CONF_SECTION_CHECK)
		return;
	check = &reader->loader->conf->checks.checks[reader->check];
	if ((reader->check_keys & ((uint64_t)1 << (url - conf_keys))) == 0)
		conf_problems_add_error_at(reader->loader->problems,
			reader->loader->file_name, check->line_number,
			"url: is missing in [check %s]; add url = "
			"http://... or https://...",
			check->name);
}

/* Takes off what would become part of the type; NULL: there is nothing. */
static char *
unquoted(char *name)
{
	size_t len = strlen(name);

	if (len < 3 || (*name != '"' && *name != '\'') ||
		name[len - 1] != *name)
		return NULL;
	name[len - 1] = '\0';
	return name + 1;
}

/* One that is there twice is read like the others: see finish_checks(). */
static void
start_check(struct reader *reader, char *name)
{
	struct conf_checks *checks = &reader->loader->conf->checks;
	char *inner = unquoted(name);
	struct conf_check *check;

	if (inner != NULL) {
		error_here(reader,
			"[check %c%.60s%c]: a name has no quotation marks; "
			"write [check %.60s]",
			*name, inner, *name, inner);
		name = inner;
	}
	if (conf_text_bad_byte(name, false) != NULL) {
		error_here(reader,
			"[check %.60s]: the name contains a control "
			"character or is not valid UTF-8",
			name);
		return;
	}
	if (checks->n_checks == CONF_CHECKS_MAX) {
		error_here(reader,
			"[check %.60s]: is one check too many; "
			"there may be 1000",
			name);
		return;
	}
	check = conf_checks_add(checks);
	if (check == NULL || !conf_replace_string(&check->name, name)) {
		conf_loader_no_memory(reader->loader);
		return;
	}
	check->line_number = reader->line_number;
	reader->check = checks->n_checks - 1;
	reader->check_keys = 0;
	reader->section = CONF_SECTION_CHECK;
}

static void
start_section(struct reader *reader, char *title)
{
	static const enum conf_section singles[] = { CONF_SECTION_KUBENURSE,
		CONF_SECTION_NEIGHBOURS };

	end_section(reader);
	reader->before_sections = reader->unknown_section = false;
	reader->section = CONF_SECTION_COUNT;
	for (size_t i = 0; i < 2; i++) {
		unsigned *line_number = &reader->section_lines[singles[i]];

		if (strcmp(title, conf_section_title(singles[i])) != 0)
			continue;
		/* its keys are read all the same: all in one run */
		if (*line_number > 0)
			error_here(reader,
				"[%s]: is there twice, in line %u "
				"too; join them",
				title, *line_number);
		else
			*line_number = reader->line_number;
		reader->section = singles[i];
		return;
	}
	if (strncmp(title, "check", 5) == 0 && title[5] != '\0' &&
		strchr(BLANKS, title[5]) != NULL)
		start_check(reader, title + 5 + strspn(title + 5, BLANKS));
	else if (strcmp(title, "check") == 0)
		error_here(reader, "[check]: has no name; write [check NAME]");
	else {
		reader->unknown_section = true;
		error_here(reader,
			"[%.60s]: unknown section; there are "
			"[kubenurse], [check NAME] and [neighbours]",
			title);
	}
}

/* Cuts the blanks off the end. */
static void
trim_end(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		text[--len] = '\0';
}

/* `[title]`; the text is taken apart. */
static void
read_section(struct reader *reader, char *text)
{
	char *close = strchr(text, ']');

	if (close == NULL || close[1] != '\0') {
		end_section(reader);
		reader->section = CONF_SECTION_COUNT;
		reader->before_sections = reader->unknown_section = false;
		error_here(reader,
			close == NULL
				? "the [ of the section is not closed by ]"
				: "something stands behind the ] of the "
				  "section");
		return;
	}
	*close = '\0';
	text += 1 + strspn(text + 1, BLANKS);
	trim_end(text);
	start_section(reader, text);
}

/* A semicolon behind a blank starts a comment, in the midst of a line too. */
static void
cut_comment(char *text)
{
	for (char *p = text; *p != '\0'; p++) {
		if (*p == ';' && p > text && strchr(BLANKS, p[-1]) != NULL) {
			*p = '\0';
			return;
		}
	}
}

/* Moves to the next line that says something; false at the end. */
static bool
next_line(struct reader *reader)
{
	while (reader->rest != NULL) {
		char *text = strsep(&reader->rest, "\n");

		reader->line_number++;
		if (text[strspn(text, BLANKS)] == ';' ||
			text[strspn(text, BLANKS)] == '#')
			continue;
		cut_comment(text);
		trim_end(text);
		if (*text == '\0')
			continue;
		if (strchr(BLANKS, *text) != NULL) {
			error_here(reader, "begins with a blank; a value is "
					   "not continued on a second line");
			continue;
		}
		if (*text == '[') {
			read_section(reader, text);
			text = (char *)"[-]"; /* inih forgets the last key */
		} else {
			reader->key_pending = true;
		}
		reader->n_pieces = reader->n_calls = 0;
		strbuf_reset(&reader->value);
		reader->line = text;
		reader->left_bytes = strlen(text);
		return true;
	}
	return false;
}

/*
 * How much of the line fits the room.  A piece must neither end nor begin
 * with a blank, which would be trimmed, nor begin like a comment.  0: there
 * is no such place.
 */
static size_t
piece_length(const struct reader *reader, size_t room_bytes)
{
	static const char bad_start[] = BLANKS ";#";
	size_t len = room_bytes;

	if (reader->left_bytes <= room_bytes)
		return reader->left_bytes;
	while (len > 0 && (strchr(BLANKS, reader->line[len - 1]) != NULL ||
				  strchr(bad_start, reader->line[len]) != NULL))
		len--;
	return len;
}

/* As fgets(3), for inih; a line of at most size_bytes - 1 with its newline. */
static char *
read_line(char *to, int size_bytes, void *stream)
{
	struct reader *reader = stream;
	/* less the tab, the newline and the NUL */
	size_t room_bytes = size_bytes > 3 ? (size_t)size_bytes - 3 : 0;
	size_t len;

	for (;;) {
		if (reader->left_bytes == 0) {
			set_pending(reader);
			if (!next_line(reader))
				return NULL;
		}
		len = piece_length(reader, room_bytes);
		if (len > 0)
			break;
		error_here(reader, "is too long, with too many blanks to take "
				   "it apart; set it in the environment");
		reader->left_bytes = 0;
		reader->key_pending = false;
	}
	to[0] = '\t';
	if (reader->n_pieces++ > 0)
		to++;
	memcpy(to, reader->line, len);
	memcpy(to + len, "\n", 2);
	reader->line += len;
	reader->left_bytes -= len;
	return to;
}

static int
on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;

	(void)section; /* the reader knows it uncut */
	if (reader->n_calls == 0)
		snprintf(reader->key, sizeof(reader->key), "%s", name);
	/* a build of inih without continued lines reads a key into a piece */
	if (strncmp(reader->key, name, KEY_KEPT_BYTES) == 0)
		reader->n_calls++;
	strbuf_add_string(&reader->value, value);
	return 1;
}

/* The whole file, with a NUL at its end; NULL: that was said. */
static char *
read_all(struct conf_loader *loader, FILE *stream)
{
	char *text = malloc(CONF_FILE_MAX_BYTES + 2), *nul;
	const char *error = NULL;
	size_t n_bytes;

	if (text == NULL) {
		conf_loader_no_memory(loader);
		return NULL;
	}
	n_bytes = fread(text, 1, CONF_FILE_MAX_BYTES + 1, stream);
	text[n_bytes] = '\0';
	nul = memchr(text, '\0', n_bytes);
	if (ferror(stream))
		error = strerror(errno);
	else if (n_bytes > CONF_FILE_MAX_BYTES)
		error = "it is larger than 1 MiB";
	else if (n_bytes == 0 && loader->input->bytes_before > 0)
		error = "it is empty, and was not before; for no settings at "
			"all write a comment into it";
	else if (nul != NULL)
		error = "it contains a NUL byte, so it is no text";
	if (error != NULL) {
		conf_problems_add_error(loader->problems,
			"%s: cannot be read: %s", loader->file_name, error);
		free(text);
		return NULL;
	}
	loader->conf->file_bytes = n_bytes;
	return text;
}

void
conf_ini_read(struct conf_loader *loader, FILE *stream)
{
	struct reader reader = {
		.loader = loader,
		.section = CONF_SECTION_COUNT,
		.before_sections = true,
	};
	char *text = read_all(loader, stream);

	if (text == NULL)
		return;
	reader.rest = text;
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		reader.rest += 3; /* the byte order mark of some editors */
	strbuf_init(&reader.value, 0);
	if (ini_parse_stream(read_line, &reader, on_value, &reader) == -2)
		conf_loader_no_memory(loader);
	set_pending(&reader);
	end_section(&reader);
	strbuf_fini(&reader.value);
	free(text);
}
