// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every check of the loader, by name: a good object with one thing spoiled, signed, must be refused for
//! exactly that.
#![allow(missing_docs)]

mod common;

use common::{ALLOC, EXEC, INIT, Object, Section, WRITE, load, signed};
use wasmkc_abi::limits::{FUEL_MAX, MAX_MEMORY_PAGES, MAX_OBJECT_BYTES, MAX_RODATA_BYTES, MAX_TEXT_BYTES};
use wasmkc_abi::object::{self as o, ExportRow, MemoryRow, NONE, TrapRow};
use wasmkc_core::{Code, Error};

/// The error of the default object after `spoil`.
fn refused(spoil: impl FnOnce(&mut Object)) -> Error {
    let mut object = Object::default();
    load(&object.elf()).expect("the unspoiled object loads");
    spoil(&mut object);
    load(&object.elf()).map(|_| ()).unwrap_err()
}

/// The error of the default object's file after `spoil`.
fn refused_file(spoil: impl FnOnce(&mut Vec<u8>)) -> Error {
    let mut elf = Object::default().elf();
    spoil(&mut elf);
    load(&elf).map(|_| ()).unwrap_err()
}

/// The error for raw bytes, with a verifier that must not be asked unless `asked`.
fn refused_raw(bytes: &[u8], asked: bool) -> Error {
    let mut was = false;
    let verifier = |_: &[u8], _: &[u8]| {
        was = true;
        Ok(())
    };
    let error = wasmkc_core::load(verifier, common::TestPlatform::default(), bytes).map(|_| ()).unwrap_err();
    assert_eq!(was, asked);
    error
}

macro_rules! spoiled {
    ($($name:ident: $code:ident, $errno:literal, |$object:ident| $spoil:expr;)*) => {
        $(#[test] fn $name() {
            let error = refused(|$object| { $spoil; });
            assert_eq!(error.code, Code::$code, "{error}");
            assert_eq!(error.errno(), $errno, "{error}");
        })*
    };
}

fn section<'a>(sections: &'a mut [Section], name: &str) -> &'a mut Section {
    sections.iter_mut().find(|s| s.name == name).unwrap()
}

// .wkc.meta
spoiled! {
    meta_with_a_wrong_magic: BadMagic, 74, |x| x.meta.magic ^= 1;
    meta_of_another_abi_major: AbiMismatch, 71, |x| x.meta.abi_major += 1;
    meta_of_a_newer_abi_minor: AbiMismatch, 71, |x| x.meta.abi_minor += 1;
    meta_that_names_another_machine: MachineMismatch, 74, |x| x.meta.machine = 183;
    object_for_another_machine: NoCode, 8, |x| { x.machine = 183; x.meta.machine = 183 };
    meta_with_a_reserved_bit: ReservedNotZero, 74, |x| x.meta.reserved2 = 1;
    meta_with_an_unknown_flag: UnknownFlag, 71, |x| x.meta.flags |= 1 << 31;
    meta_with_an_unknown_hook: UnknownHook, 95, |x| x.meta.hooks |= 4;
    meta_without_a_hook: UnknownHook, 95, |x| x.meta.hooks = 0;
    xdp_entry_missing: BadEntry, 74, |x| x.meta.entry_xdp = NONE;
    entry_in_the_middle_of_a_function: BadEntry, 74, |x| x.meta.entry_init = 68;
    entry_outside_text: BadEntry, 74, |x| x.meta.entry_start = 4096;
    entry_without_endbr: BadEntry, 74, |x| x.text[0] = 0x90;
    fuel_of_zero: BadFuel, 22, |x| x.meta.fuel = 0;
    fuel_above_the_limit: BadFuel, 22, |x| x.meta.fuel = FUEL_MAX + 1;
    memory_minimum_above_maximum: BadMemory, 22, |x| x.meta.memory_min = 3;
    memory_above_the_limit: BadMemory, 22, |x| x.meta.memory_max = MAX_MEMORY_PAGES + 1;
    memory_that_never_grows_with_a_larger_maximum: BadMemory, 22, |x| x.meta.flags = o::FLAG_HAS_MEMORY;
    memory_pages_without_a_memory: BadMemory, 22, |x| x.meta.flags = 0;
    shadow_stack_pointer_that_is_no_global: BadShadowSp, 74, |x| x.meta.shadow_sp_slot = 2;
    fewer_slots_than_values: CountMismatch, 74, |x| { x.meta.slots = 1; x.meta.shadow_sp_slot = 0 };
    slots_of_half_a_value: CountMismatch, 74, |x| x.sections = |s| section(s, o::SECTION_SLOTS).bytes.push(0);
    slots_above_the_limit: LimitExceeded, 7, |x| x.meta.slots = u32::MAX;
    transfer_area_outside_the_slots: BadTransfer, 74, |x| x.meta.transfer = 2;
    export_count_without_the_hook: UnknownHook, 95, |x| x.meta.exports = 1;
    call_hook_without_exports: UnknownHook, 95, |x| x.meta.hooks |= o::HOOK_CALL;
    memory_count_unlike_the_section: CountMismatch, 74, |x| x.meta.memories = 1;
    function_count_unlike_the_section: CountMismatch, 74, |x| x.meta.functions = 1;
    trap_count_unlike_the_section: CountMismatch, 74, |x| x.meta.traps = 2;
    import_count_unlike_the_section: CountMismatch, 74, |x| x.meta.imports = 0;
    passive_count_unlike_the_section: CountMismatch, 74, |x| x.meta.passive = 0;
    data_count_without_its_rows: CountMismatch, 74, |x| x.meta.data = 2;
    data_bytes_without_rows: CountMismatch, 74, |x| x.meta.data = 0;
    function_count_above_the_limit: LimitExceeded, 7, |x| x.meta.functions = u32::MAX;
    passive_count_above_the_limit: LimitExceeded, 7, |x| x.meta.passive = u32::MAX;
    data_count_above_the_limit: LimitExceeded, 7, |x| x.meta.data = u32::MAX;
    import_count_above_the_limit: LimitExceeded, 7, |x| x.meta.imports = u32::MAX;
    trap_count_above_the_limit: LimitExceeded, 7, |x| x.meta.traps = u32::MAX;
    meta_of_another_size: CountMismatch, 74, |x| x.sections = |s| section(s, o::SECTION_META).bytes.push(0);
}

