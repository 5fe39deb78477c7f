/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Drops UDP over IPv4 to port 9999, passes all else. */
#include "wasmkc.h"

WASMKC_EXPORT(xdp) int xdp(void)
{
	if (xdp_len() < 34 || xdp_load16_be(12) != 0x0800 || xdp_load8(23) != 17 || xdp_load16_be(20) & 0x1fff)
		return XDP_PASS;	/* not IPv4, not UDP, or a later fragment, which has no ports */
	uint32_t udp = 14 + (xdp_load8(14) & 15) * 4;
	if (xdp_len() < udp + 8)
		return XDP_PASS;
	return xdp_load16_be(udp + 2) == 9999 ? XDP_DROP : XDP_PASS;
}
