//! `unload`: a program out of the kernel.

use crate::args::Unload;
use crate::attach::unload;
use crate::error::Result;
use crate::kernel::{check_name, open};
use crate::output::emit;
use serde_json::json;

/// Refused by the loader while the program is attached.
pub fn run(args: &Unload, json: bool) -> Result<()> {
    check_name(&args.name)?;
    unload(&open()?, &args.name)?;
    emit(json, &json!({ "unloaded": args.name }), || format!("unloaded {}\n", args.name))
}
