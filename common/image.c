/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of the program and its libraries; see image.h. */
#include "common/image.h"

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Linkers make four, of which one or two are written. */
#define SEGMENTS_MAX 8

/* Text relocations are written into what looks like the file's (elf(5)). */
static bool
is_relocated(const struct dl_phdr_info *info, const ElfW(Phdr) * header)
{
	const ElfW(Dyn) *entry =
		(const ElfW(Dyn) *)(info->dlpi_addr + header->p_vaddr);

	for (; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_TEXTREL ||
			(entry->d_tag == DT_FLAGS &&
				(entry->d_un.d_val & DF_TEXTREL) != 0))
			return true;
	return false;
}

static int
give_back_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin[SEGMENTS_MAX], end[SEGMENTS_MAX];
	size_t count = 0;

	(void)size;
	(void)arg;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_DYNAMIC && is_relocated(info, header))
			return 0;
		if (header->p_type != PT_LOAD || count == SEGMENTS_MAX ||
			(header->p_flags & PF_W) != 0)
			continue;
		begin[count] = info->dlpi_addr + header->p_vaddr;
		end[count] = begin[count] + header->p_memsz;
		begin[count++] &= ~(page_bytes - 1);
	}
	/* private and never written: read from the file again.  The headers
	 * themselves lie in one of them, and are not looked at any more. */
	for (size_t i = 0; i < count; i++)
		(void)madvise(
			(void *)begin[i], end[i] - begin[i], MADV_DONTNEED);
	return 0;
}

void
image_give_back(void)
{
	dl_iterate_phdr(give_back_object, NULL);
}
