//! Objects for several targets: each inner object is judged as the outer one is, and so is how they are put together.

use crate::common::{self, Kwo};
use crate::{accepted, refused, rules};
use wasmkc_abi::object::{BYTECODE_VERSION, EM_AARCH64, EM_NONE, EM_X86_64, MACHINE_PORTABLE, SIGNATURE_MAGIC};
use wasmkc_audit::audit;

const X86_64: &str = ".wkc.target.x86_64";
const AARCH64: &str = ".wkc.target.aarch64";
const PORTABLE: &str = ".wkc.target.portable";

/// A good object for aarch64.
fn arm() -> Kwo {
    common::aarch64::Code::new().ret().kwo()
}

/// The form of bytecode around code of another machine.
fn bytecode() -> Kwo {
    let mut kwo = Kwo::pass();
    (kwo.machine, kwo.meta.machine, kwo.meta.bytecode) = (EM_NONE, MACHINE_PORTABLE, BYTECODE_VERSION);
    kwo
}

/// x86_64 with these inner objects.
fn with(inner: &[(&'static str, Vec<u8>)]) -> Kwo {
    Kwo { inner: inner.to_vec(), ..Kwo::pass() }
}

/// What is said of x86_64 with this inner object.
fn said(name: &'static str, bytes: Vec<u8>) -> String {
    let findings = audit(&with(&[(name, bytes)]).build()).unwrap_err();
    findings.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn an_object_for_two_machines_is_reported_as_two() {
    let report = accepted(&with(&[(AARCH64, arm().build())]));
    let (outer, inner) = (accepted(&Kwo::pass()), accepted(&arm()));
    assert_eq!((outer.target, inner.target), ("x86_64", "aarch64"));
    assert_eq!((report.instructions, report.inner.as_slice()), (outer.instructions, &[inner][..]));
}

#[test]
fn wrong_code_of_an_inner_object_is_found_and_said_to_be_its() {
    let mut spoiled = arm();
    // mrs x0, sctlr_el1
    spoiled.functions[0].bytes.splice(.., [0x5f, 0x24, 0x03, 0xd5, 0x00, 0x10, 0x38, 0xd5]);
    spoiled.functions[0].relocations.clear();
    spoiled.functions[0].traps.clear();
    let text = said(AARCH64, spoiled.build());
    assert!(text.contains(": for aarch64 in function f0"), "{text}");
    // And of the outer one, beside a good inner one.
    let mut outer = with(&[(AARCH64, arm().build())]);
    outer.functions[0] = common::Code::new().raw(&[0x0f, 0x30]).ret();
    let findings = audit(&outer.build()).unwrap_err();
    assert_eq!((findings[0].rule.name(), findings[0].target), ("privileged-instruction", Some("x86_64")));
}

#[test]
fn every_flipped_byte_of_an_inner_object_is_judged_as_alone() {
    let good = arm().build();
    for at in 0..good.len() {
        let mut spoiled = good.clone();
        spoiled[at] ^= 0xff;
        let (alone, inside) = (audit(&spoiled), audit(&with(&[(AARCH64, spoiled.clone())]).build()));
        assert!(alone.is_ok() || inside.is_err(), "byte {at:#x} is refused alone and passes inside");
    }
    for end in [0, 1, 63, 64, good.len() / 2, good.len() - 1] {
        assert!(audit(&with(&[(AARCH64, good[..end].to_vec())]).build()).is_err(), "cut at {end}");
    }
}

#[test]
fn two_codes_for_one_machine() {
    let text = said(X86_64, Kwo::pass().build());
    assert!(text.contains("inner-object: .wkc.target.x86_64 is the second code for its target"), "{text}");
    let twice = with(&[(AARCH64, arm().build()), (AARCH64, arm().build())]);
    assert!(rules(&twice).contains(&"inner-object"), "{:?}", rules(&twice));
}

#[test]
fn an_inner_object_inside_an_inner_object() {
    let nested = Kwo { inner: vec![(PORTABLE, bytecode().build())], ..arm() };
    refused(&with(&[(AARCH64, nested.build())]), "inner-object");
    assert!(said(AARCH64, nested.build()).contains("contains inner objects"));
}

#[test]
fn an_inner_object_that_is_itself_signed() {
    let mut signed = arm().build();
    signed.extend_from_slice(SIGNATURE_MAGIC);
    assert!(said(AARCH64, signed).contains("has a signature of its own"));
}

#[test]
fn an_inner_object_of_another_machine_than_its_name_or_of_none_that_is_known() {
    assert!(said(AARCH64, bytecode().build()).contains("is for another machine than its name says"));
    assert!(said(PORTABLE, arm().build()).contains("is for another machine than its name says"));
    assert!(said(".wkc.target.z80", arm().build()).contains("a target that the ABI does not have"));
}

#[test]
fn bytecode_of_another_width_byte_order_and_version() {
    for (at, value) in [(4, 1), (5, 2)] {
        let mut bytes = bytecode().build();
        bytes[at] = value;
        let text = said(PORTABLE, bytes);
        assert!(text.contains("is of another width or byte order than 64 bits, little-endian"), "{text}");
    }
    let mut native = Kwo::pass();
    native.meta.bytecode = BYTECODE_VERSION;
    refused(&native, "unsupported-machine");
    for machine in [EM_X86_64, EM_AARCH64, MACHINE_PORTABLE] {
        let mut kwo = bytecode();
        (kwo.meta.bytecode, kwo.meta.machine) = (BYTECODE_VERSION + 1, machine);
        assert!(rules(&kwo).contains(&"unsupported-machine"));
    }
}

#[test]
fn inner_sections_are_plain_and_lie_in_the_file() {
    let mut flagged = Kwo::pass();
    flagged.sections.push((AARCH64, 2));
    assert!(rules(&flagged).contains(&"section-flags"), "{:?}", rules(&flagged));
    let bytes = with(&[(AARCH64, arm().build())]).build();
    let table = u64::from_le_bytes(*bytes[40..].first_chunk().unwrap()) as usize;
    let header = (table..bytes.len())
        .step_by(64)
        .find(|at| bytes[*at + 32..][..8] == (arm().build().len() as u64).to_le_bytes());
    for field in [24, 32] {
        let mut spoiled = bytes.clone();
        spoiled[header.expect("its header") + field + 5] = 1;
        let findings = audit(&spoiled).unwrap_err();
        assert!(findings.iter().any(|f| f.to_string().contains("does not lie in the file")), "{findings:?}");
    }
}

#[test]
fn targets_that_are_not_one_filter() {
    type Spoil = fn(&mut Kwo);
    let cases: [(&str, Spoil); 4] = [
        ("flags", |x| x.meta.flags |= 1),
        ("hooks", |x| x.meta.hooks |= 2),
        ("fuel", |x| x.meta.fuel += 1),
        ("memory", |x| x.meta.memory_max += 1),
    ];
    for (what, spoil) in cases {
        let mut other = arm();
        spoil(&mut other);
        let text = said(AARCH64, other.build());
        assert!(text.contains(&format!("the code for aarch64 has other {what} than that for x86_64")), "{text}");
    }
}

#[test]
fn section_header_0_in_use() {
    let mut elf = with(&[(AARCH64, arm().build())]).build();
    let table = u64::from_le_bytes(elf[40..48].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(elf[60..62].try_into().unwrap()));
    for of in 1..count {
        elf.copy_within(table + 64 * of..table + 64 * (of + 1), table);
        let findings = audit(&elf).unwrap_err();
        assert!(findings.iter().any(|f| f.rule.name() == "malformed-object"), "{of}: {findings:?}");
    }
}
