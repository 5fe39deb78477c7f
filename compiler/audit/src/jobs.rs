//! How many threads share a piece of work, and how they do.
//!
//! Each takes the next item as soon as it is done with its last one, so no more items are in memory than there are
//! threads. What comes of an item depends on the item alone, and whoever collects the results knows their order: they
//! are the same for any number of threads.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::thread::{self, Builder};

/// Stack of a thread: as much as a process begins with, so that nothing depends on where it runs.
const STACK: usize = 8 << 20;

/// The most threads that work at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs(NonZeroUsize);

impl Jobs {
    /// The caller's thread alone.
    pub const ONE: Self = Self(NonZeroUsize::MIN);

    /// So many.
    #[must_use]
    pub const fn new(count: NonZeroUsize) -> Self {
        Self(count)
    }

    /// As many as there are processors for this process.
    #[must_use]
    pub fn available() -> Self {
        thread::available_parallelism().map_or(Self::ONE, Self)
    }

    /// No more than there is `work` for, where a thread's beginning and end are worth `each` of it.
    #[must_use]
    pub fn at_most(self, work: usize, each: usize) -> Self {
        NonZeroUsize::new(work / each.max(1)).map_or(Self::ONE, |most| Self(self.0.min(most)))
    }

    /// Does `work` on all that `next` gives, in its order. Each thread has a `state` of its own.
    pub fn each<T: Send, S>(
        self,
        mut next: impl FnMut() -> Option<T> + Send,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, T) + Sync,
    ) {
        if self == Self::ONE {
            let mut state = state();
            while let Some(item) = next() {
                work(&mut state, item);
            }
            return;
        }
        let next = Mutex::new(next);
        let thread = || {
            let mut state = state();
            // Where another has panicked there is nothing more to do: its panic goes on below.
            while let Some(item) = next.lock().ok().and_then(|mut next| next()) {
                work(&mut state, item);
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.0.get() {
                // Where there can be no further thread those that are there do all.
                let _ = Builder::new().stack_size(STACK).spawn_scoped(scope, thread);
            }
            thread();
        });
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self::ONE
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_item_is_worked_on_once_however_many_threads_there_are() {
        for count in [1, 2, 8] {
            let jobs = Jobs::new(NonZeroUsize::new(count).expect("not zero"));
            let (mut items, done) = (0..1000, Mutex::new(Vec::new()));
            jobs.each(|| items.next(), || (), |(), item| done.lock().expect("no panic").push(item));
            let mut done = done.into_inner().expect("no panic");
            done.sort_unstable();
            assert_eq!(done, (0..1000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_more_items_are_at_work_than_there_are_threads() {
        let (working, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut items = 0..1000;
        let work = |(): &mut (), _| {
            most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            working.fetch_sub(1, Ordering::SeqCst);
        };
        Jobs::new(NonZeroUsize::new(4).expect("not zero")).each(|| items.next(), || (), work);
        assert!((1..=4).contains(&most.into_inner()));
    }

    #[test]
    fn there_are_no_more_threads_than_work() {
        let eight = Jobs::new(NonZeroUsize::new(8).expect("not zero"));
        for (work, threads) in [(0, 1), (99, 1), (250, 2), (10_000, 8)] {
            assert_eq!(eight.at_most(work, 100).0.get(), threads);
        }
    }

    #[test]
    fn a_panic_in_one_thread_ends_all() {
        let mut items = 0..1000;
        let all = || {
            let two = Jobs::new(NonZeroUsize::new(2).expect("not zero"));
            two.each(|| items.next(), || (), |(), item| assert_ne!(item, 7));
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(all)).is_err());
    }
}
