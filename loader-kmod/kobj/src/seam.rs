// SPDX-License-Identifier: GPL-2.0-only
//! What the C glue calls; its C view is `loader-kmod/glue/core.h`.
//!
//! Each function checks its pointers for null, turns them into references and calls safe code.

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::fmt::{self, Write};

use wasmkc_abi::control::{Export, LOAD_FORCE_PORTABLE, TrapRecord};
use wasmkc_abi::limits::WASM_PAGE;
use wasmkc_abi::object::TARGETS;
use wasmkc_abi::vmctx::{Call, Instance};
use wasmkc_core::interpret::Machine;
use wasmkc_core::{Info, Program, Wanted};

use crate::glue::{Kernel, verify};

const EINVAL: i32 = 22;
const ENOMEM: i32 = 12;
const ENOENT: i32 = 2;

/// `struct wkc_program`, opaque to C.
pub struct KernelProgram(Program<Kernel>);

/// `struct wkc_machine`, opaque to C.
pub struct KernelMachine(Machine);

/// `struct wkc_image_info`.
#[repr(C)]
pub struct ImageInfo {
    entry_xdp: u64,
    entry_init: [u64; 3],
    fuel: u64,
    text_base: u64,
    heap_bytes: u64,
    text_size: u32,
    flags: u32,
    hooks: u32,
    memory_min: u32,
    memory_max: u32,
    instance_bytes: u32,
    shadow_sp_slot: u32,
    transfer: u32,
    stack_bound: u32,
    engine: u16,
    targets: u16,
    text_sha256: [u8; 32],
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<ImageInfo>() == 128);
    assert!(offset_of!(ImageInfo, entry_init) == 8);
    assert!(offset_of!(ImageInfo, fuel) == 32);
    assert!(offset_of!(ImageInfo, text_size) == 56);
    assert!(offset_of!(ImageInfo, engine) == 92);
    // a set of them is told in 16 bits
    assert!(TARGETS.len() <= 16);
    assert!(offset_of!(ImageInfo, text_sha256) == 96);
};

impl From<Info> for ImageInfo {
    fn from(i: Info) -> Self {
        Self {
            entry_xdp: i.entry_xdp,
            entry_init: i.entry_init,
            fuel: i.fuel,
            text_base: i.text_base,
            heap_bytes: i.heap_bytes,
            text_size: i.text_size,
            flags: i.flags,
            hooks: i.hooks,
            memory_min: i.memory_min,
            memory_max: i.memory_max,
            instance_bytes: i.instance_bytes,
            shadow_sp_slot: i.shadow_sp_slot,
            transfer: i.transfer,
            stack_bound: i.stack_bound,
            // both are small: one of `ENGINE_*`, a bit a target
            engine: i.engine as u16,
            targets: i.targets as u16,
            text_sha256: i.text_sha256,
        }
    }
}

/// A text that ends with a zero and is cut at a character where it does not fit.
struct Message<'a> {
    rest: &'a mut [u8],
    full: bool,
}

impl Write for Message<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            let mut utf8 = [0; 4];
            let c = c.encode_utf8(&mut utf8).as_bytes();
            // one byte stays for the terminating zero
            if self.full || self.rest.len() <= c.len() {
                self.full = true;
                return Ok(());
            }
            let (to, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(c.len()).ok_or(fmt::Error)?;
            to.iter_mut().zip(c).for_each(|(to, from)| *to = *from);
            self.rest = rest;
        }
        Ok(())
    }
}

/// Writes `text` into `out`, zero-terminated.
fn message(out: &mut [u8], text: &dyn fmt::Display) {
    let mut m = Message { rest: out, full: false };
    // an error can only come from the text's own Display; what was written so far stays
    let _ = write!(m, "{text}");
    if let Some(end) = m.rest.first_mut() {
        *end = 0;
    }
}

