//! `inspect --code`: the instructions of one target by function, with what they refer to and where they trap.
//!
//! Offsets are those in `.text`, as in the tables and in `objdump -d`. What a relocation or a distance names is said
//! behind the instruction, and so is the cause of a trap where the trap table has a row.

use super::{cause, known};
use crate::error::{Error, Result};
use crate::output::{self, hex};
use crate::targets;
use serde::{Serialize, Serializer};
use std::io::{self, Write};
use std::path::Path;
use wasmkc_abi::object::{FuncRow, TargetRow, TrapRow};
use wasmkc_compiler::{Instruction, Target, disassemble, printable};
use wasmkc_core::describe::Description;
use wasmkc_core::relocation::{self, Field};

/// Prints the code that the object in `file` has for `row`, instruction by instruction: there may be millions.
pub fn show(file: &Path, bytes: &[u8], row: &TargetRow, json: bool) -> Result<()> {
    let description = targets::one(file, bytes, row)?;
    let target =
        Target::by_name(row.name).ok_or_else(|| Error::new(format_args!("code for {} cannot be shown", row.name)))?;
    let code = Code { description: &description, target };
    output::write(|out| if json { code.json(row.name, out) } else { code.text(out) })
}

/// One target's code.
struct Code<'a> {
    description: &'a Description<'a>,
    target: Target,
}

/// What an iterator gives, as a list of which no more than one is there at a time.
struct Each<F>(F);

impl<I: IntoIterator<Item: Serialize>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
struct Whole<'c, F> {
    target: &'c str,
    functions: F,
}

#[derive(Serialize)]
struct Function<'c, C> {
    name: &'c str,
    offset: u32,
    size: u32,
    wasm_index: Option<u32>,
    code: C,
}

#[derive(Serialize)]
struct Line<'c> {
    at: u32,
    bytes: String,
    text: String,
    reference: Option<String>,
    traps: Vec<Cause<'c>>,
}

#[derive(Serialize)]
struct Cause<'c> {
    cause: &'static str,
    wasm_offset: Option<u32>,
    file: Option<&'c str>,
    line: Option<u32>,
}

impl Code<'_> {
    fn instructions(&self, row: &FuncRow) -> impl Iterator<Item = Instruction> {
        disassemble(self.target, self.bytes(row.text_offset, row.size), row.text_offset)
    }

    /// `size` bytes at `at` of `.text`; what was read lies in it.
    fn bytes(&self, at: u32, size: u32) -> &[u8] {
        let tail = self.description.text.get(at as usize..).unwrap_or_default();
        &tail[..tail.len().min(size as usize)]
    }

    fn name(&self, row: &FuncRow) -> &str {
        self.description.tables.strings.get(row.name)
    }

    /// The rows of the trap table that belong to `i`: their sites lie behind its first byte, the end included.
    fn traps(&self, i: &Instruction) -> &[TrapRow] {
        let traps = &self.description.tables.traps;
        let behind = |at| traps.partition_point(|row| row.site <= at);
        traps.get(behind(i.at)..behind(i.next)).unwrap_or_default()
    }

    /// What `i` refers to outside its function.
    fn reference(&self, i: &Instruction, own: &FuncRow) -> Option<String> {
        let relocations = &self.description.relocations;
        let first = relocations.partition_point(|r| r.offset < i.at);
        if let Some(r) = relocations.get(first).filter(|r| r.offset < i.next) {
            return Some(match r.target {
                relocation::Target::Symbol(symbol) => symbol.name().to_owned(),
                relocation::Target::Rodata => {
                    // x86_64 counts from the next instruction, the field from its own place.
                    let from = if r.field == Field::Distance32 { i64::from(i.next - r.offset) } else { 0 };
                    format!(".rodata{:+#x}", r.addend.wrapping_add(from))
                }
            });
        }
        i.loader.map(str::to_owned).or_else(|| self.place(i.place?, own))
    }

    /// What stands at `place`, if that is outside of the function `own`.
    fn place(&self, place: u32, own: &FuncRow) -> Option<String> {
        // Constants of portable code stand behind all of it, where an instruction names them by a distance.
        if let (Target::Portable, Some(at)) = (self.target, place.checked_sub(self.description.text.len() as u32)) {
            let rodata =
                self.description.targets.outer().sections().find(|s| s.name == b".rodata").map_or(0, |s| s.size);
            return (u64::from(at) <= rodata).then(|| format!(".rodata+{at:#x}"));
        }
        let funcs = &self.description.tables.funcs;
        let row = funcs.get(funcs.partition_point(|row| row.text_offset <= place).checked_sub(1)?)?;
        match place - row.text_offset {
            0 => Some(self.name(row).to_owned()),
            // Between two functions there is none.
            inside if row == own || inside >= row.size => None,
            inside => Some(format!("{}+{inside:#x}", self.name(row))),
        }
    }

    fn source<'s>(&'s self, trap: &TrapRow) -> Option<&'s str> {
        Some(self.description.tables.strings.get(trap.file)).filter(|file| !file.is_empty())
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (n, row) in self.description.tables.funcs.iter().enumerate() {
            let between = if n == 0 { "" } else { "\n" };
            let index = known(row.wasm_index).map_or(String::new(), |index| format!(", wasm function {index}"));
            writeln!(out, "{between}{}: {} bytes{index}", printable(self.name(row)), row.size)?;
            for i in self.instructions(row) {
                write!(out, "{:6x}  {}", i.at, i.text)?;
                if let Some(to) = self.reference(&i, row) {
                    write!(out, "  ; {}", printable(&to))?;
                }
                for trap in self.traps(&i) {
                    write!(out, "  ; {}", cause(trap.code))?;
                    if let Some(at) = known(trap.wasm_offset) {
                        write!(out, " at wasm offset {at:#x}")?;
                    }
                    if let Some(file) = self.source(trap) {
                        write!(out, ", {}:{}", printable(file), trap.line)?;
                    }
                }
                writeln!(out)?;
            }
        }
        Ok(())
    }

    fn json(&self, target: &str, out: &mut dyn Write) -> io::Result<()> {
        let functions = Each(|| {
            self.description.tables.funcs.iter().map(|row| Function {
                name: self.name(row),
                offset: row.text_offset,
                size: row.size,
                wasm_index: known(row.wasm_index),
                code: Each(move || self.instructions(row).map(move |i| self.line(i, row))),
            })
        });
        serde_json::to_writer(&mut *out, &Whole { target, functions })?;
        writeln!(out)
    }

    fn line(&self, i: Instruction, row: &FuncRow) -> Line<'_> {
        let traps = self.traps(&i).iter().map(|trap| Cause {
            cause: cause(trap.code),
            wasm_offset: known(trap.wasm_offset),
            file: self.source(trap),
            line: (trap.line != 0).then_some(trap.line),
        });
        let (bytes, reference) = (hex(self.bytes(i.at, i.next - i.at)), self.reference(&i, row));
        Line { at: i.at, bytes, text: i.text, reference, traps: traps.collect() }
    }
}
