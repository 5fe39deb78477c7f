//! Objects made to take the audit's time or memory.

use std::time::Duration;

use cpu_time::ThreadTime;
use wasmkc_audit::{MAX_FINDINGS, audit};

use crate::common::aarch64::{Code, NOP, cbz_over, deeper, ldr, str};
use crate::rules;

/// Processor time; generous, as for x86_64.
const SOON: Duration = Duration::from_secs(20);

fn full_frame() -> Vec<u32> {
    std::iter::once(deeper(2048)).chain((0..256).map(|slot| str(0, 31, 8 * slot))).collect()
}

#[test]
fn branches_that_lead_everywhere() {
    // Each branch jumps over the next one, so that paths meet at every instruction.
    let code = Code::new().words(&[cbz_over(6, 1)].repeat(100_000)).words(&[NOP; 2]);
    let begun = ThreadTime::now();
    assert_eq!(rules(&code.ret().kwo()), ["undercharged-code"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn branches_that_lead_everywhere_with_a_full_frame() {
    let code = Code::bare().words(&full_frame()).stack_check().charge(120);
    let code = code.words(&[cbz_over(6, 1)].repeat(40_000)).words(&[NOP; 2]).words(&[0x9120_03ff]); // add sp, sp, #2048
    let begun = ThreadTime::now();
    assert_eq!(rules(&code.ret().kwo()), ["too-complex"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_finding_a_word() {
    // msr nzcv, x0 is not allowed, mov sp, x1 no move that is followed; both go on.
    for word in [0xd51b_4200, 0x9100_003f] {
        let kwo = Code::new().words(&[word].repeat(100_000)).ret().kwo();
        let found = audit(&kwo.build()).unwrap_err().len();
        assert!((MAX_FINDINGS..MAX_FINDINGS + 3).contains(&found), "{found}");
    }
}

#[test]
fn facts_that_get_lost_one_at_a_turn() {
    // A loop that passes each slot of a full frame on to the next: a turn spoils one slot more.
    let mut code = Code::bare().words(&full_frame()).stack_check().charge(120);
    let top = code.len();
    code = code.charge(120);
    for slot in (1..256u32).rev() {
        code = code.words(&[ldr(1, 31, 8 * (slot - 1)), str(1, 31, 8 * slot)]);
    }
    let code = code.words(&[str(5, 31, 0)]).cbnz_at(top).words(&[ldr(0, 31, 2040)]).trap(1);
    let begun = ThreadTime::now();
    assert_eq!(rules(&code.kwo()), ["too-complex"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
