//! Planted bytes: each forbidden thing in an otherwise valid object is refused by its rule's name.

mod aarch64;
#[path = "../common/mod.rs"]
mod common;
mod division;
mod folded;
mod fuel;
mod hostile;
mod portable;
mod register;
mod size;
mod stack;
mod tail;
mod targets;

use common::{Code, ENDBR, Kwo, MOV_PASS, To};
use wasmkc_abi::object::NONE;
use wasmkc_audit::{Finding, Report, audit};

/// Rule names of the findings about `kwo`.
fn rules(kwo: &Kwo) -> Vec<&'static str> {
    match audit(&kwo.build()) {
        Ok(_) => Vec::new(),
        Err(findings) => {
            assert!(!findings.is_empty());
            let mut rules: Vec<_> = findings.iter().map(|f: &Finding| f.rule.name()).collect();
            rules.dedup();
            rules
        }
    }
}

/// `code` in a frame, followed by a return.
fn planted(code: &[u8]) -> Kwo {
    Kwo::new(Code::new().raw(code).raw(MOV_PASS).ret())
}

/// The only rule broken is `rule`.
#[track_caller]
fn refused(kwo: &Kwo, rule: &str) {
    assert_eq!(rules(kwo), [rule]);
}

/// `rule` is broken, and nothing else but, where that ends the path, `unreached-bytes`.
#[track_caller]
fn refused_and_cut(kwo: &Kwo, rule: &str) {
    let mut rules = rules(kwo);
    rules.retain(|r| *r != "unreached-bytes");
    assert_eq!(rules, [rule]);
}

#[track_caller]
fn accepted(kwo: &Kwo) -> Report {
    audit(&kwo.build()).unwrap_or_else(|f| panic!("{}", f.iter().map(|f| format!("{f}\n")).collect::<String>()))
}

#[test]
fn a_minimal_object_is_accepted() {
    let report = accepted(&Kwo::pass());
    // endbr64 and frame, stack check, charge, mov and jmp.
    assert_eq!((report.functions, report.instructions), (1, 3 + 6 + 8 + 2));
    assert_eq!(report.symbols["wkc_ret"], 1);
}

#[test]
fn an_appended_signature_is_tolerated() {
    let mut bytes = Kwo::pass().build();
    bytes.extend_from_slice(b"PKCS#7 goes here~Module signature appended~\n");
    assert!(audit(&bytes).is_ok());
}

#[test]
fn trap_constant_helper_and_call_are_accepted() {
    // sub rsp, 16; mov [rsp], rdi; a charge; mov rax, [rip + .rodata + 8]; a helper; mov rdi, [rsp]; a call
    let code = Code::with_frame(&[0x48, 0x83, 0xec, 16, 0x48, 0x89, 0x3c, 0x24]).charge(5);
    let code = code.rodata(&[0x48, 0x8b, 0x05], 8).call("wkc_helper_cpu").raw(&[0x48, 0x8b, 0x3c, 0x24]);
    let to = code.bytes.len().next_multiple_of(16) + 16;
    let code = code.call_at(to as i32).ret();
    assert!((to - 15..=to).contains(&code.bytes.len()));
    let mut kwo = Kwo::new(code).function(Code::inner().raw(MOV_PASS).ret());
    kwo.rodata = vec![0; 16];
    kwo.helpers = vec![2];
    let report = accepted(&kwo);
    assert_eq!(report.calls, 1);
    kwo.rodata = vec![0; 15];
    refused(&kwo, "rip-memory");
    kwo.rodata = vec![0; 16];
    kwo.helpers.clear();
    refused(&kwo, "undeclared-helper");
}

#[test]
fn an_sse_instruction() {
    refused_and_cut(&planted(&[0xf2, 0x0f, 0x58, 0xc1]), "float-or-simd"); // addsd xmm0, xmm1
    refused_and_cut(&planted(&[0x66, 0x0f, 0xef, 0xc0]), "float-or-simd"); // pxor xmm0, xmm0
}

#[test]
fn x87_mmx_avx_and_evex_instructions() {
    refused_and_cut(&planted(&[0xd9, 0xe8]), "float-or-simd"); // fld1
    refused_and_cut(&planted(&[0x0f, 0x77]), "float-or-simd"); // emms
    refused_and_cut(&planted(&[0xc5, 0xf4, 0x58, 0xc2]), "float-or-simd"); // vaddps ymm0, ymm1, ymm2
    refused_and_cut(&planted(&[0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2]), "float-or-simd"); // vaddps zmm0, zmm1, zmm2
}

