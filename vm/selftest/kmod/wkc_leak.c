// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that loses memory for good: `pages` of vmalloc and `blocks` of kmalloc, 1 KiB each.
 * vm/run --leak-check must fail for either.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static unsigned int pages;
module_param(pages, uint, 0);
MODULE_PARM_DESC(pages, "pages of vmalloc to lose");
static unsigned int blocks;
module_param(blocks, uint, 0);
MODULE_PARM_DESC(blocks, "KiB of kmalloc to lose");

static int __init wkc_leak_init(void)
{
	unsigned int i;

	if (pages && !vmalloc(pages * PAGE_SIZE))
		return -ENOMEM;
	for (i = 0; i < blocks; i++)
		if (!kmalloc(1024, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static void __exit wkc_leak_exit(void)
{
}

module_init(wkc_leak_init);
module_exit(wkc_leak_exit);
MODULE_DESCRIPTION("Positive control of vm/run: a leak");
MODULE_LICENSE("GPL");
