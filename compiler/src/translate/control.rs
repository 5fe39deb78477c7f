//! Blocks, loops, ifs, branches. Code that cannot be reached is skipped, operand stack and all.

use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Type, Value, condcodes::IntCC};
use cranelift_frontend::FunctionBuilder;
use wasmkc_abi::trap::TrapCode;
use wasmparser::{BlockType, BrTable, FuncType, Operator};

use super::Translator;
use crate::CompileError;

/// An open wasm block.
pub struct Frame {
    kind: Kind,
    /// Where a branch to it goes.
    target: Block,
    /// Values that such a branch carries.
    arity: usize,
    /// What follows its end.
    after: Block,
    results: usize,
    /// Operand stack's height below its parameters.
    height: usize,
    /// Whether something reaches `after`.
    ends: bool,
}

enum Kind {
    Block,
    Loop,
    /// With the block of the `else` branch and the parameters it starts with, until `else` is seen.
    If {
        otherwise: Option<(Block, Vec<Value>)>,
    },
    /// Opened in code that is not reached.
    Dead,
}

impl<'a> Translator<'_, 'a, '_> {
    pub(super) fn enter_function(&mut self, ty: &FuncType) -> Result<(), CompileError> {
        let results = ty.results().iter().map(|ty| self.ty(*ty)).collect::<Result<Vec<_>, _>>()?;
        let after = self.block(&results);
        let arity = results.len();
        let frame = Frame { kind: Kind::Block, target: after, arity, after, results: arity, height: 0, ends: false };
        self.frames.push(frame);
        Ok(())
    }

    pub(super) fn control(&mut self, op: &Operator<'a>) -> Result<bool, CompileError> {
        match op {
            Operator::Unreachable => {
                self.trap(TrapCode::Unreachable);
                self.reachable = false;
            }
            Operator::Block { blockty } => self.open_block(*blockty)?,
            Operator::Loop { blockty } => self.open_loop(*blockty)?,
            Operator::If { blockty } => self.open_if(*blockty)?,
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth);
                self.reachable = false;
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth),
            Operator::BrTable { targets } => self.branch_table(targets)?,
            Operator::Return => {
                self.branch(self.frames.len() as u32 - 1);
                self.reachable = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An operator in code that is not reached: only the nesting counts. `fuel::Costs::of` has refused what
    /// is not supported, so blocks, loops and ifs are all that nests.
    pub(super) fn skip(&mut self, op: &Operator<'a>) {
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.loops += usize::from(matches!(op, Operator::Loop { .. }));
                let (target, height) = (self.frames[0].after, self.stack.len());
                let frame =
                    Frame { kind: Kind::Dead, target, arity: 0, after: target, results: 0, height, ends: false };
                self.frames.push(frame);
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.end(),
            _ => {}
        }
    }

    fn open_block(&mut self, ty: BlockType) -> Result<(), CompileError> {
        let (params, results) = self.block_type(ty)?;
        let after = self.block(&results);
        let height = self.stack.len() - params.len();
        let arity = results.len();
        self.frames.push(Frame { kind: Kind::Block, target: after, arity, after, results: arity, height, ends: false });
        Ok(())
    }

    fn open_loop(&mut self, ty: BlockType) -> Result<(), CompileError> {
        let (params, results) = self.block_type(ty)?;
        let header = self.block(&params);
        let after = self.block(&results);
        self.jump(header, params.len());
        let height = self.stack.len() - params.len();
        self.stack.truncate(height);
        // Sealed at its end, when all branches to it are known.
        self.builder.switch_to_block(header);
        self.paths_meet();
        self.stack.extend_from_slice(self.builder.block_params(header));
        let cost = self.costs.loops[self.loops];
        self.loops += 1;
        self.charge(cost);
        self.frames.push(Frame {
            kind: Kind::Loop,
            target: header,
            arity: params.len(),
            after,
            results: results.len(),
            height,
            ends: false,
        });
        Ok(())
    }

    fn open_if(&mut self, ty: BlockType) -> Result<(), CompileError> {
        let condition = self.pop();
        let (params, results) = self.block_type(ty)?;
        let after = self.block(&results);
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        self.builder.ins().brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(then);
        let height = self.stack.len() - params.len();
        self.carried += params.len() as u64;
        let kind = Kind::If { otherwise: Some((otherwise, self.stack[height..].to_vec())) };
        let arity = results.len();
        self.frames.push(Frame { kind, target: after, arity, after, results: arity, height, ends: false });
        Ok(())
    }

    fn otherwise(&mut self) {
        let frame = self.frames.last_mut().expect("open if");
        let Kind::If { otherwise } = &mut frame.kind else { return };
        let Some((block, params)) = otherwise.take() else { return };
        let (after, results, height) = (frame.after, frame.results, frame.height);
        if self.reachable {
            frame.ends = true;
            self.jump(after, results);
        }
        self.stack.truncate(height);
        self.stack.extend(params);
        self.builder.switch_to_block(block);
        self.paths_meet();
        self.reachable = true;
    }

