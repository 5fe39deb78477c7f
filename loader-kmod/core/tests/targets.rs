// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Objects for several targets: which code is taken, and every way in which the others can be wrong, by name.
#![allow(missing_docs)]

mod common;

use common::{ALLOC, EXEC, Object, OnMachine, Section, TestPlatform, WRITE, load, load_on, signed};
use wasmkc_abi::control::ENGINE_NATIVE;
use wasmkc_abi::object::{
    BYTECODE_VERSION, EM_AARCH64, EM_NONE, EM_X86_64, MACHINE_PORTABLE, SIGNATURE_MAGIC, TARGETS,
};
use wasmkc_core::describe::describe;
use wasmkc_core::targets::Targets;
use wasmkc_core::{Code, Error, Wanted};

const X86_64: &str = ".wkc.target.x86_64";
const AARCH64: &str = ".wkc.target.aarch64";
const PORTABLE: &str = ".wkc.target.portable";
/// A machine that has no native code.
const S390: u16 = 22;

/// A good object for x86_64; for the others its form is.
fn alone(elf_machine: u16) -> Object {
    let mut object = Object { machine: elf_machine, ..Object::default() };
    object.meta.machine = elf_machine;
    if elf_machine == EM_NONE {
        (object.meta.machine, object.meta.bytecode) = (MACHINE_PORTABLE, BYTECODE_VERSION);
    }
    object
}

/// `outer` with these inner objects.
fn joined(outer: u16, inner: &[(&str, &[u8])]) -> Vec<u8> {
    let more = inner.iter().map(|(name, bytes)| Section::new(name, 0, bytes)).collect();
    Object { more, ..alone(outer) }.elf()
}

/// All targets.
fn whole() -> Vec<u8> {
    joined(EM_X86_64, &[(AARCH64, &alone(EM_AARCH64).elf()), (PORTABLE, &alone(EM_NONE).elf())])
}

/// x86_64 with one inner object, which is not the one that is taken.
fn with(name: &str, inner: &[u8]) -> Result<(), Error> {
    load(&joined(EM_X86_64, &[(name, inner)])).map(drop)
}

#[track_caller]
fn refused(name: &str, inner: &[u8], code: Code) {
    let error = with(name, inner).unwrap_err();
    assert_eq!((error.code, error.section), (code, name), "{error}");
}

fn load_portable(elf: &[u8]) -> Result<(), Error> {
    wasmkc_core::load_as(|_, _| Ok(()), TestPlatform::default(), &signed(elf), Wanted::Portable).map(drop)
}

#[test]
fn native_code_is_taken_where_there_is_some_and_portable_code_elsewhere() {
    let (whole, without) = (whole(), joined(EM_X86_64, &[(PORTABLE, &alone(EM_NONE).elf())]));
    let taken = |elf: &[u8], machine, wanted| {
        Targets::parse(elf).unwrap().choose(machine, wanted).map(|elf| elf.machine()).map_err(|e| e.code)
    };
    for (machine, best) in
        [(EM_X86_64, EM_X86_64), (EM_AARCH64, EM_AARCH64), (S390, EM_NONE), (MACHINE_PORTABLE, EM_NONE)]
    {
        assert_eq!(taken(&whole, machine, Wanted::Best), Ok(best));
        assert_eq!(taken(&whole, machine, Wanted::Portable), Ok(EM_NONE));
    }
    assert_eq!(taken(&without, EM_AARCH64, Wanted::Best), Ok(EM_NONE));
    assert_eq!(taken(&alone(EM_NONE).elf(), EM_X86_64, Wanted::Best), Ok(EM_NONE));
    assert_eq!(taken(&alone(EM_NONE).elf(), EM_AARCH64, Wanted::Portable), Ok(EM_NONE));
    let info = load(&whole).unwrap().info();
    assert_eq!((info.engine, info.targets), (ENGINE_NATIVE, 0b111));
    assert_eq!(load(&without).unwrap().info().targets, 0b101);
    assert_eq!(load(&alone(EM_X86_64).elf()).unwrap().info().targets, 0b001);
}

#[test]
fn the_inner_object_is_taken_from_its_own_bytes() {
    let mut ours = alone(EM_X86_64);
    ours.meta.fuel = 77;
    let outer = joined(EM_AARCH64, &[(X86_64, &ours.elf())]);
    let program = load(&outer).unwrap();
    assert_eq!((program.info().fuel, program.info().targets), (77, 0b011));
    assert_eq!(describe(&outer).unwrap_err().code, Code::BadEntry, "the outer one is code of x86_64");
    let parts = Targets::parse(&outer).unwrap();
    let inner = parts.iter().find(|(row, _)| row.name == "x86_64").unwrap().1;
    assert_eq!(inner.bytes(), ours.elf());
    assert_eq!(describe(inner.bytes()).unwrap().meta.fuel, 77);
}

