// SPDX-License-Identifier: GPL-2.0-only
/*
 * The XDP hook: the kfunc that stub programs call. Not in a kernel whose BPF cannot call it.
 *
 *	packet -> run.h
 *
 * Inside an RCU read side, on one CPU: net/core/dev.c and BPF_PROG_TEST_RUN see to both. In softirq
 * with bottom halves disabled, but for test runs of 6.1, which are process context: packets that come
 * meanwhile find the instance busy, and so does whoever runs while a test run is preempted. A handle of
 * no program, or of one without `xdp`, ends in XDP_ABORTED.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <net/xdp.h>
#include "compat.h"
#include "run.h"

WKC_KFUNC_DEFS_START;

__bpf_kfunc u32 wasmkc_xdp_run(struct xdp_md *ctx, u64 handle)
{
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct wkc_cpu *c;

	if (unlikely(!wkc_run_begin(handle, &c)))
		return wkc_run_refused(xdp->data_end - xdp->data, handle, NULL);
	wkc_run_packet(c, xdp->data, xdp->data_end - xdp->data);
	if (unlikely(xdp_buff_has_frags(xdp)))
		c->call.packet_total_len = xdp_get_buff_len(xdp);
	return wkc_run(c, WKC_VERDICTS, NULL);
}

WKC_KFUNC_DEFS_END;

WKC_KFUNC_SET_START(wkc_xdp_kfuncs)
BTF_ID_FLAGS(func, wasmkc_xdp_run)
WKC_KFUNC_SET_END(wkc_xdp_kfuncs)

static const struct btf_kfunc_id_set wkc_xdp_set = {
	.owner = THIS_MODULE,
	.set = &wkc_xdp_kfuncs,
};

u32 wkc_xdp_kfunc_id(void)
{
	return wkc_xdp_kfuncs.pairs[0].id;
}

/*
 * The kernel takes a module without BTF for granted: it warns and calls the registration a
 * success. Nothing could be attached then, so this fails and says why.
 */
int wkc_xdp_init(void)
{
	int ret;

	if (!THIS_MODULE->btf_data_size || !wkc_xdp_kfunc_id()) {
		pr_err("wasmkc: the module has no BTF, so no program could be attached; build it with pahole (package dwarves) and the kernel's own vmlinux BTF\n");
		return -ENODATA;
	}
	ret = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &wkc_xdp_set);
	if (ret)
		pr_err("wasmkc: the kernel refuses to register the XDP kfunc (error %d)\n", ret);
	return ret;
}
