//! Fuel in a register: functions with loops keep it in a value of their own.
//!
//! ```text
//!   the start                      loaded
//!   a charge                       fuel = fuel - cost; fuel < 0? out of fuel
//!   a charge by a length           the same, and stored at once: a call follows
//!   a call that gets the call      stored before, loaded behind
//!   block, and the function's end
//!   a trap                         stored, so that what the run has used can be told
//! ```
//! In memory a charge is a load and a store beside the comparison, and a loop may wait for what it stored the time
//! before; processors that forward stores to loads by name wait little. In a register it is a subtraction and a
//! comparison, and one register less for the loop. A function without loops charges in memory: it charges but once or
//! twice, and would pay for the register at each call.
//!
//! Gain: no turn of a loop waits for the fuel in memory. In instructions it costs 1 % (`make bench`, 512 bytes, the way in
//! taken off; `-Z no-fuel-register`): a charge takes two either way, and the register is one less for the filter. It
//! counts on `passes/invariants.rs` to keep one value of it.
//!
//! The audit sees through what the optimiser makes of it: it may compute what is left anew in each block that wants it,
//! and what two charges leave from the value before both. No comparison is dropped: none follows from those before, as
//! each charge takes something.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::Variable;

use super::super::Translator;

/// Where a function keeps its fuel.
#[derive(Clone, Copy, Default)]
pub enum Kept {
    /// Where callees look for it.
    #[default]
    InMemory,
    /// In a value; memory may hold more.
    InRegister {
        /// The value.
        variable: Variable,
        /// Memory holds the same here.
        stored: bool,
    },
}

impl Translator<'_, '_, '_> {
    /// From here on the fuel is in a register.
    pub(in crate::translate) fn keep_fuel_in_register(&mut self) {
        let variable = self.builder.declare_var(types::I64);
        self.fuel = Kept::InRegister { variable, stored: true };
        self.take_fuel();
    }

    /// What called functions have left becomes the fuel.
    pub(in crate::translate) fn take_fuel(&mut self) {
        if let Kept::InRegister { variable, stored } = &mut self.fuel {
            *stored = true;
            let variable = *variable;
            let fuel = self.fuel_of_callees();
            self.builder.def_var(variable, fuel);
        }
    }

    /// The fuel is put where others look for it: before a call that gets the call block, and before the end.
    pub(in crate::translate) fn give_fuel(&mut self) {
        self.store_kept_fuel();
        if let Kept::InRegister { stored, .. } = &mut self.fuel {
            *stored = true;
        }
    }

    /// The same on a way that ends here, so that the way on knows nothing of it.
    pub(in crate::translate) fn store_kept_fuel(&mut self) {
        if let Kept::InRegister { variable, stored: false } = self.fuel {
            let fuel = self.builder.use_var(variable);
            self.store_fuel(fuel);
        }
    }

    /// Other paths come in here: whether memory holds the fuel depends on the path.
    pub(in crate::translate) fn paths_meet(&mut self) {
        if let Kept::InRegister { stored, .. } = &mut self.fuel {
            *stored = false;
        }
    }

    /// Charges `cost` units to the register.
    pub(super) fn charge_register(&mut self, variable: Variable, cost: u32) {
        let fuel = self.builder.use_var(variable);
        let cost = self.iconst64(cost.into());
        let left = self.builder.ins().isub(fuel, cost);
        self.builder.def_var(variable, left);
        self.fuel = Kept::InRegister { variable, stored: false };
        self.trap_if_out_of_fuel(left);
    }

    /// Charges `cost` units, a number that the code computes, to register and memory.
    pub(super) fn charge_both(&mut self, variable: Variable, cost: Value) {
        let fuel = self.builder.use_var(variable);
        let left = self.builder.ins().isub(fuel, cost);
        self.builder.def_var(variable, left);
        self.store_fuel(left);
        self.fuel = Kept::InRegister { variable, stored: true };
        self.trap_if_out_of_fuel(left);
    }
}
