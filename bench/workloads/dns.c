/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads the name that a DNS query asks for, without regard to case, and drops it if it is one of 4,096. */
#include "bench.h"

enum { NAMES = 4096, BUCKETS = 1 << 14, PROBES = 64, LONGEST_NAME = 255 };

struct tables { u64 names[BUCKETS]; };	/* hashes; 0 is an empty bucket */
BENCH_TABLES;

#define HASH(hash, c) (((hash) ^ (c)) * 0x100000001b3ULL)

/* Labels of name n: one short one for every fourth, else two of letters, and com; ../src/trace.rs has the same. */
INLINE u32 label_length(u32 n, u32 label)
{
	u32 m = mix(n + 70000);

	if (n % 4 == 0)
		return label == 0 ? 2 + m % 3 : 0;
	return label == 0 ? 3 + (m & 7) : label == 1 ? 4 + (m >> 3 & 7) : label == 2 ? 3 : 0;
}

INLINE u32 letter_of(u32 n, u32 label, u32 at)
{
	if (label == 2)
		return at == 0 ? 'c' : at == 1 ? 'o' : 'm';
	return 'a' + mix(n * 64 + label * 16 + at + 80000) % 26;
}

static void prepare(void)
{
	for (u32 n = 0; n < NAMES; n++) {
		u64 hash = 0xcbf29ce484222325ULL;
		u32 bucket, length;

		for (u32 label = 0; (length = label_length(n, label)); label++) {
			hash = HASH(hash, length);
			for (u32 at = 0; at < length; at++)
				hash = HASH(hash, letter_of(n, label, at));
		}
		bucket = hash >> 32;
		while (tables.names[bucket & (BUCKETS - 1)])
			bucket++;
		tables.names[bucket & (BUCKETS - 1)] = hash;
	}
}

INLINE int listed(u64 hash)
{
	u32 bucket = hash >> 32;

	for (u32 probe = 0; probe < PROBES; probe++) {
		u64 found = tables.names[INDEX(bucket + probe, BUCKETS)];

		if (found == hash)
			return 1;
		if (!found)
			return 0;
	}
	return 0;
}

INLINE int judge(struct packet p)
{
	u64 hash = 0xcbf29ce484222325ULL;
	u32 at, left = 0;

	if (p.len < 34 || load16_be(p, 12) != ETH_IP)
		return XDP_PASS;
	at = transport(p, 14);
	if (!at || load8(p, 23) != UDP || load16_be(p, at + 2) != 53)
		return XDP_PASS;
	/* a query with one question */
	if (p.len < at + 20 || (load16_be(p, at + 10) & 0xf800) || load16_be(p, at + 12) != 1)
		return XDP_DROP;
	at += 20;
	for (u32 n = 0; n < LONGEST_NAME; n++) {
		u32 c;

		if (at + n >= p.len)
			return XDP_DROP;
		c = load8(p, at + n);
		if (left == 0) {
			if (c == 0)
				return listed(hash) ? XDP_DROP : XDP_PASS;
			if (c > 63)
				return XDP_DROP;
			left = c;
		} else {
			if (c - 'A' < 26)
				c |= 0x20;
			left--;
		}
		hash = HASH(hash, c);
	}
	return XDP_DROP;
}

BENCH_WORKLOAD
