//! Cuts the constant pool off a function, so that `.text` holds instructions only.
//!
//! Cranelift puts 64-bit constants behind the code of the function that uses them, aligned, and reads
//! them relative to rip. So the first byte that some instruction reads that way is the pool's start,
//! and what lies between the last instruction and it is padding:
//!
//! ```text
//! | instructions ... jmp/ud2/ret | 00 00 padding | constants |
//! |<------- Compiled::code ----->|               |<-- Compiled::constants, at 16-byte alignment
//! ```

use std::collections::HashSet;

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction};

use super::{Compiled, Field, Fixup, Target};

/// Moves the pool to `constants` and makes a fixup of each reference.
pub fn separate(out: &mut Compiled) -> Result<(), String> {
    let len = out.code.len() as u64;
    let mut pool = len;
    let mut references: Vec<(u32, u64, u64)> = Vec::new();
    let relocated: HashSet<u32> = out.fixups.iter().map(|f| f.at).collect();
    let mut end = 0;
    let mut decoder = Decoder::with_ip(64, &out.code, 0, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut ends_flow = false;
    while decoder.ip() < pool {
        // Padding follows an instruction that never falls through, and is zero up to the pool.
        let at = decoder.ip();
        if ends_flow && pool < len && pool - at < 16 && out.code[at as usize..pool as usize].iter().all(|b| *b == 0) {
            break;
        }
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            return Err(format!("undecodable bytes at {at:#x}"));
        }
        end = decoder.ip();
        ends_flow = instruction.code() == Code::Ud2
            || matches!(instruction.flow_control(), FlowControl::UnconditionalBranch | FlowControl::Return);
        if !instruction.is_ip_rel_memory_operand() {
            continue;
        }
        let field = at as u32 + decoder.get_constant_offsets(&instruction).displacement_offset() as u32;
        if relocated.contains(&field) {
            continue; // The address of a passive segment.
        }
        let target = instruction.ip_rel_memory_address();
        if target < end || target >= len {
            return Err(format!("instruction at {at:#x} reads {target:#x}, outside the constants"));
        }
        pool = pool.min(target);
        references.push((field, end, target));
    }
    if end > pool || !ends_flow {
        return Err(format!("the code ends at {end:#x} within its constants at {pool:#x}"));
    }
    // The pool keeps its alignment when it starts at a multiple of 16 of the function's offsets.
    let start = pool & !15;
    out.constants = if pool < len {
        let mut bytes = vec![0; (pool - start) as usize];
        bytes.extend_from_slice(&out.code[pool as usize..]);
        bytes
    } else {
        Vec::new()
    };
    out.code.truncate(end as usize);
    for (field, next, target) in references {
        let addend = -(next as i64 - i64::from(field));
        out.code[field as usize..field as usize + 4].fill(0);
        out.fixups.push(Fixup {
            at: field,
            field: Field::Distance32,
            target: Target::Constant((target - start) as u32),
            addend,
        });
    }
    Ok(())
}
