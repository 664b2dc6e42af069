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
static void __attribute__((format(printf, 2, 0)))
add(struct conf_problem_list *list, const char *format, va_list args)
{
	char text[CONF_PROBLEM_MAX_BYTES];

	list->n_all++;
	if (list->n_kept == CONF_PROBLEMS_MAX)
		return;
	vsnprintf(text, sizeof(text), format, args);
	list->texts[list->n_kept] = escaped(text);
	if (list->texts[list->n_kept] != NULL)
		list->n_kept++;
}

void
conf_problems_add_error(struct conf_problems *problems, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(&problems->errors, format, args);
	va_end(args);
}

void
conf_problems_add_warning(
	struct conf_problems *problems, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(&problems->warnings, format, args);
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
