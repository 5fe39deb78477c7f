/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Joins the last `ld -r` only, through LDFLAGS_MODULE, so that objtool never sees it.
 *
 * It gives the text arena's section the exec flag, and the unwinder one entry for all of it:
 * generated code keeps rbp frames, so the caller's frame lies at rbp + 16 and its rbp at rbp. A
 * second entry ends the range. The kernel sorts a module's entries when it loads it.
 */
#include <asm/orc_types.h>

	.section .wasmkc_arena, "ax", @nobits

	.section .orc_unwind, "a", @progbits
	.short 16, -16
	.short ORC_REG_BP | ORC_REG_PREV_SP << 4 | ORC_TYPE_CALL << 8
	.short 0, 0
	.short ORC_TYPE_UNDEFINED << 8

	.section .orc_unwind_ip, "a", @progbits
	.long wkc_arena_text - .
	.long wkc_arena_text_end - .

	.section .note.GNU-stack, "", @progbits
