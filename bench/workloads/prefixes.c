/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The longest of 10,000 prefixes that the source lies in says what becomes of a packet: a table of 16, 8 and 8 bits. */
#include "bench.h"

enum { PREFIXES = 10000, NETWORKS = 2000, BLOCKS = 4096, MORE = 0x8000 };

/* An entry is a verdict, or MORE and the number of the block that has the next 8 bits. */
struct tables {
	u16 first[1 << 16];
	u16 blocks[BLOCKS][256];
	u32 used;
};
BENCH_TABLES;

static u32 block_of(u16 *entry)
{
	if (!(*entry & MORE)) {
		u32 block = tables.used++;

		for (u32 i = 0; i < 256; i++)
			tables.blocks[block & (BLOCKS - 1)][i] = *entry;
		*entry = MORE | block;
	}
	return *entry & (BLOCKS - 1);
}

static void add(u32 address, u32 bits, u16 verdict)
{
	u16 *entries;
	u32 at, span;

	if (bits <= 16) {
		entries = tables.first;
		at = address >> 16;
		span = 1u << (16 - bits);
	} else {
		u32 block = block_of(&tables.first[address >> 16]);

		if (bits > 24)
			block = block_of(&tables.blocks[block][address >> 8 & 255]);
		entries = tables.blocks[block];
		at = (bits > 24 ? address : address >> 8) & 255;
		span = 1u << ((bits > 24 ? 32 : 24) - bits);
	}
	at &= ~(span - 1);
	for (u32 i = 0; i < span; i++)
		entries[at + i] = verdict;
}

/* Short ones first: a longer prefix replaces a part of what a shorter one says. */
static void prepare(void)
{
	for (u32 i = 0; i < 1 << 16; i++)
		tables.first[i] = XDP_PASS;
	for (u32 n = 0; n < PREFIXES; n++) {
		u32 bits = n < 50 ? 12 : n < 500 ? 16 : n < 3000 ? 20 : n < 9000 ? 24 : 28;

		add(mix(n % NETWORKS) & 0xffff0000 | mix(n + 1000000) >> 16, bits, mix(n) & 3 ? XDP_DROP : XDP_PASS);
	}
}

INLINE int judge(struct packet p)
{
	u32 address, entry;

	if (p.len < 34 || load16_be(p, 12) != ETH_IP)
		return XDP_PASS;
	address = load32_be(p, 26);
	entry = tables.first[address >> 16];
	if (entry & MORE)
		entry = tables.blocks[INDEX(entry, BLOCKS)][address >> 8 & 255];
	if (entry & MORE)
		entry = tables.blocks[INDEX(entry, BLOCKS)][address & 255];
	return entry;
}

BENCH_WORKLOAD
