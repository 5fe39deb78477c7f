/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Joins the last `ld -r` only, through LDFLAGS_MODULE, so that objtool never sees it.
 *
 * It gives the text arena's section the exec flag, and the unwinder one entry for all of it:
 * generated code keeps rbp frames, so the caller's frame lies at rbp + 16 and its rbp at rbp. A
 * second entry ends the range. The kernel sorts a module's entries when it loads it.
 */
#include "compat.h"

	.section .wasmkc_arena, "ax", @nobits

	.section .orc_unwind, "a", @progbits
	WKC_ORC_FRAME
	WKC_ORC_END

	.section .orc_unwind_ip, "a", @progbits
	.long wkc_arena_text - .
	.long wkc_arena_text_end - .

	.section .note.GNU-stack, "", @progbits
