//! Where the wasm has DWARF, trap sites and line rows name its source; where it has none or a broken one,
//! they name the byte of the wasm file.

use object::{Object as _, ObjectSection as _};
use wasmkc_abi::{
    object::{SECTION_STRINGS, SECTION_TRAPS, TrapRow},
    trap::TrapCode,
};
use wasmkc_compiler::{Options, Target, compile};

const SOURCE: &str = r#"(module
  (func $inner
    (nop)
    (unreachable))
  (func (export "xdp") (result i32)
    (call $inner)
    (i32.const 2)))
"#;

fn with_dwarf() -> Vec<u8> {
    let mut parser = wat::Parser::new();
    parser.generate_dwarf(wat::GenerateDwarf::Lines);
    parser.parse_str(Some("dir/source.wat".as_ref()), SOURCE).expect("wat")
}

/// The trap row of `unreachable`, with its file's name.
fn unreachable_row(object: &[u8]) -> (TrapRow, String) {
    let elf = object::File::parse(object).expect("ELF");
    let section = |name| elf.section_by_name(name).expect("section").data().expect("data");
    let row = section(SECTION_TRAPS)
        .chunks(TrapRow::SIZE)
        .filter_map(TrapRow::read)
        .find(|row| row.code == TrapCode::Unreachable as u32)
        .expect("row of unreachable");
    let name = section(SECTION_STRINGS)[row.file as usize..].split(|b| *b == 0).next().expect("string");
    (row, String::from_utf8(name.to_vec()).expect("UTF-8"))
}

/// File and line of each row of `.debug_line`.
fn line_rows(object: &[u8]) -> Vec<(String, u64)> {
    let elf = object::File::parse(object).expect("ELF");
    let dwarf = gimli::Dwarf::load(|id| -> gimli::Result<_> {
        let data = elf.section_by_name(id.name()).and_then(|s| s.data().ok()).unwrap_or_default();
        Ok(gimli::EndianSlice::new(data, gimli::LittleEndian))
    })
    .expect("DWARF");
    let header = dwarf.units().next().expect("units").expect("one unit");
    let unit = dwarf.unit(header).expect("unit");
    let mut rows = unit.line_program.clone().expect("line program").rows();
    let mut out = Vec::new();
    while let Some((header, row)) = rows.next_row().expect("row") {
        if !row.end_sequence() {
            let file = row.file(header).expect("file").path_name();
            let file = dwarf.attr_string(&unit, file).expect("name").to_string_lossy().into_owned();
            out.push((file, row.line().map_or(0, |l| l.get())));
        }
    }
    out
}

/// Options for `target`.
fn options(target: Target) -> Options {
    Options { target, ..Options::default() }
}

#[test]
fn traps_and_rows_name_the_source() {
    for target in Target::ALL {
        let object = compile(&with_dwarf(), &options(target)).expect("compiles").bytes;
        let (row, file) = unreachable_row(&object);
        assert_eq!((file.as_str(), row.line), ("source.wat", 4));
        let rows = line_rows(&object);
        for line in [4, 6, 7] {
            assert!(rows.contains(&("source.wat".to_owned(), line)), "line {line} is not in {rows:?}");
        }
    }
}

#[test]
fn a_frame_is_found_by_its_record() {
    use gimli::{CfaRule, RegisterRule, UnwindContext, UnwindSection};
    // Where the caller's frame is, its frame pointer, its return address: rbp and RA, x29 and x30.
    for (target, pointer, address) in [(Target::X86_64, 6, 16), (Target::Aarch64, 29, 30)] {
        let object = compile(&with_dwarf(), &options(target)).expect("compiles").bytes;
        let elf = object::File::parse(object.as_slice()).expect("ELF");
        let data = elf.section_by_name(".debug_frame").expect("section").data().expect("data");
        let mut section = gimli::DebugFrame::new(data, gimli::LittleEndian);
        section.set_address_size(8);
        let bases = gimli::BaseAddresses::default();
        let mut entries = section.entries(&bases);
        let mut functions = 0;
        while let Some(entry) = entries.next().expect("entry") {
            let gimli::CieOrFde::Fde(partial) = entry else { continue };
            let function = partial.parse(gimli::DebugFrame::cie_from_offset).expect("function");
            let mut context = UnwindContext::new();
            let mut rows = function.rows(&section, &bases, &mut context).expect("rows");
            let mut last = None;
            while let Some(row) = rows.next_row().expect("row") {
                last = Some((
                    row.cfa().clone(),
                    row.register(gimli::Register(pointer)),
                    row.register(gimli::Register(address)),
                ));
            }
            let (cfa, pointer_rule, address_rule) = last.expect("a row");
            assert_eq!(cfa, CfaRule::RegisterAndOffset { register: gimli::Register(pointer), offset: 16 });
            assert_eq!((pointer_rule, address_rule), (Some(RegisterRule::Offset(-16)), Some(RegisterRule::Offset(-8))));
            functions += 1;
        }
        assert!(functions > 0, "{}", target.name());
    }
}

