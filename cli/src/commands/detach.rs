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
    let pinned = pins::all(Some(&args.name))?;
    // Where there is no bpffs, nobody knows what was pinned, unless this kernel has no XDP for us.
    let unseen = !pins::mounted() && device.as_ref().is_none_or(|d| !d.info().is_ok_and(|info| info.xdp_kfunc == 0));
    let (pins, chosen) = match &args.dev {
        Some(dev) => of_device(&args.name, dev, &pinned, &hooks, unseen)?,
        None => (pinned, hooks),
    };
    if pins.is_empty() && chosen.is_empty() && unseen {
        pins::check_mounted()?;
    }
    pins::tidy(&args.name);
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

/// The attachments of program `name` that somebody means by the name `dev`; one at least.
fn of_device(
    name: &str,
    dev: &str,
    pinned: &[Pin],
    hooks: &[Ingress],
    unseen: bool,
) -> Result<(Vec<Pin>, Vec<Ingress>)> {
    let named = pinned.iter().filter(|pin| pin.device == dev);
    let mut pins = Vec::new();
    for pin in named.clone() {
        if !pin.is_namesakes()? {
            pins.push(pin.clone());
        }
    }
    let chosen = ingress::on(hooks, dev, unseen || named.count() > 0);
    if !pins.is_empty() || !chosen.is_empty() {
        return Ok((pins, chosen));
    }
    let mut on: Vec<&str> = pinned.iter().map(|p| p.device.as_str()).collect();
    on.extend(hooks.iter().map(|a| a.device.as_str()));
    if !on.contains(&dev) && unseen {
        pins::check_mounted()?;
    }
    pins::tidy(name);
    let error = Error::new(format_args!("`{name}` is not attached to {dev}"));
    Err(if on.is_empty() {
        error.help("`wasmkc list` shows what is attached where")
    } else if on.contains(&dev) {
        error.help(format_args!(
            "it is attached to a {dev} of another network namespace: `nsenter --net=/run/netns/NAME wasmkc ...` \
             there, or --all"
        ))
    } else {
        error.help(format_args!("it is attached to: {}", on.join(", ")))
    })
}
