//! Integer arithmetic, comparisons, conversions. Division is guarded by branches, so that no
//! instruction of the machine can fault.

use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Type, Value, ValueDef, condcodes::IntCC, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::Operator;

use super::Translator;

macro_rules! unary {
    ($self:ident, $ins:ident) => {{
        let x = $self.pop();
        let value = $self.builder.ins().$ins(x);
        $self.push(value);
    }};
}

macro_rules! binary {
    ($self:ident, $ins:ident) => {{
        let y = $self.pop();
        let x = $self.pop();
        let value = $self.builder.ins().$ins(x, y);
        $self.push(value);
    }};
}

impl Translator<'_, '_, '_> {
    pub(super) fn numeric(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        use types::{I8, I16, I32, I64};
        match op {
            O::I32Const { value } => {
                let value = self.author_constant(I32, u64::from(*value as u32));
                self.push(value);
            }
            O::I64Const { value } => {
                let value = self.author_constant(I64, *value as u64);
                self.push(value);
            }
            O::I32Clz | O::I64Clz => unary!(self, clz),
            O::I32Ctz | O::I64Ctz => unary!(self, ctz),
            O::I32Popcnt | O::I64Popcnt if self.target.counts_bits() => unary!(self, popcnt),
            O::I32Popcnt | O::I64Popcnt => self.count_bits(),
            O::I32Add | O::I64Add => binary!(self, iadd),
            O::I32Sub | O::I64Sub => binary!(self, isub),
            O::I32Mul | O::I64Mul => binary!(self, imul),
            O::I32And | O::I64And => binary!(self, band),
            O::I32Or | O::I64Or => binary!(self, bor),
            O::I32Xor | O::I64Xor => binary!(self, bxor),
            // Cranelift takes shift counts modulo the width, as wasm does.
            O::I32Shl | O::I64Shl => binary!(self, ishl),
            O::I32ShrS | O::I64ShrS => binary!(self, sshr),
            O::I32ShrU | O::I64ShrU => binary!(self, ushr),
            O::I32Rotl | O::I64Rotl => binary!(self, rotl),
            O::I32Rotr | O::I64Rotr => binary!(self, rotr),
            O::I32DivS | O::I64DivS => self.divide(true, false),
            O::I32DivU | O::I64DivU => self.divide(false, false),
            O::I32RemS | O::I64RemS => self.divide(true, true),
            O::I32RemU | O::I64RemU => self.divide(false, true),
            O::I64MulWideU => self.multiply_wide(),
            O::I32WrapI64 => self.convert(|s, x| s.builder.ins().ireduce(I32, x)),
            O::I64ExtendI32U => self.convert(|s, x| s.builder.ins().uextend(I64, x)),
            O::I64ExtendI32S => self.convert(|s, x| s.builder.ins().sextend(I64, x)),
            O::I32Extend8S => self.sign_extend(I8, I32),
            O::I32Extend16S => self.sign_extend(I16, I32),
            O::I64Extend8S => self.sign_extend(I8, I64),
            O::I64Extend16S => self.sign_extend(I16, I64),
            O::I64Extend32S => self.sign_extend(I32, I64),
            O::Select => self.select(),
            O::TypedSelect { .. } => self.select(),
            _ => match comparison(op) {
                Some(condition) => self.compare(op, condition),
                None => return false,
            },
        }
        true
    }

    fn convert(&mut self, make: impl FnOnce(&mut Self, Value) -> Value) {
        let x = self.pop();
        let value = make(self, x);
        self.push(value);
    }

    fn sign_extend(&mut self, from: Type, to: Type) {
        let x = self.pop();
        let narrow = self.builder.ins().ireduce(from, x);
        let value = self.builder.ins().sextend(to, narrow);
        self.push(value);
    }

    /// Sums of two bits each, of four, of eight; then all bytes at once, into the highest.
    fn count_bits(&mut self) {
        let x = self.pop();
        let ty = self.builder.func.dfg.value_type(x);
        let mut repeated = |byte: u8| {
            let bits = u64::from_le_bytes([byte; 8]);
            let bits = if ty == types::I32 { bits & u64::from(u32::MAX) } else { bits };
            self.builder.ins().iconst(ty, bits as i64)
        };
        let (pairs, fours, eights, ones) = (repeated(0x55), repeated(0x33), repeated(0x0f), repeated(1));
        let builder = &mut self.builder;
        let half = builder.ins().ushr_imm_u(x, 1);
        let half = builder.ins().band(half, pairs);
        let sums = builder.ins().isub(x, half);
        let high = builder.ins().ushr_imm_u(sums, 2);
        let high = builder.ins().band(high, fours);
        let low = builder.ins().band(sums, fours);
        let sums = builder.ins().iadd(low, high);
        let high = builder.ins().ushr_imm_u(sums, 4);
        let sums = builder.ins().iadd(sums, high);
        let sums = builder.ins().band(sums, eights);
        let all = builder.ins().imul(sums, ones);
        let value = builder.ins().ushr_imm_u(all, i64::from(ty.bits()) - 8);
        self.push(value);
    }

    /// The product of 128 bits: its low half, then its high one.
    fn multiply_wide(&mut self) {
        let (y, x) = (self.pop(), self.pop());
        let low = self.builder.ins().imul(x, y);
        let high = self.builder.ins().umulhi(x, y);
        self.stack.extend([low, high]);
    }

    fn select(&mut self) {
        let condition = self.pop();
        let otherwise = self.pop();
        let then = self.pop();
        let value = self.builder.ins().select(condition, then, otherwise);
        self.push(value);
    }

    fn compare(&mut self, op: &Operator<'_>, condition: IntCC) {
        let y = match op {
            Operator::I32Eqz => self.iconst32(0),
            Operator::I64Eqz => self.iconst64(0),
            _ => self.pop(),
        };
        let x = self.pop();
        let bit = self.builder.ins().icmp(condition, x, y);
        let value = self.builder.ins().uextend(types::I32, bit);
        self.push(value);
    }

    fn divide(&mut self, signed: bool, remainder: bool) {
        let y = self.pop();
        let x = self.pop();
        let ty = self.builder.func.dfg.value_type(x);
        let known = self.constant(y);
        let ones = if ty == types::I32 { i64::from(u32::MAX) } else { -1 };
        let faults = self.target.division_faults();
        let y = if !faults || known.is_some_and(|k| k != 0) { y } else { self.opaque(y) };
        // The remainder of a division by -1 is 0; only the quotient can overflow. A constant zero is hidden,
        // so that the audit cannot tell it from -1.
        let overflows = signed && !remainder && known.is_none_or(|k| k == ones || k == 0);
        let x = if faults && overflows { self.opaque(x) } else { x };
        if known.is_none_or(|k| k == 0) {
            let zero = self.builder.ins().iconst(ty, 0);
            let by_zero = self.builder.ins().icmp(IntCC::Equal, y, zero);
            self.trap_if(by_zero, TrapCode::DivisionByZero);
        }
        if overflows {
            let smallest = if ty == types::I32 { 1 << 31 } else { i64::MIN };
            let smallest = self.builder.ins().iconst(ty, smallest);
            let ones = self.builder.ins().iconst(ty, ones);
            let x_smallest = self.builder.ins().icmp(IntCC::Equal, x, smallest);
            let y_ones = self.builder.ins().icmp(IntCC::Equal, y, ones);
            let overflows = self.builder.ins().band(x_smallest, y_ones);
            self.trap_if(overflows, TrapCode::IntegerOverflow);
        }
        let ins = self.builder.ins();
        let value = match (signed, remainder) {
            (true, false) => ins.sdiv(x, y),
            (false, false) => ins.udiv(x, y),
            (true, true) => ins.srem(x, y),
            (false, true) => ins.urem(x, y),
        };
        self.push(value);
    }

    /// The value of a constant, zero-extended for i32.
    fn constant(&self, value: Value) -> Option<i64> {
        let ValueDef::Result(inst, _) = self.builder.func.dfg.value_def(value) else { return None };
        match self.builder.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }
}

fn comparison(op: &Operator<'_>) -> Option<IntCC> {
    use Operator as O;
    Some(match op {
        O::I32Eqz | O::I64Eqz | O::I32Eq | O::I64Eq => IntCC::Equal,
        O::I32Ne | O::I64Ne => IntCC::NotEqual,
        O::I32LtS | O::I64LtS => IntCC::SignedLessThan,
        O::I32LtU | O::I64LtU => IntCC::UnsignedLessThan,
        O::I32GtS | O::I64GtS => IntCC::SignedGreaterThan,
        O::I32GtU | O::I64GtU => IntCC::UnsignedGreaterThan,
        O::I32LeS | O::I64LeS => IntCC::SignedLessThanOrEqual,
        O::I32LeU | O::I64LeU => IntCC::UnsignedLessThanOrEqual,
        O::I32GeS | O::I64GeS => IntCC::SignedGreaterThanOrEqual,
        O::I32GeU | O::I64GeU => IntCC::UnsignedGreaterThanOrEqual,
        _ => return None,
    })
}
