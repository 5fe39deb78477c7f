// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of loaded programs: load, unload, find, list.
 *
 *	load:	core verifies and links -> instances for all online CPUs -> slot published
 *	unload:	attached? refuse -> slot cleared -> grace period -> instances, image, space freed
 *
 * A slot is reused, a handle never: each load takes the slot's next generation.
 */
#include <linux/bpf.h>
#include <linux/cpu.h>
#include <linux/ctype.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "wasmkc.h"

DEFINE_MUTEX(wkc_lock);

/* Written under wkc_lock, read under RCU. */
struct wkc_filter __rcu *wkc_slots[WKC_SLOTS];

/*
 * What a packet finds by its handle: the instance of each slot's program on the CPU that looks. Written under
 * wkc_lock, read under RCU. Never NULL: where there is none, a handle that no packet has is found.
 */
DEFINE_PER_CPU(struct wkc_cpu *, wkc_here[WKC_SLOTS]);
static struct wkc_cpu nobody[2];

static u32 generations[WKC_SLOTS];	/* protected by wkc_lock */
static u32 last_id;			/* protected by wkc_lock */

/* The filter in @slot, for holders of wkc_lock and inside an RCU read side. */
static struct wkc_filter *in_slot(u32 slot)
{
	return rcu_dereference_check(wkc_slots[slot], lockdep_is_held(&wkc_lock));
}

struct wkc_filter *wkc_program_find(const char *name)
{
	u32 slot;

	for (slot = 0; slot < WKC_SLOTS; slot++) {
		struct wkc_filter *f = in_slot(slot);

		if (f && !strcmp(f->name, name))
			return f;
	}
	return NULL;
}

struct wkc_filter *wkc_program_find_xdp(const char *name, const char *otherwise, char *msg)
{
	struct wkc_filter *f = wkc_program_find(name);

	if (!f) {
		snprintf(msg, WKC_MSG_LEN, "no program named `%s` is loaded", name);
		return ERR_PTR(-ENOENT);
	}
	if (!f->entry_xdp) {
		snprintf(msg, WKC_MSG_LEN, "`%s` exports no `xdp`: it can be called, but %s", name, otherwise);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return f;
}

struct wkc_filter *wkc_program_find_id(u32 id)
{
	u32 slot;

