// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instances: one filter on one CPU, made at load or when a CPU comes online, made anew after a
 * trap where the program was loaded so; and one for an open device that calls exports (call.c).
 *
 * An instance is published only after its init entries have run, so nothing can enter it before.
 */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include "engine.h"
#include "wasmkc.h"

#define WASM_PAGE 65536UL
#define INSTANCE_ALIGN 64
/* Registers of the interpreter, its largest stack, and what the allocator rounds up to. */
#define MACHINE_BYTES (WKC_STACK_CALL_MAX + 1024)

/*
 * A reset clears up to 64 MiB and runs the init entries, all at the price of one packet that traps:
 * no CPU's instance is reset more often than that.
 */
#define RESET_INTERVAL (HZ / 10)

static struct workqueue_struct *reset_queue;

static const char *const entry_names[] = { "the start function", "`_initialize`", "`init`" };

/*
 * Runs start, _initialize and init on shared fuel, in process context, without a packet.
 * A filter may be preempted and may migrate here where the kernel is one that preempts: its instance is
 * not published, or is marked as resetting, so nobody else can be in it, and it learns its CPU from the
 * instance.
 */
static int run_init(struct wkc_cpu *c, char *msg)
{
	const struct wkc_filter *f = c->filter;
	struct wkc_call call = {
		.instance = wkc_address(c->instance),
		.fuel = WKC_FUEL_INIT,
	};
	int unowned = wkc_die_unowned();
	size_t n;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(f->image.entry_init); i++) {
		if (!f->image.entry_init[i])
			continue;
		wkc_execute(c, &call, f->image.entry_init[i], WKC_STACK_XDP);
		cond_resched();
		/* Another load's exception at the same time fails this one, too; its next try will not. */
		if (READ_ONCE(f->disabled) || wkc_die_unowned() != unowned) {
			snprintf(msg, WKC_MSG_LEN, "%s raised an exception on the instance of CPU %u, or was disabled meanwhile",
				 entry_names[i], c->cpu);
			return -ENOEXEC;
		}
		if (!call.trap_code)
			continue;
		n = scnprintf(msg, WKC_MSG_LEN, "%s trapped on the instance of CPU %u: ",
			      entry_names[i], c->cpu);
		wkc_trap_describe(f, call.trap_code, call.trap_site, msg + n, WKC_MSG_LEN - n);
		return -ENOEXEC;
	}
	return 0;
}

/* Brings an instance with zeroed memory to where it stands before the first packet. */
static int start_instance(struct wkc_cpu *c, char *msg)
{
	struct wkc_instance *i = c->instance;
	u32 sp = c->filter->image.shadow_sp_slot;
	int ret;

	if (READ_ONCE(c->filter->disabled)) {
		snprintf(msg, WKC_MSG_LEN, "`%s` is disabled: it trapped too often, or its code raised an exception",
			 c->filter->name);
		return -EIO;
	}
	wkc_core_instantiate(c->filter->program, i, c->memory);
	i->owner = wkc_address(c->filter);
	i->cpu = c->cpu;
	ret = run_init(c, msg);
	if (!ret && sp != WKC_NONE)
		i->shadow_sp = i->globals[sp];
	return ret;
}

/*
 * The work of AFTER_TRAP_RESET. busy is WKC_RESETTING from the trap until the last store here, so
 * packets get the trap verdict meanwhile and never see a half-made instance. Where the init entries
 * fail it stays so for good.
 */
static void reset_instance(struct work_struct *work)
{
	struct wkc_cpu *c = container_of(to_delayed_work(work), struct wkc_cpu, reset);
	struct wkc_filter *f = c->filter;
	u8 *at, *end = c->memory + f->image.memory_max * WASM_PAGE;
	char msg[WKC_MSG_LEN];

	if (READ_ONCE(f->disabled))
		return;
	for (at = c->memory; at < end; at += WASM_PAGE) {
		memset(at, 0, WASM_PAGE);
		cond_resched();
	}
	if (start_instance(c, msg)) {
		wkc_program_disable(f);
		pr_notice("wasmkc %s: disabled, %s\n", f->name, msg);
		return;
	}
	WRITE_ONCE(c->last_reset, jiffies);
	smp_store_release(&c->busy, WKC_IDLE);
}

/* Softirq. The caller has set busy to WKC_RESETTING, so this is called once until the work is done. */
void wkc_instance_reset_later(struct wkc_cpu *c)
{
	unsigned long since = jiffies - READ_ONCE(c->last_reset);

	queue_delayed_work(reset_queue, &c->reset, since < RESET_INTERVAL ? RESET_INTERVAL - since : 0);
}

static struct wkc_cpu *alloc_instance(struct wkc_filter *f, u32 cpu, char *msg)
{
	size_t head = ALIGN(sizeof(struct wkc_cpu), INSTANCE_ALIGN);
	size_t block = PAGE_ALIGN(head + f->image.instance_bytes);
	size_t memory = f->image.memory_max * WASM_PAGE;
	bool portable = f->image.engine == WKC_ENGINE_PORTABLE;
	size_t bytes = block + memory + (portable ? MACHINE_BYTES : 0);
	struct wkc_cpu *c;
	int ret;

