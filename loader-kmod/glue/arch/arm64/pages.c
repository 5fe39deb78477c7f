// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that were stored, and what a page's mapping allows. */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <asm/cacheflush.h>
#include <asm/sysreg.h>
#include "wasmkc.h"

/* The data caches hold what was stored, the instruction caches what was there before. */
void wkc_text_stored(const void *at, size_t len)
{
	flush_icache_range((unsigned long)at, (unsigned long)at + len);
}

/* The kernel's own tables; their symbols are not exported, so they are found as the CPU finds them. */
static pgd_t *kernel_tables(void)
{
	u64 base = read_sysreg(ttbr1_el1);

	/* Where addresses have 52 bits their uppermost four are in bits 2 to 5. */
	return phys_to_virt((base & GENMASK_ULL(47, 6)) | (base & GENMASK_ULL(5, 2)) << 46);
}

/* The last entry on the way to @address, 0 if there is none: a page's or a larger block's, which look alike. */
static u64 entry_of(unsigned long address)
{
	pgd_t *pgd = pgd_offset_pgd(kernel_tables(), address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(READ_ONCE(*pgd)))
		return 0;
	p4d = p4d_offset(pgd, address);
	if (p4d_none(READ_ONCE(*p4d)))
		return 0;
	pud = pud_offset(p4d, address);
	if (pud_none(READ_ONCE(*pud)) || pud_leaf(READ_ONCE(*pud)))
		return pud_val(READ_ONCE(*pud));
	pmd = pmd_offset(pud, address);
	if (pmd_none(READ_ONCE(*pmd)) || pmd_leaf(READ_ONCE(*pmd)))
		return pmd_val(READ_ONCE(*pmd));
	return pte_val(READ_ONCE(*pte_offset_kernel(pmd, address)));
}

/* PTE_WRITE makes a page writable for CPUs that then clear PTE_RDONLY by themselves. */
struct wkc_page_rights wkc_page_rights(const void *address)
{
	u64 entry = entry_of((unsigned long)address);

	if (!(entry & PTE_VALID))
		return (struct wkc_page_rights){};
	return (struct wkc_page_rights){
		.present = true,
		.writable = !(entry & PTE_RDONLY) || entry & PTE_WRITE,
		.executable = !(entry & PTE_PXN),
	};
}
