//! Modules of any size, made from a seed: what the compiler's own speed is measured on.
//!
//! Functions are of the forms that filters have: bytes of the packet and of memory, arithmetic, decisions, loops over
//! tables, switches and calls. What they do is of no use; every one is reached from `xdp`, so none can be left out.

use fastrand::Rng;
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    InstructionSink, MemArg, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// What a module's code is divided into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Functions of some hundred bytes.
    Many,
    /// Functions of 64 KiB, as an interpreter or a state machine has.
    Large,
}

impl Shape {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Many, Self::Large];

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Large => "large",
        }
    }

    /// Bytes of the next function.
    fn size(self, rng: &mut Rng) -> usize {
        match self {
            Self::Many => rng.usize(60..800),
            Self::Large => 64 << 10,
        }
    }
}

/// Parameters of every function; the third is how deep calls are nested.
const PARAMS: u32 = 3;
/// Locals that hold numbers; those of loops stand behind them.
const NUMBERS: u32 = 6;
const LOOPS: u32 = 3;
/// Nested calls of a run.
const MOST_NESTED: i32 = 4;

const LEN: u32 = 0;
const LOAD8: u32 = 1;
const LOAD16: u32 = 2;
const IMPORTS: u32 = 3;

/// A module of about `bytes` bytes, the same for the same arguments.
#[must_use]
pub fn module(bytes: usize, shape: Shape, seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed);
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32; PARAMS as usize], [ValType::I32]);
    let mut imports = ImportSection::new();
    for (name, ty) in [("len", 0), ("load8", 1), ("load16_be", 1)] {
        imports.import("xdp", name, EntityType::Function(ty));
    }
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let mut made = 0;
    while code.byte_len() < bytes {
        let left = bytes - code.byte_len();
        let size = shape.size(&mut rng).min(left.max(60));
        functions.function(2);
        code.function(&Body { rng: &mut rng, made, loops: 0 }.function(size));
        made += 1;
    }
    functions.function(0);
    code.function(&entry(made));
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 16,
        maximum: Some(16),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("xdp", ExportKind::Func, IMPORTS + made);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// Calls the last of `made` functions.
fn entry(made: u32) -> Function {
    let mut function = Function::new([]);
    let mut s = function.instructions();
    s.call(LEN).i32_const(0).i32_const(0).call(IMPORTS + made - 1).i32_const(1).i32_and().i32_const(1).i32_add().end();
    function
}

struct Body<'r> {
    rng: &'r mut Rng,
    /// Functions that stand before this one.
    made: u32,
    /// Loops around what is being made.
    loops: u32,
}

