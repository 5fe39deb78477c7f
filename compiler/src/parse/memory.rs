//! The packet as a memory, the linear memories' limits, and the data segments.

use wasmkc_abi::limits::{DEFAULT_GROW_PAGES, MAX_MEMORIES, MAX_MEMORY_PAGES, WASM_PAGE};
use wasmparser::{DataKind, MemoryType};

use super::{Sections, constant, unsupported, uses::Uses};
use crate::{
    CompileError, Options,
    module::{Data, Memory, MemoryRef},
};

/// The type with which the packet is imported as a memory. It has as many bytes as the packet at hand, so nothing
/// else can be asked of it.
pub const PACKET_TYPE: &str = "(memory 0 (pagesize 1))";

/// Whether that is `ty`.
pub fn is_packet(ty: &MemoryType) -> bool {
    !ty.memory64 && !ty.shared && ty.initial == 0 && ty.maximum.is_none() && ty.page_size_log2 == Some(0)
}

/// A memory's type in the text format.
pub fn describe(ty: &MemoryType) -> String {
    let wide = if ty.memory64 { "i64 " } else { "" };
    let maximum = ty.maximum.map_or(String::new(), |max| format!(" {max}"));
    let shared = if ty.shared { " shared" } else { "" };
    let page = ty.page_size_log2.map_or(String::new(), |log2| format!(" (pagesize {})", 1u64 << log2));
    format!("(memory {wide}{}{maximum}{shared}{page})", ty.initial)
}

/// The memories with the maxima that the loader will reserve.
///
/// A declared maximum above the limit is no error: `memory.grow` may fail at any size, so it fails at ours. What
/// several memories could want beyond the limit together is divided among those that grow.
pub fn memories(s: &Sections<'_>, uses: &Uses, options: &Options) -> Result<Vec<Memory>, CompileError> {
    CompileError::check_limit("memories", s.memories.len() as u64, MAX_MEMORIES.into())?;
    let limit = options.max_memory_pages.unwrap_or(MAX_MEMORY_PAGES);
    let mut pages = 0u64;
    for (offset, ty) in &s.memories {
        if ty.shared {
            return Err(unsupported("a shared memory", *offset));
        }
        if ty.page_size_log2.is_some_and(|log2| log2 != WASM_PAGE.trailing_zeros()) {
            return Err(unsupported("a memory with pages of another size than 64 KiB", *offset));
        }
        pages = pages.saturating_add(ty.initial);
    }
    if pages > limit.into() {
        return Err(CompileError::MemoryTooLarge { pages, limit });
    }
    let default = options.max_memory_pages.unwrap_or(DEFAULT_GROW_PAGES);
    let wanted = |index: usize, ty: &MemoryType| match ty.maximum {
        _ if !uses.grown_memories.contains(&(s.module.packet_memories + index as u32)) => 0,
        Some(max) => u32::try_from(max).map_or(limit, |max| max.min(limit)).saturating_sub(ty.initial as u32),
        None => default.saturating_sub(ty.initial as u32),
    };
    let more: Vec<u32> = s.memories.iter().enumerate().map(|(n, (_, ty))| wanted(n, ty)).collect();
    let rest = limit - pages as u32;
    let growing = more.iter().filter(|more| **more > 0).count() as u32;
    let share = if more.iter().map(|more| u64::from(*more)).sum::<u64>() > rest.into() { rest / growing } else { rest };
    let memory = |((_, ty), more): (&(usize, MemoryType), u32)| {
        let (min, more) = (ty.initial as u32, more.min(share));
        Memory { min, max: min + more, grows: more > 0, wide: ty.memory64 }
    };
    Ok(s.memories.iter().zip(more).map(memory).collect())
}

/// The data segments; an active one that lies outside its memory is refused.
pub fn data<'a>(s: &Sections<'a>) -> Result<Vec<Data<'a>>, CompileError> {
    let mut out = Vec::with_capacity(s.data.len());
    let mut passive = 0;
    for (index, (offset, segment)) in s.data.iter().enumerate() {
        let bytes = segment.data;
        out.push(match &segment.kind {
            DataKind::Passive => {
                passive += 1;
                Data::Passive { index: passive - 1, bytes }
            }
            DataKind::Active { memory_index, offset_expr } => {
                let MemoryRef::Linear(memory) = s.module.memory_at(*memory_index) else {
                    let what = format!("data segment {index}, which writes to the packet at instantiation,");
                    let advice = ": there is no packet then; make it passive and use memory.init";
                    return Err(CompileError::Unsupported { what, offset: *offset, advice });
                };
                let size = u64::from(s.module.memories[memory as usize].min) * WASM_PAGE;
                let start = constant::value(offset_expr, &s.module.globals)?;
                let end = start.saturating_add(bytes.len() as u64);
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
                Data::Active { memory, start, bytes }
            }
        });
    }
    Ok(out)
}
