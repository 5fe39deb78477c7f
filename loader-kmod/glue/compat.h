/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernels that this builds for, 6.1 and 6.12, have under different names: each difference
 * once, under a name of our own. Nothing else in the glue asks for a version.
 */
#ifndef WKC_COMPAT_H
#define WKC_COMPAT_H

#include <linux/version.h>

#ifdef __ASSEMBLY__

#ifdef CONFIG_X86_64
#include <asm/orc_types.h>
#include <linux/linkage.h>

/* How functions are aligned, with the place before them that counting calls needs: since 6.2. */
#ifndef SYM_F_ALIGN
#define SYM_F_ALIGN SYM_A_ALIGN
#endif

/* struct orc_entry for code with rbp frames, and for where the unwinder is to stop. 6.4 moved the bits. */
.macro WKC_ORC_FRAME
	.short 16, -16
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	.short ORC_REG_BP | ORC_REG_PREV_SP << 4 | ORC_TYPE_CALL << 8
#else
	.short ORC_REG_BP | ORC_REG_PREV_SP << 4
#endif
.endm

.macro WKC_ORC_END
	.short 0, 0
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	.short ORC_TYPE_UNDEFINED << 8
#else
	.short ORC_REG_UNDEFINED | 1 << 10
#endif
.endm
#endif /* CONFIG_X86_64 */

#else /* !__ASSEMBLY__ */

#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/pgtable.h>

/* 32-bit Arm has none of its own, and the one that linux/pgtable.h has for it is writable. */
#ifdef CONFIG_ARM
#define WKC_PAGE_RO __pgprot(pgprot_val(PAGE_KERNEL) | L_PTE_RDONLY)
#else
#define WKC_PAGE_RO PAGE_KERNEL_RO
#endif

/*
 * Where BPF programs may call functions of modules: types of the kernel to check such a call by, and a compiler
 * to make it. Debian's kernels for 32-bit Arm lack the former, those for s390x the latter.
 */
#if defined(CONFIG_BPF_JIT) && defined(CONFIG_DEBUG_INFO_BTF_MODULES)
#define WKC_HAVE_KFUNCS
#endif

/* Around functions that BPF programs call, and around the set of their BTF ids. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define WKC_KFUNC_DEFS_START __bpf_kfunc_start_defs()
#define WKC_KFUNC_DEFS_END __bpf_kfunc_end_defs()
#define WKC_KFUNC_SET_START(name) BTF_KFUNCS_START(name)
#define WKC_KFUNC_SET_END(name) BTF_KFUNCS_END(name)
#else
#ifndef __bpf_kfunc
#define __bpf_kfunc __used noinline
#endif
#define WKC_KFUNC_DEFS_START \
	__diag_push(); \
	__diag_ignore_all("-Wmissing-prototypes", "kfuncs are called by BPF programs only")
#define WKC_KFUNC_DEFS_END __diag_pop()
#define WKC_KFUNC_SET_START(name) BTF_SET8_START(name)
#define WKC_KFUNC_SET_END(name) BTF_SET8_END(name)
#endif

#endif /* __ASSEMBLY__ */

#endif /* WKC_COMPAT_H */
