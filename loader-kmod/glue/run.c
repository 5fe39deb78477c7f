// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways of a packet that no filter judges, or that ends in a trap. run.h has the common way, and says in
 * which context all this runs.
 */
#include "run.h"

static u32 not_run(const struct wkc_filter *f, u32 trap, struct wkc_outcome *out)
{
	if (out)
		*out = (struct wkc_outcome){ .trap = trap };
	return f->trap_verdict;
}

/* A packet of a filter that is disabled or being reset: counted, but not kept among the last traps. */
static u32 disabled(struct wkc_cpu *c, struct wkc_outcome *out)
{
	local64_inc(&c->traps[WKC_TRAP_DISABLED]);
	local64_inc(&c->verdicts[c->filter->trap_verdict]);
	return not_run(c->filter, WKC_TRAP_DISABLED, out);
}

/* A packet that found somebody in the instance. Nothing of the instance is written. */
static u32 nested(struct wkc_cpu *c, u32 packet_len, struct wkc_outcome *out)
{
	wkc_trap_note(c, WKC_TRAP_NESTED_ENTRY, 0, packet_len);
	local64_inc(&c->verdicts[c->filter->trap_verdict]);
	return not_run(c->filter, WKC_TRAP_NESTED_ENTRY, out);
}

/*
 * A packet that got no instance. A handle can be guessed, so that any number may be asked for by whoever may load
 * BPF, and that of a program without `xdp`, too.
 */
u32 wkc_run_refused(u32 packet_len, u64 handle, struct wkc_outcome *out)
{
	struct wkc_filter *f = rcu_dereference_check(wkc_slots[wkc_handle_slot(handle)], rcu_read_lock_bh_held());
	struct wkc_cpu *c;

	if (!f || f->handle != handle || !f->entry_xdp) {
		/* Nobody's verdict: whoever asks for more is told that there is no program any more. */
		if (out)
			*out = (struct wkc_outcome){ .trap = WKC_TRAP_DISABLED };
		return XDP_ABORTED;
	}
	/* Pairs with wkc_instance_create(). */
	c = smp_load_acquire(&f->cpus[smp_processor_id()]);
	/*
	 * Who found somebody in the instance is nested in that one's packet and finds it there still, but where test
	 * runs can preempt each other: it may have ended then, and the packet counts as one that came during a reset.
	 */
	if (c && READ_ONCE(c->busy) == WKC_RUNNING)
		return nested(c, packet_len, out);
	/* A reset may have ended since. */
	if (c && (READ_ONCE(f->disabled) || READ_ONCE(c->handle) == handle))
		return disabled(c, out);
	/* The CPU has none, or is just getting its first. */
	atomic64_inc(&f->no_cpu_traps[WKC_TRAP_NO_INSTANCE]);
	return not_run(f, WKC_TRAP_NO_INSTANCE, out);
}

/* Trap code of a run that came back with @verdict, 0 if it is a fine one. */
static u32 judge(const struct wkc_call *call, u32 verdict, u32 verdicts)
{
	if (call->trap_code)
		return call->trap_code;
	if (verdict >= verdicts)
		return WKC_TRAP_BAD_VERDICT;
	if (verdict == XDP_REDIRECT && !(call->flags & WKC_CALL_REDIRECTED))
		return WKC_TRAP_REDIRECT_WITHOUT_TARGET;
	return 0;
}

/* Ends a run that trapped. Returns the value that busy is to have. */
static unsigned long after_trap(struct wkc_filter *f)
{
	int count = atomic_inc_return(&f->trap_count);

	switch (f->after_trap) {
	case WKC_AFTER_TRAP_RESET:
		return WKC_RESETTING;
	case WKC_AFTER_TRAP_DISABLE:
		if (count < 0 || count >= f->trap_limit)
			wkc_program_disable(f);
		break;
	}
	return WKC_IDLE;
}

static u32 trapped(struct wkc_cpu *c, u32 code, struct wkc_outcome *out)
{
	struct wkc_filter *f = c->filter;
	struct wkc_call *call = &c->call;
	u64 site = call->trap_code ? call->trap_site : 0, fuel_used = f->fuel - wkc_fuel_left(call);
	unsigned long busy;

	if (out)
		*out = (struct wkc_outcome){ .trap = code, .site = site, .fuel_used = fuel_used };
	/* The next packet finds none, and does not look whether it has to clear one. */
	call->trap_code = 0;
	wkc_trap_note(c, code, site, call->packet_len);
	local64_inc(&c->verdicts[f->trap_verdict]);
	local64_add(fuel_used, &c->fuel);
	wkc_instance_give_back_shadow_stack(c);
	busy = after_trap(f);
	smp_store_release(&c->busy, busy);
	if (busy == WKC_RESETTING)
		wkc_instance_reset_later(c);
	return f->trap_verdict;
}

/* A run that trapped, or gave a verdict that is not always one. */
u32 wkc_run_unusual(struct wkc_cpu *c, u32 verdict, u32 verdicts, struct wkc_outcome *out)
{
	u32 code = judge(&c->call, verdict, verdicts);

	return code ? trapped(c, code, out) : wkc_run_end(c, verdict, out);
}
