//! A bounded run of the differential fuzzer, and that it would find what it is for.

use wasmkc_differential::{compare, generate, random_bytes};

/// Modules compared in a test run; `wkc-fuzz` runs for as long as one likes.
const MODULES: u64 = 300;

#[test]
fn random_modules_do_the_same_as_in_wasmtime() {
    let (mut compared, mut alive) = (0, 0);
    for seed in 0..MODULES {
        let Some(wasm) = generate(&random_bytes(seed, 4096)) else { continue };
        let outcome = compare(&wasm, seed).unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
        compared += u64::from(outcome.refused.is_none());
        alive += u64::from(outcome.returned > 0);
    }
    // A generator that makes nothing, or a compiler that refuses everything, would pass for no reason.
    assert!(compared * 10 > MODULES * 5, "{compared} of {MODULES} were compared");
    assert!(alive * 10 > compared * 2, "{alive} of {compared} gave a result");
}

/// What a wrong instruction looks like: the same module with one operator exchanged differs.
#[test]
fn a_planted_difference_is_found() {
    let good = r#"(module (memory (export "m") 1) (global (export "g") (mut i32) (i32.const 0))
        (func (export "f") (param i32 i32) (result i32)
          (i32.store (i32.const 8) (local.get 0))
          (global.set 0 (i32.shr_s (local.get 0) (i32.const 3)))
          (i32.shr_s (local.get 0) (local.get 1))))"#;
    let wasm = |text: &str| wat::parse_str(text).expect("wat");
    compare(&wasm(good), 1).expect("the same");
    for (from, to) in [("i32.shr_s (local.get 0) (local.get 1)", "i32.shr_u (local.get 0) (local.get 1)")] {
        let bad = good.replace(from, to);
        let found = (0..20).any(|seed| wasmkc_differential::compare_two(&wasm(good), &wasm(&bad), seed).is_err());
        assert!(found, "{to}");
    }
}
