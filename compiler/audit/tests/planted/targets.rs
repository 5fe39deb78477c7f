//! Objects for several targets: each inner object is judged as the outer one is, and so is how they are put together.

use crate::common::{self, Kwo};
use crate::{accepted, refused, rules};
use wasmkc_abi::object::{
    BYTECODE_VERSION, DataRow, EM_AARCH64, EM_NONE, EM_X86_64, ExportRow, MACHINE_PORTABLE, MemoryRow, NONE,
    PassiveRow, SECTION_DATA, SECTION_EXPORTS, SECTION_MEMORIES, SECTION_PASSIVE, SECTION_SLOTS, SIGNATURE_MAGIC,
};
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

/// A filter that has something of everything: entries, texts, a helper, an export, memories, segments and slots.
fn whole(mut kwo: Kwo) -> Kwo {
    kwo.strings = Some(b"\0name\0note\0by\0add\0ii:i\0".to_vec());
    (kwo.meta.name, kwo.meta.note, kwo.meta.producer) = (1, 6, 11);
    kwo.meta.entry_init = 0;
    kwo.helpers = vec![1];
    kwo.rodata = b"....passive".to_vec();
    let export = ExportRow { name: 14, entry: 0, signature: 18, reserved: 0 };
    let memory = MemoryRow { slot: 1, min: 1, max: 1, reserved: 0 };
    let data = DataRow { memory_offset: 4, offset: DataRow::SIZE as u32, size: 2, memory: 0, reserved: 0 };
    kwo.tables = vec![
        (SECTION_EXPORTS, export.write().to_vec()),
        (SECTION_MEMORIES, memory.write().to_vec()),
        (SECTION_PASSIVE, PassiveRow { offset: 4, size: 7 }.write().to_vec()),
        (SECTION_DATA, [&data.write()[..], b"ab"].concat()),
        (SECTION_SLOTS, 5_u64.to_le_bytes().to_vec()),
    ];
    (kwo.meta.exports, kwo.meta.memories, kwo.meta.passive, kwo.meta.data) = (1, 1, 1, 1);
    kwo
}

/// What is said to differ between x86_64 and aarch64 in a whole filter whose inner object is spoiled.
fn differing(spoil: impl Fn(&mut Kwo)) -> Vec<String> {
    let mut inner = whole(arm());
    spoil(&mut inner);
    let object = Kwo { inner: vec![(AARCH64, inner.build())], ..whole(Kwo::pass()) };
    let findings = audit(&object.build()).err().unwrap_or_default();
    let texts = findings.iter().map(ToString::to_string);
    let what = |text: String| {
        let (_, tail) = text.split_once("the code for aarch64 has other ")?;
        Some(tail.split_once(" than that for x86_64")?.0.to_owned())
    };
    texts.filter_map(what).collect()
}

/// The bytes of table `name`.
fn table<'k>(kwo: &'k mut Kwo, name: &str) -> &'k mut Vec<u8> {
    &mut kwo.tables.iter_mut().find(|(n, _)| *n == name).expect("it has one").1
}

