//! Somebody who writes leaves past the gate, with rows and tree heads to match, takes away a stop or a pause. Nobody
//! approved it, and the leaf is named (threat D9).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: what fails is a finding"
)]

mod cases;
mod forge;
mod gate;

use cases::UPDATE;
use gate::{Gate, Who, requirement};
use gatehold_audit::{Code, Report, Verifier};
use gatehold_core::commit::{AttachmentDraft, LeafDraft, LeafKind, RowKey, Table};
use gatehold_core::decide::{ActBy, ActKind, Pause};
use gatehold_core::entry::{Entry, Event};
use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_core::signal::StoppedBy;
use gatehold_core::stops::Stops;
use gatehold_core::tier::Tier;
use gatehold_core::trust::Evidence;
use gatehold_core::verdict::Verdict;

fn report(gate: &Gate) -> Report {
    let (references, trusted) = (gate.references(), gate.trusted());
    let mut verifier = Verifier::new(&references, &trusted);
    for leaf in &gate.leaves {
        verifier.leaf(leaf);
    }
    for row in gate.row_claims() {
        verifier.row(row);
    }
    verifier.finish()
}

fn stops_key() -> RowKey {
    RowKey::new(Table::Stops, &"main")
}

fn pause_key() -> RowKey {
    RowKey::new(Table::Workload, &"deploy-bot")
}

fn lifted() -> Vec<u8> {
    let lifted = Stops {
        targets: ["sql:other".parse().unwrap()].into(),
        ..Stops::default()
    };
    canonical::to_bytes(&lifted).unwrap()
}

fn restrain(gate: &mut Gate) {
    gate.stop(Who::Bob);
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(2)), Tier::Amber);
    gate.act(id, ActBy::Human(Who::Bob.id()), ActKind::Suspicious, "odd");
}

/// A gate with something stopped and somebody paused, and the leaves of approvals that were used before.
fn restrained() -> (Gate, [usize; 2]) {
    let mut gate = cases::held().gate;
    restrain(&mut gate);
    let lift = gate.change("stop.lift", &lifted());
    let resume = gate.change("workload.resume", br#"{"workload":"deploy-bot"}"#);
    restrain(&mut gate);
    assert!(report(&gate).is_sound(), "{}", report(&gate));
    (gate, [cases::at(lift), cases::at(resume)])
}

/// Puts a row and the leaf that names it.
fn write_past(
    gate: &mut Gate,
    key: RowKey,
    kind: LeafKind,
    event: Event,
    attached: Option<(&'static str, Vec<u8>)>,
) {
    let body = if key.table == Table::Stops {
        canonical::to_bytes(&Stops::default()).unwrap()
    } else {
        canonical::to_bytes(&Pause { code: None }).unwrap()
    };
    let attachments: Vec<_> = attached
        .into_iter()
        .map(|(name, bytes)| AttachmentDraft {
            name,
            salt: [8; 32],
            bytes,
        })
        .collect();
    let entry = Entry {
        at: gate.time(),
        request: None,
        version: 0,
        from: None,
        to: None,
        row: None,
        rows: [(key.to_string(), Hash::of(&body))].into(),
        event,
        attachments: attachments
            .iter()
            .map(|draft| (draft.name.to_owned(), draft.commitment()))
            .collect(),
    };
    let version = gate.rows[&key].0;
    gate.rows.insert(key, (version + 1, body));
    gate.append(LeafDraft {
        kind,
        salt: [7; 32],
        record: entry.to_bytes().unwrap(),
        attachments,
    });
}

fn named(gate: &Gate, code: Code) {
    cases::assert_first(&report(gate), gate.leaves.len() - 1, code);
}

fn refused() -> Event {
    Event::Refused {
        principal: Hash::of(b"x"),
        code: "unknown_principal".to_owned(),
        count: 1,
    }
}

#[test]
fn d09_a_stop_leaf_that_stops_less_is_named() {
    let (mut gate, _) = restrained();
    let event = Event::Stops {
        by: StoppedBy::Human(Who::Bob.id()),
        added: Stops::default(),
        stops: Stops::default(),
    };
    let reason = Some(("reason", b"all clear".to_vec()));
    write_past(&mut gate, stops_key(), LeafKind::Stop, event, reason);
    named(&gate, Code::Stop);
}

#[test]
fn d09_a_pause_leaf_whose_row_goes_on_is_named() {
    let (mut gate, _) = restrained();
    let event = Event::Paused {
        workload: "deploy-bot".to_owned(),
        code: "suspicious".to_owned(),
    };
    write_past(&mut gate, pause_key(), LeafKind::Stop, event, None);
    named(&gate, Code::Stop);
}

#[test]
fn d09_a_leaf_about_something_else_that_puts_a_row_is_named() {
    for key in [stops_key(), pause_key()] {
        let (mut gate, _) = restrained();
        write_past(&mut gate, key, LeafKind::Refusal, refused(), None);
        named(&gate, Code::Stop);
    }
    // Nor may it put a row that stops more, or one of somebody else's.
    let mut gate = cases::held().gate;
    gate.stop(Who::Bob);
    gate.rows
        .insert(RowKey::new(Table::Grant, &"x"), (0, vec![]));
    write_past(
        &mut gate,
        RowKey::new(Table::Grant, &"x"),
        LeafKind::Refusal,
        refused(),
        None,
    );
    named(&gate, Code::Row);
}

#[test]
fn d09_a_leaf_that_brings_used_or_unmet_evidence_is_named() {
    for (at, key, what) in [
        (0, stops_key(), "stop.lift"),
        (1, pause_key(), "workload.resume"),
    ] {
        let (gate, used) = restrained();
        let given = &gate.leaves[used[at]].attachments;
        let given = given.iter().find(|given| given.name == "evidence").unwrap();
        let used = given.bytes.as_ref().unwrap().0.clone();
        let Evidence::Executed(mut executed) = Evidence::from_bytes(&used).unwrap() else {
            panic!("a change")
        };
        executed.record.reviews.pop();
        let unmet = Evidence::Executed(executed).to_bytes().unwrap();
        for evidence in [used, unmet] {
            let (mut gate, _) = restrained();
            let event = Event::Trust {
                directory: gate.directory().version,
                what: what.to_owned(),
                evidence: Evidence::from_bytes(&evidence).unwrap().hash().unwrap(),
                trace: None,
            };
            write_past(
                &mut gate,
                key.clone(),
                LeafKind::Outcome,
                event,
                Some(("evidence", evidence)),
            );
            let leaf = gate.leaves.len() as u64 - 1;
            let found = report(&gate);
            assert_eq!(found.first().unwrap().leaf, Some(leaf), "{found}");
        }
    }
}
