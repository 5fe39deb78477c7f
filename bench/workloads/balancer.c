/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A load balancer: what goes to one of 16 services is sent to the backend that the hash of its five numbers gives,
 * in VXLAN: 50 bytes of outer headers, with their checksum, in front of the frame. The room for them is part of the
 * packet, as no helper moves a packet's start yet. The frame itself stays, so every pass does the same.
 */
#include "bench.h"

enum { ROOM = 50, SERVICES = 64, RING = 1 << 14, BACKENDS = 256 };

struct tables {
	u32 services[SERVICES];		/* 0 is an empty bucket */
	u16 ring[RING];
	struct { u32 address, hardware_high, hardware_low; } backends[BACKENDS];
};
BENCH_TABLES;

static void prepare(void)
{
	for (u32 n = 0; n < 16; n++) {
		u32 address = 0xc6336400 | n, at = mix(address);

		while (tables.services[at & (SERVICES - 1)])
			at++;
		tables.services[at & (SERVICES - 1)] = address;
	}
	for (u32 n = 0; n < BACKENDS; n++) {
		tables.backends[n].address = 0x0a000000 | mix(n) >> 8;
		tables.backends[n].hardware_high = 0x02000000 | n;
		tables.backends[n].hardware_low = mix(n) & 0xffff;
	}
	for (u32 n = 0; n < RING; n++)
		tables.ring[n] = mix(n * 7) & (BACKENDS - 1);
}

INLINE int is_service(u32 address)
{
	u32 at = mix(address);

	for (u32 probe = 0; probe < SERVICES; probe++) {
		u32 found = tables.services[INDEX(at + probe, SERVICES)];

		if (found == address)
			return 1;
		if (!found)
			return 0;
	}
	return 0;
}

/* Always XDP_TX. */
INLINE int encapsulate(struct packet p, u32 flow, u32 backend)
{
	u32 to = tables.backends[backend].address, from = 0x0a000001, length = p.len - 14, sum;

	store32_be(p, 0, tables.backends[backend].hardware_high);
	store16_be(p, 4, tables.backends[backend].hardware_low);
	store32_be(p, 6, 0x02000000);
	store16_be(p, 10, 1);
	store16_be(p, 12, ETH_IP);
	store32_be(p, 14, 0x45000000 | length);
	store32_be(p, 18, 0x00004000);
	sum = 0x4500 + length + 0x4000 + 0x4011 + (from >> 16) + (from & 0xffff) + (to >> 16) + (to & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	store32_be(p, 22, 0x40110000 | (~sum & 0xffff));
	store32_be(p, 26, from);
	store32_be(p, 30, to);
	/* the port says the flow to routers on the way; VXLAN needs no UDP checksum */
	store16_be(p, 34, 0xc000 | (flow & 0x3fff));
	store16_be(p, 36, 4789);
	store32_be(p, 38, (length - 20) << 16);
	store32_be(p, 42, 0x08000000);
	store32_be(p, 46, 42 << 8);
	return XDP_TX;
}

INLINE int judge(struct packet p)
{
	u32 ip = ROOM + 14, at, protocol, flow;

	if (p.len < ROOM + 34 || load16_be(p, ROOM + 12) != ETH_IP)
		return XDP_PASS;
	at = transport(p, ip);
	protocol = load8(p, ip + 9);
	if (!at || (protocol != TCP && protocol != UDP) || !is_service(load32_be(p, ip + 16)))
		return XDP_PASS;
	flow = mix(load32_be(p, ip + 12) ^ mix(load32_be(p, at) ^ mix(load32_be(p, ip + 16) + protocol)));
	return encapsulate(p, flow, tables.ring[INDEX(flow, RING)] & (BACKENDS - 1));
}

BENCH_WORKLOAD
