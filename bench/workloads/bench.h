/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One filter source for every system that is measured. A workload includes this, declares `struct tables` and
 * `BENCH_TABLES;`, which makes `tables` of it, and defines
 *
 *	static void prepare(void)		fills the tables from the seed
 *	static int judge(struct packet p)	a verdict of enum verdict
 *
 * and ends with BENCH_WORKLOAD. What it is compiled as:
 *
 *	BENCH_SHIPPED	wasm with wasmkc's imports: `xdp` and `init`, as a user would ship it
 *	__wasm__	wasm with packets in linear memory and the loop over the trace inside
 *	__bpf__		one XDP program that loops over the trace, which lies in a map
 *	BENCH_XDP	with __bpf__: an XDP program as a driver calls it, for the packet that it is given
 *	else		a shared object with the loop inside
 *
 * The loop calls the filter for each packet; nothing of it is inlined into the loop.
 */
#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INLINE static inline __attribute__((always_inline))

/* The trace's numbers, as in ../src/trace.rs. */
#define PACKETS 2048
#define SLOT 1600		/* the longest packet, with room in front of it, rounded up */
#define LONGEST 1564

#ifdef BENCH_SHIPPED
#include "wasmkc.h"
#else
enum verdict { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };
#endif

/* ---- packet loads and stores ---- */

#ifdef BENCH_SHIPPED
struct packet { u32 len; };
#define load8(p, off) ((void)(p), xdp_load8(off))
#define load16_be(p, off) ((void)(p), xdp_load16_be(off))
#define load32_be(p, off) ((void)(p), xdp_load32_be(off))
#define load32_le(p, off) ((void)(p), xdp_load32_le(off))
#define load64_le(p, off) ((void)(p), xdp_load64_le(off))
#define store8(p, off, value) xdp_store8(off, value)
#define store16_be(p, off, value) xdp_store16_be(off, value)
#define store32_be(p, off, value) xdp_store32_be(off, value)
#elif defined(BENCH_XDP)
struct packet { u8 *data, *end; u32 len; };
#else
struct packet { u8 *data; u32 len; };
#endif

#ifndef BENCH_SHIPPED
#ifdef __bpf__
/*
 * The verifier must see that an offset lies in the map. It follows constants; every other offset is masked, behind
 * a barrier that keeps the compiler from proving the mask away. Behind the last packet there is room for any offset.
 */
#define WITHIN(off) (__builtin_constant_p(off) ? (u32)(off) : ({ \
	u32 within = (off); \
	__asm__ volatile("" : "+r"(within)); \
	within & 2047; }))
#ifdef BENCH_XDP
/*
 * An address is compared with the packet's end before each access, as that is what the verifier believes; behind a
 * barrier, or the compiler would compare one sum and use another. That the packet has ended cannot be, as filters
 * compare with its length: where it had, a function that returns a number would return 0.
 */
#define AT(type, p, off) (*({ \
	u8 *within_packet = (p).data + WITHIN(off); \
	__asm__ volatile("" : "+r"(within_packet)); \
	if (within_packet + sizeof(type) > (p).end) \
		return 0; \
	(type *)within_packet; }))
#else
#define AT(type, p, off) (*(type *)((p).data + WITHIN(off)))
#endif
#else
typedef u16 u16_any __attribute__((aligned(1), may_alias));
typedef u32 u32_any __attribute__((aligned(1), may_alias));
typedef u64 u64_any __attribute__((aligned(1), may_alias));
#define AT(type, p, off) (*(type##_any *)((p).data + (off)))
typedef u8 u8_any;
#endif
#define load8(p, off) ((u32)AT(u8, p, off))
#define load16_be(p, off) ((u32)__builtin_bswap16(AT(u16, p, off)))
#define load32_be(p, off) __builtin_bswap32(AT(u32, p, off))
#define load32_le(p, off) AT(u32, p, off)
#define load64_le(p, off) AT(u64, p, off)
#define store8(p, off, value) (AT(u8, p, off) = (u8)(value))
#define store16_be(p, off, value) (AT(u16, p, off) = __builtin_bswap16((u16)(value)))
#define store32_be(p, off, value) (AT(u32, p, off) = __builtin_bswap32(value))
#endif

/* Whether a loop's bound is what the verifier sees of it: an index it cannot follow gets a mask there only. */
#ifdef __bpf__
#define INDEX(i, size) ({ u32 index = (i); __asm__ volatile("" : "+r"(index)); index & ((size) - 1); })
#else
#define INDEX(i, size) ((i) & ((size) - 1))
#endif

/* ---- what workloads share ---- */

