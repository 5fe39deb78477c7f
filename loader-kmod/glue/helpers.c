// SPDX-License-Identifier: GPL-2.0-only
/*
 * The helpers that filters import, one C function a row of the table in the abi crate.
 *
 * Called by generated code in softirq or process context, on the filter's stack. Fuel is charged
 * and pointer arguments are checked before the call. A helper returns; it never traps or sleeps.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include "wasmkc.h"

static const struct wkc_instance *instance_of(const struct wkc_call *call)
{
	return wkc_pointer(call->instance);
}

/* For the interpreter, which has the arguments as numbers. */
u64 wkc_plat_helper(struct wkc_call *call, u32 number, const u64 *args)
{
	switch (number) {
	case 1:
		return wkc_helper_ktime_ns(call);
	case 2:
		return wkc_helper_cpu(call);
	case 3:
		return wkc_helper_random32(call);
	case 4:
		return wkc_helper_log(call, wkc_pointer(args[0]), args[1]);
	}
	return 0;
}

__u64 wkc_helper_ktime_ns(struct wkc_call *call)
{
	return ktime_get_ns();
}

/*
 * The instance's CPU. At the hook it is the one that runs; at load it is the one that the
 * instance is being made for, whichever runs the loader; in a call the one that the call began on.
 */
__u32 wkc_helper_cpu(struct wkc_call *call)
{
	return instance_of(call)->cpu;
}

__u32 wkc_helper_random32(struct wkc_call *call)
{
	return get_random_u32();
}

__u32 wkc_helper_log(struct wkc_call *call, const __u8 *a0, __u64 a1)
{
	return wkc_log(wkc_pointer(instance_of(call)->owner), a0, min_t(u64, a1, WKC_MAX_LOG));
}
