//! What an operator costs, and so which operators there are: one without a cost is refused, reached or not.
//!
//! Most cost one unit. More cost those that carry values along, one a value, and those that become many
//! instructions. The scale is `INSTRUCTIONS_PER_FUEL`: whatever an operator becomes has at most so many
//! instructions a unit, which the audit proves of the final bytes, function by function.

use wasmkc_abi::packet::PacketOp;
use wasmparser::{BlockType, Operator, ValType};

use super::signature::{clif_type, signature, type_advice};
use super::{float, memory, table};
use crate::{
    CompileError, Place,
    module::{Import, Module},
    names,
};

/// Operands and results of a block.
pub struct Arity {
    pub params: u32,
    pub results: u32,
}

/// Tells where an operator stands: only an error asks, as it takes the function's name.
pub type At<'p> = &'p dyn Fn() -> Place;

/// What an operator costs on its own; `place` is where it stands. Branches add what their labels take.
pub fn units(module: &Module<'_>, op: &Operator<'_>, place: At<'_>) -> Result<u32, CompileError> {
    use Operator as O;
    Ok(match op {
        O::Block { blockty } | O::If { blockty } => 1 + arity(module, *blockty, place)?.results,
        O::Loop { blockty } => {
            let arity = arity(module, *blockty, place)?;
            1 + arity.params + arity.results
        }
        O::Call { function_index } | O::ReturnCall { function_index } => {
            match module.imports.get(*function_index as usize) {
                Some(import) => imported(import),
                None => called(module, module.function_type(*function_index), place)?,
            }
        }
        // The check of the index and what it takes to read the table; the dispatcher pays for finding the function.
        O::CallIndirect { type_index, table_index } | O::ReturnCallIndirect { type_index, table_index } => {
            let read = u32::from(module.tables[*table_index as usize].changes);
            1 + read + called(module, &module.types[*type_index as usize], place)?
        }
        O::BrTable { targets } => 1 + tree(targets.len() + 1),
        O::TypedSelect { ty } => {
            number(*ty, place)?;
            1
        }
        O::RefNull { hty } if table::is_supported(*hty) => 1,
        O::RefFunc { .. } | O::RefIsNull | O::TableSize { .. } | O::ElemDrop { .. } => 1,
        O::TableGet { .. } | O::TableSet { .. } => 2,
        O::TableFill { .. } | O::TableGrow { .. } => 3,
        O::TableCopy { .. } | O::TableInit { .. } => 5,
        O::I32Popcnt | O::I64Popcnt | O::MemoryGrow { .. } => 2,
        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU => 2,
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => 2,
        O::MemoryFill { mem } => 3 + wide(module, *mem),
        O::MemoryCopy { dst_mem, src_mem } => 4 + wide(module, *dst_mem).max(wide(module, *src_mem)),
        O::MemoryInit { mem, .. } => 4 + wide(module, *mem),
        // Of the runtime module only: the validator passes none of a guest.
        O::I64MulWideU => 2,
        op if is_plain(op) => 1,
        op => match (memory::access(op), float::units(op)) {
            (Some((memarg, _)), _) => 1 + wide(module, memarg.memory),
            (None, Some(units)) => units,
            (None, None) => return Err(refused(op, place)),
        },
    })
}

/// One unit more for the check that an address of i64 fits 32 bits.
fn wide(module: &Module<'_>, memory: u32) -> u32 {
    module.is_wide(memory).into()
}

/// Comparisons on the way to one of `runs` leaves.
pub fn tree(runs: u32) -> u32 {
    u32::BITS - runs.saturating_sub(1).leading_zeros()
}

/// What a call of `import` costs, its own price (of a helper, or by length) aside.
pub fn imported(import: &Import) -> u32 {
    match import {
        Import::Packet(PacketOp::CopyIn | PacketOp::CopyOut) => 4,
        Import::Packet(_) => 1,
        Import::Helper(helper) => 2 + helper.params.len() as u32,
    }
}

pub fn called(module: &Module<'_>, ty: &wasmparser::FuncType, place: At<'_>) -> Result<u32, CompileError> {
    signature(module, module.target, ty).map_err(|r| r.at(place()))?;
    Ok(1 + (ty.params().len() + ty.results().len()) as u32)
}

