/* SPDX-License-Identifier: GPL-2.0-only */
/* How much of the stack a filter may take. */
#ifndef WKC_STACK_H
#define WKC_STACK_H

#include <linux/types.h>

/*
 * The lowest stack pointer that code called from where the stack pointer is @sp may have: @grant bytes below, but
 * WKC_STACK_RESERVE above the end of the stack that is in use, for a frame, a trap and the helpers.
 * On any stack but a task's or the interrupts' the answer refuses every frame.
 */
u64 wkc_stack_limit(unsigned long sp, u32 grant);

#endif /* WKC_STACK_H */
