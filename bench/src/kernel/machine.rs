//! A machine that the VM can be: kernel, processor, parameters of the kernel.

use std::fmt::{Display, Formatter};
use std::path::Path;
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// One machine, written `KERNEL/MODEL` or `KERNEL/MODEL/PARAMETER`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Line of `vm/kernels.lock`.
    pub kernel: String,
    /// QEMU's processor model.
    pub cpu: String,
    /// A parameter for the kernel, or empty.
    pub parameter: String,
}

/// What is measured without being told: two kernels; a processor that needs the least, one of AMD's and one of
/// Intel's that need more mitigations, and none at all.
pub const DEFAULT: [&str; 8] = [
    "6.12/max",
    "6.12/max/mitigations=off",
    "6.12/EPYC",
    "6.12/Skylake-Server",
    "6.1/max",
    "6.1/max/mitigations=off",
    "6.1/EPYC",
    "6.1/Skylake-Server",
];

impl FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kernel), Some(cpu), parameter) if !kernel.is_empty() && !cpu.is_empty() => {
                Ok(Self { kernel, cpu, parameter: parameter.unwrap_or_default() })
            }
            _ => Err(format!("{text} is not KERNEL/MODEL, like 6.12/max, nor KERNEL/MODEL/PARAMETER")),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kernel, self.cpu)?;
        if self.parameter.is_empty() { Ok(()) } else { write!(f, "/{}", self.parameter) }
    }
}

impl Machine {
    /// Boots it with `folder` as /host and returns what the script there printed.
    ///
    /// # Errors
    /// If `vm/run` fails, with its status: it says itself what was wrong.
    pub fn run(&self, folder: &Path, log: &Path, script: &str) -> Result<String> {
        let output = Command::new("vm/run")
            .args(["--icount", "--timeout", "1800", "--kernel", &self.kernel, "--cpu", &self.cpu])
            .args(["--append", &self.parameter])
            .arg("--log")
            .arg(log)
            .arg("--dir")
            .arg(folder)
            .args(["--", "sh", script, &self.kernel])
            .stderr(Stdio::inherit())
            .output()
            .context("vm/run: call this in the project's folder")?;
        let said = String::from_utf8(output.stdout).context("what the VM printed is no text")?;
        if !output.status.success() {
            bail!("{self}: vm/run ended with {}; {} is the kernel's log\n{said}", output.status, log.display());
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_as_it_is_written() {
        for text in DEFAULT {
            assert_eq!(text.parse::<Machine>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_machine_without_model_or_kernel_is_refused() {
        for text in ["", "6.12", "6.12/", "/max"] {
            assert!(text.parse::<Machine>().expect_err(text).contains("is not KERNEL/MODEL"), "{text}");
        }
    }
}
