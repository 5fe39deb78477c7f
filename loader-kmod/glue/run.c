// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways of a packet that no filter judges, or that ends in a trap. run.h has the common way, and says in
 * which context all this runs.
 */
#include "run.h"

/* A packet on a CPU that has no instance. */
u32 wkc_run_without_instance(struct wkc_filter *f)
{
	atomic64_inc(&f->no_cpu_traps[WKC_TRAP_NO_INSTANCE]);
	return f->trap_verdict;
}

/* A packet of a filter that is disabled or being reset: counted, but not kept among the last traps. */
u32 wkc_run_disabled(struct wkc_filter *f, struct wkc_cpu *c)
{
	local64_inc(&c->traps[WKC_TRAP_DISABLED]);
	local64_inc(&c->verdicts[f->trap_verdict]);
	return f->trap_verdict;
}

/* A packet that found somebody in the instance. Nothing of the instance is written. */
u32 wkc_run_nested(struct wkc_filter *f, struct wkc_cpu *c, u32 packet_len)
{
	wkc_trap_note(c, WKC_TRAP_NESTED_ENTRY, 0, packet_len);
	local64_inc(&c->verdicts[f->trap_verdict]);
	return f->trap_verdict;
}

/* Ends a run that trapped. Returns the value that busy is to have. */
static u32 after_trap(struct wkc_filter *f, struct wkc_cpu *c)
{
	int count = atomic_inc_return(&f->trap_count);

	switch (f->after_trap) {
	case WKC_AFTER_TRAP_RESET:
		return WKC_RESETTING;
	case WKC_AFTER_TRAP_DISABLE:
		if (count < 0 || count >= f->trap_limit)
			WRITE_ONCE(f->disabled, 1);
		break;
	}
	return WKC_IDLE;
}

u32 wkc_run_trapped(struct wkc_filter *f, struct wkc_cpu *c, const struct wkc_call *call, u32 code)
{
	u32 busy;

	wkc_trap_note(c, code, call->trap_code ? call->trap_site : 0, call->packet_len);
	local64_inc(&c->verdicts[f->trap_verdict]);
	local64_add(f->fuel - wkc_fuel_left(call), &c->fuel);
	wkc_instance_give_back_shadow_stack(c);
	busy = after_trap(f, c);
	smp_store_release(&c->busy, busy);
	if (busy == WKC_RESETTING)
		wkc_instance_reset_later(c);
	return f->trap_verdict;
}
