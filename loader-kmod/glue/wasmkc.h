/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared declarations of the glue.
 *
 * Lock order, outermost first:
 *
 *	session lock		one open device's instance	call.c
 *	rtnl_lock()		network devices			ingress.c
 *	  ingress_lock		attachments			ingress.c
 *	cpus_read_lock()	CPUs neither come nor go		control.c, cpu.c
 *	  wkc_lock		program table, stubs, names		program.c
 *	    arena_lock		allocation bitmaps, alias mapping	arena.c
 *	trust_lock		list of keys, the lock flag		trust.c, alone
 *
 * wkc_core_load() verifies signatures, which may load kernel modules, which may wait for a CPU
 * that is coming or going; it is therefore called with no lock held.
 *
 * Contexts: everything is process context and may sleep, but what is marked "softirq": what judges
 * a packet (xdp.c, ingress.c, run.c), the trap path (traps.c) and the helpers (helpers.c). Those take no
 * lock but the innermost one of the log's queue (log.c). For a packet they run on one CPU and inside an RCU
 * read side, which is what keeps a filter alive; bottom halves are disabled but for test runs of 6.1
 * (xdp.c). Generated code and helpers, and they alone, also run
 * in process context: while an instance is being made (instance.c), and in calls of exports (call.c). No
 * hook can be in those instances. Generated code never yields; where the kernel does not preempt, the fuel
 * is what bounds it.
 */
#ifndef WASMKC_H
#define WASMKC_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <asm/byteorder.h>
#include <asm/local64.h>
#include "arch.h"
#include "compat.h"
#include "core.h"
#include "entry.h"

#define WKC_NAME_LEN 32
#define WKC_MSG_LEN 256

/* Slots of the program table; a power of two, see wkc_handle_slot(). */
#define WKC_SLOTS 256

/* Values of wkc_cpu.busy; an instance is claimed by its lowest bit. */
#define WKC_IDLE 0
#define WKC_RUNNING 1
#define WKC_RESETTING 3		/* a trap happened; the reset work owns the instance */

/*
 * One trap as the kfunc notes it; names and lines are looked up when somebody reads it.
 * seq is 0 while the entry is being written, else the trap's number, so a reader can tell a torn one.
 */
struct wkc_trap_entry {
	u64 seq;
	u64 time_ns;
	u64 site;
	u32 code;
	u32 packet_len;
};

/*
 * One instance: of a filter on one CPU, or of a session (call.c), which uses no counter, no ring and no
 * reset. Counters are written by this CPU only, in single instructions, so that an interrupt that enters
 * the filter again loses none; any CPU may read them.
 */
struct wkc_cpu {
	struct wkc_call call;		/* of the packet that is being judged; only what run.h fills in is not constant */
	u64 handle;			/* the program's while packets may enter, else one that no packet has */
	unsigned long busy;		/* WKC_IDLE and so on; changed by this CPU, and by the reset work */
	u32 cpu;
	u64 entry;			/* constant: what wkc_enter() is to call for a packet */
	u64 fuel_limit;			/* constant: a packet's */
	unsigned long stack_pointer;	/* for which call.stack_limit is right; this CPU's own */
	local64_t fuel;
	local64_t verdicts[8];
	struct wkc_instance *instance;	/* in the same allocation */
	struct wkc_filter *filter;
	struct wkc_machine *machine;	/* what portable code runs on; NULL for native code */
	u8 *memory;			/* memory_max pages, or NULL */
	size_t bytes;			/* charged for this struct, the instance, the memory and the machine */
	struct delayed_work reset;
	unsigned long last_reset;	/* jiffies; written by the reset work only */
	local64_t traps[WKC_TRAP_COUNTERS];
	local64_t trap_seq;
	struct wkc_trap_entry trap_ring[WKC_TRAP_RECORDS];
};

/* A stub program that was registered for a filter. Protected by wkc_lock. */
struct wkc_stub {
	struct list_head node;
	struct bpf_prog *prog;		/* one reference */
};

