//! Which single instructions a filter may contain. Knows nothing of where they stand.
//!
//! An allow-list of mnemonics decides; the tests before it only give the refusal its proper name.

use iced_x86::{
    CodeSize, CpuidFeature, EncodingKind, FlowControl, Instruction, InstructionInfo, Mnemonic, OpKind, Register,
};

use crate::finding::Rule;
use crate::machine::Broken;

/// Refuses every instruction outside the integer subset, naming its class.
pub fn check(i: &Instruction, info: &InstructionInfo) -> Result<(), Broken> {
    let refuse = |rule, detail: &str| Err((rule, detail.to_owned()));
    let code = i.code();
    match i.mnemonic() {
        Mnemonic::Syscall
        | Mnemonic::Sysret
        | Mnemonic::Sysretq
        | Mnemonic::Sysenter
        | Mnemonic::Sysexit
        | Mnemonic::Sysexitq
        | Mnemonic::Int
        | Mnemonic::Int1
        | Mnemonic::Into
        | Mnemonic::Iret
        | Mnemonic::Iretd
        | Mnemonic::Iretq => return refuse(Rule::SystemCall, "changes the privilege level"),
        Mnemonic::In
        | Mnemonic::Out
        | Mnemonic::Insb
        | Mnemonic::Insw
        | Mnemonic::Insd
        | Mnemonic::Outsb
        | Mnemonic::Outsw
        | Mnemonic::Outsd => return refuse(Rule::PortIo, "accesses an I/O port"),
        Mnemonic::Retf => return refuse(Rule::FarTransfer, "returns to another code segment"),
        Mnemonic::Ret => return refuse(Rule::BareReturn, "returns by itself"),
        _ => {}
    }
    if code.is_call_far() || code.is_jmp_far() || code.is_call_far_indirect() || code.is_jmp_far_indirect() {
        return refuse(Rule::FarTransfer, "goes to another code segment");
    }
    match i.flow_control() {
        FlowControl::IndirectBranch => return refuse(Rule::IndirectJump, "jumps to a computed address"),
        FlowControl::IndirectCall => return refuse(Rule::IndirectCall, "calls a computed address"),
        _ => {}
    }
    if code.is_string_instruction() {
        return refuse(Rule::StringInstruction, "repeats over memory");
    }
    if i.is_privileged() {
        return refuse(Rule::Privileged, "is for ring 0 only");
    }
    let used = info.used_registers().iter().map(|r| r.register());
    let features = i.cpuid_features();
    if used.clone().any(is_float_or_vector) || features.iter().any(|f| is_float_feature(*f)) {
        return refuse(Rule::FloatOrSimd, "uses floating-point or vector state");
    }
    if i.has_lock_prefix() || i.has_rep_prefix() || i.has_repne_prefix() {
        return refuse(Rule::Prefix, "has a lock or rep prefix");
    }
    // With more prefixes CPUs disagree on what is read: 0x66 shortens a branch on some of them.
    let branch = i.is_call_near() || i.is_jmp_short_or_near() || i.is_jcc_short_or_near();
    if branch && !matches!((i.is_jcc_near(), i.len()), (true, 6) | (false, 2 | 5)) {
        return refuse(Rule::Prefix, "is a branch with a prefix");
    }
    if i.segment_prefix() != Register::None {
        return refuse(Rule::Prefix, "has a segment prefix");
    }
    let address32 = [i.memory_base(), i.memory_index()].iter().any(|r| r.is_gpr32() || *r == Register::EIP);
    if address32 {
        return refuse(Rule::Prefix, "computes an address in 32 bits");
    }
    if i.encoding() != EncodingKind::Legacy || features.iter().any(|f| is_extension(*f)) {
        return Err((Rule::CpuFeature, format!("needs {features:?}")));
    }
    if !is_allowed(i.mnemonic()) || i.code_size() != CodeSize::Code64 {
        return refuse(Rule::NotAllowed, "is not on the allow-list");
    }
    let operands = (0..i.op_count()).filter(|n| i.op_kind(*n) == OpKind::Register).map(|n| i.op_register(n));
    if let Some(r) = operands.chain(used).find(|r| !r.is_gpr()) {
        return Err((Rule::NotAllowed, format!("uses register {r:?}")));
    }
    if i.mnemonic() == Mnemonic::Xchg && i.op_kind(0) == OpKind::Memory {
        return refuse(Rule::Prefix, "locks the bus: xchg with memory is always atomic");
    }
    Ok(())
}

