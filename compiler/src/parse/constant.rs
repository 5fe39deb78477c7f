//! Constant expressions, evaluated at compile time (nothing that they may read is imported).

use wasmparser::{ConstExpr, Operator};

use super::unsupported;
use crate::{
    CompileError,
    module::{Global, function_reference},
};

/// Bits of an expression's value, zero-extended; a reference is its number.
pub fn value(expr: &ConstExpr<'_>, globals: &[Global]) -> Result<u64, CompileError> {
    let mut stack: Vec<u64> = Vec::new();
    for item in expr.get_operators_reader().into_iter_with_offsets() {
        let (op, offset) = item?;
        let mut binary = |f32: fn(u32, u32) -> u32, f64: fn(u64, u64) -> u64, wide: bool| {
            let (b, a) = (stack.pop().unwrap_or(0), stack.pop().unwrap_or(0));
            stack.push(if wide { f64(a, b) } else { f32(a as u32, b as u32).into() });
        };
        match op {
            Operator::I32Const { value } => stack.push(u64::from(value as u32)),
            Operator::I64Const { value } => stack.push(value as u64),
            Operator::F32Const { value } => stack.push(value.bits().into()),
            Operator::F64Const { value } => stack.push(value.bits()),
            Operator::GlobalGet { global_index } => {
                let global = globals.get(global_index as usize);
                stack.push(global.ok_or_else(|| unsupported("a forward reference to a global", offset))?.init);
            }
            Operator::RefFunc { function_index } => stack.push(function_reference(function_index)),
            Operator::RefNull { .. } => stack.push(0),
            Operator::I32Add => binary(u32::wrapping_add, u64::wrapping_add, false),
            Operator::I32Sub => binary(u32::wrapping_sub, u64::wrapping_sub, false),
            Operator::I32Mul => binary(u32::wrapping_mul, u64::wrapping_mul, false),
            Operator::I64Add => binary(u32::wrapping_add, u64::wrapping_add, true),
            Operator::I64Sub => binary(u32::wrapping_sub, u64::wrapping_sub, true),
            Operator::I64Mul => binary(u32::wrapping_mul, u64::wrapping_mul, true),
            Operator::End => {}
            other => {
                let name = crate::names::operator(&format!("{other:?}"));
                return Err(unsupported(&format!("`{name}` in a constant expression"), offset));
            }
        }
    }
    stack.pop().ok_or_else(|| CompileError::internal("parse", "constant expression without a value"))
}