// tables
spoiled! {
    function_past_the_end_of_text: BadFunction, 74, |x| x.funcs[1].size = 27;
    function_that_overlaps_another: BadFunction, 74, |x| x.funcs[0].size = 65;
    function_of_size_zero: BadFunction, 74, |x| x.funcs[1].size = 0;
    function_with_a_wrapping_range: BadFunction, 74, |x| x.funcs[1].size = u32::MAX;
    functions_out_of_order: BadFunction, 74, |x| x.funcs.swap(0, 1);
    function_name_outside_the_strings: BadString, 74, |x| x.funcs[0].name = 4000;
    trap_site_outside_its_function: BadTrap, 74, |x| x.traps[0].site = 64;
    trap_site_at_its_function_start: BadTrap, 74, |x| x.traps[0].site = 0;
    trap_of_a_function_that_is_not_there: BadTrap, 74, |x| x.traps[0].function = 2;
    trap_of_an_unknown_cause: BadTrap, 74, |x| x.traps[0].code = 12;
    trap_with_a_cause_of_the_loader: BadTrap, 74, |x| x.traps[0].code = 18;
    trap_sites_out_of_order: BadTrap, 74, |x| {
        let row = x.traps[0];
        x.traps.push(TrapRow { site: 41, ..row });
        x.meta.traps = 2;
    };
    trap_site_twice: BadTrap, 74, |x| { let row = x.traps[0]; x.traps.push(row); x.meta.traps = 2 };
    trap_file_outside_the_strings: BadString, 74, |x| x.traps[0].file = 4000;
    data_outside_the_memory: BadData, 74, |x| x.data[0].memory_offset = 65536 - 4;
    data_with_a_wrapping_target: BadData, 74, |x| x.data[0].memory_offset = u64::MAX - 2;
    data_outside_the_section: BadData, 74, |x| x.data[0].offset = 25;
    data_that_starts_in_the_rows: BadData, 74, |x| x.data[0].offset = 8;
    data_rows_that_share_bytes: BadData, 74, |x| { let row = x.data[0]; x.data = vec![wasmkc_abi::object::DataRow { offset: 48, ..row }; 2]; x.meta.data = 2 };
    passive_segment_outside_rodata: BadPassive, 74, |x| x.passive[0].size = 5;
    passive_segment_with_a_wrapping_range: BadPassive, 74, |x| x.passive[0].offset = u32::MAX;
    strings_without_a_terminator: BadString, 74, |x| *x.strings.last_mut().unwrap() = b'x';
    strings_without_a_leading_zero: BadString, 74, |x| x.strings[0] = b'x';
    strings_that_are_no_utf8: BadString, 74, |x| x.strings[2] = 0xff;
    note_outside_the_strings: BadString, 74, |x| x.meta.note = 4000;
    name_inside_a_character: BadString, 74, |x| { x.strings.splice(1..3, "é".bytes()); x.meta.name = 2 };
    import_of_an_unknown_helper: UnknownHelper, 95, |x| x.imports[0].number = 77;
    import_of_helper_zero: BadImport, 74, |x| x.imports[0].number = 0;
    import_with_other_effects: EffectMismatch, 71, |x| x.imports[0].effects ^= 1;
    import_with_another_signature: EffectMismatch, 71, |x| x.imports[0].signature ^= 0x10;
    import_that_charges_too_little: HelperFuel, 71, |x| x.imports[0].fuel -= 1;
    import_with_a_reserved_bit: BadImport, 74, |x| x.imports[0].reserved = 1;
    import_twice: BadImport, 74, |x| { let row = x.imports[0]; x.imports.push(row); x.meta.imports = 2 };
}

