//! Instructions that load and store: one register or a pair, of general registers only.
//!
//! ```text
//!   [base, #n]          [base, index]         any base
//!   [sp, #-n]!          stores: push          n bytes are at least what is stored, so the frame keeps them
//!   [sp], #n            loads: pop            n bytes are at least what is loaded
//! ```

use super::SP;
use super::decode::Meaning;
use super::fields::{Fields, ZERO};
use crate::effects::{Access, Move, Operand, Place, Register, Value, Width};

/// What is loaded or stored.
#[derive(Clone, Copy)]
struct Data {
    bytes: u32,
    loads: bool,
    /// Loads: the sign is extended.
    signed: bool,
    width: Width,
}

/// Where.
#[derive(Clone, Copy)]
struct Address {
    base: Register,
    index: Option<Register>,
    displacement: i64,
    moves: Option<Move>,
}

/// Any load or store.
pub fn access(w: Fields) -> Option<Meaning> {
    // Bit 26 is that of vector registers.
    match (w.field(27, 3), w.bit(26)) {
        (0b101, false) => pair(w),
        (0b111, false) => single(w),
        _ => None,
    }
}

fn pair(w: Fields) -> Option<Meaning> {
    let width = match w.field(30, 2) {
        0 => Width::Narrow,
        2 => Width::Wide,
        _ => return None,
    };
    let bytes = if width == Width::Wide { 8 } else { 4 };
    let (loads, first, second) = (w.bit(22), w.rd(), w.register(10));
    if loads && first == second {
        return None;
    }
    let number = w.signed(15, 7) * i64::from(bytes);
    let address = match w.field(23, 3) {
        1 => popped(w, loads, number, 2 * bytes)?,
        2 => Address { base: w.rn(), index: None, displacement: number, moves: None },
        3 => pushed(w, loads, number, 2 * bytes)?,
        _ => return None,
    };
    let data = Data { bytes, loads, signed: false, width };
    let behind = Address { displacement: address.displacement + i64::from(bytes), ..address };
    let meaning = Meaning::new(if loads { "ldp" } else { "stp" }, &[first, second, w.rn()]);
    let mut meaning = transfer(transfer(meaning, first, data, address), second, data, behind);
    if loads && first == super::FP && second == super::LR && address.moves == Some(Move::Flatter(16)) {
        meaning.effects.stack = Some(Move::Record);
    }
    Some(meaning)
}

fn single(w: Fields) -> Option<Meaning> {
    let bytes = 1 << w.field(30, 2);
    let data = match (w.field(22, 2), bytes) {
        (0, _) => Data { bytes, loads: false, signed: false, width: Width::Wide },
        (1, _) => Data { bytes, loads: true, signed: false, width: Width::Wide },
        (2, 1 | 2 | 4) => Data { bytes, loads: true, signed: true, width: Width::Wide },
        (3, 1 | 2) => Data { bytes, loads: true, signed: true, width: Width::Narrow },
        _ => return None,
    };
    let at = |displacement| Address { base: w.rn(), index: None, displacement, moves: None };
    let address = match (w.bit(24), w.bit(21), w.field(10, 2)) {
        (true, _, _) => at(i64::from(w.field(10, 12)) * i64::from(bytes)),
        (false, false, 0) => at(w.signed(12, 9)),
        (false, false, 1) => popped(w, data.loads, w.signed(12, 9), bytes)?,
        (false, false, 3) => pushed(w, data.loads, w.signed(12, 9), bytes)?,
        // Extended from 32 bits, or as it is; the zero register is no index.
        (false, true, 2) if w.bit(14) && w.rm() != ZERO => Address { index: Some(w.rm()), ..at(0) },
        _ => return None,
    };
    let name = match (data.loads, data.signed, bytes) {
        (false, _, 1) => "strb",
        (false, _, 2) => "strh",
        (false, _, _) => "str",
        (true, false, 1) => "ldrb",
        (true, false, 2) => "ldrh",
        (true, false, _) => "ldr",
        (true, true, 1) => "ldrsb",
        (true, true, 2) => "ldrsh",
        (true, true, _) => "ldrsw",
    };
    let named = [w.rd(), w.rn(), address.index.unwrap_or(w.rn())];
    Some(transfer(Meaning::new(name, &named), w.rd(), data, address))
}

/// A store that makes room on the stack first.
fn pushed(w: Fields, loads: bool, number: i64, bytes: u32) -> Option<Address> {
    let room = u32::try_from(-number).ok().filter(|room| *room >= bytes && !loads && w.rn() == SP)?;
    Some(Address { base: SP, index: None, displacement: number, moves: Some(Move::Deeper(room)) })
}

/// A load that gives its room back.
fn popped(w: Fields, loads: bool, number: i64, bytes: u32) -> Option<Address> {
    let room = u32::try_from(number).ok().filter(|room| *room >= bytes && loads && w.rn() == SP)?;
    Some(Address { base: SP, index: None, displacement: 0, moves: Some(Move::Flatter(room)) })
}

/// One register is loaded or stored.
fn transfer(mut meaning: Meaning, r: Register, data: Data, address: Address) -> Meaning {
    let whole = data.bytes == 8;
    let access = Access {
        base: Some(address.base),
        index: address.index,
        displacement: address.displacement,
        size: Some(data.bytes),
        writes: !data.loads,
        value: (whole && !data.loads && r != ZERO).then_some(r),
        less: None,
        implied: address.moves.is_some(),
    };
    let place = Place::of(&access).filter(|_| whole).map_or(Operand::Unknown, Operand::Memory);
    meaning.effects.memory.push(access);
    if address.moves.is_some() {
        meaning.effects.stack = address.moves;
    }
    match (data.loads, data.signed) {
        (false, _) => meaning,
        (true, true) => meaning.sets(r, Value::Any, data.width),
        (true, false) if whole => meaning.sets(r, Value::Same(place), Width::Wide),
        (true, false) => meaning.sets(r, Value::Any, Width::Narrow),
    }
}