	ret = wkc_memory_charge(bytes, msg);
	if (ret)
		return ERR_PTR(ret);
	c = vzalloc_node(block, cpu_to_node(cpu));
	if (!c)
		goto err_charge;
	c->bytes = bytes;
	c->filter = f;
	c->cpu = cpu;
	c->instance = (void *)c + head;
	c->call.instance = wkc_address(c->instance);
	c->entry = wkc_packet_entry(f);
	c->fuel_limit = f->fuel;
	INIT_DELAYED_WORK(&c->reset, reset_instance);
	c->last_reset = jiffies - RESET_INTERVAL;
	if (memory) {
		c->memory = vzalloc_node(memory, cpu_to_node(cpu));
		if (!c->memory)
			goto err_block;
	}
	if (portable) {
		c->machine = wkc_core_machine_create();
		if (!c->machine)
			goto err_memory;
	}
	return c;

err_memory:
	vfree(c->memory);
err_block:
	vfree(c);
err_charge:
	wkc_memory_uncharge(bytes);
	snprintf(msg, WKC_MSG_LEN, "the kernel has no %zu bytes for the instance of CPU %u",
		 bytes, cpu);
	return ERR_PTR(-ENOMEM);
}

void wkc_instance_free(struct wkc_cpu *c)
{
	wkc_memory_uncharge(c->bytes);
	wkc_core_machine_destroy(c->machine);
	vfree(c->memory);
	vfree(c);
}

/* After a trap in code that keeps its own stack in linear memory. */
void wkc_instance_give_back_shadow_stack(struct wkc_cpu *c)
{
	u32 slot = c->filter->image.shadow_sp_slot;

	if (slot != WKC_NONE)
		c->instance->globals[slot] = c->instance->shadow_sp;
}

/*
 * An instance that is ready and nobody knows of, or an error with a message. No lock needed, but something
 * must keep @f: wkc_lock, or a session that is counted.
 */
struct wkc_cpu *wkc_instance_make(struct wkc_filter *f, u32 cpu, char *msg)
{
	struct wkc_cpu *c = alloc_instance(f, cpu, msg);
	int ret;

	if (IS_ERR(c))
		return c;
	ret = start_instance(c, msg);
	if (ret) {
		wkc_instance_free(c);
		return ERR_PTR(ret);
	}
	return c;
}

/* wkc_lock held. 0, or -errno with a message and nothing changed. */
int wkc_instance_create(struct wkc_filter *f, u32 cpu, char *msg)
{
	struct wkc_cpu *c;

	lockdep_assert_held(&wkc_lock);
	c = wkc_instance_make(f, cpu, msg);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->handle = wkc_handle_none(wkc_handle_slot(f->handle));
	smp_store_release(&f->cpus[cpu], c);
	return 0;
}

/* wkc_lock held, @f in its slot. Packets may enter from here on, those of a program that is disabled excepted. */
void wkc_instance_open(struct wkc_filter *f, u32 cpu)
{
	u32 slot = wkc_handle_slot(f->handle);
	struct wkc_cpu *c = f->cpus[cpu];

	lockdep_assert_held(&wkc_lock);
	if (!c || !f->entry_xdp)
		return;
	WRITE_ONCE(c->handle, f->handle);
	/* Pairs with wkc_program_disable(): whichever comes second sees the other. */
	smp_mb();
	if (READ_ONCE(f->disabled))
		WRITE_ONCE(c->handle, wkc_handle_none(slot));
	/* Pairs with wkc_run_begin(). */
	smp_store_release(per_cpu_ptr(&wkc_here[slot], cpu), c);
}

/* As for wkc_instance_destroy(), which has to come after this has been done for all CPUs: a reset may disable all. */
void wkc_instance_stop(struct wkc_filter *f, u32 cpu)
{
	lockdep_assert_held(&wkc_lock);
	if (f->cpus[cpu])
		cancel_delayed_work_sync(&f->cpus[cpu]->reset);
}

/*
 * wkc_lock held, the filter unpublished and a grace period gone by: the hooks, which ran under
 * RCU, have left the instance and can queue no more work. What they queued has been waited for.
 */
void wkc_instance_destroy(struct wkc_filter *f, u32 cpu)
{
	struct wkc_cpu *c = f->cpus[cpu];

	lockdep_assert_held(&wkc_lock);
	if (!c)
		return;
	f->cpus[cpu] = NULL;
	wkc_instance_free(c);
}

int wkc_instance_init(void)
{
	/* Unbound: instantiating may take milliseconds, and no CPU's other work shall wait for it. */
	reset_queue = alloc_workqueue("wasmkc", WQ_UNBOUND, 0);
	return reset_queue ? 0 : -ENOMEM;
}

void wkc_instance_uninit(void)
{
	destroy_workqueue(reset_queue);
}
