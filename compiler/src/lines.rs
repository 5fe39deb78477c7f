//! Source positions: the wasm's own `.debug_line`, from byte of the file to source file and line.
//!
//! Debug information is the author's and may be nonsense: whatever does not read is left out.

use gimli::{EndianSlice, LittleEndian};

use crate::{module::Module, names::printable};

/// Rows of all line programs, sorted.
#[derive(Default)]
pub struct Lines {
    files: Vec<String>,
    /// Byte of the file, index in `files` plus one (0 ends a sequence), line.
    rows: Vec<(u64, usize, u32)>,
}

impl Lines {
    /// Reads the module's DWARF; empty if it has none.
    pub fn read(module: &Module<'_>) -> Self {
        let mut out = Self::default();
        if module.debug.contains_key(".debug_line") {
            // A broken unit ends the reading; what came before it stays.
            let _ = out.units(module);
            out.rows.sort_by_key(|row| row.0);
        }
        out
    }

    fn units(&mut self, module: &Module<'_>) -> gimli::Result<()> {
        let dwarf = gimli::Dwarf::load(|id| -> gimli::Result<_> {
            Ok(EndianSlice::new(module.debug.get(id.name()).copied().unwrap_or_default(), LittleEndian))
        })?;
        let mut units = dwarf.units();
        while let Some(header) = units.next()? {
            let unit = dwarf.unit(header)?;
            let Some(program) = unit.line_program.clone() else { continue };
            let mut index: std::collections::HashMap<u64, usize> = std::collections::HashMap::new();
            let mut rows = program.rows();
            while let Some((header, row)) = rows.next_row()? {
                let Some(at) = row.address().checked_add(module.code_start as u64) else { continue };
                if row.end_sequence() {
                    self.rows.push((at, 0, 0));
                    continue;
                }
                let file = *index.entry(row.file_index()).or_insert_with(|| {
                    let name = row.file(header).and_then(|file| dwarf.attr_string(&unit, file.path_name()).ok());
                    self.files.push(name.map(|n| printable(&n.to_string_lossy())).unwrap_or_default());
                    self.files.len()
                });
                self.rows.push((at, file, row.line().map_or(0, |line| line.get() as u32)));
            }
        }
        Ok(())
    }

    /// File and line of byte `offset` of the wasm file.
    pub fn at(&self, offset: u32) -> Option<(&str, u32)> {
        if offset == u32::MAX {
            return None;
        }
        let next = self.rows.partition_point(|row| row.0 <= u64::from(offset));
        let (_, file, line) = *self.rows[..next].last()?;
        Some((self.files.get(file.checked_sub(1)?)?.as_str(), line)).filter(|_| line > 0)
    }
}
