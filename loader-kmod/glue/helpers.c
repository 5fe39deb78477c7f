// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helpers that filters import, one C function a row of the table in the abi crate.
 *
 * Called by generated code in softirq or process context, on the filter's stack. Fuel is charged
 * and pointer arguments are checked before the call. A helper returns; it never traps or sleeps.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/ratelimit.h>
#include "wasmkc.h"

/* Shared by all filters, so that many of them cannot flood the log together either. */
static struct ratelimit_state log_limit =
	RATELIMIT_STATE_INIT_FLAGS(log_limit, 5 * HZ, 20, RATELIMIT_MSG_ON_RELEASE);

__u64 wkc_helper_ktime_ns(struct wkc_call *call)
{
	return ktime_get_ns();
}

/*
 * The instance's CPU. At the hook it is the one that runs; at load it is the one that the
 * instance is being made for, whichever runs the loader.
 */
__u32 wkc_helper_cpu(struct wkc_call *call)
{
	const struct wkc_instance *i = (const struct wkc_instance *)call->instance;

	return i->cpu;
}

__u32 wkc_helper_random32(struct wkc_call *call)
{
	return get_random_u32();
}

/* The text is the author's: whatever is not printable is escaped, and the line says whose it is. */
__u32 wkc_helper_log(struct wkc_call *call, const __u8 *a0, __u64 a1)
{
	const struct wkc_instance *i = (const struct wkc_instance *)call->instance;
	const struct wkc_filter *f = (const struct wkc_filter *)i->owner;
	int len = min_t(u64, a1, WKC_MAX_LOG);

	if (!__ratelimit(&log_limit))
		return 0;
	pr_info("wasmkc %s: %*pE\n", f->name, len, a0);
	return len;
}
