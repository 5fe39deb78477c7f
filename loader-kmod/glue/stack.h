/* SPDX-License-Identifier: GPL-2.0-only */
/* How much of the stack a filter may take. */
#ifndef WKC_STACK_H
#define WKC_STACK_H

#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <asm/irq.h>
#include <asm/processor.h>
#include "wasmkc_abi.h"

/* The lowest address of each CPU's stack for interrupts, 0 until wkc_stack_find() has seen it. */
DECLARE_PER_CPU(unsigned long, wkc_irq_stack);
unsigned long wkc_stack_find(unsigned long sp);

/*
 * The lowest stack pointer that code called from here may have: @grant bytes below, but
 * WKC_STACK_RESERVE above the end of the stack that is in use, for a frame, a trap and the helpers.
 * On any stack but a task's or the interrupts' the answer refuses every frame.
 */
static __always_inline u64 wkc_stack_limit(u32 grant)
{
	unsigned long sp = current_stack_pointer;
	unsigned long end = this_cpu_read(wkc_irq_stack);
	unsigned long task_end = (unsigned long)task_stack_page(current);

	if (unlikely(sp - end >= IRQ_STACK_SIZE)) {
		end = sp - task_end < THREAD_SIZE ? task_end : wkc_stack_find(sp);
		if (!end)
			return U64_MAX;
	}
	return max(sp - grant, end + WKC_STACK_RESERVE);
}

#endif /* WKC_STACK_H */
