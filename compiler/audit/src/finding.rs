//! What the audit has to say: the rules by stable names, and one finding each time a rule is broken.

use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $meaning:literal;)*) => {
        /// A rule of the audit. Its name is stable: scripts and tests match it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule { $($(#[$doc])* $variant,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What a finding of it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }
        }
    };
}

rules! {
    /// The file cannot be read as an object at all.
    Malformed = "malformed-object", "the file is not an object that the audit can read";
    /// The object is for a machine that this audit cannot judge.
    Machine = "unsupported-machine", "the audit knows x86_64, aarch64 and one bytecode, of 64 bits and little-endian, so this code cannot be vouched for";
    /// An inner object that is none, or not what its section's name says.
    InnerObject = "inner-object", "an inner object must be the whole, unsigned object for the target that its section names, the only one for it, and the same filter as the outer one";
    /// Some section is writable and executable.
    WriteExecute = "write-execute-section", "a section must never be both writable and executable";
    /// Executable bytes outside `.text`, or a writable `.rodata`.
    SectionFlags = "section-flags", "only .text may be executable, and .rodata must be read-only";
    /// `.wkc.funcs` does not describe `.text`.
    FunctionTable = "function-table", "functions must be ascending, inside .text and must not overlap";
    /// An entry point of the meta record is no function.
    Entry = "entry-point", "an entry point must be the start of a function, which begins with endbr64 or bti c, but in bytecode";
    /// A byte between functions that some CPU could run.
    Padding = "padding", "bytes between functions must be int3 (0xcc), on aarch64 udf (0), in bytecode 0";
    /// Bytes in a function that no path from its start reaches.
    Unreached = "unreached-bytes", "every byte of a function must belong to an instruction reached from its start";
    /// Bytes that decode to no instruction inside the function.
    Undecodable = "undecodable", "the bytes form no instruction that ends inside the function";
    /// SSE, AVX, x87, MMX; NEON, SVE, SME; what bytecode has of f and v registers.
    FloatOrSimd = "float-or-simd", "floating-point and vector registers belong to user space while the kernel runs";
    /// Privileged instruction.
    Privileged = "privileged-instruction", "a filter must not touch the machine's state";
    /// syscall, sysenter, int n and their returns; svc, hvc, smc, eret.
    SystemCall = "system-call", "a filter enters the kernel through helpers only";
    /// in, out and their string forms.
    PortIo = "port-io", "a filter must not touch devices";
    /// movs, stos, cmps, scas, lods with or without rep.
    StringInstruction = "string-instruction", "string instructions run for a time that nothing charges";
    /// lock, rep, segment override or 32-bit addressing.
    Prefix = "forbidden-prefix", "lock, rep, segment and address-size prefixes are not used by the compiler";
    /// Exclusive, ordered and atomic accesses of aarch64; those of x86_64 have the lock prefix.
    Atomic = "atomic-access", "filters share no memory, and the compiler uses no atomic or ordered access";
    /// The platform register of aarch64.
    PlatformRegister = "platform-register", "x18 is the kernel's own: its shadow call stack may be there";
    /// An instruction that not every CPU of the machine has.
    CpuFeature = "cpu-feature", "the instruction is not in the machine's baseline, and the object names no CPU feature";
    /// Not on the allow-list.
    NotAllowed = "instruction-not-allowed", "the instruction is not on the list of those that the compiler may use";
    /// `ret` of any kind; on aarch64 of another kind than through x30.
    BareReturn = "bare-return", "a return must be a jump to wkc_ret, which honours the CPU's mitigations, on aarch64 a ret through x30";
    /// `jmp reg` or `jmp [mem]`; `br`; `xjump` and `br_table32`.
    IndirectJump = "indirect-jump", "jumps must be direct: an indirect one can be steered";
    /// `call reg` or `call [mem]`; `blr`; `call_indirect`.
    IndirectCall = "indirect-call", "calls must be direct: an indirect one can be steered";
    /// Far jump, call or return.
    FarTransfer = "far-transfer", "far transfers change the code segment";
    /// A branch whose target is not where an instruction starts.
    BranchIntoInstruction = "branch-into-instruction", "two readings of the same bytes: one of them was not checked";
    /// A branch to another function.
    BranchOutOfFunction = "branch-out-of-function", "a branch must stay in its function";
    /// A branch or call out of `.text`.
    BranchOutOfSection = "branch-out-of-section", "the target lies outside .text";
    /// A call to something that is no function and no allowed symbol.
    UnknownCall = "unknown-call-target", "a call must name a function's start or a symbol of the ABI";
    /// A symbol used in a way the ABI does not have.
    SymbolUse = "symbol-use", "wkc_ret is only jumped to, every other symbol is only called";
    /// A helper that `.wkc.imports` does not list.
    UndeclaredHelper = "undeclared-helper", "a helper that is called must be listed in .wkc.imports";
    /// Control runs past the function's last byte.
    RunsOff = "runs-off-the-end", "the function's last path must end in a return, a jump or a trap";
    /// A relocation that is not one of the allowed kinds at an allowed place.
    Relocation = "relocation", "only PLT32 in a call or jump and PC32 against .rodata in a memory operand are allowed, on aarch64 CALL26 in bl, and ADR_PREL_PG_HI21 and ADD_ABS_LO12_NC in adrp and add against .rodata; bytecode has none";
    /// An address relative to the instruction: a constant outside `.rodata`, or written to.
    RipMemory = "rip-memory", "what is named relative to the instruction must be relocated, inside .rodata, and only read";
    /// A memory operand without a base register.
    AbsoluteMemory = "absolute-memory", "a memory operand must have a base register";
    /// The function does not begin with its frame, changes its frame pointer later, or leaves with it in place.
    Frame = "frame", "a function begins with push rbp; mov rbp, rsp or stp x29, x30, [sp, #-16]!; mov x29, sp or push_frame, is not re-entered there and leaves these registers alone, but where it ends its frame right before it leaves";
    /// The stack pointer changed in an unusual way, or to different depths on two paths.
    StackPointer = "stack-pointer", "the stack pointer changes by push, pop, add and sub of constants only, to one depth on all paths; but where the frame ends, right before a jump to a function or a return; in bytecode where it begins and ends only";
    /// An access through the stack or frame pointer outside the function's own frame.
    StackAccess = "stack-access", "an access through the stack or frame pointer must stay in the frame and off the return address";
    /// No stack check before a call or return.
    StackCheck = "stack-check", "a function must compare the stack pointer with the call block's limit before it calls or returns; bytecode is compared by what runs it";
    /// A division that may fault; on aarch64 and in bytecode none does.
    Division = "division", "a divisor must be known not to be zero, and the quotient to fit";
    /// ud2, udf or trap that control may reach.
    ReachedFault = "reached-fault", "ud2, udf and trap may only stand where control never comes";
    /// Another cause than the row's.
    TrapCode = "trap-code", "wkc_trap must get a constant as its second argument, the code of its row; where bytecode takes stack the row says stack-overflow";
    /// endbr64 or bti anywhere but at an entry.
    LandingPad = "landing-pad", "the bytes of endbr64, on aarch64 of bti, may stand at the start of entry points only";
    /// A helper where it may not run.
    HelperContext = "helper-context", "a helper may be reached only from entries in whose context it may run";
    /// The object is larger than the ABI allows, or too intricate.
    TooLarge = "too-large", "the ABI's limits hold for every object";
    /// The audit would take too long.
    TooComplex = "too-complex", "code whose paths take too long to follow is not vouched for";
    /// A call to `wkc_trap` or a taking of stack in bytecode without its row, or a row without either.
    TrapSite = "trap-site", "calls to wkc_trap, in bytecode what takes stack as well, and rows of .wkc.traps must match one to one";
    /// A loop that charges nothing.
    FuelFreeCycle = "fuel-free-cycle", "every way around a loop must pass a charge and its check, in memory or in a register";
    /// A call or return that some way reaches without a charge.
    UnpaidCall = "unpaid-call", "a function must pass a charge and its check before it calls or returns";
    /// Less is charged than the code is long.
    Undercharged = "undercharged-code", "a unit of fuel buys a fixed number of instructions on every way";
    /// A charge is stored and not checked at once.
    UncheckedCharge = "unchecked-charge", "a charge that is stored must be compared with zero by the branch that ends its block, or be followed by a trap";
    /// Something else than a charge writes the fuel.
    FuelWrite = "fuel-write", "only the fuel may be stored back, or the fuel less a charge";
    /// Memory does not hold the fuel where others read it.
    StaleFuel = "stale-fuel", "memory must hold the fuel that is left wherever something is called that gets the call block, and at every return";
    /// A field of the call block beside the fuel is written.
    CallBlock = "call-block-write", "a filter may write no other field of the call block than the fuel";
    /// A helper without its price.
    UnchargedHelper = "uncharged-helper", "a helper must be charged as its row says, right before it is called";
    /// A bulk operation without its price.
    UnchargedBulk = "uncharged-bulk", "a bulk operation must be charged by its length, right before it is called";
    /// A callee or symbol that does not get the call block.
    CallArgument = "call-argument", "functions, helpers and wkc_trap must get the call block's address as their first argument";
    /// A callee-saved register that is not given back.
    CalleeSaved = "callee-saved", "rbx and r12 to r15, on aarch64 x19 to x28, in bytecode x16 to x29, must be given back as they were";
}

