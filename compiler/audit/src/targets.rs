//! The targets of an object: the outer ELF file, and the inner objects in sections of it, each judged by itself.
//!
//! In: the bytes of a `.kwo`. Out: the bytes of each target's object, and findings about how they are put together: what
//! a loader for another machine would take must be as good as what a loader for this one takes.

use object::read::elf::{FileHeader as _, SectionHeader as _};
use object::{Object as _, ObjectSection as _, elf};
use wasmkc_abi::limits::MAX_OBJECT_BYTES;
use wasmkc_abi::object::{SECTION_TARGET_PREFIX, SIGNATURE_MAGIC, TARGETS, TargetRow};

use crate::agree::agree;
use crate::finding::{Finding, Rule};
use crate::image::Elf;

/// One target's object.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The target's name; of the outer file's machine, empty if the ABI has none.
    pub target: &'static str,
    /// The ELF file; for the outer one the whole of what was given.
    pub bytes: &'a [u8],
}

/// All of `object`, the outer one first. Inner ones that are no objects at all are findings and not among them.
pub fn parts<'a>(object: &'a [u8], findings: &mut Vec<Finding>) -> Vec<Part<'a>> {
    let mut parts = vec![Part { target: "", bytes: object }];
    // What cannot be read is said by the stage that reads all of it.
    let Some(outer) = Some(object).filter(|o| o.len() <= MAX_OBJECT_BYTES as usize).and_then(|o| Elf::parse(o).ok())
    else {
        return parts;
    };
    let machine = outer.elf_header().e_machine(outer.endian());
    parts[0].target = TARGETS.iter().find(|row| row.elf_machine == machine).map_or("", |row| row.name);
    for section in outer.sections() {
        let Ok(name) = section.name() else { continue };
        if !name.starts_with(SECTION_TARGET_PREFIX) {
            continue;
        }
        let mut wrong = |rule, detail: &str| findings.push(Finding::object(rule, format!("{name} {detail}")));
        let Some(row) = TARGETS.iter().find(|row| row.section == name) else {
            wrong(Rule::InnerObject, "is of a target that the ABI does not have");
            continue;
        };
        if parts.iter().any(|part| part.target == row.name) {
            // Not judged: there may be as many as there are sections, all of the same bytes.
            wrong(Rule::InnerObject, "is the second code for its target");
            continue;
        }
        let header = section.elf_section_header();
        let plain = header.sh_type(outer.endian()) == elf::SHT_PROGBITS;
        if !plain || header.sh_flags(outer.endian()) != 0 {
            wrong(Rule::SectionFlags, "is no plain section");
        }
        match section.data() {
            Ok(bytes) => match judge_form(bytes, row) {
                Ok(()) => parts.push(Part { target: row.name, bytes }),
                Err((rule, detail)) => wrong(rule, detail),
            },
            Err(_) => wrong(Rule::Malformed, "does not lie in the file"),
        }
    }
    agree(&parts, findings);
    parts
}

/// What an inner object must be before its code is looked at.
fn judge_form(bytes: &[u8], row: &TargetRow) -> Result<(), (Rule, &'static str)> {
    // Class and data of the ELF identification: 64 bits, little-endian.
    if bytes.starts_with(b"\x7fELF") && bytes.get(4..6).is_some_and(|ident| ident != [2, 1]) {
        return Err((Rule::InnerObject, "is of another width or byte order than 64 bits, little-endian"));
    }
    if bytes.ends_with(SIGNATURE_MAGIC) {
        return Err((Rule::InnerObject, "has a signature of its own"));
    }
    let Ok(inner) = Elf::parse(bytes) else { return Err((Rule::Malformed, "is no ELF file")) };
    if inner.elf_header().e_machine(inner.endian()) != row.elf_machine {
        return Err((Rule::InnerObject, "is for another machine than its name says"));
    }
    let nested = |name: &str| name.starts_with(SECTION_TARGET_PREFIX);
    if inner.sections().any(|section| section.name().is_ok_and(nested)) {
        return Err((Rule::InnerObject, "contains inner objects"));
    }
    Ok(())
}
