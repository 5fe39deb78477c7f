//! The committed C header equals what the abi crate generates.

#[test]
fn c_header_is_up_to_date() {
    let out = std::process::Command::new(env!("CARGO"))
        .args(["run", "-q", "-p", "wasmkc-abi", "--example", "header"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(out.status.success());
    let committed = include_str!("../../abi/include/wasmkc_abi.h");
    assert!(
        out.stdout == committed.as_bytes(),
        "run: cargo run -p wasmkc-abi --example header > abi/include/wasmkc_abi.h"
    );
}
