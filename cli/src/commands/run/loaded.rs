//! A program that is loaded in the kernel, on packets that never were on a wire.
//!
//! A stub of its own is run by `BPF_PROG_TEST_RUN`; what a packet cost and why it trapped is read from the
//! program's counters before and after. So the program must be attached nowhere: other packets would be
//! counted in between.

use super::engine::{Engine, Judgement};
use crate::attach;
use crate::error::{Error, Result};
use crate::kernel::bpf::{TEST_RUN_MAX, TEST_RUN_MIN, test_run};
use crate::kernel::device::Device;
use crate::kernel::{check_name, explain, not_loaded, open, text};
use std::os::fd::{AsFd, OwnedFd};
use wasmkc_abi::control::{Program, Stats};
use wasmkc_abi::trap::TrapCode;
use wasmkc_abi::verdict::Verdict;
use wasmkc_host::Trap;

/// The program and the stub that runs it.
pub struct Loaded {
    device: Device,
    name: String,
    id: u32,
    stub: OwnedFd,
    counted: Stats,
    disabled: bool,
}

impl Loaded {
    /// Whether this kernel's BPF can call the loader.
    pub fn possible() -> Result<bool> {
        Ok(open()?.info().map_err(explain)?.xdp_kfunc != 0)
    }

    /// Finds loaded program `name` and makes a stub for it.
    pub fn new(name: &str) -> Result<Self> {
        check_name(name)?;
        let device = open()?;
        let program = idle(&device, name)?;
        let stub = attach::stub(&device, name)?;
        let counted = device.stats(name, None).map_err(explain)?;
        Ok(Self { device, name: name.to_owned(), id: program.id, stub, counted, disabled: program.disabled != 0 })
    }

    /// The trap that the program's counters have and did not have before; its place is the last one kept.
    fn trap(&self, now: &Stats, packet_len: usize) -> Result<Option<Trap>> {
        let new = now.traps.iter().zip(&self.counted.traps).position(|(now, before)| now > before);
        let Some(code) = new.and_then(|code| TrapCode::from_u32(code as u32)) else { return Ok(None) };
        let kept = self.device.trap_log(self.id).map_err(explain)?;
        let last = kept.last().and_then(Trap::from_record).filter(|trap| trap.code == code);
        Ok(Some(last.unwrap_or(Trap::without_place(code, packet_len as u32))))
    }
}

/// Program `name`, if it is attached nowhere.
fn idle(device: &Device, name: &str) -> Result<Program> {
    let programs = device.list().map_err(explain)?;
    let Some(program) = programs.into_iter().find(|p| text(&p.name) == name) else {
        return Err(not_loaded(name));
    };
    if program.attached > 0 {
        return Err(Error::new(format_args!("`{name}` is attached, so its counters move by themselves")).help(
            format_args!("load the object once more under another name: `wasmkc load FILE.kwo --name {name}-test`"),
        ));
    }
    Ok(program)
}

impl Engine for Loaded {
    fn judge(&mut self, packet: &mut Vec<u8>) -> Result<Option<Judgement>> {
        let packet_len = packet.len();
        if !(TEST_RUN_MIN..=TEST_RUN_MAX).contains(&packet_len) {
            return Ok(None);
        }
        let (verdict, time) = test_run(self.stub.as_fd(), packet)
            .map_err(|e| Error::new(format_args!("the kernel does not run the stub on {packet_len} bytes: {e}")))?;
        let verdict = Verdict::from_u32(verdict)
            .ok_or_else(|| Error::new(format_args!("the kernel gives {verdict}, which is no verdict")))?;
        let now = self.device.stats(&self.name, None).map_err(explain)?;
        let packets = |stats: &Stats| stats.verdicts.iter().sum::<u64>();
        if packets(&now) != packets(&self.counted) + 1 {
            return Err(Error::new(format_args!("`{}` has judged other packets meanwhile", self.name))
                .help("run this while nobody else attaches or runs the program"));
        }
        let trap = self.trap(&now, packet_len)?;
        self.disabled |= trap.as_ref().is_some_and(|trap| trap.code == TrapCode::Disabled);
        let fuel = now.fuel - self.counted.fuel;
        self.counted = now;
        Ok(Some(Judgement { verdict, trap, fuel, time }))
    }

    /// The kernel's filters log to the kernel's log.
    fn take_log(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn disabled(&self) -> bool {
        self.disabled
    }

    fn limits(&self) -> &'static str {
        "the kernel gives XDP no packet below 14 bytes, and a test run none above 3520"
    }
}
