//! Words that no filter may contain, by what is wrong with each.

use super::{each, planted};
use crate::common::aarch64::{NOP, ldr, mov, str};
use crate::{accepted, refused_and_cut, rules};

#[test]
fn floating_point_and_vector_instructions() {
    each(
        "float-or-simd",
        &[
            0x1e61_2800, // fadd d0, d0, d1
            0x9e67_0000, // fmov d0, x0
            0x9e66_0000, // fmov x0, d0
            0x0e20_5800, // cnt v0.8b, v0.8b
            0x4e28_4800, // aese v0.16b, v0.16b
            0xfd40_0020, // ldr d0, [x1]
            0x3dc0_0020, // ldr q0, [x1]
            0xfc1f_0fe8, // str d8, [sp, #-16]!
            0x6dbf_27e8, // stp d8, d9, [sp, #-16]!
            0x4c40_7000, // ld1 { v0.16b }, [x0]
            0x1c00_0040, // ldr s0, +8
            0x0420_0000, // add z0.b, z0.b, z0.b
            0x8080_0000, // SME
        ],
    );
}

#[test]
fn system_registers_and_instructions() {
    each(
        "privileged-instruction",
        &[
            0xd538_4100, // mrs x0, sp_el0
            0xd53b_e040, // mrs x0, cntvct_el0
            0xd51b_4200, // msr nzcv, x0
            0xd503_42df, // msr daifset, #2
            0xd508_871f, // tlbi vmalle1
            0xd50b_7420, // dc zva, x0
            0xd508_7508, // ic iallu
        ],
    );
}

#[test]
fn calls_of_other_exception_levels() {
    each(
        "system-call",
        &[
            0xd400_0001, // svc #0
            0xd400_0002, // hvc #0
            0xd400_0003, // smc #0
            0xd69f_03e0, // eret
            0xd6bf_03e0, // drps
        ],
    );
}

#[test]
fn breakpoints_barriers_and_hints() {
    each(
        "instruction-not-allowed",
        &[
            0xd420_0000, // brk #0
            0xd440_0000, // hlt #0
            0xd4a0_0001, // dcps1
            0xd503_3f9f, // dsb sy
            0xd503_3fdf, // isb
            0xd503_205f, // wfe
            0xd503_207f, // wfi
            0xd503_203f, // yield
            0xd503_221f, // esb
        ],
    );
    // nop; csdb, which holds speculation back
    accepted(&planted(&[NOP, 0xd503_229f]));
}

#[test]
fn exclusive_ordered_and_atomic_accesses() {
    each(
        "atomic-access",
        &[
            0xc85f_7c20, // ldxr x0, [x1]
            0xc802_7c20, // stxr w2, x0, [x1]
            0xc8df_fc20, // ldar x0, [x1]
            0x889f_fc20, // stlr w0, [x1]
            0xc8a0_7c41, // cas x0, x1, [x2]
            0xf820_0041, // ldadd x0, x1, [x2]
            0x3820_8041, // swpb w0, w1, [x2]
            0xf8bf_c020, // ldapr x0, [x1]
            0xd940_0020, // ldapur x0, [x1]
        ],
    );
}

#[test]
fn pointer_authentication_and_other_extensions() {
    each(
        "cpu-feature",
        &[
            0xd503_20ff, // xpaclri
            0xd503_211f, // pacia1716
            0xd503_23bf, // autiasp
            0xdac1_0020, // pacia x0, x1
            0x9ac2_3020, // pacga x0, x1, x2
            0xf820_0420, // ldraa x0, [x1]
            0x1ac2_4020, // crc32b w0, w1, w2
            0x9180_0420, // addg x0, x1, #0, #1
        ],
    );
    // It is a landing pad as well.
    assert_eq!(rules(&planted(&[0xd503_233f])), ["landing-pad", "cpu-feature"]); // paciasp
}

#[test]
fn computed_branches() {
    each("indirect-jump", &[0xd61f_0020, 0xd71f_0822]); // br x1; braa x1, x2
    each("indirect-call", &[0xd63f_0020, 0xd73f_0822]); // blr x1; blraa x1, x2
    each("bare-return", &[0xd65f_0020, 0xd65f_0bff]); // ret x1; retaa
}

#[test]
fn addresses_and_constants_among_instructions() {
    each(
        "rip-memory",
        &[
            0x1000_0001, // adr x1, +0
            0x5800_0041, // ldr x1, +8
            0x9800_0041, // ldrsw x1, +8
            0x9000_0001, // adrp x1 without a relocation
            0xd800_0040, // prfm pldl1keep, +8
        ],
    );
}

#[test]
fn the_platform_register() {
    each(
        "platform-register",
        &[
            mov(18, 1),
            mov(1, 18),
            ldr(18, 1, 0),
            str(1, 18, 0),
            0xa940_4821, // ldp x1, x18, [x1]
            0x9b01_4820, // madd x0, x1, x1, x18
            0xb400_0052, // cbz x18, +8
        ],
    );
}

#[test]
fn integer_instructions_beside_the_list() {
    each(
        "instruction-not-allowed",
        &[
            0xf840_8441, // ldr x1, [x2], #8
            0xf81f_8c41, // str x1, [x2, #-8]!
            0xa8c1_0c41, // ldp x1, x3, [x2], #16
            0xf81f_87e1, // str x1, [sp], #-8
            0xf840_8fe1, // ldr x1, [sp, #8]!
            0xf81f_cfe1, // str x1, [sp, #-4]!: less room than it writes
            0xa940_0421, // ldp x1, x1, [x1]
            0xa840_0841, // ldnp x1, x2, [x2]
            0x6940_0841, // ldpsw x1, x2, [x2]
            0xf840_0841, // ldtr x1, [x2]
            0xf980_0020, // prfm pldl1keep, [x1]
            0x5400_004e, // b.al +8
            0xf83f_6841, // str x1, [x2, xzr]
            0x3a00_082d, // setf8 w1
            0xba00_8401, // rmif x0, #1, #1
            0x9ac2_1020, // irg x0, x1, x2: of another extension
        ],
    );
}

#[test]
fn reserved_encodings() {
    each(
        "instruction-not-allowed",
        &[
            0x9240_fc00, // and x0, x0 with a mask of all ones
            0x1240_0000, // and w0, w0 with a mask of 64 bits
            0x52c0_0000, // mov w0, #0, lsl #32
            0x0b00_8000, // add w0, w0, w0, lsl #32
            0x8bc0_0000, // add x0, x0, x0, ror #0
            0x8b20_1400, // add x0, x0, w0, uxtb #5
            0x1340_0000, // sbfm w0, w0 with N
            0xf820_0840, // str x0, [x2, x0, option 0]
            0x9ac2_0020, // two sources, opcode 0
            0xdac0_1c20, // one source, opcode 7
        ],
    );
}

#[test]
fn words_that_are_nothing() {
    each("undecodable", &[0x0200_0000, 0x0600_0000, 0x0001_0000]);
    let mut kwo = planted(&[]);
    let size = kwo.functions[0].bytes.len();
    kwo.functions[0].bytes.truncate(size - 2); // half of ret
    refused_and_cut(&kwo, "undecodable");
}
