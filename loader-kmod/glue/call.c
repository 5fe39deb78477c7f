// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of exports in process context. Each open device has at most one instance of its own, made at its
 * first call and freed when it closes: no hook ever enters it, so a call may be preempted.
 *
 *	arguments -> transfer slots of the instance -> entry -> transfer slots -> results
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include "wasmkc.h"

struct wkc_session {
	struct mutex lock;	/* held for the length of a call */
	struct wkc_cpu *c;	/* NULL before the first call; protected by lock */
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
		wkc_instance_free(s->c);
		mutex_unlock(&wkc_lock);
	}
	kfree(s);
}

/* Makes the session's instance. The filter cannot be unloaded from here on: sessions are counted. */
static int begin(struct wkc_session *s, const char *name, char *msg)
{
	struct wkc_filter *f;
	struct wkc_cpu *c;

	lockdep_assert_held(&wkc_lock);
	f = wkc_program_find(name);
	if (!f) {
		snprintf(msg, WKC_MSG_LEN, "no program named `%s` is loaded", name);
		return -ENOENT;
	}
	c = wkc_instance_make(f, raw_smp_processor_id(), msg);
	if (IS_ERR(c))
		return PTR_ERR(c);
	f->sessions++;
	s->c = c;
	return 0;
}

static int run(struct wkc_cpu *c, struct wkc_call_request *req, u64 entry, struct wkc_trap_record *rec, char *msg)
{
	struct wkc_call call = {
		.instance = (u64)c->instance,
		.fuel = req->fuel,
		.stack_limit = wkc_stack_limit(req->stack ?: WKC_STACK_CALL),
	};

	wkc_enter(&call, entry);
	if (READ_ONCE(c->filter->disabled)) {
		snprintf(msg, WKC_MSG_LEN, "`%s` is disabled: its code raised an exception, or it trapped too often",
			 c->filter->name);
		return -EIO;
	}
	req->fuel_used = req->fuel - max(call.fuel, 0LL);
	if (call.trap_code) {
		req->trap = call.trap_code;
		wkc_trap_locate(c->filter, call.trap_site, rec);
		rec->code = call.trap_code;
		wkc_instance_give_back_shadow_stack(c);
	}
	return 0;
}

static int call(struct wkc_cpu *c, struct wkc_call_request *req, const u8 *export, u64 *slots,
		struct wkc_trap_record *rec, char *msg)
{
	const struct wkc_filter *f = c->filter;
	u64 *transfer, entry;
	u32 values[2];
	int ret;

	ret = wkc_core_export(f->program, export, req->export_len, &entry, values);
	if (ret) {
		snprintf(msg, WKC_MSG_LEN, "`%s` exports no function `%.64s`", f->name, export);
		return ret;
	}
	if (req->args != values[0]) {
		snprintf(msg, WKC_MSG_LEN, "`%.64s` takes %u arguments, not %u", export, values[0], req->args);
		return -EINVAL;
	}
	if (values[1] > min(req->capacity, (u32)WKC_MAX_EXPORT_VALUES)) {
		snprintf(msg, WKC_MSG_LEN, "`%.64s` gives %u results, there is room for %u", export, values[1],
			 req->capacity);
		return -ENOSPC;
	}
	/* The core has checked that the transfer area has room for both; without values there may be none. */
	transfer = c->instance->globals + (f->image.transfer == WKC_NONE ? 0 : f->image.transfer);
	memcpy(transfer, slots, values[0] * sizeof(*slots));
	ret = run(c, req, entry, rec, msg);
	if (ret || req->trap)
		return ret;
	memcpy(slots, transfer, values[1] * sizeof(*slots));
	req->results = values[1];
	return 0;
}

int wkc_session_call(struct wkc_session *s, struct wkc_call_request *req, const u8 *export, u64 *slots,
		     struct wkc_trap_record *rec, char *msg)
{
	int ret = 0;

	if (mutex_lock_killable(&s->lock))
		return -EINTR;
	if (!s->c) {
		mutex_lock(&wkc_lock);
		ret = begin(s, req->name, msg);
		mutex_unlock(&wkc_lock);
	} else if (strcmp(s->c->filter->name, req->name)) {
		snprintf(msg, WKC_MSG_LEN, "this open device calls `%s`; open another for `%s`", s->c->filter->name,
			 req->name);
		ret = -EBUSY;
	}
	if (!ret)
		ret = call(s->c, req, export, slots, rec, msg);
	mutex_unlock(&s->lock);
	return ret;
}
