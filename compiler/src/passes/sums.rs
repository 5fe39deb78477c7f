//! `sums`: addresses are added up in 64 bits, where the sum in 32 cannot wrap.
//!
//! wasm adds in 32 bits and the sum is extended to an address. Where the ranges say that the sum stays below 2^32 the
//! operands are extended instead: a constant then becomes the displacement of the access, a shift its scale, and one
//! extended index serves many accesses.
//!
//! Where accesses are masked only what values are by themselves counts, not what branches say: past a branch that the
//! processor guesses wrong a sum in 32 bits wraps to an index that is inside and needs no mask, while the one in 64
//! would be 4 GiB further.
//!
//! Gain: without it the filters of `make bench` take 3 % more instructions (512 bytes, the way in taken off).

use std::collections::HashMap;

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    ir::{Function, InstBuilder, InstructionData, Opcode, Value, types},
};

use super::{
    range::{Interval, Scope, Solver, constant},
    replace,
};

/// How much of an index is taken apart.
const DEPTH: u32 = 4;

/// An index in 64 bits.
enum Wide {
    /// This value, extended.
    Extended(Value),
    /// `of + by`.
    Plus(Box<Wide>, i64),
    /// `of << by`.
    Shifted(Box<Wide>, u32),
}

/// Widens sums of `func`. `known` says what loads give.
pub fn run(func: &mut Function, known: &HashMap<Value, Interval>, has_masks: bool) {
    let mut found = Vec::new();
    Solver::new(func).solve(known, !has_masks, &mut |scope, inst| {
        if let InstructionData::Unary { opcode: Opcode::Uextend, arg } = scope.func.dfg.insts[inst]
            && scope.func.dfg.value_type(scope.func.dfg.first_result(inst)) == types::I64
            && scope.func.dfg.value_type(arg) == types::I32
            && let wide @ (Wide::Plus(..) | Wide::Shifted(..)) = wide(scope, arg, DEPTH)
        {
            found.push((inst, wide));
        }
    });
    for (inst, wide) in found {
        let mut cursor = FuncCursor::new(func).at_inst(inst);
        cursor.use_srcloc(inst);
        let value = make(&mut cursor, &wide);
        replace(func, inst, value);
    }
}

fn wide(scope: &Scope<'_>, value: Value, depth: u32) -> Wide {
    let value = scope.func.dfg.resolve_aliases(value);
    let whole = || Wide::Extended(value);
    let Some(inst) = scope.func.dfg.value_def(value).inst().filter(|_| depth > 0) else { return whole() };
    let InstructionData::Binary { opcode, args: [a, b] } = scope.func.dfg.insts[inst] else { return whole() };
    let Some(number) = constant(scope.func, b) else { return whole() };
    let of = scope.interval(a);
    let by = match opcode {
        Opcode::Iadd => number.smin,
        Opcode::Isub => -number.smin,
        Opcode::Ishl => {
            let by = (number.min % 32) as u32;
            // The scales that an access has.
            if by > 3 || of.max > u64::from(u32::MAX) >> by {
                return whole();
            }
            return Wide::Shifted(Box::new(wide(scope, a, depth - 1)), by);
        }
        _ => return whole(),
    };
    if of.stays(by) { Wide::Plus(Box::new(wide(scope, a, depth - 1)), by) } else { whole() }
}

fn make(cursor: &mut FuncCursor<'_>, wide: &Wide) -> Value {
    match wide {
        Wide::Extended(value) => cursor.ins().uextend(types::I64, *value),
        Wide::Plus(of, by) => {
            let of = make(cursor, of);
            let by = cursor.ins().iconst(types::I64, *by);
            cursor.ins().iadd(of, by)
        }
        Wide::Shifted(of, by) => {
            let of = make(cursor, of);
            let by = cursor.ins().iconst(types::I32, i64::from(*by));
            cursor.ins().ishl(of, by)
        }
    }
}
