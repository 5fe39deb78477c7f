//! The groups of a script, merged and compiled.

use std::collections::HashMap;
use std::rc::Rc;

use wasmkc_abi::limits::{FUEL_MAX, MAX_MEMORY_PAGES};
use wasmkc_compiler::{Blame, CompileError, Options, Target};

use super::{
    link::Linker,
    merge::{Start, Wanted, merge},
    plan::Object,
    refused,
    tally::Status,
};

/// What a script needs of its instances.
#[derive(Debug, Default)]
pub struct Needs {
    /// What is called of each.
    pub wanted: HashMap<usize, Vec<Wanted>>,
    /// Those whose instantiation must trap.
    pub trapping: Vec<usize>,
}

/// How the instances of a group run.
#[derive(Debug)]
pub enum Group {
    /// On the object of this number.
    Object(usize, Start),
    /// Not at all: instantiation would trap, says the compiler. This is for a memory or a table.
    TrapsBefore(CompileError),
    /// Not at all: this is why.
    Refused(Status),
}

/// Compiles every group for `target`; gives the objects, and for each instance what became of its group. `key` gives the keys.
pub fn compile(
    linker: &Linker,
    needs: &Needs,
    target: Target,
    key: &mut dyn FnMut() -> u64,
) -> (Vec<Object>, HashMap<usize, Rc<Group>>) {
    let (mut objects, mut of) = (Vec::new(), HashMap::new());
    for members in linker.groups() {
        let own: Vec<usize> = members.iter().copied().filter(|i| !linker.instances[*i].spectest).collect();
        let Some(first) = own.first() else { continue };
        let wanted: Vec<Wanted> = own.iter().filter_map(|i| needs.wanted.get(i)).flatten().cloned().collect();
        let alone = own.len() == 1 && linker.instances[*first].resolved.grown.is_empty();
        let start = if alone && !needs.trapping.contains(first) { Start::AtOnce } else { Start::ByCalls };
        let key = key();
        let object = |start| object(linker, &members, start, &wanted, target, key);
        let made = match start {
            Start::ByCalls if alone => match object(Start::AtOnce) {
                Err(Group::TrapsBefore(e)) => Err(Group::TrapsBefore(e)),
                _ => object(start),
            },
            _ => object(start),
        };
        let group = Rc::new(made.map_or_else(
            |group| group,
            |bytes| {
                objects.push(Object { bytes, key });
                Group::Object(objects.len() - 1, start)
            },
        ));
        of.extend(own.into_iter().map(|i| (i, Rc::clone(&group))));
    }
    (objects, of)
}

/// Merges and compiles `members`.
fn object(
    linker: &Linker,
    members: &[usize],
    start: Start,
    wanted: &[Wanted],
    target: Target,
    key: u64,
) -> Result<Vec<u8>, Group> {
    let wasm = merge(linker, members, start, wanted, key)
        .map_err(|e| Group::Refused(refused(linker, members, &format!("cannot be merged: {e}"))))?;
    let max_memory_pages = Some(MAX_MEMORY_PAGES);
    let options = Options { fuel: FUEL_MAX, max_memory_pages, target, ..Options::default() };
    match wasmkc_compiler::compile(&wasm, &options) {
        Ok(object) => Ok(object.bytes),
        Err(e @ CompileError::SegmentOutOfBounds { .. }) => Err(Group::TrapsBefore(e)),
        Err(e @ CompileError::FrameTooLarge { .. }) => {
            Err(Group::Refused(refused::status(Some(refused::LARGE_FRAMES), &e.to_string())))
        }
        // A bug is never a refusal, whatever the module needs.
        Err(e) if e.blame() == Blame::Internal => Err(Group::Refused(Status::Skipped(e.to_string()))),
        Err(e) => Err(Group::Refused(refused(linker, members, &e.to_string()))),
    }
}

/// The status of a group that cannot be made, because of `why`.
fn refused(linker: &Linker, members: &[usize], why: &str) -> Status {
    let feature = members.iter().find_map(|i| refused::feature(&linker.instances[*i].module.bytes));
    refused::status(feature, why)
}
