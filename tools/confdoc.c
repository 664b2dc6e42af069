/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what the table of keys says for readers: `confdoc ini` the sample
 * configuration, `confdoc man` the list of keys for kubenurse.ini(5).  Used
 * when the program is built; it is not installed.
 */
#include "supervisor/conf_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 76

/* Words behind the prefix, in lines of bounded length. */
static void
print_wrapped(const char *prefix, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word_bytes = strcspn(text, " ");

		if (column > 0 && column + 1 + word_bytes > LINE_MAX_BYTES) {
			putchar('\n');
			column = 0;
		}
		if (column == 0)
			column = (size_t)printf("%s", prefix);
		column += (size_t)printf(" %.*s", (int)word_bytes, text);
		text += word_bytes;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* What may stand behind the `=`. */
static void
format_values(const struct conf_key *key, char *buf, size_t size_bytes)
{
	const char *separator = "";

	buf[0] = '\0';
	if (key->placeholder != NULL) {
		snprintf(buf, size_bytes, "%s", key->placeholder);
	} else if (key->type == CONF_BOOL) {
		snprintf(buf, size_bytes, "true|false");
	} else {
		for (size_t i = 0; key->names[i] != NULL; i++) {
			size_t used = strlen(buf);

			if (key->names[i][0] == '\0')
				continue;
			snprintf(buf + used, size_bytes - used, "%s%s",
				separator, key->names[i]);
			separator = "|";
		}
	}
}

static const char *
default_of(const struct conf_key *key)
{
	if (key->default_note != NULL)
		return key->default_note;
	return key->default_text != NULL ? key->default_text : "none";
}

static void
format_facts(const struct conf_key *key, char *buf, size_t size_bytes)
{
	size_t n = 0;

	buf[0] = '\0';
	if (key->min != NULL && key->max != NULL)
		n += (size_t)snprintf(
			buf, size_bytes, "From %s to %s. ", key->min, key->max);
	else if (key->min != NULL || key->max != NULL)
		n += (size_t)snprintf(buf, size_bytes, "At %s %s. ",
			key->min != NULL ? "least" : "most",
			key->min != NULL ? key->min : key->max);
	if ((key->flags & CONF_REPEATABLE) != 0)
		n += (size_t)snprintf(
			buf + n, size_bytes - n, "May be repeated. ");
	if ((key->flags & CONF_RESTART) != 0)
		snprintf(buf + n, size_bytes - n,
			"A change takes effect at the next start. ");
}

/* One paragraph of what there is to know, then the key itself. */
static void
print_ini_key(const struct conf_key *key)
{
	char values[128], facts[256], text[512];

	format_values(key, values, sizeof(values));
	format_facts(key, facts, sizeof(facts));
	putchar('\n');
	print_wrapped(";", key->help);
	if (key->default_text != NULL)
		snprintf(text, sizeof(text), "Value: %s. %s", values, facts);
	else
		snprintf(text, sizeof(text), "%s", facts);
	if (key->default_text == NULL || key->default_note != NULL)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"Default: %s.", default_of(key));
	print_wrapped(";", text);
	if (key->env_alt != NULL)
		printf("; Variable: %s or %s\n", key->env, key->env_alt);
	else if (key->env != NULL)
		printf("; Variable: %s\n", key->env);
	printf(";%s = %s\n", key->name,
		key->default_text != NULL ? key->default_text : values);
}

static void
print_ini_section(enum conf_section section)
{
	putchar('\n');
	print_wrapped("#", conf_section_help(section));
	/* an empty [check] section would be wrong */
	printf("%s[%s]\n", section == CONF_SECTION_KUBENURSE ? "" : ";",
		conf_section_title(section));
	for (size_t i = 0; i < conf_n_keys; i++) {
		if (conf_keys[i].section == section)
			print_ini_key(&conf_keys[i]);
	}
}

static void
print_ini(void)
{
	print_wrapped("#",
		"The configuration of kubenurse: every key, with its "
		"default where it has one. Remove the semicolon to "
		"set a key. The environment variable named above a "
		"key overrides it. See kubenurse.ini(5), and try a "
		"file with kubenurse --check-config.");
	for (enum conf_section s = 0; s < CONF_SECTION_COUNT; s++)
		print_ini_section(s);
}

/* A line of text must not begin like a request. */
static void
start_roff_line(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
}

/* Lines of text: a new sentence begins a new one, as mdoc(7) asks for. */
static void
print_roff(const char *text)
{
	start_roff_line(text);
	for (; *text != '\0'; text++) {
		if (*text == '-') {
			fputs("\\-", stdout);
		} else if (*text == '\\') {
			fputs("\\e", stdout);
		} else if (strncmp(text, ". ", 2) == 0) {
			fputs(".\n", stdout);
			text++;
			start_roff_line(text + 1);
		} else {
			putchar(*text);
		}
	}
}

static void
print_man_key(const struct conf_key *key)
{
	char text[256];

	format_values(key, text, sizeof(text));
	printf(".It Cm %s No = Ar ", key->name);
	print_roff(text);
	putchar('\n');
	print_roff(key->help);
	putchar('\n');
	format_facts(key, text, sizeof(text));
	if (text[0] != '\0') {
		text[strlen(text) - 1] = '\0'; /* the blank at its end */
		print_roff(text);
		putchar('\n');
	}
	fputs("Default: ", stdout);
	print_roff(default_of(key));
	fputs(".\n", stdout);
	if (key->env_alt != NULL)
		printf("Variable:\n.Ev %s\nor\n.Ev %s .\n", key->env,
			key->env_alt);
	else if (key->env != NULL)
		printf("Variable:\n.Ev %s .\n", key->env);
}

static void
print_man(void)
{
	for (enum conf_section s = 0; s < CONF_SECTION_COUNT; s++) {
		printf(".Ss [%s]\n", conf_section_title(s));
		print_roff(conf_section_help(s));
		fputs("\n.Bl -tag -width Ds\n", stdout);
		for (size_t i = 0; i < conf_n_keys; i++) {
			if (conf_keys[i].section == s)
				print_man_key(&conf_keys[i]);
		}
		fputs(".El\n", stdout);
	}
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "ini") == 0) {
		print_ini();
	} else if (argc == 2 && strcmp(argv[1], "man") == 0) {
		print_man();
	} else {
		fputs("usage: confdoc ini|man\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
