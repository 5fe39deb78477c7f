// SPDX-License-Identifier: GPL-2.0-only
/*
 * What native code needs and bytecode does not: no arena is there to be had, and no exception of generated
 * code to be caught.
 */
#include <linux/errno.h>
#include "wasmkc.h"

int wkc_plat_arena_alloc(u32 kind, size_t size, u64 *addr)
{
	return kind == WKC_ARENA_BYTECODE && size ? wkc_bytecode_alloc(size, addr) : -ENOSPC;
}

void wkc_plat_arena_free(u32 kind, u64 addr, size_t size)
{
	if (kind == WKC_ARENA_BYTECODE)
		wkc_bytecode_free(addr);
}

int wkc_plat_arena_write(u32 kind, u64 addr, const u8 *bytes, size_t len)
{
	return kind == WKC_ARENA_BYTECODE ? wkc_bytecode_write(addr, bytes, len) : -EINVAL;
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
