//! The functions that the loader enters, and the global that is the guest's shadow-stack pointer.

use wasmkc_abi::limits::{MAX_EXPORT_NAME, MAX_EXPORT_VALUES, MAX_EXPORTS, WASM_PAGE};
use wasmparser::{ExternalKind, FuncType, ValType};

use super::Sections;
use crate::{
    CompileError,
    module::{Entries, Export},
    names,
};

/// Names of exports that are entries and cannot be called.
const XDP: &str = "xdp";
const INITIALIZE: &str = "_initialize";
const INIT: &str = "init";

/// Finds `xdp`, `_initialize`, `init` and the start function.
pub fn entries(s: &Sections<'_>) -> Result<Entries, CompileError> {
    let verdict = FuncType::new([], [ValType::I32]);
    let nothing = FuncType::new([], []);
    if s.start.is_some_and(|index| (index as usize) < s.module.imports.len()) {
        let found = "an imported function".to_owned();
        return Err(CompileError::EntryType { name: "(start)", found, expected: "() -> () of the module" });
    }
    Ok(Entries {
        xdp: entry(s, XDP, &verdict, "() -> i32")?,
        start: s.start,
        initialize: entry(s, INITIALIZE, &nothing, "() -> ()")?,
        init: entry(s, INIT, &nothing, "() -> ()")?,
    })
}

/// The functions that can be called by name: all exported ones but the entries and the imports among them.
pub fn exports(s: &Sections<'_>) -> Result<Vec<Export>, CompileError> {
    let functions = s.exports.iter().filter(|e| e.kind == ExternalKind::Func);
    let own = functions.filter(|e| e.index as usize >= s.module.imports.len());
    let exports: Vec<Export> = own
        .filter(|e| ![XDP, INITIALIZE, INIT].contains(&e.name))
        .map(|e| Export { name: e.name.to_owned(), function: e.index })
        .collect();
    CompileError::check_limit("exported functions", exports.len() as u64, MAX_EXPORTS.into())?;
    for export in &exports {
        let ty = s.module.function_type(export.function);
        let values = ty.params().len().max(ty.results().len()) as u64;
        CompileError::check_limit("values of an exported function", values, MAX_EXPORT_VALUES.into())?;
        CompileError::check_limit("bytes of an export's name", export.name.len() as u64, MAX_EXPORT_NAME.into())?;
    }
    Ok(exports)
}

fn entry(
    s: &Sections<'_>,
    name: &'static str,
    ty: &FuncType,
    expected: &'static str,
) -> Result<Option<u32>, CompileError> {
    let Some(export) = s.exports.iter().find(|e| e.name == name) else { return Ok(None) };
    let found = match export.kind {
        ExternalKind::Func if (export.index as usize) < s.module.imports.len() => "an imported function".to_owned(),
        ExternalKind::Func if s.module.function_type(export.index) == ty => return Ok(Some(export.index)),
        ExternalKind::Func => format!("a function {}", names::signature(s.module.function_type(export.index))),
        ExternalKind::Memory => "a memory".to_owned(),
        ExternalKind::Table => "a table".to_owned(),
        ExternalKind::Global => "a global".to_owned(),
        _ => "no plain function".to_owned(),
    };
    Err(CompileError::EntryType { name, found, expected })
}

/// The global named `__stack_pointer`; else global 0 if it looks like what LLVM's linker makes.
///
/// After a trap it gets its value back. A wrong guess does no harm to anyone but the guest.
pub fn shadow_stack_pointer(s: &Sections<'_>) -> Option<u32> {
    let mutable_i32 =
        |index: &u32| s.module.globals.get(*index as usize).is_some_and(|g| g.mutable && g.ty == ValType::I32);
    let named = s.names.globals.iter().find(|(_, name)| *name == "__stack_pointer").map(|(index, _)| *index);
    let exported =
        s.exports.iter().find(|e| e.kind == ExternalKind::Global && e.name == "__stack_pointer").map(|e| e.index);
    let size = s.module.memory().map_or(0, |m| u64::from(m.min) * WASM_PAGE);
    let first = s.module.globals.first().filter(|g| g.init > 0 && g.init <= size).map(|_| 0);
    named.or(exported).filter(mutable_i32).or(first.filter(mutable_i32))
}
