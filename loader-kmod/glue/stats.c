// SPDX-License-Identifier: GPL-2.0-only
/* Sums the counters of one program, for one CPU or for all of them. */
#include <linux/cpumask.h>
#include "wasmkc.h"

static void add_cpu(const struct wkc_cpu *c, struct wkc_stats *out)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(c->verdicts); i++)
		out->verdicts[i] += local64_read(&c->verdicts[i]);
	for (i = 0; i < ARRAY_SIZE(c->traps); i++)
		out->traps[i] += local64_read(&c->traps[i]);
	out->fuel += local64_read(&c->fuel);
}

/* wkc_lock held. @out->cpu chooses; a packet on a CPU without an instance left with the trap verdict. */
void wkc_stats_read(const struct wkc_filter *f, struct wkc_stats *out)
{
	u32 i;

	lockdep_assert_held(&wkc_lock);
	if (out->cpu != U32_MAX) {
		if (out->cpu < nr_cpu_ids && f->cpus[out->cpu])
			add_cpu(f->cpus[out->cpu], out);
		return;
	}
	for (i = 0; i < nr_cpu_ids; i++) {
		if (f->cpus[i])
			add_cpu(f->cpus[i], out);
	}
	for (i = 0; i < WKC_TRAP_COUNTERS; i++)
		out->traps[i] += atomic64_read(&f->no_cpu_traps[i]);
	out->verdicts[f->trap_verdict] += atomic64_read(&f->no_cpu_traps[WKC_TRAP_NO_INSTANCE]);
}
