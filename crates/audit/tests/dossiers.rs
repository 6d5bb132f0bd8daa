//! A dossier answers an auditor offline, and says so when a part of it was left out, moved or changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: helpers outside test functions"
)]

mod forge;
mod gate;

use forge::{replace, rewrite};
use gate::{Gate, Who, head_of, requirement};
use gatehold_audit::{
    Code, Dossier, DossierCollector, DossierError, DossierReport, NOT_SHOWN, Trusted,
    verify_dossier,
};
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::request::DecidedBy;
use gatehold_core::request::state::Event as Step;
use gatehold_core::review::ReviewAct::{Approve, Deny};
use gatehold_core::tier::Tier;
use gatehold_core::verdict::Verdict;

const UPDATE: &str = "UPDATE orders SET status = 'retry' WHERE id = 7";

fn decided() -> (Gate, RequestId) {
    let mut gate = Gate::founded();
    gate.enrol(Who::Dan);
    gate.set_team(&[Who::Bob, Who::Cid, Who::Dan]);
    gate.task();
    let task = gate.task();
    gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Dan, Approve, &now);
    let more = gate.answer(Verdict::Hold(requirement(2)), Tier::Amber);
    gate.redeem(id, &more);
    gate.act(
        id,
        ActBy::Human(Who::Bob.id()),
        ActKind::Ask,
        "why?\u{1b}[2J",
    );
    gate.review(id, Who::Bob, Approve, &more);
    gate.review(id, Who::Dan, Approve, &more);
    gate.redeem(id, &more);
    gate.report(id, Step::Completed);
    gate.revoke_key(Who::Dan);
    (gate, id)
}

fn dossier(gate: &Gate, id: RequestId) -> Dossier {
    let mut collector = DossierCollector::new(id);
    gate.leaves.iter().for_each(|leaf| collector.leaf(leaf));
    collector.finish(&gate.head()).unwrap()
}

fn verify(dossier: &Dossier, trusted: &Trusted) -> DossierReport {
    verify_dossier(&dossier.to_bytes().unwrap(), trusted).unwrap()
}

#[test]
fn a_dossier_answers_who_what_and_on_whose_authority() {
    let (gate, id) = decided();
    let dossier = dossier(&gate, id);
    let report = verify(&dossier, &gate.trusted());
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.gaps, []);
    let people: Vec<_> = report
        .reviews
        .iter()
        .map(|review| (review.reviewer.to_string(), review.void))
        .collect();
    let (dan, bob) = (Who::Dan.id().to_string(), Who::Bob.id().to_string());
    assert_eq!(people, [(dan.clone(), true), (bob, false), (dan, false)]);
    assert_eq!(report.decided_by, Some(DecidedBy::Human));
    assert_eq!(
        report.accountable.as_ref().map(|(human, _)| human.clone()),
        Some(Who::Dan.id())
    );
    assert_eq!(report.action.exact, Some(true));
    let page = report.to_string();
    for part in [
        "Dossier verified.",
        "UPDATE orders SET status = 'retry' WHERE id = 7",
        "repair the failed deployment",
        "the deployment failed",
        "reviewers; key enrolled as software",
        "not distinguishable from software that lies",
        "intent: \"yes\"",
        "looked at the plan",
        "rule production-change",
        "by ann@corp.example, bob@corp.example, cid@corp.example",
        "Nothing is left to revoke",
        "pinned by the auditor",
        "at most 10 rows",
    ] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    assert!(NOT_SHOWN.iter().all(|text| page.contains(text)), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
    let explained = report.explain();
    assert!(explained.contains("decided by   people") && explained.contains("bundle sha256:"));
    assert!(serde_json::to_string(&report).is_ok());
    println!("{page}");
}

#[test]
fn only_what_belongs_to_it_is_in_it() {
    let (gate, id) = decided();
    let dossier = dossier(&gate, id);
    // Root, workload, human, team, the task, eight leaves of the request. Not the key revoked after it ended.
    assert_eq!(dossier.leaves.len(), 13);
    let elsewhere = |text: &str| {
        let bytes = String::from_utf8(dossier.to_bytes().unwrap()).unwrap();
        bytes.contains(text)
    };
    assert!(!elsewhere("key.revoke") && !elsewhere("SELECT 1"));
}

