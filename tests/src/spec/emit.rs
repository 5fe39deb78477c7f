//! Plans as files, for an engine elsewhere: `SUITE_SCRIPT.plan`, a line for the script and one for each case, and
//! `SUITE_SCRIPT.N.kwo`, its objects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    chain::Chain,
    expected::Key,
    plan::{Object, Plan, Planned},
};

/// First line of a plan.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    suite: String,
    script: String,
    objects: usize,
}

fn object(dir: &Path, name: &str, number: usize) -> PathBuf {
    dir.join(format!("{name}.{number}.kwo"))
}

/// Writes the plan of script `key`. The objects' keys are not in it.
///
/// # Errors
/// The file system's.
pub fn write(dir: &Path, key: &Key, plan: &Plan) -> io::Result<()> {
    let name = format!("{}_{}", key.0, key.1);
    let head = Head { suite: key.0.clone(), script: key.1.clone(), objects: plan.objects.len() };
    let mut lines = vec![serde_json::to_string(&head)?];
    for case in &plan.cases {
        lines.push(serde_json::to_string(case)?);
    }
    for (number, made) in plan.objects.iter().enumerate() {
        fs::write(object(dir, &name, number), &made.bytes)?;
    }
    fs::write(dir.join(format!("{name}.plan")), lines.join("\n") + "\n")
}

/// The plans of a folder, in the order in which they are run.
///
/// # Errors
/// The file system's.
pub fn plans(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let files = fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path()));
    let mut files: Vec<PathBuf> = files.collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e == "plan"));
    files.sort();
    Ok(files)
}

/// Reads a plan with its objects, which may have been signed since.
///
/// # Errors
/// The file system's, and what is wrong with a line.
pub fn read(file: &Path) -> io::Result<(Key, Plan)> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines();
    let head: Head = serde_json::from_str(lines.next().unwrap_or_default())?;
    let cases: Vec<Planned> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let dir = file.parent().unwrap_or(Path::new("."));
    let name = format!("{}_{}", head.suite, head.script);
    let object = |number| Ok(Object { bytes: fs::read(object(dir, &name, number))?, key: 0 });
    let objects = (0..head.objects).map(object).collect::<io::Result<_>>()?;
    Ok(((head.suite, head.script), Plan { cases, objects }))
}

/// Keys of the objects that `plan` starts, in that order, a line each.
#[must_use]
pub fn keys(plan: &Plan) -> String {
    let mut seen = vec![false; plan.objects.len()];
    let objects = plan.cases.iter().filter_map(|case| case.step.object());
    let first: Vec<usize> = objects.filter(|object| !std::mem::replace(&mut seen[*object], true)).collect();
    first.into_iter().map(|object| format!("{:016x}\n", plan.objects[object].key)).collect()
}

/// What the objects with these `keys` make of `nonce`.
///
/// # Errors
/// If a line is no key.
pub fn answer(keys: &str, nonce: u64) -> Result<u64, std::num::ParseIntError> {
    let mut chain = Chain::new(nonce);
    for line in keys.lines() {
        chain.answer(chain.question() ^ u64::from_str_radix(line, 16)?);
    }
    Ok(chain.value())
}
