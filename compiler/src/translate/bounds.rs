//! ============================================================================================
//!  THE ONLY FILE, WITH THOSE OF ITS FOLDER, THAT MAKES AN ADDRESS. Read every line before you change one.
//! ============================================================================================
//!
//! Generated code reaches memory in six ways, each checked here:
//!
//! | what            | base                              | bound                              |
//! |-----------------|-----------------------------------|------------------------------------|
//! | call block      | first argument                    | fixed offsets of `wasmkc-abi`      |
//! | instance block  | `Call::instance`                  | fixed offsets, slots by wasm index |
//! | linear memory   | `Instance::memory_base`, or slots | a constant, or the size in use     |
//! | table           | its slots in the instance         | a constant, or its first slot      |
//! | packet          | `Call::packet`                    | `Call::packet_len`                 |
//! | passive segment | `.rodata`                         | its slot in the instance           |
//!
//! Indices are i32, so `index + offset + size` cannot wrap in 64 bits; one of i64 must fit 32 bits before
//! anything else is done with it, since nothing is that large. A failed check branches to a trap; unless the
//! author is trusted the index is also masked by a conditional move, so that speculation past the branch sees
//! index 0 (Spectre v1). Indices into tables are masked whoever the author is.

mod tables;

use std::mem::offset_of;

use cranelift_codegen::ir::{
    self, AliasRegion, AliasRegionData, Endianness, GlobalValueData, InstBuilder, MemFlagsData, Type, Value,
    condcodes::IntCC, types,
};
use cranelift_frontend::FunctionBuilder;
use wasmkc_abi::{
    limits::{MAX_MEMORY_PAGES, WASM_PAGE},
    trap::TrapCode,
    vmctx::{Call, INSTANCE_GLOBALS, INSTANCE_SLOT, Instance},
};

use super::{Symbol, Translator};
use crate::{module::MemoryRef, passes::Interval};

/// Kinds of memory that never overlap, so that a store to one does not end knowledge about another.
#[derive(Clone, Copy)]
pub struct Regions {
    call: AliasRegion,
    fuel: AliasRegion,
    instance: AliasRegion,
    memory: AliasRegion,
    packet: AliasRegion,
}

impl Regions {
    /// Declares them in a new function.
    pub fn new(builder: &mut FunctionBuilder<'_>) -> Self {
        let mut user_id = 0;
        let mut region = |description: &'static str| {
            user_id += 1;
            builder.func.dfg.alias_regions.push(AliasRegionData { user_id, description: description.into() })
        };
        Self {
            call: region("call block"),
            fuel: region("fuel"),
            instance: region("instance"),
            memory: region("linear memory"),
            packet: region("packet"),
        }
    }
}

/// A checked address: `base + offset`, good for the size it was asked for.
#[derive(Clone, Copy)]
pub struct Address {
    /// Native address.
    pub base: Value,
    /// Constant to add.
    pub offset: i32,
    /// Flags of an access there.
    pub flags: MemFlagsData,
}

/// A checked range: `len` bytes from `start`.
#[derive(Clone, Copy)]
pub struct Range {
    /// Native address.
    pub start: Value,
    /// Bytes, i64 of 32 bits.
    pub len: Value,
}

fn flags(region: AliasRegion) -> MemFlagsData {
    MemFlagsData::new().with_notrap().with_endianness(Endianness::Little).with_alias_region(Some(region))
}

/// Flags of a field that does not change while a filter runs.
fn fixed(region: AliasRegion) -> MemFlagsData {
    flags(region).with_aligned().with_readonly().with_can_move()
}

