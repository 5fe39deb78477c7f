//! `detach`: a program from one device or from all.

use crate::args::Detach;
use crate::error::{Error, Result};
use crate::ingress::{self, Ingress};
use crate::kernel::check_name;
use crate::kernel::device::Device;
use crate::output::emit;
use crate::pins::{self, Pin};
use serde_json::json;

/// For XDP it needs the pins only, so that works without the module, too, and for devices that have gone.
pub fn run(args: &Detach, json: bool) -> Result<()> {
    check_name(&args.name)?;
    let device = Device::open().ok();
    let hooks = match &device {
        Some(device) => ingress::all(device, Some(&args.name))?,
        None => Vec::new(),
    };
    let all = pins::all(Some(&args.name))?;
    let pins: Vec<Pin> = all.iter().filter(|p| args.dev.as_ref().is_none_or(|d| *d == p.device)).cloned().collect();
    let on = |dev: &String| ingress::on(&hooks, dev, !pins.is_empty());
    let chosen: Vec<Ingress> = args.dev.as_ref().map_or_else(|| hooks.clone(), on);
    if chosen.is_empty() {
        pins::check_mounted()?;
    }
    pins::tidy(&args.name);
    if let (Some(dev), true) = (&args.dev, pins.is_empty() && chosen.is_empty()) {
        let error = Error::new(format_args!("`{}` is not attached to {dev}", args.name));
        let mut on: Vec<&str> = all.iter().map(|p| p.device.as_str()).collect();
        on.extend(hooks.iter().map(|a| a.device.as_str()));
        return Err(if on.is_empty() {
            error.help("`wasmkc list` shows what is attached where")
        } else if on.contains(&dev.as_str()) {
            error.help(format_args!(
                "it is attached to a {dev} of another network namespace: `nsenter --net=/run/netns/NAME wasmkc ...` \
                 there, or --all"
            ))
        } else {
            error.help(format_args!("it is attached to: {}", on.join(", ")))
        });
    }
    for pin in &pins {
        pin.remove()?;
    }
    for hook in &chosen {
        if let Some(device) = &device {
            hook.remove(device)?;
        }
    }
    let mut devices: Vec<&str> = pins.iter().map(|p| p.device.as_str()).collect();
    devices.extend(chosen.iter().map(|a| a.device.as_str()));
    emit(json, &json!({ "name": args.name, "detached": devices }), || match devices.as_slice() {
        [] => format!("{} is attached nowhere\n", args.name),
        _ => format!("detached {} from {}\n", args.name, devices.join(", ")),
    })
}
