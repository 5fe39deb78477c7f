// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The control interface: ioctls of `/dev/wasmkc`, version 1.
//!
//! Every request is `_IOWR('W', number, struct)`; its size is part of the number, so a changed struct
//! is a new request. Pointers are u64 for one layout in all word sizes. A request that takes `text`
//! gets a NUL-terminated message there when it fails, beside its errno.

/// Device node.
pub const DEVICE: &str = "/dev/wasmkc";
/// ioctl type byte.
pub const IOC_TYPE: u8 = b'W';
/// Name of the module and of its BTF.
pub const MODULE: &str = "wasmkc";

/// Message buffer of the caller.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Text {
    /// User address.
    pub ptr: u64,
    /// Its capacity in bytes.
    pub len: u32,
    /// Zero.
    pub pad: u32,
}

/// `INFO`: what is loaded. Any user that may open the device.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Info {
    /// [`crate::ABI_MAJOR`] of the loader.
    pub abi_major: u16,
    /// [`crate::ABI_MINOR`] of the loader.
    pub abi_minor: u16,
    /// ELF machine whose code it runs, or [`crate::object::MACHINE_PORTABLE`] if it runs bytecode only.
    pub machine: u16,
    /// Non-zero once `trust lock` was called.
    pub trust_locked: u16,
    /// BTF id of the XDP kfunc, 0 where the kernel's BPF programs cannot call it: then there is no XDP.
    pub xdp_kfunc: u32,
    /// Programs loaded.
    pub programs: u32,
    /// Certificates in the trusted ring.
    pub keys: u32,
    /// CPUs that have instances.
    pub cpus: u32,
    /// Bytes of the code arena.
    pub arena_size: u64,
    /// Bytes of it in use.
    pub arena_used: u64,
    /// Bytes of the read-only data arena.
    pub rodata_size: u64,
    /// Bytes of it in use.
    pub rodata_used: u64,
    /// Bytes of instances and images now.
    pub memory_used: u64,
    /// Bytes they may take (module parameter `budget`).
    pub memory_budget: u64,
}

/// `TRUST_ADD`: adds an X.509 certificate (DER). CAP_SYS_ADMIN; EPERM once locked.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrustAdd {
    /// User address of the certificate.
    pub der: u64,
    /// Its bytes.
    pub len: u32,
    /// Zero.
    pub pad: u32,
    /// Message on failure.
    pub text: Text,
}

/// One trusted key in the answer to `TRUST_LIST`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TrustKey {
    /// The kernel's description of the key (subject and key id), NUL-terminated.
    pub description: [u8; 128],
}

/// A list request: the loader fills `ptr` with up to `capacity` records and sets `count` to how many there are,
/// which may be more: then whoever asks does so again with room for them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct List {
    /// User address of the records.
    pub ptr: u64,
    /// Records that fit.
    pub capacity: u32,
    /// Records there are.
    pub count: u32,
    /// `TRAP_LOG`, `EXPORTS`: program id; otherwise zero.
    pub id: u32,
    /// Zero.
    pub pad: u32,
}

/// After a trap the instance goes on with its memory as it is.
pub const AFTER_TRAP_KEEP: u32 = 0;
/// After a trap the instance is instantiated anew, in process context; packets meanwhile get the trap verdict.
pub const AFTER_TRAP_RESET: u32 = 1;
/// After `trap_limit` traps the program gives the trap verdict only.
pub const AFTER_TRAP_DISABLE: u32 = 2;

/// Take the portable code, even where the object has native code for this machine.
pub const LOAD_FORCE_PORTABLE: u32 = 1 << 0;
/// Every flag of `LOAD` that there is.
pub const LOAD_FLAGS: u32 = LOAD_FORCE_PORTABLE;

/// The program is native code of the machine.
pub const ENGINE_NATIVE: u32 = 0;
/// The program is portable code, which the loader interprets.
pub const ENGINE_PORTABLE: u32 = 1;

/// `LOAD`: verifies, links and instantiates an object. CAP_SYS_ADMIN. All or nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// User address of the object.
    pub object: u64,
    /// Its bytes.
    pub len: u32,
    /// Verdict after a trap ([`crate::verdict::Verdict`]: aborted, drop or pass).
    pub trap_verdict: u32,
    /// `AFTER_TRAP_*`.
    pub after_trap: u32,
    /// Traps until disabled.
    pub trap_limit: u32,
    /// Fuel ceiling; 0 for the object's, never above it.
    pub fuel: u64,
    /// Name, NUL-terminated, unique among loaded programs: `[A-Za-z0-9_.-]+`.
    pub name: [u8; 32],
    /// Out: the program's id.
    pub id: u32,
    /// `LOAD_*`; an unknown one is refused.
    pub flags: u32,
    /// Message on failure.
    pub text: Text,
}