/// Gives the object an export that takes an i32 and returns an i64, and a second memory.
fn callable(x: &mut Object) {
    x.strings.extend(b"add\0i:I\0");
    x.meta.hooks |= o::HOOK_CALL;
    x.meta.exports = 1;
    x.meta.transfer = 5;
    x.meta.slots = 6;
    x.exports = vec![ExportRow { name: 26, entry: INIT, signature: 30, reserved: 0 }];
    x.meta.memories = 1;
    x.memories = vec![MemoryRow { slot: 2, min: 1, max: 2, reserved: 0 }];
}

/// A third memory behind the second, the transfer area behind it.
fn two_memories(x: &mut Object) {
    callable(x);
    x.meta.memories = 2;
    x.meta.transfer = 8;
    x.meta.slots = 9;
    x.memories.push(MemoryRow { slot: 5, min: 0, max: 0, reserved: 0 });
}

/// Offset of a new text: `head` and as many letters as make it `len` bytes.
fn long(x: &mut Object, head: &str, len: usize) -> u32 {
    let at = x.strings.len() as u32;
    x.strings.extend(head.bytes().chain(std::iter::repeat_n(b'I', len - head.len())).chain([0]));
    at
}

#[test]
fn as_many_values_as_a_call_takes() {
    let mut object = Object::default();
    two_memories(&mut object);
    object.meta.slots = 8 + 128;
    let all = "I".repeat(128);
    object.exports[0].signature = long(&mut object, &format!("{all}:{all}"), 257);
    object.exports[0].name = long(&mut object, "n", 255);
    let program = load(&object.elf()).unwrap();
    let (name, signature) = program.exports().next().unwrap();
    assert_eq!((name.len(), signature.len()), (255, 257));
    let (_, signature) = program.export(name).unwrap();
    assert_eq!((signature.params.len(), signature.results.len()), (128, 128));
}

#[test]
fn a_callable_object_is_taken() {
    let mut object = Object::default();
    callable(&mut object);
    let program = load(&object.elf()).unwrap();
    let (entry, signature) = program.export("add").unwrap();
    assert_eq!((entry, signature.params, signature.results), (common::TEXT_BASE + u64::from(INIT), "i", "I"));
    assert_eq!(program.export("sub"), None);
    assert_eq!(program.info().memory_max, 4);
}

