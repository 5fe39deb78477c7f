// SPDX-License-Identifier: GPL-2.0-only
//! Heap and panic of the core inside the kernel.

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use crate::glue;

struct KernelHeap;

// SAFETY: `wkc_plat_alloc` gives memory of the asked size and alignment, or null, and never unwinds.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: it takes any size and alignment, in process context, where all of the core that allocates runs.
        unsafe { glue::wkc_plat_alloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, address: *mut u8, _layout: Layout) {
        // SAFETY: by the trait's contract `address` came from `alloc` and is not used again.
        unsafe { glue::wkc_plat_free(address) }
    }
}

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |l| (l.file(), l.line()));
    // SAFETY: the pointer and length are those of a live string.
    unsafe { glue::wkc_plat_panic(file.as_ptr(), file.len(), line) }
}
