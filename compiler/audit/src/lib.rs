//! Independent check of the final bytes of an object: nothing is signed that this crate refuses.
//!
//! Design principles:
//! 1. It knows the ABI tables and an instruction decoder; it shares no code and no assumption with the
//!    compiler's passes, and reads nothing but the object's own bytes.
//! 2. What is not on a list is refused. A rule that the compiler cannot meet is a bug of the compiler.
//! 3. It collects all findings instead of stopping at the first, and each names its rule.
//! 4. It accepts hostile bytes: it ends without a panic, in time and memory that its limits bound: those of
//!    the ABI for what it reads, those of `flow.rs` for what it follows, [`MAX_FINDINGS`] for what it says.
#![forbid(unsafe_code)]

mod aarch64;
mod agree;
mod compare;
mod contexts;
mod descent;
mod effects;
mod finding;
mod flow;
mod functions;
mod image;
mod jobs;
mod judge;
mod machine;
mod portable;
mod relocations;
mod size;
mod stack;
mod state;
mod targets;
mod transfer;
mod value;
mod x86_64;

use std::collections::BTreeMap;

use crate::descent::{Body, Flow};
use crate::effects::Control;
pub use crate::finding::{Finding, MAX_FINDINGS, Rule};
use crate::functions::Part;
use crate::image::Image;
pub use crate::jobs::Jobs;
use wasmkc_abi::helper::HELPERS;
use wasmkc_abi::trap::TrapCode;

/// What an accepted object contains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The target that the code is for.
    pub target: &'static str,
    /// Functions.
    pub functions: usize,
    /// Instructions reached, which are all there are.
    pub instructions: usize,
    /// Bytes of `.text`.
    pub text_bytes: usize,
    /// How often each mnemonic occurs.
    pub mnemonics: BTreeMap<String, usize>,
    /// How often each symbol of the ABI is called.
    pub symbols: BTreeMap<String, usize>,
    /// Calls between functions of the object.
    pub calls: usize,
    /// Relocations of `.text`.
    pub relocations: usize,
    /// The same of each inner object.
    pub inner: Vec<Report>,
}

/// Checks `object`, an ELF with or without a signature behind it, and every inner object in it.
///
/// # Errors
/// Every rule broken, in the order of the targets and of their code; never an empty list.
pub fn audit(object: &[u8]) -> Result<Report, Vec<Finding>> {
    audit_by(object, Jobs::ONE, &|_, _| {})
}

/// The same by several threads. `tell` gets the bytes of code judged so far, and of all.
///
/// # Errors
/// As [`audit`]: the same for any number of threads.
pub fn audit_by(object: &[u8], jobs: Jobs, tell: &(dyn Fn(usize, usize) + Sync)) -> Result<Report, Vec<Finding>> {
    let mut findings = Vec::new();
    let parts = targets::parts(object, &mut findings);
    let several = parts.len() > 1;
    let images: Vec<_> = parts.iter().map(|part| Image::parse(part.bytes)).collect();
    let readable = images.iter().filter_map(|image| image.as_ref().ok());
    let judged = readable.map(|image| Part::new(image, around(image))).collect();
    let mut verdicts = functions::judge_all(judged, jobs, tell).into_iter();
    let verdict = |image: &Result<Image<'_>, Vec<Finding>>| match image {
        Ok(_) => verdicts.next().unwrap_or_else(|| Err(vec![Finding::object(Rule::TooLarge, "it was not judged")])),
        Err(found) => Err(found.clone()),
    };
    let mut reports = Vec::new();
    for (part, verdict) in parts.iter().zip(images.iter().map(verdict)) {
        if finding::enough(&findings) {
            break;
        }
        match verdict {
            Ok(report) => reports.push(Report { target: part.target, ..report }),
            Err(found) => {
                let target = several.then_some(part.target);
                findings.extend(found.into_iter().map(|finding| Finding { target, ..finding }));
            }
        }
    }
    let mut reports = reports.into_iter();
    match reports.next() {
        Some(outer) if findings.is_empty() => Ok(Report { inner: reports.collect(), ..outer }),
        _ => Err(findings),
    }
}

/// What is wrong outside functions.
fn around(image: &Image<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    padding(image, &mut findings);
    entries(image, &mut findings);
    image.machine.landing_pads(image, &mut findings);
    findings
}

/// Checks what concerns all functions of a target together; `findings` is what was found so far.
fn whole(image: &Image<'_>, bodies: &[Body<'_>], mut findings: Vec<Finding>) -> Result<Report, Vec<Finding>> {
    contexts::check(image, bodies, HELPERS, &mut findings);
    trap_sites(image, bodies, &mut findings);
    if !findings.iter().any(|f| f.rule == Rule::Unreached) {
        relocations(image, bodies, &mut findings);
    }
    if findings.is_empty() { Ok(report(image, bodies)) } else { Err(findings) }
}