/// `UNLOAD`: by name. EBUSY while it is attached, a stub of it held by anybody, or an open device has called it. CAP_SYS_ADMIN.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Unload {
    /// Name, NUL-terminated.
    pub name: [u8; 32],
    /// Message on failure.
    pub text: Text,
}

/// `HANDLE`: registers a stub program and gives the handle it must pass. CAP_NET_ADMIN.
///
/// Called twice: first with `stub_fd` -1 to learn the handle, then with the loaded stub so that the
/// loader holds a reference and knows what is attached.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Handle {
    /// Name, NUL-terminated.
    pub name: [u8; 32],
    /// BPF program fd of the stub, or -1.
    pub stub_fd: i32,
    /// Zero.
    pub pad: u32,
    /// Out: handle to pass to the kfunc.
    pub handle: u64,
    /// Message on failure.
    pub text: Text,
}

/// One export in the answer to `EXPORTS`, whose `id` is the program's.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// Name, NUL-terminated.
    pub name: [u8; 256],
    /// Signature, NUL-terminated: letters of [`crate::object::VALUE_TYPES`].
    pub signature: [u8; 264],
}

/// `CALL`: calls an export in process context, on an instance that belongs to this open device and keeps its state
/// from one call to the next. CAP_SYS_ADMIN.
///
/// A call that traps is a request that succeeded: `trap` has the cause, `record` its place, and there are no results.
/// Slots (`capacity` of them, 128 at most), record and request must be readable and writable: each is written back as
/// it is, the record zeroed, before anything is done, so that no answer is lost.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Call {
    /// Name of the program, NUL-terminated; the same in every call on one open device.
    pub name: [u8; 32],
    /// User address of the export's name.
    pub export: u64,
    /// Its bytes.
    pub export_len: u32,
    /// Arguments, one slot of eight bytes each.
    pub args: u32,
    /// User address of the slots: arguments before, results after.
    pub slots: u64,
    /// Slots at that address.
    pub capacity: u32,
    /// Out: results.
    pub results: u32,
    /// Fuel of the call, at most [`crate::limits::FUEL_CALL_MAX`].
    pub fuel: u64,
    /// Out: fuel it took.
    pub fuel_used: u64,
    /// Bytes of stack, at most [`crate::limits::STACK_CALL_MAX`].
    pub stack: u32,
    /// Out: [`crate::trap::TrapCode`], 0 if the call came back.
    pub trap: u32,
    /// User address of a [`TrapRecord`] that says where it trapped, or 0.
    pub record: u64,
    /// Message on failure.
    pub text: Text,
}

/// One program in the answer to `LIST`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Name, NUL-terminated.
    pub name: [u8; 32],
    /// Id, never reused while the module is loaded.
    pub id: u32,
    /// Stubs of it that somebody beside the loader holds, and ingress hooks it is at.
    pub attached: u32,
    /// `FLAG_*` of its meta.
    pub flags: u32,
    /// Hooks it has.
    pub hooks: u32,
    /// Trap verdict.
    pub trap_verdict: u32,
    /// `AFTER_TRAP_*`.
    pub after_trap: u32,
    /// Bytes of code.
    pub text_bytes: u32,
    /// Instances.
    pub instances: u32,
    /// Bytes of memory of all its instances and tables.
    pub memory_bytes: u64,
    /// Fuel ceiling.
    pub fuel: u64,
    /// SHA-256 of the linked text before relocation.
    pub text_sha256: [u8; 32],
    /// Non-zero once disabled.
    pub disabled: u32,
    /// Traps until disabled.
    pub trap_limit: u32,
    /// `ENGINE_*`.
    pub engine: u32,
    /// What its object had code for: bits by the rows of [`crate::object::TARGETS`].
    pub targets: u32,
}

/// `STATS`: counters of one program, summed over all CPUs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Name, NUL-terminated.
    pub name: [u8; 32],
    /// CPU to read, or `u32::MAX` for the sum of all.
    pub cpu: u32,
    /// Zero.
    pub pad: u32,
    /// Packets by the verdict that left the kfunc, by number.
    pub verdicts: [u64; 8],
    /// Traps by cause ([`crate::trap::TrapCode`]).
    pub traps: [u64; crate::trap::TRAP_COUNTERS],
    /// Fuel used by all runs, those that trapped too.
    pub fuel: u64,
}

/// One kept trap in the answer to `TRAP_LOG`, oldest first.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TrapRecord {
    /// Monotonic time in nanoseconds.
    pub time_ns: u64,
    /// Cause.
    pub code: u32,
    /// CPU.
    pub cpu: u32,
    /// Offset of the site in `.text`, or `u32::MAX` for the loader's own traps.
    pub site: u32,
    /// Offset in the wasm file, or `u32::MAX`.
    pub wasm_offset: u32,
    /// Source line, 0 if unknown.
    pub line: u32,
    /// Bytes of the packet.
    pub packet_len: u32,
    /// Function's name, NUL-terminated.
    pub function: [u8; 64],
    /// Source file's name, NUL-terminated.
    pub file: [u8; 64],
}

