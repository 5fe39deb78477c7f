//! The runtime module: what the compiler calls for operators that have no instruction, above all floats.
//!
//! It is WebAssembly of our own making (`runtime-support/`), of integers only, and uses no memory, table or global.
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        Options,
        isa::{PORTABLE_REGISTER_PARAMS, REGISTER_RESULTS},
        translate,
    };
    use wasmparser::{Parser, Payload, Validator, WasmFeatures};

    #[test]
    fn it_is_valid_and_uses_neither_state_nor_float_arithmetic() {
        let features = WasmFeatures::WASM2 | WasmFeatures::WIDE_ARITHMETIC;
        Validator::new_with_features(features).validate_all(WASM).expect("valid");
        for payload in Parser::new(0).parse_all(WASM) {
            match payload.expect("valid") {
                Payload::CodeSectionEntry(body) => {
                    for op in body.get_operators_reader().expect("valid") {
                        let op = op.expect("valid");
                        assert!(translate::is_integer_only(&op), "{op:?}");
                    }
                }
                Payload::Version { .. } | Payload::CustomSection(_) | Payload::CodeSectionStart { .. } => {}
                Payload::TypeSection(_) | Payload::FunctionSection(_) | Payload::ExportSection(_) => {}
                // The linker declares them; no operator uses one.
                Payload::TableSection(_) | Payload::MemorySection(_) | Payload::GlobalSection(_) => {}
                Payload::End(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn loads_stores_and_globals_are_found() {
        let fields = "(memory 1) (global $g (mut i32) (i32.const 0)) (data $d \"\")";
        let bodies = [
            "(drop (i32.load (i32.const 0)))",
            "(drop (i64.load32_u (i32.const 0)))",
            "(i32.store (i32.const 0) (i32.const 0))",
            "(i64.store8 (i32.const 0) (i64.const 0))",
            "(drop (memory.size))",
            "(drop (memory.grow (i32.const 0)))",
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))",
            "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))",
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))",
            "(data.drop $d)",
            "(drop (global.get $g))",
            "(global.set $g (i32.const 0))",
        ];
        for body in bodies {
            let wasm = wat::parse_str(format!("(module {fields} (func (export \"f\") {body}))")).expect("wat");
            let module = parse::parse(&wasm, &Options::default()).expect("parses");
            let mut ops = module.bodies[0].get_operators_reader().expect("valid").into_iter();
            assert!(ops.any(|op| !translate::is_integer_only(&op.expect("valid"))), "{body}");
        }
    }

    #[test]
    fn what_its_functions_take_and_give_needs_no_transfer_area() {
        let module = &Runtime::get().expect("parses").module;
        for ty in &module.types {
            assert!(ty.results().len() <= REGISTER_RESULTS && ty.params().len() <= PORTABLE_REGISTER_PARAMS, "{ty:?}");
        }
    }

    /// Every float operator, with what it takes and gives.
    fn float_operators() -> Vec<(String, Vec<String>, String)> {
        let mut out = Vec::new();
        let mut add = |name: String, params: &[&str], result: &str| {
            out.push((name, params.iter().map(|ty| (*ty).to_owned()).collect(), result.to_owned()));
        };
        for ty in ["f32", "f64"] {
            for op in ["add", "sub", "mul", "div", "min", "max", "copysign"] {
                add(format!("{ty}.{op}"), &[ty, ty], ty);
            }
            for op in ["eq", "ne", "lt", "gt", "le", "ge"] {
                add(format!("{ty}.{op}"), &[ty, ty], "i32");
            }
            for op in ["abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest"] {
                add(format!("{ty}.{op}"), &[ty], ty);
            }
            for (int, sign) in [("i32", "s"), ("i32", "u"), ("i64", "s"), ("i64", "u")] {
                add(format!("{ty}.convert_{int}_{sign}"), &[int], ty);
                add(format!("{int}.trunc_{ty}_{sign}"), &[ty], int);
                add(format!("{int}.trunc_sat_{ty}_{sign}"), &[ty], int);
            }
        }
        add("f32.demote_f64".to_owned(), &["f64"], "f32");
        add("f64.promote_f32".to_owned(), &["f32"], "f64");
        out
    }

    /// A function of each float operator.
    fn all_floats() -> Vec<u8> {
        let function = |(name, params, result): (String, Vec<String>, String)| {
            let gets: String = (0..params.len()).map(|n| format!("(local.get {n})")).collect();
            format!("(func (export \"{name}\") (param {}) (result {result}) ({name} {gets}))", params.join(" "))
        };
        let functions: String = float_operators().into_iter().map(function).collect();
        wat::parse_str(format!("(module {functions})")).expect("wat")
    }

    #[test]
    fn every_float_operator_has_its_function_and_every_function_an_operator() {
        let (runtime, wasm) = (Runtime::get().expect("parses"), all_floats());
        let module = parse::parse(&wasm, &Options::default()).expect("parses");
        let mut used = BTreeSet::new();
        for body in &module.bodies {
            for op in body.get_operators_reader().expect("valid") {
                used.extend(translate::runtime_names(&op.expect("valid")));
            }
        }
        let exported: BTreeSet<&str> = runtime.by_name.keys().map(String::as_str).collect();
        assert_eq!(used, exported);
    }

    #[test]
    fn every_function_of_it_passes_the_audit() {
        let object = crate::compile(&all_floats(), &Options::default()).unwrap_or_else(|e| panic!("{e}"));
        let compiled = object.report.functions.iter().filter(|f| f.name.starts_with("wasmkc.")).count();
        assert_eq!(compiled, Runtime::get().expect("parses").module.bodies.len());
    }
}
