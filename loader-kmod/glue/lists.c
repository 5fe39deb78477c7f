// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that give records: trusted keys, programs, traps, exports, ingress hooks. All work alike: as many records
 * as there are and the caller has room for, and how many there are.
 *
 * The records are filled in under the owner's lock and copied out without it.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "wasmkc.h"

/* A ring of keys that is longer is shown as far as this: nobody has as many. */
#define MOST_KEYS 65536

/* Attachments beyond these are not shown. */
#define MOST_ATTACHMENTS 65536

struct list_kind {
	unsigned int request;
	bool of_program;	/* wkc_list.id names one; else it is zero */
	bool tells_keys;	/* needs CAP_SYS_ADMIN */
	u32 most;		/* records that are ever filled in */
	size_t size;		/* of one record */
	/* Fills @capacity records at most; 0 and how many there are, or -errno. */
	int (*fill)(u32 id, void *records, u32 capacity, u32 *count);
};

static int fill_keys(u32 id, void *records, u32 capacity, u32 *count)
{
	*count = wkc_trust_list(records, capacity);
	return 0;
}

static int fill_programs(u32 id, void *records, u32 capacity, u32 *count)
{
	mutex_lock(&wkc_lock);
	*count = wkc_program_list(records, capacity);
	mutex_unlock(&wkc_lock);
	return 0;
}

static int fill_traps(u32 id, void *records, u32 capacity, u32 *count)
{
	struct wkc_filter *f;
	int ret = -ENOENT;

	mutex_lock(&wkc_lock);
	f = wkc_program_find_id(id);
	if (f)
		ret = wkc_trap_log(f, records, capacity, count);
	mutex_unlock(&wkc_lock);
	return ret;
}

static int fill_exports(u32 id, void *records, u32 capacity, u32 *count)
{
	struct wkc_filter *f;

	mutex_lock(&wkc_lock);
	f = wkc_program_find_id(id);
	if (f)
		*count = wkc_core_exports(f->program, records, capacity);
	mutex_unlock(&wkc_lock);
	return f ? 0 : -ENOENT;
}

static int fill_attachments(u32 id, void *records, u32 capacity, u32 *count)
{
	*count = wkc_ingress_list(records, capacity);
	return 0;
}

static const struct list_kind kinds[] = {
	{ WKC_IOC_TRUST_LIST, .tells_keys = true, .most = MOST_KEYS,
	  .size = sizeof(struct wkc_trust_key), .fill = fill_keys },
	{ WKC_IOC_LIST, .most = WKC_SLOTS,
	  .size = sizeof(struct wkc_program_info), .fill = fill_programs },
	{ WKC_IOC_TRAP_LOG, .of_program = true, .most = WKC_TRAP_RECORDS,
	  .size = sizeof(struct wkc_trap_record), .fill = fill_traps },
	{ WKC_IOC_EXPORTS, .of_program = true, .most = WKC_MAX_EXPORTS,
	  .size = sizeof(struct wkc_export), .fill = fill_exports },
	{ WKC_IOC_INGRESS_LIST, .most = MOST_ATTACHMENTS,
	  .size = sizeof(struct wkc_attachment), .fill = fill_attachments },
};

static int list(const struct list_kind *kind, void __user *arg)
{
	struct wkc_list req;
	void *records;
	u32 room;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.pad || (req.id && !kind->of_program))
		return -EINVAL;
	if (kind->tells_keys && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	room = min(req.capacity, kind->most);
	records = kvcalloc(max(room, 1U), kind->size, GFP_KERNEL);
	if (!records)
		return -ENOMEM;
	ret = kind->fill(req.id, records, room, &req.count);
	if (!ret && (copy_to_user(u64_to_user_ptr(req.ptr), records, min(room, req.count) * kind->size) ||
		     copy_to_user(arg, &req, sizeof(req))))
		ret = -EFAULT;
	kvfree(records);
	return ret;
}

/* -ENOTTY for a request that is not one of these. */
int wkc_list_request(unsigned int request, void __user *arg)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].request == request)
			return list(&kinds[i], arg);
	}
	return -ENOTTY;
}
