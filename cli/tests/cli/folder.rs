//! What the integration tests share: the command in an empty folder of its own.

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A folder that is removed when it is dropped; commands run inside it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file is written");
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("a file is read")
    }

    /// `wasmkc` with `arguments`, here.
    pub fn wasmkc(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("wasmkc").expect("the command is built");
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    /// Copies key and certificate `name`.key and `name`.crt here.
    pub fn key(&self, name: &str) {
        for end in ["key", "crt"] {
            let file = format!("{name}.{end}");
            std::fs::copy(keys().join(&file), self.path(&file)).expect("a key is copied");
        }
    }
}

/// Keys `ours` and `other`, made once a test program because 4096 bits take their time.
fn keys() -> &'static Path {
    static KEYS: OnceLock<Folder> = OnceLock::new();
    let folder = KEYS.get_or_init(|| {
        let folder = Folder::new();
        for name in ["ours", "other"] {
            let (key, cert) = (format!("{name}.key"), format!("{name}.crt"));
            folder.wasmkc(&["keygen", "--key", &key, "--cert", &cert, "--subject", name]).assert().success();
        }
        folder
    });
    folder.0.path()
}

/// Standard error of a finished command.
pub fn stderr(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

/// Standard output of a finished command.
pub fn stdout(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}
