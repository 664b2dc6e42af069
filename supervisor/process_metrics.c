/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process_* metrics; see process_metrics.h.  A scrape makes two reads, a
 * walk over the descriptors and two system calls; it opens nothing.
 */
#include "supervisor/process_metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/metric_families.h"

/* 52 numbers of up to 20 digits and a name of 64 bytes: proc(5). */
#define STAT_MAX_BYTES 2048
/* Numbers of the fields as proc(5) counts them; the state is number 3. */
#define FIELD_STATE     3
#define FIELD_STARTTIME 22
#define FIELD_VSIZE     23
#define FIELD_RSS       24

struct process_metrics {
	struct registry *registry;
	int stat_fd; /* -1: /proc does not tell */
	DIR *fd_dir; /* NULL: the same */
	uint64_t page_bytes;
	struct series *cpu;
	struct series *resident;
	struct series *virtual;
	struct series *open_fds;
	struct series *max_fds;
};

bool
process_stat_parse(const char *text, struct process_stat *ret_stat)
{
	struct process_stat stat = { 0 };
	/* The name may hold blanks and brackets: only the last one counts. */
	const char *at = strrchr(text, ')');

	if (at == NULL || at[1] != ' ' || at[2] == '\0')
		return false;
	at += 3;
	for (int field = FIELD_STATE + 1; field <= FIELD_RSS; field++) {
		unsigned long long number;
		char *end;

		errno = 0;
		number = strtoull(at, &end, 10);
		if (end == at || errno != 0)
			return false;
		at = end;
		if (field == FIELD_STARTTIME)
			stat.start_ticks = number;
		else if (field == FIELD_VSIZE)
			stat.virtual_bytes = number;
		else if (field == FIELD_RSS)
			stat.resident_pages = number;
	}
	*ret_stat = stat;
	return true;
}

static bool
read_text(int fd, char *text, size_t cap_bytes)
{
	ssize_t n_bytes = fd >= 0 ? pread(fd, text, cap_bytes - 1, 0) : -1;

	if (n_bytes <= 0)
		return false;
	text[n_bytes] = '\0';
	return true;
}

static bool
read_stat(const struct process_metrics *process, struct process_stat *ret_stat)
{
	char text[STAT_MAX_BYTES];

	return read_text(process->stat_fd, text, sizeof(text)) &&
	       process_stat_parse(text, ret_stat);
}

static struct series *
get_series(const struct process_metrics *process, enum metric_id id)
{
	return registry_get(process->registry, id, NULL);
}

static void
collect_cpu(struct process_metrics *process)
{
	struct rusage usage;
	uint64_t us;

	if (getrusage(RUSAGE_SELF, &usage) < 0)
		return;
	us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
		     (NS_PER_S / NS_PER_US) +
	     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	series_raise(process->cpu, us * NS_PER_US);
}

static void
collect_memory(struct process_metrics *process)
{
	struct process_stat stat;

	if (!read_stat(process, &stat))
		return;
	series_set(process->virtual, (double)stat.virtual_bytes);
	series_set(process->resident,
		(double)(stat.resident_pages * process->page_bytes));
}

static void
collect_fds(struct process_metrics *process)
{
	struct rlimit limit;
	struct dirent *entry;
	unsigned n_fds = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		series_set(process->max_fds, (double)limit.rlim_cur);
	if (process->fd_dir == NULL)
		return;
	rewinddir(process->fd_dir);
	while ((entry = readdir(process->fd_dir)) != NULL)
		if (entry->d_name[0] != '.')
			n_fds++;
	series_set(process->open_fds, n_fds);
}

static void
collect(void *arg)
{
	struct process_metrics *process = arg;

	collect_cpu(process);
	collect_memory(process);
	collect_fds(process);
}

/* Seconds since the epoch at boot, from the btime line; 0: not told. */
static uint64_t
read_boot_unix_s(void)
{
	uint64_t boot_unix_s = 0;
	char line[256];
	FILE *file = fopen("/proc/stat", "re");

	if (file == NULL)
		return 0;
	while (boot_unix_s == 0 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "btime ", 6) == 0)
			boot_unix_s = strtoull(line + 6, NULL, 10);
	fclose(file);
	return boot_unix_s;
}

/* It never changes, so it is set once. */
static void
show_start_time(struct process_metrics *process)
{
	struct process_stat stat;
	long ticks_per_s = sysconf(_SC_CLK_TCK);
	uint64_t boot_unix_s = read_boot_unix_s();

	if (!read_stat(process, &stat) || boot_unix_s == 0 || ticks_per_s <= 0)
		return;
	series_set(get_series(process, METRIC_PROCESS_START_TIME),
		(double)boot_unix_s +
			(double)stat.start_ticks / (double)ticks_per_s);
}

struct process_metrics *
process_metrics_start(struct registry *registry)
{
	struct process_metrics *process = calloc(1, sizeof(*process));
	struct process_stat stat;

	if (process == NULL)
		return NULL;
	process->registry = registry;
	process->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	process->stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	process->fd_dir = opendir("/proc/self/fd");
	if (registry_on_collect(registry, collect, process) < 0) {
		process_metrics_free(process);
		return NULL;
	}
	process->cpu = get_series(process, METRIC_PROCESS_CPU_TOTAL);
	process->max_fds = get_series(process, METRIC_PROCESS_MAX_FDS);
	if (process->fd_dir != NULL)
		process->open_fds =
			get_series(process, METRIC_PROCESS_OPEN_FDS);
	if (read_stat(process, &stat)) {
		process->resident =
			get_series(process, METRIC_PROCESS_RESIDENT_MEMORY);
		process->virtual = get_series(
			process, METRIC_PROCESS_VIRTUAL_MEMORY);
	}
	show_start_time(process);
	return process;
}

void
process_metrics_free(struct process_metrics *process)
{
	if (process == NULL)
		return;
	if (process->stat_fd >= 0)
		close(process->stat_fd);
	if (process->fd_dir != NULL)
		closedir(process->fd_dir);
	free(process);
}
