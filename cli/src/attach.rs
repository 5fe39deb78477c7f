//! Attaching a loaded program to an interface, and how every half of it can be cleaned.
//!
//! ```text
//!  step                                  killed right after it, what is left        cleaned by
//!  1 remove a dead pin (device gone)     nothing                                    -
//!  2 LOAD, if a file was given           a loaded program, attached nowhere         unload, or attach NAME
//!  3 HANDLE without stub                 as before                                  as before
//!  4 BPF_PROG_LOAD of the stub           as before: the stub ends with our fd       as before
//!  5 HANDLE with the stub                a stub that only the loader holds, which   unload
//!                                        does not count as attached
//!  6 BPF_LINK_CREATE                     as before: the link ends with our fd       as before
//!  7 mkdir in bpffs                      an empty folder besides                    attach, detach, unload
//!  8 BPF_OBJ_PIN                         the attachment, complete                   detach
//! ```
//! Nothing outlives the process before the pin, so there is no state that `list` shows wrongly. An error
//! in a step undoes the steps before it: descriptors close, a program loaded in step 2 is unloaded.

use crate::error::{Error, Result};
use crate::ingress::{self, no_xdp};
use crate::kernel::device::{Device, Refused};
use crate::kernel::{bpf, explain, text};
use crate::pins::{self, Pin};
use serde::Serialize;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use wasmkc_abi::control::MODULE;

/// Where in the network stack the filter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In the driver, before the kernel makes its own packet.
    Native,
    /// In the network stack, for drivers without XDP; slower.
    Generic,
    /// At netfilter's ingress hook, for kernels whose BPF cannot call the loader too; no tx and no redirect.
    Ingress,
}

impl Mode {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Ingress => "ingress",
        }
    }
}

/// What attaches to XDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Xdp {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
}

/// How long a stub may be counted after its link has gone: the kernel frees it after a grace period.
const STUB_END: Duration = Duration::from_secs(2);

const BUSY: i32 = nix::errno::Errno::EBUSY as i32;

/// The index of interface `name` in this network namespace.
pub fn interface(name: &str) -> Result<u32> {
    nix::net::if_::if_nametoindex(name).map_err(|_| {
        Error::new(format_args!("there is no network device `{name}`"))
            .help("`ip link` shows the devices of this network namespace; `nsenter --net=/run/netns/NAME wasmkc ...` works in another")
    })
}

/// Attaches loaded program `name` to `device_name`: steps 1 and 3 to 8.
pub fn attach(device: &Device, name: &str, device_name: &str, mode: Xdp) -> Result<Pin> {
    pins::check_mounted()?;
    let ifindex = interface(device_name)?;
    let pin = Pin::of(name, device_name);
    if let Some(link) = pin.open()? {
        if link.xdp.is_elsewhere(ifindex) {
            return Err(Error::new(format_args!(
                "`{name}` is attached to a {device_name} of another network namespace, and has one attachment a name"
            ))
            .help(format_args!(
                "`nsenter --net=/run/netns/NAME wasmkc detach {name} --dev {device_name}` there first, or load it a \
                 second time, as `--name OTHER`"
            )));
        }
        if link.xdp.ifindex != 0 {
            return Err(Error::new(format_args!("`{name}` is attached to {device_name} already"))
                .help(format_args!("`wasmkc detach {name} --dev {device_name}` first")));
        }
        drop(link);
        pin.remove()?;
    }
    let stub = stub(device, name)?;
    device.handle(name, Some(stub.as_fd())).map_err(explain)?;
    let flags = match mode {
        Xdp::Native => bpf::XDP_NATIVE,
        Xdp::Generic => bpf::XDP_GENERIC,
    };
    let link = bpf::link_xdp(stub.as_fd(), ifindex, flags).map_err(|e| link_error(&e, device_name, mode))?;
    pin.create(&link)?;
    Ok(pin)
}

/// Makes a stub of loaded program `name`: steps 3 and 4. The loader does not know of it yet.
pub fn stub(device: &Device, name: &str) -> Result<OwnedFd> {
    let kfunc = device.info().map_err(explain)?.xdp_kfunc;
    if kfunc == 0 {
        return Err(no_xdp());
    }
    let handle = device.handle(name, None).map_err(explain)?;
    let btf = bpf::module_btf(MODULE)
        .map_err(|e| needs_privilege(Error::new(format_args!("cannot look for the module's BTF: {e}")), &e))?
        .ok_or_else(no_xdp)?;
    bpf::load_stub(&format!("wkc_{name}"), btf.as_fd(), kfunc, handle).map_err(|(e, log)| {
        let error = Error::new(format_args!("the kernel refuses the stub program: {e}"));
        needs_privilege(error.details(log.lines().filter(|l| !l.is_empty())), &e)
    })
}

