//! One module through both engines.

use std::fmt;

use fastrand::Rng;
use wasmkc_abi::object::VALUE_TYPES;
use wasmparser::{ExternalKind, FuncType, Parser, Payload, ValType};

use crate::ours::{NoInstance, Ours};
use crate::theirs::Theirs;
use crate::{End, Engine, Export};

/// Calls of each export.
const ROUNDS: usize = 3;

/// What became of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Why our compiler refused it, if it did; nothing was compared then.
    pub refused: Option<String>,
    /// Calls that were compared.
    pub calls: u64,
    /// Those that came back.
    pub returned: u64,
}

/// Something that an observer can see is not the same.
#[derive(Clone, Debug)]
pub struct Difference(pub String);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The exported functions and globals of a module.
struct Surface {
    functions: Vec<Export>,
    /// Names by global index; empty where it is not exported.
    globals: Vec<String>,
}

fn letters(types: &[ValType]) -> String {
    let letter = |ty: &ValType| {
        VALUE_TYPES.iter().find(|(_, name)| *name == ty.to_string()).map_or('?', |(l, _)| char::from(*l))
    };
    types.iter().map(letter).collect()
}

fn surface(wasm: &[u8]) -> wasmparser::Result<Surface> {
    let (mut types, mut functions, mut exports, mut globals) = (Vec::<FuncType>::new(), Vec::new(), Vec::new(), 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    types.push(ty?);
                }
            }
            Payload::FunctionSection(reader) => functions = reader.into_iter().collect::<Result<_, _>>()?,
            Payload::GlobalSection(reader) => globals = reader.count() as usize,
            Payload::ExportSection(reader) => exports = reader.into_iter().collect::<Result<_, _>>()?,
            _ => {}
        }
    }
    let mut out = Surface { functions: Vec::new(), globals: vec![String::new(); globals] };
    for export in exports {
        match export.kind {
            ExternalKind::Func => {
                let ty: &FuncType = &types[functions[export.index as usize] as usize];
                let (params, results) = (letters(ty.params()), letters(ty.results()));
                out.functions.push(Export { name: export.name.to_owned(), params, results });
            }
            ExternalKind::Global => export.name.clone_into(&mut out.globals[export.index as usize]),
            _ => {}
        }
    }
    Ok(out)
}

/// An argument: an edge, or random bits.
fn argument(letter: char, rng: &mut Rng) -> u64 {
    let edges: &[u64] = match letter {
        'i' => &[0, 1, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 65535, 65536],
        'I' => &[0, 1, u64::MAX, 1 << 63, i64::MAX as u64, 1 << 32],
        'f' => &[0, 0x8000_0000, 0x3f80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 1, 0x4f00_0000],
        _ => {
            &[0, 1 << 63, 0x3ff0_0000_0000_0000, 0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 1, 0x43e0_0000_0000_0000]
        }
    };
    let random = if matches!(letter, 'i' | 'f') { u64::from(rng.u32(..)) } else { rng.u64(..) };
    if rng.bool() { edges[rng.usize(..edges.len())] } else { random }
}

/// Equal, or both a NaN: which one the specification leaves open.
fn same(letter: char, ours: u64, theirs: u64) -> bool {
    ours == theirs
        || match letter {
            'f' => f32::from_bits(ours as u32).is_nan() && f32::from_bits(theirs as u32).is_nan(),
            'F' => f64::from_bits(ours).is_nan() && f64::from_bits(theirs).is_nan(),
            _ => false,
        }
}

/// Runs `wasm` on both engines with arguments from `seed`.
///
/// # Errors
/// The first difference.
pub fn compare(wasm: &[u8], seed: u64) -> Result<Outcome, Difference> {
    compare_two(wasm, wasm, seed)
}

/// The same with another module for each engine, which shows that a difference is found.
///
/// # Errors
/// The first difference.
pub fn compare_two(wasm: &[u8], for_wasmtime: &[u8], seed: u64) -> Result<Outcome, Difference> {
    let differ = |what: String| Err(Difference(what));
    let surface = surface(wasm).map_err(|e| Difference(format!("generated module: {e}")))?;
    let mut outcome = Outcome::default();
    let (mut ours, mut theirs) = match (Ours::new(wasm, surface.globals.clone()), Theirs::new(for_wasmtime)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(NoInstance::Bug(text)), _) => return differ(format!("our compiler fails: {text}")),
        (Err(NoInstance::Refused(text)), _) => {
            outcome.refused = Some(text);
            return Ok(outcome);
        }
        (Err(NoInstance::Trap(cause)), Err(End::Trap(other))) if cause == other => return Ok(outcome),
        (Err(NoInstance::Trap("out-of-fuel" | "stack-overflow")), _) | (_, Err(End::GaveUp(_))) => return Ok(outcome),
        (Err(error), Err(end)) => return differ(format!("start: ours {error:?}, wasmtime {end:?}")),
        (Err(error), Ok(_)) => return differ(format!("start: ours {error:?}, wasmtime starts")),
        (Ok(_), Err(end)) => return differ(format!("start: ours starts, wasmtime {end:?}")),
    };
    let mut rng = Rng::with_seed(seed);
    for _ in 0..ROUNDS {
        for export in &surface.functions {
            let arguments: Vec<u64> = export.params.chars().map(|letter| argument(letter, &mut rng)).collect();
            let (a, b) = (ours.call(export, &arguments), theirs.call(export, &arguments));
            outcome.calls += 1;
            match (&a, &b) {
                (End::GaveUp(_), _) | (_, End::GaveUp(_)) => return Ok(outcome),
                (End::Back(x), End::Back(y)) => {
                    outcome.returned += 1;
                    let equal =
                        export.results.chars().zip(x.iter().zip(y)).all(|(letter, (x, y))| same(letter, *x, *y));
                    if !equal || x.len() != y.len() {
                        return differ(format!("{export:?} of {arguments:x?}: ours {x:x?}, wasmtime {y:x?}"));
                    }
                }
                (End::Trap(x), End::Trap(y)) if x == y => {}
                _ => return differ(format!("{export:?} of {arguments:x?}: ours {a:x?}, wasmtime {b:x?}")),
            }
        }
    }
    let (a, b) = (ours.memory(), theirs.memory());
    if a != b {
        let at = a.iter().zip(&b).position(|(x, y)| x != y);
        return differ(format!("memory: {} and {} bytes, first difference at {at:?}", a.len(), b.len()));
    }
    for name in surface.globals.iter().filter(|name| !name.is_empty()) {
        let (a, b) = (ours.global(name), theirs.global(name));
        let equal = a == b || a.zip(b).is_some_and(|(a, b)| same('f', a, b) || same('F', a, b));
        if !equal {
            return differ(format!("global {name}: ours {a:x?}, wasmtime {b:x?}"));
        }
    }
    Ok(outcome)
}
