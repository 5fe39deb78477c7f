//! A bounded run of the differential fuzzer, and that it would find what it is for.

use wasmkc_differential::{Case, Plan, Tally, case, compare, compare_two};

/// Modules compared in a test run; `wkc-fuzz` runs for as long as one likes.
const MODULES: u64 = 300;

/// Both engines' code may use 16 MiB of stack.
fn on_a_large_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work).expect("a thread");
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}
