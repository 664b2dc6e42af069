/* SPDX-License-Identifier: Apache-2.0 */
/* The list of problems; see conf_problem.h. */
#include "supervisor/conf_problem.h"

#include "common/log.h"
#include "common/strbuf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
conf_problems_init(struct conf_problems *problems)
{
	memset(problems, 0, sizeof(*problems));
}

static void
free_list(struct conf_problem_list *list)
{
	for (size_t i = 0; i < list->n_kept; i++)
		free(list->texts[i]);
}

void
conf_problems_fini(struct conf_problems *problems)
{
	free_list(&problems->errors);
	free_list(&problems->warnings);
	conf_problems_init(problems);
}

/* Printable ASCII as it is, every other byte as \xNN. */
static char *
escaped(const char *text)
{
	struct strbuf buf;

	strbuf_init(&buf, 0);
	for (; *text != '\0'; text++) {
		if (*text >= ' ' && *text <= '~')
			strbuf_add_char(&buf, *text);
		else
			strbuf_printf(&buf, "\\x%02x", (unsigned char)*text);
	}
	return strbuf_take(&buf);
}

/* Without memory a problem is counted, though its text is lost. */
static void __attribute__((format(printf, 3, 0)))
add(struct conf_problem_list *list, unsigned line_number, const char *format,
	va_list args)
{
	char text[CONF_PROBLEM_MAX_BYTES];

	list->n_all++;
	if (list->n_kept == CONF_PROBLEMS_MAX)
		return;
	vsnprintf(text, sizeof(text), format, args);
	list->line_numbers[list->n_kept] = line_number;
	list->texts[list->n_kept] = escaped(text);
	if (list->texts[list->n_kept] != NULL)
		list->n_kept++;
}

void
conf_problems_add_error(struct conf_problems *problems, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(&problems->errors, 0, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
add_at(struct conf_problem_list *list, unsigned line_number, const char *format,
	...)
{
	va_list args;

	va_start(args, format);
	add(list, line_number, format, args);
	va_end(args);
}

void
conf_problems_add_error_at(struct conf_problems *problems,
	const char *file_name, unsigned line_number, const char *format, ...)
{
	char text[CONF_PROBLEM_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_at(&problems->errors, line_number, "%s:%u: %s", file_name,
		line_number, text);
}

/* Insertion: nearly all are in order already. */
void
conf_problems_sort(struct conf_problems *problems)
{
	struct conf_problem_list *list = &problems->errors;

	for (size_t i = 1; i < list->n_kept; i++) {
		char *text = list->texts[i];
		unsigned line_number = list->line_numbers[i];
		size_t to = i;

		/* 0 less 1 is the largest of all */
		for (; to > 0 &&
			list->line_numbers[to - 1] - 1 > line_number - 1;
			to--) {
			list->texts[to] = list->texts[to - 1];
			list->line_numbers[to] = list->line_numbers[to - 1];
		}
		list->texts[to] = text;
		list->line_numbers[to] = line_number;
	}
}

void
conf_problems_add_warning(
	struct conf_problems *problems, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(&problems->warnings, 0, format, args);
	va_end(args);
}

static void
print_list(const struct conf_problem_list *list, const char *prefix,
	const char *kind, FILE *stream)
{
	for (size_t i = 0; i < list->n_kept; i++)
		fprintf(stream, "%s%s\n", prefix, list->texts[i]);
	if (list->n_all > list->n_kept)
		fprintf(stream, "and %zu more %s\n", list->n_all - list->n_kept,
			kind);
}

void
conf_problems_print(const struct conf_problems *problems, FILE *stream)
{
	print_list(&problems->warnings, "warning: ", "warnings", stream);
	print_list(&problems->errors, "", "errors", stream);
}

static void
log_list(const struct conf_problem_list *list, enum log_level level)
{
	for (size_t i = 0; i < list->n_kept; i++)
		LOG_AT(level, "configuration",
			LOG_STR("problem", list->texts[i]));
	if (list->n_all > list->n_kept)
		LOG_AT(level, "configuration",
			LOG_INT("more_problems", list->n_all - list->n_kept));
}

void
conf_problems_log(const struct conf_problems *problems)
{
	log_list(&problems->warnings, LOG_LEVEL_WARN);
	log_list(&problems->errors, LOG_LEVEL_ERROR);
}
