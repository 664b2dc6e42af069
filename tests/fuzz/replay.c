/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of every fuzz_replay_NAME: gives each file of the corpus to the fuzz
 * target once and says so in TAP, so that `make check` keeps what the fuzzer
 * found.  Without arguments the corpus is $srcdir/tests/fuzz/corpus/NAME, NAME
 * being taken from the program's own name; arguments are files to replay
 * instead.  A target that dies leaves the plan unfulfilled: that is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "fuzz_replay_"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The bytes of a file in a block of exactly their size, so that a sanitizer or
 * valgrind sees the first byte read too far.  NULL: errno.
 */
static uint8_t *
read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
		rewind(file);
		data = malloc((size_t)size);
		if (data != NULL &&
			fread(data, 1, (size_t)size, file) != (size_t)size) {
			free(data);
			data = NULL;
		}
		*ret_size = (size_t)size;
	}
	fclose(file);
	return data;
}

static bool
replay(unsigned number, const char *path, const char *name)
{
	size_t size = 0;
	uint8_t *data = read_file(path, &size);

	if (data == NULL) {
		printf("not ok %u - %s: %s\n", number, name, strerror(errno));
		return false;
	}
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	printf("ok %u - %s\n", number, name);
	return true;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool
replay_folder(const char *folder)
{
	struct dirent **entries;
	int n_entries = scandir(folder, &entries, is_visible, alphasort);
	bool good = n_entries > 0;
	char path[4096];

	if (n_entries <= 0) {
		printf("1..1\nnot ok 1 - no corpus in %s\n", folder);
		if (n_entries == 0)
			free(entries);
		return false;
	}
	printf("1..%d\n", n_entries);
	for (int i = 0; i < n_entries; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
			entries[i]->d_name);
		good = replay((unsigned)i + 1, path, entries[i]->d_name) &&
		       good;
		free(entries[i]);
	}
	free(entries);
	return good;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	const char *name = strrchr(argv[0], '/');
	char folder[2048];
	bool good = true;

	/* What was said must be out when the target dies. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		printf("1..%d\n", argc - 1);
		for (int i = 1; i < argc; i++)
			good = replay((unsigned)i, argv[i], argv[i]) && good;
		return good ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	name = name == NULL ? argv[0] : name + 1;
	if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		name += strlen(PREFIX);
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
		srcdir == NULL ? "." : srcdir, name);
	return replay_folder(folder) ? EXIT_SUCCESS : EXIT_FAILURE;
}