#[test]
fn targets_that_are_not_one_filter() {
    type Spoil = fn(&mut Kwo);
    let text = |from: &'static str, to: &'static str| {
        move |x: &mut Kwo| {
            let strings = x.strings.as_mut().expect("it has some");
            let at = strings.windows(from.len()).position(|w| w == from.as_bytes()).expect("it is there");
            strings[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
    };
    assert_eq!(differing(|_| ()), [""; 0]);
    let cases: [(&str, Spoil); 27] = [
        ("ABI version", |x| x.meta.abi_minor += 1),
        ("flags", |x| x.meta.flags |= 1),
        ("hooks", |x| x.meta.hooks |= 2),
        ("entries", |x| x.meta.entry_xdp = NONE),
        ("entries", |x| x.meta.entry_start = 0),
        ("entries", |x| x.meta.entry_initialize = 0),
        ("entries", |x| x.meta.entry_init = NONE),
        ("fuel", |x| x.meta.fuel += 1),
        ("memory", |x| x.meta.memory_min = 0),
        ("memory", |x| x.meta.memory_max += 1),
        ("further memories", |x| x.meta.memories = 0),
        ("further memories", |x| table(x, SECTION_MEMORIES)[8] += 1),
        ("shadow stack", |x| x.meta.shadow_sp_slot = 0),
        ("name", |x| x.meta.name = 0),
        ("note", |x| x.meta.note = 11),
        ("producer", |x| x.meta.producer = u32::MAX),
        ("imports", |x| x.helpers = vec![2]),
        ("imports", |x| x.helpers = vec![1, 2]),
        ("exports", |x| x.meta.exports = 0),
        ("exports", |x| table(x, SECTION_EXPORTS).clear()),
        ("exports", |x| table(x, SECTION_EXPORTS)[0] = 1),
        ("exports", |x| table(x, SECTION_EXPORTS)[8] = 1),
        ("initial values", |x| table(x, SECTION_SLOTS)[0] = 6),
        ("data segments", |x| table(x, SECTION_DATA)[0] = 5),
        ("data segments", |x| *table(x, SECTION_DATA).last_mut().expect("a byte") = b'c'),
        ("passive segments", |x| table(x, SECTION_PASSIVE)[4] = 6),
        ("passive segments", |x| x.rodata[5] = b'A'),
    ];
    for (n, (what, spoil)) in cases.into_iter().enumerate() {
        assert_eq!(differing(spoil), [what], "case {n}");
    }
    assert_eq!(differing(text("name", "nAme")), ["name"]);
    assert_eq!(differing(text("note", "nOte")), ["note"]);
    assert_eq!(differing(text("by", "bY")), ["producer"]);
    assert_eq!(differing(text("add", "adD")), ["exports"]);
    assert_eq!(differing(text("ii:i", "iI:i")), ["exports"]);
}

#[test]
fn where_a_target_keeps_its_texts_and_segments_is_its_own() {
    let same = differing(|x| {
        x.strings = Some(b"\0more\0ii:i\0add\0by\0note\0name\0".to_vec());
        (x.meta.name, x.meta.note, x.meta.producer) = (23, 18, 15);
        let export = ExportRow { name: 11, entry: 0, signature: 6, reserved: 0 };
        *table(x, SECTION_EXPORTS) = export.write().to_vec();
        x.rodata = b"passive".to_vec();
        table(x, SECTION_PASSIVE)[0] = 0;
        (x.meta.stack_bound, x.meta.slots, x.meta.transfer) = (64, 9, 8);
    });
    assert_eq!(same, [""; 0]);
}

/// x86_64 with a constant and what is behind it, whose address at `named` it takes.
fn with_segments(named: i64, rodata: &[u8]) -> Kwo {
    // mov rax, [rip + .rodata]; lea rax, [rip + .rodata + named]
    let code = common::Code::new().rodata(&[0x48, 0x8b, 0x05], 0).rodata(&[0x48, 0x8d, 0x05], named);
    Kwo { rodata: rodata.to_vec(), ..Kwo::new(code.raw(common::MOV_PASS).ret()) }
}

/// What is said of `outer` with code for aarch64 that has these segments.
fn of_segments(outer: Kwo, segments: &[&[u8]]) -> String {
    let inner = |(name, kwo, rodata): (_, Kwo, &&[u8])| (name, Kwo { rodata: rodata.to_vec(), ..kwo }.build());
    let targets = [(AARCH64, arm()), (PORTABLE, common::portable::Code::new().ret().kwo())];
    let inner = targets.into_iter().zip(segments).map(|((name, kwo), rodata)| inner((name, kwo, rodata)));
    let findings = audit(&Kwo { inner: inner.collect(), ..outer }.build()).err().unwrap_or_default();
    findings.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn passive_element_segments_that_differ() {
    let (constant, elements, others) = ([7; 16], [1, 0, 0, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0]);
    let both = [&constant[..], &elements].concat();
    let arm = "the code for aarch64 has other passive segments than that for x86_64";
    assert_eq!(of_segments(with_segments(16, &both), &[&elements]), "");
    assert_eq!(of_segments(with_segments(16, &both), &[&elements, &elements]), "");
    // Other references, more of them, fewer of them, none.
    for segments in [&others[..], &[elements, others].concat(), &elements[..4], &[]] {
        let said = of_segments(with_segments(16, &both), &[segments]);
        assert!(said.contains(arm) && said.lines().count() == 1, "{said}");
    }
    // One has more than it says constants are, and takes their address.
    assert!(of_segments(with_segments(8, &both), &[&elements]).contains(arm));
    // What the outer one may take for a constant is an element segment of one of the others.
    let said = of_segments(with_segments(24, &both), &[&elements, &both[8..]]);
    assert_eq!(said.matches("the code for portable has other passive segments").count(), 1, "{said}");
    assert!(!said.contains(arm), "{said}");
    assert!(!of_segments(with_segments(24, &both), &[&both[8..], &both[8..]]).contains("segments"));
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
