// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of exports in process context. Each open device has at most one instance of its own, made at its
 * first call and freed when it closes: no hook ever enters it.
 *
 *	request -> program pinned, export found, values counted -> instance
 *	arguments -> transfer slots of the instance -> entry -> transfer slots -> results
 *
 * A call yields to nobody before it ends, unless the kernel preempts: WKC_FUEL_CALL_MAX units, of at most
 * WKC_INSTRUCTIONS_PER_FUEL instructions each, bound it, helpers and bulk operations aside.
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "engine.h"
#include "wasmkc.h"

struct wkc_session {
	struct mutex lock;	/* held for the length of a call */
	struct wkc_cpu *c;	/* NULL before the first call; protected by lock */
};

/* One call, all of it in the kernel's own memory. */
struct wkc_invocation {
	struct wkc_call_request req;
	struct wkc_trap_record rec;
	u64 entry;
	u64 slots[WKC_MAX_EXPORT_VALUES];
	u8 export[WKC_MAX_EXPORT_NAME + 1];
	char msg[WKC_MSG_LEN];
};

struct wkc_session *wkc_session_open(void)
{
	struct wkc_session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (s)
		mutex_init(&s->lock);
	return s;
}

/* Nobody else can reach @s: the last reference to its file has gone. */
void wkc_session_close(struct wkc_session *s)
{
	if (s->c) {
		mutex_lock(&wkc_lock);
		s->c->filter->sessions--;
		s->c->filter->session_bytes -= s->c->bytes;
		wkc_instance_free(s->c);
		mutex_unlock(&wkc_lock);
	}
	kfree(s);
}

/* The program that @v names, counted: it cannot be unloaded before unpin(). */
static struct wkc_filter *pin(struct wkc_invocation *v)
{
	struct wkc_filter *f;

	if (mutex_lock_killable(&wkc_lock))
		return ERR_PTR(-EINTR);
	f = wkc_program_find(v->req.name);
	if (f)
		f->sessions++;
	mutex_unlock(&wkc_lock);
	if (f)
		return f;
	snprintf(v->msg, WKC_MSG_LEN, "no program named `%s` is loaded", v->req.name);
	return ERR_PTR(-ENOENT);
}

static void unpin(struct wkc_filter *f)
{
	mutex_lock(&wkc_lock);
	f->sessions--;
	mutex_unlock(&wkc_lock);
}

static int refuse_disabled(const struct wkc_filter *f, char *msg)
{
	if (!READ_ONCE(f->disabled))
		return 0;
	snprintf(msg, WKC_MSG_LEN, "`%s` is disabled: it trapped too often, or its code raised an exception", f->name);
	return -EIO;
}

/* Finds the export and checks that its values fit the request. */
static int resolve(const struct wkc_filter *f, struct wkc_invocation *v)
{
	struct wkc_call_request *req = &v->req;
	u32 values[2], room = min(req->capacity, (u32)WKC_MAX_EXPORT_VALUES);
	int ret;

	ret = wkc_core_export(f->program, v->export, req->export_len, &v->entry, values);
	if (ret) {
		snprintf(v->msg, WKC_MSG_LEN, "`%s` exports no function `%.64s`", f->name, v->export);
		return ret;
	}
	if (req->args != values[0]) {
		snprintf(v->msg, WKC_MSG_LEN, "`%.64s` takes %u arguments, not %u", v->export, values[0], req->args);
		return -EINVAL;
	}
	if (values[1] > room) {
		snprintf(v->msg, WKC_MSG_LEN, "`%.64s` gives %u results, there is room for %u", v->export, values[1],
			 room);
		return -ENOSPC;
	}
	req->results = values[1];
	return refuse_disabled(f, v->msg);
}

/* The session's first call, @f pinned: the pin becomes the session's with its instance. */
static int begin(struct wkc_session *s, struct wkc_filter *f, char *msg)
{
	struct wkc_cpu *c = wkc_instance_make(f, raw_smp_processor_id(), msg);

	if (IS_ERR(c))
		return PTR_ERR(c);
	mutex_lock(&wkc_lock);
	f->session_bytes += c->bytes;
	mutex_unlock(&wkc_lock);
	s->c = c;
	return 0;
}

