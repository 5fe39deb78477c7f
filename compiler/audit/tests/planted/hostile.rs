//! Objects made to take the audit's time or memory.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use cpu_time::ThreadTime;
use wasmkc_abi::limits::{MAX_FUNCTIONS, MAX_OBJECT_BYTES, MAX_TEXT_BYTES};
use wasmkc_abi::object::FuncRow;
use wasmkc_audit::{Jobs, MAX_FINDINGS, audit, audit_by};

use crate::common::{Code, Kwo, MOV_PASS};
use crate::rules;

/// Processor time, which other work on the machine does not lengthen. Generous: these take seconds where nothing
/// multiplies.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn rows_that_share_one_long_name() {
    // 1,200 functions of one byte, each named by the same four megabytes
    let mut kwo = Kwo::pass();
    let mut strings = vec![b'a'; 4 << 20];
    (strings[0], strings[(4 << 20) - 1]) = (0, 0);
    kwo.strings = Some(strings);
    let start = kwo.functions[0].bytes.len() as u32;
    kwo.functions[0] = kwo.functions[0].clone().raw(&[0xcc; 1200]);
    kwo.functions[0].bytes.truncate(start as usize + 1200);
    for n in 0..1200 {
        let row = FuncRow { text_offset: start + n, size: 1, name: 1, wasm_index: 0 };
        kwo.more_rows.extend_from_slice(&row.write());
    }
    let findings = audit(&kwo.build()).unwrap_err();
    assert!(findings.iter().all(|f| f.function.as_ref().is_none_or(|name| name.len() <= 256)));
    assert!(findings.iter().any(|f| f.function.as_ref().is_some_and(|name| name.len() == 256)));
}

#[test]
fn more_than_the_abi_allows() {
    let findings = audit(&vec![0; MAX_OBJECT_BYTES as usize + 1]).unwrap_err();
    assert_eq!(findings[0].rule.name(), "too-large");
    let long = Code::new().raw(&vec![0x90; MAX_TEXT_BYTES as usize]).raw(MOV_PASS).ret();
    assert_eq!(rules(&Kwo::new(long)), ["too-large"]);
    let mut kwo = Kwo::pass();
    kwo.more_rows = vec![0; MAX_FUNCTIONS as usize * FuncRow::SIZE];
    assert!(rules(&kwo).contains(&"too-large"));
}

