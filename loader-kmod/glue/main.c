// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module entry and exit: brings the parts up in the order in which they need each other, and down
 * the other way round.
 */
#include <linux/module.h>
#include "wasmkc.h"

static int __init wkc_init(void)
{
	int ret;

	ret = wkc_arena_init();
	if (ret)
		return ret;
	ret = wkc_trust_init();
	if (ret)
		return ret;
	ret = wkc_instance_init();
	if (ret)
		goto err_trust;
	wkc_program_init();
	wkc_stub_init();
	ret = wkc_die_init();
	if (ret)
		goto err_instance;
	ret = wkc_cpu_init();
	if (ret)
		goto err_die;
	ret = wkc_xdp_init();
	if (ret)
		goto err_cpu;
	ret = wkc_ingress_init();
	if (ret)
		goto err_cpu;
	ret = wkc_control_init();
	if (ret)
		goto err_ingress;
	return 0;

err_ingress:
	wkc_ingress_uninit();
err_cpu:
	wkc_cpu_uninit();
err_die:
	wkc_die_uninit();
err_instance:
	wkc_instance_uninit();
err_trust:
	wkc_trust_uninit();
	return ret;
}

/*
 * The kernel calls this only when nobody holds the module: no open device, no attachment at an ingress, no stub
 * program (each holds the module's BTF, and that the module), so no hook runs and none can begin. What is left
 * are our own works and the hotplug callback, and each is stopped before what it uses is freed.
 */
static void __exit wkc_exit(void)
{
	wkc_control_uninit();
	wkc_ingress_uninit();
	wkc_stub_uninit();
	wkc_cpu_uninit();
	wkc_program_uninit();
	wkc_die_uninit();
	wkc_instance_uninit();
	wkc_log_uninit();
	wkc_trust_uninit();
}

module_init(wkc_init);
module_exit(wkc_exit);

MODULE_DESCRIPTION("Runs ahead-of-time compiled WebAssembly filters at XDP");
MODULE_LICENSE("GPL");
