//! Operators that trap on most operands, given operands that they do not trap on: random addresses are outside of
//! every memory, and a module whose calls all end at their first load says little.

use wasm_encoder::{Instruction as I, ValType};
use wasmparser::{MemArg as Access, Operator};

use super::body::Body;

/// What becomes of one operand, which lies on top of the stack.
#[derive(Clone, Copy)]
enum Make {
    /// What it is.
    Same,
    /// Smaller than this, which is not zero.
    Below(u64),
    /// This.
    Be(u64),
}

/// Writes the operands anew, and the operator itself where it becomes another one: then gives true.
pub fn tame(body: &mut Body<'_>, op: &Operator<'_>) -> bool {
    use Operator as O;
    match op {
        O::Unreachable => {
            body.leave();
            return true;
        }
        O::CallIndirect { type_index, table_index } => return body.call_indirect(*type_index, *table_index, false),
        O::ReturnCallIndirect { type_index, table_index } => {
            return body.call_indirect(*type_index, *table_index, true);
        }
        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU => body.put(&[I::I32Const(1), I::I32Or]),
        O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => body.put(&[I::I64Const(1), I::I64Or]),
        O::I32TruncF32S => body.put(&[I::I32TruncSatF32S]),
        O::I32TruncF32U => body.put(&[I::I32TruncSatF32U]),
        O::I32TruncF64S => body.put(&[I::I32TruncSatF64S]),
        O::I32TruncF64U => body.put(&[I::I32TruncSatF64U]),
        O::I64TruncF32S => body.put(&[I::I64TruncSatF32S]),
        O::I64TruncF32U => body.put(&[I::I64TruncSatF32U]),
        O::I64TruncF64S => body.put(&[I::I64TruncSatF64S]),
        O::I64TruncF64U => body.put(&[I::I64TruncSatF64U]),
        _ => {
            body.address(op);
            body.table(op);
            body.bulk(op);
        }
    }
    is_truncation(op)
}

fn is_truncation(op: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(op, O::I32TruncF32S | O::I32TruncF32U | O::I32TruncF64S | O::I32TruncF64U)
        || matches!(op, O::I64TruncF32S | O::I64TruncF32U | O::I64TruncF64S | O::I64TruncF64U)
}

/// What a load or store names, and the type of what it stores.
fn access(op: &Operator<'_>) -> Option<(Access, Option<ValType>)> {
    use Operator as O;
    Some(match op {
        O::I32Load { memarg }
        | O::I64Load { memarg }
        | O::F32Load { memarg }
        | O::F64Load { memarg }
        | O::I32Load8S { memarg }
        | O::I32Load8U { memarg }
        | O::I32Load16S { memarg }
        | O::I32Load16U { memarg }
        | O::I64Load8S { memarg }
        | O::I64Load8U { memarg }
        | O::I64Load16S { memarg }
        | O::I64Load16U { memarg }
        | O::I64Load32S { memarg }
        | O::I64Load32U { memarg } => (*memarg, None),
        O::I32Store { memarg } | O::I32Store8 { memarg } | O::I32Store16 { memarg } => (*memarg, Some(ValType::I32)),
        O::I64Store { memarg } | O::I64Store8 { memarg } | O::I64Store16 { memarg } | O::I64Store32 { memarg } => {
            (*memarg, Some(ValType::I64))
        }
        O::F32Store { memarg } => (*memarg, Some(ValType::F32)),
        O::F64Store { memarg } => (*memarg, Some(ValType::F64)),
        _ => return None,
    })
}

