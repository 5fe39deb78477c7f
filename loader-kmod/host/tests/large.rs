// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Functions so large that no short form of a branch reaches across them.
#![allow(missing_docs)]

mod common;

use common::{called, instance};

#[test]
fn a_branch_across_much_code_arrives() {
    // A test of one bit reaches 32 KiB on aarch64; here are some 100 KiB, and trap exits behind them.
    let steps: String = (0..6000)
        .map(|n| {
            format!(
                "(local.set 1 (i32.add (i32.rotl (local.get 1) (i32.const {})) (i32.const {})))",
                n % 31 + 1,
                n % 999
            )
        })
        .collect();
    let mut i = instance(&format!(
        r#"(module (memory 1)
            (func (export "f") (param i32 i32) (result i32)
              (block $out
                (br_if $out (i32.and (local.get 0) (i32.const 1)))
                {steps}
                (if (i32.and (local.get 0) (i32.const 2)) (then (drop (i32.load (local.get 1)))))
                {steps})
              (local.get 1)))"#
    ));
    let mut expected = 5u32;
    for _ in 0..2 {
        (0..6000u32).for_each(|n| expected = expected.rotate_left(n % 31 + 1).wrapping_add(n % 999));
    }
    let grant = wasmkc_host::Grant { fuel: 1_000_000, ..common::GRANT };
    assert_eq!(i.call("f", &[0, 5], grant).expect("comes back").results, [expected.into()]);
    assert_eq!(i.call("f", &[1, 5], grant).expect("comes back").results, [5]);
    let trap = i.call("f", &[2, 5], grant).expect_err("an address somewhere in 4 GiB");
    assert!(matches!(trap, wasmkc_host::CallError::Trap(_)), "{trap}");
    assert!(called(&mut i, "f", &[1, 7]).is_err(), "all of its operators are paid for at the entry");
}
