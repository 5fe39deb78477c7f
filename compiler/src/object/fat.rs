//! One object of several: the first target's ELF file with the others' as sections at its end, and back.
//!
//! ```text
//! before  | header | sections ... | section names |                                  | section headers |
//! after   | header | sections ... | section names, new names | inner | inner ...     | section headers, new ones |
//! ```
//! Nothing of the outer file moves but its section headers, so that leaving out what was added gives it back byte for
//! byte. The inner files are taken as they are.

use wasmkc_abi::object::SECTION_TARGET_PREFIX;

/// Bytes of the ELF header and of a section's header.
const HEADER: usize = 64;
/// Alignment of what is added, and of the section headers.
const ALIGN: usize = 8;
const SHT_PROGBITS: u32 = 1;

/// Where fields are in the ELF header, and in a section's.
mod field {
    pub const E_SHOFF: usize = 40;
    pub const E_SHNUM: usize = 60;
    pub const E_SHSTRNDX: usize = 62;
    pub const SH_NAME: usize = 0;
    pub const SH_TYPE: usize = 4;
    pub const SH_OFFSET: usize = 24;
    pub const SH_SIZE: usize = 32;
    pub const SH_ADDRALIGN: usize = 48;
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

/// An ELF file as this compiler writes it: the names of its sections, then their headers, are its end.
struct Parts<'a> {
    /// All before the names.
    body: &'a [u8],
    names: &'a [u8],
    headers: &'a [u8],
    /// Which of the sections has the names.
    names_index: usize,
}

impl<'a> Parts<'a> {
    fn of(elf: &'a [u8]) -> Option<Self> {
        let (table, count) = (u64_at(elf, field::E_SHOFF)?, u16_at(elf, field::E_SHNUM)?);
        let headers = elf.get(table..)?;
        let names_index = usize::from(u16_at(elf, field::E_SHSTRNDX)?);
        let header = headers.get(names_index * HEADER..)?.get(..HEADER)?;
        let (start, size) = (u64_at(header, field::SH_OFFSET)?, u64_at(header, field::SH_SIZE)?);
        let names = elf.get(start..start.checked_add(size)?)?;
        let whole = headers.len() == usize::from(count) * HEADER && start >= HEADER;
        whole.then_some(Self { body: &elf[..start], names, headers, names_index })
    }

    /// The file of these parts, with `contents` between names and headers.
    fn file(&self, names: &[u8], contents: &[u8], headers: &[u8]) -> Vec<u8> {
        let mut out = [self.body, names].concat();
        out.resize(out.len().next_multiple_of(ALIGN), 0);
        out.extend_from_slice(contents);
        let table = out.len();
        out.extend_from_slice(headers);
        put(&mut out, field::E_SHOFF, (table as u64).to_le_bytes());
        put(&mut out, field::E_SHNUM, ((headers.len() / HEADER) as u16).to_le_bytes());
        put(&mut out, table + self.names_index * HEADER + field::SH_SIZE, (names.len() as u64).to_le_bytes());
        out
    }
}

/// `outer` with each of `inner`, a section's name and its content, at its end; `None` if `outer` is no ELF file of this
/// compiler. Neither names nor contents are judged: that is the audit's and the loader's.
#[must_use]
pub fn join(outer: &[u8], inner: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    if inner.is_empty() {
        return Some(outer.to_vec());
    }
    let parts = Parts::of(outer)?;
    // What stood between names and headers would be lost.
    if (parts.body.len() + parts.names.len()).next_multiple_of(ALIGN) + parts.headers.len() != outer.len() {
        return None;
    }
    let (mut names, mut contents, mut headers) = (parts.names.to_vec(), Vec::new(), parts.headers.to_vec());
    let all_names: usize = inner.iter().map(|(name, _)| name.len() + 1).sum();
    let start = (parts.body.len() + names.len() + all_names).next_multiple_of(ALIGN);
    for (name, bytes) in inner {
        let mut header = [0; HEADER];
        put(&mut header, field::SH_NAME, (names.len() as u32).to_le_bytes());
        put(&mut header, field::SH_TYPE, SHT_PROGBITS.to_le_bytes());
        put(&mut header, field::SH_OFFSET, ((start + contents.len()) as u64).to_le_bytes());
        put(&mut header, field::SH_SIZE, (bytes.len() as u64).to_le_bytes());
        put(&mut header, field::SH_ADDRALIGN, (ALIGN as u64).to_le_bytes());
        headers.extend_from_slice(&header);
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        contents.extend_from_slice(bytes);
        contents.resize(contents.len().next_multiple_of(ALIGN), 0);
    }
    Some(parts.file(&names, &contents, &headers))
}

