//! Function bodies: steps, NaNs, and the places where `tame` says something else.

use fastrand::Rng;
use wasm_encoder::{
    BlockType, Function, HeapType, Instruction as I, RefType, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{FuncType, FunctionBody, MemArg, Operator};

use super::{Side, facts::Facts, filter, tame};
use crate::plan::{Nans, Plan};

/// Locals for what lies on the operand stack meanwhile, in this order behind the function's own.
const SCRATCH: [ValType; 10] = [
    ValType::I32,
    ValType::I32,
    ValType::I32,
    ValType::I64,
    ValType::I64,
    ValType::I64,
    ValType::F32,
    ValType::F64,
    ValType::Ref(RefType::FUNCREF),
    ValType::Ref(RefType::EXTERNREF),
];

/// The reencoder: all but bodies and maxima stays as it is.
pub struct Bodies<'a> {
    pub facts: &'a Facts,
    pub plan: &'a Plan,
    pub side: Side,
    /// Decides for each operator whether it is tamed; the same for both sides.
    rng: Rng,
    /// Whether the operator that is written is.
    tamed: bool,
    /// Index of the next function.
    next: usize,
}

/// One function on its way.
pub struct Body<'a> {
    pub facts: &'a Facts,
    /// Index of the function.
    pub index: usize,
    pub out: Function,
    /// Index of the first scratch local.
    scratch: u32,
    /// Chooses where there is a choice.
    pub rng: Rng,
    /// Whether it returns when its steps are used up; otherwise it traps.
    tame: bool,
}

impl<'a> Bodies<'a> {
    pub fn new(facts: &'a Facts, plan: &'a Plan, side: Side) -> Self {
        Self { facts, plan, side, rng: Rng::with_seed(plan.seed ^ 0x7461_6d65), tamed: false, next: 0 }
    }

    /// The prepared function.
    pub fn function(&mut self, body: &FunctionBody<'_>) -> Result<Function, reencode::Error<String>> {
        let index = self.next;
        self.next += 1;
        let params = self.facts.function_type(index).map_or(0, |ty| ty.params().len() as u32);
        let mut locals = Vec::new();
        let mut scratch = params;
        for item in body.get_locals_reader()? {
            let (count, ty) = item?;
            scratch += count;
            locals.push((count, self.val_type(ty)?));
        }
        if self.plan.tamed > 0 || self.plan.nans == Nans::Leaks {
            locals.extend(SCRATCH.map(|ty| (1, ty)));
        }
        let tame = self.plan.tamed > 0;
        let rng = self.rng.fork();
        let mut out = Body { facts: self.facts, index, out: Function::new(locals), scratch, rng, tame };
        out.step();
        for op in body.get_operators_reader()? {
            let op = op?;
            if self.plan.filter && self.rng.u8(..8) == 0 && filter::call(&mut out, &op) {
                continue;
            }
            if self.plan.landing_pads && self.rng.u8(..4) == 0 && filter::landing_pad(&mut out, &op) {
                continue;
            }
            if self.plan.nans == Nans::Leaks {
                out.close_nans(&op);
            }
            self.tamed = self.rng.u8(..16) < self.plan.tamed;
            if self.tamed && tame::tame(&mut out, &op) {
                continue;
            }
            out.out.instruction(&self.instruction(op.clone())?);
            if matches!(op, Operator::Loop { .. }) {
                out.step();
            }
        }
        Ok(out.out)
    }
}

impl Bodies<'_> {
    /// The offset of a tamed access is inside of its memory.
    pub fn tame_offset(&self, access: MemArg) -> MemArg {
        let bytes = self.facts.memory_bytes(access.memory);
        if !self.tamed || bytes < 16 || access.offset < bytes - 8 {
            return access;
        }
        MemArg { offset: access.offset % (bytes - 8), ..access }
    }
}

impl<'a> Body<'a> {
    /// Adds instructions.
    pub fn put(&mut self, code: &[I<'_>]) {
        for instruction in code {
            self.out.instruction(instruction);
        }
    }

    /// Scratch local `n` of a type; numbers of the same type are three at most.
    pub fn scratch(&self, ty: ValType, n: u32) -> u32 {
        let first = SCRATCH.iter().position(|known| *known == ty).unwrap_or(0) as u32;
        self.scratch + first + n
    }

    /// Ends the function unless there is a step left, and takes it.
    fn step(&mut self) {
        let steps = self.facts.globals.len() as u32;
        self.put(&[I::GlobalGet(steps), I::I32Eqz, I::If(BlockType::Empty)]);
        if self.tame {
            self.leave();
        } else {
            self.put(&[I::Unreachable]);
        }
        self.put(&[I::End, I::GlobalGet(steps), I::I32Const(1), I::I32Sub, I::GlobalSet(steps)]);
    }

    /// Returns zeros.
    pub fn leave(&mut self) {
        self.zeros(self.results());
        self.put(&[I::Return]);
    }

    /// Types of the function's results.
    pub fn results(&self) -> &'a [wasmparser::ValType] {
        self.facts.function_type(self.index).map_or(&[], FuncType::results)
    }

    /// A zero, or null, of each type.
    pub fn zeros(&mut self, types: &[wasmparser::ValType]) {
        for ty in types {
            self.out.instruction(&match ty {
                wasmparser::ValType::I32 => I::I32Const(0),
                wasmparser::ValType::I64 => I::I64Const(0),
                wasmparser::ValType::F32 => I::F32Const(0f32.into()),
                wasmparser::ValType::F64 => I::F64Const(0f64.into()),
                &wasmparser::ValType::FUNCREF => I::RefNull(HeapType::FUNC),
                _ => I::RefNull(HeapType::EXTERN),
            });
        }
    }

    /// Where a NaN's bits would become something else than a NaN, it becomes the canonical one before.
    fn close_nans(&mut self, op: &Operator<'_>) {
        match op {
            Operator::I32ReinterpretF32 | Operator::F32Store { .. } | Operator::F32Copysign => {
                let value = self.scratch(ValType::F32, 0);
                let canonical = I::F32Const(f32::from_bits(0x7fc0_0000).into());
                self.put(&[I::LocalTee(value), canonical, I::LocalGet(value), I::LocalGet(value), I::F32Eq, I::Select]);
            }
            Operator::I64ReinterpretF64 | Operator::F64Store { .. } | Operator::F64Copysign => {
                let value = self.scratch(ValType::F64, 0);
                let canonical = I::F64Const(f64::from_bits(0x7ff8_0000_0000_0000).into());
                self.put(&[I::LocalTee(value), canonical, I::LocalGet(value), I::LocalGet(value), I::F64Eq, I::Select]);
            }
            _ => {}
        }
    }
}
