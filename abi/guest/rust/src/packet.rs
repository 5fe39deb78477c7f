// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packet. Offsets are bytes from its first byte, the Ethernet header.
//!
//! The compiler turns each function into inline code. Outside the packet each one traps, so compare
//! with [`len`], or ask [`holds`], before.

mod import {
    #[link(wasm_import_module = "xdp")]
    unsafe extern "C" {
        pub safe fn len() -> u32;
        pub safe fn total_len() -> u32;
        pub safe fn load8(off: u32) -> u8;
        pub safe fn load16_le(off: u32) -> u16;
        pub safe fn load16_be(off: u32) -> u16;
        pub safe fn load32_le(off: u32) -> u32;
        pub safe fn load32_be(off: u32) -> u32;
        pub safe fn load64_le(off: u32) -> u64;
        pub safe fn load64_be(off: u32) -> u64;
        pub safe fn store8(off: u32, value: u32);
        pub safe fn store16_le(off: u32, value: u32);
        pub safe fn store16_be(off: u32, value: u32);
        pub safe fn store32_le(off: u32, value: u32);
        pub safe fn store32_be(off: u32, value: u32);
        pub safe fn store64_le(off: u32, value: u64);
        pub safe fn store64_be(off: u32, value: u64);
        pub fn copy_in(memory: *mut u8, off: u32, len: u32);
        pub fn copy_out(off: u32, memory: *const u8, len: u32);
    }
}

/// Bytes that can be accessed.
#[inline(always)]
pub fn len() -> u32 {
    import::len()
}

/// Bytes of the whole packet, fragments included.
#[inline(always)]
pub fn total_len() -> u32 {
    import::total_len()
}

/// Whether bytes `off .. off + bytes` can be accessed.
#[inline(always)]
pub fn holds(off: u32, bytes: u32) -> bool {
    off.checked_add(bytes).is_some_and(|end| end <= len())
}

macro_rules! loads {
    ($($name:ident -> $ty:ty, $doc:literal;)*) => { $(
        #[doc = $doc]
        #[inline(always)]
        pub fn $name(off: u32) -> $ty {
            import::$name(off)
        }
    )* };
}

loads! {
    load8 -> u8, "The byte at `off`.";
    load16_le -> u16, "Two bytes at `off`, little-endian.";
    load16_be -> u16, "Two bytes at `off`, in network order.";
    load32_le -> u32, "Four bytes at `off`, little-endian.";
    load32_be -> u32, "Four bytes at `off`, in network order.";
    load64_le -> u64, "Eight bytes at `off`, little-endian.";
    load64_be -> u64, "Eight bytes at `off`, in network order.";
}

macro_rules! stores {
    ($($name:ident($ty:ty), $doc:literal;)*) => { $(
        #[doc = $doc]
        #[inline(always)]
        pub fn $name(off: u32, value: $ty) {
            import::$name(off, value.into());
        }
    )* };
}

stores! {
    store8(u8), "Sets the byte at `off`.";
    store16_le(u16), "Sets two bytes at `off`, little-endian.";
    store16_be(u16), "Sets two bytes at `off`, in network order.";
    store32_le(u32), "Sets four bytes at `off`, little-endian.";
    store32_be(u32), "Sets four bytes at `off`, in network order.";
    store64_le(u64), "Sets eight bytes at `off`, little-endian.";
    store64_be(u64), "Sets eight bytes at `off`, in network order.";
}

/// Copies packet bytes from `off` on into all of `to`.
#[inline]
pub fn copy_in(to: &mut [u8], off: u32) {
    // SAFETY: the import writes `to.len()` bytes from `to`'s start on or traps; usize is 32 bits on wasm32.
    unsafe { import::copy_in(to.as_mut_ptr(), off, to.len() as u32) }
}

/// Copies all of `from` into the packet from `off` on.
#[inline]
pub fn copy_out(off: u32, from: &[u8]) {
    // SAFETY: the import reads `from.len()` bytes from `from`'s start on or traps; usize is 32 bits on wasm32.
    unsafe { import::copy_out(off, from.as_ptr(), from.len() as u32) }
}
