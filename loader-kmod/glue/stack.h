/* SPDX-License-Identifier: GPL-2.0-only */
/* How much of the stack a filter may take. */
#ifndef WKC_STACK_H
#define WKC_STACK_H

#include <linux/percpu.h>
#include <linux/thread_info.h>
#include <asm/processor.h>
#include "wasmkc_abi.h"

/*
 * The lowest stack pointer that code called from where the stack pointer is @sp may have: @grant bytes below, but
 * WKC_STACK_RESERVE above the end of the stack that is in use, for a frame, a trap and the helpers.
 * On any stack but a task's or the interrupts' the answer refuses every frame.
 */
u64 wkc_stack_limit(unsigned long sp, u32 grant);

/* What a packet needs below the stack pointer, so that it gets all of WKC_STACK_XDP. */
#define WKC_STACK_ROOM (WKC_STACK_XDP + WKC_STACK_RESERVE)

/*
 * The lowest address that has this much room, on the stack that this CPU's last packets came on; 0 before the first.
 * It is true of whatever stack the CPU is on now, if that contains the address: the interrupts' stack is never
 * unmapped, and a task's may become another task's, but at the same addresses, as both are aligned to their size.
 */
DECLARE_PER_CPU(unsigned long, wkc_stack_roomy);

static __always_inline u64 wkc_stack_limit_xdp(void)
{
	unsigned long sp = current_stack_pointer;

	if (unlikely(sp - this_cpu_read(wkc_stack_roomy) >= THREAD_SIZE - WKC_STACK_ROOM))
		return wkc_stack_limit(sp, WKC_STACK_XDP);
	return sp - WKC_STACK_XDP;
}

#endif /* WKC_STACK_H */
