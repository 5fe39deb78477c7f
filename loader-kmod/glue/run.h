/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet through one filter, whichever hook it comes from (xdp.c, ingress.c) or who asks (packet.c).
 *
 *	this CPU's instance -> busy -> generated code -> verdict checked -> counted
 *
 * Bottom halves disabled, inside an RCU read side. No lock, no allocation. Whatever goes wrong ends in the
 * filter's trap verdict. The way that most packets take is inline here, the others are in run.c.
 */
#ifndef WKC_RUN_H
#define WKC_RUN_H

#include <linux/bpf.h>
#include <linux/smp.h>
#include "engine.h"
#include "wasmkc.h"

/* What a filter is to judge. */
struct wkc_packet {
	void *data;
	size_t len;		/* bytes at data */
	size_t total_len;	/* of the whole packet */
	void *context;		/* the hook's own */
	u32 verdicts;		/* the hook knows those below this */
};

/* run.c */
u32 wkc_run_without_instance(struct wkc_filter *f);
u32 wkc_run_disabled(struct wkc_filter *f, struct wkc_cpu *c);
u32 wkc_run_nested(struct wkc_filter *f, struct wkc_cpu *c, u32 packet_len);
u32 wkc_run_trapped(struct wkc_filter *f, struct wkc_cpu *c, const struct wkc_call *call, u32 code);

/* Trap code of a run that came back with @verdict, 0 if it is a fine one. */
static __always_inline u32 wkc_run_judge(const struct wkc_call *call, const struct wkc_packet *p, u32 verdict)
{
	if (unlikely(call->trap_code))
		return call->trap_code;
	if (unlikely(verdict >= p->verdicts))
		return WKC_TRAP_BAD_VERDICT;
	if (unlikely(verdict == XDP_REDIRECT && !(call->flags & WKC_CALL_REDIRECTED)))
		return WKC_TRAP_REDIRECT_WITHOUT_TARGET;
	return 0;
}

/* Every field but three: wkc_execute writes stack_limit, wkc_enter saved_sp, a trap trap_site. */
static __always_inline void wkc_run_fill(struct wkc_call *call, const struct wkc_filter *f,
					 const struct wkc_instance *i, const struct wkc_packet *p)
{
	call->instance = wkc_address(i);
	call->fuel = f->fuel;
	call->packet = wkc_address(p->data);
	call->packet_len = p->len;
	call->packet_total_len = p->total_len;
	call->hook_context = wkc_address(p->context);
	call->trap_code = 0;
	call->flags = 0;
}

/*
 * Judges @p by @f. @trap is why there was no verdict of the filter's own, 0 if there was one; @call is what
 * the run left behind, and has been written only where code ran: *trap is 0 or below WKC_TRAP_NESTED_ENTRY.
 */
static __always_inline u32 wkc_run(struct wkc_filter *f, const struct wkc_packet *p, struct wkc_call *call, u32 *trap)
{
	/* Pairs with wkc_instance_create(); what is published is never taken away before f is. */
	struct wkc_cpu *c = smp_load_acquire(&f->cpus[smp_processor_id()]);
	u32 verdict, code, busy;

	if (unlikely(!c)) {
		*trap = WKC_TRAP_NO_INSTANCE;
		return wkc_run_without_instance(f);
	}
	if (unlikely(READ_ONCE(f->disabled))) {
		*trap = WKC_TRAP_DISABLED;
		return wkc_run_disabled(f, c);
	}
	/*
	 * As one, for nested code on this CPU may come at any point. Other CPUs only ever end a reset;
	 * what they wrote before is seen after it.
	 */
	busy = cmpxchg_local(&c->busy, WKC_IDLE, WKC_RUNNING);
	if (unlikely(busy)) {
		*trap = busy == WKC_RESETTING ? WKC_TRAP_DISABLED : WKC_TRAP_NESTED_ENTRY;
		return busy == WKC_RESETTING ? wkc_run_disabled(f, c) : wkc_run_nested(f, c, p->len);
	}
	smp_acquire__after_ctrl_dep();
	wkc_run_fill(call, f, c->instance, p);
	verdict = wkc_execute(c, call, f->entry_xdp, WKC_STACK_XDP);
	code = wkc_run_judge(call, p, verdict);
	*trap = code;
	if (unlikely(code))
		return wkc_run_trapped(f, c, call, code);
	local64_inc(&c->verdicts[verdict]);
	local64_add(f->fuel - call->fuel, &c->fuel);
	smp_store_release(&c->busy, WKC_IDLE);
	return verdict;
}

#endif /* WKC_RUN_H */
