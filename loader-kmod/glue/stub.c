// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stub programs: the small XDP programs that call the kfunc with a handle. The loader holds a
 * reference to each one registered, so it knows from the reference count who else does: a link, an
 * interface, a pin or an open file.
 *
 * A stub in turn holds the module through the module's BTF. So the loader's reference must not be
 * the last one for long, or rmmod would wait for ever: whoever looks prunes, and so does a work
 * that runs each second while there are stubs.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/slab.h>
#include "wasmkc.h"

/* Stub programs of one filter, far above the interfaces that it may be on. */
#define MAX_STUBS 4096

static void prune_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pruner, prune_work);
static bool stopping;		/* protected by wkc_lock */

static bool held_by_others(const struct wkc_stub *s)
{
	return atomic64_read(&s->prog->aux->refcnt) > 1;
}

static void drop(struct wkc_stub *s)
{
	list_del(&s->node);
	bpf_prog_put(s->prog);
	kfree(s);
}

/*
 * Drops stubs that nobody else holds; returns how many stay. One that somebody gets hold of by its
 * id just now is dropped all the same: its handle goes on being checked at each call.
 */
u32 wkc_stub_attached(struct wkc_filter *f)
{
	struct wkc_stub *s, *next;
	u32 n = 0;

	lockdep_assert_held(&wkc_lock);
	list_for_each_entry_safe(s, next, &f->stubs, node) {
		if (held_by_others(s))
			n++;
		else
			drop(s);
	}
	return n;
}

void wkc_stub_prune_all(void)
{
	u32 slot, left = 0;

	lockdep_assert_held(&wkc_lock);
	for (slot = 0; slot < WKC_SLOTS; slot++) {
		struct wkc_filter *f = rcu_dereference_protected(wkc_slots[slot], true);

		if (f)
			left += wkc_stub_attached(f);
	}
	if (left && !stopping)
		schedule_delayed_work(&pruner, HZ);
}

static void prune_work(struct work_struct *work)
{
	mutex_lock(&wkc_lock);
	wkc_stub_prune_all();
	mutex_unlock(&wkc_lock);
}

void wkc_stub_drop(struct wkc_filter *f)
{
	struct wkc_stub *s, *next;

	lockdep_assert_held(&wkc_lock);
	list_for_each_entry_safe(s, next, &f->stubs, node)
		drop(s);
}

/*
 * Whether @prog loads @f's handle, as the stubs that the command makes do. Others may be registered by
 * mistake only: whoever is allowed to could as well attach a stub and never say so. Where the kernel has
 * blinded the constants of the program (net.core.bpf_jit_harden) this cannot be told.
 */
static bool is_stub_of(const struct wkc_filter *f, const struct bpf_prog *prog)
{
	u32 i;

	if (prog->blinded)
		return true;
	for (i = 0; i + 1 < prog->len; i++) {
		const struct bpf_insn *insn = &prog->insnsi[i];

		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && (u32)insn[0].imm == (u32)f->handle &&
		    (u32)insn[1].imm == f->handle >> 32)
			return true;
	}
	return false;
}

static u32 count(const struct wkc_filter *f)
{
	const struct wkc_stub *s;
	u32 n = 0;

	list_for_each_entry(s, &f->stubs, node)
		n++;
	return n;
}

int wkc_stub_register(struct wkc_filter *f, int fd, char *msg)
{
	struct wkc_stub *s, *known;

	lockdep_assert_held(&wkc_lock);
	wkc_stub_attached(f);
	if (count(f) >= MAX_STUBS) {
		snprintf(msg, WKC_MSG_LEN, "`%s` has %d stub programs already", f->name, MAX_STUBS);
		return -ENOSPC;
	}
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	s->prog = bpf_prog_get_type_dev(fd, BPF_PROG_TYPE_XDP, false);
	if (IS_ERR(s->prog)) {
		int ret = PTR_ERR(s->prog);

		kfree(s);
		snprintf(msg, WKC_MSG_LEN, "file descriptor %d is no XDP program (error %d)", fd, ret);
		return ret;
	}
	if (!is_stub_of(f, s->prog)) {
		bpf_prog_put(s->prog);
		kfree(s);
		snprintf(msg, WKC_MSG_LEN, "file descriptor %d is no stub of `%s`: it does not load the handle", fd,
			 f->name);
		return -EINVAL;
	}
	list_for_each_entry(known, &f->stubs, node) {
		if (known->prog != s->prog)
			continue;
		bpf_prog_put(s->prog);
		kfree(s);
		return 0;
	}
	list_add_tail(&s->node, &f->stubs);
	schedule_delayed_work(&pruner, HZ);
	return 0;
}

void wkc_stub_init(void)
{
	stopping = false;
}

/* No lock held; no ioctl can register another stub. */
void wkc_stub_uninit(void)
{
	mutex_lock(&wkc_lock);
	stopping = true;
	mutex_unlock(&wkc_lock);
	cancel_delayed_work_sync(&pruner);
}