/// Loads an object as `flags` say (`LOAD_*`): 0 and a program, or a negative errno and a message. Process context; may
/// sleep.
///
/// # Safety
/// Each pointer is null or valid for its type and length; `out` and `info` are exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_load(
    object: *const u8,
    len: usize,
    flags: u32,
    out: *mut *mut KernelProgram,
    info: *mut ImageInfo,
    msg: *mut u8,
    msg_len: usize,
) -> i32 {
    if object.is_null() || out.is_null() || info.is_null() || len > isize::MAX as usize {
        return -EINVAL;
    }
    // SAFETY: not null, and `len` readable bytes by the caller's contract.
    let object = unsafe { core::slice::from_raw_parts(object, len) };
    let text: &mut [u8] = if msg.is_null() || msg_len == 0 {
        &mut []
    } else {
        // SAFETY: not null, and `msg_len` writable bytes by the caller's contract.
        unsafe { core::slice::from_raw_parts_mut(msg, msg_len) }
    };
    message(text, &"");
    let wanted = if flags & LOAD_FORCE_PORTABLE != 0 { Wanted::Portable } else { Wanted::Best };
    let program = match wasmkc_core::load_as(verify, Kernel, object, wanted) {
        Ok(program) => program,
        Err(error) => {
            message(text, &error);
            return error.errno().saturating_neg();
        }
    };
    let filled = ImageInfo::from(program.info());
    // SAFETY: the layout's size is not zero.
    let place = unsafe { alloc(Layout::new::<KernelProgram>()) }.cast::<KernelProgram>();
    if place.is_null() {
        message(text, &"out of memory");
        return -ENOMEM;
    }
    // SAFETY: fresh memory of this layout.
    unsafe { place.write(KernelProgram(program)) };
    // SAFETY: not null, valid for a write by the caller's contract.
    unsafe { info.write(filled) };
    // SAFETY: not null, valid for a write by the caller's contract.
    unsafe { out.write(place) };
    0
}

/// Frees a program. Process context; may sleep. Nobody may run its code any more.
///
/// # Safety
/// `program` is null or came from [`wkc_core_load`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_free(program: *mut KernelProgram) {
    if program.is_null() {
        return;
    }
    // SAFETY: a live program by the caller's contract, dropped once.
    unsafe { program.drop_in_place() };
    // SAFETY: it was allocated with this layout by `wkc_core_load`.
    unsafe { dealloc(program.cast(), Layout::new::<KernelProgram>()) };
}

/// Fills an instance block and the active segments. Any context.
///
/// # Safety
/// `program` is live; `instance` has `instance_bytes` bytes and `memory` `memory_max` zeroed pages (null where
/// there are none), and nobody else uses them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_instantiate(program: *const KernelProgram, instance: *mut Instance, memory: *mut u8) {
    // SAFETY: null or live by the caller's contract.
    let Some(program) = (unsafe { program.as_ref() }) else { return };
    let info = program.0.info();
    if instance.is_null() {
        return;
    }
    // SAFETY: not null, `instance_bytes` exclusive bytes by the caller's contract.
    let block = unsafe { core::slice::from_raw_parts_mut(instance.cast::<u8>(), info.instance_bytes as usize) };
    let bytes = info.memory_max as usize * WASM_PAGE as usize;
    let memory: &mut [u8] = if memory.is_null() || bytes == 0 {
        &mut []
    } else {
        // SAFETY: not null, `memory_max` exclusive pages by the caller's contract.
        unsafe { core::slice::from_raw_parts_mut(memory, bytes) }
    };
    // Sizes can only be wrong where C passed no memory to a program that has some: the block then stays as it
    // was, zeroed, and every access of its code is out of bounds.
    let _ = program.0.instantiate(block, memory);
}

/// What an instance of bytecode runs on, or null where there is no memory. Process context; may sleep.
#[unsafe(no_mangle)]
pub extern "C" fn wkc_core_machine_create() -> *mut KernelMachine {
    let Ok(machine) = Machine::new() else { return core::ptr::null_mut() };
    // SAFETY: the layout's size is not zero.
    let place = unsafe { alloc(Layout::new::<KernelMachine>()) }.cast::<KernelMachine>();
    if !place.is_null() {
        // SAFETY: fresh memory of this layout.
        unsafe { place.write(KernelMachine(machine)) };
    }
    place
}