/// `PACKET`: judges a packet that was never on a wire, as the program's hook would, and counts it. CAP_SYS_ADMIN.
///
/// A packet whose run traps is a request that succeeded. Packet, record and request must be readable and writable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PacketRequest {
    /// Name of the program, NUL-terminated.
    pub name: [u8; 32],
    /// User address of the packet, from its Ethernet header on; it comes back as the program left it.
    pub packet: u64,
    /// Its bytes: 14 to [`crate::limits::MAX_PACKET_BYTES`].
    pub len: u32,
    /// Zero.
    pub pad: u32,
    /// Out: fuel it took.
    pub fuel_used: u64,
    /// Out: nanoseconds it took.
    pub time_ns: u64,
    /// User address of a [`TrapRecord`] that says where it trapped, or 0.
    pub record: u64,
    /// Out: its verdict, the trap verdict where it trapped.
    pub verdict: u32,
    /// Out: [`crate::trap::TrapCode`], 0 if the verdict is the program's own.
    pub trap: u32,
    /// Message on failure.
    pub text: Text,
}

/// `INGRESS_ATTACH`: lets a program judge what a device of the caller's network namespace receives, at netfilter's
/// ingress hook. Verdicts are aborted, drop and pass there; any other is a trap. EBUSY if a program is there already.
/// CAP_NET_ADMIN.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IngressAttach {
    /// Name of the program, NUL-terminated.
    pub name: [u8; 32],
    /// The device's number.
    pub ifindex: u32,
    /// Out: the attachment's number, never reused while the module is loaded.
    pub id: u32,
    /// Message on failure.
    pub text: Text,
}

/// `INGRESS_DETACH`: ends such an attachment, in whatever network namespace it is. CAP_NET_ADMIN.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IngressDetach {
    /// The attachment's number.
    pub id: u32,
    /// Zero.
    pub pad: u32,
    /// Message on failure.
    pub text: Text,
}

/// One attachment in the answer to `INGRESS_LIST`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    /// Name of the program, NUL-terminated.
    pub program: [u8; 32],
    /// The device's name, NUL-terminated.
    pub device: [u8; 16],
    /// The attachment's number.
    pub id: u32,
    /// The device's number.
    pub ifindex: u32,
    /// Inode of the device's network namespace, as /proc/PID/ns/net has it.
    pub netns: u64,
}

/// Traps kept a program.
pub const TRAP_RECORDS: usize = 64;

/// ioctl numbers: name, number, bytes of its struct.
pub const REQUESTS: &[(&str, u8, usize)] = &[
    ("INFO", 1, size_of::<Info>()),
    ("TRUST_ADD", 2, size_of::<TrustAdd>()),
    ("TRUST_LOCK", 3, 4),
    ("TRUST_LIST", 4, size_of::<List>()),
    ("LOAD", 5, size_of::<Load>()),
    ("UNLOAD", 6, size_of::<Unload>()),
    ("HANDLE", 7, size_of::<Handle>()),
    ("LIST", 8, size_of::<List>()),
    ("STATS", 9, size_of::<Stats>()),
    ("TRAP_LOG", 10, size_of::<List>()),
    ("CALL", 11, size_of::<Call>()),
    ("EXPORTS", 12, size_of::<List>()),
    ("PACKET", 13, size_of::<PacketRequest>()),
    ("INGRESS_ATTACH", 14, size_of::<IngressAttach>()),
    ("INGRESS_DETACH", 15, size_of::<IngressDetach>()),
    ("INGRESS_LIST", 16, size_of::<List>()),
];

/// The ioctl number of request `name`: `_IOWR('W', number, size)` of include/uapi/asm-generic/ioctl.h.
#[must_use]
pub const fn request(number: u8, size: usize) -> u32 {
    (3 << 30) | ((size as u32) << 16) | ((IOC_TYPE as u32) << 8) | number as u32
}

const _: () = {
    assert!(size_of::<Text>() == 16);
    assert!(size_of::<Info>() == 72);
    assert!(size_of::<TrustAdd>() == 32);
    assert!(size_of::<List>() == 24);
    assert!(size_of::<Load>() == 88);
    assert!(size_of::<Unload>() == 48);
    assert!(size_of::<Handle>() == 64);
    assert!(size_of::<Call>() == 112);
    assert!(size_of::<Export>() == 520);
    assert!(size_of::<Program>() == 128);
    assert!(size_of::<Stats>() == 368);
    assert!(size_of::<TrapRecord>() == 160);
    assert!(size_of::<PacketRequest>() == 96);
    assert!(size_of::<IngressAttach>() == 56);
    assert!(size_of::<IngressDetach>() == 24);
    assert!(size_of::<Attachment>() == 64);
};
