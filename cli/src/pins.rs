//! Where links are pinned: `/sys/fs/bpf/wasmkc/PROGRAM/DEVICE`, one file an attachment.
//!
//! The pin is all that keeps an attachment alive, and all that this command remembers of it. A bpf file
//! system takes no dot in a name, so dots are stored as colons, which neither programs' nor interfaces'
//! names contain.

use crate::error::{Error, Result};
use crate::kernel::bpf;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the bpf file system is mounted.
pub const BPFFS: &str = "/sys/fs/bpf";
const FOLDER: &str = "/sys/fs/bpf/wasmkc";
/// How long a link may live on after it was unpinned: the kernel frees it after a grace period.
const LINK_END: Duration = Duration::from_secs(2);

/// An attachment as its pin tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The program's name.
    pub program: String,
    /// The interface's name when it was attached.
    pub device: String,
    path: PathBuf,
}

/// An opened pin.
pub struct Link {
    /// Keeps the link alive while it is looked at.
    pub fd: OwnedFd,
    /// The link.
    pub xdp: bpf::XdpLink,
}

fn encode(name: &str) -> String {
    name.replace('.', ":")
}

fn decode(name: &str) -> String {
    name.replace(':', ".")
}

/// Whether a bpf file system is mounted where we need it.
pub fn mounted() -> bool {
    nix::sys::statfs::statfs(BPFFS).is_ok_and(|fs| fs.filesystem_type() == nix::sys::statfs::BPF_FS_MAGIC)
}

/// Fails if there is no bpf file system.
pub fn check_mounted() -> Result<()> {
    if mounted() {
        return Ok(());
    }
    Err(Error::new(format_args!("no bpf file system at {BPFFS}")).help(format_args!(
        "`mount -t bpf bpf {BPFFS}` as root. Inside `ip netns exec` the mount would end with the command, and the \
         attachment with it: use `nsenter --net=/run/netns/NAME wasmkc ...` there"
    )))
}

impl Pin {
    /// The pin of `program` on `device`, whether it exists or not.
    pub fn of(program: &str, device: &str) -> Self {
        Self::below(Path::new(FOLDER), program, device)
    }

    fn below(folder: &Path, program: &str, device: &str) -> Self {
        Self {
            program: program.to_owned(),
            device: device.to_owned(),
            path: folder.join(encode(program)).join(encode(device)),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it; `None` if there is no such pin.
    pub fn open(&self) -> Result<Option<Link>> {
        let fail = |e: io::Error| {
            let error = Error::file("open the pin", &self.path, &e);
            if e.kind() == io::ErrorKind::PermissionDenied { error.help("run this as root (CAP_BPF)") } else { error }
        };
        let fd = match bpf::open_pin(&self.path) {
            Ok(fd) => fd,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fail(e)),
        };
        match bpf::xdp_link(fd.as_fd()).map_err(fail)? {
            Some(xdp) => Ok(Some(Link { fd, xdp })),
            None => Err(Error::new(format_args!("{} is no XDP link", self.path.display()))
                .help("something else made that pin; remove it with `rm` if nothing needs it")),
        }
    }

    /// Whether its interface has gone, so that nothing but the pin is left.
    pub fn is_dead(&self) -> Result<bool> {
        Ok(self.open()?.is_none_or(|link| link.xdp.ifindex == 0))
    }

    /// Whether it is of another device than the one of that name in this network namespace, if there is one.
    pub fn is_namesakes(&self) -> Result<bool> {
        let here = nix::net::if_::if_nametoindex(self.device.as_str()).ok();
        Ok(match (here, self.open()?) {
            (Some(here), Some(link)) => link.xdp.is_elsewhere(here),
            _ => false,
        })
    }

    /// Pins `link` here.
    pub fn create(&self, link: &OwnedFd) -> Result<()> {
        let fail = |e: io::Error| Error::file("pin the link at", &self.path, &e);
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        bpf::pin(link.as_fd(), &self.path).map_err(fail)
    }

    /// Detaches and unpins, and waits until the kernel has freed the link and with it the stub.
    pub fn remove(&self) -> Result<()> {
        let link = self.open()?;
        let id = link.as_ref().map(|l| l.xdp.id);
        if let Some(link) = link
            && let Err(e) = bpf::detach_link(link.fd.as_fd())
            && link.xdp.ifindex != 0
        {
            return Err(Error::new(format_args!("cannot detach from {}: {e}", self.device)));
        }
        // Otherwise the interface has gone already, and what is left to do is the pin.
        match std::fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::file("remove", &self.path, &e)),
            _ => {}
        }
        remove_empty_folders(&self.path);
        if let Some(id) = id {
            wait_until(LINK_END, || !bpf::link_exists(id));
        }
        Ok(())
    }
}

/// Removes folders that a killed command left empty.
pub fn tidy(program: &str) {
    remove_empty_folders(Pin::of(program, "none").path());
}

/// Removes the program's folder and ours if nothing is pinned there any more.
fn remove_empty_folders(pin: &Path) {
    for folder in pin.ancestors().skip(1).take(2) {
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// Asks `done` until it says yes, `limit` at most; whether it did.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All pins, of one program or of all, sorted; none if there is no bpf file system.
pub fn all(program: Option<&str>) -> Result<Vec<Pin>> {
    all_below(Path::new(FOLDER), program)
}

fn all_below(folder: &Path, program: Option<&str>) -> Result<Vec<Pin>> {
    let mut pins = Vec::new();
    for name in names(folder)? {
        if program.is_some_and(|p| encode(p) != name) {
            continue;
        }
        for device in names(&folder.join(&name))? {
            pins.push(Pin::below(folder, &decode(&name), &decode(&device)));
        }
    }
    pins.sort_by(|a, b| (&a.program, &a.device).cmp(&(&b.program, &b.device)));
    Ok(pins)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let fail = |e: io::Error| Error::file("list", folder, &e);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(e) => return Err(fail(e)),
    };
    entries.map(|e| Ok(e.map_err(fail)?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_dots_are_stored_without_and_come_back() {
        let pin = Pin::of("l4drop-1.2", "eth0.100");
        assert_eq!(pin.path(), Path::new("/sys/fs/bpf/wasmkc/l4drop-1:2/eth0:100"));

        let folder = tempfile::tempdir().unwrap();
        for (program, device) in [("b", "eth0"), ("a.1", "eth0.100"), ("a.1", "eth0")] {
            let pin = Pin::below(folder.path(), program, device);
            std::fs::create_dir_all(pin.path().parent().unwrap()).unwrap();
            std::fs::write(pin.path(), "").unwrap();
        }
        let found = all_below(folder.path(), None).unwrap();
        let found: Vec<_> = found.iter().map(|p| (p.program.as_str(), p.device.as_str())).collect();
        assert_eq!(found, [("a.1", "eth0"), ("a.1", "eth0.100"), ("b", "eth0")]);
        assert_eq!(all_below(folder.path(), Some("a.1")).unwrap().len(), 2);
    }

    #[test]
    fn no_folder_means_no_pins() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(all_below(&folder.path().join("none"), None).unwrap(), []);
    }

    #[test]
    fn empty_folders_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("wasmkc");
        std::fs::create_dir_all(ours.join("a")).unwrap();
        std::fs::create_dir_all(ours.join("b")).unwrap();
        remove_empty_folders(&ours.join("a/eth0"));
        assert!(!ours.join("a").exists() && ours.join("b").exists());
        remove_empty_folders(&ours.join("b/eth0"));
        assert!(!ours.exists() && folder.path().exists());
    }
}
