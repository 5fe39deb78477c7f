//! `counters`: what counts a loop's turns and makes addresses is counted in 64 bits.
//!
//! wasm counts in 32 bits, so the counter is extended to an address in every turn. Where the ranges say that no turn
//! makes it wrap, the loop's parameter is of 64 bits, and what wants 32 takes its low half, which costs nothing:
//!
//! ```text
//! block1(v1: i32):             block1(v9: i64):
//!   v2 = uextend.i64 v1    ->    v1 = ireduce.i32 v9          v2 is v9
//!   v3 = iadd v1, 1              v10 = iadd v9, 1             v3 = ireduce.i32 v10
//!   jump block1(v3)              jump block1(v10)
//! ```
//! Not where accesses are masked: that a counter does not wrap is what a branch says, and the processor may guess that
//! wrong (see `sums`). Comes behind `sums`, which leaves extended parameters where there were extended sums of them.
//!
//! Gain: without it the filters of `make bench` take 1 % more instructions (512 bytes, the way in taken off), `scan`
//! 8 %.

use std::collections::{BTreeMap, HashMap};

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    dominator_tree::DominatorTree,
    flowgraph::ControlFlowGraph,
    ir::{
        Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
        condcodes::IntCC, types,
    },
};

use super::{
    range::{Interval, Scope, Solver, block_of, constant},
    replace,
};

/// What there is of counters.
#[derive(Default)]
struct Found {
    /// Extensions of a block's parameter.
    extended: BTreeMap<Value, Vec<Inst>>,
    /// A parameter and a constant, by the sum of both, which does not wrap.
    sums: HashMap<Value, (Value, i64)>,
    /// Comparisons without signs, by what is compared.
    compared: HashMap<Value, Vec<Inst>>,
}

/// Widens counters of `func`, which has no masks. `known` says what loads give.
pub fn run(func: &mut Function, known: &HashMap<Value, Interval>) {
    let mut found = Found::default();
    Solver::new(func).solve(known, true, &mut |scope, inst| found.look(scope, inst));
    let cfg = ControlFlowGraph::with_function(func);
    let domtree = DominatorTree::with_function(func, &cfg);
    for (param, extended) in std::mem::take(&mut found.extended) {
        let ValueDef::Param(header, position) = func.dfg.value_def(param) else { continue };
        let ways: Vec<(Inst, bool)> =
            cfg.pred_iter(header).map(|way| (way.inst, domtree.block_dominates(header, way.block))).collect();
        let counts = |way: &(Inst, bool)| {
            !way.1 || arguments(func, way.0, header, position).iter().all(|next| found.next(param, *next).is_some())
        };
        if ways.iter().any(|(_, back)| *back) && ways.iter().all(counts) {
            found.widen(func, &domtree, param, &extended, &ways);
        }
    }
}

impl Found {
    fn look(&mut self, scope: &Scope<'_>, inst: Inst) {
        let dfg = &scope.func.dfg;
        let param = |value: Value| {
            let value = dfg.resolve_aliases(value);
            let is = matches!(dfg.value_def(value), ValueDef::Param(..)) && dfg.value_type(value) == types::I32;
            is.then_some(value)
        };
        match dfg.insts[inst] {
            InstructionData::Unary { opcode: Opcode::Uextend, arg } => {
                if let Some(param) = param(arg)
                    && dfg.value_type(dfg.first_result(inst)) == types::I64
                {
                    self.extended.entry(param).or_default().push(inst);
                }
            }
            InstructionData::Binary { opcode: opcode @ (Opcode::Iadd | Opcode::Isub), args: [a, b] } => {
                let (Some(param), Some(number)) = (param(a), constant(scope.func, b)) else { return };
                let by = if opcode == Opcode::Iadd { number.smin } else { -number.smin };
                if scope.interval(param).stays(by) {
                    self.sums.insert(dfg.first_result(inst), (param, by));
                }
            }
            InstructionData::IntCompare { cond, args, .. } if !is_signed(cond) => {
                for value in args.map(|value| dfg.resolve_aliases(value)) {
                    self.compared.entry(value).or_default().push(inst);
                }
            }
            _ => {}
        }
    }

    /// What a turn that ends with `next` adds to `param`.
    fn next(&self, param: Value, next: Value) -> Option<i64> {
        if next == param {
            return Some(0);
        }
        self.sums.get(&next).filter(|(of, _)| *of == param).map(|(_, by)| *by)
    }