/* Runs the export. Where it traps or its code raises an exception there are no results. */
static int run(struct wkc_cpu *c, struct wkc_invocation *v)
{
	struct wkc_call_request *req = &v->req;
	u32 first = c->filter->image.transfer, results = req->results;
	/* The core has checked that the transfer area has room for all values; without values there may be none. */
	__le64 *transfer = c->instance->globals + (first == WKC_NONE ? 0 : first);
	struct wkc_call call = {
		.instance = wkc_address(c->instance),
		.fuel = req->fuel,
	};
	int unowned = wkc_die_unowned();
	u32 i;

	req->results = 0;
	c->instance->cpu = raw_smp_processor_id();
	for (i = 0; i < req->args; i++)
		transfer[i] = cpu_to_le64(v->slots[i]);
	wkc_execute(c, &call, v->entry, req->stack ?: WKC_STACK_CALL);
	cond_resched();
	req->fuel_used = req->fuel - wkc_fuel_left(&call);
	if (call.trap_code) {
		req->trap = call.trap_code;
		wkc_trap_locate(c->filter, call.trap_site, &v->rec);
		v->rec.code = call.trap_code;
		v->rec.cpu = c->instance->cpu;
		v->rec.time_ns = ktime_get_ns();
		wkc_instance_give_back_shadow_stack(c);
		return 0;
	}
	/*
	 * What an exception leaves behind is no result. The program was not disabled before; that packets on
	 * another CPU disable it meanwhile cannot be told from an exception, and costs this call its results.
	 */
	if (refuse_disabled(c->filter, v->msg))
		return -EIO;
	if (wkc_die_unowned() != unowned) {
		wkc_instance_give_back_shadow_stack(c);
		snprintf(v->msg, WKC_MSG_LEN, "an exception behind the code of any program ended this call, or another one's");
		return -EIO;
	}
	for (i = 0; i < results; i++)
		v->slots[i] = le64_to_cpu(transfer[i]);
	req->results = results;
	return 0;
}

/* s->lock held. What is refused leaves the session as it was, but for an exception. */
static int call(struct wkc_session *s, struct wkc_invocation *v)
{
	struct wkc_filter *f;
	int ret;

	if (s->c) {
		f = s->c->filter;
		if (strcmp(f->name, v->req.name)) {
			snprintf(v->msg, WKC_MSG_LEN, "this open device calls `%s`; open another for `%s`", f->name,
				 v->req.name);
			return -EBUSY;
		}
		ret = resolve(f, v);
		return ret ?: run(s->c, v);
	}
	f = pin(v);
	if (IS_ERR(f))
		return PTR_ERR(f);
	ret = resolve(f, v);
	if (!ret)
		ret = begin(s, f, v->msg);
	if (ret) {
		unpin(f);
		return ret;
	}
	return run(s->c, v);
}

static int check(const struct wkc_call_request *req, char *msg)
{
	const char *what = NULL;

	if (!req->export_len || req->export_len > WKC_MAX_EXPORT_NAME)
		what = "the export's name is empty or too long";
	else if (req->args > WKC_MAX_EXPORT_VALUES || req->args > req->capacity)
		what = "there are more arguments than slots, or than any export takes";
	else if (!req->fuel || req->fuel > WKC_FUEL_CALL_MAX)
		what = "the fuel is zero or above the limit of a call";
	else if (req->stack > WKC_STACK_CALL_MAX)
		what = "the stack is above the limit of a call";
	else if (req->results || req->fuel_used || req->trap)
		what = "a field for the answer is not zero";
	if (!what)
		return 0;
	snprintf(msg, WKC_MSG_LEN, "%s", what);
	return -EINVAL;
}

/* Copies in, and out again: what cannot be answered is found out before anything is done. */
static int copy_in(struct wkc_invocation *v, void __user *arg)
{
	size_t slots = min(v->req.capacity, (u32)WKC_MAX_EXPORT_VALUES) * sizeof(*v->slots);
	struct wkc_call_request *req = &v->req;

	if (copy_from_user(v->export, u64_to_user_ptr(req->export), req->export_len) ||
	    copy_from_user(v->slots, u64_to_user_ptr(req->slots), slots) ||
	    copy_to_user(u64_to_user_ptr(req->slots), v->slots, slots) ||
	    (req->record && copy_to_user(u64_to_user_ptr(req->record), &v->rec, sizeof(v->rec))) ||
	    copy_to_user(arg, req, sizeof(*req)))
		return -EFAULT;
	return 0;
}

static int copy_out(const struct wkc_invocation *v, void __user *arg)
{
	const struct wkc_call_request *req = &v->req;

	if (copy_to_user(u64_to_user_ptr(req->slots), v->slots, req->results * sizeof(*v->slots)) ||
	    (req->trap && req->record && copy_to_user(u64_to_user_ptr(req->record), &v->rec, sizeof(v->rec))) ||
	    copy_to_user(arg, req, sizeof(*req)))
		return -EFAULT;
	return 0;
}

static int invoke(struct wkc_session *s, struct wkc_invocation *v, void __user *arg)
{
	int ret;

	if (copy_from_user(&v->req, arg, sizeof(v->req)))
		return -EFAULT;
	v->req.name[sizeof(v->req.name) - 1] = 0;
	ret = wkc_need(CAP_SYS_ADMIN, "CAP_SYS_ADMIN", v->msg);
	if (!ret)
		ret = check(&v->req, v->msg);
	if (!ret)
		ret = copy_in(v, arg);
	if (ret)
		return ret;
	if (mutex_lock_killable(&s->lock))
		return -EINTR;
	ret = call(s, v);
	mutex_unlock(&s->lock);
	return ret ?: copy_out(v, arg);
}

/* WKC_IOC_CALL */
int wkc_call_request(struct wkc_session *s, void __user *arg)
{
	struct wkc_invocation *v = kzalloc(sizeof(*v), GFP_KERNEL);
	int ret;

	if (!v)
		return -ENOMEM;
	ret = invoke(s, v, arg);
	ret = wkc_reply(ret, &v->req.text, v->msg);
	kfree(v);
	return ret;
}