    fn end(&mut self) {
        let mut frame = self.frames.pop().expect("open block");
        if matches!(frame.kind, Kind::Dead) {
            return;
        }
        if self.reachable {
            self.jump(frame.after, frame.results);
            frame.ends = true;
        }
        match frame.kind {
            Kind::Loop => self.builder.seal_block(frame.target),
            Kind::If { otherwise: Some((block, params)) } => {
                // No `else`: what went in comes out.
                self.builder.switch_to_block(block);
                let args: Vec<BlockArg> = params.into_iter().map(BlockArg::from).collect();
                self.builder.ins().jump(frame.after, &args);
                frame.ends = true;
            }
            _ => {}
        }
        self.stack.truncate(frame.height);
        self.reachable = frame.ends;
        if !frame.ends {
            return;
        }
        self.builder.seal_block(frame.after);
        self.builder.switch_to_block(frame.after);
        self.paths_meet();
        self.stack.extend_from_slice(self.builder.block_params(frame.after));
        if self.frames.is_empty() {
            self.give_results();
        }
    }

    fn target(&mut self, depth: u32) -> (Block, usize) {
        let at = self.frames.len() - 1 - depth as usize;
        let frame = &mut self.frames[at];
        frame.ends |= !matches!(frame.kind, Kind::Loop);
        (frame.target, frame.arity)
    }

    fn branch(&mut self, depth: u32) {
        let (target, arity) = self.target(depth);
        self.jump(target, arity);
    }

    fn branch_if(&mut self, depth: u32) {
        let condition = self.pop();
        let (target, arity) = self.target(depth);
        let next = self.builder.create_block();
        let args = self.args(arity);
        self.builder.ins().brif(condition, target, &args, next, &[]);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
    }

    /// A tree of comparisons: the code has no indirect branch.
    fn branch_table(&mut self, table: &BrTable<'_>) -> Result<(), CompileError> {
        let selector = self.pop();
        let mut depths = table.targets().collect::<Result<Vec<u32>, _>>()?;
        depths.push(table.default());
        // One block for each distinct depth, which then jumps with the arguments.
        let mut stops: Vec<(u32, Block)> = Vec::new();
        let mut runs: Vec<(u32, Block)> = Vec::new();
        let mut blocks = std::collections::HashMap::new();
        for (value, depth) in depths.into_iter().enumerate() {
            let block = *blocks.entry(depth).or_insert_with(|| {
                let block = self.builder.create_block();
                stops.push((depth, block));
                block
            });
            if runs.last().is_none_or(|(_, last)| *last != block) {
                runs.push((value as u32, block));
            }
        }
        compare_tree(&mut self.builder, selector, &runs);
        for (depth, block) in stops {
            self.builder.seal_block(block);
            self.builder.switch_to_block(block);
            self.branch(depth);
            self.check_size()?;
        }
        self.reachable = false;
        Ok(())
    }

    fn block_type(&self, ty: BlockType) -> Result<(Vec<Type>, Vec<Type>), CompileError> {
        Ok(match ty {
            BlockType::Empty => (vec![], vec![]),
            BlockType::Type(ty) => (vec![], vec![self.ty(ty)?]),
            BlockType::FuncType(index) => {
                let ty = &self.module.types[index as usize];
                let list =
                    |types: &[wasmparser::ValType]| types.iter().map(|ty| self.ty(*ty)).collect::<Result<_, _>>();
                (list(ty.params())?, list(ty.results())?)
            }
        })
    }

    fn block(&mut self, params: &[Type]) -> Block {
        let block = self.builder.create_block();
        for ty in params {
            self.builder.append_block_param(block, *ty);
        }
        block
    }

    fn args(&mut self, count: usize) -> Vec<BlockArg> {
        self.carried += count as u64;
        self.stack[self.stack.len() - count..].iter().map(|value| BlockArg::from(*value)).collect()
    }

    /// Jumps with the `count` topmost operands, which stay on the stack.
    fn jump(&mut self, block: Block, count: usize) {
        let args = self.args(count);
        self.builder.ins().jump(block, &args);
    }
}

/// Branches to the block of the run that holds `selector`: each run reaches from its value to the
/// next one's, the last to the end, and the first starts at 0. Ends the current block; the targets are
/// sealed by the caller.
pub fn compare_tree(builder: &mut FunctionBuilder<'_>, selector: Value, runs: &[(u32, Block)]) {
    let [(_, only)] = runs else {
        let (low, high) = runs.split_at(runs.len() / 2);
        let mut side = |half: &[(u32, Block)]| match half {
            [(_, block)] => *block,
            _ => builder.create_block(),
        };
        let (low_block, high_block) = (side(low), side(high));
        let ty = builder.func.dfg.value_type(selector);
        let first = builder.ins().iconst(ty, i64::from(high[0].0));
        let below = builder.ins().icmp(IntCC::UnsignedLessThan, selector, first);
        builder.ins().brif(below, low_block, &[], high_block, &[]);
        for (half, block) in [(low, low_block), (high, high_block)] {
            if half.len() > 1 {
                builder.seal_block(block);
                builder.switch_to_block(block);
                compare_tree(builder, selector, half);
            }
        }
        return;
    };
    builder.ins().jump(*only, &[]);
}