impl Body<'_> {
    /// A function of about `size` bytes.
    fn function(mut self, size: usize) -> Function {
        let mut function = Function::new([(NUMBERS - PARAMS + LOOPS, ValType::I32)]);
        // what it calls would call others
        let mut s = function.instructions();
        s.local_get(2).i32_const(MOST_NESTED).i32_gt_u().if_(BlockType::Empty).local_get(0).return_().end();
        if let Some(last) = self.made.checked_sub(1) {
            s.local_get(0).local_get(1).local_get(2).i32_const(1).i32_add().call(IMPORTS + last).local_set(3);
        }
        while function.byte_len() < size {
            self.statement(&mut function.instructions(), 0);
        }
        function.instructions().local_get(0).end();
        function
    }

    fn number(&mut self) -> u32 {
        // the nesting of calls is not written
        [0, 1, 3, 4, 5][self.rng.usize(0..5)]
    }

    fn offset(&mut self) -> MemArg {
        MemArg { offset: self.rng.u64(0..0x8000) & !3, align: 0, memory_index: 0 }
    }

    fn value(&mut self, s: &mut InstructionSink<'_>) {
        let (a, b) = (self.number(), self.number());
        match self.rng.u32(0..9) {
            0 => s.local_get(a).i32_const(self.rng.i32(-64..1 << 20)).i32_add(),
            1 => s.local_get(a).local_get(b).i32_xor(),
            2 => s.local_get(a).i32_const(self.rng.i32(1..31)).i32_rotl().local_get(b).i32_add(),
            3 => s.local_get(a).i32_const(self.rng.i32(3..1 << 16)).i32_mul(),
            4 | 5 => {
                let at = self.offset();
                let s = s.local_get(a).i32_const(0xffff).i32_and();
                if self.rng.bool() { s.i32_load(at) } else { s.i32_load8_u(at) }
            }
            6 => s.local_get(a).i32_const(63).i32_and().call(if self.rng.bool() { LOAD8 } else { LOAD16 }),
            7 => s.i32_const(self.rng.i32(0..60)).call(LOAD8),
            _ => s.local_get(a).local_get(b).local_get(a).local_get(b).i32_lt_u().select(),
        };
    }

    fn condition(&mut self, s: &mut InstructionSink<'_>) {
        self.value(s);
        match self.rng.u32(0..3) {
            0 => s.i32_const(self.rng.i32(0..256)).i32_eq(),
            1 => s.i32_const(self.rng.i32(0..1 << 16)).i32_lt_u(),
            _ => s.i32_const(1 << self.rng.u32(0..31)).i32_and(),
        };
    }

    fn statements(&mut self, s: &mut InstructionSink<'_>, depth: u32) {
        (0..self.rng.u32(1..4)).for_each(|_| self.statement(s, depth + 1));
    }

    fn statement(&mut self, s: &mut InstructionSink<'_>, depth: u32) {
        let most = if depth < 4 { 12 } else { 7 };
        match self.rng.u32(0..most) {
            0..5 => {
                self.value(s);
                s.local_set(self.number());
            }
            5 => {
                s.local_get(self.number()).i32_const(0xffff).i32_and();
                self.value(s);
                s.i32_store(self.offset());
            }
            6 => {
                self.condition(s);
                s.if_(BlockType::Empty).local_get(self.number()).return_().end();
            }
            7 | 8 => {
                self.condition(s);
                s.if_(BlockType::Empty);
                self.statements(s, depth);
                if self.rng.bool() {
                    s.else_();
                    self.statements(s, depth);
                }
                s.end();
            }
            9 if self.loops < LOOPS => {
                let counter = NUMBERS + self.loops;
                self.loops += 1;
                s.i32_const(0).local_set(counter).loop_(BlockType::Empty);
                self.statements(s, depth);
                s.local_get(counter).i32_const(1).i32_add().local_tee(counter);
                s.i32_const(self.rng.i32(4..64)).i32_lt_u().br_if(0).end();
                self.loops -= 1;
            }
            10 if depth < 3 => {
                let ways = self.rng.u32(2..7);
                for _ in 0..=ways {
                    s.block(BlockType::Empty);
                }
                s.local_get(self.number()).i32_const(7).i32_and();
                s.br_table(0..ways, ways);
                for way in 0..ways {
                    s.end();
                    self.statement(s, depth + 1);
                    s.br(ways - way - 1);
                }
                s.end();
            }
            _ => match self.made {
                0 => {
                    s.nop();
                }
                made => {
                    let callee = IMPORTS + made - 1 - self.rng.u32(0..made.min(50));
                    s.local_get(self.number()).local_get(self.number()).local_get(2).i32_const(1).i32_add();
                    s.call(callee).local_set(self.number());
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmkc_compiler::{Options, Standard, Target, compile_all, validate};

    #[test]
    fn modules_have_their_size_and_are_filters() {
        for shape in Shape::ALL {
            for bytes in [1000, 10_000] {
                let wasm = module(bytes, shape, 1);
                assert!((bytes..bytes + bytes / 2).contains(&wasm.len()), "{} of {bytes}", wasm.len());
                assert_eq!(wasm, module(bytes, shape, 1));
                validate(&wasm, Standard::V1).expect("valid");
                compile_all(&wasm, &Options::default(), &Target::ALL).expect("compiles");
            }
        }
        assert_ne!(module(1000, Shape::Many, 1), module(1000, Shape::Many, 2));
    }
}
