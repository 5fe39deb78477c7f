// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netfilter's ingress hook of a device, where BPF cannot call the loader, and beside XDP: a program that was
 * attached here judges what the device has received, after XDP and tc and before all else.
 *
 *	attach:	device (rtnl), program counted -> hook registered -> listed
 *	packet:	hook -> made linear and writable, Ethernet header and VLAN tag back in front -> run.h -> accept or drop
 *	detach:	unlisted -> hook gone -> grace period -> program no longer counted
 *
 * An attachment ends with its device, or when that moves to another network namespace; it holds the module,
 * and its program cannot be unloaded. Numbers of attachments are never used again.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_netdev.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include "run.h"

struct attachment {
	struct list_head node;		/* protected by ingress_lock */
	struct nf_hook_ops ops;		/* constant while the hook is there */
	struct wkc_filter *filter;	/* constant; counted in its `ingress` */
	u32 id;				/* constant */
};

static DEFINE_MUTEX(ingress_lock);
static LIST_HEAD(attachments);		/* protected by ingress_lock; attached and detached under rtnl_lock() too */
static u32 last_id;			/* protected by ingress_lock */

/*
 * Puts back in front what the stack has taken off: the Ethernet header, and a VLAN tag that it keeps beside the
 * packet. The caller has seen to the room.
 */
static void push_header(struct sk_buff *skb)
{
	__skb_push(skb, ETH_HLEN);
	if (!skb_vlan_tag_present(skb))
		return;
	__skb_push(skb, VLAN_HLEN);
	memmove(skb->data, skb->data + VLAN_HLEN, 2 * ETH_ALEN);
	((struct vlan_ethhdr *)skb->data)->h_vlan_proto = skb->vlan_proto;
	((struct vlan_ethhdr *)skb->data)->h_vlan_TCI = htons(skb_vlan_tag_get(skb));
}

