//! `exits`: a way that leads to a constant result goes straight to a block that returns it.
//!
//! A filter leaves with the same few verdicts from many places. wasm takes each of them through the ends of all blocks
//! around it, so the constant is put into a register before a branch that mostly does not leave. Here each constant
//! has one block, out of the way of the rest, and a block that does nothing but jump on is gone past.
//!
//! Gain: see docs/PERFORMANCE.md.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    ir::{
        Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, SourceLoc, Type, Value,
        ValueDef,
    },
};

use super::range::constant;

/// Blocks gone past on one way: chains of more are rare, and a circle has no end.
const MOST_PAST: usize = 32;

/// A result: the constants and their types.
type Results = Vec<(Type, i64)>;

/// Sends each way of `func` as far as nothing is done on it.
pub fn run(func: &mut Function) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let mut exits: HashMap<Results, Block> = HashMap::new();
    let needed = needed(func);
    for block in blocks {
        let Some(last) = func.layout.last_inst(block) else { continue };
        if !matches!(func.dfg.insts[last].opcode(), Opcode::Jump | Opcode::Brif) {
            continue;
        }
        let count = destinations(func, last).len();
        for position in 0..count {
            let call = destinations(func, last)[position];
            let (to, args) = follow(func, call, &needed);
            let (to, args) = match returned(func, to, &args) {
                Some(results) => (exit(func, &mut exits, results), Vec::new()),
                None => (to, args),
            };
            let new = BlockCall::new(to, args.into_iter().map(BlockArg::from), &mut func.dfg.value_lists);
            let dfg = &mut func.dfg;
            dfg.insts[last].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables)[position] = new;
        }
    }
}

fn destinations(func: &Function, branch: Inst) -> &[BlockCall] {
    func.dfg.insts[branch].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
}

/// Where a branch comes to in the end, with what it brings there.
fn follow(func: &Function, call: BlockCall, needed: &HashSet<Block>) -> (Block, Vec<Value>) {
    let pool = &func.dfg.value_lists;
    let values = |call: &BlockCall| call.args(pool).filter_map(|arg| arg.as_value()).collect::<Vec<_>>();
    let (mut to, mut args) = (call.block(pool), values(&call));
    for _ in 0..MOST_PAST {
        let Some(jump) = only_instruction(func, to).filter(|_| !needed.contains(&to)) else { break };
        let InstructionData::Jump { destination, .. } = &func.dfg.insts[jump] else { break };
        // What is no parameter of the block is known on every way to it.
        let brought = brought(func, to, &args);
        args = values(destination).into_iter().map(brought).collect();
        to = destination.block(pool);
    }
    (to, args)
}

/// Blocks whose parameters others use: no way may go past them.
fn needed(func: &Function) -> HashSet<Block> {
    let mut needed = HashSet::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            for value in func.dfg.inst_values(inst) {
                match func.dfg.value_def(func.dfg.resolve_aliases(value)) {
                    ValueDef::Param(of, _) if of != block => drop(needed.insert(of)),
                    _ => {}
                }
            }
        }
    }
    needed
}

/// What a value is to whoever comes to `block` with `args`.
fn brought<'f>(func: &'f Function, block: Block, args: &'f [Value]) -> impl Fn(Value) -> Value + 'f {
    let params = func.dfg.block_params(block);
    move |value| {
        let value = func.dfg.resolve_aliases(value);
        params.iter().position(|param| *param == value).and_then(|at| args.get(at).copied()).unwrap_or(value)
    }
}

fn only_instruction(func: &Function, block: Block) -> Option<Inst> {
    func.layout.first_inst(block).filter(|first| func.layout.last_inst(block) == Some(*first))
}

/// What whoever comes to `block` with `args` returns, if that is all that happens and all of it is constant.
fn returned(func: &Function, block: Block, args: &[Value]) -> Option<Results> {
    let inst = only_instruction(func, block)?;
    if func.dfg.insts[inst].opcode() != Opcode::Return {
        return None;
    }
    let brought = brought(func, block, args);
    let result = |value: &Value| {
        let value = brought(*value);
        Some((func.dfg.value_type(value), constant(func, value)?.min as i64))
    };
    func.dfg.inst_args(inst).iter().map(result).collect::<Option<Results>>().filter(|results| !results.is_empty())
}

/// The block that returns `results`.
fn exit(func: &mut Function, exits: &mut HashMap<Results, Block>, results: Results) -> Block {
    if let Some(block) = exits.get(&results) {
        return *block;
    }
    let block = func.dfg.make_block();
    func.layout.append_block(block);
    func.layout.set_cold(block);
    let mut cursor = FuncCursor::new(func).at_bottom(block).with_srcloc(SourceLoc::default());
    let values: Vec<Value> = results.iter().map(|(ty, number)| cursor.ins().iconst(*ty, *number)).collect();
    cursor.ins().return_(&values);
    exits.insert(results, block);
    block
}
