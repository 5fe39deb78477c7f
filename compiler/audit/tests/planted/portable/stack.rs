//! Frames, the stack pointer, and registers that are given back.

use pulley_interpreter::{PcRelOffset, XReg, encode};

use super::planted;
use crate::common::Kwo;
use crate::common::portable::{Code, Op, at, three, upper, x};
use crate::{accepted, refused, rules};

/// What `op` writes in a frame of 32 bytes that keeps x16.
fn inside(op: impl FnOnce(&mut Vec<u8>)) -> Kwo {
    Code::saving(32, &[16]).op(op).restoring(32, &[16]).kwo()
}

#[test]
fn frames() {
    let without = Code::default().op(|c| encode::xzero(c, x(0))).op(encode::pop_frame).op(encode::ret).kwo();
    refused(&without, "frame");
    // Behind another instruction, and a second one.
    let late = Code::default().op(|c| encode::xzero(c, x(1))).frame(encode::push_frame).charge(8).ret().kwo();
    refused(&late, "frame");
    let twice = Code::new().frame(encode::push_frame).ret().kwo();
    assert_eq!(rules(&twice), ["frame", "stack-pointer"]);
    let saves_twice = Code::new().frame(|c| encode::push_frame_save(c, 16_u16, upper(&[16]))).ret().kwo();
    assert_eq!(rules(&saves_twice), ["frame", "stack-pointer"]);
    // Back to the start, by a branch that is no tail call.
    refused(&Code::new().branch_at(0).ret().kwo(), "frame");
    assert!(rules(&Code::saving(16, &[16]).branch_at(0).restoring(16, &[16]).kwo()).contains(&"frame"));
    // No room for what is kept.
    let narrow = |bytes| {
        let code = Code::saving(bytes, &[16, 17, 18]);
        code.restoring(bytes, &[16, 17, 18]).kwo()
    };
    accepted(&narrow(32));
    assert!(rules(&narrow(16)).iter().all(|r| *r == "frame"));
    assert!(!rules(&narrow(16)).is_empty());
}

#[test]
fn returns_with_the_frame_in_place() {
    refused(&Code::new().op(encode::ret).kwo(), "frame");
    let between = Code::new().op(encode::pop_frame).op(|c| encode::xzero(c, x(1))).op(encode::ret).kwo();
    assert_eq!(rules(&between), ["stack-pointer", "frame"]);
    // A branch to the return, around what takes the frame down.
    let around = Code::new().over(|c, to| encode::br_if32(c, x(5), to), |code| code.op(encode::pop_frame));
    assert!(rules(&around.op(encode::ret).kwo()).contains(&"frame"));
    // Twice, once too often.
    let twice = Code::new().op(encode::pop_frame).ret().kwo();
    assert!(rules(&twice).contains(&"stack-pointer"));
}

#[test]
fn stack_pointers() {
    let ops: [Op; 10] = [
        |c| encode::xmov(c, XReg::sp, x(1)),
        |c| encode::xmov(c, x(1), XReg::sp),
        |c| encode::xadd64(c, three(30, 30, 1)),
        |c| encode::xadd64_u8(c, x(1), XReg::sp, 8),
        |c| encode::xzero(c, XReg::sp),
        |c| encode::xload64le_o32(c, XReg::sp, at(1, 0)),
        |c| encode::xstore64le_o32(c, at(1, 0), XReg::sp),
        |c| encode::stack_alloc32(c, 16_u32),
        |c| encode::stack_free32(c, 16_u32),
        |c| encode::br_if_xult64(c, XReg::sp, x(1), PcRelOffset::from(7)),
    ];
    for (n, op) in ops.into_iter().enumerate() {
        assert_eq!(rules(&inside(op)), ["stack-pointer"], "number {n}");
    }
    // As an argument, and among what is saved and restored.
    let passed = Code::new().op(|c| encode::call1(c, XReg::sp, 0)).ret().kwo();
    assert!(rules(&passed).contains(&"stack-pointer"));
    refused(&Code::saving(16, &[30]).restoring(16, &[30]).kwo(), "stack-pointer");
    refused(&Code::new().restoring(16, &[30]).kwo(), "stack-pointer");
    refused(&Code::saving(16, &[31]).restoring(16, &[31]).kwo(), "instruction-not-allowed");
    // How much is taken.
    let frame = |bytes| rules(&Code::saving(bytes, &[16]).restoring(bytes, &[16]).kwo());
    assert_eq!(frame(2048), [""; 0]);
    assert_eq!(frame(2064), ["stack-pointer"]);
    assert_eq!(frame(24), ["stack-pointer"]);
    assert_eq!(frame(u16::MAX), ["stack-pointer"]);
}