#[test]
fn no_code_for_this_machine_and_no_bytecode() {
    let error = load(&alone(EM_AARCH64).elf()).unwrap_err();
    assert_eq!((error.code, error.errno(), error.subject), (Code::NoCode, 8, "x86_64"));
    let platform = OnMachine::<S390>::default();
    assert_eq!(load_on(&platform, &alone(EM_X86_64).elf()).unwrap_err().code, Code::NoCode);
    assert_eq!(load(&alone(S390).elf()).unwrap_err().code, Code::NoCode, "a machine that nobody knows");
}

#[test]
fn portable_code_that_is_asked_for_and_not_there() {
    let error = load_portable(&joined(EM_X86_64, &[(AARCH64, &alone(EM_AARCH64).elf())])).unwrap_err();
    assert_eq!((error.code, error.errno()), (Code::NoPortable, 8));
}

/// ELF's class and data, where they stand in a file.
const CLASS: usize = 4;
const DATA: usize = 5;

#[test]
fn bytecode_of_another_width() {
    let mut elf = alone(EM_NONE).elf();
    elf[CLASS] = 1;
    refused(PORTABLE, &elf, Code::NotElf);
    assert_eq!(load_portable(&elf).unwrap_err().code, Code::NotElf, "alone");
    refused(".wkc.target.", b"", Code::UnknownTarget);
    let narrow = with(".wkc.target.portable32", &alone(EM_NONE).elf()).unwrap_err();
    assert_eq!(narrow.code, Code::UnknownTarget);
}

#[test]
fn bytecode_of_another_byte_order() {
    let mut elf = alone(EM_NONE).elf();
    elf[DATA] = 2;
    refused(PORTABLE, &elf, Code::NotElf);
    assert_eq!(load_portable(&elf).unwrap_err().code, Code::NotElf, "alone");
}

#[test]
fn bytecode_of_another_version() {
    for version in [0, BYTECODE_VERSION - 1, BYTECODE_VERSION + 1] {
        let mut object = alone(EM_NONE);
        object.meta.bytecode = version;
        for elf in [object.elf(), joined(EM_X86_64, &[(PORTABLE, &object.elf())])] {
            let error = load_portable(&elf).unwrap_err();
            assert_eq!((error.code, error.errno()), (Code::BytecodeMismatch, 71), "{version}: {error}");
        }
        with(PORTABLE, &object.elf()).expect("is not read where native code is taken");
    }
    let native =
        Object { meta: wasmkc_abi::object::Meta { bytecode: 48, ..alone(EM_X86_64).meta }, ..alone(EM_X86_64) };
    assert_eq!(load(&native.elf()).unwrap_err().code, Code::BytecodeMismatch, "native code has no such version");
}

#[test]
fn bytecode_that_says_in_its_metadata_that_it_is_native() {
    for machine in [EM_NONE, EM_X86_64] {
        let mut object = alone(EM_NONE);
        object.meta.machine = machine;
        assert_eq!(load_portable(&object.elf()).unwrap_err().code, Code::MachineMismatch);
    }
    let mut native = alone(EM_X86_64);
    native.meta.machine = MACHINE_PORTABLE;
    assert_eq!(load(&native.elf()).unwrap_err().code, Code::MachineMismatch);
}

#[test]
fn a_target_that_is_not_taken_is_corrupted() {
    let good = alone(EM_AARCH64).elf();
    with(AARCH64, &good).unwrap();
    let fat = joined(EM_X86_64, &[(AARCH64, &good)]);
    let mut changed = signed(&fat);
    let at = fat.windows(good.len()).position(|w| w == good).unwrap() + good.len() / 2;
    changed[at] ^= 1;
    let verifier = |data: &[u8], _: &[u8]| if data == fat { Ok(()) } else { Err(129) };
    let error = wasmkc_core::load(verifier, TestPlatform::default(), &changed).map(drop).unwrap_err();
    assert_eq!((error.code, error.errno()), (Code::Signature, 129), "one signature over all");
    // Signed again: what is form is refused.
    for (at, code) in [
        (0, Code::NotElf),
        (16, Code::NotElf),
        (18, Code::WrongTarget),
        (47, Code::Truncated),
        (58, Code::BadElfHeader),
    ] {
        let mut spoiled = good.clone();
        spoiled[at] ^= 0x41;
        refused(AARCH64, &spoiled, code);
    }
    refused(AARCH64, b"", Code::NotElf);
    refused(AARCH64, b"no ELF at all", Code::NotElf);
    refused(AARCH64, &good[..good.len() - 1], Code::Truncated);
    // What is not form does not run here: this is the audit's.
    let mut object = alone(EM_AARCH64);
    object.text.fill(0xff);
    object.meta.magic = 0;
    with(AARCH64, &object.elf()).unwrap();
}

#[test]
fn two_inner_objects_for_one_machine() {
    let arm = alone(EM_AARCH64).elf();
    let error = load(&joined(EM_X86_64, &[(AARCH64, &arm), (AARCH64, &arm)])).unwrap_err();
    assert_eq!((error.code, error.section), (Code::DuplicateTarget, AARCH64));
}

