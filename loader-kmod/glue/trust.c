// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose signatures count: a keyring of the module's own, and the system's keyrings.
 *
 * The ring's restriction refuses every link, so that not even root can add a key to it with
 * keyctl; the module passes by it, and stops doing so once the ring is locked. Under kernel
 * lockdown root gets no more than the system allows: only the system's keys count.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/key.h>
#include <linux/list.h>
#include <linux/printk.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/verification.h>
#include <keys/asymmetric-type.h>
#include "wasmkc.h"

struct trusted {
	struct list_head node;
	struct key *key;	/* one reference */
};

static DEFINE_MUTEX(trust_lock);
static LIST_HEAD(trusted_keys);		/* protected by trust_lock */
static u32 trusted_count;		/* protected by trust_lock */
static bool locked;			/* protected by trust_lock; never cleared */
static struct key *ring;		/* constant after init */

/* keys.S */
extern const u8 wkc_builtin_keys[], wkc_builtin_keys_end[];

static int refuse_link(struct key *keyring, const struct key_type *type,
		       const union key_payload *payload, struct key *restriction_key)
{
	return -EPERM;
}

/* The reason under which the kernel refuses modules that the system's keys did not sign. */
static bool locked_down(void)
{
	return security_locked_down(LOCKDOWN_MODULE_SIGNATURE);
}

/*
 * Process context. The module's ring first; a key that it lacks may be the system's.
 */
int wkc_plat_verify(const u8 *data, size_t len, const u8 *sig, size_t sig_len)
{
	int ret = -ENOKEY;

	if (!locked_down())
		ret = verify_pkcs7_signature(data, len, sig, sig_len, ring,
					     VERIFYING_UNSPECIFIED_SIGNATURE, NULL, NULL);
	if (ret == -ENOKEY)
		ret = verify_pkcs7_signature(data, len, sig, sig_len, VERIFY_USE_SECONDARY_KEYRING,
					     VERIFYING_UNSPECIFIED_SIGNATURE, NULL, NULL);
	return ret;
}

/* The ring holds one key a description; a new one has taken the place of an older namesake. */
static void forget_namesake(const struct key *key)
{
	struct trusted *t, *next;

	list_for_each_entry_safe(t, next, &trusted_keys, node) {
		if (strcmp(t->key->description, key->description))
			continue;
		list_del(&t->node);
		key_put(t->key);
		kfree(t);
		trusted_count--;
	}
}

static int add_key(const u8 *der, size_t len, char *msg)
{
	struct trusted *t;
	key_ref_t ref;

	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	ref = key_create_or_update(make_key_ref(ring, true), "asymmetric", NULL, der, len,
				   (KEY_POS_ALL & ~KEY_POS_SETATTR) | KEY_USR_VIEW | KEY_USR_READ,
				   KEY_ALLOC_NOT_IN_QUOTA | KEY_ALLOC_BUILT_IN |
				   KEY_ALLOC_BYPASS_RESTRICTION);
	if (IS_ERR(ref)) {
		kfree(t);
		snprintf(msg, WKC_MSG_LEN,
			 "the kernel does not take this certificate (error %ld); it must be X.509 in DER form with an RSA or ECDSA key",
			 PTR_ERR(ref));
		return PTR_ERR(ref);
	}
	t->key = key_ref_to_ptr(ref);
	forget_namesake(t->key);
	list_add_tail(&t->node, &trusted_keys);
	trusted_count++;
	return 0;
}

int wkc_trust_add(const u8 *der, size_t len, char *msg)
{
	int ret;

	mutex_lock(&trust_lock);
	if (locked) {
		snprintf(msg, WKC_MSG_LEN, "the trusted keys are locked until the module is loaded again");
		ret = -EPERM;
	} else if (locked_down()) {
		snprintf(msg, WKC_MSG_LEN, "the kernel is locked down: only the system's keys are trusted");
		ret = -EPERM;
	} else {
		ret = add_key(der, len, msg);
	}
	mutex_unlock(&trust_lock);
	return ret;
}

int wkc_trust_lock(void)
{
	mutex_lock(&trust_lock);
	locked = true;
	mutex_unlock(&trust_lock);
	return 0;
}

/* Describes @capacity keys at most; returns how many there are. */
u32 wkc_trust_list(struct wkc_trust_key *keys, u32 capacity)
{
	struct trusted *t;
	u32 n = 0, count;

	mutex_lock(&trust_lock);
	list_for_each_entry(t, &trusted_keys, node) {
		if (n == capacity)
			break;
		strscpy(keys[n++].description, t->key->description, sizeof(keys->description));
	}
	count = trusted_count;
	mutex_unlock(&trust_lock);
	return count;
}

void wkc_trust_usage(struct wkc_info *info)
{
	mutex_lock(&trust_lock);
	info->trust_locked = locked;
	info->keys = trusted_count;
	mutex_unlock(&trust_lock);
}

/*
 * The certificates that the module was built with (make KEYS=...), one DER file behind the other. A
 * module that cannot take one of them does not load: it would refuse what its builder meant it to take.
 */
static int add_builtin_keys(void)
{
	const u8 *at = wkc_builtin_keys;
	char msg[WKC_MSG_LEN];

	while (at < wkc_builtin_keys_end) {
		size_t left = wkc_builtin_keys_end - at, len = 4;

		/* SEQUENCE with a length of two bytes: every certificate that has a key is that long. */
		if (left >= len && at[0] == 0x30 && at[1] == 0x82)
			len += at[2] << 8 | at[3];
		if (len == 4 || len > left || add_key(at, len, msg)) {
			pr_err("wasmkc: built-in certificate at byte %td is not one that this kernel takes\n",
			       at - wkc_builtin_keys);
			return -EBADMSG;
		}
		at += len;
	}
	return 0;
}

int wkc_trust_init(void)
{
	struct key_restriction *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int ret;

	if (!r)
		return -ENOMEM;
	r->check = refuse_link;
	ring = keyring_alloc(".wasmkc", GLOBAL_ROOT_UID, GLOBAL_ROOT_GID, current_cred(),
			     (KEY_POS_ALL & ~KEY_POS_SETATTR) | KEY_USR_VIEW | KEY_USR_READ |
			     KEY_USR_SEARCH, KEY_ALLOC_NOT_IN_QUOTA, r, NULL);
	if (IS_ERR(ring)) {
		kfree(r);
		return PTR_ERR(ring);
	}
	mutex_lock(&trust_lock);
	ret = add_builtin_keys();
	mutex_unlock(&trust_lock);
	if (ret)
		wkc_trust_uninit();
	return ret;
}

/*
 * No verification can be under way: it runs inside an ioctl, and an open device holds the module.
 * The ring may outlive this call in the kernel's collector, which frees it together with the
 * restriction but never calls the restriction's function again: nobody else holds a reference.
 */
void wkc_trust_uninit(void)
{
	struct trusted *t, *next;

	list_for_each_entry_safe(t, next, &trusted_keys, node) {
		list_del(&t->node);
		key_put(t->key);
		kfree(t);
	}
	key_put(ring);
}
