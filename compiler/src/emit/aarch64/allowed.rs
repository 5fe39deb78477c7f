//! Proves that a finished function holds nothing that a kernel cannot run or that the object has no form for: no
//! register of floats or vectors, no constants among instructions, no address of code, no branch through a register,
//! no undefined instruction but behind a call of the trap exit.

use super::{
    word::{Flow, flow, is_call},
    words,
};

/// Passes if every instruction is allowed.
pub fn prove(code: &[u8]) -> Result<(), String> {
    if !code.len().is_multiple_of(4) {
        return Err(format!("{} bytes are no whole instructions", code.len()));
    }
    let mut before = None;
    for (at, word) in words(code) {
        // Indirect branches fail here.
        if flow(word, at)? == Flow::Stop && before.is_none_or(|before| !is_call(before)) {
            return Err(format!("undefined instruction at {at:#x}"));
        }
        if let Some(what) = refused(word) {
            return Err(format!("{what} at {at:#x} ({word:#010x})"));
        }
        before = Some(word);
    }
    Ok(())
}

fn refused(word: u32) -> Option<&'static str> {
    let is = |mask: u32, value: u32| word & mask == value;
    if is(0x3b00_0000, 0x1800_0000) {
        Some("constant among instructions")
    } else if is(0x9f00_0000, 0x1000_0000) {
        Some("address of code")
    } else if is(0x0c00_0000, 0x0c00_0000) {
        Some("vector register")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(words: &[u32]) -> Result<(), String> {
        prove(&words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn what_a_kernel_cannot_run_is_found() {
        let cases = [
            ("constant", 0x5800_0040),  // ldr x0, +8
            ("constant", 0x1c00_0040),  // ldr s0, +8
            ("constant", 0x9800_0040),  // ldrsw x0, +8
            ("address", 0x1000_0040),   // adr x0, +8
            ("vector", 0xfd40_0000),    // ldr d0, [x0]
            ("vector", 0x6d00_0400),    // stp d0, d1, [x0]
            ("vector", 0x3dc0_0000),    // ldr q0, [x0]
            ("vector", 0x9e67_0000),    // fmov d0, x0
            ("vector", 0x0e20_5800),    // cnt v0.8b, v0.8b
            ("vector", 0x1e61_2800),    // fadd d0, d0, d1
            ("vector", 0x4c40_7000),    // ld1 { v0.16b }, [x0]
            ("indirect", 0xd61f_0200),  // br x16
            ("indirect", 0xd63f_0200),  // blr x16
            ("undefined", 0x0000_c11f), // udf behind nothing
        ];
        for (what, word) in cases {
            assert!(proven(&[word]).is_err_and(|e| e.contains(what)), "{what} {word:#x}");
        }
        // Integer loads, stores, arithmetic, csdb, bl and udf, ret.
        let allowed = [
            0xf940_1401,
            0xa9bf_7bfd,
            0x3820_6801,
            0xc8df_fc00,
            0x9b01_7c00,
            0xd503_229f,
            0x9000_0003,
            0x9400_0000,
            0x0000_c11f,
            0xd65f_03c0,
        ];
        assert_eq!(proven(&allowed), Ok(()));
        assert!(prove(&[0; 6]).is_err());
    }
}