fn is_allowed(m: Mnemonic) -> bool {
    use Mnemonic as M;
    let other = matches!(
        m,
        M::Xchg
            | M::Cmp
            | M::Test
            | M::Mul
            | M::Imul
            | M::Div
            | M::Idiv
            | M::Cbw
            | M::Cwde
            | M::Cdqe
            | M::Cwd
            | M::Cdq
            | M::Cqo
            | M::Shld
            | M::Shrd
            | M::Bt
            | M::Bsf
            | M::Bsr
            | M::Push
            | M::Pop
            | M::Endbr64
            | M::Nop
            | M::Ud2
            | M::Call
            | M::Jmp
    );
    other || sets_first_operand(m) || is_conditional(m)
}

/// Moves and arithmetic that set their first operand whatever the values are.
pub fn sets_first_operand(m: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        m,
        M::Mov
            | M::Movzx
            | M::Movsx
            | M::Movsxd
            | M::Lea
            | M::Bswap
            | M::Add
            | M::Adc
            | M::Sub
            | M::Sbb
            | M::Inc
            | M::Dec
            | M::Neg
            | M::Not
            | M::And
            | M::Or
            | M::Xor
            | M::Shl
            | M::Shr
            | M::Sar
            | M::Rol
            | M::Ror
    )
}

/// `jcc`, `setcc` and `cmovcc` of the flags that integer compares set.
fn is_conditional(m: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        m,
        M::Ja
            | M::Jae
            | M::Jb
            | M::Jbe
            | M::Je
            | M::Jne
            | M::Jg
            | M::Jge
            | M::Jl
            | M::Jle
            | M::Jo
            | M::Jno
            | M::Js
            | M::Jns
            | M::Jp
            | M::Jnp
            | M::Seta
            | M::Setae
            | M::Setb
            | M::Setbe
            | M::Sete
            | M::Setne
            | M::Setg
            | M::Setge
            | M::Setl
            | M::Setle
            | M::Seto
            | M::Setno
            | M::Sets
            | M::Setns
            | M::Setp
            | M::Setnp
    ) || is_cmov(m)
}

/// `cmovcc`.
pub fn is_cmov(m: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        m,
        M::Cmova
            | M::Cmovae
            | M::Cmovb
            | M::Cmovbe
            | M::Cmove
            | M::Cmovne
            | M::Cmovg
            | M::Cmovge
            | M::Cmovl
            | M::Cmovle
            | M::Cmovo
            | M::Cmovno
            | M::Cmovs
            | M::Cmovns
            | M::Cmovp
            | M::Cmovnp
    )
}

fn is_float_or_vector(r: Register) -> bool {
    r.is_vector_register() || r.is_st() || r.is_mm() || r.is_k() || r.is_tmm() || r.is_bnd()
}

fn is_float_feature(f: CpuidFeature) -> bool {
    use CpuidFeature as C;
    matches!(
        f,
        C::FPU
            | C::FPU287
            | C::FPU387
            | C::MMX
            | C::SSE
            | C::SSE2
            | C::SSE3
            | C::SSSE3
            | C::SSE4_1
            | C::SSE4_2
            | C::SSE4A
            | C::FXSR
            | C::XSAVE
            | C::AVX
            | C::AVX2
            | C::AVX512F
            | C::FMA
    )
}

/// Integer extensions that not every x86_64 CPU has; where they are missing some run as something else.
fn is_extension(f: CpuidFeature) -> bool {
    use CpuidFeature as C;
    matches!(f, C::POPCNT | C::LZCNT | C::BMI1 | C::BMI2 | C::MOVBE | C::ADX | C::TBM)
}
