//! `attach`: a program, loaded before or now, to a network device.

use crate::args::Attach;
use crate::attach::{Mode, Xdp, attach, interface, is_loaded, unload};
use crate::commands::load;
use crate::error::{Error, Result};
use crate::ingress::{self, no_xdp};
use crate::kernel::device::Device;
use crate::kernel::{check_name, explain, open};
use crate::output::emit;
use crate::pins;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Attaches, and undoes the load if that fails.
pub fn run(args: &Attach, json: bool) -> Result<()> {
    let is_file = args.program.contains('/') || args.program.ends_with(".kwo");
    if !is_file && args.options.any() {
        return Err(Error::usage("the options of `load` need a file: a loaded program keeps its own"));
    }
    if !is_file {
        check_name(&args.program)?;
    }
    interface(&args.dev)?;
    let device = open()?;
    if args.mode != Mode::Ingress {
        pins::check_mounted()?;
        if device.info().map_err(explain)?.xdp_kfunc == 0 {
            return Err(no_xdp());
        }
    }
    let loaded = if is_file { Some(load::load(&device, Path::new(&args.program), &args.options)?) } else { None };
    let name = loaded.as_ref().map_or(args.program.as_str(), |l| l.name.as_str());
    if !is_loaded(&device, name)? {
        let error = Error::new(format_args!("no program `{name}` is loaded"));
        return Err(if Path::new(name).is_file() {
            error.help(format_args!("`wasmkc attach ./{name} --dev {}` loads the file of that name", args.dev))
        } else {
            error.help("`wasmkc list` shows what is; give a FILE.kwo to load it now")
        });
    }
    let pin = at_hook(&device, name, &args.dev, args.mode).map_err(|error| {
        if loaded.is_none() {
            return error;
        }
        match unload(&device, name) {
            Ok(()) => error,
            Err(second) => error.details(format!("`{name}` stays loaded: {}", second.render(false)).lines()),
        }
    })?;
    let value = json!({ "name": name, "dev": args.dev, "mode": args.mode, "pin": pin });
    emit(json, &value, || {
        let note = if args.mode == Mode::Ingress { "; there the verdicts tx and redirect count as traps" } else { "" };
        format!("attached {name} to {} ({}){note}\n", args.dev, args.mode.name())
    })
}

/// Attaches, and says where the attachment is pinned, if it is.
fn at_hook(device: &Device, name: &str, dev: &str, mode: Mode) -> Result<Option<PathBuf>> {
    let xdp = match mode {
        Mode::Native => Xdp::Native,
        Mode::Generic => Xdp::Generic,
        Mode::Ingress => return ingress::attach(device, name, dev).map(|()| None),
    };
    Ok(Some(attach(device, name, dev, xdp)?.path().to_owned()))
}
