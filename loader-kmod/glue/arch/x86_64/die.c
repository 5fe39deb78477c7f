// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last line: an exception in generated code ends the program, not the machine.
 *
 * The audit lets no instruction through that can raise one, so this runs only where the audit, the
 * signer or the hardware has failed. It costs nothing until then. Undefined instructions, breakpoints,
 * division errors and general protection are caught; a page fault is not, the kernel has no notifier
 * for it.
 *
 *	exception -> die notifier: in the arena? -> frames up to the first -> wkc_recover
 */
#include <linux/kdebug.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/uaccess.h>
#include "wasmkc.h"

/* entry.S */
void wkc_recover(void);			/* entered from here only */
void wkc_entering(void);		/* wkc_enter's call */
void wkc_left(void);			/* what follows it */

/*
 * Whether @address is where wkc_enter's call returns to: behind the call itself, which is shorter than the place for
 * it where the kernel has put a call by register instead of a retpoline.
 */
static bool is_wkc_enter(u64 address)
{
	return (u64)wkc_entering < address && address <= (u64)wkc_left;
}

/* Frames that generated code can have: the largest stack that is granted, 16 bytes for the smallest frame. */
#define MAX_FRAMES (WKC_STACK_CALL_MAX / 16)

static_assert(WKC_STACK_CALL_MAX >= WKC_STACK_XDP);

static atomic_t unowned = ATOMIC_INIT(0);

/* Exceptions of programs that are not published: a load compares the number before and after. */
int wkc_die_unowned(void)
{
	return atomic_read(&unowned);
}

static bool in_text(const struct wkc_filter *f, u64 address)
{
	return address - f->image.text_base < f->image.text_size;
}

/* The program at @address, RCU read side. */
static struct wkc_filter *owner_of(u64 address)
{
	u32 slot;

	for (slot = 0; slot < WKC_SLOTS; slot++) {
		struct wkc_filter *f = rcu_dereference(wkc_slots[slot]);

		if (f && in_text(f, address))
			return f;
	}
	return NULL;
}

/*
 * Sets @regs to where wkc_enter goes on without a verdict; false if that is not found. Every frame on the way
 * is generated code's: saved rbp, return address.
 */
static bool leave(struct pt_regs *regs)
{
	u64 frame = regs->bp, pair[2];
	u32 n;

	for (n = 0; n < MAX_FRAMES; n++) {
		if (copy_from_kernel_nofault(pair, (void *)frame, sizeof(pair)))
			return false;
		if (is_wkc_enter(pair[1])) {
			regs->bp = pair[0];
			regs->sp = frame + sizeof(pair);
			regs->ip = (unsigned long)wkc_recover;
			regs->flags &= ~X86_EFLAGS_DF;
			return true;
		}
		if (!wkc_arena_is_text(pair[1]) || pair[0] <= frame)
			return false;
		frame = pair[0];
	}
	return false;
}

static int on_die(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct die_args *args = data;
	struct pt_regs *regs = args->regs;
	struct wkc_filter *f;
	u64 at = regs->ip;

	if (event != DIE_TRAP && event != DIE_INT3 && event != DIE_GPF)
		return NOTIFY_DONE;
	if (user_mode(regs) || !wkc_arena_is_text(at) || !leave(regs))
		return NOTIFY_DONE;
	rcu_read_lock();
	f = owner_of(at);
	if (f) {
		wkc_program_disable(f);
		pr_err_ratelimited("wasmkc %s: disabled: exception %d at .text+0x%llx; the audit should have refused this object\n",
				   f->name, args->trapnr, at - f->image.text_base);
	} else {
		atomic_inc(&unowned);
	}
	rcu_read_unlock();
	return NOTIFY_STOP;
}

static struct notifier_block die_block = { .notifier_call = on_die };

int wkc_die_init(void)
{
	return register_die_notifier(&die_block);
}

/* No filter is left; after this no handler runs. */
void wkc_die_uninit(void)
{
	unregister_die_notifier(&die_block);
}
