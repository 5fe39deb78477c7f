//! The imports of the ABI, and calls of them in places of a module that had none: a packet's loads in place of
//! constants, everything else in between.

use wasm_encoder::{ConstExpr, Elements, EntityType, Instruction as I, ValType};
use wasmkc_abi::helper::{Arg, HELPERS, Ret};
use wasmkc_abi::packet::{PACKET_OPS, PacketOp};
use wasmparser::Operator;

use super::{Sections, body::Body, facts::Facts};

/// An imported function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import {
    module: &'static str,
    name: &'static str,
    params: &'static [ValType],
    result: Option<ValType>,
    /// Whether it gives the same each time.
    pure: bool,
}

const I32: ValType = ValType::I32;
const I64: ValType = ValType::I64;

fn packet(name: &'static str, op: PacketOp) -> Import {
    let (params, result): (&[ValType], _) = match op {
        PacketOp::Len | PacketOp::TotalLen => (&[], Some(I32)),
        PacketOp::Load { bytes: 8, .. } => (&[I32], Some(I64)),
        PacketOp::Load { .. } => (&[I32], Some(I32)),
        PacketOp::Store { bytes: 8, .. } => (&[I32, I64], None),
        PacketOp::Store { .. } => (&[I32, I32], None),
        PacketOp::CopyIn | PacketOp::CopyOut => (&[I32, I32, I32], None),
    };
    Import { module: "xdp", name, params, result, pure: true }
}

/// The imports that a module may have, in the order of their index: without a memory not those that work on it.
pub fn imports(facts: &Facts) -> Vec<Import> {
    let memory = !facts.memories.is_empty();
    let on_memory = |op: &PacketOp| matches!(op, PacketOp::CopyIn | PacketOp::CopyOut);
    let packet = PACKET_OPS.iter().filter(|(_, op)| memory || !on_memory(op)).map(|(name, op)| packet(name, *op));
    let helpers = HELPERS.iter().filter(|helper| memory || !helper.params.contains(&Arg::MemRead));
    let helpers = helpers.map(|helper| Import {
        module: "kernel",
        name: helper.name,
        // the one that takes something takes text
        params: if helper.params.is_empty() { &[] } else { &[I32, I32] },
        result: match helper.ret {
            Ret::None => None,
            Ret::I32 => Some(I32),
            Ret::I64 => Some(I64),
        },
        pure: false,
    });
    packet.chain(helpers).collect()
}

/// Where in the first table imports are, those of the packet: at its end.
fn in_table(facts: &Facts) -> Option<(u64, u32)> {
    let table = facts.tables.first().filter(|table| table.element_type.is_func_ref())?;
    let size = facts.table_elements(0);
    let count = (size / 2).min(imports(facts).iter().filter(|import| import.pure).count() as u64);
    // i32 constants have a sign
    (count > 0 && table.initial < 1 << 31).then_some((size - count, count as u32))
}

/// Adds the imports, behind the module's own types, and puts some into its first table.
pub fn import(facts: &Facts, s: &mut Sections) {
    if !facts.filter {
        return;
    }
    for import in imports(facts) {
        let ty = s.types.len();
        s.types.ty().function(import.params.iter().copied(), import.result);
        s.imports.import(import.module, import.name, EntityType::Function(ty));
    }
    if let Some((offset, count)) = in_table(facts) {
        let wide = facts.tables.first().is_some_and(|table| table.table64);
        let offset = if wide { ConstExpr::i64_const(offset as i64) } else { ConstExpr::i32_const(offset as i32) };
        let functions: Vec<u32> = (0..count).collect();
        s.elements.active(Some(0), &offset, Elements::Functions(functions.into()));
    }
}

/// Calls something in place of a constant, and then gives true, or before another operator.
pub fn call(body: &mut Body<'_>, op: &Operator<'_>) -> bool {
    let wanted = match op {
        Operator::I32Const { .. } => Some(I32),
        Operator::I64Const { .. } => Some(I64),
        _ => None,
    };
    let all = imports(body.facts);
    let fits = |import: &Import| {
        if wanted.is_some() { import.result == wanted && import.pure } else { import.result.is_none() || !import.pure }
    };
    let fitting: Vec<usize> = (0..all.len()).filter(|n| fits(&all[*n])).collect();
    let Some(number) = fitting.get(body.rng.usize(..fitting.len().max(1))).copied() else { return false };
    let import = all[number];
    for ty in import.params {
        // mostly inside of a packet, and of any memory
        let n = if body.rng.u8(..100) == 0 { body.rng.i64(..) } else { body.rng.i64(0..26) };
        body.put(&[if *ty == I64 { I::I64Const(n) } else { I::I32Const(n as i32) }]);
    }
    let returns = body.results() == [wasmparser::ValType::I32] && import.result == Some(I32) && import.pure;
    let first = in_table(body.facts).filter(|(_, count)| number < *count as usize).map(|(offset, _)| offset);
    match first {
        _ if returns && body.rng.u8(..16) == 0 => body.put(&[I::ReturnCall(number as u32)]),
        Some(first) if body.rng.bool() => {
            let wide = body.facts.tables.first().is_some_and(|table| table.table64);
            let at = first + number as u64;
            let type_index = (body.facts.types.len() + number) as u32;
            body.put(&[
                if wide { I::I64Const(at as i64) } else { I::I32Const(at as i32) },
                I::CallIndirect { type_index, table_index: 0 },
            ]);
        }
        _ => body.put(&[I::Call(number as u32)]),
    }
    if wanted.is_none() && import.result.is_some() {
        body.put(&[I::Drop]);
    }
    wanted.is_some()
}

/// A constant of the bytes of `endbr64`, which a jump could land on, in place of another: then gives true.
pub fn landing_pad(body: &mut Body<'_>, op: &Operator<'_>) -> bool {
    const ENDBR64: u32 = 0xfa1e_0ff3;
    match op {
        Operator::I32Const { .. } => body.put(&[I::I32Const(ENDBR64.cast_signed())]),
        Operator::F32Const { .. } => body.put(&[I::F32Const(f32::from_bits(ENDBR64).into())]),
        Operator::I64Const { .. } => {
            let place = body.rng.u8(..32);
            body.put(&[I::I64Const(i64::from(ENDBR64) << place)]);
        }
        _ => return false,
    }
    true
}