impl Translator<'_, '_, '_> {
    // ---- call block ----

    pub(super) fn stack_limit(&mut self) -> Value {
        let at = offset_of!(Call, stack_limit) as i32;
        self.builder.ins().load(types::I64, fixed(self.regions.call), self.call, at)
    }

    /// The fuel where it is charged in memory. The optimiser must not merge two charges into one, since the audit looks for each where it is due. So the
    /// load is an atomic one where that is a plain one in machine code, and elsewhere its address has another form
    /// than the store's: the optimiser compares forms, and takes it for a place of the same kind that may be
    /// another one.
    pub(super) fn load_fuel(&mut self) -> Value {
        let flags = flags(self.regions.fuel).with_aligned();
        let at = self.builder.ins().iadd_imm_s(self.call, offset_of!(Call, fuel) as i64);
        if self.target.loads_are_ordered() {
            self.builder.ins().atomic_load(types::I64, flags, at)
        } else {
            self.builder.ins().load(types::I64, flags, at, 0)
        }
    }

    /// The fuel where it is charged in a register: nothing is lost if two of these become one.
    pub(super) fn fuel_of_callees(&mut self) -> Value {
        let flags = flags(self.regions.fuel).with_aligned();
        self.builder.ins().load(types::I64, flags, self.call, offset_of!(Call, fuel) as i32)
    }

    pub(super) fn store_fuel(&mut self, fuel: Value) {
        let flags = flags(self.regions.fuel).with_aligned();
        self.builder.ins().store(flags, fuel, self.call, offset_of!(Call, fuel) as i32);
    }

    /// A field that says where the packet is: fixed for the run unless some helper moves the packet.
    fn packet_field(&mut self, offset: usize) -> Value {
        let flags = if self.module.moves_packet { flags(self.regions.call) } else { fixed(self.regions.call) };
        self.builder.ins().load(types::I64, flags, self.call, offset as i32)
    }

    /// Length of the packet, i64 of 32 bits. Where nothing moves the packet it is one value in the whole function, so
    /// that what is once known of it stays known.
    pub(super) fn packet_len(&mut self) -> Value {
        match self.packet_len {
            Some((len, _)) => len,
            None => self.packet_field_of_32_bits(offset_of!(Call, packet_len)),
        }
    }

    /// The same as i32.
    pub(super) fn packet_len32(&mut self) -> Value {
        if let Some((_, len)) = self.packet_len {
            return len;
        }
        let len = self.packet_len();
        self.builder.ins().ireduce(types::I32, len)
    }

    /// Loads the length at the start of a function, before anything can ask for it.
    pub(super) fn load_packet_len(&mut self) {
        if !self.module.moves_packet {
            let len = self.packet_len();
            let len32 = self.builder.ins().ireduce(types::I32, len);
            self.packet_len = Some((len, len32));
        }
    }

    pub(super) fn packet_total_len(&mut self) -> Value {
        self.packet_field_of_32_bits(offset_of!(Call, packet_total_len))
    }

    /// The loader counts packets in 32 bits.
    fn packet_field_of_32_bits(&mut self, offset: usize) -> Value {
        let field = self.packet_field(offset);
        self.known.insert(field, Interval::unsigned(64, 0, u32::MAX.into()));
        field
    }

    // ---- instance block ----

    fn instance(&mut self) -> Value {
        let at = offset_of!(Call, instance) as i32;
        self.builder.ins().load(types::I64, fixed(self.regions.call), self.call, at)
    }

    fn slot(&mut self, slot: u32) -> Address {
        let base = self.instance();
        let offset = (INSTANCE_GLOBALS + slot * INSTANCE_SLOT) as i32;
        Address { base, offset, flags: flags(self.regions.instance).with_aligned() }
    }

    /// Where global `index` lives.
    pub(super) fn global(&mut self, index: u32) -> Address {
        self.slot(index)
    }

    /// Slot `n` of the transfer area.
    pub(super) fn transfer(&mut self, n: u32) -> Address {
        self.slot(self.module.slots.transfer + n)
    }

    /// Where the remaining length of passive element segment `index` lives.
    pub(super) fn elements_len(&mut self, index: u32) -> Address {
        self.slot(self.module.slots.elements + index)
    }

    /// Where the remaining length of passive segment `index` lives.
    pub(super) fn passive_len(&mut self, index: u32) -> Address {
        self.slot(self.module.slots.total() + index)
    }

    /// A field of linear memory `memory`: in the instance's header for the first, in its slots for the others.
    fn memory_field(&mut self, memory: u32, header: usize, slot: u32) -> Address {
        if memory > 0 {
            return self.slot(self.module.memory_slot(memory) + slot);
        }
        let flags = flags(self.regions.instance).with_aligned();
        Address { base: self.instance(), offset: header as i32, flags }
    }

    /// Bytes in use of memory index `number`.
    pub(super) fn memory_size(&mut self, number: u32) -> Value {
        match self.module.memory_at(number) {
            MemoryRef::Packet => self.packet_len(),
            MemoryRef::Linear(memory) => self.linear_size(memory),
        }
    }

    /// Bytes of a linear memory in use: a constant where nothing grows.
    fn linear_size(&mut self, memory: u32) -> Value {
        match self.module.memories.get(memory as usize) {
            Some(m) if m.grows => {
                let (min, max) = (u64::from(m.min) * WASM_PAGE, u64::from(m.max) * WASM_PAGE);
                let field = self.memory_field(memory, offset_of!(Instance, memory_size), 1);
                let size = self.load(types::I64, field);
                self.known.insert(size, Interval::unsigned(64, min, max));
                size
            }
            m => self.iconst64(m.map_or(0, |m| u64::from(m.min) * WASM_PAGE)),
        }
    }

    /// Sets the bytes in use of a linear memory. `memory.grow` only, which has checked the maximum.
    pub(super) fn set_memory_size(&mut self, memory: u32, size: Value) {
        let field = self.memory_field(memory, offset_of!(Instance, memory_size), 1);
        self.store(size, field);
    }

    fn memory_base(&mut self, memory: u32) -> Value {
        let field = self.memory_field(memory, offset_of!(Instance, memory_base), 0);
        let fixed = Address { flags: fixed(self.regions.instance), ..field };
        self.load(types::I64, fixed)
    }

    // ---- linear memory ----

    /// Address of `size` bytes at `index` plus the constant `offset` of memory index `number`.
    pub(super) fn memory_address(&mut self, number: u32, index: Value, offset: u64, size: u32) -> Address {
        match self.module.memory_at(number) {
            MemoryRef::Packet => self.packet_address(index, offset, size),
            MemoryRef::Linear(memory) => self.linear_address(memory, index, offset, size),
        }
    }

    fn linear_address(&mut self, number: u32, index: Value, offset: u64, size: u32) -> Address {
        let need = offset.saturating_add(size.into());
        let memory = self.module.memories[number as usize];
        let (min, max) = (u64::from(memory.min) * WASM_PAGE, u64::from(memory.max) * WASM_PAGE);
        let flags = flags(self.regions.memory);
        if need > max {
            // Nothing that is ever in use: offsets up to `max` fit an i32 displacement, this one may not.
            self.trap_always(TrapCode::MemoryOutOfBounds);
            return Address { base: self.memory_base(number), offset: 0, flags };
        }
        let index = self.narrow(index, TrapCode::MemoryOutOfBounds);
        let wide = self.zero_extend(index);
        let base = self.memory_base(number);
        if !memory.grows {
            let last = self.iconst32((min - need) as u32);
            let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, index, last);
            let index = self.guard(outside, wide, TrapCode::MemoryOutOfBounds);
            return self.displaced(base, index, offset, flags);
        }
        let size = self.linear_size(number);
        let need_value = self.iconst64(need);
        let end = self.builder.ins().iadd(wide, need_value);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
        if need <= min {
            // Index 0 is always inside, so masking the index is enough.
            let index = self.guard(outside, wide, TrapCode::MemoryOutOfBounds);
            return self.displaced(base, index, offset, flags);
        }
        let offset = self.author_constant(types::I64, offset);
        let sum = self.builder.ins().iadd(wide, offset);
        let sum = self.guard(outside, sum, TrapCode::MemoryOutOfBounds);
        Address { base: self.builder.ins().iadd(base, sum), offset: 0, flags }
    }

    /// `base + index + offset`, where the checks are done.
    fn displaced(&mut self, base: Value, index: Value, offset: u64, flags: MemFlagsData) -> Address {
        let base = self.builder.ins().iadd(base, index);
        if !self.hidden.constants {
            return Address { base, offset: offset as i32, flags };
        }
        let offset = self.author_constant(types::I64, offset);
        Address { base: self.builder.ins().iadd(base, offset), offset: 0, flags }
    }

    /// Range of `len` (i64, of 32 bits) bytes at `index` of memory index `number`.
    pub(super) fn memory_range(&mut self, number: u32, index: Value, len: Value) -> Range {
        match self.module.memory_at(number) {
            MemoryRef::Packet => self.packet_range(index, len),
            MemoryRef::Linear(memory) => self.linear_range(memory, index, len),
        }
    }

    /// The same of the first linear memory, which imports work on.
    pub(super) fn first_memory_range(&mut self, index: Value, len: Value) -> Range {
        self.linear_range(0, index, len)
    }

    fn linear_range(&mut self, number: u32, index: Value, len: Value) -> Range {
        let index = self.narrow(index, TrapCode::MemoryOutOfBounds);
        let size = self.linear_size(number);
        let base = self.memory_base(number);
        self.range(base, size, index, len, TrapCode::MemoryOutOfBounds)
    }

    /// `index` as i32. One of i64 that does not fit is outside of everything: traps.
    pub(super) fn narrow(&mut self, index: Value, code: TrapCode) -> Value {
        if self.builder.func.dfg.value_type(index) == types::I32 {
            return index;
        }
        let most = self.iconst64(u32::MAX.into());
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, index, most);
        self.trap_if(outside, code);
        // What speculation past the trap sees is some number of 32 bits, and those are checked and masked.
        self.builder.ins().ireduce(types::I32, index)
    }

    // ---- packet ----

    /// Address of `size` bytes at `index` (i32) plus the constant `offset` (of 32 bits) of the packet.
    pub(super) fn packet_address(&mut self, index: Value, offset: u64, size: u32) -> Address {
        let wide = self.zero_extend(index);
        let len = self.packet_len();
        let need = self.author_constant(types::I64, offset + u64::from(size));
        let end = self.builder.ins().iadd(wide, need);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        let start = if offset == 0 {
            wide
        } else {
            let offset = self.author_constant(types::I64, offset);
            self.builder.ins().iadd(wide, offset)
        };
        // A packet may be of any length, so that not even its first byte is sure to be there: the mask gives a
        // speculative access its first bytes, whatever they are, which the driver has mapped.
        let start = self.guard(outside, start, TrapCode::PacketOutOfBounds);
        let packet = self.packet_field(offset_of!(Call, packet));
        Address { base: self.builder.ins().iadd(packet, start), offset: 0, flags: flags(self.regions.packet) }
    }

    /// Range of `len` (i64, of 32 bits) bytes at `offset` (i32) of the packet.
    pub(super) fn packet_range(&mut self, offset: Value, len: Value) -> Range {
        let size = self.packet_len();
        let base = self.packet_field(offset_of!(Call, packet));
        self.range(base, size, offset, len, TrapCode::PacketOutOfBounds)
    }

    // ---- passive segments ----

    /// Range of `len` (i64, of 32 bits) bytes at `index` (i32) of passive segment `segment`; empty once dropped.
    pub(super) fn passive_range(&mut self, segment: u32, index: Value, len: Value) -> Range {
        let slot = self.passive_len(segment);
        let size = self.load(types::I64, slot);
        let base = self.rodata(Symbol::Passive(segment));
        self.range(base, size, index, len, TrapCode::MemoryOutOfBounds)
    }

    /// Address of what `symbol` names in `.rodata`.
    fn rodata(&mut self, symbol: Symbol) -> Value {
        let name = self.builder.func.declare_imported_user_function(symbol.external());
        let data = self.builder.create_global_value(GlobalValueData::Symbol {
            name: ir::ExternalName::user(name),
            offset: 0.into(),
            colocated: true,
            tls: false,
        });
        self.builder.ins().symbol_value(types::I64, data)
    }

    /// Range in an active segment: dropped at instantiation, so only the empty one at 0 is inside.
    pub(super) fn empty_range(&mut self, index: Value, len: Value) {
        let zero = self.iconst64(0);
        self.range(zero, zero, index, len, TrapCode::MemoryOutOfBounds);
    }

    // ---- what they share ----

    /// The range's length is 0 where speculation runs past its trap. What copies from one range to another
    /// asks for the second with the length of the first, so that the length holds for both.
    fn range(&mut self, base: Value, size: Value, index: Value, len: Value, code: TrapCode) -> Range {
        let index = self.zero_extend(index);
        let end = self.builder.ins().iadd(index, len);
        let outside = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, end, size);
        let index = self.guard(outside, index, code);
        let len = self.mask(outside, len);
        Range { start: self.builder.ins().iadd(base, index), len }
    }

    /// Traps if `outside`; gives `index`, as 0 where speculation runs past the trap.
    fn guard(&mut self, outside: Value, index: Value, code: TrapCode) -> Value {
        self.trap_if(outside, code);
        self.mask(outside, index)
    }

    fn mask(&mut self, outside: Value, value: Value) -> Value {
        if !self.masks {
            return value;
        }
        let zero = self.iconst64(0);
        self.builder.ins().select_spectre_guard(outside, zero, value)
    }

    /// Loads from a checked address.
    pub(super) fn load(&mut self, ty: Type, address: Address) -> Value {
        self.builder.ins().load(ty, address.flags, address.base, address.offset)
    }

    /// Stores to a checked address.
    pub(super) fn store(&mut self, value: Value, address: Address) {
        self.builder.ins().store(address.flags, value, address.base, address.offset);
    }
}

/// Every offset that passes `memory_address` fits a signed 32-bit displacement.
const _: () = assert!(MAX_MEMORY_PAGES as u64 * WASM_PAGE <= i32::MAX as u64);
