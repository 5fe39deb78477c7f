// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the stacks that interrupts run on, which no kernel tells to a module on every machine: a
 * mapping of IRQ_STACK_SIZE bytes between two pages that are not there. Looked for once a CPU, when
 * its first packet comes on a stack that is not the task's.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include "stack.h"

#ifndef CONFIG_VMAP_STACK
#error "the kernel has no guard pages below its stacks (CONFIG_VMAP_STACK): a stack that overflows would not be seen"
#endif

DEFINE_PER_CPU(unsigned long, wkc_irq_stack);

static bool mapped(unsigned long address)
{
	return is_vmalloc_addr((void *)address) && vmalloc_to_page((void *)address);
}

/* Softirq, or anywhere else where the CPU stays the same. 0 if @sp is not on such a stack. */
unsigned long wkc_stack_find(unsigned long sp)
{
	unsigned long at, top = sp & PAGE_MASK, end;

	for (at = 0; at < IRQ_STACK_SIZE && mapped(top); at += PAGE_SIZE)
		top += PAGE_SIZE;
	end = top - IRQ_STACK_SIZE;
	if (sp - end >= IRQ_STACK_SIZE || mapped(top) || mapped(end - PAGE_SIZE))
		return 0;
	for (at = end; at < sp; at += PAGE_SIZE) {
		if (!mapped(at))
			return 0;
	}
	this_cpu_write(wkc_irq_stack, end);
	return end;
}