/// The outer ELF file of `object` (without a signature) as it was before [`join`]; `None` if it was not made by that.
#[must_use]
pub fn outer(object: &[u8]) -> Option<Vec<u8>> {
    let parts = Parts::of(object)?;
    let name = |header: &[u8]| {
        let tail = parts.names.get(u32_at(header, field::SH_NAME)? as usize..)?;
        std::str::from_utf8(tail.split(|b| *b == 0).next()?).ok()
    };
    let all: Vec<&[u8]> = parts.headers.chunks_exact(HEADER).collect();
    let is_inner = |header: &&[u8]| name(header).is_some_and(|name| name.starts_with(SECTION_TARGET_PREFIX));
    let Some(first) = all.iter().position(is_inner) else { return Some(object.to_vec()) };
    let names = parts.names.get(..u32_at(all[first], field::SH_NAME)? as usize)?;
    let outer = parts.file(names, &[], &parts.headers[..first * HEADER]);
    let mut inner = Vec::new();
    for header in &all[first..] {
        let (start, size) = (u64_at(header, field::SH_OFFSET)?, u64_at(header, field::SH_SIZE)?);
        inner.push((name(header)?, object.get(start..start.checked_add(size)?)?));
    }
    (join(&outer, &inner)? == object).then_some(outer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Target, compile};

    fn compiled(target: Target) -> Vec<u8> {
        let wasm = wat::parse_str(r#"(module (func (export "xdp") (result i32) i32.const 2))"#).expect("right");
        compile(&wasm, &Options { target, name: "f".into(), ..Options::default() }).expect("compiles").bytes
    }

    #[test]
    fn what_is_joined_can_be_taken_apart_again() {
        let (one, two) = (compiled(Target::X86_64), compiled(Target::Aarch64));
        for inner in [
            &[(".wkc.target.a", &two[..])][..],
            &[(".wkc.target.a", &one[..7]), (".wkc.target.bc", &two), (".wkc.target.", b"")],
        ] {
            let whole = join(&one, inner).expect("joins");
            assert_eq!(outer(&whole).as_deref(), Some(&one[..]));
            for (name, bytes) in inner {
                let at = whole.windows(name.len()).position(|w| w == name.as_bytes()).expect("named");
                assert!(whole[at..].windows(bytes.len().max(1)).any(|w| w == *bytes || bytes.is_empty()), "{name}");
            }
        }
        assert_eq!(join(&one, &[]), Some(one.clone()));
        assert_eq!(outer(&one), Some(one));
    }

    #[test]
    fn what_others_have_made_is_neither_joined_nor_taken_apart() {
        let (one, two) = (compiled(Target::X86_64), compiled(Target::Aarch64));
        let whole = join(&one, &[(".wkc.target.aarch64", &two)]).expect("joins");
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!((outer(&longer), join(&longer, &[("", b"")])), (None, None));
        assert_eq!(join(&whole, &[(".wkc.target.aarch64", &two)]), None, "joined already");
        // Bytes that belong to no section.
        let mut behind = whole.clone();
        let table = u64_at(&whole, field::E_SHOFF).expect("whole");
        behind.splice(table..table, [0; 8]);
        put(&mut behind, field::E_SHOFF, (table as u64 + 8).to_le_bytes());
        assert_eq!(outer(&behind), None);
        for at in 0..whole.len() {
            let mut spoiled = whole.clone();
            spoiled[at] ^= 0xff;
            let _ = outer(&spoiled);
        }
        for end in 0..whole.len() {
            assert_eq!(outer(&whole[..end]), None, "cut at {end}");
        }
    }
}
