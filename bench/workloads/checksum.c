/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Verifies the checksum of UDP and TCP over IPv4, the whole payload of each packet, and drops what is wrong. */
#include "bench.h"

struct tables { u32 none; };
BENCH_TABLES;

static void prepare(void)
{
	tables.none = 0;
}

INLINE int judge(struct packet p)
{
	u32 ip = 14, at, protocol, end, i;
	u64 sum;

	if (p.len < 34 || load16_be(p, 12) != ETH_IP)
		return XDP_PASS;
	at = transport(p, ip);
	if (!at)
		return XDP_PASS;
	protocol = load8(p, ip + 9);
	if (protocol != TCP && protocol != UDP)
		return XDP_PASS;
	end = ip + load16_be(p, ip + 2);
	if (end > p.len || end < at + 8)
		return XDP_DROP;
	sum = protocol + end - at;
	sum += load32_be(p, ip + 12);
	sum += load32_be(p, ip + 16);
	for (i = 0; i < 400; i++) {
		if (at + 4 > end)
			break;
		sum += load32_be(p, at);
		at += 4;
	}
	if (at + 2 <= end) {
		sum += load16_be(p, at);
		at += 2;
	}
	if (at < end)
		sum += load8(p, at) << 8;
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? XDP_PASS : XDP_DROP;
}

BENCH_WORKLOAD
