//! The deterministic simulator: two gate processes, workloads, five humans, a target that hands
//! out credentials, one store, one clock, one seed.
//!
//! It runs the real core. What is modelled around it is the order of things: who asks what when, which process crashes
//! between which two stages, what the store reports, how wrong a clock is, and what somebody with database access does.
//! It must never help the gate to be right: whatever it knows better stands in the oracle alone.
#![expect(
    missing_docs,
    clippy::expect_used,
    reason = "development only; a run that cannot go on fails by panicking"
)]

mod advance;
mod again;
mod asks;
pub mod careless;
mod command;
mod decides;
mod delegate;
mod end;
pub mod folds;
mod forge;
mod found;
pub mod issuing;
pub mod journal;
pub mod leases;
pub mod oracle;
pub mod people;
pub mod process;
mod provider;
pub mod rules;
mod schedule;
pub mod seed;
pub mod shelf;
pub mod story;
pub mod sweep;
mod tamper;
pub mod target;
mod weather;
pub mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gatehold_core::commit::RowKey;
use gatehold_core::decide::Settings;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, Origin, RequestId, WorkloadId};
use gatehold_core::review::ReviewContext;

use careless::Careless;
use folds::Folds;
use oracle::{Oracle, Violation};
use people::Person;
use process::Process;
use rules::Rules;
use seed::Seed;
use shelf::Shelf;
use target::Target;
use weather::Weather;
use work::{Intent, Work};

pub use journal::{Journal, Mismatch, replay};

/// The most a process clock is wrong.
pub const SKEW_MILLIS_MAX: i64 = 300_000;
/// When every run begins.
const START_MILLIS: i64 = 1_800_000_000_000;

/// What one run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Decides everything.
    pub seed: u64,
    /// Steps before the faults stop.
    pub steps: u32,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was done, line by line.
    pub journal: Journal,
    /// Steps that were taken.
    pub steps: u32,
    /// What was counted along the way, to see that the runs reach everything.
    pub reached: BTreeMap<&'static str, u64>,
    /// The invariant that broke, if one did.
    pub violation: Option<Violation>,
}

/// Runs it to its end or to the first violation.
#[must_use]
pub fn run(run: Run) -> Outcome {
    told(Simulator::new(run), run.steps)
}

/// The same with processes that break a rule of leases: the oracle must say so.
#[must_use]
pub fn run_carelessly(run: Run, careless: Careless) -> Outcome {
    let mut simulator = Simulator::new(run);
    simulator.careless = Some(careless);
    told(simulator, run.steps)
}

fn told(mut simulator: Simulator, most: u32) -> Outcome {
    let mut steps = 0;
    let violation = loop {
        if steps == most {
            break simulator.settle().err();
        }
        steps += 1;
        if let Err(violation) = simulator.step() {
            break Some(violation);
        }
    };
    if let Some(violation) = &violation {
        simulator.journal.line(format!("VIOLATION {violation}"));
    }
    Outcome {
        journal: simulator.journal,
        steps,
        reached: simulator.reached,
        violation,
    }
}

/// A software identity of a run.
struct Agent {
    id: WorkloadId,
    key: Hash,
    jwk: String,
}

/// What a human has on the screen.
#[derive(Debug, Clone)]
pub struct OnScreen {
    /// Whose screen.
    pub human: HumanId,
    /// The key they would sign with.
    pub key: Hash,
    /// What would be signed.
    pub context: ReviewContext,
    /// What is to be answered.
    pub criteria: Vec<String>,
    /// What is asked about the action itself where it is red, and what stands there.
    pub fact: (String, String),
    /// Why they approve, in their words.
    pub because: String,
}

struct Simulator {
    seed: Seed,
    origin: Origin,
    pinned: Hash,
    shelf: Shelf,
    processes: Vec<Process>,
    /// What processes know of the key chain, however often they are started.
    folds: Folds,
    people: Vec<Person>,
    agents: Vec<Agent>,
    work: Vec<Work>,
    /// What was sent lately, for whoever listens and sends it again.
    overheard: VecDeque<Intent>,
    on_screen: VecDeque<OnScreen>,
    bundles: BTreeMap<Hash, Rules>,
    oracle: Oracle,
    settings: Settings,
    journal: Journal,
    /// Rows that somebody edited and nobody has repaired.
    edited: BTreeSet<RowKey>,
    /// Whether processes compare rows with leaves; if not, core alone must hold what it can.
    checks_rows: bool,
    /// Who hands out credentials.
    target: Target,
    /// The rule that processes break on purpose.
    careless: Option<Careless>,
    /// How rough it is.
    weather: Weather,
    /// Faults have stopped.
    quiet: bool,
    next_work: u64,
    reached: BTreeMap<&'static str, u64>,
}

impl Simulator {
    fn reach(&mut self, what: &'static str) {
        *self.reached.entry(what).or_insert(0) += 1;
    }

    fn some_request(&mut self, want: impl Fn(&oracle::Request) -> bool) -> Option<RequestId> {
        let ids: Vec<RequestId> = self
            .oracle
            .requests
            .values()
            .filter(|request| want(request))
            .map(|request| request.id)
            .collect();
        // Lately asked for is more likely: long ago decided is rarely interesting.
        let recent = ids.len().saturating_sub(8);
        let from = if self.seed.per_mille(850) {
            ids.get(recent..).unwrap_or_default()
        } else {
            &ids
        };
        self.seed.pick(from).copied()
    }
}
