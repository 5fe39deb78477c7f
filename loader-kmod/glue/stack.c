// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the stacks that interrupts run on, which no kernel tells to a module on every machine: a
 * mapping of IRQ_STACK_SIZE bytes between two pages that are not there. Looked for once a CPU, when
 * its first packet comes on a stack that is not the task's.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/vmalloc.h>
#include <asm/irq.h>
#include "stack.h"
#include "wasmkc_abi.h"

#ifndef CONFIG_VMAP_STACK
#error "the kernel has no guard pages below its stacks (CONFIG_VMAP_STACK): a stack that overflows would not be seen"
#endif

/* The lowest address of each CPU's stack for interrupts, 0 until irq_stack_end() has seen it. */
static DEFINE_PER_CPU(unsigned long, irq_stack);

static bool mapped(unsigned long address)
{
	return is_vmalloc_addr((void *)address) && vmalloc_to_page((void *)address);
}

/* The lowest address of the stack for interrupts, 0 if @sp is not on it. */
static unsigned long irq_stack_end(unsigned long sp)
{
	unsigned long at, top = sp & PAGE_MASK, end = this_cpu_read(irq_stack);

	if (sp - end < IRQ_STACK_SIZE)
		return end;
	for (at = 0; at < IRQ_STACK_SIZE && mapped(top); at += PAGE_SIZE)
		top += PAGE_SIZE;
	end = top - IRQ_STACK_SIZE;
	if (sp - end >= IRQ_STACK_SIZE || mapped(top) || mapped(end - PAGE_SIZE))
		return 0;
	for (at = end; at < sp; at += PAGE_SIZE) {
		if (!mapped(at))
			return 0;
	}
	this_cpu_write(irq_stack, end);
	return end;
}

u64 wkc_stack_limit(unsigned long sp, u32 grant)
{
	unsigned long end = (unsigned long)task_stack_page(current);

	if (sp - end >= THREAD_SIZE) {
		end = irq_stack_end(sp);
		if (!end)
			return U64_MAX;
	}
	return max(sp - grant, end + WKC_STACK_RESERVE);
}
