/* SPDX-License-Identifier: GPL-2.0-only */
/* What is particular to x86_64; the same names are in arch/arm64/arch.h, some in arch/generic/arch.h. */
#ifndef WKC_ARCH_H
#define WKC_ARCH_H

/* objtool crashes on an executable section without bytes: arena_exec.S adds the flag behind its back. */
#define WKC_ARENA_FLAGS "a"

#ifndef __ASSEMBLY__

#include <linux/types.h>

/* Native code runs here. */
#define WKC_NATIVE 1
#define WKC_MACHINE WKC_EM_X86_64

/* Free text is int3 in every byte. */
#define WKC_TEXT_FILLER 0xcccccccc

/* entry.S, entered by generated code only */
void wkc_ret(void);
#define WKC_RET ((u64)wkc_ret)

/* The kernel's own functions are within reach of a call from the arena. */
#define wkc_memmove memmove
#define wkc_memset memset

#endif /* !__ASSEMBLY__ */

#endif /* WKC_ARCH_H */