#[test]
fn every_decision_names_one_accountable_person() {
    let (mut gate, _) = decided();
    let task = gate.task();
    let allow = gate.answer(Verdict::Allow, Tier::Green);
    let read = gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    gate.redeem(read, &allow);
    let forbidden = gate.submit(task, "DROP TABLE t", Verdict::Deny, Tier::Red);
    let hold = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    let held =
        |gate: &mut Gate| gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let denied = held(&mut gate);
    gate.review(denied, Who::Cid, Deny, &hold);
    let suspicious = held(&mut gate);
    gate.act(suspicious, ActBy::Human(Who::Bob.id()), ActKind::Deny, "no");
    let revoked = held(&mut gate);
    gate.review(revoked, Who::Bob, Approve, &hold);
    gate.revoke(revoked, Who::Ann);
    let forgotten = held(&mut gate);
    gate.expire(forgotten);
    for (id, decided_by, who) in [
        (read, DecidedBy::Policy, Who::Ann),
        (forbidden, DecidedBy::Policy, Who::Ann),
        (denied, DecidedBy::Human, Who::Cid),
        (suspicious, DecidedBy::Human, Who::Bob),
        (revoked, DecidedBy::Human, Who::Ann),
        (forgotten, DecidedBy::Timeout, Who::Ann),
    ] {
        let report = verify(&dossier(&gate, id), &gate.trusted());
        assert!(report.is_sound(), "{report}");
        let accountable = report.accountable.clone().map(|(human, _)| human);
        assert_eq!(
            (report.decided_by, accountable),
            (Some(decided_by), Some(who.id())),
            "{report}"
        );
    }
}

#[test]
fn what_policy_forbids_at_use_is_told_with_the_reasons_of_then() {
    let mut gate = Gate::founded();
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let hold = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Bob, Approve, &hold);
    let deny = gate.answer(Verdict::Deny, Tier::Amber);
    gate.redeem(id, &deny);
    let report = verify(&dossier(&gate, id), &gate.trusted());
    assert!(report.is_sound(), "{report}");
    let said = report.to_string();
    assert!(said.contains(" no_permit\n"), "{said}");
    assert!(!said.contains("checkpoint:production-change"), "{said}");
}

#[test]
fn a_new_hold_gives_the_reasons_that_policy_gave_for_it() {
    let mut gate = Gate::founded();
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let hold = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Bob, Approve, &hold);
    let more = gate.answer(Verdict::Hold(requirement(2)), Tier::Amber);
    gate.redeem(id, &more);
    assert!(verify(&dossier(&gate, id), &gate.trusted()).is_sound());
    let reheld = gate.leaves.last_mut().unwrap();
    let grounds = String::from_utf8(reheld.attachment("verdict").unwrap().to_vec()).unwrap();
    let reasons = "\"reasons\":[\"checkpoint:production-change\"]";
    assert!(grounds.contains(reasons), "{grounds}");
    let other = grounds.replace(reasons, "\"reasons\":[\"checkpoint:of-before\"]");
    replace(reheld, "verdict", other.into_bytes());
    let report = verify(&dossier(&gate, id), &gate.trusted());
    let code = report.findings.first().map(|finding| finding.code);
    assert_eq!(code, Some(Code::Policy), "{report}");
}

#[test]
fn a_dossier_of_a_change_of_the_gate_verifies() {
    let (gate, _) = decided();
    let team =
        gate.leaves.iter().rev().find(|leaf| {
            leaf.attachment("evidence").is_some() && forge::entry(leaf).request.is_some()
        });
    let id = forge::entry(team.unwrap()).request.unwrap();
    let report = verify(&dossier(&gate, id), &gate.trusted());
    assert!(report.is_sound(), "{report}");
    assert!(report.to_string().contains("applied: team.set"), "{report}");
}

#[test]
fn a_part_left_out_is_noticed() {
    let (gate, id) = decided();
    let whole = dossier(&gate, id);
    let last = whole.leaves.len() - 1;
    for index in 0..last {
        let mut cut = whole.clone();
        let gone = cut.leaves.remove(index);
        let task = matches!(forge::entry(&gone.leaf).event, Event::Task { .. });
        let report = verify(&cut, &gate.trusted());
        // The task only brings the purpose's text.
        assert_eq!(
            report.is_sound(),
            task,
            "without leaf {}: {report}",
            gone.leaf.index
        );
    }
    // Without its last leaf a dossier is one of an earlier moment: it verifies, and says how far it goes.
    let mut earlier = whole.clone();
    earlier.leaves.remove(last);
    let report = verify(&earlier, &gate.trusted());
    assert!(
        report.is_sound() && report.gaps.iter().any(|gap| gap.text.contains("execution")),
        "{report}"
    );
}

#[test]
fn erased_and_withheld_parts_are_said() {
    let (mut gate, id) = decided();
    let submission = gate.submission(id).index;
    let by = gate.erase(submission, "payload");
    let mut dossier = dossier(&gate, id);
    let report = verify(&dossier, &gate.trusted());
    assert!(report.is_sound(), "{report}");
    let said = format!("`payload` was erased by leaf {by}");
    assert!(report.gaps.iter().any(|gap| gap.text == said), "{report}");

    let own = dossier
        .leaves
        .iter_mut()
        .find(|proven| proven.leaf.index == submission);
    own.unwrap()
        .leaf
        .attachments
        .retain(|given| given.name != "display");
    let report = verify(&dossier, &gate.trusted());
    assert!(report.is_sound(), "{report}");
    assert!(
        report
            .gaps
            .iter()
            .any(|gap| gap.text == "`display` is not included"),
        "{report}"
    );
    assert!(report.to_string().contains("The rendering is not here."));
}

