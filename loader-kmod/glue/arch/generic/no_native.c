// SPDX-License-Identifier: GPL-2.0-only
/*
 * What native code needs and bytecode does not: no arena is there to be had, and no exception of generated
 * code to be caught.
 */
#include <linux/errno.h>
#include "wasmkc.h"

int wkc_plat_arena_alloc(u32 kind, size_t size, u64 *addr)
{
	return -ENOSPC;
}

void wkc_plat_arena_free(u32 kind, u64 addr, size_t size)
{
}

int wkc_plat_arena_write(u32 kind, u64 addr, const u8 *bytes, size_t len)
{
	return -EINVAL;
}

int wkc_arena_init(void)
{
	return 0;
}

void wkc_arena_usage(struct wkc_info *info)
{
}

int wkc_die_unowned(void)
{
	return 0;
}

int wkc_die_init(void)
{
	return 0;
}

void wkc_die_uninit(void)
{
}

/* Nothing is loaded that could run. */
u64 wkc_enter(struct wkc_call *call, u64 fn)
{
	call->trap_code = WKC_TRAP_NO_INSTANCE;
	return 0;
}
