// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traps: counting, keeping the last ones, and saying where they happened.
 *
 * Noted in softirq without a lock, in a ring of the CPU they happened on; merged, sorted and
 * resolved to function and line in process context when somebody asks.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "wasmkc.h"

static const char *const names[WKC_TRAP_COUNTERS] = {
	[WKC_TRAP_UNREACHABLE] = "unreachable",
	[WKC_TRAP_MEMORY_OUT_OF_BOUNDS] = "memory-out-of-bounds",
	[WKC_TRAP_TABLE_OUT_OF_BOUNDS] = "table-out-of-bounds",
	[WKC_TRAP_INDIRECT_CALL_TO_NULL] = "indirect-call-to-null",
	[WKC_TRAP_INDIRECT_CALL_TYPE_MISMATCH] = "indirect-call-type-mismatch",
	[WKC_TRAP_DIVISION_BY_ZERO] = "division-by-zero",
	[WKC_TRAP_INTEGER_OVERFLOW] = "integer-overflow",
	[WKC_TRAP_STACK_OVERFLOW] = "stack-overflow",
	[WKC_TRAP_OUT_OF_FUEL] = "out-of-fuel",
	[WKC_TRAP_INVALID_CONVERSION_TO_INTEGER] = "invalid-conversion-to-integer",
	[WKC_TRAP_PACKET_OUT_OF_BOUNDS] = "packet-out-of-bounds",
	[WKC_TRAP_BAD_VERDICT] = "bad-verdict",
	[WKC_TRAP_REDIRECT_WITHOUT_TARGET] = "redirect-without-target",
	[WKC_TRAP_NESTED_ENTRY] = "nested-entry",
	[WKC_TRAP_NO_INSTANCE] = "no-instance",
	[WKC_TRAP_DISABLED] = "disabled",
};

const char *wkc_trap_name(u32 code)
{
	return code < ARRAY_SIZE(names) && names[code] ? names[code] : "unknown";
}

/*
 * Softirq, on @c's own CPU. The number drawn first gives an interrupt that traps in here a place
 * of its own.
 */
void wkc_trap_note(struct wkc_cpu *c, u32 code, u64 site, u32 packet_len)
{
	u64 seq = local64_inc_return(&c->trap_seq);
	struct wkc_trap_entry *e = &c->trap_ring[seq % WKC_TRAP_RECORDS];

	local64_inc(&c->traps[code % WKC_TRAP_COUNTERS]);
	WRITE_ONCE(e->seq, 0);
	smp_wmb();
	WRITE_ONCE(e->time_ns, ktime_get_ns());
	WRITE_ONCE(e->site, site);
	WRITE_ONCE(e->code, code);
	WRITE_ONCE(e->packet_len, packet_len);
	smp_wmb();
	WRITE_ONCE(e->seq, seq);
}

/* False if the entry is empty or was written meanwhile. Pairs with the barriers above. */
static bool read_entry(const struct wkc_trap_entry *e, struct wkc_trap_entry *out)
{
	out->seq = READ_ONCE(e->seq);
	smp_rmb();
	out->time_ns = READ_ONCE(e->time_ns);
	out->site = READ_ONCE(e->site);
	out->code = READ_ONCE(e->code);
	out->packet_len = READ_ONCE(e->packet_len);
	smp_rmb();
	return out->seq && READ_ONCE(e->seq) == out->seq;
}

/* Where a trap happened, as far as the object knows. Site 0 means a trap of the loader's own. */
void wkc_trap_locate(const struct wkc_filter *f, u64 site, struct wkc_trap_record *rec)
{
	rec->site = WKC_NONE;
	rec->wasm_offset = WKC_NONE;
	if (site && wkc_core_trap_lookup(f->program, site, rec))
		rec->site = site - f->image.text_base;
	rec->function[sizeof(rec->function) - 1] = 0;
	rec->file[sizeof(rec->file) - 1] = 0;
}

/* "out-of-fuel in `main` at src/lib.rs:12 (wasm offset 0x1f)" */
void wkc_trap_describe(const struct wkc_filter *f, u32 code, u64 site, char *text,
		       size_t size)
{
	struct wkc_trap_record *rec = kzalloc(sizeof(*rec), GFP_KERNEL);
	size_t n = scnprintf(text, size, "%s", wkc_trap_name(code));

	if (!rec)
		return;
	wkc_trap_locate(f, site, rec);
	if (rec->function[0])
		n += scnprintf(text + n, size - n, " in `%s`", rec->function);
	if (rec->file[0])
		n += scnprintf(text + n, size - n, " at %s:%u", rec->file, rec->line);
	if (rec->wasm_offset != WKC_NONE)
		scnprintf(text + n, size - n, " (wasm offset 0x%x)", rec->wasm_offset);
	kfree(rec);
}

struct found {
	struct wkc_trap_entry entry;
	u32 cpu;
};

static int by_time(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->entry.time_ns != y->entry.time_ns)
		return x->entry.time_ns < y->entry.time_ns ? -1 : 1;
	return x->entry.seq < y->entry.seq ? -1 : x->entry.seq > y->entry.seq;
}

static u32 collect(const struct wkc_filter *f, struct found *all)
{
	u32 cpu, i, n = 0;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		const struct wkc_cpu *c = f->cpus[cpu];

		for (i = 0; c && i < WKC_TRAP_RECORDS; i++) {
			if (!read_entry(&c->trap_ring[i], &all[n].entry))
				continue;
			all[n++].cpu = cpu;
		}
	}
	sort(all, n, sizeof(*all), by_time, NULL);
	return n;
}

/*
 * wkc_lock held. Writes the last @capacity of the traps kept, oldest first; @count is how many there
 * are, at most WKC_TRAP_RECORDS. 0 or -ENOMEM.
 */
int wkc_trap_log(const struct wkc_filter *f, struct wkc_trap_record *out, u32 capacity, u32 *count)
{
	struct found *all;
	u32 n, i, first;

	lockdep_assert_held(&wkc_lock);
	all = kvcalloc(nr_cpu_ids, sizeof(*all) * WKC_TRAP_RECORDS, GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	n = collect(f, all);
	*count = min_t(u32, n, WKC_TRAP_RECORDS);
	first = n - min(*count, capacity);
	for (i = first; i < n; i++, out++) {
		memset(out, 0, sizeof(*out));
		wkc_trap_locate(f, all[i].entry.site, out);
		out->time_ns = all[i].entry.time_ns;
		out->code = all[i].entry.code;
		out->packet_len = all[i].entry.packet_len;
		out->cpu = all[i].cpu;
	}
	kvfree(all);
	return 0;
}
