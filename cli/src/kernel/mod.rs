//! What the command needs of the running kernel, and the words for what it refuses.
//!
//! The seams themselves are a library (`lib.rs`), which the tests use too.

pub use wasmkc_kernel::device::text;
pub use wasmkc_kernel::{bpf, device};

use crate::error::{Error, Result};
use device::{Device, Refused};
use wasmkc_abi::control::DEVICE;
use wasmkc_abi::limits::MAX_NAME;

/// Opens the control device and checks that it speaks our ABI.
pub fn open() -> Result<Device> {
    let device = Device::open().map_err(|e| open_error(&e))?;
    let info = device.info().map_err(explain)?;
    if info.abi_major != wasmkc_abi::ABI_MAJOR {
        return Err(Error::new(format_args!(
            "the loaded kernel module has ABI {}.{}, this command {}.{}",
            info.abi_major,
            info.abi_minor,
            wasmkc_abi::ABI_MAJOR,
            wasmkc_abi::ABI_MINOR
        ))
        .help("install the module and the command of one release, then `rmmod wasmkc; modprobe wasmkc`"));
    }
    Ok(device)
}

/// Why the control device could not be opened.
pub fn open_error(cause: &std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::NotFound => Error::new(format_args!("the kernel module is not loaded: no {DEVICE}"))
            .help("`modprobe wasmkc` as root, once `make install-kmod` has installed it; `wasmkc doctor` checks what else is needed"),
        std::io::ErrorKind::PermissionDenied => {
            Error::new(format_args!("no permission to open {DEVICE}")).help("run this as root")
        }
        _ => Error::new(format_args!("cannot open {DEVICE}: {cause}"))
            .help("`rmmod wasmkc; modprobe wasmkc` as root loads the module anew"),
    }
}

/// The words for a refused request: the loader's own text if it gave one, else the errno's.
pub fn explain(refused: Refused) -> Error {
    let Refused { request, errno, text } = refused;
    let help = hint(request, errno, &text);
    let what = match (text.is_empty(), errno) {
        (false, _) => text,
        (true, libc::ENOENT) => "no program of that name is loaded".to_owned(),
        (true, errno) => std::io::Error::from_raw_os_error(errno).to_string(),
    };
    let doing = match request {
        "LOAD" => "the loader refuses the object",
        "UNLOAD" => "cannot unload",
        "HANDLE" => "cannot register the stub",
        "TRUST_ADD" => "the loader refuses the certificate",
        "TRUST_LOCK" => "cannot lock the trusted keys",
        "TRUST_LIST" => "cannot list the trusted keys",
        "CALL" => "cannot call",
        "PACKET" => "the loader does not judge the packet",
        "INGRESS_ATTACH" => "the loader refuses",
        "INGRESS_DETACH" => "cannot detach",
        "INFO" => "the loader does not answer",
        _ => "the loader refuses",
    };
    let error = Error::new(format_args!("{doing}: {what}"));
    match help {
        Some(hint) => error.help(hint),
        None => error,
    }
}

/// What to do about `errno` from `request`, which the loader has explained by `text`.
fn hint(request: &str, errno: i32, text: &str) -> Option<&'static str> {
    Some(match (request, errno) {
        ("TRUST_ADD", libc::EPERM) if text.contains("keys are locked") => {
            "detach and unload all programs, then `rmmod wasmkc; modprobe wasmkc`: the module begins unlocked"
        }
        ("TRUST_ADD", libc::EPERM) if text.contains("locked down") => {
            "sign with a key of the system's: `mokutil --import CERT` adds the machine owner's"
        }
        ("HANDLE" | "INGRESS_ATTACH" | "INGRESS_DETACH", libc::EPERM | libc::EACCES) => {
            "run this as root (CAP_NET_ADMIN)"
        }
        (_, libc::EPERM | libc::EACCES) => "run this as root (CAP_SYS_ADMIN)",
        ("LOAD", libc::EEXIST) => {
            "`wasmkc unload NAME` removes the loaded one; `--name OTHER` loads this one beside it; `wasmkc attach NAME --dev IF` uses the loaded one"
        }
        ("LOAD", libc::ENOKEY) => {
            "no trusted key made its signature: `wasmkc trust list` shows the keys, `wasmkc trust add CERT` adds the signer's"
        }
        ("LOAD", libc::EKEYREJECTED) => {
            "the file was changed after it was signed; build and sign it again, or get it again"
        }
        ("LOAD", libc::ENODATA) => {
            "`wasmkc sign FILE --key KEY --cert CERT`, with a key that `wasmkc trust list` shows"
        }
        ("LOAD", libc::EBADMSG) => "the file or its signature is damaged; `wasmkc verify FILE --cert CERT` says more",
        ("LOAD", libc::ENOPKG) => {
            "this kernel lacks the signature's algorithm; sign with RSA-4096 and SHA-256 (`wasmkc keygen`)"
        }
        ("LOAD", libc::ENOSPC) => {
            "the code arena is full: `wasmkc list` shows what is loaded, `wasmkc unload NAME` frees it"
        }
        ("LOAD", libc::ENOMEM) => {
            "instances of all CPUs count: build with a smaller --max-memory, unload others, or raise the module's parameter `budget`"
        }
        (_, libc::ENOENT) => "`wasmkc list` shows the names of the loaded programs",
        (_, libc::ENOTTY) => "the module is of another release: install module and command of one release",
        _ => return None,
    })
}

