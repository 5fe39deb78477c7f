//! Bytecode: each forbidden thing in an otherwise valid object is refused by its rule's name.

mod fuel;
mod hostile;
mod instructions;
mod size;
mod stack;
mod tables;
mod tail;

use pulley_interpreter::encode;
use wasmkc_abi::object::{EM_X86_64, MACHINE_PORTABLE};
use wasmkc_audit::audit;

use crate::common::Kwo;
use crate::common::portable::{Code, at, x};
use crate::{accepted, refused, rules};

/// What `op` writes in a frame, followed by a return.
fn planted(op: impl FnOnce(&mut Vec<u8>)) -> Kwo {
    Code::new().op(op).ret().kwo()
}

#[test]
fn a_minimal_object_is_accepted() {
    let report = accepted(&planted(|c| encode::xconst8(c, x(0), 2)));
    // Frame, charge, trap, number, and the end.
    assert_eq!((report.functions, report.instructions), (1, 1 + 4 + 3 + 1 + 2));
    assert_eq!((report.symbols["wkc_trap"], report.mnemonics["ret"]), (1, 1));
}

#[test]
fn constant_helper_and_call_are_accepted() {
    let code = Code::saving(16, &[16]).op(|c| encode::xmov(c, x(16), x(0))).charge(5);
    // Behind xpcadd, the helper, call1 and the end; and behind the callee.
    let next = (code.len() + 8 + 4 + 6 + 6).next_multiple_of(16);
    let inner = Code::new().ret();
    let constants = code.distance(next + inner.len().next_multiple_of(16));
    let code = code.op(|c| encode::xpcadd(c, x(1), constants)).host(16 + 2);
    let distance = code.distance(next);
    let code = code.op(|c| encode::call1(c, x(16), distance)).restoring(16, &[16]);
    assert_eq!(code.len().next_multiple_of(16), next);
    let mut kwo = code.kwo().function(inner.0);
    kwo.helpers = vec![2];
    let report = accepted(&kwo);
    assert_eq!((report.calls, report.symbols["wkc_helper_cpu"]), (1, 1));
    kwo.helpers.clear();
    refused(&kwo, "undeclared-helper");
}

#[test]
fn branches_and_calls_to_other_places() {
    let inner = || Code::new().ret().0;
    let far = |to| Code::new().branch_at(to).ret().kwo().function(inner());
    refused(&far(0x1000), "branch-out-of-section");
    refused(&Code::new().op(|c| encode::jump(c, i32::MAX)).kwo(), "branch-out-of-section");
    // Below .text.
    refused(&Code::new().op(|c| encode::jump(c, -0x1000)).kwo(), "branch-out-of-section");
    let next = (Code::new().branch_at(0).ret().len()).next_multiple_of(16);
    refused(&far(next), "branch-out-of-function");
    refused(&far(next + 1), "branch-out-of-function");
    // Into the number of a constant, which reads as an instruction of its own.
    let code = Code::new();
    let inside = code.len() + 2;
    let hidden = code.op(|c| encode::xconst32(c, x(8), 0)).branch_at(inside).ret().kwo();
    assert!(rules(&hidden).contains(&"branch-into-instruction"));
    let called = |to| Code::new().call_at(to).ret().kwo().function(inner());
    refused(&called(1), "unknown-call-target");
    refused(&called(0x4000), "unknown-call-target");
    accepted(&called(0));
}

#[test]
fn bytes_that_are_no_instruction_or_are_not_reached() {
    refused_undecodable(&[0xff]);
    // Half of xconst32, and an extended opcode that there is not.
    let mut half = Vec::new();
    encode::xconst32(&mut half, x(1), 1);
    let kwo = Code::new().op(|c| c.extend_from_slice(&half[..3])).kwo();
    assert_eq!(rules(&kwo), ["undecodable", "unreached-bytes"]);
    let mut extended = Vec::new();
    encode::trap(&mut extended);
    refused_undecodable(&[extended[0], 0xff, 0xff]);
    // A register that there is not.
    let mut register = Vec::new();
    encode::xmov(&mut register, x(1), x(2));
    register[1] = 32;
    refused_undecodable(&register);
    refused(&Code::new().ret().op(encode::ret).kwo(), "unreached-bytes");
    refused(&Code::new().op(|c| encode::xzero(c, x(1))).kwo(), "runs-off-the-end");
}

#[track_caller]
fn refused_undecodable(bytes: &[u8]) {
    let mut found = rules(&Code::new().op(|c| c.extend_from_slice(bytes)).ret().kwo());
    found.retain(|rule| *rule != "unreached-bytes");
    assert_eq!(found, ["undecodable"], "{bytes:02x?}");
}

#[test]
fn a_trap_that_control_may_reach() {
    refused(&Code::new().op(encode::trap).kwo(), "reached-fault");
    let over = Code::new().over(|c, to| encode::br_if32(c, x(5), to), |code| code.op(encode::trap));
    refused(&over.ret().kwo(), "reached-fault");
}

#[test]
fn bytecode_of_another_version_width_or_byte_order() {
    let mut kwo = planted(|c| encode::xzero(c, x(0)));
    let bytes = kwo.build();
    assert!(audit(&bytes).is_ok());
    let says = |bytes: &[u8], what: &str| {
        let findings = audit(bytes).unwrap_err();
        assert_eq!(findings.iter().map(|f| f.rule.name()).collect::<Vec<_>>(), ["unsupported-machine"], "{what}");
        assert!(findings[0].detail.contains(what), "{}", findings[0]);
    };
    let changed = |at: usize, byte| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        bytes
    };
    says(&changed(4, 1), "32 bits");
    says(&changed(5, 2), "big-endian");
    says(&changed(18, 243), "e_machine is 243");
    for version in [0, 47, 49, 0x3000] {
        kwo.meta.bytecode = version;
        says(&kwo.build(), "bytecode version");
    }
    kwo.meta.bytecode = 48;
    kwo.meta.machine = EM_X86_64;
    says(&kwo.build(), "says machine 62");
    // Code of a processor that calls itself bytecode, and has no version of it.
    let mut native = Kwo::pass();
    native.meta.machine = MACHINE_PORTABLE;
    says(&native.build(), "says machine");
    (native.meta.machine, native.meta.bytecode) = (EM_X86_64, 48);
    says(&native.build(), "bytecode version");
}

#[test]
fn a_store_to_memory_is_accepted() {
    accepted(
        &Code::new()
            .op(|c| encode::xload64le_o32(c, x(1), at(0, 0)))
            .op(|c| encode::xstore8_o32(c, at(1, 5), x(2)))
            .ret()
            .kwo(),
    );
}
