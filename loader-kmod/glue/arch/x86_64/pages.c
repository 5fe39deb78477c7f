// SPDX-License-Identifier: GPL-2.0-only
/* Instructions that were stored, and what a page's mapping allows. */
#include <linux/mm.h>
#include <linux/smp.h>
#include <asm/pgtable.h>
#include <asm/sync_core.h>
#include "wasmkc.h"

static void sync_core_here(void *unused)
{
	sync_core();
}

/* No CPU has stale instructions of the range in its pipeline after this; the caches keep themselves coherent. */
void wkc_text_stored(const void *at, size_t len)
{
	on_each_cpu(sync_core_here, NULL, 1);
}

struct wkc_page_rights wkc_page_rights(const void *address)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)address, &level);

	if (!pte || !(pte_flags(*pte) & _PAGE_PRESENT))
		return (struct wkc_page_rights){};
	return (struct wkc_page_rights){
		.present = true,
		.writable = pte_flags(*pte) & _PAGE_RW,
		.executable = !(pte_flags(*pte) & _PAGE_NX),
	};
}
