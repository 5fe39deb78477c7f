//! What `../../kernel/vm.sh` prints in the VM, read line by line.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

/// A filter in a system: their names.
pub type Key = (String, String);

/// What a run on one machine found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// The kernel's release.
    pub kernel: String,
    /// What the processor calls itself.
    pub model: String,
    /// The kernel's mitigations.
    pub mitigations: Vec<String>,
    /// Of each packet in turn, step by step.
    pub counts: BTreeMap<Key, Vec<Count>>,
    /// Of the first packet, by `BPF_PROG_TEST_RUN`: what the kernel does around the program is in it.
    pub timed: BTreeMap<Key, Count>,
    /// How many instructions of the first packet were in which symbol, in order.
    pub steps: BTreeMap<Key, Vec<(u64, String)>>,
    /// What could not be loaded, and why.
    pub refused: BTreeMap<Key, String>,
}

/// One packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What became of it.
    pub verdict: u32,
    /// Instructions.
    pub instructions: u64,
}

fn numbers<const N: usize>(text: &str) -> Result<[u64; N]> {
    let read = |word: &str| word.parse().with_context(|| format!("`{word}` is no number"));
    let numbers: Vec<u64> = text.split_whitespace().map(read).collect::<Result<_>>()?;
    let found = numbers.len();
    numbers.try_into().ok().with_context(|| format!("{N} numbers are expected, not {found}"))
}

impl Said {
    /// Reads all of it.
    ///
    /// # Errors
    /// With the line that is not understood.
    pub fn read(text: &str) -> Result<Self> {
        let mut said = Self::default();
        for line in text.lines() {
            said.line(line).with_context(|| format!("the VM printed `{line}`"))?;
        }
        ensure!(!said.kernel.is_empty(), "the VM did not say which kernel it has");
        Ok(said)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().context("the line is too short");
        let kind = word()?;
        let (first, second) = (word()?, word()?);
        let key = (first.to_owned(), second.to_owned());
        let rest = words.next().unwrap_or_default();
        match (kind, first) {
            ("fact", "kernel") => self.kernel = second.to_owned(),
            ("fact", "model") => self.model = format!("{second} {rest}").trim().to_owned(),
            ("fact", "mitigation") => self.mitigations.push(format!("{second} {rest}")),
            ("count", _) => {
                let [packet, verdict, instructions] = numbers(rest)?;
                let counts = self.counts.entry(key).or_default();
                ensure!(usize::try_from(packet)? == counts.len(), "packets are not in order");
                counts.push(Count { verdict: u32::try_from(verdict)?, instructions });
            }
            ("timed", _) => {
                let [verdict, instructions] = numbers(rest)?;
                self.timed.insert(key, Count { verdict: u32::try_from(verdict)?, instructions });
            }
            ("step", _) => {
                let (count, symbol) = rest.split_once(' ').context("no symbol")?;
                let [count] = numbers(count)?;
                let symbol = symbol.split(' ').next().unwrap_or_default().to_owned();
                self.steps.entry(key).or_default().push((count, symbol));
            }
            ("refused", _) => {
                self.refused.insert(key, rest.trim().to_owned());
            }
            _ => bail!("nobody knows such a line"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "fact kernel 6.12.1\nfact model QEMU TCG CPU\nfact mitigation spectre_v2: Retpolines\n\
                        count empty wasmkc 0 2 75 \nstep empty wasmkc 8 bpf_prog_1_wkc_empty\n\
                        step empty wasmkc 26 wasmkc_xdp_run [wasmkc]\ncount empty wasmkc 1 1 76\n\
                        timed empty wasmkc 2 155\nrefused dns ebpf too many states";

    #[test]
    fn what_the_vm_prints_is_read() {
        let said = Said::read(GOOD).expect("it is read");
        let key = |filter: &str, system: &str| (filter.to_owned(), system.to_owned());
        assert_eq!((said.kernel.as_str(), said.model.as_str()), ("6.12.1", "QEMU TCG CPU"));
        assert_eq!(said.mitigations, ["spectre_v2: Retpolines"]);
        assert_eq!(said.counts[&key("empty", "wasmkc")][1], Count { verdict: 1, instructions: 76 });
        assert_eq!(said.timed[&key("empty", "wasmkc")], Count { verdict: 2, instructions: 155 });
        assert_eq!(said.steps[&key("empty", "wasmkc")][1], (26, "wasmkc_xdp_run".to_owned()));
        assert_eq!(said.refused[&key("dns", "ebpf")], "too many states");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, why) in [
            ("count empty wasmkc 0 2 many", "`many` is no number"),
            ("count empty wasmkc 7 2 155", "not in order"),
            ("count empty wasmkc 0 2", "3 numbers are expected, not 2"),
            ("timed empty wasmkc  ", "2 numbers are expected, not 0"),
            ("step empty wasmkc 8", "no symbol"),
            ("insmod: no such", "nobody knows"),
            ("oops", "too short"),
        ] {
            let error = format!("{:#}", Said::read(&format!("fact kernel 6.12\n{line}")).expect_err(line));
            assert!(error.contains(why) && error.contains(line), "{error}");
        }
        assert!(Said::read("").is_err(), "nothing is not a result");
    }
}
