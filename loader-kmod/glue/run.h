/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet through one filter, whichever hook it comes from (xdp.c, ingress.c) or who asks (packet.c).
 *
 *	handle -> this CPU's instance -> busy -> generated code -> verdict checked -> counted
 *
 * Bottom halves disabled, inside an RCU read side, but see xdp.c. No lock, no allocation. Whatever goes wrong ends
 * in the filter's trap verdict. The way that most packets take is inline here, the others are in run.c. What does
 * not change from packet to packet is in struct wkc_cpu before the first one comes.
 */
#ifndef WKC_RUN_H
#define WKC_RUN_H

#include <linux/bpf.h>
#include <linux/percpu.h>
#include "engine.h"
#include "wasmkc.h"

/* What a filter is to judge. */
struct wkc_packet {
	void *data;
	size_t len;		/* bytes at data */
	size_t total_len;	/* of the whole packet */
	u32 verdicts;		/* the hook knows those below this */
};

/* How it went, for who wants to know: why there was no verdict of the filter's own, 0 if there was one. */
struct wkc_outcome {
	u32 trap;
	u64 site;
	u64 fuel_used;
};

/* run.c */
u32 wkc_run_refused(u64 handle, struct wkc_outcome *out);
u32 wkc_run_busy(struct wkc_cpu *c, u32 packet_len, struct wkc_outcome *out);
u32 wkc_run_unusual(struct wkc_cpu *c, u32 verdict, u32 verdicts, struct wkc_outcome *out);

/* Ends a run that came to a verdict. */
static __always_inline u32 wkc_run_end(struct wkc_cpu *c, u32 verdict, struct wkc_outcome *out)
{
	u64 fuel_used = c->fuel_limit - c->call.fuel;

	local64_inc(&c->verdicts[verdict]);
	local64_add(fuel_used, &c->fuel);
	if (out)
		*out = (struct wkc_outcome){ .fuel_used = fuel_used };
	smp_store_release(&c->busy, WKC_IDLE);
	return verdict;
}

/* Judges @p by the program of @handle. @out may be NULL. */
static __always_inline u32 wkc_run(u64 handle, const struct wkc_packet *p, struct wkc_outcome *out)
{
	/* Pairs with wkc_instance_open(); what is found is not freed before this RCU read side ends. */
	struct wkc_cpu *c = this_cpu_read(wkc_here[wkc_handle_slot(handle)]);
	struct wkc_call *call = &c->call;
	u32 verdict;

	if (unlikely(READ_ONCE(c->handle) != handle))
		return wkc_run_refused(handle, out);
	/* Other CPUs only ever end a reset; what they wrote before is seen after it. */
	if (unlikely(wkc_claim(&c->busy)))
		return wkc_run_busy(c, p->len, out);
	smp_acquire__after_ctrl_dep();
	call->fuel = c->fuel_limit;
	call->packet = wkc_address(p->data);
	call->packet_len = p->len;
	call->packet_total_len = p->total_len;
	call->flags = 0;
	verdict = wkc_execute_packet(c);
	/* A trap comes back as a number that is no verdict, and whether REDIRECT is one depends. */
	if (unlikely(verdict >= min_t(u32, p->verdicts, XDP_REDIRECT)))
		return wkc_run_unusual(c, verdict, p->verdicts, out);
	return wkc_run_end(c, verdict, out);
}

#endif /* WKC_RUN_H */