/* Of an eBPF program the tables are a map, which user space fills. */
#ifdef __bpf__
#define BENCH_TABLES struct tables tables __attribute__((section(".data.tables"), aligned(8)))
__attribute__((unused)) static void prepare(void);
#else
#define BENCH_TABLES static struct tables tables
#endif

/* The n-th number of the seed; ../src/trace.rs has the same. */
INLINE u32 mix(u32 n)
{
	n += 0x9e3779b9;
	n = (n ^ n >> 16) * 0x85ebca6b;
	n = (n ^ n >> 13) * 0xc2b2ae35;
	return n ^ n >> 16;
}

enum { ETH_IP = 0x0800, ETH_IP6 = 0x86dd, ETH_VLAN = 0x8100, ETH_QINQ = 0x88a8, ICMP = 1, TCP = 6, UDP = 17 };

/* Where the transport header of an unfragmented IPv4 packet stands that begins at `ip`; 0 if it is none. */
INLINE u32 transport(struct packet p, u32 ip)
{
	u32 at;

	if (p.len < ip + 20 || load8(p, ip) >> 4 != 4 || (load16_be(p, ip + 6) & 0x1fff))
		return 0;
	at = ip + (load8(p, ip) & 15) * 4;
	return at < ip + 20 || p.len < at + 8 ? 0 : at;
}

/* ---- entries ---- */

#define FNV_START 0xcbf29ce484222325ULL
#define FNV(digest, verdict) (((digest) ^ (u32)(verdict)) * 0x100000001b3ULL)
/* A verdict that the compiler knows nothing of, so that the loop cannot do without the call. */
#define OPAQUE(verdict) __asm__ volatile("" : "+r"(verdict))

#if defined(BENCH_SHIPPED)

#define BENCH_WORKLOAD \
	WASMKC_EXPORT(init) void init(void) { prepare(); } \
	WASMKC_EXPORT(xdp) int xdp(void) \
	{ \
		struct packet p = { xdp_len() }; \
		return judge(p); \
	}

#elif defined(BENCH_XDP)

struct xdp_md { u32 data, data_end; };

#define BENCH_WORKLOAD \
	__attribute__((section("xdp"), used)) int wkc_bench_xdp(struct xdp_md *ctx) \
	{ \
		struct packet p = { (u8 *)(u64)ctx->data, (u8 *)(u64)ctx->data_end, ctx->data_end - ctx->data }; \
		return judge(p); \
	} \
	char terms[] __attribute__((section("license"), used)) = "Dual MIT/GPL";

#elif defined(__bpf__)

struct xdp_md;
struct arguments { u32 count, stride, start, len; u64 digest; };
struct arguments arguments __attribute__((section(".data.arguments")));
u8 trace[PACKETS * SLOT + 2048] __attribute__((section(".data.trace"), aligned(8)));

static long (*bpf_loop)(u64 count, void *step, void *context, u64 flags) = (void *)181;

#define BENCH_WORKLOAD \
	static __attribute__((noinline)) long step(u32 i, struct arguments *a) \
	{ \
		u32 at = i * a->stride + a->start; \
		struct packet p; \
		int verdict; \
		\
		if (at >= PACKETS * SLOT || a->len > LONGEST) \
			return 1; \
		p.data = trace + at; \
		p.len = a->len; \
		verdict = judge(p); \
		a->digest = FNV(a->digest, verdict); \
		return 0; \
	} \
	__attribute__((section("xdp"), used)) int wkc_bench_run(struct xdp_md *ctx) \
	{ \
		struct arguments a = arguments; \
		(void)ctx; \
		a.digest = FNV_START; \
		bpf_loop(a.count, step, &a, 0); \
		arguments.digest = a.digest; \
		return XDP_PASS; \
	} \
	char terms[] __attribute__((section("license"), used)) = "Dual MIT/GPL";

#else

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name) __attribute__((visibility("default")))
#endif

static u8 trace[PACKETS * SLOT + 2048] __attribute__((aligned(64)));

#define BENCH_WORKLOAD \
	EXPORT(tables_at) void *tables_at(void) { return &tables; } \
	EXPORT(tables_size) u32 tables_size(void) { return sizeof(tables); } \
	EXPORT(trace_at) u8 *trace_at(void) { return trace; } \
	EXPORT(init) void init(void) { prepare(); } \
	static __attribute__((noinline)) int xdp(u8 *data, u32 len) \
	{ \
		struct packet p = { data, len }; \
		int verdict = judge(p); \
		\
		OPAQUE(verdict); \
		return verdict; \
	} \
	EXPORT(run) u64 run(u32 count, u32 stride, u32 start, u32 len) \
	{ \
		u64 digest = FNV_START; \
		\
		for (u32 i = 0; i < count; i++) \
			digest = FNV(digest, xdp(trace + i * stride + start, len)); \
		return digest; \
	}

#endif
#endif
