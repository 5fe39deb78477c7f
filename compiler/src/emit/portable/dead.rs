//! Drops instructions that nothing reaches, so that every byte of a function means something to the audit: jumps that
//! only jump on, which the code generator threads and leaves behind where it cannot take them back.

use super::{
    Compiled,
    ops::{DISTANCE, Flow, Step, flow, steps},
};

/// Moves what is reached together.
pub fn remove(out: &mut Compiled) -> Result<(), String> {
    let steps = steps(&out.code)?;
    let leaves: Vec<u32> = out.fixups.iter().map(|f| f.at).collect();
    let flows: Vec<Flow> = steps.iter().map(|step| flow(step, &leaves)).collect::<Result<_, _>>()?;
    let reached = mark(&steps, &flows)?;
    if reached.iter().all(|reached| *reached) {
        return Ok(());
    }
    let kept = steps.iter().zip(&reached).filter(|(_, reached)| **reached).map(|(step, _)| step.at..step.end);
    let flow_at = |at: u32| steps.binary_search_by_key(&at, |step| step.at).ok().map(|n| flows[n]);
    out.keep(kept, |bytes, old, new, kept| {
        if let Some(Flow::Jump(to) | Flow::Branch(to)) = flow_at(old) {
            debug_assert!(kept.has(to), "what is reached leads to {to:#x}, which is not");
            let distance = i64::from(kept.next(to)) - i64::from(new);
            let field = bytes.len() - DISTANCE;
            bytes[field..].copy_from_slice(&(distance as i32).to_le_bytes());
        }
        Ok(())
    })
}

fn mark(steps: &[Step], flows: &[Flow]) -> Result<Vec<bool>, String> {
    let mut reached = vec![false; steps.len()];
    let mut work = vec![0];
    while let Some(at) = work.pop() {
        let n = steps.binary_search_by_key(&at, |step| step.at);
        let n = n.map_err(|_| format!("control leads to {at:#x}, where nothing starts"))?;
        if std::mem::replace(&mut reached[n], true) {
            continue;
        }
        match flows[n] {
            Flow::Next => work.push(steps[n].end),
            Flow::Jump(to) => work.push(to),
            Flow::Branch(to) => work.extend([to, steps[n].end]),
            Flow::Stop | Flow::Leave => {}
        }
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{Field, Fixup, LineRow, Target, TrapSite},
        *,
    };
    use crate::translate::Symbol;
    use pulley_interpreter::{XReg, encode};

    fn function(code: Vec<u8>) -> Compiled {
        let (constants, fixups, traps, lines) = (vec![], vec![], vec![], vec![]);
        Compiled { symbol: Symbol::Function(0), code, constants, fixups, traps, lines, stack: 16 }
    }

    #[test]
    fn a_dead_jump_goes_and_the_rest_moves() {
        // 0: br_if32 x0, 12; 6: ret; 7: jump 6 (dead); 12: call_indirect_host; 16: trap
        let mut code = Vec::new();
        encode::br_if32(&mut code, XReg::x0, 12);
        encode::ret(&mut code);
        encode::jump(&mut code, -1);
        assert_eq!(code.len(), 12);
        encode::call_indirect_host(&mut code, 0);
        encode::trap(&mut code);
        let mut out = function(code);
        let target = Target::Symbol(Symbol::Trap(1));
        out.fixups = vec![Fixup { at: 12, field: Field::HostCall, target, addend: 0 }];
        out.traps = vec![TrapSite { site: 16, wasm_offset: 1, code: 1 }];
        out.lines = vec![LineRow { at: 7, wasm_offset: 1 }];
        remove(&mut out).expect("removed");
        let mut expected = Vec::new();
        encode::br_if32(&mut expected, XReg::x0, 7);
        encode::ret(&mut expected);
        encode::call_indirect_host(&mut expected, 0);
        encode::trap(&mut expected);
        assert_eq!(out.code, expected);
        assert_eq!((out.fixups[0].at, out.traps[0].site, out.lines[0].at), (7, 11, 7));
    }

    #[test]
    fn what_is_whole_stays_and_a_branch_into_an_instruction_is_an_error() {
        let mut code = Vec::new();
        encode::push_frame(&mut code);
        encode::pop_frame(&mut code);
        encode::ret(&mut code);
        let mut out = function(code.clone());
        remove(&mut out).expect("nothing to do");
        assert_eq!(out.code, code);
        let mut code = Vec::new();
        encode::jump(&mut code, 2);
        assert!(remove(&mut function(code)).is_err_and(|e| e.contains("nothing starts")));
        assert!(remove(&mut function(vec![0xff])).is_err_and(|e| e.contains("no instruction")));
        let mut code = Vec::new();
        encode::nop(&mut code);
        assert!(remove(&mut function(code)).is_err_and(|e| e.contains("nothing starts")), "the end is run into");
    }
}