#[test]
fn any_changed_part_is_refused() {
    let (gate, id) = decided();
    let whole = dossier(&gate, id);
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    for index in 0..whole.leaves.len() {
        let leaf = whole.leaves[index].leaf.index;
        for part in 0..6 {
            let mut dossier = whole.clone();
            let proven = &mut dossier.leaves[index];
            match part {
                0 => flip(&mut proven.leaf.record),
                1 => flip(&mut proven.leaf.leaf),
                2 => flip(&mut proven.leaf.salt),
                3 => drop(proven.proof.pop()),
                4 => proven.proof.reverse(),
                _ => match proven.leaf.attachments.first_mut() {
                    Some(given) => flip(&mut given.bytes.as_mut().unwrap().0),
                    None => continue,
                },
            }
            let report = verify(&dossier, &gate.trusted());
            let named = report
                .findings
                .iter()
                .any(|finding| finding.leaf == Some(leaf));
            assert!(!report.is_sound() && named, "{index} {part}: {report}");
        }
    }
    let mut swapped = whole.clone();
    swapped.leaves.swap(7, 8);
    assert!(!verify(&swapped, &gate.trusted()).is_sound());
}

#[test]
fn a_dossier_of_another_gate_or_head_is_refused() {
    let (gate, id) = decided();
    let whole = dossier(&gate, id);
    let stranger = Trusted {
        pinned_root: Some(Hash::of(b"another root")),
        log_key: None,
    };
    let report = verify(&whole, &stranger);
    assert_eq!(report.findings[0].code, Code::Chain, "{report}");
    assert!(report.to_string().starts_with("Dossier NOT verified."));

    let mut older = whole.clone();
    older.tree_head = head_of(&gate.leaves[..gate.leaves.len() - 1]).to_string();
    let report = verify(&older, &gate.trusted());
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.code == Code::LeafDiffers),
        "{report}"
    );

    let mut unsigned = whole;
    unsigned.tree_head = unsigned.tree_head.replace("\u{2014}", "-");
    let report = verify(&unsigned, &gate.trusted());
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.code == Code::Reference),
        "{report}"
    );
}

#[test]
fn whoever_can_sign_tree_heads_cannot_invent_a_decision() {
    let (gate, id) = decided();
    let mut forged = gate;
    let denied = forged.leaves.len() - 3;
    rewrite(&mut forged.leaves[denied], |entry| {
        if let Event::Claimed { reviewers, .. } = &mut entry.event {
            reviewers.push(Who::Cid.id());
        }
    });
    let report = verify(&dossier(&forged, id), &forged.trusted());
    assert_eq!(report.findings[0].code, Code::Quorum, "{report}");
    let submission = usize::try_from(forged.submission(id).index).unwrap();
    replace(
        &mut forged.leaves[submission],
        "payload",
        b"DROP TABLE orders".to_vec(),
    );
    let report = verify(&dossier(&forged, id), &forged.trusted());
    assert_eq!(report.findings[0].leaf, Some(submission as u64), "{report}");
}

#[test]
fn a_revoked_key_must_be_in_the_dossier() {
    // Dan's key is revoked before he could decide; leaving that link out does not help.
    let mut gate = decided().0;
    let task = gate.task();
    let allow = gate.answer(Verdict::Allow, Tier::Green);
    let id = gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    gate.redeem(id, &allow);
    let mut dossier = dossier(&gate, id);
    dossier.leaves.retain(|proven| {
        !matches!(&forge::entry(&proven.leaf).event, Event::Trust { what, .. } if what == "key.revoke")
    });
    let report = verify(&dossier, &gate.trusted());
    assert_eq!(report.findings[0].code, Code::Directory, "{report}");
}

#[test]
fn what_cannot_be_made_or_read_says_why() {
    let (gate, id) = decided();
    let collector = DossierCollector::new(RequestId::from_bytes([200; 16]));
    assert!(matches!(
        collector.finish(&gate.head()),
        Err(DossierError::NoSuchRequest(_))
    ));
    let mut collector = DossierCollector::new(id);
    gate.leaves.iter().for_each(|leaf| collector.leaf(leaf));
    let old = head_of(&gate.leaves[..5]);
    assert!(matches!(
        collector.finish(&old),
        Err(DossierError::Uncovered { .. })
    ));
    for bytes in [&b"{}"[..], b"", b"{\"dossier\":\"gatehold/dossier/v2\"}"] {
        assert!(matches!(
            verify_dossier(bytes, &gate.trusted()),
            Err(DossierError::Form(_))
        ));
    }
}

#[test]
fn every_dossier_after_a_lost_quorum_says_so() {
    let mut gate = Gate::founded();
    let leaf = gate.recover(Who::Dan);
    let task = gate.task();
    let id = gate.submit(task, UPDATE, Verdict::Hold(requirement(1)), Tier::Amber);
    let now = gate.answer(Verdict::Hold(requirement(1)), Tier::Amber);
    gate.review(id, Who::Dan, Approve, &now);
    let report = verify(&dossier(&gate, id), &gate.trusted());
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.root.quorum_lost, [leaf]);
    let said = report.to_string();
    assert!(
        said.contains(&format!("QUORUM LOST at leaf {leaf}")),
        "{said}"
    );
}
