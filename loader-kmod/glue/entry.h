/* SPDX-License-Identifier: GPL-2.0-only */
/* What arch/MACHINE/entry.S and its callers agree on. */
#ifndef WKC_ENTRY_H
#define WKC_ENTRY_H

/* Comes back instead of a verdict after a trap, whose code and site are in the call block. */
#define WKC_NO_VERDICT 0xffffffff

#ifndef __ASSEMBLY__

#include <linux/types.h>

struct wkc_call;

/* The low half of what @fn returned, or WKC_NO_VERDICT. */
u32 wkc_enter(struct wkc_call *call, u64 fn);
void wkc_trap(void);			/* entered by generated code only */

#endif /* !__ASSEMBLY__ */

#endif /* WKC_ENTRY_H */