/* And takes it off again; @before is the Ethernet header as it was, without a tag. */
static void pull_header(struct sk_buff *skb, const struct ethhdr *before)
{
	if (skb_vlan_tag_present(skb)) {
		const struct vlan_ethhdr *h = (const struct vlan_ethhdr *)skb->data;
		/* The kernel warns of any other, and the program may have written anything there. */
		__be16 proto = eth_type_vlan(h->h_vlan_proto) ? h->h_vlan_proto : skb->vlan_proto;

		__vlan_hwaccel_put_tag(skb, proto, ntohs(h->h_vlan_TCI));
		memmove(skb->data + VLAN_HLEN, skb->data, 2 * ETH_ALEN);
		__skb_pull(skb, VLAN_HLEN);
	}
	if (memcmp(skb->data, before, ETH_HLEN)) {
		skb->pkt_type = PACKET_HOST;
		skb->protocol = eth_type_trans(skb, skb->dev);
	} else {
		__skb_pull(skb, ETH_HLEN);
	}
	/* A sum that the device made over the bytes as they were. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
}

/*
 * Softirq, or process context with bottom halves disabled, inside an RCU read side: net/core/dev.c calls. A packet
 * that cannot be made readable for lack of memory is dropped, as XDP does.
 */
static unsigned int on_packet(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	struct attachment *a = priv;
	u64 handle = a->filter->handle;
	struct ethhdr before;
	struct wkc_cpu *c;
	u32 verdict;

	/* One that others hold, too, may not be changed, and there is no putting a copy in its place here. */
	if (skb_shared(skb) || skb->data - skb_mac_header(skb) != ETH_HLEN || skb_cow(skb, ETH_HLEN + VLAN_HLEN) ||
	    skb_linearize(skb)) {
		pr_warn_ratelimited("wasmkc: %s: a packet was dropped: shared, without a plain Ethernet header, or no memory\n",
				    skb->dev->name);
		return NF_DROP;
	}
	before = *eth_hdr(skb);
	push_header(skb);
	if (likely(wkc_run_begin(handle, &c))) {
		wkc_run_packet(c, skb->data, skb->len);
		verdict = wkc_run(c, XDP_PASS + 1, NULL);
	} else {
		verdict = wkc_run_refused(skb->len, handle, NULL);
	}
	pull_header(skb, &before);
	return verdict == XDP_PASS ? NF_ACCEPT : NF_DROP;
}

/* Program @name, counted, or an error with a message. */
static struct wkc_filter *pin(const char *name, char *msg)
{
	struct wkc_filter *f;

	mutex_lock(&wkc_lock);
	f = wkc_program_find_xdp(name, "not attached", msg);
	if (!IS_ERR(f))
		atomic_inc(&f->ingress);
	mutex_unlock(&wkc_lock);
	return f;
}

/* The last that is done with @f: unload may free it at once. No lock, for rtnl is held here and there. */
static void unpin(struct wkc_filter *f)
{
	smp_mb__before_atomic();
	atomic_dec(&f->ingress);
}

/* ingress_lock and rtnl held. */
static int check_device(const struct net_device *dev, u32 ifindex, char *msg)
{
	const struct attachment *a;

	if (!dev || dev->reg_state != NETREG_REGISTERED) {
		snprintf(msg, WKC_MSG_LEN, "there is no network device of number %u in this network namespace", ifindex);
		return -ENODEV;
	}
	if (dev->type != ARPHRD_ETHER && dev->type != ARPHRD_LOOPBACK) {
		snprintf(msg, WKC_MSG_LEN, "%s has no Ethernet header", dev->name);
		return -EOPNOTSUPP;
	}
	list_for_each_entry(a, &attachments, node) {
		if (a->ops.dev != dev)
			continue;
		snprintf(msg, WKC_MSG_LEN, "`%s` is attached to the ingress of %s already", a->filter->name, dev->name);
		return -EBUSY;
	}
	return 0;
}

/* ingress_lock and rtnl held, @a with its filter. */
static int attach(struct attachment *a, u32 ifindex, char *msg)
{
	struct net *net = current->nsproxy->net_ns;
	struct net_device *dev = __dev_get_by_index(net, ifindex);
	int ret;

	ret = check_device(dev, ifindex, msg);
	if (ret)
		return ret;
	if (last_id == U32_MAX)
		return -ENOSPC;
	a->ops.hook = on_packet;
	a->ops.dev = dev;
	a->ops.priv = a;
	a->ops.pf = NFPROTO_NETDEV;
	a->ops.hooknum = NF_NETDEV_INGRESS;
	a->ops.priority = INT_MIN;
	ret = nf_register_net_hook(net, &a->ops);
	if (ret) {
		snprintf(msg, WKC_MSG_LEN, "the kernel refuses the ingress hook of %s (error %d)", dev->name, ret);
		return ret;
	}
	a->id = ++last_id;
	list_add_tail(&a->node, &attachments);
	__module_get(THIS_MODULE);
	return 0;
}

int wkc_ingress_attach(const char *name, u32 ifindex, u32 *id, char *msg)
{
	struct attachment *a = kzalloc(sizeof(*a), GFP_KERNEL);
	int ret;

	if (!a)
		return -ENOMEM;
	a->filter = pin(name, msg);
	if (IS_ERR(a->filter)) {
		ret = PTR_ERR(a->filter);
		kfree(a);
		return ret;
	}
	rtnl_lock();
	mutex_lock(&ingress_lock);
	ret = attach(a, ifindex, msg);
	*id = a->id;
	mutex_unlock(&ingress_lock);
	rtnl_unlock();
	if (ret) {
		unpin(a->filter);
		kfree(a);
	}
	return ret;
}

/*
 * ingress_lock and rtnl held, so that the device is there. Nobody holds @a after the grace period: it was in the
 * list, which is left, and in the hook, which runs inside an RCU read side only.
 */
static void detach(struct attachment *a)
{
	lockdep_assert_held(&ingress_lock);
	list_del(&a->node);
	nf_unregister_net_hook(dev_net(a->ops.dev), &a->ops);
	synchronize_net();
	unpin(a->filter);
	kfree(a);
	module_put(THIS_MODULE);
}

int wkc_ingress_detach(u32 id, char *msg)
{
	struct attachment *a, *next;
	int ret = -ENOENT;

	rtnl_lock();
	mutex_lock(&ingress_lock);
	list_for_each_entry_safe(a, next, &attachments, node) {
		if (a->id != id)
			continue;
		detach(a);
		ret = 0;
		break;
	}
	mutex_unlock(&ingress_lock);
	rtnl_unlock();
	if (ret)
		snprintf(msg, WKC_MSG_LEN, "there is no attachment of number %u; its device may have gone", id);
	return ret;
}

/* How many attachments there are; fills the first @capacity of them. */
u32 wkc_ingress_list(struct wkc_attachment *out, u32 capacity)
{
	const struct attachment *a;
	u32 n = 0;

	/* A device's name does not change meanwhile. */
	rtnl_lock();
	mutex_lock(&ingress_lock);
	list_for_each_entry(a, &attachments, node) {
		if (n++ >= capacity)
			continue;
		strscpy(out->program, a->filter->name, sizeof(out->program));
		strscpy(out->device, a->ops.dev->name, sizeof(out->device));
		out->id = a->id;
		out->ifindex = a->ops.dev->ifindex;
		out->netns = dev_net(a->ops.dev)->ns.inum;
		out++;
	}
	mutex_unlock(&ingress_lock);
	rtnl_unlock();
	return n;
}

/* rtnl held: a device goes, or leaves its network namespace. */
static int on_device(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(data);
	struct attachment *a, *next;

	if (event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;
	mutex_lock(&ingress_lock);
	list_for_each_entry_safe(a, next, &attachments, node) {
		if (a->ops.dev == dev)
			detach(a);
	}
	mutex_unlock(&ingress_lock);
	return NOTIFY_DONE;
}

static struct notifier_block device_block = { .notifier_call = on_device };

int wkc_ingress_init(void)
{
	return register_netdevice_notifier(&device_block);
}

/* Each attachment holds the module, so there is none; a notification under way is waited for here. */
void wkc_ingress_uninit(void)
{
	unregister_netdevice_notifier(&device_block);
}
