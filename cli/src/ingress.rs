//! Attachments to netfilter's ingress hook, which the loader keeps itself.
//!
//! They need neither bpffs nor a kernel whose BPF can call the loader. One ends by `detach`, with its device, or when
//! that moves to another network namespace.

use crate::attach::interface;
use crate::error::{Error, Result};
use crate::kernel::device::Device;
use crate::kernel::{explain, text};
use std::os::unix::fs::MetadataExt;
use wasmkc_abi::control::Attachment;

/// An attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// The program's name.
    pub program: String,
    /// The device's name.
    pub device: String,
    id: u32,
    netns: u64,
}

impl From<&Attachment> for Ingress {
    fn from(a: &Attachment) -> Self {
        Self { program: text(&a.program), device: text(&a.device), id: a.id, netns: a.netns }
    }
}

impl Ingress {
    /// Ends it. That it has ended by itself meanwhile is as good.
    pub fn remove(&self, device: &Device) -> Result<()> {
        match device.ingress_detach(self.id) {
            Err(refused) if refused.errno != libc::ENOENT => Err(explain(refused)),
            _ => Ok(()),
        }
    }
}

/// All attachments, of one program or of all.
pub fn all(device: &Device, program: Option<&str>) -> Result<Vec<Ingress>> {
    let mut all: Vec<Ingress> = device.attachments().map_err(explain)?.iter().map(Ingress::from).collect();
    all.retain(|a| program.is_none_or(|p| p == a.program));
    all.sort_by(|a, b| (&a.program, &a.device).cmp(&(&b.program, &b.device)));
    Ok(all)
}

/// Those of `all` that somebody means by the name `device`: those of this network namespace. A name that is nothing
/// here may be a device's of another one, but not if it is `pinned`.
pub fn on(all: &[Ingress], device: &str, pinned: bool) -> Vec<Ingress> {
    let netns = std::fs::metadata("/proc/self/ns/net").map_or(0, |m| m.ino());
    let exists = nix::net::if_::if_nametoindex(device).is_ok();
    on_from(all, device, netns, exists || pinned)
}

fn on_from(all: &[Ingress], device: &str, netns: u64, known_here: bool) -> Vec<Ingress> {
    let named = |a: &&Ingress| a.device == device;
    let here: Vec<Ingress> = all.iter().filter(named).filter(|a| a.netns == netns).cloned().collect();
    if here.is_empty() && !known_here { all.iter().filter(named).cloned().collect() } else { here }
}

/// Attaches loaded program `name` to the ingress of `device_name`.
pub fn attach(device: &Device, name: &str, device_name: &str) -> Result<()> {
    let ifindex = interface(device_name)?;
    device.ingress_attach(name, ifindex).map_err(|refused| {
        let busy = refused.errno == libc::EBUSY;
        let error = explain(refused).context(format_args!("cannot attach to {device_name}"));
        if busy { error.help("`wasmkc list` shows which; `wasmkc detach` it first") } else { error }
    })?;
    Ok(())
}

/// The kernel's BPF programs cannot call the loader.
pub fn no_xdp() -> Error {
    Error::new("BPF programs of this kernel cannot call the loader, so there is no XDP for it").help(
        "`--mode ingress` attaches to netfilter's ingress hook instead; `wasmkc doctor` says what the kernel lacks",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(device: &str, id: u32, netns: u64) -> Ingress {
        Ingress { program: "p".into(), device: device.into(), id, netns }
    }

    #[test]
    fn a_device_of_this_network_namespace_is_meant_before_a_namesake() {
        let all = [at("eth0", 1, 7), at("eth0", 2, 8), at("eth1", 3, 8)];
        assert_eq!(on_from(&all, "eth0", 8, true), [at("eth0", 2, 8)]);
        assert_eq!(on_from(&all, "eth0", 8, false), [at("eth0", 2, 8)]);
        assert_eq!(on_from(&all, "eth2", 7, false), []);
    }

    #[test]
    fn a_namesake_is_meant_only_by_a_name_that_is_nothing_here() {
        let all = [at("eth0", 1, 7), at("lo", 2, u64::MAX)];
        assert_eq!(on_from(&all, "eth0", 9, false), [at("eth0", 1, 7)]);
        assert_eq!(on_from(&all, "eth0", 9, true), []);
        // This machine has lo, and no attachment to it in this namespace.
        assert_eq!(on(&all, "lo", false), []);
        let all = [at("nosuchdev", 1, u64::MAX)];
        assert_eq!((on(&all, "nosuchdev", false), on(&all, "nosuchdev", true)), (all.to_vec(), vec![]));
    }

    #[test]
    fn no_xdp_names_the_other_hook() {
        assert!(no_xdp().render(false).contains("--mode ingress"));
    }
}