fn number(ty: ValType, place: At<'_>) -> Result<(), CompileError> {
    clif_type(ty).map(drop).map_err(|r| r.at(place()))
}

/// Values that a block takes and gives.
pub fn arity(module: &Module<'_>, ty: BlockType, place: At<'_>) -> Result<Arity, CompileError> {
    let (params, results): (&[ValType], &[ValType]) = match &ty {
        BlockType::Empty => (&[], &[]),
        BlockType::Type(ty) => (&[], std::slice::from_ref(ty)),
        BlockType::FuncType(index) => {
            let ty = &module.types[*index as usize];
            (ty.params(), ty.results())
        }
    };
    params.iter().chain(results).try_for_each(|ty| number(*ty, place))?;
    Ok(Arity { params: params.len() as u32, results: results.len() as u32 })
}

/// Operators of one unit.
fn is_plain(op: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(op, Unreachable | Nop | Else | End | Br { .. } | BrIf { .. } | Return | Drop | Select)
        || matches!(op, LocalGet { .. } | LocalSet { .. } | LocalTee { .. } | GlobalGet { .. } | GlobalSet { .. })
        || matches!(op, MemorySize { .. } | DataDrop { .. } | I32Const { .. } | I64Const { .. })
        || matches!(op, I32Eqz | I32Eq | I32Ne | I32LtS | I32LtU | I32GtS | I32GtU | I32LeS | I32LeU | I32GeS | I32GeU)
        || matches!(op, I64Eqz | I64Eq | I64Ne | I64LtS | I64LtU | I64GtS | I64GtU | I64LeS | I64LeU | I64GeS | I64GeU)
        || matches!(op, I32Clz | I32Ctz | I32Add | I32Sub | I32Mul | I32And | I32Or | I32Xor | I32Shl | I32ShrS)
        || matches!(op, I64Clz | I64Ctz | I64Add | I64Sub | I64Mul | I64And | I64Or | I64Xor | I64Shl | I64ShrS)
        || matches!(op, I32ShrU | I32Rotl | I32Rotr | I64ShrU | I64Rotl | I64Rotr)
        || matches!(op, I32WrapI64 | I64ExtendI32S | I64ExtendI32U | I32Extend8S | I32Extend16S)
        || matches!(op, I64Extend8S | I64Extend16S | I64Extend32S)
}

/// Whether an operator works on integers, or on no more of a float than its bits, and on nothing but its operands
/// and locals.
#[cfg(test)]
pub fn is_integer_only(op: &Operator<'_>) -> bool {
    use Operator as O;
    let bits = matches!(op, O::I32ReinterpretF32 | O::I64ReinterpretF64 | O::F32ReinterpretI32 | O::F64ReinterpretI64);
    let state = matches!(op, O::GlobalGet { .. } | O::GlobalSet { .. } | O::MemorySize { .. } | O::DataDrop { .. });
    bits || is_plain(op) && !state
        || matches!(op, O::F32Const { .. } | O::F64Const { .. } | O::I64MulWideU)
        || matches!(op, O::F32Neg | O::F64Neg | O::F32Abs | O::F64Abs | O::F32Copysign | O::F64Copysign)
        || matches!(op, O::Call { .. } | O::Block { .. } | O::Loop { .. } | O::If { .. })
}

/// The error for an operator that is not compiled.
pub fn refused(op: &Operator<'_>, place: At<'_>) -> CompileError {
    const LANES: [&str; 7] = ["v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2"];
    let name = names::operator(&format!("{op:?}"));
    let advice = if LANES.iter().any(|lanes| name.starts_with(lanes)) {
        type_advice(ValType::V128)
    } else if name.contains("atomic") {
        "; each CPU has a memory of its own, build without threads"
    } else {
        ""
    };
    CompileError::UnsupportedInFunction { place: place(), what: format!("`{name}`"), advice }
}

#[cfg(test)]
mod tests {
    use super::tree;

    #[test]
    fn a_tree_is_as_deep_as_its_leaves_need() {
        assert_eq!([0, 1, 2, 3, 4, 5, 8, 9].map(tree), [0, 0, 1, 2, 2, 3, 3, 4]);
    }
}
