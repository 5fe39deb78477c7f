//! Landing pads: the bytes of endbr64 stand at entry points and nowhere else, inside instructions neither.
//!
//! Where the CPU tracks indirect branches they end at these bytes only, whatever instruction they are
//! part of. Prefixes between `f3` and the opcode are taken to change nothing. Fields that the loader
//! fills in are not known here.

use crate::finding::{Finding, Rule, enough};
use crate::image::Image;

const OPCODE: [u8; 3] = [0x0f, 0x1e, 0xfa];
/// Longest instruction.
const MAX_INSTRUCTION: usize = 15;

/// Finds each of them that is at no entry.
pub fn check(image: &Image<'_>, findings: &mut Vec<Finding>) {
    for (at, _) in image.text.windows(OPCODE.len()).enumerate().filter(|(_, w)| **w == OPCODE) {
        let from = at.saturating_sub(MAX_INSTRUCTION - OPCODE.len());
        let prefixes = image.text[from..at].iter().rev().take_while(|b| is_prefix(**b));
        let Some(back) = prefixes.enumerate().filter(|(_, b)| **b == 0xf3).map(|(n, _)| n + 1).last() else { continue };
        let start = (at - back) as u32;
        if enough(findings) {
            return;
        }
        if back != 1 || !image.entries.iter().any(|e| e.offset == start) {
            let mut finding = Finding::object(Rule::LandingPad, "endbr64 at no entry point");
            finding.function = image.function_at(start).map(|f| f.name.clone());
            finding.offset = Some(start);
            findings.push(finding);
        }
    }
}

fn is_prefix(byte: u8) -> bool {
    matches!(byte, 0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)
}
