// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The smallest XDP program: the base line of every comparison.
__attribute__((section("xdp"), used)) int null_prog(void *ctx)
{
	return 2;
}
