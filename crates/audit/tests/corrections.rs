//! Corrections: shown beside what they correct, changing nothing; one that nobody signed, or that names something else, is a finding.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: helpers outside test functions"
)]

mod cases;
mod forge;
mod gate;

use cases::{UPDATE, assert_first, at, first, held, verify_resigned};
use forge::{entry, replace, rewrite};
use gate::{Gate, Who, requirement};
use gatehold_audit::{Code, DossierCollector, DossierReport, Trusted, verify_dossier};
use gatehold_core::correction::{
    CORRECTION_TYPE, CORRECTIONS_OF_ONE_MAX, CorrectionStatement, CorrectionText,
    CorrectionsBefore, UnverifiedCorrection,
};
use gatehold_core::decide::{self, Correct, Counters, Settings, Versioned, World};
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::ssh::sshsig::sign_software;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Verdict;

const WRONG: &str = "the ticket that I named was another one\u{1b}[2J";

fn id_of(gate: &Gate, submission: usize) -> RequestId {
    entry(&gate.leaves[submission]).request.unwrap()
}

fn signed(statement: &CorrectionStatement, who: Who) -> UnverifiedCorrection {
    let statement = String::from_utf8(canonical::to_bytes(statement).unwrap()).unwrap();
    let signature = sign_software(&who.seed(), CORRECTION_TYPE, statement.as_bytes()).unwrap();
    UnverifiedCorrection {
        statement,
        signature,
    }
}

/// Somebody says that a leaf of a request is wrong.
fn correct(gate: &mut Gate, id: RequestId, leaf: usize, who: Who, known: u32) -> usize {
    let state = gate.request(id).0.state;
    correct_in(gate, id, leaf, (who, known), state)
}

/// The same at a gate that takes the request to be in some state.
fn correct_in(
    gate: &mut Gate,
    id: RequestId,
    leaf: usize,
    (who, number): (Who, u32),
    state: State,
) -> usize {
    let text = CorrectionText {
        text: WRONG.to_owned(),
        salt: format!("{number:064}"),
    };
    let text = text.to_bytes().unwrap();
    let commitment: [u8; 32] = gate.leaves[leaf].leaf[3..].try_into().unwrap();
    let directory = gate.directory();
    let statement = CorrectionStatement {
        type_: CORRECTION_TYPE.to_owned(),
        gate: directory.origin.clone(),
        request: id,
        leaf: leaf as u64,
        commitment: Hash::from_bytes(commitment),
        text_hash: CorrectionText::hash_of(&text),
        human: who.id(),
        key: who.thumbprint(),
        issued_at: gate.time(),
    };
    let command = Correct {
        correction: signed(&statement, who),
        text,
        commitment: Some(statement.commitment),
        before: CorrectionsBefore::default(),
    };
    let fresh = gate.fresh();
    let restraints = gate.restraints.clone();
    let world = World {
        policy: None,
        directory: &directory,
        stops: &Versioned::default(),
        pause: &Versioned::default(),
        restraints: &restraints,
        task: None,
        counters: Counters::default(),
        rendered: None,
        findings: None,
        habits: None,
        settings: &Settings::default(),
    };
    let (mut record, _) = gate.request(id);
    record.state = state;
    let write = decide::correct(&command, &record, &world, &fresh, gate.time()).unwrap();
    assert!(write.rows.is_empty() && write.outbox.is_empty());
    at(gate.commit(write).index)
}

fn dossier(gate: &Gate, id: RequestId, trusted: &Trusted) -> DossierReport {
    let mut collector = DossierCollector::new(id);
    gate.leaves.iter().for_each(|leaf| collector.leaf(leaf));
    let dossier = collector.finish(&gate.head()).unwrap();
    verify_dossier(&dossier.to_bytes().unwrap(), trusted).unwrap()
}

