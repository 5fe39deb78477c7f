//! Fuel: what each piece of code costs, and the code that charges for it.
//!
//! Operators cost what `cost` says, branches the values that they carry on top. The entry charges for all
//! operators that lie in no loop, whether they run or not; a loop's header charges, each time around, for
//! those of its body that lie in no inner loop. So every cycle of the control flow passes a charge at its
//! header, and every cycle of the call graph one at an entry. What takes time by a length charges for it
//! before it acts. Where the fuel is meanwhile: `register`.

mod register;

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::{FunctionBody, Operator};

use super::{Translator, budget, cost};
use crate::{CompileError, module::Module};
pub use register::Kept;

/// Units that an entry pays for the frame, the checks and the way back.
pub const FRAME: u32 = 2;
/// Units for each element that is set by filling or growing a table: the registers of all around may come and go.
pub const ELEMENT: u32 = 5;
/// Parameters and locals that one unit pays to put in their places.
const LOCALS_PER_UNIT: u32 = 8;

/// Costs of one function.
#[derive(Debug, Default)]
pub struct Costs {
    /// Frame, locals, operators outside loops.
    pub entry: u32,
    /// Operators of each loop outside inner loops, in the order of the `loop` operators.
    pub loops: Vec<u32>,
    /// Parameters and locals.
    pub locals: u32,
    /// Places where paths may meet: ends of blocks and headers of loops.
    pub joins: u32,
}

/// An open block.
struct Open {
    /// The loop that its operators belong to.
    paid_by: Option<usize>,
    /// Values that a branch to it carries.
    carries: u32,
}

impl Costs {
    /// Adds up the operators of `body`, function `index`; refuses the first that is not supported, reached or
    /// not. A `loop` and its `end` belong to that loop.
    pub fn of(module: &Module<'_>, index: u32, body: &FunctionBody<'_>) -> Result<Self, CompileError> {
        let ty = module.function_type(index);
        let mut locals = ty.params().len() as u32;
        for item in body.get_locals_reader()? {
            locals += item?.0;
        }
        let mut costs = Self { entry: FRAME + locals / LOCALS_PER_UNIT, loops: Vec::new(), locals, joins: 0 };
        let mut sum = 0;
        let mut open = vec![Open { paid_by: None, carries: ty.results().len() as u32 }];
        for item in body.get_operators_reader()?.into_iter_with_offsets() {
            let (op, offset) = item?;
            let place = || module.place(index, offset);
            let mut units = cost::units(module, &op, &place)?;
            let carries = |depth: u32| open[open.len() - 1 - depth as usize].carries;
            match &op {
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                    units += carries(*relative_depth);
                }
                Operator::BrTable { targets } => units += carries(targets.default()),
                Operator::Return | Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
                    units += open[0].carries
                }
                Operator::Loop { blockty } => {
                    costs.loops.push(0);
                    let carries = cost::arity(module, *blockty, &place)?.params;
                    open.push(Open { paid_by: Some(costs.loops.len() - 1), carries });
                }
                Operator::Block { blockty } | Operator::If { blockty } => {
                    let paid_by = open.last().and_then(|o| o.paid_by);
                    open.push(Open { paid_by, carries: cost::arity(module, *blockty, &place)?.results });
                }
                _ => {}
            }
            let total = match open.last().and_then(|o| o.paid_by) {
                Some(inner) => &mut costs.loops[inner],
                None => &mut costs.entry,
            };
            *total = total.saturating_add(units);
            sum += u64::from(units);
            budget::check(sum, place)?;
            match op {
                Operator::Loop { .. } => costs.joins += 1,
                Operator::End => {
                    costs.joins += 1;
                    open.pop();
                }
                _ => {}
            }
        }
        budget::check_joins(&costs, || module.place(index, body.range().start))?;
        Ok(costs)
    }
}

impl Translator<'_, '_, '_> {
    /// Charges `cost` units.
    pub(super) fn charge(&mut self, cost: u32) {
        // Compared with 1, a number would be compared with 0 in another way.
        if let (Kept::InRegister { variable, .. }, 2..) = (self.fuel, cost) {
            return self.charge_register(variable, cost);
        }
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
        if let Kept::InRegister { variable, .. } = self.fuel {
            return self.charge_both(variable, cost);
        }
        let fuel = self.load_fuel();
        let left = self.builder.ins().isub(fuel, cost);
        self.store_fuel(left);
        self.trap_if_out_of_fuel(left);
    }

    /// Ends the run if `left` is negative.
    fn trap_if_out_of_fuel(&mut self, left: Value) {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let out = self.builder.ins().icmp(IntCC::SignedLessThan, left, zero);
        self.trap_if(out, TrapCode::OutOfFuel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, parse};

    /// Costs of function 0 of a module with `fields`, which is a filter otherwise.
    fn costs_of(fields: &str) -> Costs {
        let xdp = "(func (export \"xdp\") (result i32) (i32.const 2))";
        let wasm = wat::parse_str(format!("(module {fields} {xdp})")).expect("wat");
        let module = parse::parse(&wasm, &Options::default()).expect("a filter");
        Costs::of(&module, 0, &module.bodies[0]).expect("costs")
    }

    /// Entry's cost beyond the frame's, and the loops'.
    fn costs(body: &str) -> (u32, Vec<u32>) {
        let costs = costs_of(&format!("(func {body})"));
        (costs.entry - FRAME, costs.loops)
    }

    #[test]
    fn straight_line_code_is_charged_at_the_entry() {
        assert_eq!(costs("nop nop"), (3, vec![]));
    }

    #[test]
    fn each_loop_is_charged_for_its_own_operators() {
        // Outer: loop, nop, end. Inner: loop, nop, nop, end. Outside: nop and the function's end.
        assert_eq!(costs("(loop nop (loop nop nop)) nop"), (2, vec![3, 4]));
    }

    #[test]
    fn a_block_in_a_loop_belongs_to_the_loop() {
        // Loop, block, nop, end, end.
        assert_eq!(costs("(loop (block nop))"), (1, vec![5]));
    }

    #[test]
    fn values_that_a_branch_carries_cost() {
        // Loop and its three parameters, constant, branch and its three values, end.
        let shift = "(func (param i64 i64 i64) (local.get 0) (local.get 1) (local.get 2)
            (loop (param i64 i64 i64) (i64.const 7) (br 0)))";
        let costs_of = |fields| (costs_of(fields).entry, costs_of(fields).loops);
        assert_eq!(costs_of(shift), (FRAME + 4, vec![4 + 1 + 4 + 1]));
        // Block and its result, two constants, a conditional branch with its value, end, drop, the function's end.
        assert_eq!(costs("(drop (block (result i32) (br_if 0 (i32.const 1) (i32.const 1))))"), (9, vec![]));
        // Two blocks, a constant, the table and three comparisons for its five targets, two ends, the end.
        assert_eq!(costs("(block (block (br_table 0 1 0 1 0 (i32.const 1))))"), (2 + 1 + 4 + 2 + 1, vec![]));
    }

    #[test]
    fn arguments_results_and_locals_cost() {
        let call =
            "(func (drop (call $f (i32.const 1) (i32.const 2)))) (func $f (param i32 i32) (result i32) (local.get 0))";
        assert_eq!((costs_of(call).entry, costs_of(call).loops), (FRAME + 2 + 4 + 1 + 1, vec![]));
        assert_eq!(costs("(local i32 i64 i32 i64 i32 i64 i32)"), (1, vec![]));
        assert_eq!(costs("(local i32 i64 i32 i64 i32 i64 i32 i64)"), (2, vec![]));
    }
}
