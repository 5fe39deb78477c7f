//! Functions that are added to a module, so that its tables and memories can be looked at: through code, since our
//! engine's memories and tables have no other face.

use wasm_encoder::{BlockType, ExportKind, Function, Instruction as I, MemArg, RefType, ValType};

use super::{Sections, facts::Facts};
use crate::plan::Plan;

/// What names of exports begin with that are not the module's own.
pub const OWN: &str = "wkc:";
/// Gives the next call its steps.
pub const STEPS: &str = "wkc:steps";
/// With a memory's index behind it: a number made of all its bytes.
pub const DIGEST: &str = "wkc:digest:";
/// With a table's index behind it: its size.
pub const SIZE: &str = "wkc:size:";
/// With a segment's index behind it: comes back unless it is dropped.
pub const PROBE: &str = "wkc:probe:";
/// With a table's index behind it: an element.
pub const ELEMENT: &str = "wkc:element:";

/// Adds them all. The steps' global is behind the module's own.
pub fn add(facts: &Facts, plan: &Plan, s: &mut Sections) {
    let mut own = Own { next: facts.function_index(facts.functions.len() as u32), s };
    own.function(
        STEPS,
        &[],
        &[],
        &[],
        &[I::I32Const(plan.steps.cast_signed()), I::GlobalSet(facts.globals.len() as u32)],
    );
    for (index, memory) in facts.memories.iter().enumerate() {
        own.digest(index as u32, memory.memory64);
    }
    for (index, table) in facts.tables.iter().enumerate() {
        let index = index as u32;
        if !plan.reads_tables && !plan.exports_tables && !facts.used_tables.contains(&index) {
            continue;
        }
        let address = if table.table64 { ValType::I64 } else { ValType::I32 };
        let element = if table.element_type.is_func_ref() { RefType::FUNCREF } else { RefType::EXTERNREF };
        own.function(&format!("{SIZE}{index}"), &[], &[address], &[], &[I::TableSize(index)]);
        let get = [I::LocalGet(0), I::TableGet(index)];
        own.function(&format!("{ELEMENT}{index}"), &[address], &[ValType::Ref(element)], &[], &get);
    }
    probes(facts, plan, &mut own);
}

/// Probes of the passive segments: none of their elements, from their end on, which is outside once they are dropped.
fn probes(facts: &Facts, plan: &Plan, own: &mut Own<'_>) {
    let empty = |wide: bool, from: u32| {
        let to = if wide { I::I64Const(0) } else { I::I32Const(0) };
        [to, I::I32Const(from.cast_signed()), I::I32Const(0)]
    };
    for (index, segment) in facts.elements.iter().enumerate().filter(|(_, s)| s.passive && s.len > 0) {
        // naming a table here makes it one that changes
        let fits = |n: &u32| plan.exports_tables || facts.used_tables.contains(n);
        let same = |n: &u32| facts.tables[*n as usize].element_type == segment.ty;
        let Some(table) = (0..facts.tables.len() as u32).find(|n| fits(n) && same(n)) else { continue };
        let [to, from, len] = empty(facts.tables[table as usize].table64, segment.len);
        let init = I::TableInit { elem_index: index as u32, table };
        own.function(&format!("{PROBE}elem:{index}"), &[], &[], &[], &[to, from, len, init]);
    }
    let Some(memory) = facts.memories.first() else { return };
    for (index, (len, _)) in facts.data.iter().enumerate().filter(|(_, (len, passive))| *passive && *len > 0) {
        let [to, from, len] = empty(memory.memory64, *len);
        let init = I::MemoryInit { mem: 0, data_index: index as u32 };
        own.function(&format!("{PROBE}data:{index}"), &[], &[], &[], &[to, from, len, init]);
    }
}

struct Own<'s> {
    /// Index of the next function.
    next: u32,
    s: &'s mut Sections,
}

impl Own<'_> {
    fn function(&mut self, name: &str, params: &[ValType], results: &[ValType], locals: &[ValType], code: &[I<'_>]) {
        self.s.functions.function(self.s.types.len());
        self.s.types.ty().function(params.iter().copied(), results.iter().copied());
        let mut function = Function::new_with_locals_types(locals.iter().copied());
        for instruction in code {
            function.instruction(instruction);
        }
        self.s.code.function(function.instruction(&I::End));
        self.s.exports.export(name, ExportKind::Func, self.next);
        self.next += 1;
    }

    /// Each word is mixed in such that its place counts.
    fn digest(&mut self, memory: u32, wide: bool) {
        let (at, end, sum) = (0, 1, 2);
        let address = if wide { ValType::I64 } else { ValType::I32 };
        let constant = |n: i64| if wide { I::I64Const(n) } else { I::I32Const(n as i32) };
        let mul = if wide { I::I64Mul } else { I::I32Mul };
        let add = if wide { I::I64Add } else { I::I32Add };
        let code = [
            I::MemorySize(memory),
            constant(65536),
            mul,
            I::LocalSet(end),
            I::Block(BlockType::Empty),
            I::Loop(BlockType::Empty),
            I::LocalGet(at),
            I::LocalGet(end),
            if wide { I::I64GeU } else { I::I32GeU },
            I::BrIf(1),
            I::LocalGet(sum),
            I::LocalGet(at),
            I::I64Load(MemArg { offset: 0, align: 3, memory_index: memory }),
            I::I64Xor,
            I::I64Const(0x2545_f491_4f6c_dd1d),
            I::I64Mul,
            I::I64Const(23),
            I::I64Rotl,
            I::LocalSet(sum),
            I::LocalGet(at),
            constant(8),
            add,
            I::LocalSet(at),
            I::Br(0),
            I::End,
            I::End,
            I::LocalGet(sum),
        ];
        self.function(&format!("{DIGEST}{memory}"), &[], &[ValType::I64], &[address, address, ValType::I64], &code);
    }
}