#[test]
fn a_correction_is_shown_beside_what_it_corrects_and_changes_nothing() {
    let mut held = held();
    let id = id_of(&held.gate, held.submission);
    let before = dossier(&held.gate, id, &held.gate.trusted());
    // The key that signs it may come and go after the request ended.
    held.gate.enrol(Who::Dan);
    let leaf = correct(&mut held.gate, id, held.reviews[1], Who::Dan, 0);
    held.gate.revoke_key(Who::Dan);
    let report = verify_resigned(&held.gate.leaves, &held.gate);
    assert!(report.is_sound(), "{report}");
    let after = dossier(&held.gate, id, &held.gate.trusted());
    assert!(after.is_sound() && after.gaps == before.gaps, "{after}");
    let [one] = after.corrections.as_slice() else {
        panic!("{after}")
    };
    assert_eq!((at(one.leaf), at(one.corrects)), (leaf, held.reviews[1]));
    assert_eq!(
        (&one.human, one.text.as_deref()),
        (&Who::Dan.id(), Some(WRONG))
    );
    assert!(one.assurance.is_some());
    assert_eq!((after.state, &after.steps), (before.state, &before.steps));
    assert_eq!(
        (&after.reviews, &after.limits),
        (&before.reviews, &before.limits)
    );
    // Beside its leaf, and in the few lines too; nothing of it acts on a terminal.
    let page = after.to_string();
    let reviewed = format!("leaf {:<6} ", held.reviews[1]);
    let (_, rest) = page.split_once(&reviewed).unwrap();
    let (own, _) = rest.split_once("\n  leaf ").unwrap();
    assert!(own.contains(&format!("CORRECTED by leaf {leaf}")), "{page}");
    assert!(page.contains("another one\u{27e8}U+001B\u{27e9}") && !page.contains('\u{1b}'));
    assert!(
        after
            .explain()
            .contains(&format!("CORRECTION   of leaf {}", held.reviews[1]))
    );
}

#[test]
fn words_that_were_erased_leave_a_correction_that_verifies() {
    let mut held = held();
    let id = id_of(&held.gate, held.submission);
    let leaf = correct(&mut held.gate, id, held.execution, Who::Bob, 0);
    held.gate.erase(leaf as u64, "text");
    let report = verify_resigned(&held.gate.leaves, &held.gate);
    assert!(report.is_sound(), "{report}");
    let shown = dossier(&held.gate, id, &held.gate.trusted());
    assert!(shown.is_sound(), "{shown}");
    assert!(
        shown
            .corrections
            .iter()
            .all(|one| one.text.is_none() && one.assurance.is_some())
    );
    assert!(shown.to_string().contains("the words are not here"));
}

/// What a forger makes of a sound correction, and what is found then.
fn forged(forge: impl FnOnce(&mut Gate, usize, RequestId)) -> (gatehold_audit::Finding, usize) {
    let mut held = held();
    let id = id_of(&held.gate, held.submission);
    let leaf = correct(&mut held.gate, id, held.reviews[0], Who::Bob, 0);
    forge(&mut held.gate, leaf, id);
    let report = verify_resigned(&held.gate.leaves, &held.gate);
    (first(&report), leaf)
}

/// The event of a correction, changed.
fn says(gate: &mut Gate, leaf: usize, change: impl FnOnce(&mut Event)) {
    rewrite(&mut gate.leaves[leaf], |entry| change(&mut entry.event));
}

