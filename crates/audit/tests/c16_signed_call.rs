//! Threat C16: what a workload signed can be checked again from the ledger, and is exactly the action that stands there.
//! The forger here holds the database and the log's key; what they lack is the workload's own key.

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

use cases::{assert_first, first, verify_resigned};
use forge::{renumber, replace, rewrite};
use gate::Gate;
use gate::asking::{claims, signed_call, signed_call_to};
use gatehold_audit::{Code, DossierCollector, LedgerLeaf, verify_dossier};
use gatehold_core::action::Action;
use gatehold_core::decide::Claims;
use gatehold_core::ids::RequestId;
use gatehold_core::signed_body::SignedBody;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;
use gatehold_core::verdict::Verdict;

/// Two reads that policy allowed: the workload signed both calls.
struct Case {
    gate: Gate,
    id: RequestId,
    one: usize,
    two: usize,
}

fn case() -> Case {
    let mut gate = Gate::founded();
    let task = gate.task();
    let one = gate.leaves.len();
    let id = gate.submit(task, "SELECT 1", Verdict::Allow, Tier::Green);
    let two = gate.leaves.len();
    gate.submit(task, "SELECT 2", Verdict::Allow, Tier::Green);
    Case { gate, id, one, two }
}

impl Case {
    fn leaf(&mut self) -> &mut LedgerLeaf {
        &mut self.gate.leaves[self.one]
    }

    fn part(&self, of: usize, name: &str) -> Vec<u8> {
        self.gate.leaves[of].attachment(name).unwrap().to_vec()
    }

    fn signed_at(&self) -> Timestamp {
        let entry = forge::entry(&self.gate.leaves[self.one]);
        entry.at
    }

    /// Puts another text into the signed call, which its signature does not cover.
    fn edit_call(&mut self, from: &str, to: &str) {
        let proof = String::from_utf8(self.part(self.one, "proof")).unwrap();
        assert!(proof.contains(from), "{proof}");
        let edited = proof.replacen(from, to, 1).into_bytes();
        replace(self.leaf(), "proof", edited);
    }

    /// Puts another call there, which the workload did sign.
    fn other_call(&mut self, method: &str, target: &str, at: Timestamp) {
        let body = self.part(self.one, "body");
        let proof = signed_call_to(method, target, &body, at);
        replace(self.leaf(), "proof", proof);
    }
}

fn an_hour_before(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.millis() - 3_600_000)
}

type Swap = (&'static str, fn(&mut Case));

const SWAPS: &[Swap] = &[
    ("the body of another call", |case| {
        let body = case.part(case.two, "body");
        replace(case.leaf(), "body", body);
    }),
    ("one byte of the body", |case| {
        let mut body = case.part(case.one, "body");
        body.push(b' ');
        replace(case.leaf(), "body", body);
    }),
    ("another call that was signed, body and all", |case| {
        for name in ["proof", "body"] {
            let bytes = case.part(case.two, name);
            replace(case.leaf(), name, bytes);
        }
    }),
    ("other claims than were signed", |case| {
        let action = Action::parse(
            &case.part(case.one, "envelope"),
            case.part(case.one, "payload"),
        );
        let body = SignedBody::write(&action.unwrap(), &Claims::default());
        let proof = signed_call(&body, case.signed_at());
        replace(case.leaf(), "proof", proof);
        replace(case.leaf(), "body", body);
    }),
    ("the path, edited", |case| {
        case.edit_call("/v1/requests", "/v1/tasks");
    }),
    ("the path, signed", |case| {
        let at = case.signed_at();
        case.other_call("POST", "/v1/tasks", at);
    }),
    ("a dry run", |case| {
        let at = case.signed_at();
        case.other_call("POST", "/v1/requests?dry_run=true", at);
    }),
    ("a call for another workload", |case| {
        let at = case.signed_at();
        case.other_call("POST", "/v1/requests?workload=other-bot", at);
    }),
    ("the method, edited", |case| {
        case.edit_call("POST", "PUT");
    }),
    ("the method, signed", |case| {
        let at = case.signed_at();
        case.other_call("PUT", "/v1/requests", at);
    }),
    ("the time, edited", |case| {
        let created = format!("created={}", case.signed_at().seconds());
        case.edit_call(&created, "created=1795230000");
    }),
    ("the time, signed an hour before", |case| {
        let before = an_hour_before(case.signed_at());
        case.other_call("POST", "/v1/requests", before);
    }),
    ("the nonce, edited", |case| {
        case.edit_call("0123456789abcdef", "0000000000000000");
    }),
    ("the key that is named", |case| {
        case.edit_call("keyid=\\\"", "keyid=\\\"A");
    }),
    ("the signature", |case| {
        let other = String::from_utf8(case.part(case.two, "proof")).unwrap();
        let signature = |text: &str| text.split('"').nth(3).unwrap().to_owned();
        let own = String::from_utf8(case.part(case.one, "proof")).unwrap();
        case.edit_call(&signature(&own), &signature(&other));
    }),
    ("no call at all", |case| {
        replace(case.leaf(), "proof", b"{}".to_vec());
    }),
    ("no body, and none committed to", |case| {
        case.leaf().attachments.retain(|given| given.name != "body");
        rewrite(case.leaf(), |entry| {
            entry.attachments.remove("body");
        });
    }),
];

#[test]
fn c16_whatever_is_swapped_in_a_signed_call_is_found_in_the_ledger() {
    for (what, swap) in SWAPS {
        let mut case = case();
        swap(&mut case);
        let report = verify_resigned(&case.gate.leaves, &case.gate);
        let first = first(&report);
        assert_eq!(
            (first.leaf, first.code),
            (Some(case.one as u64), Code::Requester),
            "{what}: {report}"
        );
    }
    let case = case();
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound() && report.gaps.is_empty(), "{report}");
}