#[test]
fn the_outer_object_also_as_inner_object() {
    refused(X86_64, &alone(EM_X86_64).elf(), Code::DuplicateTarget);
    let bytecode = alone(EM_NONE).elf();
    let twice = load_portable(&joined(EM_NONE, &[(PORTABLE, &bytecode)])).unwrap_err();
    assert_eq!(twice.code, Code::DuplicateTarget);
}

#[test]
fn an_inner_object_for_another_machine_than_its_name_says() {
    refused(AARCH64, &alone(EM_NONE).elf(), Code::WrongTarget);
    refused(PORTABLE, &alone(EM_AARCH64).elf(), Code::WrongTarget);
    refused(PORTABLE, &alone(S390).elf(), Code::WrongTarget);
}

#[test]
fn an_inner_object_inside_an_inner_object() {
    refused(AARCH64, &joined(EM_AARCH64, &[(PORTABLE, &alone(EM_NONE).elf())]), Code::NestedTarget);
    refused(AARCH64, &joined(EM_AARCH64, &[(".wkc.target.z80", b"")]), Code::NestedTarget);
    // As deep as one likes: nothing recurses.
    let deep = (0..200).fold(alone(EM_AARCH64).elf(), |elf, _| joined(EM_AARCH64, &[(AARCH64, &elf)]));
    refused(AARCH64, &deep, Code::NestedTarget);
}

#[test]
fn an_inner_object_that_is_itself_signed() {
    refused(AARCH64, &signed(&alone(EM_AARCH64).elf()), Code::SignedTarget);
    refused(AARCH64, SIGNATURE_MAGIC, Code::SignedTarget);
}

#[test]
fn an_inner_object_that_is_a_kernel_module() {
    let mut object = alone(EM_AARCH64);
    object.more.push(Section::new(".gnu.linkonce.this_module", 0, &[]));
    refused(AARCH64, &object.elf(), Code::KernelModule);
}

#[test]
fn inner_section_out_of_bounds() {
    let elf = whole();
    let (_, ranges) = Object { more: vec![Section::new(AARCH64, 0, &[])], ..alone(EM_X86_64) }.elf_with_ranges();
    let index = 1 + ranges.iter().skip(1).position(|(name, _)| name == AARCH64).unwrap();
    let header = 64 + 64 * index;
    for (field, byte) in [(24, 5), (24, 7), (32, 5), (32, 7)] {
        let mut spoiled = elf.clone();
        spoiled[header + field + byte] ^= 0x40;
        assert_eq!(load(&spoiled).unwrap_err().code, Code::Truncated, "byte {byte} of field {field}");
    }
}

#[test]
fn an_inner_section_has_contents_and_no_flags() {
    let good = alone(EM_AARCH64).elf();
    for flags in [ALLOC, WRITE, EXEC, 1 << 11] {
        let outer = Object { more: vec![Section::new(AARCH64, flags, &good)], ..alone(EM_X86_64) };
        let code = load(&outer.elf()).unwrap_err().code;
        assert_eq!(code, Code::BadSection, "{flags:#x}");
    }
    let nobits = Object { more: vec![Section { kind: 8, ..Section::new(AARCH64, 0, &good) }], ..alone(EM_X86_64) };
    assert_eq!(load(&nobits.elf()).unwrap_err().code, Code::BadSection);
}

#[test]
fn an_inner_object_for_a_machine_that_nobody_knows() {
    let error = with(".wkc.target.riscv64", &alone(243).elf()).unwrap_err();
    assert_eq!((error.code, error.errno()), (Code::UnknownTarget, 71));
}

#[test]
fn the_message_says_which_inner_object_and_what_of_it() {
    let mut elf = alone(EM_NONE).elf();
    elf[62] = 0;
    let said = with(PORTABLE, &elf).unwrap_err().to_string();
    assert!(said.starts_with(".wkc.target.portable+0x3e: the ELF header is malformed"), "{said}");
    let said = with(PORTABLE, b"").unwrap_err().to_string();
    assert!(said.starts_with(".wkc.target.portable: not an ELF64 little-endian"), "{said}");
}

#[test]
fn names_sections_and_numbers_of_targets_go_together() {
    for (i, row) in TARGETS.iter().enumerate() {
        assert_eq!(row.section.strip_prefix(".wkc.target."), Some(row.name));
        assert!(TARGETS[..i].iter().all(|other| other.machine != row.machine && other.elf_machine != row.elf_machine));
    }
}

#[test]
fn section_header_0_in_use() {
    let mut elf = whole();
    let table = u64::from_le_bytes(elf[40..48].try_into().unwrap()) as usize;
    for of in 1..3 {
        elf.copy_within(table + 64 * of..table + 64 * (of + 1), table);
        let error = load(&elf).unwrap_err();
        assert_eq!((error.code, error.section), (Code::BadElfHeader, "section header 0"), "{error}");
    }
}
