//! libFuzzer chooses the bytes that wasm-smith makes a module of, guided by what they reach in the compiler: eight of
//! seed, which say what a seed says, then the generator's.
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::{Corpus, fuzz_target};
use wasmkc_differential::{case_of, compare};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(case) = case_of(bytes) else { return Corpus::Reject };
    // both engines' code may use 16 MiB of stack
    let compared = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, || compare(&case));
        thread.expect("a thread").join().expect("no panic, which would have ended the process")
    });
    match compared {
        Ok(outcome) if outcome.refused.is_some() => Corpus::Reject,
        Ok(_) => Corpus::Keep,
        Err(difference) => {
            let kept = std::env::temp_dir().join(format!("difference-{}.wasm", case.plan.seed));
            let written = std::fs::write(&kept, case.plan.written_to(&case.wasm));
            panic!("{difference}; for wkc-fuzz --replay: {} ({written:?})", kept.display());
        }
    }
});
