//! Floats, as their bits: sign and bits inline, all else by calls of the runtime module.

use cranelift_codegen::ir::{InstBuilder, Type, condcodes::IntCC, types};
use wasmkc_abi::trap::TrapCode;
use wasmparser::Operator;

use super::{Translator, signature::signature};
use crate::{CompileError, runtime::Runtime};

/// What `class` of the runtime answers for a value that has an integer, and for a NaN.
const FITS: u32 = 0;
const NAN: u32 = 1;

/// The runtime's name for an operator that is one call with its operands in their order.
fn runtime_name(op: &Operator<'_>) -> Option<&'static str> {
    use Operator as O;
    Some(match op {
        O::F32Add => "f32.add",
        O::F32Sub => "f32.sub",
        O::F32Mul => "f32.mul",
        O::F32Div => "f32.div",
        O::F32Min => "f32.min",
        O::F32Max => "f32.max",
        O::F32Eq => "f32.eq",
        O::F32Lt => "f32.lt",
        O::F32Le => "f32.le",
        O::F32Sqrt => "f32.sqrt",
        O::F32Ceil => "f32.ceil",
        O::F32Floor => "f32.floor",
        O::F32Trunc => "f32.trunc",
        O::F32Nearest => "f32.nearest",
        O::F64Add => "f64.add",
        O::F64Sub => "f64.sub",
        O::F64Mul => "f64.mul",
        O::F64Div => "f64.div",
        O::F64Min => "f64.min",
        O::F64Max => "f64.max",
        O::F64Eq => "f64.eq",
        O::F64Lt => "f64.lt",
        O::F64Le => "f64.le",
        O::F64Sqrt => "f64.sqrt",
        O::F64Ceil => "f64.ceil",
        O::F64Floor => "f64.floor",
        O::F64Trunc => "f64.trunc",
        O::F64Nearest => "f64.nearest",
        O::F32DemoteF64 => "f32.demote_f64",
        O::F64PromoteF32 => "f64.promote_f32",
        O::F32ConvertI32S => "f32.convert_i32_s",
        O::F32ConvertI32U => "f32.convert_i32_u",
        O::F32ConvertI64S => "f32.convert_i64_s",
        O::F32ConvertI64U => "f32.convert_i64_u",
        O::F64ConvertI32S => "f64.convert_i32_s",
        O::F64ConvertI32U => "f64.convert_i32_u",
        O::F64ConvertI64S => "f64.convert_i64_s",
        O::F64ConvertI64U => "f64.convert_i64_u",
        O::I32TruncSatF32S => "i32.trunc_sat_f32_s",
        O::I32TruncSatF32U => "i32.trunc_sat_f32_u",
        O::I64TruncSatF32S => "i64.trunc_sat_f32_s",
        O::I64TruncSatF32U => "i64.trunc_sat_f32_u",
        O::I32TruncSatF64S => "i32.trunc_sat_f64_s",
        O::I32TruncSatF64U => "i32.trunc_sat_f64_u",
        O::I64TruncSatF64S => "i64.trunc_sat_f64_s",
        O::I64TruncSatF64U => "i64.trunc_sat_f64_u",
        _ => return None,
    })
}

/// For a comparison that is another one with its operands exchanged or its result negated: the other's name.
fn derived(op: &Operator<'_>) -> Option<(&'static str, Derived)> {
    use Operator as O;
    Some(match op {
        O::F32Ne => ("f32.eq", Derived::Negated),
        O::F32Gt => ("f32.lt", Derived::Exchanged),
        O::F32Ge => ("f32.le", Derived::Exchanged),
        O::F64Ne => ("f64.eq", Derived::Negated),
        O::F64Gt => ("f64.lt", Derived::Exchanged),
        O::F64Ge => ("f64.le", Derived::Exchanged),
        _ => return None,
    })
}

#[derive(PartialEq, Eq)]
enum Derived {
    Exchanged,
    Negated,
}

/// For a conversion that traps: what tells whether it does, the kind of integer it asks about (the runtime's
/// `convert::class`), and the conversion that does not trap.
fn trapping(op: &Operator<'_>) -> Option<(&'static str, u32, &'static str)> {
    use Operator as O;
    Some(match op {
        O::I32TruncF32S => ("f32.class", 33, "i32.trunc_sat_f32_s"),
        O::I32TruncF32U => ("f32.class", 32, "i32.trunc_sat_f32_u"),
        O::I64TruncF32S => ("f32.class", 65, "i64.trunc_sat_f32_s"),
        O::I64TruncF32U => ("f32.class", 64, "i64.trunc_sat_f32_u"),
        O::I32TruncF64S => ("f64.class", 33, "i32.trunc_sat_f64_s"),
        O::I32TruncF64U => ("f64.class", 32, "i32.trunc_sat_f64_u"),
        O::I64TruncF64S => ("f64.class", 65, "i64.trunc_sat_f64_s"),
        O::I64TruncF64U => ("f64.class", 64, "i64.trunc_sat_f64_u"),
        _ => return None,
    })
}

/// All names of the runtime that an operator calls.
#[cfg(test)]
pub fn runtime_names(op: &Operator<'_>) -> Vec<&'static str> {
    let trapping = trapping(op).map(|(class, _, conversion)| [class, conversion]);
    let other = runtime_name(op).or_else(|| derived(op).map(|(name, _)| name));
    trapping.into_iter().flatten().chain(other).collect()
}

/// What a float operator costs, the function that it calls aside.
pub fn units(op: &Operator<'_>) -> Option<u32> {
    use Operator as O;
    if trapping(op).is_some() {
        return Some(8);
    }
    if runtime_name(op).is_some() || derived(op).is_some() {
        return Some(4);
    }
    matches!(
        op,
        O::F32Const { .. }
            | O::F64Const { .. }
            | O::F32Abs
            | O::F64Abs
            | O::F32Neg
            | O::F64Neg
            | O::F32Copysign
            | O::F64Copysign
            | O::I32ReinterpretF32
            | O::I64ReinterpretF64
            | O::F32ReinterpretI32
            | O::F64ReinterpretI64
    )
    .then_some(1)
}

impl Translator<'_, '_, '_> {
    pub(super) fn float(&mut self, op: &Operator<'_>) -> Result<bool, CompileError> {
        use Operator as O;
        use types::{I32, I64};
        match op {
            O::F32Const { value } => {
                let value = self.author_constant(I32, value.bits().into());
                self.push(value);
            }
            O::F64Const { value } => {
                let value = self.author_constant(I64, value.bits());
                self.push(value);
            }
            // The bits stay where they are.
            O::I32ReinterpretF32 | O::I64ReinterpretF64 | O::F32ReinterpretI32 | O::F64ReinterpretI64 => {}
            O::F32Abs => self.without_sign(I32),
            O::F64Abs => self.without_sign(I64),
            O::F32Neg => self.other_sign(I32),
            O::F64Neg => self.other_sign(I64),
            O::F32Copysign => self.sign_of(I32),
            O::F64Copysign => self.sign_of(I64),
            _ => return self.float_call(op),
        }
        Ok(true)
    }

    fn float_call(&mut self, op: &Operator<'_>) -> Result<bool, CompileError> {
        if let Some(name) = runtime_name(op) {
            self.call_runtime_function(name)?;
        } else if let Some((name, derived)) = derived(op) {
            if derived == Derived::Exchanged {
                let (y, x) = (self.pop(), self.pop());
                self.stack.extend([y, x]);
            }
            self.call_runtime_function(name)?;
            if derived == Derived::Negated {
                let result = self.pop();
                let zero = self.iconst32(0);
                let not = self.builder.ins().icmp(IntCC::Equal, result, zero);
                let not = self.builder.ins().uextend(types::I32, not);
                self.push(not);
            }
        } else if let Some((class, kind, conversion)) = trapping(op) {
            self.checked_conversion(class, kind, conversion)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn checked_conversion(&mut self, class: &str, kind: u32, conversion: &str) -> Result<(), CompileError> {
        let value = self.pop();
        let kind = self.iconst32(kind);
        self.stack.extend([value, kind]);
        self.call_runtime_function(class)?;
        let class = self.pop();
        let nan = self.iconst32(NAN);
        let is_nan = self.builder.ins().icmp(IntCC::Equal, class, nan);
        self.trap_if(is_nan, TrapCode::BadConversion);
        let fits = self.iconst32(FITS);
        let outside = self.builder.ins().icmp(IntCC::NotEqual, class, fits);
        self.trap_if(outside, TrapCode::IntegerOverflow);
        self.push(value);
        self.call_runtime_function(conversion)
    }

    /// Calls the runtime's `name` with the operands on the stack.
    fn call_runtime_function(&mut self, name: &str) -> Result<(), CompileError> {
        let runtime = Runtime::get()?;
        let index = runtime.function(name).ok_or_else(|| CompileError::internal("runtime", format!("no `{name}`")))?;
        let ty = runtime.module.function_type(index);
        let signature =
            signature(&runtime.module, self.target, ty).map_err(|r| r.at(runtime.module.place(index, 0)))?;
        let symbol = self.runtime(index);
        let callee = self.callee(symbol, || signature);
        let mut args = vec![self.call];
        args.extend(self.pop_many(ty.params().len()));
        self.give_fuel();
        let inst = self.builder.ins().call(callee, &args);
        self.take_fuel();
        self.stack.extend_from_slice(self.builder.inst_results(inst));
        Ok(())
    }

    fn sign_bit(ty: Type) -> i64 {
        1i64.wrapping_shl(ty.bits() - 1)
    }

    fn without_sign(&mut self, ty: Type) {
        let x = self.pop();
        let sign = self.builder.ins().iconst(ty, Self::sign_bit(ty));
        let value = self.builder.ins().band_not(x, sign);
        self.push(value);
    }

    fn other_sign(&mut self, ty: Type) {
        let x = self.pop();
        let sign = self.builder.ins().iconst(ty, Self::sign_bit(ty));
        let value = self.builder.ins().bxor(x, sign);
        self.push(value);
    }

    /// The first operand with the second's sign.
    fn sign_of(&mut self, ty: Type) {
        let (y, x) = (self.pop(), self.pop());
        let sign = self.builder.ins().iconst(ty, Self::sign_bit(ty));
        let magnitude = self.builder.ins().band_not(x, sign);
        let sign = self.builder.ins().band(y, sign);
        let value = self.builder.ins().bor(magnitude, sign);
        self.push(value);
    }
}
