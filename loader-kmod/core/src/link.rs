// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! From a checked object to bytes that are right for one address: arena space, relocations, writing.
#![forbid(unsafe_code)]

use crate::error::{Code, Error};
use crate::memory::List;
use crate::parse::ParsedImage;
use crate::platform::{Arena, Platform};
use crate::portable;
use crate::program::Program;
use crate::relocation::Target;
use crate::tables::Tables;
use wasmkc_abi::object::Meta;

/// Arena space of one program, given back when dropped.
///
/// # Invariants
/// A block with a size was allocated from `platform` and not freed.
#[derive(Debug)]
pub(crate) struct Space<P: Platform> {
    platform: P,
    pub(crate) text: Block,
    pub(crate) rodata: Block,
}

/// A range of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    arena: Arena,
    pub(crate) address: u64,
    pub(crate) size: usize,
}

impl<P: Platform> Space<P> {
    fn new(platform: P) -> Self {
        let empty = |arena| Block { arena, address: 0, size: 0 };
        Self { platform, text: empty(Arena::Text), rodata: empty(Arena::Rodata) }
    }

    fn alloc(&mut self, arena: Arena, size: usize) -> Result<Block, Error> {
        if size == 0 {
            return Ok(Block { arena, address: 0, size });
        }
        let address = self.platform.arena_alloc(arena, size);
        let address = address.map_err(|errno| Error::from_platform(Code::Platform, errno).about(name(arena)))?;
        Ok(Block { arena, address, size })
    }

    fn write(&mut self, block: Block, bytes: &[u8]) -> Result<(), Error> {
        let arena = block.arena;
        if block.size != bytes.len() || bytes.is_empty() {
            return if bytes.is_empty() { Ok(()) } else { Err(Error::of(Code::Platform).about(name(arena))) };
        }
        let done = self.platform.arena_write(arena, block.address, bytes);
        done.map_err(|errno| Error::from_platform(Code::Platform, errno).about(name(arena)))
    }

    /// The platform it came from.
    pub(crate) fn platform(&self) -> &P {
        &self.platform
    }
}

impl<P: Platform> Drop for Space<P> {
    fn drop(&mut self) {
        for block in [self.text, self.rodata] {
            if block.size != 0 {
                self.platform.arena_free(block.arena, block.address, block.size);
            }
        }
    }
}

const fn name(arena: Arena) -> &'static str {
    match arena {
        Arena::Text => "code arena",
        Arena::Rodata => "read-only data arena",
        Arena::Bytecode => "memory for bytecode",
    }
}

/// An object with its place in the arenas and its bytes relocated for it, not yet written.
#[derive(Debug)]
pub struct LinkedImage<'a, P: Platform> {
    space: Space<P>,
    text: List<u8>,
    rodata: &'a [u8],
    text_size: usize,
    text_sha256: [u8; 32],
    meta: Meta,
    tables: Tables,
    targets: u32,
}

impl<'a> ParsedImage<'a> {
    /// Takes arena space and applies the relocations to a copy. Bytecode has none, and its constants behind it.
    ///
    /// # Errors
    /// [`Code::NoMemory`], [`Code::Platform`], [`Code::UnknownSymbol`], [`Code::OutOfReach`].
    pub fn link<P: Platform>(self, mut platform: P) -> Result<LinkedImage<'a, P>, Error> {
        let text_sha256 = platform.sha256(self.text);
        let mut space = Space::new(platform);
        let text_size = self.text.len();
        if portable::is_portable(&self.meta) {
            let text = portable::image(self.text, self.rodata)?;
            space.text = space.alloc(Arena::Bytecode, text.len())?;
            let (meta, tables, targets) = (self.meta, self.tables, self.targets);
            return Ok(LinkedImage { space, text, rodata: &[], text_size, text_sha256, meta, tables, targets });
        }
        let mut text = List::copy_of(self.text)?;
        space.text = space.alloc(Arena::Text, self.text.len())?;
        space.rodata = space.alloc(Arena::Rodata, self.rodata.len())?;
        for r in self.relocations.iter() {
            let at = |code| Error::at(code, ".text", r.offset as usize);
            let target = match r.target {
                Target::Symbol(symbol) => space.platform.symbol(symbol).ok_or(at(Code::UnknownSymbol))?,
                Target::Rodata => space.rodata.address,
            };
            let target = target.checked_add_signed(r.addend).ok_or(at(Code::OutOfReach))?;
            let place = space.text.address.checked_add(r.offset.into()).ok_or(at(Code::OutOfReach))?;
            let field = text.get_mut(r.offset as usize..).and_then(|t| t.first_chunk_mut::<4>());
            let field = field.ok_or(at(Code::BadRelocation))?;
            *field = r.field.apply(*field, place, target).ok_or(at(Code::OutOfReach))?;
        }
        let (meta, tables, targets) = (self.meta, self.tables, self.targets);
        Ok(LinkedImage { space, text, rodata: self.rodata, text_size, text_sha256, meta, tables, targets })
    }
}

impl<P: Platform> LinkedImage<'_, P> {
    /// Writes the bytes to where they run.
    ///
    /// # Errors
    /// [`Code::Platform`].
    pub fn seal(mut self) -> Result<Program<P>, Error> {
        let (text, rodata) = (self.space.text, self.space.rodata);
        self.space.write(rodata, self.rodata)?;
        self.space.write(text, &self.text)?;
        Ok(Program::new(self.space, self.text_size, self.meta, self.tables, self.text_sha256, self.targets))
    }
}
