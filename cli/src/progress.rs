//! How far a long build is: a bar on the standard error, where that is a terminal.
//!
//! Nothing is shown of a build that is done before a reader has seen that it takes time, nor to a program: with
//! `--json`, or where the standard error is a pipe or a file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmkc_compiler::{Progress, Stage};

/// How long nothing is shown.
const QUIET: Duration = Duration::from_millis(300);
/// How fine the bar is.
const STEPS: u64 = 1000;
/// How much of a build is compiling; the rest is the audit.
const COMPILING: u64 = 850;

/// The bar of one build. It is gone when this is.
pub struct Bar {
    bar: ProgressBar,
    begun: Instant,
    /// Threads tell what they have done in any order.
    most: AtomicU64,
}

impl Bar {
    /// None of it is there yet.
    pub fn new(json: bool) -> Self {
        // What is no terminal gets nothing of this target.
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Self::on(target, Instant::now())
    }

    fn on(target: ProgressDrawTarget, begun: Instant) -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:30} {percent}% {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, begun, most: AtomicU64::new(0) }
    }

    /// Shows what is done.
    pub fn tell(&self, progress: Progress) {
        if self.begun.elapsed() < QUIET {
            return;
        }
        let at = position(progress);
        if self.most.fetch_max(at, Ordering::Relaxed) < at {
            self.bar.set_message(match progress.stage {
                Stage::Compile => "compiling",
                Stage::Audit => "judging the code",
            });
            self.bar.set_position(at);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn position(progress: Progress) -> u64 {
    let part = |of: u64| of * progress.done as u64 / progress.all.max(1) as u64;
    match progress.stage {
        Stage::Compile => part(COMPILING),
        Stage::Audit => COMPILING + part(STEPS - COMPILING),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::InMemoryTerm;

    /// What stands on a terminal when all of `told` was told by a build that began so long ago.
    fn shown(ago: Duration, told: &[(Stage, usize)]) -> String {
        let term = InMemoryTerm::new(10, 80);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        let bar = Bar::on(target, Instant::now().checked_sub(ago).expect("the machine runs for longer"));
        told.iter().for_each(|(stage, done)| bar.tell(Progress { stage: *stage, done: *done, all: 200 }));
        bar.bar.force_draw();
        let text = term.contents();
        drop(bar);
        assert_eq!(term.contents(), "", "it goes with the build");
        text
    }

    #[test]
    fn a_long_build_shows_how_far_it_is() {
        let text = shown(Duration::from_secs(1), &[(Stage::Compile, 100)]);
        assert!(text.contains("42% compiling"), "{text}");
        let text = shown(Duration::from_secs(1), &[(Stage::Compile, 200), (Stage::Audit, 200)]);
        assert!(text.contains("100% judging the code"), "{text}");
    }

    #[test]
    fn it_never_goes_back() {
        let text = shown(Duration::from_secs(1), &[(Stage::Compile, 100), (Stage::Compile, 50)]);
        assert!(text.contains("42% compiling"), "{text}");
    }

    #[test]
    fn a_short_build_shows_nothing() {
        let bar = Bar::new(false);
        bar.tell(Progress { stage: Stage::Compile, done: 1, all: 2 });
        assert_eq!(bar.bar.position(), 0);
    }
}
