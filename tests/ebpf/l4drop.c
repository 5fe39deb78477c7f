// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The rules of examples/l4drop in eBPF, to compare instructions a packet. In its best accepted form: what is
// left of the datagram is a number, not a pointer, so that the verifier follows it, and the payload is compared as two words.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct xdp_md {
	u32 data;
	u32 data_end;
};

#define DROP 1
#define PASS 2
#define BE16(p) __builtin_bswap16(*(u16 *)(p))
#define HELD(p, n) ((u8 *)(p) + (n) <= end)

static __attribute__((always_inline)) int payload(u8 *p, u8 *end, u32 left)
{
	if (left < 7 || !HELD(p, 7))
		return PASS;
	return *(u32 *)p == 0x434f4c42 && *(u16 *)(p + 4) == 0x4d4b && p[6] == 'E' ? DROP : PASS;
}

static __attribute__((always_inline)) int transport(u8 protocol, u8 *p, u8 *end, u32 left)
{
	if (protocol == 17) {
		if (left < 8 || !HELD(p, 8))
			return PASS;
		return BE16(p + 2) == 9999 ? DROP : payload(p + 8, end, left - 8);
	}
	if (protocol == 6) {
		u32 header;
		u8 flags;

		if (left < 20 || !HELD(p, 20))
			return PASS;
		flags = p[13] & 0x3f;
		if (BE16(p + 2) == 9998 || flags == 0 || flags == 0x29 || (flags & 3) == 3 || (flags & 6) == 6)
			return DROP;
		header = (p[12] >> 4) * 4;
		return header < 20 || header > left ? PASS : payload(p + header, end, left - header);
	}
	return PASS;
}

__attribute__((section("xdp"), used)) int l4drop(struct xdp_md *ctx)
{
	u8 *data = (u8 *)(u64)ctx->data, *end = (u8 *)(u64)ctx->data_end, *p = data + 14;
	u16 type;

	if (!HELD(data, 14))
		return PASS;
	type = BE16(data + 12);
	for (int i = 0; i < 2; i++) {
		if (type == 0x8100 || type == 0x88a8) {
			if (!HELD(p, 4))
				return PASS;
			type = BE16(p + 2);
			p += 4;
		}
	}
	if (type == 0x0800) {
		u32 header, total;

		if (!HELD(p, 20))
			return PASS;
		header = (p[0] & 15) * 4;
		total = BE16(p + 2);
		if (p[0] >> 4 != 4 || header < 20 || total < header || BE16(p + 6) & 0x1fff)
			return PASS;
		return transport(p[9], p + header, end, total - header);
	}
	if (type == 0x86dd) {
		u8 protocol;
		u32 left;

		if (!HELD(p, 40) || p[0] >> 4 != 6)
			return PASS;
		protocol = p[6];
		left = BE16(p + 4);
		p += 40;
		for (int i = 0; i < 8; i++) {
			u32 units;

			if (protocol != 0 && protocol != 43 && protocol != 60 && protocol != 51 && protocol != 44)
				return transport(protocol, p, end, left);
			if (left < 8 || !HELD(p, 8))
				return PASS;
			units = protocol == 44 ? 8 : protocol == 51 ? p[1] * 4 + 8 : p[1] * 8 + 8;
			if (protocol == 44 && BE16(p + 2) & 0xfff8)
				return PASS;
			if (units > left)
				return PASS;
			protocol = p[0];
			left -= units;
			p += units;
		}
	}
	return PASS;
}

char gpl[] __attribute__((section("license"), used)) = "GPL";