    fn widen(
        &self,
        func: &mut Function,
        domtree: &DominatorTree,
        param: Value,
        extended: &[Inst],
        ways: &[(Inst, bool)],
    ) {
        let ValueDef::Param(header, position) = func.dfg.value_def(param) else { return };
        // Before the parameter is another value.
        let args: Vec<Vec<Value>> = ways.iter().map(|(way, _)| arguments(func, *way, header, position)).collect();
        let wide = func.dfg.replace_block_param(param, types::I64);
        let mut cursor = FuncCursor::new(func).at_first_insertion_point(header);
        cursor.ins().with_result(param).ireduce(types::I32, wide);
        let mut sums: BTreeMap<Value, Value> = BTreeMap::from([(param, wide)]);
        for ((way, back), args) in ways.iter().zip(args) {
            let mut new = Vec::new();
            for arg in args {
                new.push(match (back, sums.get(&arg)) {
                    (true, Some(sum)) => *sum,
                    (true, None) => *sums.entry(arg).or_insert(self.sum(func, arg, wide)),
                    (false, _) => extend(func, *way, arg),
                });
            }
            set_arguments(func, *way, header, position, &new);
        }
        for inst in extended {
            replace(func, *inst, wide);
        }
        // Else the half that is compared would be counted by itself.
        for (narrow, wide) in sums {
            for inst in self.compared.get(&narrow).into_iter().flatten() {
                compare_wide(func, domtree, header, *inst, narrow, wide);
            }
        }
    }

    /// Adds to `wide` what `narrow` adds to the parameter.
    fn sum(&self, func: &mut Function, narrow: Value, wide: Value) -> Value {
        let (Some((_, by)), Some(inst)) = (self.sums.get(&narrow), func.dfg.value_def(narrow).inst()) else {
            return wide;
        };
        let mut cursor = FuncCursor::new(func).at_inst(inst);
        cursor.use_srcloc(inst);
        let by = cursor.ins().iconst(types::I64, *by);
        let sum = cursor.ins().iadd(wide, by);
        func.replace(inst).ireduce(types::I32, sum);
        sum
    }
}

const fn is_signed(cond: IntCC) -> bool {
    use IntCC::{SignedGreaterThan, SignedGreaterThanOrEqual, SignedLessThan, SignedLessThanOrEqual};
    matches!(cond, SignedGreaterThan | SignedGreaterThanOrEqual | SignedLessThan | SignedLessThanOrEqual)
}

/// Has `inst` compare `wide` instead of its low half `narrow`, if the other operand is the same in all turns.
fn compare_wide(func: &mut Function, domtree: &DominatorTree, header: Block, inst: Inst, narrow: Value, wide: Value) {
    let InstructionData::IntCompare { cond, args, .. } = func.dfg.insts[inst] else { return };
    let [a, b] = args.map(|value| func.dfg.resolve_aliases(value));
    let (other, first) = if a == narrow { (b, true) } else { (a, false) };
    let outside = block_of(func, other).is_some_and(|made| made != header && domtree.block_dominates(made, header));
    if func.dfg.value_type(other) != types::I32 || !outside && constant(func, other).is_none() {
        return;
    }
    let other = extend(func, inst, other);
    func.replace(inst).icmp(cond, if first { wide } else { other }, if first { other } else { wide });
}

/// `value` in 64 bits, made before `inst`.
fn extend(func: &mut Function, inst: Inst, value: Value) -> Value {
    let number = constant(func, value).map(|number| number.min as i64);
    let mut cursor = FuncCursor::new(func).at_inst(inst);
    cursor.use_srcloc(inst);
    match number {
        Some(number) => cursor.ins().iconst(types::I64, number),
        None => cursor.ins().uextend(types::I64, value),
    }
}

/// What the branch `way` brings `to` as argument `position`, on each of its ways there.
fn arguments(func: &Function, way: Inst, to: Block, position: usize) -> Vec<Value> {
    let pool = &func.dfg.value_lists;
    let calls = func.dfg.insts[way].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
    let args = calls.iter().filter(|call| call.block(pool) == to).filter_map(|call| call.args(pool).nth(position));
    args.filter_map(|arg| arg.as_value()).map(|value| func.dfg.resolve_aliases(value)).collect()
}

/// Brings it these instead.
fn set_arguments(func: &mut Function, way: Inst, to: Block, position: usize, values: &[Value]) {
    let dfg = &mut func.dfg;
    let calls = dfg.insts[way].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    let mut values = values.iter();
    for call in calls {
        if call.block(&dfg.value_lists) != to {
            continue;
        }
        let mut args: Vec<BlockArg> = call.args(&dfg.value_lists).collect();
        if let (Some(arg), Some(value)) = (args.get_mut(position), values.next()) {
            *arg = BlockArg::Value(*value);
        }
        *call = BlockCall::new(to, args, &mut dfg.value_lists);
    }
}