#[test]
fn wrmsr_and_other_privileged_instructions() {
    refused_and_cut(&planted(&[0x0f, 0x30]), "privileged-instruction"); // wrmsr
    refused_and_cut(&planted(&[0xf4]), "privileged-instruction"); // hlt
    refused_and_cut(&planted(&[0xfa]), "privileged-instruction"); // cli
    refused_and_cut(&planted(&[0x0f, 0x22, 0xd8]), "privileged-instruction"); // mov cr3, rax
    refused_and_cut(&planted(&[0x0f, 0x01, 0x38]), "privileged-instruction"); // invlpg [rax]
}

#[test]
fn syscall_sysenter_and_int() {
    refused_and_cut(&planted(&[0x0f, 0x05]), "system-call");
    refused_and_cut(&planted(&[0x0f, 0x34]), "system-call");
    refused_and_cut(&planted(&[0xcd, 0x80]), "system-call");
    refused_and_cut(&planted(&[0x48, 0xcf]), "system-call"); // iretq
}

#[test]
fn in_and_out() {
    refused_and_cut(&planted(&[0xec]), "port-io");
    refused_and_cut(&planted(&[0xee]), "port-io");
}

#[test]
fn a_jump_into_an_instruction() {
    // jne into the immediate of the mov that follows, where `nop; nop; nop; nop` stands
    refused(&planted(&[0x75, 1, 0xb8, 0x90, 0x90, 0x90, 0x90]), "branch-into-instruction");
}

#[test]
fn a_call_to_an_unknown_address() {
    refused(&planted(&[0xe8, 0x00, 0x00, 0x10, 0x00]), "unknown-call-target");
    // Into the middle of its own function: an instruction, but no function's start.
    refused(&planted(&[0xe8, 0x00, 0x00, 0x00, 0x00]), "unknown-call-target");
}

#[test]
fn a_call_to_an_unknown_symbol() {
    refused(&Kwo::new(Code::new().call("printk").ret()), "relocation");
}

#[test]
fn a_bare_ret() {
    refused(&Kwo::new(Code::new().raw(MOV_PASS).raw(&[0xc3])), "bare-return");
    refused(&Kwo::new(Code::new().raw(MOV_PASS).raw(&[0xc2, 8, 0])), "bare-return");
}

#[test]
fn an_indirect_jump() {
    refused_and_cut(&planted(&[0xff, 0xe0]), "indirect-jump"); // jmp rax
    refused_and_cut(&planted(&[0xff, 0x20]), "indirect-jump"); // jmp [rax]
}

#[test]
fn an_indirect_call() {
    refused_and_cut(&planted(&[0xff, 0xd0]), "indirect-call"); // call rax
    refused_and_cut(&planted(&[0xff, 0x10]), "indirect-call"); // call [rax]
}

#[test]
fn rep_movsb_and_plain_string_instructions() {
    refused_and_cut(&planted(&[0xf3, 0xa4]), "string-instruction");
    refused_and_cut(&planted(&[0x48, 0xab]), "string-instruction"); // stosq
}

#[test]
fn a_branch_out_of_the_section() {
    refused_and_cut(&planted(&[0xe9, 0x00, 0x00, 0x10, 0x00]), "branch-out-of-section");
    refused(&planted(&[0x0f, 0x84, 0x00, 0x00, 0x10, 0x00]), "branch-out-of-section");
    refused(&planted(&[0x0f, 0x84, 0x00, 0xff, 0xff, 0xff]), "branch-out-of-section"); // backwards, below zero
}

#[test]
fn a_branch_into_another_function() {
    // je to the next function, which starts where 16 divides
    let at = Code::new().bytes.len() + 6;
    let size = Code::new().bytes.len() + 6 + MOV_PASS.len() + 5;
    let distance = (size.next_multiple_of(16) - at) as u8;
    let kwo = planted(&[0x0f, 0x84, distance, 0x00, 0x00, 0x00]).function(Code::inner().raw(MOV_PASS).ret());
    refused(&kwo, "branch-out-of-function");
}

