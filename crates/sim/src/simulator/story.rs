//! A run told by hand: the people, processes and store of the simulator, and a test that says what happens next. The
//! oracle watches every write, so a story ends where an invariant breaks.
//!
//! A story can stop between reading and deciding, and between deciding and writing, which is where most bugs live.

pub mod delegations;
mod humans;
mod leases;
mod stands;
mod suspensions;
mod workloads;

use gatehold_core::commit::{Conflict, Receipt, Write};
use gatehold_core::decide::{Command, Release, Sealed};
use gatehold_core::ids::WorkloadId;
use gatehold_core::request::RequestRecord;

use super::process::{Loaded, Stopped};
use super::seed::Seed;
use super::work::{Decided, Intent};
use super::{Run, Simulator};

/// A gate with three workloads and five humans, and nothing in flight.
pub struct Story(Simulator);

/// What was asked, with everything that was read for it; nothing is decided.
pub struct InHand {
    /// Asked of which process.
    pub process: usize,
    /// What was asked.
    pub intent: Intent,
    /// What was read.
    pub loaded: Loaded,
}

/// What became durable, and what it let out.
pub struct Told {
    /// The write.
    pub write: Write,
    /// Its receipt.
    pub receipt: Receipt,
    /// What left; the revocation of a key lets out nothing.
    pub release: Option<Release>,
}

/// Why nothing happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum No {
    /// Refused, in the words that the caller is told.
    Refused(String),
    /// The store did not take it.
    Conflict(Conflict),
}

impl Story {
    /// A development gate: software keys count.
    #[must_use]
    pub fn dev() -> Self {
        Self::of(true, true)
    }

    /// A production gate: ann attested, bob and cem verified, dia present, eve with a plain key.
    #[must_use]
    pub fn production() -> Self {
        Self::of(false, true)
    }

    /// A gate whose processes believe rows: what core holds by itself.
    #[must_use]
    pub fn believing_rows(dev: bool) -> Self {
        Self::of(dev, false)
    }

    fn of(dev: bool, checks_rows: bool) -> Self {
        let run = Run { seed: 1, steps: 0 };
        let mut simulator = Simulator::founded(run, Seed::new(1), dev, checks_rows);
        simulator.quiet = true;
        Self(simulator)
    }

    /// Asks the first process, and lets it come to its end.
    ///
    /// # Errors
    /// [`No`].
    pub fn tell(&mut self, intent: Intent) -> Result<Told, No> {
        self.tell_to(0, intent)
    }

    /// Asks a process.
    ///
    /// # Errors
    /// [`No`].
    pub fn tell_to(&mut self, process: usize, intent: Intent) -> Result<Told, No> {
        let in_hand = self.load(process, intent)?;
        let decided = self.decide(&in_hand)?;
        self.commit(&in_hand.intent, decided)
    }

    /// Reads everything that a decision needs, and stops.
    ///
    /// # Errors
    /// [`No`].
    pub fn load(&mut self, process: usize, intent: Intent) -> Result<InHand, No> {
        let sim = &mut self.0;
        let serving = sim.processes.get_mut(process).expect("there are two");
        let read = serving.read(&sim.shelf, &intent).map_err(refused)?;
        let loaded = serving
            .load(&sim.shelf, &sim.bundles, &intent, read)
            .map_err(refused)?;
        Ok(InHand {
            process,
            intent,
            loaded,
        })
    }

    /// Asks core, and stops. Nothing has happened.
    ///
    /// # Errors
    /// [`No::Refused`].
    pub fn decide(&mut self, in_hand: &InHand) -> Result<Decided, No> {
        self.decide_changed(in_hand, |_| {})
    }

    /// Asks core for something else than what was asked: what a broken surface would do.
    ///
    /// # Errors
    /// [`No::Refused`].
    pub fn decide_changed(
        &mut self,
        in_hand: &InHand,
        change: impl FnOnce(&mut Command),
    ) -> Result<Decided, No> {
        let sim = &mut self.0;
        let fresh = Simulator::fresh(&mut sim.seed);
        let serving = sim.processes.get(in_hand.process).expect("there are two");
        let (write, sealed) = serving
            .decide_changed(
                &sim.shelf,
                &in_hand.intent,
                &in_hand.loaded,
                &fresh,
                &sim.settings,
                change,
            )
            .map_err(refused)?;
        Ok(Decided { write, sealed })
    }

    /// Writes what was decided, and opens the seal with its receipt.
    ///
    /// # Errors
    /// [`No::Conflict`].
    ///
    /// # Panics
    /// When an invariant breaks.
    pub fn commit(&mut self, intent: &Intent, decided: Decided) -> Result<Told, No> {
        let sim = &mut self.0;
        let receipt = sim.shelf.commit(&decided.write).map_err(No::Conflict)?;
        let leaf = decided.write.leaf.bytes();
        sim.oracle
            .committed(intent, &decided.write, &receipt, &sim.bundles, &sim.shelf)
            .expect("no invariant breaks");
        let open = |sealed: Sealed| sealed.open(&receipt).expect("its own receipt");
        let release = decided.sealed.map(open);
        if let Some(release) = &release {
            sim.oracle
                .released(release, &leaf, &sim.shelf)
                .expect("no invariant breaks");
        }
        if let Some(Release::Approved(approved, _)) = &release {
            sim.oracle.executed(approved).expect("no invariant breaks");
        }
        Ok(Told {
            write: decided.write,
            receipt,
            release,
        })
    }

    /// Time passes at the store; a process may see it otherwise.
    pub const fn pass(&mut self, seconds: i64) {
        self.0.shelf.step_clock(seconds.saturating_mul(1_000));
    }

    /// A process's clock is off by so many seconds.
    pub fn skew(&mut self, process: usize, seconds: i64) {
        let serving = self.0.processes.get_mut(process).expect("there are two");
        serving.skew = seconds.saturating_mul(1_000);
    }
}

impl Told {
    /// The request as it then stood.
    ///
    /// # Panics
    /// When it was about something else.
    #[must_use]
    pub fn record(&self) -> &RequestRecord {
        match &self.release {
            Some(Release::Request(record) | Release::Approved(_, record)) => record,
            _ => unreachable_answer(None),
        }
    }

    /// Whether something may be executed now.
    #[must_use]
    pub const fn is_let_out(&self) -> bool {
        matches!(self.release, Some(Release::Approved(..)))
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {}", self.release, self.receipt.index)
    }
}

/// The id of a workload.
///
/// # Panics
/// When it is not a name.
#[must_use]
pub fn id_of(workload: &str) -> WorkloadId {
    workload.parse().expect("a plain name")
}

fn refused(stopped: Stopped) -> No {
    No::Refused(stopped.0)
}

#[expect(clippy::panic, reason = "the story cannot be told as it was meant")]
fn unreachable_answer<T>(no: Option<No>) -> T {
    panic!("this answer was not to be expected: {no:?}")
}
