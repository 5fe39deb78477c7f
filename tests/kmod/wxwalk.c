// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks the kernel's page tables over an address range and over the same pages in the direct map.
 * insmod wxwalk.ko start=0x... end=0x...; then read /sys/module/wxwalk/parameters/{pages,executable,writable,both}.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <asm/pgtable.h>

static ulong start, end;
module_param(start, ulong, 0444);
module_param(end, ulong, 0444);

static uint pages, executable, writable, both, alias_executable;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "mapped pages seen");
module_param(executable, uint, 0444);
module_param(writable, uint, 0444);
module_param(both, uint, 0444);
MODULE_PARM_DESC(both, "pages mapped writable and executable at once");
module_param(alias_executable, uint, 0444);
MODULE_PARM_DESC(alias_executable, "direct-map aliases that are executable");

static int __init wxwalk_init(void)
{
	ulong at;

	for (at = start & PAGE_MASK; at < end; at += PAGE_SIZE) {
		uint level;
		pte_t *pte = lookup_address(at, &level);
		struct page *page;
		bool w, x;

		if (!pte || pte_none(*pte))
			continue;
		pages++;
		w = pte_flags(*pte) & _PAGE_RW;
		x = !(pte_flags(*pte) & _PAGE_NX);
		writable += w;
		executable += x;
		both += w && x;
		page = vmalloc_to_page((void *)at);
		if (!page)
			continue;
		pte = lookup_address((ulong)page_address(page), &level);
		if (pte && !pte_none(*pte) && !(pte_flags(*pte) & _PAGE_NX))
			alias_executable++;
	}
	return 0;
}

static void __exit wxwalk_exit(void)
{
}

module_init(wxwalk_init);
module_exit(wxwalk_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("page-table walk for the W^X test");