#[test]
fn without_dwarf_the_byte_of_the_wasm_file_is_named() {
    let wasm = wat::parse_str(SOURCE).expect("wat");
    let object = compile(&wasm, &Options { name: "f".to_owned(), ..Options::default() }).expect("compiles").bytes;
    let (row, file) = unreachable_row(&object);
    assert_eq!((file.as_str(), row.line), ("", 0));
    assert_eq!(wasm[row.wasm_offset as usize], 0x00, "the operator at the offset is not `unreachable`");
    assert!(line_rows(&object).contains(&("f.wasm".to_owned(), row.wasm_offset.into())));
}

#[test]
fn broken_dwarf_is_left_out() {
    let good = with_dwarf();
    let start = good.windows(11).position(|w| w == b".debug_line").expect("section") + 11;
    // Every byte flipped once: never a panic, always an object of the same code.
    let text = |bytes: &[u8]| {
        let elf = object::File::parse(bytes).expect("ELF");
        elf.section_by_name(".text").expect("text").data().expect("data").to_vec()
    };
    let expected = text(&compile(&good, &Options::default()).expect("compiles").bytes);
    for at in start..good.len().min(start + 120) {
        let mut broken = good.clone();
        broken[at] ^= 0xff;
        if let Ok(object) = compile(&broken, &Options::default()) {
            assert_eq!(text(&object.bytes), expected);
        }
    }
}

/// `wasm` with the DWARF of a unit of 8-byte addresses whose line rows start at `address`.
fn with_rows_at(wasm: &[u8], address: u64) -> Vec<u8> {
    use gimli::write::{Address, DwarfUnit, EndianVec, LineProgram, LineString, Sections};
    let encoding = gimli::Encoding { format: gimli::Format::Dwarf32, version: 4, address_size: 8 };
    let mut dwarf = DwarfUnit::new(encoding);
    let name = || LineString::String(b"far.c".to_vec());
    let mut program = LineProgram::new(encoding, gimli::LineEncoding::default(), name(), None, name(), None);
    let file = program.add_file(name(), program.default_directory(), None);
    program.begin_sequence(Some(Address::Constant(address)));
    program.row().file = file;
    program.row().line = 7;
    program.generate_row();
    program.end_sequence(8);
    dwarf.unit.line_program = program;
    let mut sections = Sections::new(EndianVec::new(gimli::LittleEndian));
    dwarf.write(&mut sections).expect("DWARF");
    let mut out = wasm.to_vec();
    sections
        .for_each(|id, data| {
            if !data.slice().is_empty() {
                let content = [&[id.name().len() as u8], id.name().as_bytes(), data.slice()].concat();
                let len = content.len();
                assert!(len < 1 << 14);
                out.extend_from_slice(&[0, len as u8 & 0x7f | 0x80, (len >> 7) as u8]);
                out.extend_from_slice(&content);
            }
            Ok::<_, gimli::write::Error>(())
        })
        .expect("sections");
    out
}

#[test]
fn rows_at_addresses_that_no_file_has_are_left_out() {
    let wasm = wat::parse_str(SOURCE).expect("wat");
    let row = |address| {
        let object = compile(&with_rows_at(&wasm, address), &Options::default()).expect("compiles").bytes;
        let (row, file) = unreachable_row(&object);
        (file, row.line)
    };
    // The code section starts before `unreachable`: what is read from there on names it.
    assert_eq!(row(0), ("far.c".to_owned(), 7));
    for address in [u64::MAX, u64::MAX - 8, 1 << 63] {
        assert_eq!(row(address), (String::new(), 0), "{address:#x}");
    }
}