/// Bytes before, between and behind functions are such that no CPU runs them.
fn padding(image: &Image<'_>, findings: &mut Vec<Finding>) {
    let starts = image.functions.iter().map(|f| f.start).chain([image.text.len() as u32]);
    let padding = image.machine.convention().padding;
    let ends = [0].into_iter().chain(image.functions.iter().map(|f| f.end));
    for (from, to) in ends.zip(starts) {
        if let Some(at) = (from..to).find(|o| image.text[*o as usize] != padding) {
            let detail = format!("byte {:#04x} belongs to no function", image.text[at as usize]);
            findings.push(Finding { offset: Some(at), ..Finding::object(Rule::Padding, detail) });
        }
    }
}

/// Entry points are functions that begin with a landing pad.
fn entries(image: &Image<'_>, findings: &mut Vec<Finding>) {
    for image::Entry { name, offset, .. } in &image.entries {
        let code = image.text.get(*offset as usize..).unwrap_or_default();
        if !image.is_function_start(u64::from(*offset)) || !code.starts_with(image.machine.convention().landing_pad) {
            let detail = format!("entry {name} starts no function or has no landing pad");
            findings.push(Finding { offset: Some(*offset), ..Finding::object(Rule::Entry, detail) });
        }
    }
}

/// Rows of the trap table, and calls of `wkc_trap` with the instructions that trap by themselves, are the same set.
fn trap_sites(image: &Image<'_>, bodies: &[Body<'_>], findings: &mut Vec<Finding>) {
    let mut rows: BTreeMap<u32, u32> = image.traps.iter().copied().collect();
    if rows.len() != image.traps.len() || !image.traps.is_sorted() {
        findings.push(Finding::object(Rule::TrapSite, "the rows are not ascending"));
    }
    for body in bodies {
        for step in body.steps.values().filter(|s| s.traps) {
            if rows.remove(&step.instruction.next()).is_none() {
                findings.push(body.finding(step, Rule::TrapSite, "the call has no row"));
            }
        }
        for step in body.steps.values() {
            let Some(site) = step.instruction.stack_site() else { continue };
            match rows.remove(&site) {
                None => findings.push(body.finding(step, Rule::TrapSite, "it takes stack and has no row")),
                Some(code) if code != TrapCode::StackOverflow as u32 => {
                    let detail = format!("it takes stack and its row says {code}");
                    findings.push(body.finding(step, Rule::TrapCode, detail));
                }
                Some(_) => {}
            }
        }
    }
    for site in rows.into_keys() {
        let detail = "the row has neither a call of wkc_trap before its site nor an instruction that takes stack at it";
        findings.push(Finding { offset: Some(site), ..Finding::object(Rule::TrapSite, detail) });
    }
}

/// Every relocation lies in an instruction reached; those were checked there.
fn relocations(image: &Image<'_>, bodies: &[Body<'_>], findings: &mut Vec<Finding>) {
    for offset in image.relocations.keys() {
        // Bodies are in the order of their functions.
        let next = bodies.partition_point(|b| b.function.start <= *offset);
        let body = bodies[..next].last().filter(|b| *offset < b.function.end);
        let step = body.and_then(|b| b.steps.range(..=*offset).next_back());
        if step.is_none_or(|(_, s)| offset.saturating_add(4) > s.instruction.next()) {
            let detail = "it lies in no instruction";
            findings.push(Finding { offset: Some(*offset), ..Finding::object(Rule::Relocation, detail) });
        }
    }
}

fn report(image: &Image<'_>, bodies: &[Body<'_>]) -> Report {
    let mut r = Report {
        functions: bodies.len(),
        text_bytes: image.text.len(),
        relocations: image.relocations.len(),
        ..Report::default()
    };
    for target in image.relocations.values() {
        if let image::Target::Symbol(s) = target {
            *r.symbols.entry(s.clone()).or_default() += 1;
        }
    }
    for step in bodies.iter().flat_map(|b| b.steps.values()) {
        r.instructions += 1;
        r.calls += usize::from(matches!(step.flow, Flow::Call(_) | Flow::Tail(_)));
        *r.mnemonics.entry(step.instruction.mnemonic()).or_default() += 1;
        if let Control::Symbol(name) = step.instruction.control() {
            *r.symbols.entry(name.to_owned()).or_default() += 1;
        }
    }
    r
}
