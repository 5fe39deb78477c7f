//! The runtime module: what the compiler calls for operators that have no instruction, above all floats.
//!
//! It is WebAssembly of our own making (`runtime-support/`), of integers only, without memory, tables or globals.
//! The functions that a filter needs are translated together with it, so nothing about them is special: they charge
//! fuel, check the stack and pass the audit like the filter's.

use std::{collections::HashMap, sync::OnceLock};

use crate::{CompileError, module::Module, parse};

const WASM: &[u8] = include_bytes!("../../runtime-support/softfloat.wasm");

/// The parsed module and where its exports are.
pub struct Runtime {
    /// Functions only.
    pub module: Module<'static>,
    by_name: HashMap<String, u32>,
}

impl Runtime {
    /// The module, parsed once a process.
    pub fn get() -> Result<&'static Self, CompileError> {
        static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
        let read = || {
            let module = parse::functions(WASM).map_err(|e| e.to_string())?;
            let by_name = module.exports.iter().map(|e| (e.name.clone(), e.function)).collect();
            Ok(Self { module, by_name })
        };
        RUNTIME.get_or_init(read).as_ref().map_err(|e| CompileError::internal("runtime", e))
    }

    /// The function that stands for operator `name`.
    pub fn function(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate;
    use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

    #[test]
    fn it_is_valid_and_has_neither_data_nor_float_arithmetic() {
        let features = WasmFeatures::default() | WasmFeatures::WIDE_ARITHMETIC;
        Validator::new_with_features(features).validate_all(WASM).expect("valid");
        for payload in Parser::new(0).parse_all(WASM) {
            match payload.expect("valid") {
                Payload::DataSection(_) | Payload::ElementSection(_) | Payload::ImportSection(_) => {
                    panic!("data, elements or imports")
                }
                Payload::CodeSectionEntry(body) => {
                    for op in body.get_operators_reader().expect("valid") {
                        let op = op.expect("valid");
                        assert!(translate::is_integer_only(&op), "{op:?}");
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_float_operator_has_its_function() {
        let runtime = Runtime::get().expect("parses");
        for op in [Operator::F32Add, Operator::F64Sqrt, Operator::I64TruncSatF64U, Operator::F32DemoteF64] {
            let name = translate::runtime_name(&op).expect("a call");
            assert!(runtime.function(name).is_some(), "{name}");
        }
    }
}