#[test]
fn many_sections_of_one_name() {
    let mut kwo = Kwo::pass();
    kwo.sections = vec![(".wkc.data", 0); 60_000];
    let begun = ThreadTime::now();
    assert!(rules(&kwo).contains(&"malformed-object"));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn branches_that_lead_everywhere() {
    // Each branch jumps over the next one, so that paths meet at every instruction.
    let over = [0x85, 0xf6, 0x74, 4].repeat(100_000);
    let kwo = Kwo::new(Code::new().raw(&over).raw(&[0x90; 8]).ret());
    let begun = ThreadTime::now();
    assert_eq!(rules(&kwo), ["undercharged-code"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

/// `sub rsp, 2048` and a `mov [rsp + ...], rdi` for each slot.
fn full_frame() -> Vec<u8> {
    let mut frame = vec![0x48, 0x81, 0xec, 0, 8, 0, 0];
    for slot in 0..256u32 {
        frame.extend_from_slice(&[0x48, 0x89, 0xbc, 0x24]);
        frame.extend_from_slice(&(8 * slot).to_le_bytes());
    }
    frame
}

#[test]
fn branches_that_lead_everywhere_with_a_full_frame() {
    let over = [0x85, 0xf6, 0x74, 4].repeat(40_000);
    let code = Code::bare().raw(&full_frame()).stack_check().charge(120).raw(&over);
    let begun = ThreadTime::now();
    assert_eq!(rules(&Kwo::new(code.raw(&[0x90; 8]).ret())), ["too-complex"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn a_finding_a_byte() {
    // popfq is not allowed, mov rbp, rsp not behind the prologue; both go on.
    for code in [&[0x9d][..], &[0x48, 0x89, 0xe5]] {
        let kwo = Kwo::new(Code::new().raw(&code.repeat(100_000)).ret());
        let found = audit(&kwo.build()).unwrap_err().len();
        assert!((MAX_FINDINGS..MAX_FINDINGS + 3).contains(&found), "{found}");
    }
}

#[test]
fn facts_that_get_lost_one_at_a_turn() {
    // A loop that passes each slot of a full frame on to the next: a turn spoils one slot more.
    let mut code = Code::bare().raw(&full_frame()).stack_check().charge(120);
    let top = code.bytes.len();
    code = code.charge(120);
    for slot in (1..256u32).rev() {
        code = code.raw(&[0x48, 0x8b, 0x8c, 0x24]).raw(&(8 * (slot - 1)).to_le_bytes()); // mov rcx, [rsp + ...]
        code = code.raw(&[0x48, 0x89, 0x8c, 0x24]).raw(&(8 * slot).to_le_bytes());
    }
    code = code.raw(&[0x48, 0x89, 0x34, 0x24]); // mov [rsp], rsi
    // The last slot must still be the call block: mov rdi, [rsp + 2040]; a trap
    let code = code.raw(&[0x85, 0xf6]).jne_at(top).raw(&[0x48, 0x8b, 0xbc, 0x24]).raw(&2040u32.to_le_bytes()).trap(1);
    let begun = ThreadTime::now();
    let found = rules(&Kwo::new(code));
    assert_eq!(found, ["too-complex"]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn findings_are_the_same_for_any_number_of_threads() {
    // Some functions are right; others have findings, each another number of them and in all more than are told.
    let with = |functions: usize, findings: usize| {
        let code = |n: usize| Code::inner().raw(&[0x9d].repeat(if n % 3 == 1 { n % 7 * findings } else { 0 })).ret();
        let outer = (0..functions).fold(Kwo::pass(), |kwo, n| kwo.function(code(n)));
        let inner = (0..functions).fold(crate::common::aarch64::Code::new().ret().kwo(), |kwo, n| {
            let code = crate::common::aarch64::Code::inner();
            kwo.function(if n % 5 == 4 { code.0 } else { code.ret().0 })
        });
        Kwo { inner: vec![(".wkc.target.aarch64", inner.build())], ..outer }.build()
    };
    let (few, most) = (20..MAX_FINDINGS / 2, MAX_FINDINGS..MAX_FINDINGS + 100);
    for (functions, findings, told) in [(40, 1, &few), (200, 1, &few), (200, 9, &most)] {
        let object = with(functions, findings);
        let alone = audit(&object).unwrap_err();
        assert!(told.contains(&alone.len()), "{}", alone.len());
        for jobs in [2, 8] {
            let jobs = Jobs::new(NonZeroUsize::new(jobs).unwrap());
            assert!(
                (0..5).all(|_| audit_by(&object, jobs, &|_, _| {}).unwrap_err() == alone),
                "{functions} {findings}"
            );
        }
    }
}

#[test]
fn a_report_is_the_same_for_any_number_of_threads() {
    let inner = crate::common::aarch64::Code::new().ret().kwo().build();
    let outer = (0..300).fold(Kwo::pass(), |kwo, n| kwo.function(Code::inner().raw(&[0x90].repeat(n % 9)).ret()));
    let object = Kwo { inner: vec![(".wkc.target.aarch64", inner)], ..outer }.build();
    let (alone, told) = (audit(&object).unwrap(), Mutex::new((0, 0)));
    assert_eq!((alone.functions, alone.inner.len()), (301, 1));
    for jobs in [2, 8] {
        let tell = |done, all| {
            let most = &mut *told.lock().unwrap();
            *most = (most.0.max(done), all);
        };
        assert_eq!(audit_by(&object, Jobs::new(NonZeroUsize::new(jobs).unwrap()), &tell).unwrap(), alone);
        let (done, all) = *told.lock().unwrap();
        assert!(done == all && all > 301, "{done} of {all}");
    }
}