#[test]
fn a_far_jump_and_a_far_return() {
    refused_and_cut(&planted(&[0xff, 0x28]), "far-transfer"); // jmp far [rax]
    refused_and_cut(&planted(&[0xcb]), "far-transfer");
}

#[test]
fn a_write_execute_section() {
    let mut kwo = Kwo::pass();
    kwo.text_flags |= u64::from(object::elf::SHF_WRITE);
    refused(&kwo, "write-execute-section");
}

#[test]
fn executable_or_writable_constants() {
    let mut kwo = Kwo::pass();
    kwo.rodata_flags |= u64::from(object::elf::SHF_EXECINSTR);
    refused(&kwo, "section-flags");
    let mut kwo = Kwo::pass();
    kwo.rodata_flags |= u64::from(object::elf::SHF_WRITE);
    refused(&kwo, "section-flags");
}

#[test]
fn prefixes() {
    refused_and_cut(&planted(&[0xf0, 0x48, 0xff, 0x00]), "forbidden-prefix"); // lock inc qword [rax]
    refused_and_cut(&planted(&[0x65, 0x48, 0x8b, 0x00]), "forbidden-prefix"); // mov rax, gs:[rax]
    refused_and_cut(&planted(&[0x67, 0x8b, 0x00]), "forbidden-prefix"); // mov eax, [eax]
    refused_and_cut(&planted(&[0x87, 0x00]), "forbidden-prefix"); // xchg [rax], eax
    refused_and_cut(&planted(&[0x66, 0xe9, 0, 0, 0, 0]), "forbidden-prefix"); // a jump that CPUs read differently
}

#[test]
fn instructions_that_not_every_cpu_has() {
    refused_and_cut(&planted(&[0xf3, 0x0f, 0xbd, 0xc0]), "cpu-feature"); // lzcnt, bsr on an older CPU
    refused_and_cut(&planted(&[0xf3, 0x0f, 0xb8, 0xc0]), "cpu-feature"); // popcnt
    refused_and_cut(&planted(&[0xc4, 0xe2, 0x78, 0xf2, 0xc0]), "cpu-feature"); // andn
}

#[test]
fn integer_instructions_beside_the_list() {
    refused_and_cut(&planted(&[0x0f, 0x31]), "instruction-not-allowed"); // rdtsc
    refused_and_cut(&planted(&[0x0f, 0xa2]), "instruction-not-allowed"); // cpuid
    refused_and_cut(&planted(&[0xfd]), "instruction-not-allowed"); // std
    refused_and_cut(&planted(&[0x9d]), "instruction-not-allowed"); // popfq
    refused_and_cut(&planted(&[0x8e, 0xd8]), "instruction-not-allowed"); // mov ds, eax
    refused_and_cut(&planted(&[0xe2, 0xfe]), "instruction-not-allowed"); // loop
}

#[test]
fn undecodable_bytes_and_a_cut_instruction() {
    refused_and_cut(&planted(&[0x06]), "undecodable"); // invalid in 64-bit mode
    refused_and_cut(&Kwo::new(Code::new().raw(&[0x48, 0xb8, 1, 2])), "undecodable");
}

#[test]
fn running_off_the_end() {
    refused(&Kwo::new(Code::new().raw(MOV_PASS)), "runs-off-the-end");
}

#[test]
fn bytes_that_nothing_reaches() {
    refused(&Kwo::new(Code::new().raw(MOV_PASS).ret().raw(&[0x90])), "unreached-bytes");
    // int3 is padding outside of functions only.
    refused(&Kwo::new(Code::new().raw(MOV_PASS).ret().raw(&[0xcc])), "unreached-bytes");
}

#[test]
fn padding_that_is_no_int3() {
    let mut kwo = Kwo::pass().function(Code::inner().raw(MOV_PASS).ret());
    accepted(&kwo);
    kwo.padding = 0x90;
    refused(&kwo, "padding");
}

#[test]
fn symbols_used_the_wrong_way() {
    refused(&Kwo::new(Code::new().call("wkc_ret").ret()), "symbol-use");
    refused(&Kwo::new(Code::new().raw(MOV_PASS).jmp("wkc_memset")), "symbol-use");
}