/* One loaded program. A packet that is judged as usual reads none of this, but its CPU's struct wkc_cpu only. */
struct wkc_filter {
	u64 handle;			/* constant once it is published */
	u64 entry_xdp;			/* constant */
	u64 fuel;			/* constant */
	u32 trap_verdict;		/* constant */
	u32 disabled;			/* set once, by wkc_program_disable() */
	u32 after_trap;			/* constant */
	u32 trap_limit;			/* constant */
	atomic_t trap_count;		/* traps of the filter's own making, for trap_limit */
	u32 id;				/* constant */
	char name[WKC_NAME_LEN];	/* constant */
	struct wkc_program *program;	/* constant, owned */
	struct wkc_image_info image;	/* constant */
	size_t bytes;			/* charged for this struct and the image; constant */
	struct list_head stubs;		/* protected by wkc_lock */
	atomic_t ingress;		/* attachments of ingress.c; rises under wkc_lock only */
	u32 sessions;			/* open devices that call it; protected by wkc_lock */
	size_t session_bytes;		/* charged for their instances; protected by wkc_lock */
	atomic64_t no_cpu_traps[WKC_TRAP_COUNTERS]; /* traps where no wkc_cpu may be written */
	struct wkc_cpu *cpus[];		/* nr_cpu_ids; written under wkc_lock, read by anybody */
};

/* arena.c */
int wkc_arena_init(void);
int wkc_arena_check_wx(void);
bool wkc_arena_is_text(u64 address);
void wkc_arena_usage(struct wkc_info *info);

/* bytecode.c */
int wkc_bytecode_alloc(size_t size, u64 *addr);
void wkc_bytecode_free(u64 addr);
int wkc_bytecode_write(u64 addr, const u8 *bytes, size_t len);

/* trust.c */
int wkc_trust_init(void);
void wkc_trust_uninit(void);
int wkc_trust_add(const u8 *der, size_t len, char *msg);
int wkc_trust_lock(void);
u32 wkc_trust_list(struct wkc_trust_key *keys, u32 capacity);
void wkc_trust_usage(struct wkc_info *info);

/* platform.c */
int wkc_memory_charge(size_t bytes, char *msg);
void wkc_memory_uncharge(size_t bytes);
void wkc_memory_usage(struct wkc_info *info);

/* arch/MACHINE/pages.c */
struct wkc_page_rights {
	bool present, writable, executable;
};
struct wkc_page_rights wkc_page_rights(const void *address);
void wkc_text_stored(const void *at, size_t len);

/* engine.c */
u32 wkc_interpret_packet(struct wkc_call *call);	/* softirq */
u64 wkc_packet_entry(const struct wkc_filter *f);
void wkc_packet_stack(struct wkc_cpu *c, unsigned long sp);	/* softirq */

/* instance.c */
int wkc_instance_init(void);
void wkc_instance_uninit(void);
int wkc_instance_create(struct wkc_filter *f, u32 cpu, char *msg);
void wkc_instance_open(struct wkc_filter *f, u32 cpu);
void wkc_instance_stop(struct wkc_filter *f, u32 cpu);
void wkc_instance_destroy(struct wkc_filter *f, u32 cpu);
struct wkc_cpu *wkc_instance_make(struct wkc_filter *f, u32 cpu, char *msg);
void wkc_instance_free(struct wkc_cpu *c);
void wkc_instance_give_back_shadow_stack(struct wkc_cpu *c);	/* softirq, and call.c */
void wkc_instance_reset_later(struct wkc_cpu *c);	/* softirq */

/* program.c */
extern struct mutex wkc_lock;
extern struct wkc_filter __rcu *wkc_slots[WKC_SLOTS];
DECLARE_PER_CPU(struct wkc_cpu *, wkc_here[WKC_SLOTS]);
void wkc_program_init(void);
void wkc_program_disable(struct wkc_filter *f);	/* any context, RCU read side or wkc_lock */
int wkc_program_load(struct wkc_load *req, const u8 *object, char *msg);
int wkc_program_unload(const char *name, char *msg);
/* Under wkc_lock, or inside an RCU read side; the second one is an error with a message unless it has `xdp`. */
struct wkc_filter *wkc_program_find(const char *name);
struct wkc_filter *wkc_program_find_xdp(const char *name, const char *otherwise, char *msg);
struct wkc_filter *wkc_program_find_id(u32 id);
u32 wkc_program_list(struct wkc_program_info *out, u32 capacity);
u32 wkc_program_count(void);
void wkc_program_cpu_online(u32 cpu);
void wkc_program_uninit(void);

