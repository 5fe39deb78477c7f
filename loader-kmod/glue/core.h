/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the C glue and the Rust core. Both sides are written against this file.
 *
 * The core parses, links and instantiates objects; it never touches a kernel interface itself.
 * The glue owns every kernel interface; it never reads an object's bytes.
 */
#ifndef WKC_CORE_H
#define WKC_CORE_H

#include <linux/build_bug.h>
#include <linux/types.h>
#include "wasmkc_abi.h"

/* Opaque, owned by the core, immutable after load. */
struct wkc_program;
/* Opaque: registers and stack of the interpreter. */
struct wkc_machine;

/* What the core says about a linked image. */
struct wkc_image_info {
	u64 entry_xdp;		/* executable address, 0 if none */
	u64 entry_init[3];	/* start, _initialize, init; 0 if none */
	u64 fuel;
	u64 text_base;
	u64 heap_bytes;
	u32 text_size;
	u32 flags;
	u32 hooks;
	u32 memory_min;		/* pages */
	u32 memory_max;		/* pages of all memories */
	u32 instance_bytes;
	u32 shadow_sp_slot;	/* WKC_NONE if none */
	u32 transfer;		/* first slot of the transfer area, WKC_NONE if none */
	u32 stack_bound;
	u16 engine;		/* WKC_ENGINE_* */
	u16 targets;		/* what the object had code for, a bit each */
	u8 text_sha256[32];
};

static_assert(sizeof(struct wkc_image_info) == 128);

/*
 * C calls Rust. Process context, may sleep, no lock needed; messages are NUL-terminated.
 */

/* 0 or -errno with a message; all or nothing. @flags are WKC_LOAD_*. */
int wkc_core_load(const u8 *object, size_t len, u32 flags, struct wkc_program **out,
		  struct wkc_image_info *info, char *msg, size_t msg_len);
/* Returns the arena's space, filled with traps. */
void wkc_core_free(struct wkc_program *p);
/*
 * Fills the instance's memory fields, slots, passive lengths and data segments. @memory is
 * memory_max pages of zeroes. Never sleeps, never touches owner or cpu.
 */
void wkc_core_instantiate(const struct wkc_program *p, struct wkc_instance *i, u8 *memory);
/* What an instance of portable code runs on, NULL where there is no memory for it. */
struct wkc_machine *wkc_core_machine_create(void);
void wkc_core_machine_destroy(struct wkc_machine *m);
/*
 * Runs the portable code at @entry as wkc_enter() does with native code, call->stack_limit being the bytes of
 * the machine's stack that it may take. Any context; the caller owns machine and instance meanwhile.
 */
u32 wkc_core_interpret(struct wkc_machine *m, struct wkc_call *call, u64 entry);
/* Entry and numbers of parameters and results of an export; -ENOENT. Any context. */
int wkc_core_export(const struct wkc_program *p, const u8 *name, size_t len, u64 *entry, u32 values[2]);
/* Names and signatures of the first @capacity exports; how many there are. Any context. */
u32 wkc_core_exports(const struct wkc_program *p, struct wkc_export *records, size_t capacity);
/* Fills site, wasm_offset, line, function and file. Any context. */
int wkc_core_trap_lookup(const struct wkc_program *p, u64 site_address,
			 struct wkc_trap_record *rec);

/*
 * Rust calls C.
 */

#define WKC_ARENA_TEXT 0
#define WKC_ARENA_RODATA 1
#define WKC_ARENA_BYTECODE 2	/* bytecode.c */

void *wkc_plat_alloc(size_t size, size_t align);
void wkc_plat_free(void *p);
int wkc_plat_verify(const u8 *data, size_t len, const u8 *sig, size_t sig_len);
int wkc_plat_arena_alloc(u32 kind, size_t size, u64 *addr);
void wkc_plat_arena_free(u32 kind, u64 addr, size_t size);
int wkc_plat_arena_write(u32 kind, u64 addr, const u8 *bytes, size_t len);

#define WKC_SYMBOL_RET 0
#define WKC_SYMBOL_TRAP 1
#define WKC_SYMBOL_MEMMOVE 2
#define WKC_SYMBOL_MEMSET 3
#define WKC_SYMBOL_HELPER 16	/* plus the helper's number */

u64 wkc_plat_symbol(u32 index);
/* Calls helper @number; @args as its row in the abi crate says. */
u64 wkc_plat_helper(struct wkc_call *call, u32 number, const u64 *args);
void wkc_plat_sha256(const u8 *data, size_t len, u8 out[32]);
void __noreturn wkc_plat_panic(const u8 *msg, size_t len, u32 line);

#endif /* WKC_CORE_H */
