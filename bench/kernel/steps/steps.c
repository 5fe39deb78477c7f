// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs an XDP program on a packet, one instruction at a time by the processor's trap flag, and tells how many there were
 * and through which symbols it went.
 *
 *	insmod steps.ko program=/sys/fs/bpf/NAME
 *	cd /sys/module/steps/parameters
 *	echo FILE >packet
 *	cat verdict count
 *	cat steps		INSTRUCTIONS SYMBOL, in the order in which they ran; as much as has room
 *
 * Counted is from the program's first instruction to its return, that one too, with interrupts off. The packet comes
 * twice, and the second time is counted: what only the first of several costs on a stack is not in it.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/kallsyms.h>
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <net/xdp.h>
#include <asm/debugreg.h>

#define MAX_STEPS 100000

static char *program;
module_param(program, charp, 0444);
MODULE_PARM_DESC(program, "where the program is pinned");

/* Of the last packet; written under the lock that the kernel holds for parameters. */
static char steps[PAGE_SIZE - 1];
module_param_string(steps, steps, sizeof(steps), 0444);
static u32 verdict, count;
module_param(verdict, uint, 0444);
module_param(count, uint, 0444);

static struct bpf_prog *prog;
static void *page;

/* Addresses of the instructions that ran; written by the notifier only, while interrupts are off. */
static unsigned long *seen;
static u32 told;
static unsigned long first, back;
static bool inside;

static int on_debug(struct notifier_block *block, unsigned long event, void *data)
{
	struct die_args *args = data;
	unsigned long *dr6 = (unsigned long *)args->err;
	struct pt_regs *regs = args->regs;

	if (event != DIE_DEBUG || !(*dr6 & DR_STEP) || user_mode(regs))
		return NOTIFY_DONE;
	*dr6 &= ~DR_STEP;
	if (!inside && regs->ip == first) {
		inside = true;
		back = *(unsigned long *)regs->sp;
	} else if (inside && regs->ip == back) {
		regs->flags &= ~X86_EFLAGS_TF;
	}
	if (inside && regs->ip != back && told < MAX_STEPS)
		seen[told++] = regs->ip;
	return NOTIFY_STOP;
}

/* Before the loader's own, which is for exceptions that nobody expects. */
static struct notifier_block block = { .notifier_call = on_debug, .priority = INT_MAX };

static noinline u32 step_through(struct xdp_buff *xdp)
{
	unsigned long flags;
	u32 ret;

	first = (unsigned long)prog->bpf_func;
	local_bh_disable();
	rcu_read_lock();
	local_irq_save(flags);
	prog->bpf_func(xdp, prog->insnsi);
	told = 0;
	inside = false;
	asm volatile("pushf; orq %0, (%%rsp); popf" : : "i"(X86_EFLAGS_TF) : "memory", "cc");
	ret = prog->bpf_func(xdp, prog->insnsi);
	local_irq_restore(flags);
	rcu_read_unlock();
	local_bh_enable();
	return ret;
}

/*
 * In srso_safe_ret the kernel tells nobody of steps. Where the step at @i called such code and the next one is not in
 * it, it ran all the same: two instructions.
 */
static u32 untold(u32 i)
{
	static const u8 lea_ret[] = { 0x48, 0x8d, 0x64, 0x24, 0x08, 0xc3 };
	const u8 *at = (const u8 *)seen[i];
	unsigned long to;
	s32 by;

	if (at[0] != 0xe8)
		return 0;
	memcpy(&by, at + 1, sizeof(by));
	to = seen[i] + 5 + by;
	if (i + 1 < told && seen[i + 1] == to)
		return 0;
	return memcmp((const void *)to, lea_ret, sizeof(lea_ret)) ? 0 : 2;
}

/* What follows each other within one symbol is one line. */
static void tell(void)
{
	char last[KSYM_SYMBOL_LEN] = "", name[KSYM_SYMBOL_LEN];
	size_t at = 0;
	u32 i, n = 0;

	count = told;
	for (i = 0; i <= told; i++) {
		if (i < told)
			sprint_symbol_no_offset(name, seen[i]);
		if (n && (i == told || strcmp(name, last))) {
			at += scnprintf(steps + at, sizeof(steps) - at, "%u %s\n", n, last);
			n = 0;
		}
		if (i == told)
			break;
		strscpy(last, name, sizeof(last));
		n += 1 + untold(i);
		count += untold(i);
	}
}

static int read_packet(const char *path, struct xdp_buff *xdp)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	loff_t from = 0;
	ssize_t len;

	if (IS_ERR(file))
		return PTR_ERR(file);
	len = kernel_read(file, xdp->data, PAGE_SIZE / 2, &from);
	filp_close(file, NULL);
	if (len < 0)
		return len;
	xdp->data_end = xdp->data + len;
	return 0;
}

static int set_packet(const char *value, const struct kernel_param *param)
{
	struct xdp_rxq_info rxq = {};
	struct xdp_buff xdp = {
		.rxq = &rxq, .frame_sz = PAGE_SIZE,
		.data_hard_start = page, .data = page + XDP_PACKET_HEADROOM, .data_meta = page + XDP_PACKET_HEADROOM,
	};
	char path[256];
	int ret;

	if (!seen || strscpy(path, value, sizeof(path)) < 0)
		return -EINVAL;
	ret = read_packet(strim(path), &xdp);
	if (ret)
		return ret;
	ret = register_die_notifier(&block);
	if (ret)
		return ret;
	verdict = step_through(&xdp);
	unregister_die_notifier(&block);
	tell();
	return told == MAX_STEPS ? -E2BIG : 0;
}

static const struct kernel_param_ops packet_ops = { .set = set_packet };
module_param_cb(packet, &packet_ops, NULL, 0200);
MODULE_PARM_DESC(packet, "file with a packet, which is run as soon as it is named");

static void release(void)
{
	bpf_prog_put(prog);
	free_page((unsigned long)page);
	vfree(seen);
}

static int __init steps_init(void)
{
	if (!program)
		return -EINVAL;
	prog = bpf_prog_get_type_path(program, BPF_PROG_TYPE_XDP);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	page = (void *)get_zeroed_page(GFP_KERNEL);
	seen = page ? vmalloc(array_size(MAX_STEPS, sizeof(*seen))) : NULL;
	if (!seen)
		release();
	return seen ? 0 : -ENOMEM;
}

static void __exit steps_exit(void)
{
	release();
}

module_init(steps_init);
module_exit(steps_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("instructions of an XDP program, by symbol");
