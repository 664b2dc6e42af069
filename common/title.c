/* SPDX-License-Identifier: Apache-2.0 */
/* The process title; see title.h. */
#include "common/title.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
	char *text; /* argv[0] to the end of the strings behind it */
	size_t cap_bytes;
} area;

/* The strings of argv and environ lie one behind the other (execve(2)). */
static char *
end_of_strings(char **strings, int count, char *end)
{
	for (int i = 0; i < count; i++)
		if (strings[i] == end)
			end = strings[i] + strlen(strings[i]) + 1;
	return end;
}

static int
move_environment(void)
{
	static char **moved; /* for leak checkers: still reachable */
	int count = 0;

	while (environ[count] != NULL)
		count++;
	moved = calloc((size_t)count + 1, sizeof(*moved));
	if (moved == NULL)
		return -1;
	for (int i = 0; i < count; i++) {
		moved[i] = strdup(environ[i]);
		if (moved[i] == NULL)
			return -1;
	}
	environ = moved;
	return 0;
}

void
title_init(int argc, char **argv)
{
	char *end;
	int env_count = 0;

	if (argc < 1)
		return;
	while (environ[env_count] != NULL)
		env_count++;
	end = end_of_strings(argv, argc, argv[0]);
	end = end_of_strings(environ, env_count, end);
	if (move_environment() < 0)
		return;
	area.text = argv[0];
	area.cap_bytes = (size_t)(end - argv[0]);
}

void
title_set(const char *name)
{
	/* prctl(2): 16 bytes with the NUL */
	char comm[16];

	snprintf(comm, sizeof(comm), "kn: %s", name);
	prctl(PR_SET_NAME, comm);
	if (area.cap_bytes == 0)
		return;
	memset(area.text, 0, area.cap_bytes);
	snprintf(area.text, area.cap_bytes, "kubenurse: %s", name);
}
