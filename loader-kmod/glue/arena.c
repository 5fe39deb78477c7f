// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executable and read-only memory for generated code, inside the module.
 *
 * In: sizes and bytes from the core. Out: addresses. The arenas' own mappings are never writable:
 * bytes are stored through a second mapping that lives for the length of one store and is never
 * executable. Free text is breakpoints everywhere, so a stray jump ends in a trap, not in old code.
 *
 * Space is handed out in blocks, first fit; both sides of the accounting round the same way, so
 * the figures return to where they were exactly.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>
#include "wasmkc.h"

#define BLOCK_SHIFT 6
#define ALIAS_PAGES 64

#define TEXT_BLOCKS (WKC_TEXT_ARENA >> BLOCK_SHIFT)
#define RODATA_BLOCKS (WKC_RODATA_ARENA >> BLOCK_SHIFT)

extern u8 wkc_arena_text[], wkc_arena_text_end[];
extern u8 wkc_arena_rodata[], wkc_arena_rodata_end[];

static DEFINE_MUTEX(arena_lock);
static DECLARE_BITMAP(text_map, TEXT_BLOCKS);		/* protected by arena_lock */
static DECLARE_BITMAP(rodata_map, RODATA_BLOCKS);	/* protected by arena_lock */
static struct page *alias_pages[ALIAS_PAGES];		/* protected by arena_lock */

static struct arena {
	u8 *base;
	unsigned long *map;
	unsigned int blocks;
	unsigned int used;	/* blocks; protected by arena_lock */
	u32 filler;
} arenas[] = {
	[WKC_ARENA_TEXT] = { wkc_arena_text, text_map, TEXT_BLOCKS, 0, WKC_TEXT_FILLER },
	[WKC_ARENA_RODATA] = { wkc_arena_rodata, rodata_map, RODATA_BLOCKS, 0, 0 },
};

bool wkc_arena_is_text(u64 address)
{
	return address - (u64)wkc_arena_text < WKC_TEXT_ARENA;
}

static unsigned int blocks_of(size_t size)
{
	return DIV_ROUND_UP(size, 1UL << BLOCK_SHIFT);
}

/* Stores @len bytes of @bytes, or of the arena's filler, in whole blocks, where @bytes is NULL; page by page. */
static int alias_store(const struct arena *a, size_t offset, const u8 *bytes, size_t len)
{
	u8 *to = a->base + offset;

	while (len) {
		size_t in_page = offset_in_page(to);
		size_t n = min_t(size_t, len, ALIAS_PAGES * PAGE_SIZE - in_page);
		unsigned int i, pages = DIV_ROUND_UP(in_page + n, PAGE_SIZE);
		void *alias;

		for (i = 0; i < pages; i++)
			alias_pages[i] = vmalloc_to_page(to - in_page + i * PAGE_SIZE);
		alias = vmap(alias_pages, pages, VM_MAP, PAGE_KERNEL);
		if (!alias)
			return -ENOMEM;
		if (bytes) {
			memcpy(alias + in_page, bytes, n);
			bytes += n;
		} else {
			memset32(alias + in_page, a->filler, n / sizeof(a->filler));
		}
		vunmap(alias);
		to += n;
		len -= n;
		cond_resched();
	}
	return 0;
}

/*
 * Stores and then makes sure that nothing of it lingers: no TLB holds the writable alias, and no
 * CPU has stale instructions of the range.
 */
static int arena_store(const struct arena *a, size_t offset, const u8 *bytes, size_t len)
{
	int ret;

	lockdep_assert_held(&arena_lock);
	ret = alias_store(a, offset, bytes, len);
	vm_unmap_aliases();
	if (a == &arenas[WKC_ARENA_TEXT])
		wkc_text_stored(a->base + offset, len);
	return ret;
}

/* The arena of @kind if [addr, addr + size) lies in it and is not empty. */
static struct arena *arena_of(u32 kind, u64 addr, size_t size, size_t *offset)
{
	struct arena *a;
	size_t bytes;

	if (kind >= ARRAY_SIZE(arenas))
		return NULL;
	a = &arenas[kind];
	bytes = (size_t)a->blocks << BLOCK_SHIFT;
	*offset = addr - (u64)a->base;
	if (!size || *offset >= bytes || size > bytes - *offset)
		return NULL;
	return a;
}

int wkc_plat_arena_alloc(u32 kind, size_t size, u64 *addr)
{
	struct arena *a;
	unsigned long at;
	int ret = 0;

	if (kind == WKC_ARENA_BYTECODE && size)
		return wkc_bytecode_alloc(size, addr);
	if (kind >= ARRAY_SIZE(arenas) || !size)
		return -EINVAL;
	a = &arenas[kind];
	if (size > (size_t)a->blocks << BLOCK_SHIFT)
		return -ENOSPC;
	mutex_lock(&arena_lock);
	at = bitmap_find_next_zero_area(a->map, a->blocks, 0, blocks_of(size), 0);
	if (at < a->blocks) {
		bitmap_set(a->map, at, blocks_of(size));
		a->used += blocks_of(size);
		*addr = (u64)a->base + (at << BLOCK_SHIFT);
	} else {
		ret = -ENOSPC;
	}
	mutex_unlock(&arena_lock);
	return ret;
}

