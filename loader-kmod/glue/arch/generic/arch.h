/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine that the compiler makes no native code for, of any width and byte order: only bytecode runs, which
 * the core interprets. There is no executable memory, no entry and no exception of generated code.
 */
#ifndef WKC_ARCH_H
#define WKC_ARCH_H

#ifndef __ASSEMBLY__

/* No native code runs here. */
#define WKC_NATIVE 0
#define WKC_MACHINE WKC_MACHINE_PORTABLE

#endif /* !__ASSEMBLY__ */

#endif /* WKC_ARCH_H */
