//! The processes of a run: a module that kills one, or never ends in one, is found too.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use wasmkc_differential::{Found, Tally, case};

use crate::{Args, worker};

/// A module that takes longer hangs; making one smaller takes less.
const HANGS: Duration = Duration::from_secs(180);
/// So many differences are one bug, and more of them help nobody.
const ENOUGH: usize = 50;
/// How often a line says how far it is.
const SAID: Duration = Duration::from_secs(60);

/// What a process says.
enum Said {
    Line(String),
    Gone,
}

struct Worker {
    child: Child,
    /// What it is at, since when.
    seed: Option<u64>,
    since: Instant,
    /// Whether it has said that this one differs.
    differs: bool,
}

struct Run<'a> {
    args: &'a Args,
    begun: Instant,
    tally: Tally,
    workers: Vec<Option<Worker>>,
    said: Sender<(usize, Said)>,
}

/// Runs for as long as `args` say.
///
/// # Errors
/// A process cannot be started.
pub fn run(args: &Args) -> io::Result<Tally> {
    let (said, heard) = mpsc::channel();
    let mut run = Run { args, begun: Instant::now(), tally: Tally::default(), workers: Vec::new(), said };
    for n in 0..args.jobs {
        run.workers.push(None);
        run.start(n as usize, args.seed.wrapping_add(n))?;
    }
    let mut reported = Instant::now();
    while run.workers.iter().any(Option::is_some) {
        match heard.recv_timeout(Duration::from_secs(1)) {
            Ok((n, Said::Line(line))) => run.line(n, &line),
            Ok((n, Said::Gone)) => run.gone(n)?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        run.kill_what_hangs();
        let enough = if args.first { 1 } else { ENOUGH };
        if run.tally.differences.len() >= enough {
            run.end(args.first);
        }
        if reported.elapsed() > SAID {
            reported = Instant::now();
            let (modules, found) = (run.tally.modules, run.tally.differences.len());
            eprintln!("{modules} modules, {found} differences, {} s", run.begun.elapsed().as_secs());
        }
    }
    run.tally.finish(run.begun.elapsed().as_secs_f64());
    Ok(run.tally)
}

impl Run<'_> {
    /// Seconds that are left.
    fn left(&self) -> u64 {
        self.args.seconds.saturating_sub(self.begun.elapsed().as_secs())
    }

    fn start(&mut self, n: usize, seed: u64) -> io::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--seed", &seed.to_string(), "--every", &self.args.jobs.to_string()]);
        command.args(["--seconds", &self.left().to_string(), "--shrink", &self.args.shrink.to_string()]);
        command.arg("--out").arg(&self.args.out);
        if self.args.first {
            command.arg("--first");
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let said = self.said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // nobody listens any more at the end of a run
                let _ = said.send((n, Said::Line(line)));
            }
            let _ = said.send((n, Said::Gone));
        });
        self.workers[n] = Some(Worker { child, seed: None, since: Instant::now(), differs: false });
        Ok(())
    }

    fn line(&mut self, n: usize, line: &str) {
        let after = self.begun.elapsed().as_secs();
        match line.split_once(' ') {
            Some(("begin", seed)) => {
                if let Some(worker) = &mut self.workers[n] {
                    (worker.seed, worker.since, worker.differs) = (seed.parse().ok(), Instant::now(), false);
                }
            }
            Some(("found", json)) => {
                if let Some(worker) = &mut self.workers[n] {
                    worker.differs = true;
                }
                if let Ok(found) = serde_json::from_str::<Found>(json) {
                    eprintln!("seed {}: {} ({})", found.seed, found.what, found.file);
                    self.tally.differences.push(Found { after, ..found });
                }
            }
            Some(("tally", json)) => {
                if let Ok(tally) = serde_json::from_str(json) {
                    self.tally.merge(tally);
                }
            }
            _ => eprintln!("{line}"),
        }
    }

    /// The process has ended: because its time is over, or of the module that it was at.
    fn gone(&mut self, n: usize) -> io::Result<()> {
        let Some(mut worker) = self.workers[n].take() else { return Ok(()) };
        let status = worker.child.wait()?;
        if status.success() {
            return Ok(());
        }
        let Some(seed) = worker.seed else { return Err(io::Error::other(format!("a process ends with {status}"))) };
        if !worker.differs {
            let file = case(seed).map_or_else(String::new, |case| worker::kept(&case, &self.args.out));
            let what = format!("the process that runs it ends with {status}");
            eprintln!("seed {seed}: {what} ({file})");
            self.tally.differences.push(Found { seed, what, after: self.begun.elapsed().as_secs(), file });
            self.tally.modules += 1;
        }
        if self.left() > 0 && !self.args.first {
            self.start(n, seed.wrapping_add(self.args.jobs))?;
        }
        Ok(())
    }

    fn kill_what_hangs(&mut self) {
        for worker in self.workers.iter_mut().flatten().filter(|worker| worker.since.elapsed() > HANGS) {
            // it ends as one that crashes does
            let _ = worker.child.kill();
            worker.since = Instant::now();
        }
    }

    /// Ends the processes; if `counted`, those that have found something end by themselves, and say their counts.
    fn end(&mut self, counted: bool) {
        for place in &mut self.workers {
            if let Some(mut worker) = place.take_if(|worker| !(counted && worker.differs)) {
                let _ = worker.child.kill();
                let _ = worker.child.wait();
            }
        }
    }
}
