//! The linear memory's limits and the data segments.

use wasmkc_abi::limits::{DEFAULT_GROW_PAGES, MAX_MEMORY_PAGES, WASM_PAGE};
use wasmparser::{DataKind, Operator};

use super::{Sections, constant, unsupported};
use crate::{
    CompileError, Options,
    module::{Data, Memory},
};

/// The memory with the maximum that the loader will reserve.
///
/// A declared maximum above the limit is no error: `memory.grow` may fail at any size, so it fails at ours.
pub fn memory(s: &Sections<'_>, options: &Options) -> Result<Option<Memory>, CompileError> {
    let (offset, ty) = match s.memories.as_slice() {
        [] => return Ok(None),
        [one] => *one,
        [_, (offset, _), ..] => return Err(unsupported("a second memory", *offset)),
    };
    if ty.memory64 {
        return Err(unsupported("a 64-bit memory", offset));
    }
    if ty.shared {
        return Err(unsupported("a shared memory", offset));
    }
    if ty.page_size_log2.is_some_and(|log2| 1 << log2 != WASM_PAGE) {
        return Err(unsupported("a memory with pages of another size than 64 KiB", offset));
    }
    let limit = options.max_memory_pages.unwrap_or(MAX_MEMORY_PAGES);
    if ty.initial > limit.into() {
        return Err(CompileError::MemoryTooLarge { pages: ty.initial, limit });
    }
    let min = ty.initial as u32;
    let grows = grows(s)?;
    let default = options.max_memory_pages.unwrap_or(DEFAULT_GROW_PAGES);
    let max = match ty.maximum {
        _ if !grows => min,
        Some(max) => u32::try_from(max).map_or(limit, |max| max.min(limit)),
        None => default.max(min),
    };
    Ok(Some(Memory { min, max, grows: grows && max > min }))
}

fn grows(s: &Sections<'_>) -> Result<bool, CompileError> {
    for body in &s.module.bodies {
        for op in body.get_operators_reader()? {
            if matches!(op?, Operator::MemoryGrow { .. }) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The data segments; an active one that lies outside the memory is refused.
pub fn data<'a>(s: &Sections<'a>) -> Result<Vec<Data<'a>>, CompileError> {
    let size = s.module.memory.map_or(0, |m| u64::from(m.min) * WASM_PAGE);
    let mut out = Vec::with_capacity(s.data.len());
    let mut passive = 0;
    for (index, (offset, segment)) in s.data.iter().enumerate() {
        let bytes = segment.data;
        out.push(match &segment.kind {
            DataKind::Passive => {
                passive += 1;
                Data::Passive { index: passive - 1, bytes }
            }
            DataKind::Active { offset_expr, .. } => {
                let start = constant::number(offset_expr, &s.module.globals)?;
                let end = start + bytes.len() as u64;
                if end > size {
                    return Err(CompileError::SegmentOutOfBounds {
                        kind: "data",
                        index,
                        offset: *offset,
                        start,
                        end,
                        what: "memory",
                        size,
                        unit: "bytes",
                    });
                }
                Data::Active { start, bytes }
            }
        });
    }
    Ok(out)
}