impl Body<'_> {
    /// Operands, the last on top, each with its type and what becomes of it.
    fn operands(&mut self, operands: &[(ValType, Make)]) {
        let locals: Vec<u32> = (0..operands.len())
            .map(|n| {
                let ty = operands[n].0;
                let before = operands[..n].iter().filter(|(other, _)| *other == ty).count() as u32;
                self.scratch(ty, before)
            })
            .collect();
        let from = operands.iter().position(|(_, make)| !matches!(make, Make::Same)).unwrap_or(operands.len());
        for local in locals[from..].iter().rev() {
            self.out.instruction(&I::LocalSet(*local));
        }
        for (local, (ty, make)) in locals.iter().zip(operands).skip(from) {
            let constant = |n: u64| if *ty == ValType::I64 { I::I64Const(n as i64) } else { I::I32Const(n as i32) };
            match make {
                Make::Same => self.put(&[I::LocalGet(*local)]),
                Make::Be(n) => self.put(&[constant(*n)]),
                Make::Below(n) if self.rng.u8(..20) == 0 => {
                    // the last inside more often than the first outside, and what would be inside with half its bits
                    let far = if *ty == ValType::I64 { 1 << 32 } else { *n };
                    let edges = [n - 1, n - 1, n - 1, n - 1, n - 1, n - 1, *n, far];
                    let edge = edges[self.rng.usize(..edges.len())];
                    self.put(&[constant(edge)]);
                }
                Make::Below(n) => {
                    let rest = if *ty == ValType::I64 { I::I64RemU } else { I::I32RemU };
                    self.put(&[I::LocalGet(*local), constant(*n), rest]);
                }
            }
        }
    }

    /// Type of a memory's addresses, and its bytes at start.
    fn memory(&self, index: u32) -> (ValType, u64) {
        let wide = self.facts.memories.get(index as usize).is_some_and(|memory| memory.memory64);
        (if wide { ValType::I64 } else { ValType::I32 }, self.facts.memory_bytes(index))
    }

    /// Type of a table's indices, its elements at start, and their type.
    fn table_of(&self, index: u32) -> (ValType, u64, ValType) {
        let table = self.facts.tables.get(index as usize);
        let wide = table.is_some_and(|table| table.table64);
        let externs = table.is_some_and(|table| !table.element_type.is_func_ref());
        let element = if externs { wasm_encoder::RefType::EXTERNREF } else { wasm_encoder::RefType::FUNCREF };
        let address = if wide { ValType::I64 } else { ValType::I32 };
        (address, self.facts.table_elements(index), ValType::Ref(element))
    }

    fn address(&mut self, op: &Operator<'_>) {
        let Some((access, stored)) = access(op) else { return };
        let (address, bytes) = self.memory(access.memory);
        if bytes < 16 {
            return;
        }
        // what `tame_offset` makes of it
        let offset = if access.offset < bytes - 8 { access.offset } else { access.offset % (bytes - 8) };
        let size = 1u64 << access.max_align;
        let room = (bytes - offset).saturating_sub(size - 1).max(1);
        let address = (address, Make::Below(room));
        match stored {
            Some(value) => self.operands(&[address, (value, Make::Same)]),
            None => self.operands(&[address]),
        }
    }

    fn table(&mut self, op: &Operator<'_>) {
        match op {
            Operator::TableGet { table } => {
                let (address, size, _) = self.table_of(*table);
                if size > 0 {
                    self.operands(&[(address, Make::Below(size))]);
                }
            }
            Operator::TableSet { table } => {
                let (address, size, element) = self.table_of(*table);
                if size > 0 {
                    self.operands(&[(address, Make::Below(size)), (element, Make::Same)]);
                }
            }
            // what it grows by is to be small, or every growth fails
            Operator::TableGrow { table } => {
                let (address, ..) = self.table_of(*table);
                self.operands(&[(address, Make::Below(5))]);
            }
            Operator::MemoryGrow { mem } => {
                let (address, _) = self.memory(*mem);
                self.operands(&[(address, Make::Below(4))]);
            }
            _ => {}
        }
    }

    /// A call through a table: of an element that a segment puts there, if one has the type; else there is none, only
    /// its results.
    fn call_indirect(&mut self, type_index: u32, table: u32, tail: bool) -> bool {
        let (address, ..) = self.table_of(table);
        let facts = self.facts;
        let wanted = &facts.types[type_index as usize];
        let fits = |entry: &&(u32, u64, u32)| entry.0 == table && facts.function_type(entry.2 as usize) == Some(wanted);
        // the last of several segments at one place is the one that is there
        if let Some((_, index, _)) = facts.entries.iter().rfind(fits) {
            self.operands(&[(address, Make::Be(*index))]);
            return false;
        }
        for _ in 0..=wanted.params().len() {
            self.put(&[I::Drop]);
        }
        self.zeros(wanted.results());
        if tail {
            self.put(&[I::Return]);
        }
        true
    }

    /// Three operands: where to, where from or what, how many. The half of the room is for the place, the other half
    /// for the length.
    fn bulk(&mut self, op: &Operator<'_>) {
        let half = |room: u64| Make::Below(room / 2 + 1);
        match *op {
            Operator::MemoryFill { mem } => {
                let (address, bytes) = self.memory(mem);
                let length = Make::Below((bytes / 2 + 1).min(1000));
                self.operands(&[(address, half(bytes)), (ValType::I32, Make::Same), (address, length)]);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let ((to, to_bytes), (from, from_bytes)) = (self.memory(dst_mem), self.memory(src_mem));
                let count = if to == from { to } else { ValType::I32 };
                let length = Make::Below((to_bytes.min(from_bytes) / 2 + 1).min(1000));
                self.operands(&[(to, half(to_bytes)), (from, half(from_bytes)), (count, length)]);
            }
            Operator::MemoryInit { data_index, mem } => {
                let (address, bytes) = self.memory(mem);
                let room = self.segment(self.facts.data[data_index as usize]);
                let length = Make::Below((bytes.min(room) / 2 + 1).min(1000));
                self.operands(&[(address, half(bytes)), (ValType::I32, half(room)), (ValType::I32, length)]);
            }
            Operator::TableFill { table } => {
                let (address, size, element) = self.table_of(table);
                self.operands(&[(address, half(size)), (element, Make::Same), (address, half(size))]);
            }
            Operator::TableCopy { dst_table, src_table } => {
                let ((to, to_size, _), (from, from_size, _)) = (self.table_of(dst_table), self.table_of(src_table));
                let count = if to == from { to } else { ValType::I32 };
                self.operands(&[(to, half(to_size)), (from, half(from_size)), (count, half(to_size.min(from_size)))]);
            }
            Operator::TableInit { elem_index, table } => {
                let (address, size, _) = self.table_of(table);
                let segment = self.facts.elements[elem_index as usize];
                let room = self.segment((segment.len, segment.passive));
                let length = half(size.min(room));
                self.operands(&[(address, half(size)), (ValType::I32, half(room)), (ValType::I32, length)]);
            }
            _ => {}
        }
    }

    /// What can be read of a segment: an active one is dropped at start.
    fn segment(&self, (length, passive): (u32, bool)) -> u64 {
        if passive { length.into() } else { 0 }
    }
}
