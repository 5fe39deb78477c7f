// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core asks of a platform beyond arena and signature: memory, hash, symbols, a last word.
 * And the budget that everything loaded is charged to.
 */
#include <linux/bug.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <crypto/sha2.h>
#include "wasmkc.h"

static unsigned long budget = 256UL << 20;
module_param(budget, ulong, 0644);
MODULE_PARM_DESC(budget, "bytes that instances and images may take in all");

static atomic_long_t memory_used = ATOMIC_LONG_INIT(0);

/* A power of two is aligned to its size by both allocators; that serves every alignment up to a page. */
void *wkc_plat_alloc(size_t size, size_t align)
{
	if (align > PAGE_SIZE || size > INT_MAX)
		return NULL;
	if (align > ARCH_KMALLOC_MINALIGN)
		size = roundup_pow_of_two(max(size, align));
	return kvmalloc(size, GFP_KERNEL | __GFP_NOWARN);
}

void wkc_plat_free(void *p)
{
	kvfree(p);
}

void wkc_plat_sha256(const u8 *data, size_t len, u8 out[32])
{
	sha256(data, len, out);
}

/* Where native code may call to; 0 for what this loader does not have. */
u64 wkc_plat_symbol(u32 index)
{
#if WKC_NATIVE
	switch (index) {
	case WKC_SYMBOL_RET:
		return WKC_RET;
	case WKC_SYMBOL_TRAP:
		return (u64)wkc_trap;
	case WKC_SYMBOL_MEMMOVE:
		return (u64)wkc_memmove;
	case WKC_SYMBOL_MEMSET:
		return (u64)wkc_memset;
	case WKC_SYMBOL_HELPER + 1:
		return (u64)wkc_helper_ktime_ns;
	case WKC_SYMBOL_HELPER + 2:
		return (u64)wkc_helper_cpu;
	case WKC_SYMBOL_HELPER + 3:
		return (u64)wkc_helper_random32;
	case WKC_SYMBOL_HELPER + 4:
		return (u64)wkc_helper_log;
	}
#endif
	return 0;
}

/* The core has no panicking path left in its linked object; this is what would be said if it had. */
void __noreturn wkc_plat_panic(const u8 *msg, size_t len, u32 line)
{
	pr_emerg("wasmkc: bug in the loader's core at %.*s:%u\n", (int)len, (const char *)msg, line);
	BUG();
}

int wkc_memory_charge(size_t bytes, char *msg)
{
	unsigned long limit = READ_ONCE(budget);
	unsigned long used = atomic_long_add_return(bytes, &memory_used);

	if (used <= limit)
		return 0;
	atomic_long_sub(bytes, &memory_used);
	snprintf(msg, WKC_MSG_LEN,
		 "memory budget: %zu more bytes do not fit, %lu of %lu are in use; unload a program or raise /sys/module/wasmkc/parameters/budget",
		 bytes, used - bytes, limit);
	return -ENOMEM;
}

void wkc_memory_uncharge(size_t bytes)
{
	atomic_long_sub(bytes, &memory_used);
}

void wkc_memory_usage(struct wkc_info *info)
{
	info->memory_used = atomic_long_read(&memory_used);
	info->memory_budget = READ_ONCE(budget);
}
