// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/wasmkc: versioned ioctls. Copies in, checks who asks, calls the file that owns the matter,
 * copies out. No parsing and no policy here. Requests that give records are in lists.c.
 *
 * The device is root's. Beyond that, what changes anything or tells keys needs CAP_SYS_ADMIN, a handle
 * CAP_NET_ADMIN; what is loaded and what it counted, anybody who may open the device. A failed
 * request leaves a message in the caller's buffer beside its errno.
 */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "wasmkc.h"

#define MAX_CERTIFICATE 65536

WKC_STATIC_ASSERTS;

/* Gives @ret on, with the message for the caller where there is a buffer and something to say. */
int wkc_reply(int ret, const struct wkc_text *text, const char *msg)
{
	size_t len = min_t(size_t, strlen(msg) + 1, text->len);
	static const char nul;

	if (!ret || !len || !text->ptr)
		return ret;
	if (copy_to_user(u64_to_user_ptr(text->ptr), msg, len - 1) ||
	    copy_to_user(u64_to_user_ptr(text->ptr) + len - 1, &nul, 1))
		return -EFAULT;
	return ret;
}

int wkc_need(int cap, const char *what, char *msg)
{
	if (capable(cap))
		return 0;
	snprintf(msg, WKC_MSG_LEN, "this needs the capability %s", what);
	return -EPERM;
}