/// Frees a machine. Process context.
///
/// # Safety
/// `machine` is null or came from [`wkc_core_machine_create`] and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_machine_destroy(machine: *mut KernelMachine) {
    if machine.is_null() {
        return;
    }
    // SAFETY: a live machine by the caller's contract, dropped once.
    unsafe { machine.drop_in_place() };
    // SAFETY: it was allocated with this layout by `wkc_core_machine_create`.
    unsafe { dealloc(machine.cast(), Layout::new::<KernelMachine>()) };
}

/// Runs the bytecode at `entry` as `wkc_enter` does with native code; the low half of its result. Any context.
///
/// # Safety
/// `machine` is null or live, and nobody else uses it meanwhile; the rest is what [`Machine::run`] asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_interpret(machine: *mut KernelMachine, call: *mut Call, entry: u64) -> u32 {
    // SAFETY: null or exclusive by the caller's contract.
    let Some(machine) = (unsafe { machine.as_mut() }) else { return 0 };
    // SAFETY: what the caller vouches for.
    unsafe { machine.0.run(call, entry, &mut Kernel) }
}

/// Finds export `name`: 0 with its entry and the numbers of its parameters and results, or -ENOENT. Any context.
///
/// # Safety
/// `program` is null or live; `name` is null or has `len` bytes; `entry` and `values` are null or valid for a write,
/// `values` of two numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_export(
    program: *const KernelProgram,
    name: *const u8,
    len: usize,
    entry: *mut u64,
    values: *mut [u32; 2],
) -> i32 {
    // SAFETY: null or live by the caller's contract.
    let Some(program) = (unsafe { program.as_ref() }) else { return -EINVAL };
    if name.is_null() || len > isize::MAX as usize {
        return -EINVAL;
    }
    // SAFETY: not null, and `len` readable bytes by the caller's contract.
    let name = unsafe { core::slice::from_raw_parts(name, len) };
    // SAFETY: null or exclusive by the caller's contract.
    let Some(entry) = (unsafe { entry.as_mut() }) else { return -EINVAL };
    // SAFETY: null or exclusive by the caller's contract.
    let Some(values) = (unsafe { values.as_mut() }) else { return -EINVAL };
    let found = core::str::from_utf8(name).ok().and_then(|name| program.0.export(name));
    let Some((address, signature)) = found else { return -ENOENT };
    *entry = address;
    // a signature has at most `MAX_EXPORT_VALUES` of each
    *values = [signature.params.len() as u32, signature.results.len() as u32];
    0
}

/// Describes the first `capacity` exports; how many there are. Any context.
///
/// # Safety
/// `program` is null or live; `records` is null or has room for `capacity` exclusive records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_exports(program: *const KernelProgram, records: *mut Export, capacity: usize) -> u32 {
    // SAFETY: null or live by the caller's contract.
    let Some(program) = (unsafe { program.as_ref() }) else { return 0 };
    let records: &mut [Export] = if records.is_null() || capacity > isize::MAX as usize / size_of::<Export>() {
        &mut []
    } else {
        // SAFETY: not null, `capacity` exclusive records by the caller's contract.
        unsafe { core::slice::from_raw_parts_mut(records, capacity) }
    };
    for (record, (name, signature)) in records.iter_mut().zip(program.0.exports()) {
        message(&mut record.name, &name);
        message(&mut record.signature, &signature);
    }
    // an object has at most `MAX_EXPORTS`
    program.0.exports().count() as u32
}

/// Explains a trap: 0, or -ENOENT for an address that is no trap site. Any context.
///
/// # Safety
/// `program` is null or live; `record` is null or valid and exclusive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wkc_core_trap_lookup(
    program: *const KernelProgram,
    site_address: u64,
    record: *mut TrapRecord,
) -> i32 {
    // SAFETY: null or live by the caller's contract.
    let Some(program) = (unsafe { program.as_ref() }) else { return -EINVAL };
    // SAFETY: null or exclusive by the caller's contract.
    let Some(record) = (unsafe { record.as_mut() }) else { return -EINVAL };
    let Some(site) = program.0.trap_site(site_address) else { return -ENOENT };
    record.site = site.site;
    record.wasm_offset = site.wasm_offset;
    record.line = site.line;
    message(&mut record.function, &site.function);
    message(&mut record.file, &site.file);
    0
}