#[test]
fn c16_the_same_swaps_are_found_in_a_dossier() {
    for (what, swap) in SWAPS {
        let mut case = case();
        swap(&mut case);
        let report = dossier(&case);
        assert!(!report.is_sound(), "{what}");
        assert_eq!(report.findings[0].leaf, Some(case.one as u64), "{what}");
    }
    assert!(dossier(&case()).is_sound());
}

fn dossier(case: &Case) -> gatehold_audit::DossierReport {
    let mut collector = DossierCollector::new(case.id);
    let leaves = &case.gate.leaves;
    leaves.iter().for_each(|leaf| collector.leaf(leaf));
    let dossier = collector.finish(&gate::head_of(leaves)).unwrap();
    verify_dossier(&dossier.to_bytes().unwrap(), &case.gate.trusted()).unwrap()
}

#[test]
fn c16_one_signed_call_makes_one_request() {
    // The submission again, as another request: everything in it is genuine, and it was asked for once.
    let mut case = case();
    let mut again = case.gate.leaves[case.one].clone();
    rewrite(&mut again, |entry| {
        entry.request = Some(RequestId::from_bytes([99; 16]));
    });
    case.gate.leaves.push(again);
    renumber(&mut case.gate.leaves);
    let last = case.gate.leaves.len() - 1;
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert_first(&report, last, Code::Requester);
    assert!(first(&report).text.contains(&format!("leaf {}", case.one)));
}

#[test]
fn c16_what_was_erased_is_said_and_what_is_left_is_still_checked() {
    let mut case = case();
    case.gate.erase(case.one as u64, "payload");
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert!(report.is_sound(), "{report}");
    let gap = report
        .gaps
        .iter()
        .find(|gap| gap.text.contains("asks for this action"));
    assert!(gap.unwrap().text.contains("erased by leaf"), "{report}");
    // The call itself is still the workload's: another one in its place is found.
    let before = an_hour_before(case.signed_at());
    let proof = signed_call(b"{}", before);
    replace(case.leaf(), "proof", proof);
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert_first(&report, case.one, Code::Requester);

    // Erased, and still readable in the body that was signed.
    let mut case = self::case();
    let by = case.gate.erase(case.one as u64, "claims");
    let kept = self::case().gate.leaves[case.one].clone();
    let body = |given: &&gatehold_audit::LedgerAttachment| given.name == "body";
    let kept = kept.attachments.iter().find(body).unwrap().clone();
    let gone = case.leaf().attachments.iter_mut();
    *gone.into_iter().find(|given| given.name == "body").unwrap() = kept;
    let report = verify_resigned(&case.gate.leaves, &case.gate);
    assert_first(&report, case.one, Code::Erasure);
    assert!(by > case.one as u64 && !claims().0.is_empty());
}
