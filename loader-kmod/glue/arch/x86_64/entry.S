/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only way into generated code and the only ways out of it.
 *
 *	u32 wkc_enter(struct wkc_call *call, u64 fn)	C calls it
 *	wkc_trap(call, code)				generated code calls it; never returns to it
 *	wkc_ret						generated code jumps to it instead of `leave; ret`
 *	wkc_recover					die.c sends it here after an exception
 *
 * Stack while a filter runs:
 *
 *	return address of wkc_enter
 *	rbx r12 r13 r14 r15
 *	  <- call->saved_sp
 *	wkc_left
 *	rbp of wkc_enter's caller
 *	frames of generated code and its helpers
 *
 * Generated code that returns has given back the registers that it had to, which the audit proves. They are
 * taken from here only where it did not come to its end.
 */
#include <linux/linkage.h>
#include <linux/objtool.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>
#include "compat.h"
#include "entry.h"
#include "wasmkc_abi.h"

	.text

/* Only called directly: no landing pad. */
SYM_START(wkc_enter, SYM_L_GLOBAL, SYM_F_ALIGN)
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	UNWIND_HINT_SAVE
	mov %rsp, WKC_CALL_SAVED_SP(%rdi)
SYM_INNER_LABEL(wkc_entering, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	CALL_NOSPEC rsi
SYM_INNER_LABEL(wkc_left, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	add $40, %rsp
	UNWIND_HINT_FUNC
	RET
.Ldropped:
	UNWIND_HINT_RESTORE
	mov $WKC_NO_VERDICT, %eax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	RET
SYM_FUNC_END(wkc_enter)

/*
 * rdi = call, esi = trap code, on the stack the return address of the site. All frames of
 * generated code are dropped at once: the stack pointer goes back to what wkc_enter noted, and rbp to what the
 * first frame below it has saved, before that frame is below the stack pointer and an interrupt may overwrite it.
 */
SYM_CODE_START(wkc_trap)
	UNWIND_HINT_FUNC
	ANNOTATE_NOENDBR
	mov (%rsp), %rax
	mov %rax, WKC_CALL_TRAP_SITE(%rdi)
	mov %esi, WKC_CALL_TRAP_CODE(%rdi)
	mov WKC_CALL_SAVED_SP(%rdi), %rdx
	mov -16(%rdx), %rbp
	/* From here on the frame is wkc_enter's, found by rdx. */
	UNWIND_HINT type=UNWIND_HINT_TYPE_CALL sp_reg=ORC_REG_DX sp_offset=48
	mov %rdx, %rsp
	UNWIND_HINT type=UNWIND_HINT_TYPE_CALL sp_reg=ORC_REG_SP sp_offset=48
	jmp wkc_recover
SYM_CODE_END(wkc_trap)

/*
 * Where an exception in generated code goes on, too, see die.c: the stack pointer is call->saved_sp, rbp the
 * caller's. Calls were left without their returns, so the return stack buffer holds addresses inside the filter: it
 * is refilled before the next RET may use one.
 */
SYM_CODE_START(wkc_recover)
	UNWIND_HINT type=UNWIND_HINT_TYPE_CALL sp_reg=ORC_REG_SP sp_offset=48
	ANNOTATE_NOENDBR
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_ALWAYS
	jmp .Ldropped
SYM_CODE_END(wkc_recover)

/*
 * Epilogue of every generated function. The two instructions before wkc_ret never run; they tell
 * objtool what a frame looks like when generated code jumps to wkc_ret.
 */
SYM_FUNC_START_LOCAL(wkc_frame)
	push %rbp
	mov %rsp, %rbp
SYM_INNER_LABEL_ALIGN(wkc_ret, SYM_L_GLOBAL)
	ANNOTATE_NOENDBR
	leave
	RET
SYM_FUNC_END(wkc_frame)

	.section .note.GNU-stack, "", @progbits
