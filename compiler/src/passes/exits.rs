//! `exits`: a way that leads to a constant result goes straight to a block that returns it.
//!
//! A filter leaves with the same few verdicts from many places. wasm takes each of them through the ends of all blocks
//! around it, so the constant is put into a register before a branch that mostly does not leave. Here each constant
//! has one block, out of the way of the rest, and a block that does nothing but jump on is gone past.
//!
//! Gain: without it the filters of `make bench` take 5 % more instructions (512 bytes, the way in taken off).

use std::collections::{HashMap, HashSet};

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    ir::{
        Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, SourceLoc, Value, ValueDef,
    },
};

use super::{range::constant, rename};

/// Blocks gone past on one way: chains of more are rare, and a circle has no end.
const MOST_PAST: usize = 32;

/// Arguments taken along on all ways together, for each instruction of the function, and of a function without any.
const CARRIED_AN_INSTRUCTION: usize = 16;
const FEW_CARRIED: usize = 1 << 14;

/// Most instructions that are copied: stores of what callers look for in memory, and the return.
const MOST_COPIED: usize = 4;

/// Parameters that the end of a way wants, and which number they are, if they are constant.
type Constants = Vec<(Value, Option<i64>)>;

/// Sends each way of `func` as far as nothing is done on it.
pub fn run(func: &mut Function) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let mut exits: HashMap<(Block, Constants), Block> = HashMap::new();
    let needed = needed(func);
    let mut room = FEW_CARRIED + CARRIED_AN_INSTRUCTION * func.dfg.num_insts();
    for block in blocks {
        let Some(last) = func.layout.last_inst(block) else { continue };
        if !matches!(func.dfg.insts[last].opcode(), Opcode::Jump | Opcode::Brif) {
            continue;
        }
        let count = destinations(func, last).len();
        for position in 0..count {
            let call = destinations(func, last)[position];
            // A copy of its end takes what it wants of the blocks gone past along, so there any may be.
            let whole = Way::of(func, call, &mut room, |_| true);
            let (to, args) = match whole.constants(func) {
                Some(constants) => {
                    let rest = constants.iter().filter(|(_, number)| number.is_none());
                    let rest = rest.map(|(param, _)| whole.value(func, *param)).collect();
                    let key = (whole.to, constants);
                    let copy = exits.get(&key).copied();
                    (copy.unwrap_or_else(|| *exits.entry(key.clone()).or_insert(exit(func, key.0, &key.1))), rest)
                }
                None => {
                    let part = Way::of(func, call, &mut room, |block| !needed.contains(&block));
                    (part.to, part.args)
                }
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

/// Blocks whose parameters others use: past them go only ways that end in a copy.
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

/// Where a branch comes to through blocks that only jump on.
struct Way {
    to: Block,
    /// What it brings there.
    args: Vec<Value>,
    /// The parameters of all blocks on it, the last among them, and what they are then.
    params: HashMap<Value, Value>,
}

impl Way {
    /// From `call` on, past blocks that are `passable`, as long as there is `room` for arguments.
    fn of(func: &Function, call: BlockCall, room: &mut usize, passable: impl Fn(Block) -> bool) -> Self {
        let pool = &func.dfg.value_lists;
        let values = |call: &BlockCall| call.args(pool).filter_map(|arg| arg.as_value()).collect::<Vec<_>>();
        let mut way = Self { to: call.block(pool), args: values(&call), params: HashMap::new() };
        way.arrive(func);
        for _ in 0..MOST_PAST {
            let Some(jump) = only_instruction(func, way.to).filter(|_| passable(way.to)) else { break };
            let InstructionData::Jump { destination, .. } = &func.dfg.insts[jump] else { break };
            let Some(left) = room.checked_sub(destination.len(pool)) else { break };
            *room = left;
            way.args = values(destination).into_iter().map(|value| way.value(func, value)).collect();
            way.to = destination.block(pool);
            way.arrive(func);
        }
        way
    }

    fn arrive(&mut self, func: &Function) {
        self.params.extend(func.dfg.block_params(self.to).iter().copied().zip(self.args.iter().copied()));
    }

    /// What `value` is to whoever goes this way. What is no parameter on it is known wherever it begins.
    fn value(&self, func: &Function, value: Value) -> Value {
        let value = func.dfg.resolve_aliases(value);
        self.params.get(&value).copied().unwrap_or(value)
    }

    /// If it ends with little but the return of constants: what that wants of the parameters.
    fn constants(&self, func: &Function) -> Option<Constants> {
        let insts: Vec<Inst> = func.layout.block_insts(self.to).take(MOST_COPIED + 1).collect();
        let (last, before) = insts.split_last()?;
        let stores = before.iter().all(|inst| func.dfg.insts[*inst].opcode() == Opcode::Store);
        if func.dfg.insts[*last].opcode() != Opcode::Return || !stores {
            return None;
        }
        let number = |value: Value| constant(func, self.value(func, value)).map(|c| c.min as i64);
        let mut constants = Constants::new();
        for value in insts.iter().flat_map(|inst| func.dfg.inst_values(*inst)) {
            let value = func.dfg.resolve_aliases(value);
            if self.params.contains_key(&value) && constants.iter().all(|(param, _)| *param != value) {
                constants.push((value, number(value)));
            }
        }
        let gains = constants.iter().any(|(_, number)| number.is_some());
        (gains && func.dfg.inst_args(*last).iter().all(|value| number(*value).is_some())).then_some(constants)
    }
}

fn only_instruction(func: &Function, block: Block) -> Option<Inst> {
    func.layout.first_inst(block).filter(|first| func.layout.last_inst(block) == Some(*first))
}

/// The copy of `block` for these constants; what else it wants are its parameters.
fn exit(func: &mut Function, block: Block, constants: &Constants) -> Block {
    let copy = func.dfg.make_block();
    func.layout.append_block(copy);
    func.layout.set_cold(copy);
    let mut cursor = FuncCursor::new(func).at_bottom(copy).with_srcloc(SourceLoc::default());
    let mut values: HashMap<Value, Value> = HashMap::new();
    for (param, number) in constants {
        let ty = cursor.func.dfg.value_type(*param);
        let value = match number {
            Some(number) => cursor.ins().iconst(ty, *number),
            None => cursor.func.dfg.append_block_param(copy, ty),
        };
        values.insert(*param, value);
    }
    for inst in cursor.func.layout.block_insts(block).collect::<Vec<_>>() {
        let new = cursor.func.dfg.clone_inst(inst);
        cursor.insert_inst(new);
        rename(cursor.func, new, &values);
    }
    copy
}
