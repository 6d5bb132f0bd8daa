//! How long a gate takes to start over a ledger that has grown: it reads every leaf before it answers.

use std::path::Path;
use std::time::Duration;

use gatehold_scenarios::{Outcome, Trouble};

use crate::gate::BenchGate;
use crate::load;

/// Policies of its bundle.
const POLICIES: usize = 10;
/// At how many decisions it is stopped and started.
const MARKS: [usize; 2] = [20_000, 200_000];
/// Decisions made at a time: fewer than a signature's minute has room for.
const PART: usize = 10_000;

/// One start.
pub struct Started {
    /// Decisions in the ledger, each a leaf.
    pub decisions: usize,
    /// From the start of the process until it says that it is ready.
    pub ready_after: Duration,
    /// Resident memory then, KiB.
    pub resident_kib: Option<u64>,
}

/// Kills and starts a gate at each mark.
///
/// # Errors
/// When a call is not allowed, or the gate does not start again.
pub async fn over_grown_ledger(gatehold: &Path, pack: &Path) -> Outcome<Vec<Started>> {
    let mut gate = BenchGate::start(gatehold, pack, POLICIES).await?;
    let mut decisions = 0;
    let mut all = Vec::new();
    for mark in MARKS {
        while decisions < mark {
            if !gate.decide_many(PART).await? {
                return Err(Trouble(format!(
                    "{PART} decisions took longer than their signatures are good"
                )));
            }
            decisions += PART;
        }
        gate.process.kill().await?;
        let begun = load::now();
        gate.process.start_again().await?;
        all.push(Started {
            decisions,
            ready_after: load::now().duration_since(begun),
            resident_kib: gate.resident_kib(),
        });
    }
    gate.stop().await?;
    Ok(all)
}