// exports and further memories
spoiled! {
    export_of_no_function: BadEntry, 74, |x| { callable(x); x.exports[0].entry = INIT + 1 };
    export_name_outside_the_strings: BadString, 74, |x| { callable(x); x.exports[0].name = 4000 };
    export_signature_of_an_unknown_type: BadExport, 74, |x| { callable(x); x.exports[0].signature = 26 };
    export_without_room_for_its_values: BadExport, 74, |x| { callable(x); x.meta.transfer = NONE };
    export_with_a_reserved_bit: BadExport, 74, |x| { callable(x); x.exports[0].reserved = 1 };
    export_count_above_the_limit: LimitExceeded, 7, |x| { callable(x); x.meta.exports = u32::MAX };
    export_name_too_long_to_call: BadExport, 74, |x| { callable(x); x.exports[0].name = long(x, "n", 256) };
    export_signature_too_long_to_show: BadExport, 74, |x| {
        callable(x);
        x.meta.slots = 4000;
        x.exports[0].signature = long(x, ":", 600)
    };
    export_with_more_values_than_a_call_takes: BadExport, 74, |x| {
        callable(x);
        x.meta.slots = 4000;
        x.exports[0].signature = long(x, ":", 130)
    };
    transfer_area_over_an_initial_value: BadTransfer, 74, |x| {
        callable(x);
        x.slots = vec![0; 6];
        x.slots[5] = 1
    };
    further_memory_outside_the_slots: BadMemory, 22, |x| { callable(x); x.memories[0].slot = 4 };
    further_memory_in_the_transfer_area: BadMemory, 22, |x| { callable(x); x.memories[0].slot = 3 };
    further_memories_over_each_other: BadMemory, 22, |x| { two_memories(x); x.memories[1].slot = 4 };
    further_memories_out_of_order: BadMemory, 22, |x| { two_memories(x); x.memories.swap(0, 1) };
    further_memory_over_an_initial_value: BadMemory, 22, |x| { callable(x); x.slots = vec![1; 3] };
    further_memory_over_the_shadow_stack_pointer: BadMemory, 22, |x| { callable(x); x.meta.shadow_sp_slot = 4 };
    further_memory_minimum_above_maximum: BadMemory, 22, |x| { callable(x); x.memories[0].min = 3 };
    memories_above_the_limit_together: BadMemory, 22, |x| { callable(x); x.memories[0].max = MAX_MEMORY_PAGES - 1 };
    further_memory_with_a_reserved_bit: BadMemory, 22, |x| { callable(x); x.memories[0].reserved = 1 };
    memory_count_above_the_limit: LimitExceeded, 7, |x| { callable(x); x.meta.memories = u32::MAX };
    data_of_a_memory_that_is_not_there: BadData, 74, |x| { callable(x); x.data[0].memory = 2 };
    data_outside_a_further_memory: BadData, 74, |x| { callable(x); x.data[0].memory = 1; x.data[0].memory_offset = 65536 - 4 };
    data_with_a_reserved_bit: BadData, 74, |x| x.data[0].reserved = 1;
}

// sections
spoiled! {
    section_twice: DuplicateSection, 74, |x| x.sections = |s| { let again = section(s, o::SECTION_META).clone(); s.push(again) };
    text_missing: MissingSection, 74, |x| x.sections = |s| section(s, ".text").name = ".code".into();
    meta_missing: MissingSection, 74, |x| x.sections = |s| section(s, o::SECTION_META).name = ".other".into();
    text_empty: BadSection, 74, |x| x.text.clear();
    text_not_executable: BadSection, 74, |x| x.sections = |s| section(s, ".text").flags = ALLOC;
    text_writable: WritableText, 74, |x| x.sections = |s| section(s, ".text").flags |= WRITE;
    rodata_executable: ExecutableSection, 74, |x| x.sections = |s| section(s, ".rodata").flags |= EXEC;
    rodata_writable: BadSection, 74, |x| x.sections = |s| section(s, ".rodata").flags |= WRITE;
    another_executable_section: ExecutableSection, 74, |x| x.sections = |s| s.push(Section::new(".init.text", ALLOC | EXEC, &[0xcc]));
    table_without_contents: BadSection, 74, |x| x.sections = |s| section(s, o::SECTION_FUNCS).kind = 8;
    relocations_of_rodata: BadSection, 74, |x| x.sections = |s| {
        let rela = section(s, ".rela.text").clone();
        s.push(Section { name: ".rela.rodata".into(), info: 2, ..rela });
    };
    relocations_of_text_under_another_name: BadSection, 74, |x| x.sections = |s| {
        let rela = section(s, ".rela.text").clone();
        s.push(Section { name: ".rela.more".into(), ..rela });
    };
    relocations_of_a_section_that_is_not_there: BadSection, 74, |x| x.sections = |s| section(s, ".rela.text").info = 99;
    kernel_module: KernelModule, 8, |x| x.sections = |s| s.push(Section::new(".gnu.linkonce.this_module", ALLOC | WRITE, &[0; 64]));
    kernel_module_without_metadata: KernelModule, 8, |x| x.sections = |s| {
        s.retain(|s| !s.name.starts_with(".wkc"));
        s.push(Section::new(".gnu.linkonce.this_module", ALLOC | WRITE, &[0; 64]));
    };
}

