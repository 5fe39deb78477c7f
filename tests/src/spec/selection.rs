//! Which scripts of which suites, and all of them on the host.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use wasmkc_compiler::{Standard, Target};

use super::{
    chain::Chain,
    emit,
    expected::{Counts, Key, expected},
    host::{Code, Host},
    plan::{Plan, Planned, Step},
    planner,
    report::{Report, Script},
    run,
    suites::SUITES,
    tally::Status,
};

/// Some scripts.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names of suites; all if empty.
    pub suites: Vec<String>,
    /// Names of scripts; all if empty.
    pub files: Vec<String>,
}

impl Selection {
    /// The scripts with their texts and standards.
    #[must_use]
    pub fn scripts(&self) -> Vec<(Key, &'static str, Standard)> {
        let wanted = |list: &[String], name: &str| list.is_empty() || list.iter().any(|n| n == name);
        let suites = SUITES.iter().filter(|suite| wanted(&self.suites, suite.name));
        let scripts = suites.flat_map(|suite| {
            suite.scripts().into_iter().map(|(file, text)| ((suite.name.to_owned(), file), text, suite.standard))
        });
        scripts.filter(|((_, file), ..)| wanted(&self.files, file)).collect()
    }

    /// Writes plans and objects for `target` to `dir`; gives the keys of all objects.
    ///
    /// # Errors
    /// The file system's.
    pub fn emit(&self, dir: &Path, target: Target) -> io::Result<String> {
        let mut plans = BTreeMap::new();
        std::fs::create_dir_all(dir)?;
        for (key, text, standard) in self.scripts() {
            let plan = planned(text, standard, target);
            emit::write(dir, &key, &plan)?;
            plans.insert(format!("{}_{}.plan", key.0, key.1), emit::keys(&plan));
        }
        Ok(plans.into_values().collect())
    }

    /// Runs them as `code` on the host, on all processors.
    #[must_use]
    pub fn on_host(&self, code: Code) -> Report {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let queue = Mutex::new(self.scripts().into_iter().rev().collect::<Vec<_>>());
        let done = Mutex::new(Vec::new());
        let work = || {
            while let Some((key, text, standard)) = queue.lock().ok().and_then(|mut queue| queue.pop()) {
                let script = script_on_host(code, key, text, standard);
                done.lock().expect("no thread panics with it").push(script);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let mut scripts = done.into_inner().expect("no thread panics with it");
        let order: Vec<Key> = self.scripts().into_iter().map(|(key, ..)| key).collect();
        scripts.sort_by_key(|script: &Script| order.iter().position(|key| *key == script.key));
        Report::new(code.name(), scripts, &expected())
    }
}

/// The plan of a script for `target`; one that cannot be read is a plan with a failure.
#[must_use]
pub fn planned(text: &str, standard: Standard, target: Target) -> Plan {
    let mut keys = fastrand::Rng::new();
    planner::plan(text, standard, target, &mut || keys.u64(..)).unwrap_or_else(|e| Plan {
        cases: vec![Planned {
            line: 1,
            kind: "script".to_owned(),
            step: Step::Decided(Status::Failed(format!("cannot be read: {e}"))),
        }],
        objects: Vec::new(),
    })
}

/// Plans one script and runs it as `code` on the host.
#[must_use]
pub fn script_on_host(code: Code, key: Key, text: &str, standard: Standard) -> Script {
    let begun = Instant::now();
    let plan = planned(text, standard, code.target());
    let statuses = run::run(&mut Host, &plan, &mut Chain::new(fastrand::u64(..)));
    Script::new(key, &plan.cases, statuses, begun.elapsed())
}

/// Runs a script that is in no suite as `code`, and compares with `counts`.
#[must_use]
pub fn alone(code: Code, name: &str, text: &str, counts: Counts) -> Report {
    let key = ("own".to_owned(), name.to_owned());
    Report::new(
        code.name(),
        vec![script_on_host(code, key.clone(), text, Standard::V3)],
        &std::iter::once((key, counts)).collect(),
    )
}

/// Carries out the plans of a folder on `engine`; gives the report and what became of `nonce`.
///
/// # Errors
/// The file system's.
pub fn run_plans<E: run::Engine>(
    engine: &mut E,
    name: &'static str,
    dir: &Path,
    nonce: u64,
) -> io::Result<(Report, u64)> {
    let mut chain = Chain::new(nonce);
    let mut scripts = Vec::new();
    for file in emit::plans(dir)? {
        let begun = Instant::now();
        let (key, plan) = emit::read(&file)?;
        let statuses = run::run(engine, &plan, &mut chain);
        scripts.push(Script::new(key, &plan.cases, statuses, begun.elapsed()));
    }
    Ok((Report::new(name, scripts, &expected()), chain.value()))
}
