//! Types of wasm as types of the code generator; those that have none are refused with advice.

use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use wasmparser::{FuncType, ValType};

use crate::{
    CompileError, Target,
    isa::REGISTER_RESULTS,
    module::{Module, is_reference},
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
pub fn type_advice(ty: ValType) -> &'static str {
    match ty {
        ValType::V128 => "; build without SIMD (`-mno-simd128`)",
        _ => "; only numbers, funcref and externref are",
    }
}

/// CLIF type of a value: a float is its bits, a reference its number.
pub fn clif_type(ty: ValType) -> Result<Type, Refused> {
    match ty {
        ValType::I32 | ValType::F32 => Ok(types::I32),
        ValType::I64 | ValType::F64 => Ok(types::I64),
        reference if is_reference(reference) => Ok(types::I64),
        other => Err(Refused { what: format!("type {other}"), advice: type_advice(other) }),
    }
}

/// `(call block, parameters...) -> results`, as far as `module` passes those by the calling convention.
pub fn signature(module: &Module<'_>, target: Target, ty: &FuncType) -> Result<Signature, Refused> {
    let mut out = Signature::new(target.call_conv());
    out.params.push(AbiParam::new(types::I64));
    for param in &ty.params()[..module.passed(ty)] {
        out.params.push(AbiParam::new(clif_type(*param)?));
    }
    for result in ty.results().iter().take(REGISTER_RESULTS) {
        out.returns.push(AbiParam::new(clif_type(*result)?));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::is_supported;
    use wasmparser::RefType;

    #[test]
    fn the_types_that_have_one_are_those_that_are_supported() {
        let numbers = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        let references = [RefType::FUNC, RefType::EXTERN, RefType::ANYREF, RefType::EXNREF, RefType::I31REF];
        let others = [ValType::V128, ValType::FUNCREF, ValType::EXTERNREF];
        for ty in numbers.into_iter().chain(others).chain(references.map(ValType::Ref)) {
            assert_eq!(clif_type(ty).is_ok(), is_supported(ty), "{ty}");
        }
    }
}