/// Unloads `name`. A link that has just gone keeps its stub for a grace period, so "busy" is final only
/// if it is so with a pin in place, or for longer than that.
pub fn unload(device: &Device, name: &str) -> Result<()> {
    let mut answer = device.unload(name);
    let busy = |a: &std::result::Result<(), Refused>| a.as_ref().is_err_and(|r| r.errno == BUSY);
    if busy(&answer) && pins::all(Some(name))?.is_empty() && ingress::all(device, Some(name))?.is_empty() {
        pins::wait_until(STUB_END, || {
            answer = device.unload(name);
            !busy(&answer)
        });
    }
    let Err(refused) = answer else {
        pins::tidy(name);
        return Ok(());
    };
    let is_busy = refused.errno == BUSY;
    let mut on: Vec<String> =
        pins::all(Some(name)).unwrap_or_default().iter().map(|p| format!("attached to {}", p.device)).collect();
    let hooks = ingress::all(device, Some(name)).unwrap_or_default();
    on.extend(hooks.iter().map(|a| format!("attached to the ingress of {}", a.device)));
    let error = explain(refused).context(format_args!("`{name}`")).details(on);
    Err(if is_busy {
        error.help(format_args!("`wasmkc detach {name} --all` first; `bpftool link` shows who else holds it"))
    } else {
        error
    })
}

/// Whether program `name` is loaded.
pub fn is_loaded(device: &Device, name: &str) -> Result<bool> {
    Ok(device.list().map_err(explain)?.iter().any(|p| text(&p.name) == name))
}

fn needs_privilege(error: Error, cause: &std::io::Error) -> Error {
    match cause.kind() {
        std::io::ErrorKind::PermissionDenied => {
            error.help("run this as root (CAP_BPF, CAP_NET_ADMIN and, for the module's BTF, CAP_SYS_ADMIN)")
        }
        _ => error,
    }
}

/// Why the link was refused.
fn link_error(cause: &std::io::Error, device_name: &str, mode: Xdp) -> Error {
    use nix::errno::Errno;
    let what = |why: &str| Error::new(format_args!("cannot attach to {device_name}: {why}"));
    match cause.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY | Errno::EEXIST) => what("it has an XDP program already")
            .help(format_args!("`bpftool net show dev {device_name}` names it; detach that one first")),
        Some(Errno::EOPNOTSUPP) if mode == Xdp::Native => what("its driver has no native XDP")
            .help("`--mode generic` works on every device, but slower"),
        Some(Errno::EINVAL | Errno::ERANGE | Errno::EMSGSIZE) if mode == Xdp::Native => {
            what(&format!("its driver refuses ({cause})")).help(
                "the driver's reason is in `dmesg`: often a too large MTU, LRO (`ethtool -K DEV lro off`) or too few queues; `--mode generic` has fewer conditions",
            )
        }
        Some(Errno::ENODEV) => what("it has just gone"),
        _ => needs_privilege(what(&cause.to_string()), cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Error as Io;

    #[test]
    fn a_device_that_does_not_exist_is_named() {
        let text = interface("nosuchdev0").unwrap_err().render(false);
        assert!(text.contains("there is no network device `nosuchdev0`") && text.contains("ip link"), "{text}");
        assert!(interface("lo").unwrap() > 0);
    }

    #[test]
    fn no_silent_fallback_to_generic() {
        let refused = Io::from_raw_os_error(libc::EOPNOTSUPP);
        let text = link_error(&refused, "eth0", Xdp::Native).render(false);
        assert!(text.contains("no native XDP") && text.contains("--mode generic"), "{text}");
    }

    #[test]
    fn a_second_xdp_program_is_said_to_be_there() {
        let text = link_error(&Io::from_raw_os_error(libc::EBUSY), "eth0", Xdp::Native).render(false);
        assert!(text.contains("XDP program already") && text.contains("bpftool net"), "{text}");
    }
}
