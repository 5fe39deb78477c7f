// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Packets one behind the other, for whoever measures: what is the same for all is set up once, nothing is counted.
//!
//! Into the filter and out of it goes the same way as in [`Runner`](crate::Runner); the call block, which the
//! kernel's entry writes for each packet, gets for each what differs.
#![forbid(unsafe_code)]

use wasmkc_abi::limits::STACK_XDP;
use wasmkc_abi::trap::TrapCode;

use crate::instance::{Grant, Instance, StartError};
use crate::report::Trap;

impl Instance {
    /// Judges `packets`, which the filter may change, with the object's fuel for each; `seen` gets what the filter
    /// returned, be it a verdict or not.
    ///
    /// # Errors
    /// The first trap ends it.
    pub fn judge_each<'p>(
        &mut self,
        packets: impl IntoIterator<Item = &'p mut [u8]>,
        mut seen: impl FnMut(u32),
    ) -> Result<(), Trap> {
        let info = self.program().info();
        let grant = Grant { fuel: info.fuel, stack: STACK_XDP };
        let fuel = i64::try_from(grant.fuel).unwrap_or(i64::MAX);
        let mut call = self.call_block(grant);
        for packet in packets {
            call.fuel = fuel;
            let result = self.step(&mut call, info.entry_xdp, packet);
            if let Some(code) = TrapCode::from_u32(call.trap_code) {
                self.after_trap();
                let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
                return Err(Trap::new(code, self.program().trap_site(call.trap_site), len));
            }
            seen((result & u64::from(u32::MAX)) as u32);
        }
        Ok(())
    }

    /// An instance of what judges packets.
    ///
    /// # Errors
    /// As [`Instance::new`], and [`StartError::NoHook`].
    pub fn of_hook(program: &crate::Program) -> Result<Self, StartError> {
        if program.info().entry_xdp == 0 { Err(StartError::NoHook) } else { Self::new(program) }
    }
}
