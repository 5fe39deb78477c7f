//! `call`: an export of a loaded program, in the kernel.

use crate::args::Call;
use crate::error::{Error, Result};
use crate::kernel::device::{Called, Device};
use crate::kernel::{check_name, explain, not_loaded, open, text};
use crate::output::emit;
use crate::values;
use serde_json::json;
use wasmkc_abi::limits::FUEL_CALL_MAX;
use wasmkc_host::Trap;

/// Calls and prints the results.
pub fn run(args: &Call, json: bool) -> Result<()> {
    check_name(&args.name)?;
    let device = open()?;
    let letters = signature(&device, &args.name, &args.export)?;
    let (params, results) = letters.split_once(':').unwrap_or((&letters, ""));
    let slots = values::parse_all(&args.args, params)?;
    let fuel = args.fuel.unwrap_or(FUEL_CALL_MAX);
    match device.call_export(&args.name, &args.export, &slots, fuel, args.stack).map_err(explain)? {
        Called::Back { results: slots, fuel } => {
            emit(json, &json!({ "results": values::json(&slots, results), "fuel": fuel }), || {
                values::lines(&slots, results)
            })
        }
        Called::Trapped(record) => {
            let trap = Trap::from_record(&record).map_or_else(|| "unknown trap".to_owned(), |trap| trap.to_string());
            Err(Error::new(format_args!("`{}` trapped: {trap}", args.export)))
        }
    }
}

/// The export's signature, from the loader.
fn signature(device: &Device, name: &str, export: &str) -> Result<String> {
    let programs = device.list().map_err(explain)?;
    let Some(program) = programs.iter().find(|p| text(&p.name) == name) else {
        return Err(not_loaded(name));
    };
    let exports = device.exports(program.id).map_err(explain)?;
    if let Some(found) = exports.iter().find(|e| text(&e.name) == export) {
        return Ok(text(&found.signature));
    }
    let known = exports.iter().map(|e| format!("{} {}", text(&e.name), values::signature(&text(&e.signature))));
    Err(values::no_export(name, export, known))
}
