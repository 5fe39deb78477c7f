//! Fuel: what each piece of code costs, and the code that charges for it.
//!
//! One unit an operator. The entry charges for all operators that lie in no loop, whether they run or
//! not; a loop's header charges, each time around, for those of its body that lie in no inner loop.
//! So every cycle of the control flow passes a charge at its header, and every cycle of the call
//! graph one at an entry. What takes time by a length charges for it before it acts.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::{FunctionBody, Operator};

use super::Translator;
use crate::CompileError;

/// Costs of one function.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Operators outside loops.
    pub entry: u32,
    /// Operators of each loop outside inner loops, in the order of the `loop` operators.
    pub loops: Vec<u32>,
}

impl Costs {
    /// Counts the operators of `body`. A `loop` and its `end` belong to that loop.
    pub fn of(body: &FunctionBody<'_>) -> Result<Self, CompileError> {
        let mut costs = Self::default();
        // For each open block the loop that its operators belong to.
        let mut open: Vec<Option<usize>> = vec![None];
        for op in body.get_operators_reader()? {
            let op = op?;
            let current = open.last().copied().flatten();
            match op {
                Operator::Loop { .. } => {
                    costs.loops.push(0);
                    open.push(Some(costs.loops.len() - 1));
                }
                Operator::Block { .. } | Operator::If { .. } => open.push(current),
                _ => {}
            }
            match open.last().copied().flatten() {
                Some(inner) => costs.loops[inner] += 1,
                None => costs.entry += 1,
            }
            if matches!(op, Operator::End) {
                open.pop();
            }
        }
        Ok(costs)
    }
}

impl Translator<'_, '_, '_> {
    /// Charges `cost` units.
    pub(super) fn charge(&mut self, cost: u32) {
        let cost = self.iconst64(cost.into());
        self.charge_value(cost);
    }

    /// Charges as a bulk operation over `len` (i64) bytes does: 1 + len / 8.
    pub(super) fn charge_bytes(&mut self, len: Value) {
        let words = self.builder.ins().ushr_imm_u(len, 3);
        let one = self.iconst64(1);
        let cost = self.builder.ins().iadd(words, one);
        self.charge_value(cost);
    }

    fn charge_value(&mut self, cost: Value) {
        let fuel = self.load_fuel();
        let left = self.builder.ins().isub(fuel, cost);
        self.store_fuel(left);
        let zero = self.builder.ins().iconst(types::I64, 0);
        let out = self.builder.ins().icmp(IntCC::SignedLessThan, left, zero);
        self.trap_if(out, TrapCode::OutOfFuel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(body: &str) -> Costs {
        let wasm = wat::parse_str(format!("(module (func {body}))")).expect("wat");
        for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
            if let Ok(wasmparser::Payload::CodeSectionEntry(body)) = payload {
                return Costs::of(&body).expect("costs");
            }
        }
        unreachable!("no body")
    }

    #[test]
    fn straight_line_code_is_charged_at_the_entry() {
        assert_eq!(costs("nop nop"), Costs { entry: 3, loops: vec![] });
    }

    #[test]
    fn each_loop_is_charged_for_its_own_operators() {
        // Outer: loop, nop, end. Inner: loop, nop, nop, end. Outside: nop and the function's end.
        assert_eq!(costs("(loop nop (loop nop nop)) nop"), Costs { entry: 2, loops: vec![3, 4] });
    }

    #[test]
    fn a_block_in_a_loop_belongs_to_the_loop() {
        // Loop, block, nop, end, end.
        assert_eq!(costs("(loop (block nop))"), Costs { entry: 1, loops: vec![5] });
    }
}
