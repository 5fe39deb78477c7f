//! Landing pads: the words where an indirect branch may end stand at entry points only, and there as `bti c`.
//!
//! Whatever they are part of: a word of padding or of a constant that is run by no path would be one as well.

use super::{BTI_C, BYTES};
use crate::finding::{Finding, Rule, enough};
use crate::image::Image;

/// Finds each of them that is at no entry.
pub fn check(image: &Image<'_>, findings: &mut Vec<Finding>) {
    for (n, bytes) in image.text.as_chunks().0.iter().enumerate() {
        let (at, word) = (n as u32 * BYTES, u32::from_le_bytes(*bytes));
        if !is_pad(word) || word == BTI_C && image.entries.iter().any(|e| e.offset == at) {
            continue;
        }
        if enough(findings) {
            return;
        }
        let mut finding = Finding::object(Rule::LandingPad, format!("{word:#010x} at no entry point"));
        finding.function = image.function_at(at).map(|f| f.name.clone());
        finding.offset = Some(at);
        findings.push(finding);
    }
}

/// `bti` of every kind, and `paciasp` and `pacibsp`, which are one as well.
fn is_pad(word: u32) -> bool {
    word & 0xffff_ff3f == 0xd503_241f || word & 0xffff_ffbf == 0xd503_233f
}