#[test]
fn a_trap_without_a_row_and_a_row_without_a_trap() {
    let mut code = Code::new().raw(MOV_PASS).ret();
    assert_eq!(code.traps.pop().map(|(_, code)| code), Some(9));
    refused(&Kwo::new(code), "trap-site");
    let mut code = Code::new().raw(MOV_PASS).ret();
    code.traps.push((code.bytes.len() as u32, 1));
    refused(&Kwo::new(code), "trap-site");
}

/// An object with a relocation, and the place of the section header of its relocations.
fn with_relocations() -> (Vec<u8>, usize) {
    let elf = Kwo::pass().build();
    let table = u64::from_le_bytes(elf[40..48].try_into().unwrap()) as usize;
    let headers = (table..elf.len()).step_by(64);
    let rela = headers.take_while(|at| at + 64 <= elf.len()).find(|at| elf[at + 4..at + 8] == [4, 0, 0, 0]);
    (elf.clone(), rela.expect("it calls wkc_trap"))
}

#[track_caller]
fn another_reader(elf: &[u8]) {
    let findings = audit(elf).unwrap_err();
    let said = |f: &Finding| f.rule.name() == "relocation" && f.to_string().contains("a loader may read it otherwise");
    assert!(findings.iter().any(said), "{findings:?}");
}

#[test]
fn relocations_in_another_form() {
    // SHT_REL and SHT_CREL
    for kind in [9u32, 0x4000_0014] {
        let (mut elf, rela) = with_relocations();
        elf[rela + 4..rela + 8].copy_from_slice(&kind.to_le_bytes());
        another_reader(&elf);
    }
}

#[test]
fn relocations_that_are_no_whole_rows() {
    let (mut elf, rela) = with_relocations();
    elf[rela + 32] -= 1;
    another_reader(&elf);
}

#[test]
fn relocations_of_no_section() {
    let (mut elf, rela) = with_relocations();
    elf[rela + 44..rela + 48].fill(0);
    another_reader(&elf);
}

#[test]
fn two_symbol_tables() {
    let (mut elf, rela) = with_relocations();
    // The relocations' own header becomes a second table of symbols.
    elf[rela + 4..rela + 8].copy_from_slice(&2u32.to_le_bytes());
    assert!(audit(&elf).is_err());
    let (mut elf, rela) = with_relocations();
    elf[rela + 40] += 1;
    another_reader(&elf);
}

#[test]
fn relocations_at_other_places() {
    let with = |at, to, addend| {
        let mut code = Code::new().raw(MOV_PASS).ret();
        code.relocations.push((at, to, addend));
        let mut kwo = Kwo::new(code);
        kwo.rodata = vec![0; 64];
        kwo
    };
    let mov = Code::new().bytes.len() as u32;
    refused(&with(mov + 1, To::Symbol("wkc_memset"), -4), "relocation"); // the immediate of mov eax
    refused(&with(mov + 1, To::Rodata, 0), "relocation");
    refused(&with(mov - 2, To::Rodata, 0), "relocation"); // across two instructions
    let mut kwo = Kwo::pass();
    kwo.functions[0].relocations.last_mut().unwrap().2 = 60;
    refused(&kwo, "relocation"); // wkc_ret + 64
}

#[test]
fn memory_operands_without_a_base() {
    refused(&planted(&[0x8b, 0x04, 0x25, 0, 0, 0, 0]), "absolute-memory"); // mov eax, [0]
    refused(&planted(&[0x8b, 0x05, 0, 0, 0, 0]), "rip-memory"); // mov eax, [rip], which would read code
    let mut kwo = Kwo::new(Code::new().rodata(&[0x89, 0x05], 0).ret()); // mov [rip + .rodata], eax
    kwo.rodata = vec![0; 16];
    refused(&kwo, "rip-memory");
}

#[test]
fn int3_and_ud2_that_are_reached() {
    refused_and_cut(&planted(&[0x85, 0xc9, 0x74, 1, 0xcc]), "instruction-not-allowed"); // test ecx, ecx; je; int3
    refused(&planted(&[0x85, 0xc9, 0x74, 2, 0x0f, 0x0b]), "reached-fault"); // ud2 in its place
    refused(&Kwo::new(Code::new().raw(&[0x0f, 0x0b])), "reached-fault");
    // The guard that the code generator leaves: ecx is not zero any more.
    let guard = &[0x85, 0xc9, 0x75, 12];
    let code = Code::new().raw(guard).trap(6).raw(&[0x85, 0xc9, 0x75, 2, 0x0f, 0x0b]);
    accepted(&Kwo::new(code.raw(MOV_PASS).ret()));
}