static int ioc_info(void __user *arg)
{
	struct wkc_info info = {
		.abi_major = WKC_ABI_MAJOR,
		.abi_minor = WKC_ABI_MINOR,
		.machine = WKC_MACHINE,
		.xdp_kfunc = wkc_xdp_kfunc_id(),
		.cpus = num_online_cpus(),
	};

	mutex_lock(&wkc_lock);
	wkc_stub_prune_all();
	info.programs = wkc_program_count();
	mutex_unlock(&wkc_lock);
	wkc_trust_usage(&info);
	wkc_arena_usage(&info);
	wkc_memory_usage(&info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int ioc_trust_add(void __user *arg)
{
	struct wkc_trust_add req;
	char msg[WKC_MSG_LEN] = "";
	void *der;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = wkc_need(CAP_SYS_ADMIN, "CAP_SYS_ADMIN", msg);
	if (ret)
		return wkc_reply(ret, &req.text, msg);
	if (req.pad || !req.len || req.len > MAX_CERTIFICATE) {
		snprintf(msg, sizeof(msg), "a certificate has 1 to %d bytes", MAX_CERTIFICATE);
		return wkc_reply(-EINVAL, &req.text, msg);
	}
	der = memdup_user(u64_to_user_ptr(req.der), req.len);
	if (IS_ERR(der))
		return PTR_ERR(der);
	ret = wkc_trust_add(der, req.len, msg);
	kfree(der);
	return wkc_reply(ret, &req.text, msg);
}

static int ioc_trust_lock(void __user *arg)
{
	u32 zero;

	if (get_user(zero, (u32 __user *)arg))
		return -EFAULT;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return zero ? -EINVAL : wkc_trust_lock();
}

static int ioc_load(void __user *arg)
{
	char msg[WKC_MSG_LEN] = "";
	struct wkc_load req;
	u8 *object;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = wkc_need(CAP_SYS_ADMIN, "CAP_SYS_ADMIN", msg);
	if (ret)
		return wkc_reply(ret, &req.text, msg);
	if (!req.len || req.len > WKC_MAX_OBJECT_BYTES) {
		snprintf(msg, sizeof(msg), "an object has 1 to %d bytes, this one %u",
			 WKC_MAX_OBJECT_BYTES, req.len);
		return wkc_reply(-EINVAL, &req.text, msg);
	}
	/* An answer that cannot be given is found out before anything is done. */
	if (put_user(0, (u32 __user *)(arg + offsetof(struct wkc_load, id))))
		return -EFAULT;
	object = vmemdup_user(u64_to_user_ptr(req.object), req.len);
	if (IS_ERR(object))
		return PTR_ERR(object);
	ret = wkc_program_load(&req, object, msg);
	kvfree(object);
	if (!ret && copy_to_user(arg + offsetof(struct wkc_load, id), &req.id, sizeof(req.id)))
		return -EFAULT;
	return wkc_reply(ret, &req.text, msg);
}

static int ioc_unload(void __user *arg)
{
	char msg[WKC_MSG_LEN] = "";
	struct wkc_unload req;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	req.name[sizeof(req.name) - 1] = 0;
	ret = wkc_need(CAP_SYS_ADMIN, "CAP_SYS_ADMIN", msg);
	if (!ret)
		ret = wkc_program_unload(req.name, msg);
	return wkc_reply(ret, &req.text, msg);
}

static int ioc_ingress_attach(void __user *arg)
{
	struct wkc_ingress_attach req;
	char msg[WKC_MSG_LEN] = "";
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	req.name[sizeof(req.name) - 1] = 0;
	ret = wkc_need(CAP_NET_ADMIN, "CAP_NET_ADMIN", msg);
	if (ret)
		return wkc_reply(ret, &req.text, msg);
	if (put_user(0, (u32 __user *)(arg + offsetof(struct wkc_ingress_attach, id))))
		return -EFAULT;
	ret = wkc_ingress_attach(req.name, req.ifindex, &req.id, msg);
	if (!ret && copy_to_user(arg + offsetof(struct wkc_ingress_attach, id), &req.id, sizeof(req.id)))
		return -EFAULT;
	return wkc_reply(ret, &req.text, msg);
}

static int ioc_ingress_detach(void __user *arg)
{
	struct wkc_ingress_detach req;
	char msg[WKC_MSG_LEN] = "";
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = wkc_need(CAP_NET_ADMIN, "CAP_NET_ADMIN", msg);
	if (!ret)
		ret = req.pad ? -EINVAL : wkc_ingress_detach(req.id, msg);
	return wkc_reply(ret, &req.text, msg);
}

/* wkc_lock held. */
static int handle_of(struct wkc_handle *req, char *msg)
{
	struct wkc_filter *f = wkc_program_find_xdp(req->name, "not attached", msg);

	if (IS_ERR(f))
		return PTR_ERR(f);
	req->handle = f->handle;
	if (req->stub_fd < 0)
		return 0;
	return wkc_stub_register(f, req->stub_fd, msg);
}

static int ioc_handle(void __user *arg)
{
	char msg[WKC_MSG_LEN] = "";
	struct wkc_handle req;
	int ret;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	req.name[sizeof(req.name) - 1] = 0;
	ret = wkc_need(CAP_NET_ADMIN, "CAP_NET_ADMIN", msg);
	if (ret)
		return wkc_reply(ret, &req.text, msg);
	if (!wkc_xdp_kfunc_id()) {
		snprintf(msg, sizeof(msg), "BPF programs of this kernel cannot call the loader, so there is no XDP: attach at the ingress hook");
		return wkc_reply(-EOPNOTSUPP, &req.text, msg);
	}
	if (req.pad)
		return -EINVAL;
	if (put_user(0ULL, (u64 __user *)(arg + offsetof(struct wkc_handle, handle))))
		return -EFAULT;
	mutex_lock(&wkc_lock);
	ret = handle_of(&req, msg);
	mutex_unlock(&wkc_lock);
	if (!ret && copy_to_user(arg + offsetof(struct wkc_handle, handle), &req.handle, sizeof(req.handle)))
		return -EFAULT;
	return wkc_reply(ret, &req.text, msg);
}

static int ioc_stats(void __user *arg)
{
	struct wkc_stats req, out = {};
	struct wkc_filter *f;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.pad)
		return -EINVAL;
	req.name[sizeof(req.name) - 1] = 0;
	memcpy(out.name, req.name, sizeof(out.name));
	out.cpu = req.cpu;
	mutex_lock(&wkc_lock);
	f = wkc_program_find(req.name);
	if (f)
		wkc_stats_read(f, &out);
	mutex_unlock(&wkc_lock);
	if (!f)
		return -ENOENT;
	return copy_to_user(arg, &out, sizeof(out)) ? -EFAULT : 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	struct wkc_session *session = wkc_session_open();

	if (!session)
		return -ENOMEM;
	file->private_data = session;
	return 0;
}

static int control_release(struct inode *inode, struct file *file)
{
	wkc_session_close(file->private_data);
	return 0;
}

static long control_ioctl(struct file *file, unsigned int cmd, unsigned long argument)
{
	void __user *arg = (void __user *)argument;

	switch (cmd) {
	case WKC_IOC_INFO:
		return ioc_info(arg);
	case WKC_IOC_TRUST_ADD:
		return ioc_trust_add(arg);
	case WKC_IOC_TRUST_LOCK:
		return ioc_trust_lock(arg);
	case WKC_IOC_LOAD:
		return ioc_load(arg);
	case WKC_IOC_UNLOAD:
		return ioc_unload(arg);
	case WKC_IOC_HANDLE:
		return ioc_handle(arg);
	case WKC_IOC_STATS:
		return ioc_stats(arg);
	case WKC_IOC_CALL:
		return wkc_call_request(file->private_data, arg);
	case WKC_IOC_PACKET:
		return wkc_packet_request(arg);
	case WKC_IOC_INGRESS_ATTACH:
		return ioc_ingress_attach(arg);
	case WKC_IOC_INGRESS_DETACH:
		return ioc_ingress_detach(arg);
	}
	return wkc_list_request(cmd, arg);
}

/* .owner: an open device holds the module, so no ioctl is under way when the module goes. */
static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.release = control_release,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice control_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "wasmkc",
	.fops = &control_fops,
	.mode = 0600,
};

int wkc_control_init(void)
{
	return misc_register(&control_device);
}

void wkc_control_uninit(void)
{
	misc_deregister(&control_device);
}