// relocations
spoiled! {
    relocation_past_the_end_of_text: BadRelocation, 74, |x| x.relas[4].offset = 87;
    relocation_with_a_wrapping_offset: BadRelocation, 74, |x| x.relas[4].offset = u64::MAX - 1;
    relocations_out_of_order: BadRelocation, 74, |x| x.relas.swap(0, 1);
    relocations_that_overlap: BadRelocation, 74, |x| x.relas[1].offset = 35;
    relocation_one_byte_before_its_field: BadRelocation, 74, |x| x.relas[1].offset = 36;
    relocation_one_byte_behind_its_field: BadRelocation, 74, |x| x.relas[1].offset = 38;
    return_that_becomes_a_trap: BadRelocation, 74, |x| x.relas[1].symbol = 3;
    trap_that_becomes_a_return: BadRelocation, 74, |x| x.relas[2].symbol = 2;
    constant_whose_field_is_an_immediate: BadRelocation, 74, |x| x.text[31] = 0x81;
    relocation_at_the_start_of_text: BadRelocation, 74, |x| x.relas[0].offset = 0;
    relocation_of_an_unknown_kind: BadRelocation, 74, |x| x.relas[1].kind = 1;
    relocation_of_64_bits: BadRelocation, 74, |x| x.relas[1].kind = 24;
    call_with_another_addend: BadRelocation, 74, |x| x.relas[1].addend = 0;
    constant_before_rodata: BadRelocation, 74, |x| x.relas[0].addend = -9;
    constant_behind_rodata: BadRelocation, 74, |x| x.relas[0].addend = 9;
    constant_that_ends_behind_rodata: BadRelocation, 74, |x| x.relas[0].addend = 1;
    constant_in_text: BadSymbol, 74, |x| x.symbols[1].2 = 1;
    call_into_rodata: BadSymbol, 74, |x| x.relas[1].symbol = 1;
    constant_at_a_function: BadSymbol, 74, |x| x.relas[0].symbol = 2;
    symbol_outside_the_table: BadSymbol, 74, |x| x.relas[1].symbol = 5;
    symbol_zero: BadSymbol, 74, |x| x.relas[1].symbol = 0;
    symbol_of_the_kernel: UnknownSymbol, 95, |x| x.symbols[2].0 = "commit_creds".into();
    helper_that_is_not_imported: UnknownSymbol, 95, |x| x.symbols[4].0 = "wkc_helper_log".into();
    relocations_of_half_a_row: BadSection, 74, |x| x.sections = |s| section(s, ".rela.text").bytes.push(0);
    relocations_without_symbols: BadSection, 74, |x| x.sections = |s| section(s, ".rela.text").link = 1;
    symbols_without_names: BadSection, 74, |x| x.sections = |s| section(s, ".symtab").link = 1;
}

#[test]
#[cfg_attr(miri, ignore = "megabytes take Miri minutes")]
fn text_above_the_limit() {
    let error = refused(|x| x.text.resize(MAX_TEXT_BYTES as usize + 1, 0xcc));
    assert_eq!((error.code, error.section), (Code::LimitExceeded, ".text"));
}

#[test]
#[cfg_attr(miri, ignore = "megabytes take Miri minutes")]
fn rodata_above_the_limit() {
    let error = refused(|x| x.rodata.resize(MAX_RODATA_BYTES as usize + 1, 0));
    assert_eq!((error.code, error.section), (Code::LimitExceeded, ".rodata"));
}

#[test]
fn effect_mismatch_names_the_helper() {
    let error = refused(|x| x.imports[0].effects = 0);
    assert!(error.to_string().contains("cpu"), "{error}");
}

