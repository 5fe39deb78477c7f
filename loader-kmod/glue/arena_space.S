/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two arenas as NOBITS sections of the module itself: they cost nothing in the file, and the
 * kernel's module loader maps them within reach of direct calls, with the protection of text and
 * of read-only data.
 */
#include <asm/page.h>
#include "arch.h"

	.section .wasmkc_arena, WKC_ARENA_FLAGS, %nobits
	.balign PAGE_SIZE
	.globl wkc_arena_text
wkc_arena_text:
	.skip WKC_TEXT_ARENA
	.globl wkc_arena_text_end
wkc_arena_text_end:

	.section .wasmkc_rodata, "a", %nobits
	.balign PAGE_SIZE
	.globl wkc_arena_rodata
wkc_arena_rodata:
	.skip WKC_RODATA_ARENA
	.globl wkc_arena_rodata_end
wkc_arena_rodata_end:

	.section .note.GNU-stack, "", %progbits
