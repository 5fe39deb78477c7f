//! Where everything is among the slots of an instance.
//!
//! ```text
//! | globals | further memories, 3 each | tables: size, elements | lengths of element segments | transfer area |
//! ```

use super::uses::Uses;
use crate::{
    isa::REGISTER_RESULTS,
    module::{MEMORY_SLOTS, Module, Slots},
};

/// Lays out the slots. A table that nothing changes and nothing reads has none.
pub fn lay_out(module: &mut Module<'_>, uses: &Uses) {
    let memories = module.globals.len() as u32;
    let mut next = memories + module.memories.len().saturating_sub(1) as u32 * MEMORY_SLOTS;
    for (index, table) in module.tables.iter_mut().enumerate() {
        if table.changes || uses.read_tables.contains(&(index as u32)) {
            table.slot = Some(next);
            // One element at least: the first is what a masked index names.
            next = next.saturating_add(1 + table.max.max(1));
        }
    }
    let elements = next;
    let transfer = elements.saturating_add(module.passive_elements().count() as u32);
    let exported = module.exports.iter().map(|e| module.function_type(e.function));
    let values = exported.map(|ty| ty.params().len().max(ty.results().len()));
    let memory_results = module.types.iter().map(|ty| ty.results().len()).filter(|n| *n > REGISTER_RESULTS);
    let in_memory = |ty: &wasmparser::FuncType| module.passed(ty) < ty.params().len();
    let memory_params = module.types.iter().filter(|ty| in_memory(ty)).map(|ty| ty.params().len());
    let transfer_len = values.chain(memory_results).chain(memory_params).max().unwrap_or(0) as u32;
    module.slots = Slots { memories, elements, transfer, transfer_len };
}

/// Values of the slots at start, as far as the last that is not zero; globals always.
pub fn initial(module: &Module<'_>) -> Vec<u64> {
    let mut out: Vec<u64> = module.globals.iter().map(|g| g.init).collect();
    let mut put = |slot: u32, values: &[u64]| {
        let end = slot as usize + values.len();
        out.resize(out.len().max(end), 0);
        out[slot as usize..end].copy_from_slice(values);
    };
    for table in &module.tables {
        if let Some(slot) = table.slot {
            put(slot, &[table.elements.len() as u64]);
            let used = table.elements.iter().rposition(|e| *e != 0).map_or(0, |last| last + 1);
            put(slot + 1, &table.elements[..used]);
        }
    }
    for (n, items) in module.passive_elements().enumerate() {
        put(module.slots.elements + n as u32, &[items.len() as u64]);
    }
    out
}