#[test]
fn target_out_of_reach() {
    let platform = common::TestPlatform::default();
    platform.0.lock().unwrap().far_rodata = true;
    let bytes = signed(&Object::default().elf());
    let error = wasmkc_core::load(|_, _| Ok(()), platform.clone(), &bytes).map(|_| ()).unwrap_err();
    assert_eq!(error.code, Code::OutOfReach);
    assert!(platform.0.lock().unwrap().blocks.is_empty());
}

#[test]
fn elf_header_fields() {
    for (at, code) in [
        (0, Code::NotElf),
        (4, Code::NotElf),
        (5, Code::NotElf),
        (7, Code::NotElf),
        (16, Code::NotElf),
        (20, Code::BadElfHeader),
        (52, Code::BadElfHeader),
        (56, Code::BadElfHeader),
        (58, Code::BadElfHeader),
        (62, Code::BadElfHeader),
        (47, Code::Truncated),
    ] {
        let error = refused_file(|elf| elf[at] ^= 0x41);
        assert_eq!(error.code, code, "byte {at}: {error}");
    }
    assert_eq!(refused_file(|elf| elf[60..62].fill(0)).code, Code::BadElfHeader);
    assert_eq!(refused_file(|elf| elf[60..62].fill(0xff)).code, Code::BadElfHeader);
}

#[test]
fn not_an_elf_file() {
    assert_eq!(refused_raw(&signed(b"\0asm\x01\0\0\0"), true).code, Code::NotElf);
}

/// Many sections that share one name of megabytes would be read again and again.
#[test]
fn section_name_without_an_end_in_sight() {
    let named = |len| Object { more: vec![Section::new(&"x".repeat(len), 0, &[]); 200], ..Object::default() };
    assert_eq!(load(&named(64).elf()).unwrap_err().code, Code::BadSectionName);
    load(&named(63).elf()).unwrap();
}

#[test]
fn section_outside_the_file() {
    let header = 64 + 64 * 7;
    assert_eq!(refused_file(|elf| elf[header + 24 + 6] = 1).code, Code::Truncated);
    assert_eq!(refused_file(|elf| elf[header + 32..header + 40].fill(0xff)).code, Code::Truncated);
}

#[test]
fn section_name_outside_the_names() {
    assert_eq!(refused_file(|elf| elf[64 + 64 * 3 + 2] = 1).code, Code::BadSectionName);
}

#[test]
fn unsigned_is_refused_before_the_verifier_is_asked() {
    let error = refused_raw(&Object::default().elf(), false);
    assert_eq!((error.code, error.errno()), (Code::Unsigned, 61));
    assert_eq!(refused_raw(b"", false).code, Code::Unsigned);
    assert_eq!(refused_raw(o::SIGNATURE_MAGIC, false).code, Code::BadTrailer);
}

#[test]
fn trailer_fields() {
    let good = signed(&Object::default().elf());
    let header = good.len() - 40;
    for field in [0, 1, 2, 3, 4, 5, 6, 7, 8] {
        let mut bad = good.clone();
        bad[header + field] ^= 0x40;
        assert_eq!(refused_raw(&bad, false).code, Code::BadTrailer, "byte {field}");
    }
    let mut no_signature = good.clone();
    no_signature[header + 11] = 0;
    assert_eq!(refused_raw(&no_signature, false).code, Code::BadTrailer);
    let mut no_data = good.clone();
    no_data[header + 8..header + 12].copy_from_slice(&(header as u32).to_be_bytes());
    assert_eq!(refused_raw(&no_data, false).code, Code::BadTrailer);
}

#[test]
#[cfg_attr(miri, ignore = "megabytes take Miri minutes")]
fn too_large() {
    assert_eq!(refused_raw(&vec![0; MAX_OBJECT_BYTES as usize + 1], false).code, Code::TooLarge);
}

#[test]
fn verifier_sees_what_is_signed_and_its_errno_is_passed_on() {
    let elf = Object::default().elf();
    for errno in [126, 129, 74, 65] {
        let verifier = |data: &[u8], signature: &[u8]| {
            assert_eq!((data, signature), (elf.as_slice(), b"signature".as_slice()));
            Err(errno)
        };
        let error =
            wasmkc_core::load(verifier, common::TestPlatform::default(), &signed(&elf)).map(|_| ()).unwrap_err();
        assert_eq!((error.code, error.errno()), (Code::Signature, errno));
    }
}
