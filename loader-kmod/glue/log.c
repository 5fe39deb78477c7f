// SPDX-License-Identifier: GPL-2.0-only
/*
 * What filters log. printk() may drive a serial console, which takes milliseconds a line: a filter only
 * queues its line, and a work prints it.
 *
 *	helper (softirq) -> rate limit -> queue of LINES -> work -> printk
 */
#include <linux/kfifo.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include "wasmkc.h"

#define LINES 32		/* a power of two, above the burst of the rate limit */

struct line {
	char filter[WKC_NAME_LEN];
	u8 len;
	u8 text[WKC_MAX_LOG];
};

static void print_lines(struct work_struct *work);
static DECLARE_WORK(printer, print_lines);

/* Innermost lock, held for the copy of one line. */
static DEFINE_SPINLOCK(queue_lock);
static DEFINE_KFIFO(queue, struct line, LINES);

/* Shared by all filters, so that many of them cannot flood the log together either. */
static struct ratelimit_state limit = RATELIMIT_STATE_INIT_FLAGS(limit, 5 * HZ, 20, RATELIMIT_MSG_ON_RELEASE);

/* The text is the author's: whatever is not printable is escaped, and the line says whose it is. */
static void print_lines(struct work_struct *work)
{
	struct line line;

	while (kfifo_out_spinlocked(&queue, &line, 1, &queue_lock))
		pr_info("wasmkc %s: %*pE\n", line.filter, line.len, line.text);
}

/* Any context but NMI. Returns the bytes that will be printed, 0 where the line is suppressed. */
u32 wkc_log(const struct wkc_filter *f, const u8 *text, size_t len)
{
	struct line line;

	if (!__ratelimit(&limit))
		return 0;
	strscpy_pad(line.filter, f->name, sizeof(line.filter));
	line.len = min_t(size_t, len, sizeof(line.text));
	memcpy(line.text, text, line.len);
	memset(line.text + line.len, 0, sizeof(line.text) - line.len);
	if (!kfifo_in_spinlocked(&queue, &line, 1, &queue_lock))
		return 0;
	schedule_work(&printer);
	return line.len;
}

/* No filter is left that could log. What is queued is printed. */
void wkc_log_uninit(void)
{
	flush_work(&printer);
}
