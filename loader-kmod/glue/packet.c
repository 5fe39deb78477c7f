// SPDX-License-Identifier: GPL-2.0-only
/*
 * One packet that was never on a wire, through a loaded program as at its hook: on this CPU's instance, bottom
 * halves disabled, counted. So it can be tried on every machine, wherever the program is attached.
 */
#include <linux/bottom_half.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "run.h"

/* RCU read side, bottom halves disabled. */
static int run(struct wkc_packet_request *req, u8 *data, struct wkc_trap_record *rec, char *msg)
{
	struct wkc_filter *f = wkc_program_find_xdp(req->name, "judges no packet", msg);
	struct wkc_outcome out;
	struct wkc_cpu *c;
	u64 start;

	if (IS_ERR(f))
		return PTR_ERR(f);
	start = ktime_get_ns();
	if (wkc_run_begin(f->handle, &c)) {
		wkc_run_packet(c, data, req->len);
		req->verdict = wkc_run(c, WKC_VERDICTS, &out);
	} else {
		req->verdict = wkc_run_refused(req->len, f->handle, &out);
	}
	req->time_ns = ktime_get_ns() - start;
	req->trap = out.trap;
	req->fuel_used = out.fuel_used;
	if (req->trap) {
		wkc_trap_locate(f, out.site, rec);
		rec->code = req->trap;
		rec->cpu = smp_processor_id();
		rec->packet_len = req->len;
		rec->time_ns = start;
	}
	return 0;
}

static int check(const struct wkc_packet_request *req, char *msg)
{
	if (req->pad || req->verdict || req->trap || req->fuel_used || req->time_ns) {
		snprintf(msg, WKC_MSG_LEN, "a field for the answer is not zero");
		return -EINVAL;
	}
	if (req->len < ETH_HLEN || req->len > WKC_MAX_PACKET_BYTES) {
		snprintf(msg, WKC_MSG_LEN, "a packet has %d to %d bytes, this one %u", ETH_HLEN, WKC_MAX_PACKET_BYTES,
			 req->len);
		return -EINVAL;
	}
	return 0;
}

/* What cannot be answered is found out before anything is done; the packet goes back as the filter left it. */
static int judge(struct wkc_packet_request *req, u8 *data, void __user *arg, char *msg)
{
	void __user *packet = u64_to_user_ptr(req->packet), *record = u64_to_user_ptr(req->record);
	struct wkc_trap_record rec = {};
	int ret;

	if (copy_from_user(data, packet, req->len) || copy_to_user(packet, data, req->len) ||
	    (req->record && copy_to_user(record, &rec, sizeof(rec))) || copy_to_user(arg, req, sizeof(*req)))
		return -EFAULT;
	local_bh_disable();
	rcu_read_lock();
	ret = run(req, data, &rec, msg);
	rcu_read_unlock();
	local_bh_enable();
	if (ret)
		return ret;
	if (copy_to_user(packet, data, req->len) ||
	    (req->trap && req->record && copy_to_user(record, &rec, sizeof(rec))) || copy_to_user(arg, req, sizeof(*req)))
		return -EFAULT;
	return 0;
}

/* WKC_IOC_PACKET */
int wkc_packet_request(void __user *arg)
{
	struct wkc_packet_request req;
	char msg[WKC_MSG_LEN] = "";
	u8 *data;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	req.name[sizeof(req.name) - 1] = 0;
	ret = wkc_need(CAP_SYS_ADMIN, "CAP_SYS_ADMIN", msg);
	if (!ret)
		ret = check(&req, msg);
	if (ret)
		return wkc_reply(ret, &req.text, msg);
	data = kvmalloc(req.len, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	ret = judge(&req, data, arg, msg);
	kvfree(data);
	return wkc_reply(ret, &req.text, msg);
}
