//! What a seed says beside the module itself: how it is prepared, compiled and called.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// Custom section of a kept module that has its plan.
pub const SECTION: &str = "wkc-fuzz";

/// Where a module comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// wasm-smith.
    #[default]
    Random,
    /// A module of the official suite, mutated.
    Suite,
    /// Loops over packet and memory (`loops`).
    Loops,
}

/// Who has closed what the specification leaves open about NaNs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nans {
    /// The generator, behind every operator: results are compared bit for bit.
    Generator,
    /// `prepare`, where a NaN's bits would become an integer or a sign: a NaN that is seen may be any.
    #[default]
    Leaks,
}

/// Everything but the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of the arguments, and of what `prepare` chooses.
    pub seed: u64,
    /// Where the module comes from.
    pub source: Source,
    /// Who closes NaNs.
    pub nans: Nans,
    /// Function entries and loop iterations that one call may make.
    pub steps: u32,
    /// Of 16 operators that could trap on their operand, how many get one that does not.
    pub tamed: u8,
    /// Whether the start function stays one; otherwise it is called like the others.
    pub keeps_start: bool,
    /// Whether tables are exported, so that our compiler takes all of them as changing.
    pub exports_tables: bool,
    /// Whether tables that nothing reads are looked at, which gives them slots.
    pub reads_tables: bool,
    /// Whether memories and tables lose their maximum, so that our own limit holds.
    pub drops_maxima: bool,
    /// Whether it is a filter too: imports what the ABI has, and uses it.
    #[serde(default)]
    pub filter: bool,
    /// Whether some constants are the bytes of a landing pad for indirect jumps, which our code must not contain.
    #[serde(default)]
    pub landing_pads: bool,
    /// Without masks against speculation.
    pub trusted: bool,
    /// Whether it is compiled twice, and the bytes compared.
    pub twice: bool,
    /// Whether wasmtime optimises.
    pub wasmtime_optimises: bool,
    /// Whether our side runs it as bytecode.
    #[serde(default)]
    pub portable: bool,
}

impl Default for Plan {
    /// For a module of which nothing is known.
    fn default() -> Self {
        Self {
            seed: 0,
            source: Source::Random,
            nans: Nans::Leaks,
            steps: 400,
            tamed: 0,
            keeps_start: true,
            exports_tables: false,
            reads_tables: true,
            drops_maxima: false,
            filter: false,
            landing_pads: false,
            trusted: false,
            twice: true,
            wasmtime_optimises: false,
            portable: false,
        }
    }
}

impl Plan {
    /// What `seed` says.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x706c_616e);
        let mut source = if rng.u8(..4) == 0 { Source::Suite } else { Source::Random };
        // Small ones, so that many cost little.
        if Rng::with_seed(seed ^ 0x6c6f_6f70).u8(..3) == 0 {
            source = Source::Loops;
        }
        let generator = source == Source::Random && rng.bool();
        Self {
            seed,
            source,
            nans: if generator { Nans::Generator } else { Nans::Leaks },
            steps: [20, 100, 400, 1000][rng.usize(..4)],
            tamed: [0, 10, 13, 14, 15, 15, 16, 16][rng.usize(..8)],
            keeps_start: rng.u8(..4) == 0,
            exports_tables: rng.u8(..4) == 0,
            reads_tables: rng.bool(),
            drops_maxima: rng.u8(..4) == 0,
            filter: rng.u8(..4) == 0,
            landing_pads: rng.u8(..12) == 0,
            trusted: rng.u8(..3) == 0,
            twice: rng.u8(..16) == 0,
            wasmtime_optimises: rng.bool(),
            portable: rng.u8(..4) == 0,
        }
    }

    /// `wasm` with this plan in it.
    #[must_use]
    pub fn written_to(&self, wasm: &[u8]) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("a plan has nothing that JSON lacks");
        let mut out = wasm.to_vec();
        out.push(0);
        wasm_encoder::Encode::encode(
            &wasm_encoder::CustomSection { name: SECTION.into(), data: json.as_slice().into() },
            &mut out,
        );
        out
    }

    /// The plan in `wasm`, if it has one.
    #[must_use]
    pub fn read_from(wasm: &[u8]) -> Option<Self> {
        let sections = wasmparser::Parser::new(0).parse_all(wasm).filter_map(Result::ok);
        let plans = sections.filter_map(|payload| match payload {
            wasmparser::Payload::CustomSection(section) if section.name() == SECTION => {
                serde_json::from_slice(section.data()).ok()
            }
            _ => None,
        });
        plans.last()
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn a_plan_comes_back_from_the_module_it_was_written_to() {
        let empty = b"\0asm\x01\0\0\0";
        assert_eq!(Plan::read_from(empty), None);
        for seed in 0..50 {
            let plan = Plan::of(seed);
            assert_eq!(Plan::read_from(&plan.written_to(empty)), Some(plan));
        }
    }
}
