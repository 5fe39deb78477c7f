// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What an object has code for: the outer ELF file, and inner objects in sections of it; and which one is taken.
//!
//! ```text
//! outer ELF ── .wkc.target.aarch64 ── inner ELF        of each: form only; the one that is taken goes on to parse.rs
//!           └─ .wkc.target.portable ── inner ELF
//! ```
//! An inner object has neither a signature nor inner objects of its own, so nothing here recurses.
#![forbid(unsafe_code)]

use wasmkc_abi::object::{MACHINE_PORTABLE, SECTION_TARGET_PREFIX, SIGNATURE_MAGIC, TARGETS, TargetRow};

use crate::elf::{Elf, SHT_PROGBITS, Section};
use crate::error::{Code, Error};

/// Name of the section that makes an ELF file a kernel module.
const MODULE_SECTION: &[u8] = b".gnu.linkonce.this_module";

/// Which code a caller wants of those that an object has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Native code for this machine if there is some, else portable code.
    #[default]
    Best,
    /// Portable code.
    Portable,
}

/// All codes of an object.
///
/// # Invariants
/// One ELF file a target at most, each of its target's machine, none of them a kernel module; those that are not the
/// outer one have no section that holds another and no signature.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    outer: Elf<'a>,
    /// By the rows of [`TARGETS`].
    found: [Option<Elf<'a>>; TARGETS.len()],
}

impl<'a> Targets<'a> {
    /// Checks the form of the outer ELF file and of every one in it.
    ///
    /// # Errors
    /// Those of [`Elf::parse`], [`Code::KernelModule`], [`Code::UnknownTarget`], [`Code::DuplicateTarget`],
    /// [`Code::BadSection`], [`Code::SignedTarget`], [`Code::WrongTarget`], [`Code::NestedTarget`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let outer = Elf::parse(bytes)?;
        if is_module(&outer) {
            return Err(Error::of(Code::KernelModule));
        }
        let mut found = [None; TARGETS.len()];
        for (place, _) in found.iter_mut().zip(&TARGETS).filter(|(_, row)| row.elf_machine == outer.machine()) {
            *place = Some(outer);
        }
        for section in outer.sections().filter(holds_target) {
            let named = found.iter_mut().zip(&TARGETS).find(|(_, row)| row.section.as_bytes() == section.name);
            let (place, row) = named.ok_or(Error::in_section(Code::UnknownTarget, SECTION_TARGET_PREFIX))?;
            if place.is_some() {
                return Err(Error::in_section(Code::DuplicateTarget, row.section));
            }
            *place = Some(inner(&section, row)?);
        }
        Ok(Self { outer, found })
    }

    /// The outer ELF file, be its machine known or not.
    #[must_use]
    pub const fn outer(&self) -> &Elf<'a> {
        &self.outer
    }

    /// Those that there are, in the order of [`TARGETS`].
    pub fn iter(&self) -> impl Iterator<Item = (&'static TargetRow, Elf<'a>)> + use<'a> {
        TARGETS.iter().zip(self.found).filter_map(|(row, elf)| Some((row, elf?)))
    }

    /// The same as a set: bit n for row n.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.found.iter().rev().fold(0, |bits, elf| bits << 1 | u32::from(elf.is_some()))
    }

    /// The one that a loader on `machine` takes; the number is that of [`wasmkc_abi::object::Meta`].
    ///
    /// # Errors
    /// [`Code::NoCode`], [`Code::NoPortable`].
    pub fn choose(&self, machine: u16, wanted: Wanted) -> Result<Elf<'a>, Error> {
        let of = |machine| self.iter().find(|(row, _)| row.machine == machine).map(|(_, elf)| elf);
        match wanted {
            Wanted::Best => {
                of(machine).or_else(|| of(MACHINE_PORTABLE)).ok_or(Error::of(Code::NoCode).about(name(machine)))
            }
            Wanted::Portable => of(MACHINE_PORTABLE).ok_or(Error::of(Code::NoPortable)),
        }
    }
}

/// The number in [`wasmkc_abi::object::Meta`] that goes with `e_machine`.
pub(crate) fn machine(elf_machine: u16) -> u16 {
    TARGETS.iter().find(|row| row.elf_machine == elf_machine).map_or(elf_machine, |row| row.machine)
}

fn name(machine: u16) -> &'static str {
    TARGETS.iter().find(|row| row.machine == machine).map_or("", |row| row.name)
}

fn is_module(elf: &Elf<'_>) -> bool {
    elf.sections().any(|s| s.name == MODULE_SECTION)
}

fn holds_target(section: &Section<'_>) -> bool {
    section.name.starts_with(SECTION_TARGET_PREFIX.as_bytes())
}

/// The ELF file in `section`, which is named as `row` says.
fn inner<'a>(section: &Section<'a>, row: &'static TargetRow) -> Result<Elf<'a>, Error> {
    let bad = |code| Error::in_section(code, row.section);
    if section.kind != SHT_PROGBITS || section.flags != 0 {
        return Err(bad(Code::BadSection));
    }
    if section.bytes.ends_with(SIGNATURE_MAGIC) {
        return Err(bad(Code::SignedTarget));
    }
    // Where in the inner file is told by the subject, as the section is that of the outer one.
    let elf = Elf::parse(section.bytes).map_err(|e| Error { section: row.section, ..e.about(e.section) })?;
    if elf.machine() != row.elf_machine {
        return Err(bad(Code::WrongTarget));
    }
    if is_module(&elf) {
        return Err(bad(Code::KernelModule));
    }
    if elf.sections().any(|s| holds_target(&s)) {
        return Err(bad(Code::NestedTarget));
    }
    Ok(elf)
}