#[test]
fn what_nobody_signed_is_no_correction() {
    type Forge = fn(&mut Gate, usize, RequestId);
    let forges: [(&str, Forge); 6] = [
        ("another person", |gate, leaf, _| {
            says(gate, leaf, |event| {
                let Event::Corrected { human, .. } = event else {
                    panic!()
                };
                *human = Who::Cid.id();
            });
        }),
        ("another leaf", |gate, leaf, _| {
            says(gate, leaf, |event| {
                let Event::Corrected { leaf, .. } = event else {
                    panic!()
                };
                *leaf += 1;
            });
        }),
        ("a leaf that commits to something else", |gate, leaf, _| {
            says(gate, leaf, |event| {
                let Event::Corrected { commitment, .. } = event else {
                    panic!()
                };
                *commitment = Hash::of(b"another");
            });
        }),
        ("other words", |gate, leaf, _| {
            let words = CorrectionText {
                text: "nothing was wrong".to_owned(),
                salt: "00".to_owned(),
            };
            replace(&mut gate.leaves[leaf], "text", words.to_bytes().unwrap());
        }),
        ("another signature", |gate, leaf, _| {
            let statement = gate.leaves[leaf].attachments.iter();
            let statement = statement.filter(|given| given.name == "statement");
            let bytes = statement
                .filter_map(|given| given.bytes.clone())
                .next()
                .unwrap();
            let forged = sign_software(&Who::Cid.seed(), CORRECTION_TYPE, &bytes.0).unwrap();
            replace(&mut gate.leaves[leaf], "signature", forged.into_bytes());
        }),
        ("a row", |gate, leaf, id| {
            rewrite(&mut gate.leaves[leaf], |entry| {
                entry
                    .rows
                    .insert(format!("request/{id}"), Hash::of(b"denied"));
            });
        }),
    ];
    for (what, forge) in forges {
        let (found, leaf) = forged(forge);
        let code = if what == "a row" {
            Code::Row
        } else {
            Code::Correction
        };
        assert_eq!(
            (found.leaf, found.code),
            (Some(leaf as u64), code),
            "{what}: {found}"
        );
    }
}

#[test]
fn one_signed_statement_counts_once_and_late_ones_do_not() {
    let mut held = held();
    let id = id_of(&held.gate, held.submission);
    let leaf = correct(&mut held.gate, id, held.reviews[0], Who::Bob, 0);
    let mut again = held.gate.leaves[leaf].clone();
    again.index = held.gate.leaves.len() as u64;
    held.gate.leaves.push(again);
    let report = verify_resigned(&held.gate.leaves, &held.gate);
    assert_first(&report, leaf + 1, Code::Correction);
    let (found, leaf) = forged(|gate, leaf, _| {
        rewrite(&mut gate.leaves[leaf], |entry| {
            entry.at = entry.at.plus_seconds(3_601)
        });
    });
    assert_eq!(
        (found.leaf, found.code),
        (Some(leaf as u64), Code::Deadline),
        "{found}"
    );
    let (found, leaf) = forged(|gate, leaf, _| {
        rewrite(&mut gate.leaves[leaf], |entry| {
            let signed = entry.at.millis();
            entry.at = Timestamp::from_millis(signed - 61_000);
        });
    });
    assert_eq!(
        (found.leaf, found.code),
        (Some(leaf as u64), Code::Deadline),
        "{found}"
    );
}

#[test]
fn more_than_a_gate_records_were_recorded_by_something_else() {
    let mut held = held();
    let id = id_of(&held.gate, held.submission);
    let mut last = 0;
    for number in 0..CORRECTIONS_OF_ONE_MAX {
        correct(&mut held.gate, id, held.reviews[0], Who::Bob, number);
        last = correct(&mut held.gate, id, held.reviews[0], Who::Cid, 100 + number);
    }
    let report = verify_resigned(&held.gate.leaves, &held.gate);
    assert!(report.is_sound(), "{report}");
    correct(&mut held.gate, id, held.reviews[0], Who::Cid, 200);
    let report = verify_resigned(&held.gate.leaves, &held.gate);
    assert_first(&report, last + 1, Code::Correction);
}

#[test]
fn what_is_held_was_corrected_by_no_gate() {
    let mut gate = Gate::founded();
    let task = gate.task();
    let submission = gate.leaves.len();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(2)), Tier::Amber);
    let leaf = correct_in(&mut gate, id, submission, (Who::Bob, 0), State::Denied);
    let report = verify_resigned(&gate.leaves, &gate);
    assert_first(&report, leaf, Code::Correction);
}