	for (slot = 0; slot < WKC_SLOTS; slot++) {
		struct wkc_filter *f = in_slot(slot);

		if (f && f->id == id)
			return f;
	}
	return NULL;
}

u32 wkc_program_count(void)
{
	u32 slot, n = 0;

	for (slot = 0; slot < WKC_SLOTS; slot++)
		n += !!in_slot(slot);
	return n;
}

static int check_request(const struct wkc_load *req, char *msg)
{
	size_t len = strnlen(req->name, sizeof(req->name)), i;

	if (!len || len == sizeof(req->name)) {
		snprintf(msg, WKC_MSG_LEN, "a program's name has 1 to %d characters", WKC_NAME_LEN - 1);
		return -EINVAL;
	}
	for (i = 0; i < len; i++) {
		if (isascii(req->name[i]) && (isalnum(req->name[i]) || strchr("_.-", req->name[i])))
			continue;
		snprintf(msg, WKC_MSG_LEN, "a program's name is made of letters, digits, `_`, `.` and `-`");
		return -EINVAL;
	}
	if (req->flags & ~WKC_LOAD_FLAGS) {
		snprintf(msg, WKC_MSG_LEN, "this loader has no flag %#x of LOAD; update it",
			 req->flags & ~WKC_LOAD_FLAGS);
		return -EINVAL;
	}
	if (req->trap_verdict > XDP_PASS) {
		snprintf(msg, WKC_MSG_LEN, "the trap verdict is aborted (0), drop (1) or pass (2), not %u",
			 req->trap_verdict);
		return -EINVAL;
	}
	if (req->after_trap > WKC_AFTER_TRAP_DISABLE) {
		snprintf(msg, WKC_MSG_LEN, "after a trap: keep (0), reset (1) or disable (2), not %u",
			 req->after_trap);
		return -EINVAL;
	}
	if (req->after_trap == WKC_AFTER_TRAP_DISABLE && (!req->trap_limit || req->trap_limit > INT_MAX)) {
		snprintf(msg, WKC_MSG_LEN, "disable after how many traps? 1 to %d", INT_MAX);
		return -EINVAL;
	}
	return 0;
}

static int check_name_free(const char *name, char *msg)
{
	if (!wkc_program_find(name))
		return 0;
	snprintf(msg, WKC_MSG_LEN, "a program named `%s` is loaded already; unload it or choose another name",
		 name);
	return -EEXIST;
}

static int check_image(const struct wkc_load *req, const struct wkc_image_info *image, char *msg)
{
	if (req->fuel > image->fuel) {
		snprintf(msg, WKC_MSG_LEN, "fuel %llu is above the object's signed ceiling of %llu",
			 req->fuel, image->fuel);
		return -EINVAL;
	}
	if (image->engine == WKC_ENGINE_PORTABLE && (req->fuel ?: image->fuel) > WKC_FUEL_PORTABLE_MAX) {
		snprintf(msg, WKC_MSG_LEN, "portable code is interpreted: give it a fuel of at most %u, not %llu",
			 WKC_FUEL_PORTABLE_MAX, req->fuel ?: image->fuel);
		return -EINVAL;
	}
	if (image->instance_bytes < sizeof(struct wkc_instance)) {
		snprintf(msg, WKC_MSG_LEN, "bug in the loader's core: an instance of %u bytes",
			 image->instance_bytes);
		return -EINVAL;
	}
	return 0;
}

/*
 * Frees what is not in the table, or no longer. Nobody can hold a pointer to it:
 * - kfunc: found it through its slot, which was never set or was cleared before a grace period; so did packet.c;
 * - reset work: cancelled by wkc_instance_stop(), and only hooks queue it;
 * - ioctls and the hotplug callback: found it under wkc_lock, which is held here;
 * - ingress hooks: unload refuses while one is counted, and each holds the module;
 * - sessions: unload refuses while one is counted, and an open device holds the module at exit;
 * - generated code, and with it its text and rodata: runs inside the kfunc, run_init() or a session's
 *   call only;
 * - stubs: their references were dropped; one that lives on holds a number, not a pointer, and
 *   that number's generation is gone.
 */
static void free_filter(struct wkc_filter *f)
{
	u32 cpu;

	lockdep_assert_held(&wkc_lock);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		wkc_instance_stop(f, cpu);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		wkc_instance_destroy(f, cpu);
	wkc_core_free(f->program);
	wkc_memory_uncharge(f->bytes);
	kvfree(f);
}

/* Takes @program over, also when it fails. wkc_lock held. */
static struct wkc_filter *make_filter(const struct wkc_load *req, struct wkc_program *program,
				      const struct wkc_image_info *image, char *msg)
{
	size_t size = struct_size_t(struct wkc_filter, cpus, nr_cpu_ids);
	size_t bytes = size + image->heap_bytes;
	struct wkc_filter *f;
	int ret;

	ret = wkc_memory_charge(bytes, msg);
	if (ret)
		goto err_program;
	f = kvzalloc(size, GFP_KERNEL);
	if (!f) {
		ret = -ENOMEM;
		goto err_charge;
	}
	f->program = program;
	f->image = *image;
	f->bytes = bytes;
	f->entry_xdp = image->entry_xdp;
	f->fuel = req->fuel ?: image->fuel;
	f->trap_verdict = req->trap_verdict;
	f->after_trap = req->after_trap;
	f->trap_limit = req->trap_limit;
	strscpy(f->name, req->name, sizeof(f->name));
	INIT_LIST_HEAD(&f->stubs);
	return f;

err_charge:
	wkc_memory_uncharge(bytes);
err_program:
	wkc_core_free(program);
	return ERR_PTR(ret);
}

/* cpus_read_lock() and wkc_lock held. */
static int create_instances(struct wkc_filter *f, char *msg)
{
	u32 cpu;
	int ret;

	for_each_online_cpu(cpu) {
		ret = wkc_instance_create(f, cpu, msg);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* No packet finds a program in @slot on @cpu. */
static void nobody_here(u32 slot, u32 cpu)
{
	WRITE_ONCE(*per_cpu_ptr(&wkc_here[slot], cpu), &nobody[slot & 1]);
}

void wkc_program_init(void)
{
	u32 slot, cpu;

	for (slot = 0; slot < ARRAY_SIZE(nobody); slot++)
		nobody[slot].handle = wkc_handle_none(slot);
	for_each_possible_cpu(cpu) {
		for (slot = 0; slot < WKC_SLOTS; slot++)
			nobody_here(slot, cpu);
	}
}

/* For good. What is being judged just now goes on; on every CPU the next packet is refused. */
void wkc_program_disable(struct wkc_filter *f)
{
	u32 cpu;

	WRITE_ONCE(f->disabled, 1);
	/* Pairs with wkc_instance_open(). */
	smp_mb();
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		struct wkc_cpu *c = READ_ONCE(f->cpus[cpu]);

		if (c)
			WRITE_ONCE(c->handle, wkc_handle_none(wkc_handle_slot(f->handle)));
	}
}

static int publish(struct wkc_filter *f, char *msg)
{
	u32 slot, cpu;

	for (slot = 0; slot < WKC_SLOTS; slot++) {
		/* A slot whose generations are used up is never used again. */
		if (in_slot(slot) || generations[slot] == U32_MAX)
			continue;
		f->handle = wkc_handle_make(++generations[slot], WKC_HOOK_XDP, slot);
		f->id = ++last_id;
		rcu_assign_pointer(wkc_slots[slot], f);
		for (cpu = 0; cpu < nr_cpu_ids; cpu++)
			wkc_instance_open(f, cpu);
		return 0;
	}
	snprintf(msg, WKC_MSG_LEN, "all %d places for programs are taken; unload one", WKC_SLOTS);
	return -ENOSPC;
}

static int install(struct wkc_load *req, struct wkc_program *program,
		   const struct wkc_image_info *image, char *msg)
{
	struct wkc_filter *f;
	int ret;

	lockdep_assert_held(&wkc_lock);
	f = make_filter(req, program, image, msg);
	if (IS_ERR(f))
		return PTR_ERR(f);
	ret = check_name_free(f->name, msg);
	if (!ret)
		ret = check_image(req, image, msg);
	if (!ret)
		ret = create_instances(f, msg);
	if (!ret)
		ret = publish(f, msg);
	if (ret)
		free_filter(f);
	else
		req->id = f->id;
	return ret;
}

/* All or nothing. No lock held, see wasmkc.h. */
int wkc_program_load(struct wkc_load *req, const u8 *object, char *msg)
{
	struct wkc_image_info image = {};
	struct wkc_program *program;
	int ret;

	ret = check_request(req, msg);
	if (ret)
		return ret;
	mutex_lock(&wkc_lock);
	ret = check_name_free(req->name, msg);
	mutex_unlock(&wkc_lock);
	if (ret)
		return ret;

	ret = wkc_core_load(object, req->len, req->flags, &program, &image, msg, WKC_MSG_LEN);
	if (ret)
		return ret;

	cpus_read_lock();
	mutex_lock(&wkc_lock);
	ret = install(req, program, &image, msg);
	mutex_unlock(&wkc_lock);
	cpus_read_unlock();
	return ret;
}

/* wkc_lock held. */
static void remove(u32 slot)
{
	struct wkc_filter *f = in_slot(slot);
	u32 cpu;

	for_each_possible_cpu(cpu)
		nobody_here(slot, cpu);
	RCU_INIT_POINTER(wkc_slots[slot], NULL);
	wkc_stub_drop(f);
	synchronize_rcu();
	free_filter(f);
}

int wkc_program_unload(const char *name, char *msg)
{
	struct wkc_filter *f;
	u32 attached, ingress;
	int ret = 0;

	mutex_lock(&wkc_lock);
	f = wkc_program_find(name);
	if (!f) {
		snprintf(msg, WKC_MSG_LEN, "no program named `%s` is loaded", name);
		ret = -ENOENT;
		goto out;
	}
	attached = wkc_stub_attached(f);
	ingress = atomic_read(&f->ingress);
	if (attached || ingress) {
		snprintf(msg, WKC_MSG_LEN, "`%s` is attached (%u stub programs are in use, and %u ingress hooks); detach it first",
			 name, attached, ingress);
		ret = -EBUSY;
		goto out;
	}
	if (f->sessions) {
		snprintf(msg, WKC_MSG_LEN, "%u open devices have called `%s`; close them first", f->sessions, name);
		ret = -EBUSY;
		goto out;
	}
	remove(wkc_handle_slot(f->handle));
out:
	mutex_unlock(&wkc_lock);
	return ret;
}

static void describe(struct wkc_filter *f, struct wkc_program_info *out)
{
	u32 cpu;

	memset(out, 0, sizeof(*out));
	strscpy(out->name, f->name, sizeof(out->name));
	out->id = f->id;
	out->attached = wkc_stub_attached(f) + atomic_read(&f->ingress);
	out->flags = f->image.flags;
	out->hooks = f->image.hooks;
	out->trap_verdict = f->trap_verdict;
	out->after_trap = f->after_trap;
	out->trap_limit = f->trap_limit;
	out->text_bytes = f->image.text_size;
	out->fuel = f->fuel;
	out->disabled = READ_ONCE(f->disabled);
	out->engine = f->image.engine;
	out->targets = f->image.targets;
	out->memory_bytes = f->bytes + f->session_bytes;
	memcpy(out->text_sha256, f->image.text_sha256, sizeof(out->text_sha256));
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		if (!f->cpus[cpu])
			continue;
		out->instances++;
		out->memory_bytes += f->cpus[cpu]->bytes;
	}
}

/* wkc_lock held. Returns how many programs there are; fills the first @capacity of them. */
u32 wkc_program_list(struct wkc_program_info *out, u32 capacity)
{
	u32 slot, n = 0;

	lockdep_assert_held(&wkc_lock);
	for (slot = 0; slot < WKC_SLOTS; slot++) {
		struct wkc_filter *f = in_slot(slot);

		if (f && n++ < capacity)
			describe(f, out++);
	}
	return n;
}

/* Hotplug callback: the CPU gets an instance of each program that lacks one. */
void wkc_program_cpu_online(u32 cpu)
{
	char msg[WKC_MSG_LEN];
	u32 slot;

	mutex_lock(&wkc_lock);
	for (slot = 0; slot < WKC_SLOTS; slot++) {
		struct wkc_filter *f = in_slot(slot);

		if (!f || f->cpus[cpu])
			continue;
		msg[0] = 0;
		if (wkc_instance_create(f, cpu, msg))
			pr_notice("wasmkc %s: CPU %u gets no instance and gives the trap verdict: %s\n",
				  f->name, cpu, msg);
		else
			wkc_instance_open(f, cpu);
	}
	mutex_unlock(&wkc_lock);
}

/* Module exit: no ioctl, no hotplug callback and, since stubs hold the module, no kfunc can run. */
void wkc_program_uninit(void)
{
	u32 slot;

	mutex_lock(&wkc_lock);
	for (slot = 0; slot < WKC_SLOTS; slot++) {
		if (in_slot(slot))
			remove(slot);
	}
	mutex_unlock(&wkc_lock);
}
