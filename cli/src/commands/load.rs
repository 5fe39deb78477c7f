//! `load`: an object into the kernel.

use crate::args::{AfterTrap, Load, LoadOptions, TrapVerdict};
use crate::error::{Error, Result};
use crate::kernel::device::Device;
use crate::kernel::{check_name, explain, name_from, open};
use crate::output::{emit, read_file};
use serde_json::json;
use std::path::Path;
use wasmkc_abi::control::{self, AFTER_TRAP_DISABLE, AFTER_TRAP_KEEP, AFTER_TRAP_RESET};
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_abi::verdict::Verdict;

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
    let name = match &options.name {
        Some(name) => {
            check_name(name)?;
            name.clone()
        }
        None => name_from(&file.file_stem().unwrap_or_default().to_string_lossy()),
    };
    if options.trap_verdict == Some(TrapVerdict::Pass) {
        eprintln!(
            "warning: with `--trap-verdict pass` a packet that makes the filter trap goes through unfiltered; \
             whoever finds such a packet passes the filter"
        );
    }
    let id = device.load(&object, &name, request).map_err(|e| explain(e).context(file.display()))?;
    Ok(Loaded { name, id })
}

fn request(options: &LoadOptions) -> Result<control::Load> {
    let after_trap = options.after_trap.unwrap_or(AfterTrap::Keep);
    if (after_trap == AfterTrap::Disable) != options.trap_limit.is_some() {
        return Err(Error::usage("`--after-trap disable` and `--trap-limit N` go together"));
    }
    let trap_verdict = match options.trap_verdict.unwrap_or(TrapVerdict::Aborted) {
        TrapVerdict::Aborted => Verdict::Aborted,
        TrapVerdict::Drop => Verdict::Drop,
        TrapVerdict::Pass => Verdict::Pass,
    };
    Ok(control::Load {
        trap_verdict: trap_verdict as u32,
        after_trap: match after_trap {
            AfterTrap::Keep => AFTER_TRAP_KEEP,
            AfterTrap::Reset => AFTER_TRAP_RESET,
            AfterTrap::Disable => AFTER_TRAP_DISABLE,
        },
        trap_limit: options.trap_limit.unwrap_or(0),
        fuel: options.fuel.unwrap_or(0),
        ..control::Load::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> LoadOptions {
        LoadOptions { name: None, trap_verdict: None, after_trap: None, trap_limit: None, fuel: None }
    }

    #[test]
    fn a_limit_without_disable_and_disable_without_a_limit_are_wrong_usage() {
        let limit = LoadOptions { trap_limit: Some(3), ..options() };
        assert_eq!(request(&limit).unwrap_err().exit_code(), 2);
        let disable = LoadOptions { after_trap: Some(AfterTrap::Disable), ..options() };
        assert_eq!(request(&disable).unwrap_err().exit_code(), 2);
        let both = LoadOptions { trap_limit: Some(3), ..disable };
        let both = request(&both).unwrap();
        assert_eq!((both.after_trap, both.trap_limit), (AFTER_TRAP_DISABLE, 3));
    }

    #[test]
    fn the_default_is_aborted_and_keep() {
        let request = request(&options()).unwrap();
        assert_eq!((request.trap_verdict, request.after_trap, request.fuel), (0, AFTER_TRAP_KEEP, 0));
    }
}
