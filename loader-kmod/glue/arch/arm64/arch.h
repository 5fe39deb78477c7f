/* SPDX-License-Identifier: GPL-2.0-only */
/* What is particular to arm64; the same names are in arch/x86_64/arch.h. */
#ifndef WKC_ARCH_H
#define WKC_ARCH_H

#define WKC_ARENA_FLAGS "ax"

#ifndef __ASSEMBLY__

#include <linux/types.h>
#include <asm/debug-monitors.h>

/* Native code runs here. */
#define WKC_NATIVE 1
#define WKC_MACHINE WKC_EM_AARCH64

/* Free text is the breakpoint that the kernel itself fills unused code with. */
#define WKC_TEXT_FILLER AARCH64_BREAK_FAULT

/* Functions return by themselves here. */
#define WKC_RET 0

/* entry.S: a call from the arena reaches 128 MiB, and the kernel's own functions may be farther away. */
void *wkc_memmove(void *to, const void *from, size_t len);
void *wkc_memset(void *to, int byte, size_t len);

#endif /* !__ASSEMBLY__ */

#endif /* WKC_ARCH_H */