/*
 * The caller has seen to it that nothing runs in the range (program.c, free_filter()). Should the
 * kernel be unable to map even one page, the blocks stay taken: lost space is harmless, old code
 * that can be reached is not.
 */
void wkc_plat_arena_free(u32 kind, u64 addr, size_t size)
{
	size_t offset;
	struct arena *a = arena_of(kind, addr, size, &offset);

	if (kind == WKC_ARENA_BYTECODE) {
		wkc_bytecode_free(addr);
		return;
	}
	if (WARN_ON_ONCE(!a || !IS_ALIGNED(offset, 1UL << BLOCK_SHIFT)))
		return;
	mutex_lock(&arena_lock);
	if (arena_store(a, offset, NULL, (size_t)blocks_of(size) << BLOCK_SHIFT)) {
		pr_err("wasmkc: no memory to clear %zu bytes of the arena, they stay in use\n", size);
	} else {
		bitmap_clear(a->map, offset >> BLOCK_SHIFT, blocks_of(size));
		a->used -= blocks_of(size);
	}
	mutex_unlock(&arena_lock);
}

/* Refuses a range of which any part was not handed out. */
int wkc_plat_arena_write(u32 kind, u64 addr, const u8 *bytes, size_t len)
{
	size_t offset;
	struct arena *a = arena_of(kind, addr, len, &offset);
	unsigned long first, end;
	int ret;

	if (kind == WKC_ARENA_BYTECODE)
		return wkc_bytecode_write(addr, bytes, len);
	if (!a)
		return -EINVAL;
	first = offset >> BLOCK_SHIFT;
	end = blocks_of(offset + len);
	mutex_lock(&arena_lock);
	if (find_next_zero_bit(a->map, end, first) < end)
		ret = -EINVAL;
	else
		ret = arena_store(a, offset, bytes, len);
	mutex_unlock(&arena_lock);
	return ret;
}

void wkc_arena_usage(struct wkc_info *info)
{
	mutex_lock(&arena_lock);
	info->arena_size = WKC_TEXT_ARENA;
	info->arena_used = (u64)arenas[WKC_ARENA_TEXT].used << BLOCK_SHIFT;
	info->rodata_size = WKC_RODATA_ARENA;
	info->rodata_used = (u64)arenas[WKC_ARENA_RODATA].used << BLOCK_SHIFT;
	mutex_unlock(&arena_lock);
}

struct wx_count {
	unsigned int pages, missing, writable, wrong_exec, alias_exec;
};

/* Looks one arena up in the page tables, and the linear map's view of the same pages. */
static void count_pages(const struct arena *a, bool executable, struct wx_count *n)
{
	size_t at, bytes = (size_t)a->blocks << BLOCK_SHIFT;

	for (at = 0; at < bytes; at += PAGE_SIZE) {
		struct wkc_page_rights page = wkc_page_rights(a->base + at);

		n->pages++;
		if (!page.present) {
			n->missing++;
			continue;
		}
		if (page.writable)
			n->writable++;
		if (page.executable != executable)
			n->wrong_exec++;
		if (wkc_page_rights(page_address(vmalloc_to_page(a->base + at))).executable)
			n->alias_exec++;
	}
}

static void count_all(struct wx_count *text, struct wx_count *rodata)
{
	memset(text, 0, sizeof(*text));
	memset(rodata, 0, sizeof(*rodata));
	count_pages(&arenas[WKC_ARENA_TEXT], true, text);
	count_pages(&arenas[WKC_ARENA_RODATA], false, rodata);
}

/* 0 if text is read-only and executable, rodata read-only and not, and no other view executable. */
int wkc_arena_check_wx(void)
{
	struct wx_count t, r;

	count_all(&t, &r);
	if (t.missing || t.writable || t.wrong_exec || t.alias_exec ||
	    r.missing || r.writable || r.wrong_exec || r.alias_exec)
		return -EPERM;
	return 0;
}

/* /sys/module/wasmkc/parameters/arena_check walks the page tables anew at each read. */
static int arena_check_get(char *buffer, const struct kernel_param *kp)
{
	struct wx_count t, r;

	count_all(&t, &r);
	return sysfs_emit(buffer,
			  "%s\ntext %pK pages %u missing %u writable %u not-executable %u alias-executable %u\n"
			  "rodata %pK pages %u missing %u writable %u executable %u alias-executable %u\n",
			  wkc_arena_check_wx() ? "FAIL" : "ok",
			  wkc_arena_text, t.pages, t.missing, t.writable, t.wrong_exec, t.alias_exec,
			  wkc_arena_rodata, r.pages, r.missing, r.writable, r.wrong_exec, r.alias_exec);
}

static const struct kernel_param_ops arena_check_ops = { .get = arena_check_get };
module_param_cb(arena_check, &arena_check_ops, NULL, 0400);
MODULE_PARM_DESC(arena_check, "protection of the arenas' pages, read from the page tables");

int wkc_arena_init(void)
{
	int ret;

	mutex_lock(&arena_lock);
	ret = arena_store(&arenas[WKC_ARENA_TEXT], 0, NULL, WKC_TEXT_ARENA);
	mutex_unlock(&arena_lock);
	if (ret)
		return ret;
	ret = wkc_arena_check_wx();
	if (ret)
		pr_err("wasmkc: the arena's pages are not protected as they must be (see parameter arena_check), refusing to load\n");
	return ret;
}
