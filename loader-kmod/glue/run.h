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

#include <linux/bitops.h>
#include <linux/bpf.h>
#include <linux/percpu.h>
#include "engine.h"
#include "wasmkc.h"

/* How it went, for who wants to know: why there was no verdict of the filter's own, 0 if there was one. */
struct wkc_outcome {
	u32 trap;
	u64 site;
	u64 fuel_used;
};

/* run.c */
u32 wkc_run_refused(u32 packet_len, u64 handle, struct wkc_outcome *out);
u32 wkc_run_unusual(struct wkc_cpu *c, u32 verdict, u32 verdicts, struct wkc_outcome *out);

/* Whether @c is now claimed for a packet of @handle; if not, wkc_run_refused() is the answer. */
static __always_inline bool wkc_run_begin(u64 handle, struct wkc_cpu **c)
{
	/* Pairs with wkc_instance_open(); what is found is not freed before this RCU read side ends. */
	*c = this_cpu_read(wkc_here[wkc_handle_slot(handle)]);
	/*
	 * Nested code on this CPU may come at any point, and the end of a reset from another CPU: were the bit set in
	 * two steps, or in one that is not locked, a packet that is refused could write back over that end.
	 */
	return likely(READ_ONCE((*c)->handle) == handle) && likely(!test_and_set_bit_lock(0, &(*c)->busy));
}

/* What is to be judged: @len bytes at @data. */
static __always_inline void wkc_run_packet(struct wkc_cpu *c, void *data, size_t len)
{
	c->call.packet = wkc_address(data);
	c->call.packet_len = len;
	c->call.packet_total_len = len;
}

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

/*
 * Judges the packet that @c was claimed for and told of, at a hook that knows the verdicts below @verdicts.
 * @out may be NULL.
 */
static __always_inline u32 wkc_run(struct wkc_cpu *c, u32 verdicts, struct wkc_outcome *out)
{
	u32 verdict;

	c->call.fuel = c->fuel_limit;
	c->call.flags = 0;
	verdict = wkc_execute_packet(c);
	/* A trap comes back as a number that is no verdict, and whether REDIRECT is one depends. */
	if (unlikely(verdict >= min_t(u32, verdicts, XDP_REDIRECT)))
		return wkc_run_unusual(c, verdict, verdicts, out);
	return wkc_run_end(c, verdict, out);
}

#endif /* WKC_RUN_H */