/// Behind so many findings nothing further is looked at.
pub const MAX_FINDINGS: usize = 1000;

/// Whether there are so many: hostile code could have one a byte.
pub fn enough(findings: &[Finding]) -> bool {
    findings.len() >= MAX_FINDINGS
}

/// A rule broken at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// Which target's code, where the object has several and it is about one.
    pub target: Option<&'static str>,
    /// Name of the function, where it lies in one.
    pub function: Option<String>,
    /// Offset in `.text`, where it is about code.
    pub offset: Option<u32>,
    /// The instruction, where it is about one: in Intel syntax, or its name and word or fields.
    pub instruction: Option<String>,
    /// What exactly was found.
    pub detail: String,
}

impl Finding {
    /// A finding about the object as a whole.
    pub(crate) fn object(rule: Rule, detail: impl Into<String>) -> Self {
        Self { rule, target: None, function: None, offset: None, instruction: None, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.name())?;
        if self.target.is_some() || self.function.is_some() || self.offset.is_some() || self.instruction.is_some() {
            f.write_str(":")?;
        }
        if let Some(target) = self.target {
            write!(f, " for {target}")?;
        }
        if let Some(name) = &self.function {
            write!(f, " in function {name}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at .text+{offset:#x}")?;
        }
        if let Some(text) = &self.instruction {
            write!(f, " `{text}`")?;
        }
        write!(f, ": {} ({})", self.detail, self.rule.meaning())
    }
}

impl std::error::Error for Finding {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_are_unique_and_plain() {
        let mut names: Vec<_> = Rule::ALL.iter().map(|r| r.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn a_finding_says_rule_place_and_meaning() {
        let f = Finding {
            rule: Rule::BareReturn,
            target: Some("x86_64"),
            function: Some("xdp".into()),
            offset: Some(18),
            instruction: Some("ret".into()),
            detail: "returns past the stub".into(),
        };
        let text = f.to_string();
        for part in ["bare-return: for x86_64 in", "function xdp", ".text+0x12", "`ret`", "wkc_ret"] {
            assert!(text.contains(part), "{text}");
        }
        let whole = Finding::object(Rule::Malformed, "no section .text").to_string();
        assert!(whole.starts_with("malformed-object: no section .text ("), "{whole}");
    }
}
