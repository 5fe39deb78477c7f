//! The seam to bpf(2): the stub program, its link, and their pins.
//!
//! One function a command, each with the part of `union bpf_attr` (include/uapi/linux/bpf.h) that it
//! needs as a `repr(C)` struct. Structs are as long as their last field that is used; the kernel takes
//! the rest for zero. No policy here: the command's `attach.rs` says in which order they are called.
#![allow(unsafe_code, reason = "this is one of the two seam files of the command")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

const PROG_LOAD: u32 = 5;
const OBJ_PIN: u32 = 6;
const OBJ_GET: u32 = 7;
const PROG_TEST_RUN: u32 = 10;
const OBJ_GET_INFO_BY_FD: u32 = 15;
const BTF_GET_FD_BY_ID: u32 = 19;
const BTF_GET_NEXT_ID: u32 = 23;
const LINK_CREATE: u32 = 28;
const LINK_GET_FD_BY_ID: u32 = 30;
const LINK_DETACH: u32 = 34;

/// `BPF_PROG_TYPE_XDP`
const PROG_TYPE_XDP: u32 = 6;
/// `BPF_XDP` of `enum bpf_attach_type`
const ATTACH_XDP: u32 = 37;
/// `BPF_LINK_TYPE_XDP`
const LINK_TYPE_XDP: u32 = 6;
/// `BPF_PSEUDO_KFUNC_CALL`, `src_reg` of a call to a kfunc
const PSEUDO_KFUNC_CALL: u8 = 2;