/* stub.c; all but init and uninit with wkc_lock held */
void wkc_stub_init(void);
void wkc_stub_uninit(void);
int wkc_stub_register(struct wkc_filter *f, int fd, char *msg);
u32 wkc_stub_attached(struct wkc_filter *f);
void wkc_stub_prune_all(void);
void wkc_stub_drop(struct wkc_filter *f);

/* cpu.c */
int wkc_cpu_init(void);
void wkc_cpu_uninit(void);

/* xdp.c */
#ifdef WKC_HAVE_KFUNCS
int wkc_xdp_init(void);
u32 wkc_xdp_kfunc_id(void);
#else
static inline int wkc_xdp_init(void) { return 0; }
static inline u32 wkc_xdp_kfunc_id(void) { return 0; }
#endif

/* ingress.c */
int wkc_ingress_init(void);
void wkc_ingress_uninit(void);
int wkc_ingress_attach(const char *name, u32 ifindex, u32 *id, char *msg);
int wkc_ingress_detach(u32 id, char *msg);
u32 wkc_ingress_list(struct wkc_attachment *out, u32 capacity);

/* packet.c */
int wkc_packet_request(void __user *arg);

/* call.c */
struct wkc_session;
struct wkc_session *wkc_session_open(void);
void wkc_session_close(struct wkc_session *s);
int wkc_call_request(struct wkc_session *s, void __user *arg);

/* traps.c */
const char *wkc_trap_name(u32 code);
void wkc_trap_locate(const struct wkc_filter *f, u64 site, struct wkc_trap_record *rec);
void wkc_trap_note(struct wkc_cpu *c, u32 code, u64 site, u32 packet_len);	/* softirq */
void wkc_trap_describe(const struct wkc_filter *f, u32 code, u64 site, char *text, size_t size);
int wkc_trap_log(const struct wkc_filter *f, struct wkc_trap_record *out, u32 capacity, u32 *count);

/* arch/MACHINE/die.c */
int wkc_die_init(void);
void wkc_die_uninit(void);
int wkc_die_unowned(void);

/* log.c */
u32 wkc_log(const struct wkc_filter *f, const u8 *text, size_t len);	/* softirq */
void wkc_log_uninit(void);

/* stats.c */
void wkc_stats_read(const struct wkc_filter *f, struct wkc_stats *out);

/* control.c */
int wkc_need(int cap, const char *what, char *msg);
int wkc_reply(int ret, const struct wkc_text *text, const char *msg);
int wkc_control_init(void);
void wkc_control_uninit(void);

/* lists.c */
int wkc_list_request(unsigned int request, void __user *arg);

/* Addresses in the blocks of generated code have 64 bits, and the program's own are as wide everywhere. */
static inline u64 wkc_address(const void *p)
{
	return (unsigned long)p;
}

static inline void *wkc_pointer(u64 address)
{
	return (void *)(unsigned long)address;
}

/* What is left is below zero after the trap for lack of fuel. */
static inline u64 wkc_fuel_left(const struct wkc_call *call)
{
	return max(call->fuel, 0LL);
}

/*
 * A handle is generation << 32 | hook << 24 | slot. A hook masks the slot and then compares the
 * whole handle, which checks slot, hook and generation at once.
 */
static inline u32 wkc_handle_slot(u64 handle)
{
	return handle & (WKC_SLOTS - 1);
}

static inline u64 wkc_handle_make(u32 generation, u32 hook, u32 slot)
{
	return (u64)generation << 32 | hook << 24 | slot;
}

/* A number that is no handle of @slot, whatever generation and hook are: its lowest bit is another slot's. */
static inline u64 wkc_handle_none(u32 slot)
{
	return ~slot & 1;
}

#endif /* WASMKC_H */
