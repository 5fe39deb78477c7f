/* SPDX-License-Identifier: GPL-2.0-only */
/* Into a program's code, whichever kind it is. */
#ifndef WKC_ENGINE_H
#define WKC_ENGINE_H

#include "wasmkc.h"
#if WKC_NATIVE
#include "stack.h"
#endif

/*
 * Runs the function at @entry of @c's program with @stack bytes of stack; sets the limit in @call. The low half
 * of its result; a trap is in @call.
 */
#if WKC_NATIVE
static __always_inline u32 wkc_execute(const struct wkc_cpu *c, struct wkc_call *call, u64 entry, u32 stack)
{
	if (c->machine) {
		call->stack_limit = stack;
		return wkc_core_interpret(c->machine, call, entry);
	}
	call->stack_limit = wkc_stack_limit(stack);
	return wkc_enter(call, entry);
}
#else
static __always_inline u32 wkc_execute(const struct wkc_cpu *c, struct wkc_call *call, u64 entry, u32 stack)
{
	call->stack_limit = stack;
	return wkc_core_interpret(c->machine, call, entry);
}
#endif

#endif /* WKC_ENGINE_H */
