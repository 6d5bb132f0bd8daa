//! Threat D9: links of the chain of trust cannot be dropped, put in or changed, even with the log's key.

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
use gatehold_audit::Code;
use gatehold_core::entry::Event;
use gatehold_core::review::ReviewAct::Approve;
use gatehold_core::tier::Tier;
use gatehold_core::trust::Evidence;
use gatehold_core::verdict::Verdict;

#[test]
fn links_cannot_be_dropped_put_in_or_changed() {
    let mut gate = Gate::founded();
    let enrolment = at(gate.enrol(Who::Dan));
    let team = at(gate.set_team(&[Who::Bob, Who::Cid, Who::Dan]));
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Dan, Approve, &now);
    assert!(verify_resigned(&gate.leaves, &gate).is_sound());

    // Dropped, with its whole request: the next link counts one too many.
    let mut leaves = gate.leaves.clone();
    leaves.drain(enrolment - 3..=enrolment);
    renumber(&mut leaves);
    let report = verify_resigned(&leaves, &gate);
    assert_first(&report, enrolment - 3, Code::Directory);

    // Put in: a team set once more, from evidence that has been used.
    let mut leaves = gate.leaves.clone();
    leaves.push(gate.leaves[team].clone());
    renumber(&mut leaves);
    let report = verify_resigned(&leaves, &gate);
    assert_first(&report, gate.leaves.len(), Code::Order);

    // Changed: a weaker assurance, another member, a key of somebody else.
    for (from, to) in [("dan@corp", "eve@corp"), ("\"uses\":1", "\"uses\":9")] {
        let mut leaves = gate.leaves.clone();
        let evidence = leaves[enrolment].attachment("evidence").unwrap().to_vec();
        let forged = String::from_utf8(evidence).unwrap().replace(from, to);
        let Ok(forged) = Evidence::from_bytes(forged.as_bytes()) else {
            panic!("the forged evidence still reads");
        };
        replace(
            &mut leaves[enrolment],
            "evidence",
            forged.to_bytes().unwrap(),
        );
        rewrite(&mut leaves[enrolment], |entry| {
            if let Event::Trust { evidence, .. } = &mut entry.event {
                *evidence = forged.hash().unwrap();
            }
        });
        assert_first(&verify_resigned(&leaves, &gate), enrolment, Code::Chain);
    }
}

#[test]
fn a_link_of_nobody_gives_no_force_and_is_named() {
    let mut gate = Gate::founded();
    let (id, submit) = gate.ask_change(
        "team.set",
        br#"{"members":["bob@corp.example"],"team":"reviewers"}"#,
    );
    // The row is edited into an approved change, and the leaf written by hand.
    let (mut record, _) = gate.request(id);
    record.state = gatehold_core::request::State::Redeemable;
    let executed = gatehold_core::trust::Executed::new(
        record,
        br#"{"members":["bob@corp.example"],"team":"reviewers"}"#,
        submit,
    );
    let evidence = Evidence::Executed(Box::new(executed));
    let mut forged = gate.leaves[gate.leaves.len() - 2].clone();
    let before = gate
        .leaves
        .iter()
        .rposition(|leaf| leaf.attachment("evidence").is_some());
    forged.clone_from(&gate.leaves[before.unwrap()]);
    replace(&mut forged, "evidence", evidence.to_bytes().unwrap());
    rewrite(&mut forged, |entry| {
        entry.request = Some(id);
        entry.version = 2;
        entry.from = Some(gatehold_core::request::State::Held);
        entry.event = Event::Trust {
            directory: 3,
            what: "team.set".to_owned(),
            evidence: evidence.hash().unwrap(),
            trace: None,
        };
    });
    let place = gate.leaves.len();
    gate.leaves.push(forged);
    renumber(&mut gate.leaves);
    assert_first(
        &verify_resigned(&gate.leaves, &gate),
        place,
        Code::Transition,
    );
}
