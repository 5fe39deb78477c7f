// SPDX-License-Identifier: GPL-2.0-only
/*
 * The XDP hook: the kfunc that stub programs call, and all that happens to one packet.
 *
 *	handle -> filter -> this CPU's instance -> busy -> generated code -> verdict checked -> counted
 *
 * Softirq, bottom halves disabled, inside an RCU read side (net/core/dev.c and BPF_PROG_TEST_RUN
 * see to both). No lock, no allocation. Whatever goes wrong ends in the filter's trap verdict; a handle
 * of no program, or of one without `xdp`, in XDP_ABORTED.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <net/xdp.h>
#include "compat.h"
#include "engine.h"
#include "wasmkc.h"

/* A packet on a CPU that has no instance. */
static noinline u32 without_instance(struct wkc_filter *f)
{
	atomic64_inc(&f->no_cpu_traps[WKC_TRAP_NO_INSTANCE]);
	return f->trap_verdict;
}

/* A packet of a filter that is disabled or being reset: counted, but not kept among the last traps. */
static noinline u32 disabled(struct wkc_filter *f, struct wkc_cpu *c)
{
	local64_inc(&c->traps[WKC_TRAP_DISABLED]);
	local64_inc(&c->verdicts[f->trap_verdict]);
	return f->trap_verdict;
}

/* A packet that found somebody in the instance. Nothing of the instance is written. */
static noinline u32 nested(struct wkc_filter *f, struct wkc_cpu *c, u32 packet_len)
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

static noinline u32 trapped(struct wkc_filter *f, struct wkc_cpu *c, const struct wkc_call *call,
			    u32 code)
{
	u32 busy;

	wkc_trap_note(c, code, call->trap_code ? call->trap_site : 0, call->packet_len);
	local64_inc(&c->verdicts[f->trap_verdict]);
	/* What was left is below zero after the trap for lack of fuel. */
	local64_add(f->fuel - max(call->fuel, 0LL), &c->fuel);
	wkc_instance_give_back_shadow_stack(c);
	busy = after_trap(f, c);
	smp_store_release(&c->busy, busy);
	if (busy == WKC_RESETTING)
		wkc_instance_reset_later(c);
	return f->trap_verdict;
}

/* Trap code of a run that came back with @verdict, 0 if it is a fine one. */
static __always_inline u32 judge(const struct wkc_call *call, u32 verdict)
{
	if (unlikely(call->trap_code))
		return call->trap_code;
	if (unlikely(verdict >= WKC_VERDICTS))
		return WKC_TRAP_BAD_VERDICT;
	if (unlikely(verdict == XDP_REDIRECT && !(call->flags & WKC_CALL_REDIRECTED)))
		return WKC_TRAP_REDIRECT_WITHOUT_TARGET;
	return 0;
}

/* Every field but three: wkc_execute writes stack_limit, wkc_enter saved_sp, a trap trap_site. */
static __always_inline void fill(struct wkc_call *call, const struct wkc_filter *f,
				 const struct wkc_instance *i, struct xdp_buff *xdp)
{
	call->instance = (u64)i;
	call->fuel = f->fuel;
	call->packet = (u64)xdp->data;
	call->packet_len = xdp->data_end - xdp->data;
	call->packet_total_len = call->packet_len;
	if (unlikely(xdp_buff_has_frags(xdp)))
		call->packet_total_len = xdp_get_buff_len(xdp);
	call->hook_context = (u64)xdp;
	call->trap_code = 0;
	call->flags = 0;
}

static __always_inline u32 run(struct wkc_filter *f, struct wkc_cpu *c, struct xdp_buff *xdp)
{
	struct wkc_call call __uninitialized;
	u32 verdict, code, busy;

	/*
	 * As one, for nested code on this CPU may come at any point. Other CPUs only ever end a reset;
	 * what they wrote before is seen after it.
	 */
	busy = cmpxchg_local(&c->busy, WKC_IDLE, WKC_RUNNING);
	if (unlikely(busy))
		return busy == WKC_RESETTING ? disabled(f, c) : nested(f, c, xdp->data_end - xdp->data);
	smp_acquire__after_ctrl_dep();
	fill(&call, f, c->instance, xdp);
	verdict = wkc_execute(c, &call, f->entry_xdp, WKC_STACK_XDP);
	code = judge(&call, verdict);
	if (unlikely(code))
		return trapped(f, c, &call, code);
	local64_inc(&c->verdicts[verdict]);
	local64_add(f->fuel - call.fuel, &c->fuel);
	smp_store_release(&c->busy, WKC_IDLE);
	return verdict;
}

WKC_KFUNC_DEFS_START;

__bpf_kfunc u32 wasmkc_xdp_run(struct xdp_md *ctx, u64 handle)
{
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct wkc_filter *f = rcu_dereference_check(wkc_slots[wkc_handle_slot(handle)],
						     rcu_read_lock_bh_held());
	struct wkc_cpu *c;

	/* A handle can be guessed, so that a program without `xdp` can be asked for by whoever may load BPF. */
	if (unlikely(!f || f->handle != handle || !f->entry_xdp))
		return XDP_ABORTED;
	/* Pairs with wkc_instance_create(); what is published is never taken away before f is. */
	c = smp_load_acquire(&f->cpus[smp_processor_id()]);
	if (unlikely(!c))
		return without_instance(f);
	if (unlikely(READ_ONCE(f->disabled)))
		return disabled(f, c);
	return run(f, c, xdp);
}

WKC_KFUNC_DEFS_END;

WKC_KFUNC_SET_START(wkc_xdp_kfuncs)
BTF_ID_FLAGS(func, wasmkc_xdp_run)
WKC_KFUNC_SET_END(wkc_xdp_kfuncs)

static const struct btf_kfunc_id_set wkc_xdp_set = {
	.owner = THIS_MODULE,
	.set = &wkc_xdp_kfuncs,
};

u32 wkc_xdp_kfunc_id(void)
{
	return wkc_xdp_kfuncs.pairs[0].id;
}

/*
 * The kernel takes a module without BTF for granted: it warns and calls the registration a
 * success. Nothing could be attached then, so this fails and says why.
 */
int wkc_xdp_init(void)
{
	int ret;

	if (!THIS_MODULE->btf_data_size || !wkc_xdp_kfunc_id()) {
		pr_err("wasmkc: the module has no BTF, so no program could be attached; build it with pahole (package dwarves) and the kernel's own vmlinux BTF\n");
		return -ENODATA;
	}
	ret = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &wkc_xdp_set);
	if (ret)
		pr_err("wasmkc: the kernel refuses to register the XDP kfunc (error %d)\n", ret);
	return ret;
}
