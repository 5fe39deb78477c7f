/* SPDX-License-Identifier: GPL-2.0-only */
/* The certificates of make KEYS=..., as one file that the Makefile makes; empty without. */
	.section .rodata, "a", %progbits
	.globl wkc_builtin_keys, wkc_builtin_keys_end
wkc_builtin_keys:
	.incbin WKC_BUILTIN_KEYS
wkc_builtin_keys_end:
	.byte 0

	.section .note.GNU-stack, "", %progbits
