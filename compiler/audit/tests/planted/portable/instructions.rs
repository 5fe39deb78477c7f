//! Instructions that no filter may contain, by what is wrong with each.

use pulley_interpreter::regs::{AddrG32, AddrG32Bne, AddrZ, BinaryOperands, FReg, Reg as _, VReg};
use pulley_interpreter::{XReg, encode};
use wasmkc_abi::trap::TrapCode;

use super::planted;
use crate::common::portable::{Code, Op, at, three, x};
use crate::{accepted, rules};

/// Each of these breaks `rule` and no other.
#[track_caller]
fn each(rule: &str, ops: &[Op]) {
    for (n, op) in ops.iter().enumerate() {
        let mut found = rules(&planted(op));
        found.retain(|r| *r != "unreached-bytes");
        assert_eq!(found, [rule], "number {n}");
    }
}

fn f(n: u8) -> FReg {
    FReg::new(n).unwrap()
}

fn v(n: u8) -> VReg {
    VReg::new(n).unwrap()
}

#[test]
fn registers_of_floats_and_vectors() {
    each(
        "float-or-simd",
        &[
            |c| encode::fconst32(c, f(0), 0_u32),
            |c| encode::fmov(c, f(1), f(2)),
            |c| encode::fadd32(c, BinaryOperands::new(f(1), f(2), f(3))),
            |c| encode::bitcast_int_from_float_64(c, x(1), f(1)),
            |c| encode::bitcast_float_from_int_32(c, f(1), x(1)),
            |c| encode::fload64le_o32(c, f(1), at(1, 0)),
            |c| encode::fstore32le_o32(c, at(1, 0), f(1)),
            |c| encode::fload32be_o32(c, f(1), at(1, 0)),
            |c| encode::vmov(c, v(1), v(2)),
            |c| encode::vconst128(c, v(1), 0_u128),
            |c| encode::vload128le_o32(c, v(1), at(1, 0)),
            |c| encode::vstore128le_o32(c, at(1, 0), v(1)),
            |c| encode::vaddi32x4(c, BinaryOperands::new(v(1), v(2), v(3))),
        ],
    );
}

#[test]
fn jumps_and_calls_through_registers() {
    each("indirect-call", &[|c| encode::call_indirect(c, x(1))]);
    each("indirect-jump", &[|c| encode::xjump(c, x(1)), |c| encode::br_table32(c, x(1), 0_u32)]);
}

#[test]
fn registers_of_the_frame_as_values() {
    each("frame", &[|c| encode::xmov_fp(c, x(1)), |c| encode::xmov_lr(c, x(1))]);
}

#[test]
fn addresses_of_other_forms() {
    fn g32() -> AddrG32 {
        AddrG32 { host_heap_base: x(1), host_heap_bound: x(2), wasm_addr: x(3), offset: 0 }
    }
    fn bne() -> AddrG32Bne {
        let (host_heap_base, host_heap_bound_addr, wasm_addr) = (x(1), x(2), x(3));
        AddrG32Bne { host_heap_base, host_heap_bound_addr, host_heap_bound_offset: 0, wasm_addr, offset: 0 }
    }
    each(
        "instruction-not-allowed",
        &[
            |c| encode::xload8_u32_z(c, x(1), AddrZ { addr: x(2), offset: 0 }),
            |c| encode::xstore64le_z(c, AddrZ { addr: x(2), offset: 0 }, x(1)),
            |c| encode::xload32le_g32(c, x(1), g32()),
            |c| encode::xstore8_g32(c, g32(), x(1)),
            |c| encode::xload64le_g32bne(c, x(1), bne()),
            |c| encode::xstore16le_g32bne(c, bne(), x(1)),
        ],
    );
}

#[test]
fn what_is_on_no_list() {
    each(
        "instruction-not-allowed",
        &[
            encode::nop,
            |c| encode::xload32be_o32(c, x(1), at(1, 0)),
            |c| encode::xstore64be_o32(c, at(1, 0), x(1)),
            |c| encode::xadd32_uoverflow_trap(c, three(1, 2, 3)),
            |c| encode::xadd64_uoverflow_trap(c, three(1, 2, 3)),
            // The register that the code generator keeps for itself.
            |c| encode::xmov(c, XReg::spilltmp0, x(1)),
            |c| encode::xadd64(c, three(1, 2, 31)),
            |c| encode::xload64le_o32(c, x(1), at(31, 0)),
        ],
    );
}

#[test]
fn a_bit_that_means_nothing() {
    let with = |bits: u8| {
        planted(move |c| {
            encode::xadd64(c, three(1, 2, 3));
            *c.last_mut().unwrap() |= bits;
        })
    };
    accepted(&with(0));
    assert_eq!(rules(&with(0x80)), ["instruction-not-allowed"]);
    let code = Code::new().op(|c| encode::xmulhi64_u(c, three(1, 2, 3))).op(|c| *c.last_mut().unwrap() |= 0x80);
    assert_eq!(rules(&code.ret().kwo()), ["instruction-not-allowed"]);
}

#[test]
fn numbers_that_no_function_of_the_loader_has() {
    for number in [3, 15, 16, 16 + 5, 255] {
        let mut found = rules(&Code::new().charge(100).host(number).ret().kwo());
        found.retain(|r| *r != "unreached-bytes");
        assert_eq!(found, ["unknown-call-target"], "{number}");
    }
}

#[test]
fn integers_of_all_kinds_are_accepted() {
    let code = Code::new()
        .op(|c| encode::xadd32(c, three(1, 2, 3)))
        .op(|c| encode::xdiv32_s(c, three(1, 2, 3)))
        .op(|c| encode::xmulhi64_s(c, three(1, 2, 3)))
        .op(|c| encode::bswap32(c, x(1), x(2)))
        .op(|c| encode::xbmask64(c, x(1), x(2)))
        .op(|c| encode::xselect32(c, x(1), x(2), x(3), x(4)))
        .op(|c| encode::sext8(c, x(1), x(2)));
    accepted(&code.ret().kwo());
}

#[test]
fn divisions_may_have_no_result_and_have_no_row() {
    let ops: [Op; 8] = [
        |c| encode::xdiv32_s(c, three(1, 2, 3)),
        |c| encode::xdiv32_u(c, three(1, 2, 3)),
        |c| encode::xdiv64_s(c, three(1, 2, 3)),
        |c| encode::xdiv64_u(c, three(1, 2, 3)),
        |c| encode::xrem32_s(c, three(1, 2, 3)),
        |c| encode::xrem32_u(c, three(1, 2, 3)),
        |c| encode::xrem64_s(c, three(1, 2, 3)),
        |c| encode::xrem64_u(c, three(1, 2, 3)),
    ];
    for (n, op) in ops.into_iter().enumerate() {
        accepted(&planted(op));
        // A row at the site that the interpreter gives.
        let mut code = Code::new();
        code.0.traps.push((code.len() + 1, TrapCode::DivisionByZero as u32));
        assert_eq!(rules(&code.op(op).ret().kwo()), ["trap-site"], "number {n}");
    }
}
