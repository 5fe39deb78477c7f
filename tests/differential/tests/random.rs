//! A bounded run of the differential fuzzer, every difference that it ever found, and that it would find what it is for.

use std::fs;
use std::path::Path;

use wasmkc_differential::{Case, Plan, Source, Tally, case, compare, compare_two};

/// Modules compared in a test run; `wkc-fuzz` runs for as long as one likes.
const MODULES: u64 = 400;

/// Both engines' code may use 16 MiB of stack.
fn on_a_large_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).expect("a thread");
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn random_modules_do_the_same_as_in_wasmtime() {
    on_a_large_stack(|| {
        let mut tally = Tally::default();
        for case in (0..MODULES).filter_map(case) {
            match compare(&case) {
                Ok(outcome) => tally.add(&case.plan, &outcome),
                Err(difference) => panic!("seed {}: {difference}", case.plan.seed),
            }
        }
        tally.finish(0.0);
        println!("{tally}");
        // A generator that makes nothing, or a compiler that refuses everything, would pass for no reason.
        assert!(tally.modules * 10 > MODULES * 9, "{tally}");
        assert!(tally.refused * 20 < tally.modules, "{tally}");
        assert!(tally.alive_share > 0.85 && tally.portable * 8 > tally.modules, "{tally}");
        assert!(tally.returned * 10 > tally.calls * 6 && tally.traps.len() > 5, "{tally}");
        // Of code whose checks all stay nothing would be learnt of the passes that take them away.
        assert!(tally.loops * 5 > tally.modules && tally.checks_gone * 3 > tally.checks, "{tally}");
    });
}

#[test]
fn a_seed_gives_the_same_module_each_time() {
    for seed in 0..20 {
        let of = |seed| case(seed).map(|case| (case.wasm, case.plan));
        assert_eq!(of(seed), of(seed));
    }
}

/// Each file once was a difference.
#[test]
fn what_was_different_once_is_the_same() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files = 0;
    for entry in fs::read_dir(dir).expect("regressions") {
        let path = entry.expect("an entry").path();
        let wasm = wat::parse_file(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        files += 1;
        for plan in plans() {
            let case = Case { wasm: wasm.clone(), plan };
            let same = compare(&case).and_then(|_| compare_two(&wasm, &wasm, &case.plan));
            same.unwrap_or_else(|difference| panic!("{}: {difference}, {:?}", path.display(), case.plan));
        }
    }
    assert!(files > 0);
}

/// With and without what changes the code that is made.
fn plans() -> impl Iterator<Item = Plan> {
    (0..32).map(|n| Plan {
        seed: n,
        source: Source::Random,
        trusted: n & 1 != 0,
        exports_tables: n & 2 != 0,
        keeps_start: n & 4 == 0,
        drops_maxima: n & 8 != 0,
        portable: n & 16 != 0,
        ..Plan::default()
    })
}

/// What wrong code looks like: the same module with one operator exchanged differs.
#[test]
fn a_planted_difference_is_found() {
    const GOOD: &str = r#"(module (memory (export "m") 1) (memory 1) (table 4 funcref)
        (global (export "g") (mut i32) (i32.const 0))
        (elem (i32.const 1) $f)
        (func $f (export "f") (param i32 i32) (result i32)
          (i32.store 1 (i32.const 8) (local.get 0))
          (global.set 0 (i32.shr_s (local.get 0) (i32.const 3)))
          (i32.shr_s (local.get 0) (local.get 1)))
        (func (export "less") (param f32 f32) (result i32) (f32.le (local.get 0) (local.get 1)))
        (func (export "select") (param i64 i64 i32) (result i64) (select (local.get 0) (local.get 1) (local.get 2)))
        (func (export "set") (table.set (i32.const 2) (ref.func $f)))
        (func (export "get") (param i32) (result funcref) (table.get (local.get 0)))
        (func (export "grow") (param i32) (result i32) (memory.grow (i32.and (local.get 0) (i32.const 3)))))"#;
    const PLANTED: &[(&str, &str)] = &[
        ("(i32.shr_s (local.get 0) (local.get 1))", "(i32.shr_u (local.get 0) (local.get 1))"),
        ("i32.shr_s (local.get 0) (i32.const 3)", "i32.shr_u (local.get 0) (i32.const 3)"),
        ("i32.store 1 (i32.const 8)", "i32.store 1 (i32.const 9)"),
        ("f32.le", "f32.lt"),
        ("select (local.get 0) (local.get 1)", "select (local.get 1) (local.get 0)"),
        ("table.set (i32.const 2)", "table.set (i32.const 3)"),
        ("table.get (local.get 0)", "table.get (i32.add (local.get 0) (i32.const 1))"),
        ("memory.grow (i32.and (local.get 0) (i32.const 3))", "memory.size"),
    ];
    on_a_large_stack(|| {
        let differs = |bad: &str| {
            (0..20).find_map(|seed| {
                let plan = Plan { seed, ..Plan::default() };
                let of = |text: &str| {
                    let case = Case { wasm: wat::parse_str(text).expect("wat"), plan: plan.clone() };
                    wasmkc_differential::prepared(&case).expect("prepared")
                };
                compare_two(&of(GOOD), &of(bad), &plan).err()
            })
        };
        if let Some(difference) = differs(GOOD) {
            panic!("{difference}");
        }
        for (from, to) in PLANTED {
            assert!(GOOD.contains(from), "{from}");
            assert!(differs(&GOOD.replace(from, to)).is_some(), "{to}");
        }
    });
}
