/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rules of layers 3 and 4 as firewalls have them: VLAN tags, IPv4 and IPv6, ports, flags of TCP, amplified answers. */
#include "bench.h"

struct tables { u32 none; };
BENCH_TABLES;

static void prepare(void)
{
	tables.none = 0;
}

INLINE int udp(struct packet p, u32 at)
{
	u32 from = load16_be(p, at), to = load16_be(p, at + 2);

	if (to == 9999 || to == 11211 || to == 1900)
		return XDP_DROP;
	/* answers that nobody asked for: NTP, SSDP, memcached, LDAP */
	if (from == 123 || from == 1900 || from == 11211 || from == 389)
		return p.len > 200 ? XDP_DROP : XDP_PASS;
	return from == 0 || to == 0 ? XDP_DROP : XDP_PASS;
}

INLINE int tcp(struct packet p, u32 at)
{
	u32 to, flags;

	if (p.len < at + 20)
		return XDP_DROP;
	to = load16_be(p, at + 2);
	flags = load8(p, at + 13) & 0x3f;
	if (flags == 0 || flags == 0x29 || (flags & 3) == 3 || (flags & 6) == 6)
		return XDP_DROP;
	if (to == 23 || to == 445 || (to >= 135 && to <= 139))
		return XDP_DROP;
	return to == 22 && (flags & 0x12) == 2 ? XDP_DROP : XDP_PASS;
}

INLINE int ports(struct packet p, u32 protocol, u32 at)
{
	if (p.len < at + 8)
		return XDP_PASS;
	if (protocol == UDP)
		return udp(p, at);
	if (protocol == TCP)
		return tcp(p, at);
	/* an ICMP redirect */
	return protocol == ICMP && load8(p, at) == 5 ? XDP_DROP : XDP_PASS;
}

INLINE int judge(struct packet p)
{
	u32 at = 14, type;

	if (p.len < 34)
		return XDP_PASS;
	type = load16_be(p, 12);
	for (int tags = 0; tags < 2 && (type == ETH_VLAN || type == ETH_QINQ); tags++) {
		type = load16_be(p, at + 2);
		at += 4;
	}
	if (type == ETH_IP) {
		u32 source, l4 = transport(p, at);

		if (!l4)
			return XDP_PASS;
		source = load32_be(p, at + 12);
		if (source >> 24 == 127 || source >> 28 >= 14)
			return XDP_DROP;
		return ports(p, load8(p, at + 9), l4);
	}
	if (type == ETH_IP6) {
		if (p.len < at + 40)
			return XDP_PASS;
		return ports(p, load8(p, at + 6), at + 40);
	}
	return XDP_PASS;
}

BENCH_WORKLOAD
