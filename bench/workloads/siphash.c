/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* SipHash-2-4 with a secret over everything behind the Ethernet header; one packet of eight is dropped by it. */
#include "bench.h"

struct tables { u64 key[2]; };
BENCH_TABLES;

static void prepare(void)
{
	tables.key[0] = (u64)mix(1) << 32 | mix(2);
	tables.key[1] = (u64)mix(3) << 32 | mix(4);
}

#define TURN(x, by) ((x) << (by) | (x) >> (64 - (by)))
#define ROUND(a, b, c, d) do { \
	a += b; b = TURN(b, 13) ^ a; a = TURN(a, 32); \
	c += d; d = TURN(d, 16) ^ c; \
	a += d; d = TURN(d, 21) ^ a; \
	c += b; b = TURN(b, 17) ^ c; c = TURN(c, 32); \
} while (0)

INLINE int judge(struct packet p)
{
	u64 a = tables.key[0] ^ 0x736f6d6570736575ULL, b = tables.key[1] ^ 0x646f72616e646f6dULL;
	u64 c = tables.key[0] ^ 0x6c7967656e657261ULL, d = tables.key[1] ^ 0x7465646279746573ULL;
	u64 last = (u64)(p.len - 14) << 56;
	u32 at = 14, shift = 0;

	if (p.len < 14)
		return XDP_PASS;
	for (u32 n = 0; n < LONGEST / 8; n++) {
		u64 word;

		if (at + 8 > p.len)
			break;
		word = load64_le(p, at);
		d ^= word;
		ROUND(a, b, c, d);
		ROUND(a, b, c, d);
		a ^= word;
		at += 8;
	}
	for (u32 n = 0; n < 7; n++) {
		if (at >= p.len)
			break;
		last |= (u64)load8(p, at) << shift;
		shift += 8;
		at++;
	}
	d ^= last;
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	a ^= last;
	c ^= 0xff;
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	ROUND(a, b, c, d);
	return ((a ^ b ^ c ^ d) & 7) == 0 ? XDP_DROP : XDP_PASS;
}

BENCH_WORKLOAD
