//! Many runs, as many at a time as there are processors. Each is decided by its own seed alone, so that how many run at
//! a time changes nothing but the time it takes: the smallest seed that fails is the one that is reported.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{panic, thread};

use super::{Outcome, Run, run};

/// Which runs.
#[derive(Debug, Clone, Copy)]
pub struct Sweep {
    /// The first seed.
    pub first: u64,
    /// How many, with the seeds that follow.
    pub runs: u64,
    /// Steps of each before its faults stop.
    pub steps: u32,
    /// How many at a time.
    pub jobs: NonZeroUsize,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Swept {
    /// Runs that ended well.
    pub runs: u64,
    /// Steps that those took.
    pub steps: u64,
    /// What they reached.
    pub reached: BTreeMap<&'static str, u64>,
    /// The smallest seed that ended in a violation, and how; nothing is known of a run that could not go on.
    pub failed: Option<(u64, Option<Outcome>)>,
}

impl Sweep {
    /// Runs them all, or all up to the first that fails; `ended` is told how many have ended whenever one has.
    #[must_use]
    pub fn all(self, ended: impl Fn(u64) + Sync) -> Swept {
        let end = self.first.saturating_add(self.runs);
        let next = AtomicU64::new(self.first);
        // Nobody needs to begin a seed beyond one that failed; what is below it is begun already.
        let until = AtomicU64::new(end);
        let swept = Mutex::new(Swept::default());
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::SeqCst);
                if seed >= until.load(Ordering::SeqCst) {
                    return;
                }
                let steps = self.steps;
                let outcome = panic::catch_unwind(|| run(Run { seed, steps })).ok();
                let mut swept = swept.lock().unwrap_or_else(PoisonError::into_inner);
                if !swept.add(seed, outcome) {
                    until.fetch_min(seed, Ordering::SeqCst);
                }
                ended(swept.runs);
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.get() {
                scope.spawn(work);
            }
        });
        swept.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Swept {
    /// Whether it ended well.
    fn add(&mut self, seed: u64, outcome: Option<Outcome>) -> bool {
        let outcome = match outcome {
            Some(outcome) if outcome.violation.is_none() => outcome,
            badly => {
                if self.failed.as_ref().is_none_or(|(other, _)| seed < *other) {
                    self.failed = Some((seed, badly));
                }
                return false;
            }
        };
        self.runs += 1;
        self.steps += u64::from(outcome.steps);
        for (what, times) in outcome.reached {
            *self.reached.entry(what).or_insert(0) += times;
        }
        true
    }
}

/// As many as there are processors.
#[must_use]
pub fn jobs() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
