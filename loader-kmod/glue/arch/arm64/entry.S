/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only way into generated code and the only ways out of it.
 *
 *	u32 wkc_enter(struct wkc_call *call, u64 fn)	C calls it
 *	wkc_trap(call, code)				generated code calls it; never returns to it
 *
 * Stack while a filter runs:
 *
 *	x19 to x28
 *	x30, return address of wkc_enter
 *	x29, caller's frame	<- call->saved_sp
 *	frames of generated code and its helpers
 *
 * Generated code that returns has given back the registers that it had to, which the audit proves. They are
 * taken from here only where it did not come to its end.
 */
#include <linux/linkage.h>
#include <asm/assembler.h>
#include "entry.h"
#include "wasmkc_abi.h"

	.text

SYM_FUNC_START(wkc_enter)
	stp x29, x30, [sp, #-96]!
	mov x29, sp
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	str x29, [x0, #WKC_CALL_SAVED_SP]
	blr x1
	ldp x29, x30, [sp], #96
	ret
.Ldropped:
	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp x29, x30, [sp], #96
	ret
SYM_FUNC_END(wkc_enter)

/*
 * x0 = call, w1 = trap code, x30 = return address of the site. All frames of generated code are dropped
 * at once: the frame pointer goes first, so that whoever looks at the stack meanwhile finds wkc_enter's
 * frame and never one that an interrupt may have overwritten. The return addresses that the CPU still
 * predicts lie inside the filter; a prediction that turns out wrong there costs time and nothing else.
 */
SYM_CODE_START(wkc_trap)
	str x30, [x0, #WKC_CALL_TRAP_SITE]
	str w1, [x0, #WKC_CALL_TRAP_CODE]
	ldr x29, [x0, #WKC_CALL_SAVED_SP]
	mov sp, x29
	mov w0, #WKC_NO_VERDICT
	b .Ldropped
SYM_CODE_END(wkc_trap)

/* The module loader takes these jumps through a veneer where the kernel's functions are out of their reach. */
SYM_FUNC_START(wkc_memmove)
	b memmove
SYM_FUNC_END(wkc_memmove)

SYM_FUNC_START(wkc_memset)
	b memset
SYM_FUNC_END(wkc_memset)

	.section .note.GNU-stack, "", %progbits
