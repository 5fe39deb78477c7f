//! Makes a constant anew where its next use is far from the last one, before registers are given out.
//!
//! The optimiser keeps one of each constant a block. On x86_64 most are part of the instruction that uses them; here
//! one of more than twelve bits takes a register, and a long block with many of them, as unrolled hashes have, would
//! fill the frame with constants that one or two instructions make.

use std::collections::HashMap;

use cranelift_codegen::{
    cursor::{Cursor, FuncCursor},
    ir::{Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef},
};

/// Instructions between two uses from which on a constant is made anew: about as many as there are registers.
const FAR: usize = 32;

/// Where a constant was used last, and the value that it had there.
struct Last {
    at: usize,
    value: Value,
}

/// Goes through the blocks of an optimised function. Uses in other blocks than the constant's stay as they are.
pub fn bring_near(func: &mut Function) {
    let blocks: Vec<_> = func.layout.blocks().collect();
    for block in blocks {
        let instructions: Vec<Inst> = func.layout.block_insts(block).collect();
        let mut last: HashMap<Value, Last> = HashMap::new();
        for (at, inst) in instructions.into_iter().enumerate() {
            let mut used: Vec<Value> = func.dfg.inst_values(inst).collect();
            used.sort_unstable();
            used.dedup();
            for value in used {
                let Some((constant, imm)) = constant(func, value) else { continue };
                if func.layout.inst_block(constant) != Some(block) {
                    continue;
                }
                let known = last.entry(value).or_insert(Last { at, value });
                if at - known.at > FAR {
                    let ty = func.dfg.value_type(value);
                    known.value = FuncCursor::new(func).at_inst(inst).ins().iconst(ty, imm);
                }
                known.at = at;
                let near = known.value;
                func.dfg.map_inst_values(inst, |v| if v == value { near } else { v });
            }
        }
    }
}

/// The instruction and the number, if `value` is a constant.
fn constant(func: &Function, value: Value) -> Option<(Inst, i64)> {
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else { return None };
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some((inst, imm.bits())),
        _ => None,
    }
}