#[test]
fn a_trap_with_another_code_than_its_row() {
    let with = |mov: &[u8]| {
        let mut code = Code::new().raw(mov).call("wkc_trap");
        code.traps.push((code.bytes.len() as u32, 6));
        Kwo::new(code.raw(&[0x0f, 0x0b]))
    };
    accepted(&with(&[0xbe, 6, 0, 0, 0]));
    refused(&with(&[0xbe, 7, 0, 0, 0]), "trap-code");
    refused(&with(&[0xbe, 0, 0, 0, 0x77]), "trap-code");
    refused(&with(&[0x89, 0xce]), "trap-code"); // mov esi, ecx
    refused(&with(&[]), "trap-code");
}

#[test]
fn landing_pads_beside_the_entries() {
    let pad = ENDBR;
    refused(&planted(pad), "landing-pad");
    refused(&planted(&[0xb8, 0xf3, 0x0f, 0x1e, 0xfa]), "landing-pad"); // mov eax, 0xfa1e0ff3
    refused(&planted(&[0x48, 0xb8, 0, 0xf3, 0x0f, 0x1e, 0xfa, 0, 0, 0]), "landing-pad"); // in a 64-bit constant
    // f3 ends a constant, and what follows is no instruction of the list by itself.
    assert!(rules(&planted(&[0xb8, 0, 0, 0, 0xf3, 0x0f, 0x1e, 0xfa])).contains(&"landing-pad"));
    refused(&planted(&[0x48, 0xb8, 0, 0xf3, 0x48, 0x0f, 0x1e, 0xfa, 0, 0]), "landing-pad"); // with a prefix
    refused(&Kwo::pass().function(Code::new().raw(MOV_PASS).ret()), "landing-pad"); // a function that is no entry
    accepted(&planted(&[0xb8, 0xf3, 0x0f, 0x1e, 0xfb])); // endbr32 is none
}

#[test]
fn a_guard_that_overlaps_another_instruction() {
    // jmp into the ud2 behind the trap, whose second byte starts `or eax, ...` there
    let code = Code::new().raw(&[0x85, 0xc9, 0x74, 11]).trap(1);
    let kwo = Kwo::new(code.raw(&[0x90, 0x90, 0x90, 0x90]).raw(MOV_PASS).ret());
    let found = rules(&kwo);
    assert!(found.contains(&"branch-into-instruction"), "{found:?}");
}

#[test]
fn entries_and_tables() {
    let mut kwo = Kwo::pass();
    kwo.meta.entry_xdp = 4; // push rbp, behind endbr64
    assert_eq!(rules(&kwo), ["entry-point", "landing-pad"]);
    kwo.meta.entry_xdp = u32::MAX - 1;
    assert_eq!(rules(&kwo), ["entry-point", "landing-pad"]);
    kwo.meta.entry_xdp = NONE;
    refused(&kwo, "landing-pad");
    kwo.functions[0].bytes.clear();
    assert!(rules(&kwo).contains(&"function-table"));
}

#[test]
fn files_that_are_no_object() {
    for bytes in [&b""[..], b"\x7fELF", b"\0asm\x01\0\0\0", &[0xff; 4096]] {
        let findings = audit(bytes).unwrap_err();
        assert_eq!(findings[0].rule.name(), "malformed-object");
    }
    let mut kwo = Kwo::pass();
    kwo.meta.machine = 183;
    refused(&kwo, "unsupported-machine");
    kwo.meta.magic = 0;
    assert!(rules(&kwo).contains(&"malformed-object"));
}

#[test]
fn every_truncation_and_every_flipped_byte_is_judged_without_a_panic() {
    let bytes = Kwo::new(Code::new().raw(MOV_PASS).raw(&[0x74, 12]).trap(1).ret()).build();
    assert!(audit(&bytes).is_ok());
    for len in 0..bytes.len() {
        let _ = audit(&bytes[..len]);
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let _ = audit(&changed);
        }
    }
}