/// Program `name` is not there.
pub fn not_loaded(name: &str) -> Error {
    Error::new(format_args!("no program `{name}` is loaded")).help("`wasmkc list` shows what is")
}

/// Checks that `name` is one the loader takes.
pub fn check_name(name: &str) -> Result<()> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(legal) {
        return Err(Error::usage(format_args!("`{name}` is no program name"))
            .help(format_args!("1 to {MAX_NAME} letters, digits, `_`, `.` or `-`")));
    }
    Ok(())
}

/// A name that the loader takes, made of `text`.
pub fn name_from(text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let name: String = text.chars().map(|c| if legal(c) { c } else { '_' }).take(MAX_NAME).collect();
    if name.is_empty() { "filter".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn module_not_loaded_is_said_with_what_to_do() {
        let text = open_error(&io::Error::from_raw_os_error(libc::ENOENT)).render(false);
        assert!(text.contains("the kernel module is not loaded") && text.contains("modprobe wasmkc"), "{text}");
    }

    #[test]
    fn not_root_is_said_with_what_to_do() {
        let text = open_error(&io::Error::from_raw_os_error(libc::EACCES)).render(false);
        assert!(text.contains("no permission") && text.contains("root"), "{text}");
    }

    #[test]
    fn one_name_loaded_twice_names_the_ways_out() {
        let refused = Refused { request: "LOAD", errno: libc::EEXIST, text: "`x` is loaded already".into() };
        let text = explain(refused).render(false);
        assert!(text.starts_with("error: the loader refuses the object: `x` is loaded already\n"), "{text}");
        assert!(text.contains("wasmkc unload") && text.contains("--name"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_said_to_be_so() {
        let refused = Refused { request: "STATS", errno: libc::ENOENT, text: String::new() };
        let text = explain(refused).render(false);
        assert!(text.contains("no program of that name") && text.contains("wasmkc list"), "{text}");
    }

    #[test]
    fn a_locked_ring_a_locked_kernel_and_missing_rights_have_different_ways_out() {
        let said =
            |text: &str| explain(Refused { request: "TRUST_ADD", errno: libc::EPERM, text: text.into() }).render(false);
        let ring = said("the trusted keys are locked until the module is loaded again");
        assert!(ring.contains("rmmod wasmkc") && !ring.contains("root"), "{ring}");
        let kernel = said("the kernel is locked down: only the system's keys are trusted");
        assert!(kernel.contains("mokutil") && !kernel.contains("root"), "{kernel}");
        assert!(said("this needs the capability CAP_SYS_ADMIN").contains("as root"));
    }

    #[test]
    fn an_unsigned_object_is_said_to_be_so_once() {
        let text = "the object is not signed; sign it with `wasmkc sign`";
        let said = explain(Refused { request: "LOAD", errno: libc::ENODATA, text: text.into() }).render(false);
        assert_eq!(said.matches("not signed").count(), 1, "{said}");
        assert!(said.contains("--key KEY --cert CERT"), "{said}");
    }

    #[test]
    fn names_are_checked_and_made() {
        assert!(check_name("l4drop-2.1_x").is_ok());
        for bad in ["", "a b", "a/b", "ü", &"x".repeat(32)] {
            assert_eq!(check_name(bad).unwrap_err().exit_code(), 2, "{bad}");
            check_name(&name_from(bad)).unwrap();
        }
    }
}