/// `XDP_FLAGS_SKB_MODE`
pub const XDP_GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`
pub const XDP_NATIVE: u32 = 1 << 2;

/// Bytes that a packet of a test run can least have: an Ethernet header (net/bpf/test_run.c).
pub const TEST_RUN_MIN: usize = 14;
/// Bytes that one can most have: a page without the headroom and `struct skb_shared_info` (net/bpf/test_run.c).
pub const TEST_RUN_MAX: usize = 4096 - 256 - 320;
/// Bytes that a program may put in front of a packet or behind it.
const TEST_RUN_GROWTH: usize = 4096;

/// A type that bpf(2) may read and write as bytes: `repr(C)`, integers only, no padding.
trait Attr: Copy {}

macro_rules! attr {
    ($name:ident, $size:literal { $($field:ident: $ty:ty,)* }) => {
        #[repr(C)]
        #[derive(Clone, Copy, Default)]
        struct $name { $($field: $ty,)* }
        impl Attr for $name {}
        const _: () = assert!(size_of::<$name>() == $size && $size == 0 $(+ size_of::<$ty>())*);
    };
}

attr!(ProgLoad, 128 {
    prog_type: u32, insn_cnt: u32, insns: u64, license: u64,
    log_level: u32, log_size: u32, log_buf: u64,
    kern_version: u32, prog_flags: u32, prog_name: [u8; 16], prog_ifindex: u32, expected_attach_type: u32,
    prog_btf_fd: u32, func_info_rec_size: u32, func_info: u64, func_info_cnt: u32,
    line_info_rec_size: u32, line_info: u64, line_info_cnt: u32,
    attach_btf_id: u32, attach_prog_fd: u32, core_relo_cnt: u32, fd_array: u64,
});
attr!(TestRun, 40 {
    prog_fd: u32, retval: u32, data_size_in: u32, data_size_out: u32,
    data_in: u64, data_out: u64, repeat: u32, duration: u32,
});
attr!(Obj, 16 { pathname: u64, bpf_fd: u32, file_flags: u32, });
attr!(Id, 12 { id: u32, next_id: u32, open_flags: u32, });
attr!(InfoByFd, 16 { bpf_fd: u32, info_len: u32, info: u64, });
attr!(LinkCreate, 16 { prog_fd: u32, target_ifindex: u32, attach_type: u32, flags: u32, });
attr!(LinkDetach, 4 { link_fd: u32, });
attr!(BtfInfo, 32 { btf: u64, btf_size: u32, id: u32, name: u64, name_len: u32, kernel_btf: u32, });
attr!(LinkInfo, 32 { kind: u32, id: u32, prog_id: u32, pad: u32, ifindex: u32, pad2: [u32; 3], });

/// One BPF instruction (`struct bpf_insn`).
#[repr(C)]
#[derive(Clone, Copy)]
struct Insn {
    code: u8,
    /// Destination in the low four bits, source in the high four.
    registers: u8,
    offset: i16,
    immediate: i32,
}
const _: () = assert!(size_of::<Insn>() == 8);

/// Calls bpf(2). What `attr` points to must live until it returns, which its callers' borrows see to.
fn bpf(command: u32, attr: &mut impl Attr) -> io::Result<i32> {
    let size = size_of_val(attr);
    let pointer: *mut _ = attr;
    // SAFETY: `pointer` is valid for `size` bytes, all initialised; every address inside was made from a
    // slice or a struct that the caller keeps borrowed, with its length beside it.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, pointer, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

/// Calls a bpf(2) command that answers with a file descriptor.
fn bpf_fd(command: u32, attr: &mut impl Attr) -> io::Result<OwnedFd> {
    let fd = bpf(command, attr)?;
    // SAFETY: the command has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

fn address<T: ?Sized>(of: &T) -> u64 {
    std::ptr::from_ref(of).cast::<u8>() as u64
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// The BTF of kernel module `name`, or `None` if the kernel has none of it.
pub fn module_btf(name: &str) -> io::Result<Option<OwnedFd>> {
    let mut id = 0;
    loop {
        let mut next = Id { id, ..Id::default() };
        match bpf(BTF_GET_NEXT_ID, &mut next) {
            Ok(_) => id = next.next_id,
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            Err(e) => return Err(e),
        }
        // It may have gone since it was listed.
        let fd = match bpf_fd(BTF_GET_FD_BY_ID, &mut Id { id, ..Id::default() }) {
            Ok(fd) => fd,
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => continue,
            Err(e) => return Err(e),
        };
        let mut found = [0u8; 64];
        let name_at = found.as_mut_ptr() as u64;
        let mut info = BtfInfo { name: name_at, name_len: found.len() as u32, ..BtfInfo::default() };
        let mut request = InfoByFd {
            bpf_fd: fd.as_raw_fd() as u32,
            info_len: size_of::<BtfInfo>() as u32,
            info: std::ptr::from_mut(&mut info) as u64,
        };
        bpf(OBJ_GET_INFO_BY_FD, &mut request)?;
        if info.kernel_btf != 0 && found.split(|b| *b == 0).next() == Some(name.as_bytes()) {
            return Ok(Some(fd));
        }
    }
}

/// Loads the stub: three instructions that pass the context and `handle` to the kfunc and return what
/// it returns. On failure the second value is the verifier's log.
pub fn load_stub(name: &str, btf: BorrowedFd<'_>, kfunc: u32, handle: u64) -> Result<OwnedFd, (io::Error, String)> {
    const LD_IMM64: u8 = 0x18;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    let insns = [
        // r2 = handle; r1 is the context already.
        Insn { code: LD_IMM64, registers: 2, offset: 0, immediate: handle as u32 as i32 },
        Insn { code: 0, registers: 0, offset: 0, immediate: (handle >> 32) as u32 as i32 },
        // r0 = kfunc(r1, r2); `offset` is the index of the module's BTF in `fds`.
        Insn { code: CALL, registers: PSEUDO_KFUNC_CALL << 4, offset: 1, immediate: kfunc as i32 },
        Insn { code: EXIT, registers: 0, offset: 0, immediate: 0 },
    ];
    let fds = [0, btf.as_raw_fd()];
    let mut prog_name = [0; 16];
    for (to, from) in prog_name[..15].iter_mut().zip(name.bytes()) {
        *to = if from.is_ascii_alphanumeric() || from == b'.' { from } else { b'_' };
    }
    let mut log = vec![0u8; 1 << 16];
    let mut attr = ProgLoad {
        prog_type: PROG_TYPE_XDP,
        insn_cnt: insns.len() as u32,
        insns: address(&insns),
        license: address(c"GPL".to_bytes_with_nul()),
        log_level: 1,
        log_size: log.len() as u32,
        log_buf: log.as_mut_ptr() as u64,
        prog_name,
        expected_attach_type: ATTACH_XDP,
        fd_array: address(&fds),
        ..ProgLoad::default()
    };
    bpf_fd(PROG_LOAD, &mut attr).map_err(|e| {
        let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
        (e, String::from_utf8_lossy(&log[..end]).into_owned())
    })
}

/// Runs `program` once on `packet`, which becomes what the program made of it, and returns its verdict and
/// the time it took.
pub fn test_run(program: BorrowedFd<'_>, packet: &mut Vec<u8>) -> io::Result<(u32, Duration)> {
    let mut out = vec![0u8; packet.len() + TEST_RUN_GROWTH];
    let mut attr = TestRun {
        prog_fd: raw(program),
        data_size_in: packet.len() as u32,
        data_in: address(packet.as_slice()),
        data_size_out: out.len() as u32,
        data_out: out.as_mut_ptr() as u64,
        repeat: 1,
        ..TestRun::default()
    };
    bpf(PROG_TEST_RUN, &mut attr)?;
    out.truncate(attr.data_size_out as usize);
    *packet = out;
    Ok((attr.retval, Duration::from_nanos(attr.duration.into())))
}

/// Attaches `program` to the interface. The link, and with it the attachment, lasts as long as the
/// descriptor or a pin of it.
pub fn link_xdp(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> io::Result<OwnedFd> {
    bpf_fd(
        LINK_CREATE,
        &mut LinkCreate { prog_fd: raw(program), target_ifindex: ifindex, attach_type: ATTACH_XDP, flags },
    )
}

/// Pins `object` at `path` in a bpf file system.
pub fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    bpf(OBJ_PIN, &mut Obj { pathname: address(path.as_bytes_with_nul()), bpf_fd: raw(object), file_flags: 0 })?;
    Ok(())
}

/// Opens what is pinned at `path`.
pub fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    bpf_fd(OBJ_GET, &mut Obj { pathname: address(path.as_bytes_with_nul()), bpf_fd: 0, file_flags: 0 })
}

/// Detaches a link from its interface at once, whoever else holds it.
pub fn detach_link(link: BorrowedFd<'_>) -> io::Result<()> {
    bpf(LINK_DETACH, &mut LinkDetach { link_fd: raw(link) })?;
    Ok(())
}

/// What the kernel says of an XDP link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpLink {
    /// Its id.
    pub id: u32,
    /// Interface it is attached to; 0 once that has gone.
    pub ifindex: u32,
}

impl XdpLink {
    /// Whether it is attached, and to another interface than `ifindex` of this network namespace, as far as numbers
    /// tell: each namespace has its own.
    #[must_use]
    pub const fn is_elsewhere(&self, ifindex: u32) -> bool {
        self.ifindex != 0 && self.ifindex != ifindex
    }
}

/// What `link` is; `None` if it is no XDP link.
pub fn xdp_link(link: BorrowedFd<'_>) -> io::Result<Option<XdpLink>> {
    let mut info = LinkInfo::default();
    let mut request = InfoByFd {
        bpf_fd: raw(link),
        info_len: size_of::<LinkInfo>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut request)?;
    Ok((info.kind == LINK_TYPE_XDP).then_some(XdpLink { id: info.id, ifindex: info.ifindex }))
}

/// Whether a link of this id exists.
pub fn link_exists(id: u32) -> bool {
    bpf_fd(LINK_GET_FD_BY_ID, &mut Id { id, ..Id::default() }).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command with a path but no privilege or bpffs must come back as an error, not as a descriptor.
    #[test]
    fn a_pin_that_is_not_there_is_an_error() {
        let error = open_pin(Path::new("/nonexistent/pin")).unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EPERM | libc::ENOSYS)), "{error}");
    }

    #[test]
    fn a_link_to_a_namesake_is_told_by_its_interfaces_number() {
        let link = |ifindex| XdpLink { id: 1, ifindex };
        assert!(link(2).is_elsewhere(3) && !link(3).is_elsewhere(3));
        assert!(!link(0).is_elsewhere(3), "its interface has gone, and only the pin is left");
    }

    #[test]
    fn a_path_with_a_zero_byte_is_refused_before_the_kernel_sees_it() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/a\0b"));
        assert_eq!(open_pin(path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
