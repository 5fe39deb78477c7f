//! The steps on x86_64: rbx keeps the call block, r12 and r13 are the two registers.

use super::{Register, Steps, broken};
use crate::common::{Code as Bytes, Kwo};

#[derive(Clone)]
pub struct Code(Bytes);

impl Code {
    fn raw(self, bytes: &[u8]) -> Self {
        Self(self.0.raw(bytes))
    }

    /// A branch of this opcode over what `otherwise` appends.
    fn over(self, opcode: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        let branch = self.top();
        let mut code = otherwise(self.raw(&[opcode, 0]));
        code.0.bytes[branch + 1] = (code.top() - branch - 2) as u8;
        code
    }

    /// `mov rdi, rbx`
    fn call_block(self) -> Self {
        self.raw(&[0x48, 0x89, 0xdf])
    }

    /// `pop r13; pop r12; pop rbx`
    fn restored(self) -> Self {
        self.raw(&[0x41, 0x5d, 0x41, 0x5c, 0x5b])
    }
}

fn number(r: Register) -> u8 {
    match r {
        Register::Fuel => 4,
        Register::Other => 5,
    }
}

impl Steps for Code {
    fn start() -> Self {
        // push rbx; push r12; push r13; mov rbx, rdi
        let frame = [0x53, 0x41, 0x54, 0x41, 0x55, 0x48, 0x89, 0xfb];
        Self(Bytes::with_frame(&frame)).load(Register::Fuel)
    }
    fn top(&self) -> usize {
        self.0.bytes.len()
    }
    fn load(self, to: Register) -> Self {
        self.raw(&[0x4c, 0x8b, 0x47 | number(to) << 3, 24])
    }
    fn store(self, from: Register) -> Self {
        self.raw(&[0x4c, 0x89, 0x47 | number(from) << 3, 24])
    }
    fn copy(self, to: Register, from: Register) -> Self {
        self.raw(&[0x4d, 0x89, 0xc0 | number(from) << 3 | number(to)])
    }
    fn less(self, r: Register, units: u8) -> Self {
        self.raw(&[0x49, 0x83, 0xe8 | number(r), units])
    }
    fn unless_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        let n = number(r);
        // test and jns, or cmp and jge
        match least {
            0 => self.raw(&[0x4d, 0x85, 0xc0 | n << 3 | n]).over(0x79, otherwise),
            least => self.raw(&[0x49, 0x83, 0xf8 | n, least]).over(0x7d, otherwise),
        }
    }
    fn unless_half_at_least(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.raw(&[0x41, 0x83, 0xf8 | number(r), least]).over(0x7d, otherwise)
    }
    fn unless_above(self, r: Register, least: u8, otherwise: impl Fn(Self) -> Self) -> Self {
        self.raw(&[0x49, 0x83, 0xf8 | number(r), least]).over(0x7f, otherwise)
    }
    fn perhaps(self, otherwise: impl Fn(Self) -> Self) -> Self {
        self.raw(&[0x85, 0xf6]).over(0x74, otherwise)
    }
    fn around(self, top: usize) -> Self {
        Self(self.0.raw(&[0x85, 0xf6]).jne_at(top))
    }
    fn call(self) -> Self {
        Self(self.0.call_at(0)).call_block()
    }
    fn helper(self) -> Self {
        Self(self.0.call("wkc_helper_ktime_ns")).call_block()
    }
    fn memmove(self) -> Self {
        Self(self.0.raw(&[0xba, 64, 0, 0, 0]).call("wkc_memmove")).call_block()
    }
    fn trap(self, code: u8) -> Self {
        Self(self.0.trap(code))
    }
    fn end(self) -> Kwo {
        Kwo::new(self.restored().0.ret())
    }
    fn jump(self) -> Kwo {
        // mov rsp, rbp; pop rbp
        Kwo::new(self.restored().0.raw(&[0x48, 0x89, 0xec, 0x5d]).jmp_at(0))
    }
}

impl Code {
    /// Out of fuel if what both registers have in common is negative: `test r12, r13` and jns.
    fn check_both(self) -> Self {
        self.raw(&[0x4d, 0x85, 0xec]).over(0x79, |code| code.trap(9))
    }
}

#[test]
fn two_registers_of_one_value_are_compared() {
    let code = Code::start();
    let top = code.top();
    let code = code.less(Register::Fuel, 3).copy(Register::Other, Register::Fuel).check_both().around(top);
    broken(code.store(Register::Other).end(), &[]);
}

#[test]
fn two_registers_of_which_one_is_from_before_the_charge() {
    let code = Code::start();
    let top = code.top();
    let code = code.copy(Register::Other, Register::Fuel).less(Register::Fuel, 3).check_both().around(top);
    broken(code.end(), &["fuel-free-cycle"]);
}
