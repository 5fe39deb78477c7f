// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Functions compiled with all passes, without each, and with none: results, trap, fuel, packet and memory must be
//! the same on packets of all small lengths.

use std::collections::BTreeMap;

use wasmkc_abi::limits::STACK_CALL;
use wasmkc_abi::trap::TrapCode;
use wasmkc_compiler::{Options, Pass, Target, compile};
use wasmkc_host::{CallError, Grant, Instance, MACHINE, Program};

/// Few enough for what never ends.
const GRANT: Grant = Grant { fuel: 60_000, stack: STACK_CALL };
/// Packets are at most this long.
const LONGEST: usize = 80;

/// What the runs without any pass came to.
#[derive(Debug, Default)]
pub struct Seen {
    /// Runs that came back.
    pub returned: u32,
    /// Those that did not, by cause.
    pub traps: BTreeMap<&'static str, u32>,
    /// Traps of the trusted build that the passes took away, of how many.
    pub gone: (u32, u32),
}

impl Seen {
    /// Whether some run ended by `code`.
    pub fn trapped(&self, code: TrapCode) -> bool {
        self.traps.contains_key(code.name())
    }
}

/// The module of functions with these bodies: each has the locals `$i $j $n $sum`, the packet as a memory, a page.
pub fn module(bodies: &[&str]) -> Vec<u8> {
    let functions = bodies.iter().enumerate().map(|(n, body)| {
        format!(r#"(func (export "f{n}") (result i32) (local $i i32) (local $j i32) (local $n i32) (local $sum i32) {body})"#)
    });
    let text = format!(
        r#"(module (import "xdp" "packet" (memory $packet 0 (pagesize 1)))
        (import "xdp" "len" (func $len (result i32)))
        (memory $own 1) {})"#,
        functions.collect::<String>()
    );
    wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}"))
}

struct Build {
    name: String,
    instance: Instance,
    traps: u32,
}

fn build(wasm: &[u8], author_trusted: bool, target: Target, without: &[Pass]) -> Build {
    let options = Options { author_trusted, target, without: without.to_vec(), ..Options::default() };
    let object = compile(wasm, &options).unwrap_or_else(|e| panic!("{options:?}: {e}"));
    let program = Program::load_compiled_here(&object.bytes).expect("loads");
    Build {
        name: format!("{}, author trusted: {author_trusted}, without {without:?}", target.name()),
        instance: Instance::new(&program).expect("starts"),
        traps: object.report.trap_sites,
    }
}

/// What anyone can see of one run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    end: Result<(Vec<u64>, u64), TrapCode>,
    packet: Vec<u8>,
}

fn run(instance: &mut Instance, name: &str, len: usize) -> Outcome {
    let mut packet: Vec<u8> = (0..len).map(|n| (n * 37 % 251) as u8).collect();
    let end = match instance.call_with(name, &[], GRANT, &mut packet) {
        Ok(called) => Ok((called.results, called.fuel_used)),
        Err(CallError::Trap(trap)) => Err(trap.code),
        Err(other) => panic!("{name}: {other}"),
    };
    Outcome { end, packet }
}

/// Runs each of `bodies` and gives what was seen.
pub fn agree(bodies: &[&str]) -> Seen {
    let wasm = module(bodies);
    let here = Target::by_machine(MACHINE).expect("the compiler knows this machine");
    let mut seen = Seen::default();
    for target in [here, Target::Portable] {
        for trusted in [true, false] {
            let mut plain = build(&wasm, trusted, target, &Pass::ALL);
            let mut others = vec![build(&wasm, trusted, target, &[])];
            others.extend(Pass::ALL.map(|pass| build(&wasm, trusted, target, &[pass])));
            if target == here && trusted {
                // Versions have traps of their own.
                let single = build(&wasm, trusted, target, &[Pass::Versions]);
                seen.gone = (plain.traps - single.traps, plain.traps);
            }
            for (name, len) in (0..bodies.len()).flat_map(|n| (0..=LONGEST).map(move |len| (format!("f{n}"), len))) {
                let expected = run(&mut plain.instance, &name, len);
                for other in &mut others {
                    let found = run(&mut other.instance, &name, len);
                    assert_eq!(found, expected, "{name} on {len} bytes: {}", other.name);
                    let same = other.instance.memory() == plain.instance.memory();
                    assert!(same, "{name} on {len} bytes: memory: {}", other.name);
                }
                match expected.end {
                    Ok(_) => seen.returned += 1,
                    Err(code) => *seen.traps.entry(code.name()).or_default() += 1,
                }
            }
        }
    }
    seen
}
