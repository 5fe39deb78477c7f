// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for portable code: ordinary pages behind a mapping that is neither writable nor executable, since
 * only the interpreter reads them. They are stored into through the kernel's own view of the pages.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include "compat.h"
#include "wasmkc.h"

int wkc_bytecode_alloc(size_t size, u64 *addr)
{
	unsigned int n = 0, count = DIV_ROUND_UP(size, PAGE_SIZE);
	struct page **pages = kvmalloc_array(count, sizeof(*pages), GFP_KERNEL);
	void *at;

	if (!pages)
		return -ENOMEM;
	for (; n < count; n++) {
		pages[n] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
		if (!pages[n])
			goto err;
	}
	/* From here on pages and their list belong to the mapping. */
	at = vmap(pages, count, VM_MAP | VM_MAP_PUT_PAGES, WKC_PAGE_RO);
	if (!at)
		goto err;
	*addr = wkc_address(at);
	return 0;

err:
	while (n--)
		__free_page(pages[n]);
	kvfree(pages);
	return -ENOMEM;
}

void wkc_bytecode_free(u64 addr)
{
	vfree(wkc_pointer(addr));
}

int wkc_bytecode_write(u64 addr, const u8 *bytes, size_t len)
{
	u8 *to = wkc_pointer(addr);

	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - offset_in_page(to));
		struct page *page = vmalloc_to_page(to);

		if (!page)
			return -EFAULT;
		memcpy_to_page(page, offset_in_page(to), (const char *)bytes, n);
		to += n;
		bytes += n;
		len -= n;
		cond_resched();
	}
	return 0;
}
