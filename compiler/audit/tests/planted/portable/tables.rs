//! Relocations, constants, trap codes, entries and padding.

use pulley_interpreter::encode;
use wasmkc_abi::object::{FuncRow, NONE};
use wasmkc_audit::audit;

use super::planted;
use crate::common::portable::{Code, x};
use crate::common::{Kwo, To};
use crate::{accepted, refused, rules};

#[test]
fn relocations() {
    let related = |to: To| {
        let mut code = Code::new().op(|c| encode::xconst32(c, x(1), 0)).ret();
        let at = code.len() - 6;
        code.0.relocations.push((at, to, 0));
        code.kwo()
    };
    refused(&related(To::Rodata), "relocation");
    refused(&related(To::RodataPage), "relocation");
    refused(&related(To::Other(1)), "relocation");
    refused(&related(To::Symbol("wkc_memset")), "relocation");
}

/// An object with an address so many bytes behind `.text`.
fn address(behind: i32) -> Kwo {
    let code = Code::new();
    let end = (code.len() + 8 + 2).next_multiple_of(16) as i32;
    let distance = end - code.len() as i32 + behind;
    let mut kwo = code.op(|c| encode::xpcadd(c, x(1), distance)).ret().kwo();
    kwo.rodata = vec![0; 64];
    kwo
}

#[test]
fn addresses_of_constants() {
    let text = accepted(&address(0)).text_bytes;
    assert_eq!(text % 16, 0);
    accepted(&address(8));
    accepted(&address(64));
    for behind in [-1, -16, 65, i32::MAX - 100, i32::MIN] {
        refused(&address(behind), "rip-memory");
    }
    let mut kwo = address(0);
    kwo.rodata.clear();
    accepted(&kwo);
    let mut kwo = address(1);
    kwo.rodata.clear();
    refused(&kwo, "rip-memory");
    // .rodata stands behind a multiple of 16 bytes.
    let mut kwo = address(0);
    kwo.more_text = vec![0; 8];
    refused(&kwo, "malformed-object");
}

#[test]
fn a_trap_with_another_code_than_its_row() {
    let with = |op: fn(&mut Vec<u8>)| {
        let mut code = Code::new().op(op).host(0);
        code.0.traps.push((code.len(), 6));
        code.op(encode::trap).kwo()
    };
    accepted(&with(|c| encode::xconst8(c, x(1), 6)));
    accepted(&with(|c| encode::xconst64(c, x(1), 6)));
    // The low half counts.
    accepted(&with(|c| encode::xconst64(c, x(1), 0x1_0000_0006_i64)));
    refused(&with(|c| encode::xconst8(c, x(1), 7)), "trap-code");
    refused(&with(|c| encode::xconst8(c, x(1), -6)), "trap-code");
    refused(&with(|c| encode::xmov(c, x(1), x(5))), "trap-code");
    refused(&with(|c| encode::xone(c, x(2))), "trap-code");
}

#[test]
fn a_trap_without_a_row_and_a_row_without_a_trap() {
    let mut code = Code::new().ret();
    assert_eq!(code.0.traps.pop().map(|(_, code)| code), Some(9));
    refused(&code.kwo(), "trap-site");
    let mut code = Code::new().ret();
    code.0.traps.push((code.len(), 8));
    refused(&code.kwo(), "trap-site");
    // The same row twice.
    let mut code = Code::new().ret();
    let row = code.0.traps[1];
    code.0.traps.push(row);
    refused(&code.kwo(), "trap-site");
}

#[test]
fn a_trap_goes_no_further_with_or_without_what_guards_it() {
    let mut bare = Code::new().op(|c| encode::xone(c, x(1))).host(0);
    bare.0.traps.push((bare.len(), 1));
    accepted(&bare.clone().kwo());
    // What stands behind is reached by nobody.
    refused(&bare.op(|c| encode::xone(c, x(1))).ret().kwo(), "unreached-bytes");
}

#[test]
fn padding() {
    let code = Code::new().ret();
    assert!(!code.len().is_multiple_of(16));
    let mut kwo = code.kwo().function(Code::new().ret().0);
    accepted(&kwo);
    kwo.padding = 0xcc;
    refused(&kwo, "padding");
    kwo.padding = 1;
    refused(&kwo, "padding");
}

#[test]
fn entries_and_functions() {
    let mut kwo = Code::new().ret().kwo();
    kwo.meta.entry_xdp = 1;
    refused(&kwo, "entry-point");
    kwo.meta.entry_xdp = NONE;
    accepted(&kwo);
    // A function within another.
    let mut kwo = Code::new().ret().kwo();
    kwo.more_rows = FuncRow { text_offset: 1, size: 4, name: 0, wasm_index: 1 }.write().to_vec();
    refused(&kwo, "function-table");
    // At any byte behind it: there is no alignment.
    let at = (kwo.functions[0].bytes.len() as u32).next_multiple_of(16) + 1;
    let more = Code::new().ret().0;
    kwo.more_text = [&[0][..], &more.bytes].concat();
    kwo.more_text.resize(kwo.more_text.len().next_multiple_of(16), 0);
    kwo.more_rows = FuncRow { text_offset: at, size: more.bytes.len() as u32, name: 0, wasm_index: 1 }.write().to_vec();
    // Its rows of traps are missing, and nothing else.
    let rules = rules(&kwo);
    assert!(!rules.is_empty() && rules.iter().all(|rule| *rule == "trap-site"), "{rules:?}");
}

#[test]
fn every_truncation_and_every_flipped_byte_is_judged_without_a_panic() {
    let code = Code::saving(32, &[16, 17]).over(|c, to| encode::br_if_xeq32_i8(c, x(2), 3, to), |code| code.trap(1));
    let mut kwo = code.restoring(32, &[16, 17]).kwo().function(Code::new().op(encode::pop_frame).jump_at(0).0);
    kwo.rodata = vec![0; 16];
    let bytes = kwo.build();
    accepted(&kwo);
    for len in 0..bytes.len() {
        let _ = audit(&bytes[..len]);
    }
    for at in 0..bytes.len() {
        for flip in [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let _ = audit(&changed);
        }
    }
    assert!(audit(&planted(|c| encode::xzero(c, x(0))).build()).is_ok());
}
