//! The engine in the kernel: objects that were signed outside, loaded and called through `/dev/wasmkc`.

use std::io;

use wasmkc_abi::{
    control::{AFTER_TRAP_KEEP, Load},
    limits::{FUEL_CALL_MAX, STACK_CALL_MAX},
    trap::TrapCode,
    verdict::Verdict,
};
use wasmkc_kernel::device::{Called, Device, Refused};

use super::{
    plan::Plan,
    run::{Engine, Outcome},
};

/// The kernel's loader.
pub struct Kernel {
    device: Device,
    loaded: usize,
}

/// A loaded object with an open device, to which its instance belongs.
pub struct Loaded {
    name: String,
    device: Option<Device>,
}

impl Kernel {
    /// Opens the device.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open() -> io::Result<Self> {
        Ok(Self { device: Device::open()?, loaded: 0 })
    }
}

impl Engine for Kernel {
    type Instance = Loaded;

    fn start(&mut self, plan: &Plan, number: usize) -> Result<Loaded, String> {
        self.loaded += 1;
        let name = format!("spec.{}", self.loaded);
        let load = Load { trap_verdict: Verdict::Aborted as u32, after_trap: AFTER_TRAP_KEEP, ..Load::default() };
        self.device.load(&plan.objects[number].bytes, &name, load).map_err(words)?;
        let mut loaded = Loaded { name, device: None };
        loaded.device = Some(Device::open().map_err(|e| e.to_string())?);
        Ok(loaded)
    }

    fn call(&mut self, instance: &mut Loaded, export: &str, args: &[u64]) -> Outcome {
        let Some(device) = &instance.device else { return Outcome::Error("the device is closed".to_owned()) };
        match device.call_export(&instance.name, export, args, FUEL_CALL_MAX, STACK_CALL_MAX) {
            Ok(Called::Back { results, .. }) => Outcome::Results(results),
            Ok(Called::Trapped(record)) => match TrapCode::from_u32(record.code) {
                Some(code) => Outcome::Trap(code),
                None => Outcome::Error(format!("a trap of no known cause: {}", record.code)),
            },
            Err(e) => Outcome::Error(words(e)),
        }
    }
}

impl Drop for Loaded {
    /// Closes the instance, then unloads. A program that stays loaded would be found by the next leak check.
    fn drop(&mut self) {
        drop(self.device.take());
        if let Err(e) = Device::open().map_err(|e| e.to_string()).and_then(|d| d.unload(&self.name).map_err(words)) {
            eprintln!("wkc-spec: cannot unload {}: {e}", self.name);
        }
    }
}

fn words(refused: Refused) -> String {
    let Refused { request, errno, text } = refused;
    if text.is_empty() { format!("{request}: {}", io::Error::from_raw_os_error(errno)) } else { text }
}
