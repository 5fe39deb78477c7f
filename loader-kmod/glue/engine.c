// SPDX-License-Identifier: GPL-2.0-only
/* What is seldom done on a packet's way into code, and portable code where native code is expected. */
#include <linux/container_of.h>
#include "engine.h"

/* An entry like those of native code: takes the call block, gives a verdict. */
u32 wkc_interpret_packet(struct wkc_call *call)
{
	const struct wkc_cpu *c = container_of(call, struct wkc_cpu, call);
	u32 verdict;

	call->stack_limit = WKC_STACK_XDP;
	verdict = wkc_core_interpret(c->machine, call, c->filter->entry_xdp);
	return call->trap_code ? WKC_NO_VERDICT : verdict;
}

/* What wkc_enter() is to call for a packet of @f. */
u64 wkc_packet_entry(const struct wkc_filter *f)
{
	return f->image.engine == WKC_ENGINE_PORTABLE ? wkc_address(wkc_interpret_packet) : f->entry_xdp;
}

#if WKC_NATIVE
/* The limit of a packet's stack, where that is not the stack pointer of the packet before. */
void wkc_packet_stack(struct wkc_cpu *c, unsigned long sp)
{
	c->call.stack_limit = wkc_stack_limit(sp, WKC_STACK_XDP);
	c->stack_pointer = sp;
}
#endif