#[test]
fn stack_accesses() {
    accepted(&inside(|c| encode::xstore64le_o32(c, at(30, 0), x(1))));
    accepted(&inside(|c| encode::xload64le_o32(c, x(1), at(30, 24))));
    accepted(&inside(|c| encode::xstore8_o32(c, at(30, 23), x(1))));
    let ops: [Op; 7] = [
        |c| encode::xstore64le_o32(c, at(30, 32), x(1)), // the caller's frame pointer
        |c| encode::xload64le_o32(c, x(1), at(30, 40)),  // the return address
        |c| encode::xload64le_o32(c, x(1), at(30, 48)),  // what would be an argument
        |c| encode::xload8_u32_o32(c, x(1), at(30, 32)),
        |c| encode::xstore64le_o32(c, at(30, 25), x(1)), // half outside
        |c| encode::xstore32le_o32(c, at(30, -4), x(1)), // below
        |c| encode::xload16le_s32_o32(c, x(1), at(30, i32::MIN)),
    ];
    for (n, op) in ops.into_iter().enumerate() {
        assert_eq!(rules(&inside(op)), ["stack-access"], "number {n}");
    }
    // A frame that has no bytes, and one that is larger than what is taken down.
    refused(&planted(|c| encode::xload64le_o32(c, x(1), at(30, 0))), "stack-access");
    assert!(rules(&Code::saving(32, &[]).restoring(64, &[16]).kwo()).contains(&"stack-access"));
}

#[test]
fn registers_that_are_saved_and_given_back() {
    let keeps = |end: &[u8]| {
        let code =
            Code::saving(16, &[16, 17]).op(|c| encode::xmov(c, x(16), x(1))).op(|c| encode::xmov(c, x(17), x(2)));
        code.restoring(16, end).kwo()
    };
    accepted(&keeps(&[16, 17]));
    refused(&keeps(&[16]), "callee-saved");
    refused(&keeps(&[]), "callee-saved");
    assert!(rules(&keeps(&[17, 18])).iter().all(|r| *r == "callee-saved"));
    // Another size would find them elsewhere.
    let other = Code::saving(32, &[16]).op(|c| encode::xmov(c, x(16), x(1))).restoring(16, &[16]);
    refused(&other.kwo(), "callee-saved");
    for r in 16..30 {
        assert_eq!(rules(&planted(|c| encode::xmov(c, x(r), x(1)))), ["callee-saved"], "x{r}");
        // The low half alone.
        assert_eq!(rules(&planted(|c| encode::xmul32_s8(c, x(r), x(1), 3))), ["callee-saved"], "x{r}");
    }
    accepted(&planted(|c| encode::xmov(c, x(15), x(1))));
    // The place is written in between.
    refused(&inside(|c| encode::xstore64le_o32(c, at(30, 24), x(1))), "callee-saved");
    refused(&inside(|c| encode::xstore8_o32(c, at(30, 31), x(1))), "callee-saved");
    accepted(&inside(|c| encode::xstore64le_o32(c, at(30, 16), x(1))));
}

#[test]
fn what_takes_stack_without_its_row() {
    let mut code = Code::new();
    code.0.traps.remove(0);
    refused(&code.clone().ret().kwo(), "trap-site");
    code.0.traps.insert(0, (1, 9)); // and with another cause
    refused(&code.clone().ret().kwo(), "trap-code");
    code.0.traps[0] = (0, 8); // at its first byte
    assert_eq!(rules(&code.ret().kwo()), ["trap-site"]);
    let mut code = Code::saving(16, &[16]).restoring(16, &[16]);
    code.0.traps[0] = (5, 8); // at its end
    assert_eq!(rules(&code.kwo()), ["trap-site"]);
}
