// SPDX-License-Identifier: GPL-2.0-only
/* A module whose loading makes the kernel warn: vm/run must fail for it. */
#include <linux/bug.h>
#include <linux/module.h>

static int __init wkc_warn_init(void)
{
	WARN(1, "wkc_warn: the judge must see this\n");
	return 0;
}

static void __exit wkc_warn_exit(void)
{
}

module_init(wkc_warn_init);
module_exit(wkc_warn_exit);
MODULE_DESCRIPTION("Positive control of vm/run: a kernel warning");
MODULE_LICENSE("GPL");
