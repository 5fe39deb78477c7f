// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walks the kernel's page tables over an address range and over the same pages in the direct map.
 * insmod wxwalk.ko start=0x... length=0x...; then read /sys/module/wxwalk/parameters/{pages,executable,writable,both}.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <linux/pgtable.h>

struct rights {
	bool mapped, writable, executable;
};

#ifdef CONFIG_X86_64
static struct rights rights_of(ulong address)
{
	uint level;
	pte_t *pte = lookup_address(address, &level);

	if (!pte || pte_none(*pte))
		return (struct rights){};
	return (struct rights){
		.mapped = true,
		.writable = pte_flags(*pte) & _PAGE_RW,
		.executable = !(pte_flags(*pte) & _PAGE_NX),
	};
}
#endif

#ifdef CONFIG_ARM64
#include <linux/irqflags.h>
#include <asm/sysreg.h>

/* Whether the CPU lets the kernel read or write there: it is asked to translate the address for that. */
static bool translates(ulong address, bool write)
{
	ulong flags, par;

	local_irq_save(flags);
	if (write)
		asm volatile("at s1e1w, %0" : : "r"(address));
	else
		asm volatile("at s1e1r, %0" : : "r"(address));
	isb();
	par = read_sysreg(par_el1);
	local_irq_restore(flags);
	return !(par & 1);
}

/* It cannot be asked about execution: that is in the last entry of the tables, a page's or a larger block's. */
static bool may_execute(ulong address)
{
	u64 base = read_sysreg(ttbr1_el1);
	pgd_t *pgd = phys_to_virt((base & GENMASK_ULL(47, 6)) | (base & GENMASK_ULL(5, 2)) << 46);
	pud_t *pud = pud_offset(p4d_offset(pgd_offset_pgd(pgd, address), address), address);
	pmd_t *pmd;

	if (pud_leaf(*pud))
		return !(pud_val(*pud) & PTE_PXN);
	pmd = pmd_offset(pud, address);
	if (pmd_leaf(*pmd))
		return !(pmd_val(*pmd) & PTE_PXN);
	return !(pte_val(*pte_offset_kernel(pmd, address)) & PTE_PXN);
}

static struct rights rights_of(ulong address)
{
	if (!translates(address, false))
		return (struct rights){};
	return (struct rights){
		.mapped = true,
		.writable = translates(address, true),
		.executable = may_execute(address),
	};
}
#endif

static ulong start, length;
module_param(start, ulong, 0444);
module_param(length, ulong, 0444);

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

	for (at = start & PAGE_MASK; at < start + length; at += PAGE_SIZE) {
		struct rights r = rights_of(at);
		struct page *page;

		if (!r.mapped)
			continue;
		pages++;
		writable += r.writable;
		executable += r.executable;
		both += r.writable && r.executable;
		page = vmalloc_to_page((void *)at);
		if (page)
			alias_executable += rights_of((ulong)page_address(page)).executable;
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
