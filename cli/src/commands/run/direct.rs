//! A program that is loaded in the kernel, on packets that never were on a wire, by the loader's own request.
//!
//! The loader runs it as its hook would, on the instance of the CPU, and counts it. That works on every machine, and
//! wherever the program is attached.

use super::engine::{Engine, Judgement};
use crate::error::{Error, Result};
use crate::kernel::device::Device;
use crate::kernel::{check_name, explain, not_loaded, open, text};
use std::time::Duration;
use wasmkc_abi::limits::MAX_PACKET_BYTES;
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;
use wasmkc_host::Trap;

/// Bytes of an Ethernet header.
const LEAST: usize = 14;

/// The program.
pub struct Direct {
    device: Device,
    name: String,
    disabled: bool,
}

impl Direct {
    /// Finds loaded program `name`.
    pub fn new(name: &str) -> Result<Self> {
        check_name(name)?;
        let device = open()?;
        let programs = device.list().map_err(explain)?;
        let program = programs.iter().find(|p| text(&p.name) == name).ok_or_else(|| not_loaded(name))?;
        let disabled = program.disabled != 0;
        Ok(Self { device, name: name.to_owned(), disabled })
    }
}

impl Engine for Direct {
    fn judge(&mut self, packet: &mut Vec<u8>) -> Result<Option<Judgement>> {
        if !(LEAST..=MAX_PACKET_BYTES as usize).contains(&packet.len()) {
            return Ok(None);
        }
        let judged = self.device.packet(&self.name, packet).map_err(explain)?;
        let verdict = Verdict::from_u32(judged.verdict)
            .ok_or_else(|| Error::new(format_args!("the kernel gives {}, which is no verdict", judged.verdict)))?;
        let trap = judged.trap.as_deref().and_then(Trap::from_record);
        self.disabled |= trap.as_ref().is_some_and(|trap| trap.code == TrapCode::Disabled);
        Ok(Some(Judgement { verdict, trap, fuel: judged.fuel, time: Duration::from_nanos(judged.time) }))
    }

    /// The kernel's filters log to the kernel's log.
    fn take_log(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }

    fn limits(&self) -> &'static str {
        "the loader takes packets of 14 to 65535 bytes"
    }
}
