/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the tables of docs/security.md from the table of the sandbox: what
 * each process may do.  `make update-security` puts them there, the structure
 * test compares; not installed.
 */
#include "common/sandbox_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_head(const char *const *columns, size_t n_columns)
{
	printf("|");
	for (size_t i = 0; i < n_columns; i++)
		printf(" %s |", columns[i]);
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		printf(" %s |", sandbox_role_name((enum sandbox_role)role));
	printf("\n|");
	for (size_t i = 0; i < n_columns + SANDBOX_ROLE_COUNT; i++)
		printf("---|");
	printf("\n");
}

static void
print_roles(unsigned roles)
{
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		printf(" %s |", roles & SANDBOX_BIT(role) ? "yes" : "");
	printf("\n");
}

static void
print_condition(const struct sandbox_condition *condition)
{
	printf("argument %u", condition->argument + 1);
	/* all of an int, all of a long, or some bits of it */
	if (condition->mask != 0xffffffff && condition->mask != UINT64_MAX)
		printf(" & %#llx", (unsigned long long)condition->mask);
	printf(" = ");
	if (condition->is_own_pid)
		printf("own pid");
	for (size_t i = 0; i < condition->n_values && !condition->is_own_pid;
		i++)
		printf("%s%#llx", i > 0 ? " or " : "",
			(unsigned long long)condition->values[i]);
}

static void
print_calls(void)
{
	static const char *const columns[] = { "what for", "system calls",
		"only when" };

	print_head(columns, 3);
	for (size_t i = 0; i < sandbox_n_calls; i++) {
		const struct sandbox_calls *row = &sandbox_calls[i];

		printf("| %s | %s | ", row->what, row->calls);
		for (size_t j = 0; j < SANDBOX_CONDITIONS_MAX &&
				   row->conditions[j].mask != 0;
			j++) {
			if (j > 0)
				printf(", ");
			print_condition(&row->conditions[j]);
		}
		printf(" |");
		print_roles(row->roles);
	}
}

static void
print_places(void)
{
	static const char *const columns[] = { "may be read", "path" };

	print_head(columns, 2);
	for (size_t i = 0; i < sandbox_n_places; i++) {
		const struct sandbox_place_row *row = &sandbox_places[i];

		if (row->path != NULL)
			printf("| %s | `%s` |", row->what, row->path);
		else
			printf("| %s | |", row->what);
		print_roles(row->roles);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "calls") == 0) {
		print_calls();
	} else if (argc == 2 && strcmp(argv[1], "places") == 0) {
		print_places();
	} else {
		fprintf(stderr, "usage: sandboxdoc calls|places\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
