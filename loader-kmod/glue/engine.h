/* SPDX-License-Identifier: GPL-2.0-only */
/* Into a program's code, whichever kind it is. */
#ifndef WKC_ENGINE_H
#define WKC_ENGINE_H

#include "wasmkc.h"
#if WKC_NATIVE
#include "stack.h"
#endif

/*
 * Runs the function at @entry of @c's program with @stack bytes of stack; sets the limit in @call. A trap is in
 * @call. Not for packets.
 */
static inline void wkc_execute(const struct wkc_cpu *c, struct wkc_call *call, u64 entry, u32 stack)
{
	call->stack_limit = stack;
#if WKC_NATIVE
	if (!c->machine) {
		call->stack_limit = wkc_stack_limit(current_stack_pointer, stack);
		wkc_enter(call, entry);
		return;
	}
#endif
	wkc_core_interpret(c->machine, call, entry);
}

/*
 * Runs `xdp` of @c's program on the packet in its call block. The verdict, or a number that is none where code
 * trapped. Native code is entered directly; portable code by wkc_interpret_packet(), which is entered as if it
 * were native: so no packet asks which it is.
 */
static __always_inline u32 wkc_execute_packet(struct wkc_cpu *c)
{
#if WKC_NATIVE
	/*
	 * The limit of the last packet is this one's, too, if the stack pointer is the same: one address is never on
	 * two stacks with different ends, for those of interrupts stay where they are, and those of tasks are
	 * aligned to their size.
	 */
	if (unlikely(c->stack_pointer != current_stack_pointer))
		wkc_packet_stack(c, current_stack_pointer);
	return wkc_enter(&c->call, c->entry);
#else
	return wkc_interpret_packet(&c->call);
#endif
}

#endif /* WKC_ENGINE_H */
