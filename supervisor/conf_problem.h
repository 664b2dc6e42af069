/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration: all of it, one line of text each, errors
 * apart from warnings.  The texts may quote the file and the environment, so
 * every byte that could harm a terminal or a log is escaped here.
 */
#ifndef SUPERVISOR_CONF_PROBLEM_H
#define SUPERVISOR_CONF_PROBLEM_H

#include <stddef.h>
#include <stdio.h>

#define CONF_PROBLEMS_MAX      1000 /* of a kind; the rest is counted */
#define CONF_PROBLEM_MAX_BYTES 1024

struct conf_problem_list {
	size_t n_kept;
	size_t n_all;
	char *texts[CONF_PROBLEMS_MAX];
	unsigned line_numbers[CONF_PROBLEMS_MAX]; /* 0: not of the file */
};

struct conf_problems {
	struct conf_problem_list errors;
	struct conf_problem_list warnings;
};

void conf_problems_init(struct conf_problems *problems);
void conf_problems_fini(struct conf_problems *problems);
void conf_problems_add_error(struct conf_problems *problems, const char *format,
	...) __attribute__((format(printf, 2, 3)));
/* "FILE:LINE: " and the text. */
void conf_problems_add_error_at(struct conf_problems *problems,
	const char *file_name, unsigned line_number, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void conf_problems_add_warning(struct conf_problems *problems,
	const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Errors of the file in the order of its lines, before all others. */
void conf_problems_sort(struct conf_problems *problems);
/* One line each, warnings marked as such; for the command line. */
void conf_problems_print(const struct conf_problems *problems, FILE *stream);

/* The same to the log, for the running program. */
void conf_problems_log(const struct conf_problems *problems);

#endif
