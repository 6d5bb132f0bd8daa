//! Ledgers made by real decisions with real signatures verify; tampered ones do not, and the leaf is named.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod gate;

use std::convert::Infallible;

use gate::{Gate, Who, requirement};
use gatehold_audit::{LedgerLeaf, References, Report, verify_ledger};
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::request::state::Event as Step;
use gatehold_core::review::ReviewAct::{Approve, Deny};
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;

const UPDATE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

/// A bit of everything that can happen to a request.
fn eventful() -> Gate {
    let mut gate = Gate::founded();
    let task = gate.task();
    let allow = gate.answer(Verdict::Allow, Tier::Green);
    let read = gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    gate.redeem(read, &allow);
    gate.report(read, Step::Completed);

    let hold = |gate: &Gate, seats| gate.answer(Verdict::Hold(requirement(seats)), Tier::Amber);
    let write = gate.submit(task, UPDATE, Verdict::Hold(requirement(2)), Tier::Amber);
    gate.act(
        write,
        ActBy::Human(Who::Bob.id()),
        ActKind::Ask,
        "why seven?",
    );
    let key = gate.workload_key();
    let nonce = "an answer".to_owned().into();
    let by = ActBy::Requester { key, nonce };
    gate.act(write, by, ActKind::Answer, "it is stuck");
    let now = hold(&gate, 2);
    gate.review(write, Who::Bob, Approve, &now);
    gate.review(write, Who::Cid, Approve, &now);
    gate.redeem(write, &now);
    gate.report(write, Step::Completed);

    let refused = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = hold(&gate, 1);
    gate.review(refused, Who::Bob, Deny, &now);
    gate.submit(task, "DROP TABLE orders", Verdict::Deny, Tier::Red);

    // Policy asks for more once the first has signed: held again, all reviews void, then decided anew.
    let reheld = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = hold(&gate, 1);
    gate.review(reheld, Who::Bob, Approve, &now);
    let more = hold(&gate, 2);
    gate.redeem(reheld, &more);
    gate.review(reheld, Who::Bob, Approve, &more);
    gate.review(reheld, Who::Cid, Approve, &more);
    gate.revoke(reheld, Who::Ann);

    // Its tier rises while it is held: what was approved was something smaller.
    let risen = gate.submit(task, UPDATE, Verdict::Hold(requirement(2)), Tier::Amber);
    gate.review(risen, Who::Bob, Approve, &more);
    let red = gate.answer(Verdict::Hold(requirement(2)), Tier::Red);
    gate.review(risen, Who::Cid, Approve, &red);
    gate.review(risen, Who::Bob, Approve, &red);
    gate.review(risen, Who::Cid, Approve, &red);
    gate.redeem(risen, &red);
    gate.report(risen, Step::Completed);

    gate.enrol(Who::Dan);
    gate.set_team(&[Who::Bob, Who::Cid, Who::Dan]);
    let late = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = hold(&gate, 1);
    gate.review(late, Who::Dan, Approve, &now);
    gate.redeem(late, &now);
    gate.report(late, Step::Lost);
    gate.revoke_key(Who::Dan);
    gate.stop(Who::Bob);
    let forgotten = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    gate.expire(forgotten);
    gate
}

fn verify(leaves: &[LedgerLeaf], references: &References, gate: &Gate) -> Report {
    let leaves = leaves.iter().cloned().map(Ok::<_, Infallible>);
    verify_ledger(leaves, references, &gate.trusted()).unwrap()
}

#[test]
fn a_ledger_of_everything_verifies() {
    let gate = eventful();
    let report = verify(&gate.leaves, &gate.references(), &gate);
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.gaps, []);
    assert_eq!(report.counts.executed, 6, "{report}");
    assert_eq!((report.counts.denied, report.counts.expired), (2, 1));
    assert_eq!(report.covered, gate.leaves.len() as u64);
}

#[test]
fn a_lost_quorum_verifies_and_is_said_aloud() {
    let mut gate = Gate::founded();
    let leaf = gate.recover(Who::Dan);
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Dan, Approve, &now);
    let report = verify(&gate.leaves, &gate.references(), &gate);
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.quorum_lost, [leaf]);
    let said = report.to_string();
    assert!(
        said.contains(&format!("QUORUM LOST at leaf {leaf}")),
        "{said}"
    );
    // Taken away, the chain after it no longer fits.
    let mut without = gate.leaves.clone();
    let at = usize::try_from(leaf).unwrap();
    without[at].attachments.clear();
    assert!(!verify(&without, &gate.references(), &gate).is_sound());
}
