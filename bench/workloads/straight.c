/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * STEPS operations one after the other, without a branch, that no compiler can make fewer of: what is counted of it
 * must grow by as many instructions as its code has more. For `make bench-kernel` only, which includes it with STEPS.
 */
#include "bench.h"

struct tables { u32 last; };
BENCH_TABLES;

static void prepare(void)
{
	tables.last = 0;
}

/* A sum and an exclusive or do not combine. */
#define TWO(x) x = (x + 0x1234567) ^ 0x2345671;
#define TEN(x) TWO(x) TWO(x) TWO(x) TWO(x) TWO(x)
#define HUNDRED(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x) TEN(x)

INLINE int judge(struct packet p)
{
	u32 x = p.len;

#if STEPS == 200
	HUNDRED(x)
	HUNDRED(x)
#elif STEPS == 100
	HUNDRED(x)
#endif
	*(volatile u32 *)&tables.last = x;
	return XDP_PASS;
}

BENCH_WORKLOAD
