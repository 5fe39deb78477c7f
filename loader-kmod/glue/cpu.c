// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that come online get their instances before they take packets. One that goes offline keeps
 * them: counters stay, and it finds its state when it comes back.
 */
#include <linux/cpuhotplug.h>
#include "wasmkc.h"

static int hotplug_state;

/*
 * Runs on another CPU before this one takes its first interrupt, under cpus_write_lock(). Never fails:
 * a CPU without instance gives the trap verdict.
 */
static int cpu_comes_online(unsigned int cpu)
{
	wkc_program_cpu_online(cpu);
	return 0;
}

int wkc_cpu_init(void)
{
	int ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "net/wasmkc:prepare", cpu_comes_online, NULL);

	if (ret < 0)
		return ret;
	hotplug_state = ret;
	return 0;
}

void wkc_cpu_uninit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
