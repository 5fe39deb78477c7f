//! `load`: an object into the kernel.

use crate::args::{Load, LoadOptions, TrapVerdict};
use crate::error::Result;
use crate::kernel::device::Device;
use crate::kernel::{check_name, explain, name_from, open};
use crate::kind::{Kind, no_object};
use crate::output::{emit, read_file};
use crate::policy::{After, Policy};
use serde_json::json;
use std::path::Path;
use wasmkc_abi::control::{self, AFTER_TRAP_DISABLE, AFTER_TRAP_KEEP, AFTER_TRAP_RESET, LOAD_FORCE_PORTABLE};
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_core::describe::describe;

/// A program that has just been loaded.
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: u32,
}

/// Loads and says under which name.
pub fn run(args: &Load, json: bool) -> Result<()> {
    let loaded = load(&open()?, &args.file, &args.options)?;
    emit(json, &json!({ "name": loaded.name, "id": loaded.id }), || format!("loaded {}\n", loaded.name))
}

/// Loads `file`.
pub fn load(device: &Device, file: &Path, options: &LoadOptions) -> Result<Loaded> {
    let request = request(options)?;
    let object = read_file(file, u64::from(MAX_OBJECT_BYTES))?;
    // The loader judges objects; what was surely meant for another place is told here.
    if let Kind::Wasm | Kind::Certificate | Kind::Key | Kind::EncryptedKey | Kind::Capture = Kind::of(&object)
        && let Some(error) = no_object(file, &object)
    {
        return Err(error);
    }
    let name = match &options.name {
        Some(name) => {
            check_name(name)?;
            name.clone()
        }
        None => name_of(&object, file),
    };
    if options.traps.trap_verdict == Some(TrapVerdict::Pass) {
        eprintln!(
            "warning: with `--trap-verdict pass` a packet that makes the filter trap goes through unfiltered; \
             whoever finds such a packet passes the filter"
        );
    }
    let id = device.load(&object, &name, request).map_err(|e| explain(e).context(file.display()))?;
    Ok(Loaded { name, id })
}

/// The name in the object, or the file's. An object that cannot be read is the loader's to refuse.
fn name_of(object: &[u8], file: &Path) -> String {
    let own = describe(object).ok().map(|d| d.tables.strings.get(d.meta.name).to_owned());
    let own = own.filter(|n| !n.is_empty());
    name_from(&own.unwrap_or_else(|| file.file_stem().unwrap_or_default().to_string_lossy().into_owned()))
}

fn request(options: &LoadOptions) -> Result<control::Load> {
    let policy = Policy::of(&options.traps)?;
    let (after_trap, trap_limit) = match policy.after {
        After::Keep => (AFTER_TRAP_KEEP, 0),
        After::Reset => (AFTER_TRAP_RESET, 0),
        After::Disable(limit) => (AFTER_TRAP_DISABLE, limit),
    };
    Ok(control::Load {
        trap_verdict: policy.verdict as u32,
        after_trap,
        trap_limit,
        fuel: options.traps.fuel.unwrap_or(0),
        flags: if options.force_portable { LOAD_FORCE_PORTABLE } else { 0 },
        ..control::Load::default()
    })
}
