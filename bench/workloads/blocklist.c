/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Drops what comes from one of 100,000 addresses: a hash table with open addressing. */
#include "bench.h"

enum { ADDRESSES = 100000, BUCKETS = 1 << 18, PROBES = 64 };

struct tables { u32 addresses[BUCKETS]; };	/* 0 is an empty bucket */
BENCH_TABLES;

INLINE u32 bucket(u32 address)
{
	return address * 0x9e3779b1 >> 14;
}

static void prepare(void)
{
	for (u32 n = 0; n < ADDRESSES; n++) {
		u32 address = mix(n), at = bucket(address);

		while (tables.addresses[at & (BUCKETS - 1)])
			at++;
		tables.addresses[at & (BUCKETS - 1)] = address;
	}
}

INLINE int judge(struct packet p)
{
	u32 address, at;

	if (p.len < 34 || load16_be(p, 12) != ETH_IP)
		return XDP_PASS;
	address = load32_be(p, 26);
	at = bucket(address);
	for (u32 probe = 0; probe < PROBES; probe++) {
		u32 found = tables.addresses[INDEX(at + probe, BUCKETS)];

		if (found == address)
			return XDP_DROP;
		if (!found)
			return XDP_PASS;
	}
	return XDP_PASS;
}

BENCH_WORKLOAD
