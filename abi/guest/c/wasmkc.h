/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a filter written in C imports from wasmkc, and the verdicts it returns.
 *
 *	#include "wasmkc.h"
 *	WASMKC_EXPORT(xdp) int xdp(void) { return xdp_len() > 1000 ? XDP_DROP : XDP_PASS; }
 *
 * Offsets are unsigned bytes from the packet's first byte, the Ethernet header. An access outside the
 * packet is a trap: the run ends there and the packet gets the attachment's trap verdict. Compare with
 * xdp_len() first. Loads and stores compile to inline code, not to calls.
 */
#ifndef WASMKC_H
#define WASMKC_H

#include <stdint.h>

#define WASMKC_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
/* Makes a function one of the module's exports: xdp, init or _initialize. */
#define WASMKC_EXPORT(name) __attribute__((export_name(#name)))

/* Verdicts. */
enum {
	XDP_ABORTED = 0,	/* dropped, and counted as an error of the filter */
	XDP_DROP = 1,
	XDP_PASS = 2,
	XDP_TX = 3,		/* back out of the interface it came from */
	XDP_REDIRECT = 4,	/* a trap unless a redirect helper succeeded in this run */
};

/* Bytes that can be accessed, and bytes of the whole packet. */
WASMKC_IMPORT("xdp", "len") uint32_t xdp_len(void);
WASMKC_IMPORT("xdp", "total_len") uint32_t xdp_total_len(void);

WASMKC_IMPORT("xdp", "load8") uint32_t xdp_load8(uint32_t off);
WASMKC_IMPORT("xdp", "load16_le") uint32_t xdp_load16_le(uint32_t off);
WASMKC_IMPORT("xdp", "load16_be") uint32_t xdp_load16_be(uint32_t off);
WASMKC_IMPORT("xdp", "load32_le") uint32_t xdp_load32_le(uint32_t off);
WASMKC_IMPORT("xdp", "load32_be") uint32_t xdp_load32_be(uint32_t off);
WASMKC_IMPORT("xdp", "load64_le") uint64_t xdp_load64_le(uint32_t off);
WASMKC_IMPORT("xdp", "load64_be") uint64_t xdp_load64_be(uint32_t off);

/* Stores of the value's low bytes. */
WASMKC_IMPORT("xdp", "store8") void xdp_store8(uint32_t off, uint32_t value);
WASMKC_IMPORT("xdp", "store16_le") void xdp_store16_le(uint32_t off, uint32_t value);
WASMKC_IMPORT("xdp", "store16_be") void xdp_store16_be(uint32_t off, uint32_t value);
WASMKC_IMPORT("xdp", "store32_le") void xdp_store32_le(uint32_t off, uint32_t value);
WASMKC_IMPORT("xdp", "store32_be") void xdp_store32_be(uint32_t off, uint32_t value);
WASMKC_IMPORT("xdp", "store64_le") void xdp_store64_le(uint32_t off, uint64_t value);
WASMKC_IMPORT("xdp", "store64_be") void xdp_store64_be(uint32_t off, uint64_t value);

/* Packet bytes into memory, and memory into the packet; fuel by length, 1 + len / 8. */
WASMKC_IMPORT("xdp", "copy_in") void xdp_copy_in(void *memory, uint32_t off, uint32_t len);
WASMKC_IMPORT("xdp", "copy_out") void xdp_copy_out(uint32_t off, const void *memory, uint32_t len);

/* Helpers: the rows of abi/src/helper.rs. */
WASMKC_IMPORT("kernel", "ktime_ns") uint64_t kernel_ktime_ns(void);
WASMKC_IMPORT("kernel", "cpu") uint32_t kernel_cpu(void);
WASMKC_IMPORT("kernel", "random32") uint32_t kernel_random32(void);
/* Up to 128 bytes of text, rate limited; returns the bytes written, 0 when suppressed. */
WASMKC_IMPORT("kernel", "log") uint32_t kernel_log(const char *text, uint32_t len);

#endif
