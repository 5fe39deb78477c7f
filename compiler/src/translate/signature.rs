//! Types of wasm as types of the code generator; those that have none are refused with advice.

use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use wasmparser::{FuncType, ValType};

use crate::{
    CompileError,
    isa::{CALL_CONV, MAX_RESULTS},
};

/// Why a type or signature is refused.
#[derive(Debug)]
pub struct Refused {
    /// The type or signature.
    pub what: String,
    /// What to do, with its lead-in.
    pub advice: &'static str,
}

impl Refused {
    /// The error, where it stands.
    pub fn at(self, place: crate::Place) -> CompileError {
        CompileError::UnsupportedInFunction { place, what: self.what, advice: self.advice }
    }
}

/// What to do about a value of type `ty`, with its lead-in.
pub fn float_advice(ty: ValType) -> &'static str {
    match ty {
        ValType::F32 | ValType::F64 => "; use integers or fixed point (floats are not compiled yet)",
        ValType::V128 => "; build without SIMD (`-mno-simd128`)",
        _ => "; only i32 and i64 are",
    }
}

/// CLIF type of an integer type.
pub fn clif_type(ty: ValType) -> Result<Type, Refused> {
    match ty {
        ValType::I32 => Ok(types::I32),
        ValType::I64 => Ok(types::I64),
        other => Err(Refused { what: format!("type {other}"), advice: float_advice(other) }),
    }
}

/// `(call block, parameters...) -> results`.
pub fn signature(ty: &FuncType) -> Result<Signature, Refused> {
    if ty.results().len() > MAX_RESULTS {
        let what = format!("a function with {} results", ty.results().len());
        return Err(Refused { what, advice: "; return at most two values, the rest through memory" });
    }
    let mut out = Signature::new(CALL_CONV);
    out.params.push(AbiParam::new(types::I64));
    for param in ty.params() {
        out.params.push(AbiParam::new(clif_type(*param)?));
    }
    for result in ty.results() {
        out.returns.push(AbiParam::new(clif_type(*result)?));
    }
    Ok(out)
}
