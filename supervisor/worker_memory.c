/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's memory; see worker_memory.h. */
#include "supervisor/worker_memory.h"

#include "common/log.h"
#include "supervisor/worker_counts.h"
#include "supervisor/worker_pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* proc(5): the second number of statm is the resident set, in pages. */
static bool
read_resident(int memory_fd, uint64_t *ret_resident_bytes)
{
	char text[128];
	ssize_t n = pread(memory_fd, text, sizeof(text) - 1, 0);
	char *second;

	if (n <= 0) /* ESRCH: it has ended */
		return false;
	text[n] = '\0';
	second = strchr(text, ' ');
	if (second == NULL)
		return false;
	*ret_resident_bytes =
		strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

void
worker_memory_judge(struct worker_slot *slot, struct worker_process *process)
{
	uint64_t limit_bytes =
		WORKER_MEMORY_BASE_BYTES +
		WORKER_MEMORY_TARGET_BYTES *
			target_table_count(slot->pool->targets, slot->type);
	uint64_t resident_bytes;

	if (process->killed || process->memory_fd < 0 ||
		!read_resident(process->memory_fd, &resident_bytes))
		return;
	if (process == worker_slot_in_charge(slot))
		worker_counts_set_resident(slot, resident_bytes);
	if (resident_bytes <= limit_bytes)
		return;
	LOG_ERROR("a worker has grown too large, killing it",
		LOG_STR("worker", worker_type_name(slot->type)),
		LOG_INT("resident_bytes", resident_bytes),
		LOG_INT("limit_bytes", limit_bytes));
	worker_process_kill(process, WORKER_END_MEMORY);
}
