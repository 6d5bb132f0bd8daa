//! The case that most tampering starts from, and how a report is judged.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests; every test file uses a part of it"
)]

use std::convert::Infallible;

use gatehold_audit::{Code, Finding, LedgerLeaf, References, Report, Trusted, verify_ledger};
use gatehold_core::request::state::Event as Step;
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;

use crate::gate::{Gate, Who, head_of, requirement};

pub const UPDATE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// A held write that two people approved and that was executed, with its leaves.
pub struct Held {
    pub gate: Gate,
    pub submission: usize,
    pub reviews: [usize; 2],
    pub execution: usize,
}

pub fn held() -> Held {
    held_at(Tier::Amber)
}

pub fn held_at(tier: Tier) -> Held {
    let mut gate = Gate::founded();
    let task = gate.task();
    let submission = gate.leaves.len();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(2)), tier);
    let now = gate.answer(Verdict::Hold(requirement(2)), tier);
    let first = at(gate.review(id, Who::Bob, Approve, &now));
    let second = at(gate.review(id, Who::Cid, Approve, &now));
    let execution = at(gate.redeem(id, &now));
    gate.report(id, Step::Completed);
    Held {
        gate,
        submission,
        reviews: [first, second],
        execution,
    }
}

pub fn at(leaf: u64) -> usize {
    usize::try_from(leaf).unwrap()
}

pub fn verify(leaves: &[LedgerLeaf], references: &References, trusted: &Trusted) -> Report {
    verify_ledger(
        leaves.iter().cloned().map(Ok::<_, Infallible>),
        references,
        trusted,
    )
    .unwrap()
}

/// The ledger as the forger signs it anew. A root pinned by the auditor is all that is left to trust.
pub fn verify_resigned(leaves: &[LedgerLeaf], gate: &Gate) -> Report {
    let references = References {
        tree_heads: vec![head_of(leaves).to_string()],
        ..References::default()
    };
    verify(leaves, &references, &gate.trusted())
}

pub fn first(report: &Report) -> Finding {
    report
        .first()
        .unwrap_or_else(|| panic!("nothing was noticed:\n{report}"))
        .clone()
}

pub fn assert_first(report: &Report, leaf: usize, code: Code) {
    let first = first(report);
    assert_eq!(
        (first.leaf, first.last, first.code),
        (Some(leaf as u64), None, code),
        "{report}"
    );
}
