//! Objects made to take the audit's time or memory.

use std::time::Duration;

use cpu_time::ThreadTime;
use pulley_interpreter::encode;
use wasmkc_audit::{MAX_FINDINGS, audit};

use crate::common::portable::{Code, Op, at, x};
use crate::rules;

/// Processor time; generous, as for x86_64.
const SOON: Duration = Duration::from_secs(20);

/// A frame of 2048 bytes that holds a value in each place.
fn full_frame() -> Code {
    let code = Code::default().frame(|c| encode::push_frame_save(c, 2048_u16, crate::common::portable::upper(&[])));
    (0..256).fold(code, |code, slot| code.op(|c| encode::xstore64le_o32(c, at(30, 8 * slot), x(0)))).charge(120)
}

/// Branches, each over the next one, so that paths meet at every instruction.
fn everywhere(code: Code, n: usize) -> Code {
    let mut branch = Vec::new();
    encode::br_if32(&mut branch, x(6), 0);
    let over = 2 * branch.len() as i32;
    let mut code = code;
    (0..n).for_each(|_| encode::br_if32(&mut code.0.bytes, x(6), over));
    // The last two lead behind each other to instructions of their size.
    code.times(2, |c| encode::xconst32(c, x(8), 1))
}

#[test]
fn branches_that_lead_everywhere() {
    let begun = ThreadTime::now();
    assert_eq!(rules(&everywhere(Code::new(), 100_000).ret().kwo()), ["undercharged-code"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn branches_that_lead_everywhere_with_a_full_frame() {
    let begun = ThreadTime::now();
    assert_eq!(rules(&everywhere(full_frame(), 40_000).restoring(2048, &[]).kwo()), ["too-complex"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_finding_an_instruction() {
    for op in [encode::nop as Op, |c| encode::stack_alloc32(c, 16_u32), |c| encode::xmov_fp(c, x(1))] {
        let kwo = Code::new().times(100_000, op).ret().kwo();
        let found = audit(&kwo.build()).unwrap_err().len();
        assert!((MAX_FINDINGS..MAX_FINDINGS + 3).contains(&found), "{found}");
    }
}

#[test]
fn facts_that_get_lost_one_at_a_turn() {
    // A loop that passes each place of a full frame on to the next: a turn spoils one more.
    let code = full_frame();
    let top = code.len();
    let mut code = code.charge(120);
    for slot in (1..256).rev() {
        code = code.op(|c| encode::xload64le_o32(c, x(1), at(30, 8 * (slot - 1))));
        code = code.op(|c| encode::xstore64le_o32(c, at(30, 8 * slot), x(1)));
    }
    let code = code.op(|c| encode::xstore64le_o32(c, at(30, 0), x(5))).branch_at(top);
    let code = code.op(|c| encode::xload64le_o32(c, x(0), at(30, 2040))).trap(1);
    let begun = ThreadTime::now();
    assert_eq!(rules(&code.kwo()), ["too-complex"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
