//! Deciding for somebody who is away, read back by whoever has nothing but the ledger: a delegation that was changed, forged, dropped or
//! over is found, also by a log that signs whatever it likes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod cases;
mod forge;
mod gate;

use cases::{UPDATE, assert_first, at, verify_resigned};
use forge::{renumber, replace, rewrite};
use gate::{Gate, Who, requirement};
use gatehold_audit::{Code, LedgerLeaf};
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::entry::Event;
use gatehold_core::ids::RequestId;
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::tier::Tier;
use gatehold_core::trust::{Evidence, SignedDelegation};
use gatehold_core::verdict::Verdict;

/// Bob is away for a minute and lets dan decide, who does.
fn decided() -> (Gate, usize, usize, RequestId) {
    let mut gate = Gate::founded();
    gate.enrol(Who::Dan);
    let link = at(gate.delegate(Who::Bob, Who::Dan, |_| {}));
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    let review = at(gate.review(id, Who::Dan, Approve, &now));
    gate.redeem(id, &now);
    (gate, link, review, id)
}

/// Puts another statement or signature into the link, as a log could that signs whatever it likes.
fn forged(gate: &Gate, link: usize, change: impl FnOnce(&mut SignedDelegation)) -> Vec<LedgerLeaf> {
    let mut leaves = gate.leaves.clone();
    let evidence = Evidence::from_bytes(leaves[link].attachment("evidence").unwrap()).unwrap();
    let Evidence::Delegation(mut delegation) = evidence else {
        panic!("the link is a delegation");
    };
    change(&mut delegation);
    let forged = Evidence::Delegation(delegation);
    replace(&mut leaves[link], "evidence", forged.to_bytes().unwrap());
    rewrite(&mut leaves[link], |entry| {
        if let Event::Trust { evidence, .. } = &mut entry.event {
            *evidence = forged.hash().unwrap();
        }
    });
    leaves
}

#[test]
fn a_decision_for_somebody_who_is_away_verifies() {
    let (gate, ..) = decided();
    let report = verify_resigned(&gate.leaves, &gate);
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.gaps, []);
}

#[test]
fn a_delegation_that_was_changed_or_signed_by_another_is_found() {
    let (gate, link, ..) = decided();
    for (from, to) in [
        ("dan@corp", "cid@corp"),
        (
            "\"task\":null",
            "\"task\":\"tsk_00000000000000000000000000000000\"",
        ),
    ] {
        let leaves = forged(&gate, link, |delegation| {
            assert!(delegation.statement.contains(from));
            delegation.statement = delegation.statement.replace(from, to);
        });
        assert_first(&verify_resigned(&leaves, &gate), link, Code::Chain);
    }
    let leaves = forged(&gate, link, |delegation| {
        delegation.signature = gate::changing::delegation_signed(Who::Dan, &delegation.statement);
    });
    assert_first(&verify_resigned(&leaves, &gate), link, Code::Chain);
}

#[test]
fn a_delegation_that_was_dropped_or_recorded_at_another_time_is_found() {
    let (gate, link, ..) = decided();
    let mut leaves = gate.leaves.clone();
    leaves.remove(link);
    renumber(&mut leaves);
    let report = verify_resigned(&leaves, &gate);
    assert!(!report.is_sound(), "{report}");

    let mut leaves = gate.leaves.clone();
    rewrite(&mut leaves[link], |entry| {
        entry.at = entry.at.plus_seconds(7_200);
    });
    assert_first(&verify_resigned(&leaves, &gate), link, Code::Deadline);
}

#[test]
fn a_review_by_a_delegation_that_was_over_is_found() {
    let (gate, _, review, _) = decided();
    let mut leaves = gate.leaves.clone();
    rewrite(&mut leaves[review], |entry| {
        entry.at = entry.at.plus_seconds(120);
    });
    assert_first(&verify_resigned(&leaves, &gate), review, Code::Review);
}

#[test]
fn a_review_that_hides_for_whom_it_was_is_found() {
    let (gate, _, review, _) = decided();
    let mut leaves = gate.leaves.clone();
    rewrite(&mut leaves[review], |entry| {
        if let Event::Reviewed { delegations, .. } = &mut entry.event {
            delegations.clear();
        }
    });
    assert_first(&verify_resigned(&leaves, &gate), review, Code::Review);
}

#[test]
fn a_review_with_another_authority_than_was_signed_is_found() {
    let (gate, _, review, _) = decided();
    let authority = gate.leaves[review].attachment("authority").unwrap();
    let authority = String::from_utf8(authority.to_vec()).unwrap();
    let mut leaves = gate.leaves.clone();
    let wider = authority.replace("\"reviewers\"", "\"owners\",\"reviewers\"");
    assert_ne!(wider, authority);
    replace(&mut leaves[review], "authority", wider.into_bytes());
    assert_first(&verify_resigned(&leaves, &gate), review, Code::Review);
}

#[test]
fn an_authority_that_people_had_erased_is_a_gap_and_never_a_silent_yes() {
    let (mut gate, _, review, _) = decided();
    let by = gate.erase(review as u64, "authority");
    let report = verify_resigned(&gate.leaves, &gate);
    assert!(report.is_sound(), "{report}");
    let gap = format!(
        "`authority` was erased by leaf {by}: whether a delegation counted was not checked"
    );
    for text in [gap.as_str(), "could not be counted"] {
        let mut gaps = report.gaps.iter();
        assert!(gaps.any(|gap| gap.text.contains(text)), "{text}: {report}");
    }
}

#[test]
fn an_act_for_somebody_who_is_away_is_a_gap_where_nobody_knows_who_asked() {
    let mut gate = Gate::founded();
    gate.enrol(Who::Dan);
    gate.delegate(Who::Bob, Who::Dan, |_| {});
    let task = gate.task();
    let hold = Verdict::Hold(requirement(1));
    let id = gate.submit(task, UPDATE, hold, Tier::Amber);
    let submission = gate.leaves.len() - 1;
    let by = |who: Who| ActBy::Human(who.id());
    let given = at(gate.act(id, by(Who::Dan), ActKind::Ask, "why?"));
    gate.act(id, by(Who::Cid), ActKind::Ask, "why now?");
    let report = verify_resigned(&gate.leaves, &gate);
    assert!(report.is_sound() && report.gaps.is_empty(), "{report}");

    gate.erase(submission as u64, "request");
    let report = verify_resigned(&gate.leaves, &gate);
    assert!(report.is_sound(), "{report}");
    let unchecked = |gap: &&gatehold_audit::Gap| gap.text.contains("let somebody act");
    let unchecked: Vec<_> = report.gaps.iter().filter(unchecked).collect();
    assert_eq!(unchecked.len(), 1, "{report}");
    assert_eq!(unchecked[0].leaf, Some(given as u64));

    // Whom nobody gave anything has no seat, whoever asked.
    let mut leaves = gate.leaves.clone();
    rewrite(&mut leaves[given], |entry| {
        if let Event::Acted { human, .. } = &mut entry.event {
            *human = Some(Who::Ann.id());
        }
    });
    assert_first(&verify_resigned(&leaves, &gate), given, Code::Review);
}
