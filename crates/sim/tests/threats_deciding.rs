//! The threats of deciding, A1 to A27, as far as they go through the gate: told as stories, watched by the oracle.
//! `docs/reference/threats.md` names the others.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests; clippy takes the functions they call for production code"
)]

use gatehold_core::action::{Action, Envelope};
use gatehold_core::commit::{Conflict, Table};
use gatehold_core::decide::{ActBy, ActKind, Claims};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, HumanId, RequestId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{DecidedBy, RequestRecord, State};
use gatehold_core::review::ReviewAct;
use gatehold_core::signed_body::SignedBody;
use gatehold_core::trust::change::{HumanEnrol, TeamSet};
use gatehold_sim::simulator::people::{Key, human};
use gatehold_sim::simulator::rules::Rules;
use gatehold_sim::simulator::story::{InHand, No, Story, Told};
use gatehold_sim::simulator::work::Intent;
use serde_json::Value;

#[track_caller]
fn refused(answer: Result<Told, No>, why: &Refusal) {
    match answer {
        Err(No::Refused(said)) => assert_eq!(said, why.to_string()),
        other => panic!("this should have been refused with `{why}`: {other:?}"),
    }
}

/// From now on the bundle says this about a kind of action.
fn says(kind: &'static str, says: &'static str, at: &'static [u8]) -> impl FnOnce(&mut Rules) {
    move |rules| {
        let answer = rules.answers.get_mut(kind).expect("a kind of action");
        answer.says = says.to_owned();
        answer.checkpoints = at.iter().copied().collect();
    }
}

/// Every name that stands anywhere in a record: what a requester would like to write.
fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                found.push(name.clone());
                names(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn a01_a_requester_writes_no_field_of_a_decision() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let request = story.submit("bot-1", "db.write");
    let mut fields = Vec::new();
    names(
        &serde_json::to_value(story.record(request)).unwrap(),
        &mut fields,
    );
    fields.sort();
    fields.dedup();
    let Intent::Submit { action, .. } = story.submission("bot-1", task, "db.write") else {
        panic!("a submission is one");
    };
    let body: Value =
        serde_json::from_slice(&SignedBody::write(&action, &Claims::default())).unwrap();
    let envelope: Value = serde_json::from_slice(action.envelope_bytes()).unwrap();
    let mut tried = 0;
    for field in &fields {
        for value in [Value::Null, "redeemable".into(), 7.into()] {
            if envelope.get(field).is_none() {
                let mut more = envelope.clone();
                more[field] = value.clone();
                let bytes = serde_json::to_vec(&more).unwrap();
                assert!(
                    Action::parse(&bytes, action.payload().to_vec()).is_err(),
                    "an envelope with `{field}` was taken"
                );
            }
            if body.get(field).is_none() {
                let mut more = body.clone();
                more[field] = value;
                let bytes = serde_json::to_vec(&more).unwrap();
                assert!(
                    SignedBody::read(&bytes).is_err(),
                    "a body with `{field}` was taken"
                );
            }
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
    // Said as a claim, each is nothing but a word.
    let mut said = story.submission("bot-1", task, "db.write");
    if let Intent::Submit { claims, .. } = &mut said {
        let names = fields.iter().filter(|name| name.len() < 64).take(30);
        claims.0 = names
            .map(|name| (name.clone(), "redeemable".to_owned()))
            .collect();
    }
    let claimed = story.submitted(said);
    let record = story.record(claimed);
    assert_eq!(record.state, State::Held);
    assert!(record.grant.is_none() && record.reviews.is_empty());
    refused(
        story.redeem(claimed),
        &Refusal::WrongState { state: "held" },
    );
}

/// A row that says it was approved, with a grant to go with it.
fn claim_it_was_approved(story: &mut Story, request: RequestId) {
    let record = story.record(request);
    let now = story.shelf().now();
    let grant = Grant {
        id: GrantId::from_bytes([9; 16]),
        request,
        digest: record.digest,
        workload: record.envelope.workload.clone(),
        key: record.requester.key(),
        task: record.envelope.task,
        limits: record.limits.clone(),
        created_at: now,
        expires_at: now.plus_seconds(600),
        uses: 0,
        state: GrantState::Active,
        reason: "decided".to_owned(),
        decided_by: DecidedBy::Human,
        lease: None,
    };
    let id = grant.id;
    story.insert(Table::Grant, &id, &grant);
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.state = State::Redeemable;
        record.decided_by = Some(DecidedBy::Human);
        record.grant = Some(id);
    });
}

#[test]
fn a04_what_holds_is_what_releases() {
    // Whatever policy holds at and whoever approves: the review that says "enough" and the proof at use agree.
    let sets: [&[u8]; 7] = [&[0], &[1], &[0, 1], &[3], &[0, 3], &[2], &[6]];
    let orders = [
        ["bob", "eve", "ann", "dia"],
        ["dia", "bob", "eve", "ann"],
        ["ann", "dia", "eve", "bob"],
    ];
    let (mut released, mut kept) = (0, 0);
    for dev in [true, false] {
        for at in sets {
            for order in orders {
                let mut story = Story::believing_rows(dev);
                story.activate(says("db.write", "hold", at));
                let request = story.submit("bot-1", "db.write");
                for approver in order {
                    if story.record(request).state != State::Held {
                        break;
                    }
                    let _ = story.approve(approver, request);
                }
                let met = story.record(request).state == State::Redeemable;
                if !met {
                    claim_it_was_approved(&mut story, request);
                }
                let let_out = story.redeem(request).is_ok_and(|told| told.is_let_out());
                assert_eq!(met, let_out, "development {dev}, {at:?}, {order:?}");
                released += u32::from(let_out);
                kept += u32::from(!let_out);
            }
        }
    }
    assert!(released > 5 && kept > 5, "{released} and {kept}");
}

#[test]
fn a07_the_same_name_of_another_issuer_is_another_person() {
    let mut story = Story::dev();
    // Somebody called bob, vouched for by another issuer, with a key of their own.
    let other = HumanId::new("evil.example", "bob").unwrap();
    let seed = story.bytes();
    let (key, again) = (Key::software(seed), Key::software(seed));
    let line = key.line.clone();
    let origin = story.directory().origin;
    let message = HumanEnrol::possession_message(&origin, &other, &line).unwrap();
    let enrol = HumanEnrol {
        human: other.clone(),
        possession: key.sign(gatehold_core::trust::ENROL_NAMESPACE, &message),
        key: line,
        assurance: key.assurance,
        attestation: None,
        suspension: None,
    };
    story.change("ann", "human.enrol", &enrol);
    let directory = story.directory();
    assert!(directory.humans.contains_key(&other));
    assert!(
        directory.teams_of(&other).is_empty(),
        "bob's teams are bob's"
    );

    let request = story.submit("bot-1", "db.write");
    let mut screen = story.open("bob", request);
    screen.context.reviewer.issuer = "evil.example".to_owned();
    screen.context.reviewer.key = again.thumbprint;
    screen.context.reviewer.authority_hash = directory
        .authority(&other, &again.thumbprint)
        .unwrap()
        .hash();
    let thumbprint = story.new_key("bob", again);
    screen.key = thumbprint;
    let review = story.review(&screen, |_, _| {});
    refused(story.tell(review), &Refusal::NotEntitled);
}

#[test]
fn a08_who_leaves_the_team_during_the_review_decides_nothing() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, _| {});
    let without_bob = TeamSet {
        team: "reviewers".parse().unwrap(),
        members: ["cem", "dia", "eve"].map(human).into(),
    };
    let early = story.load(1, review.clone()).unwrap();
    let decided = story.decide(&early).unwrap();
    story.change("ann", "team.set", &without_bob);
    refused(story.tell(review), &Refusal::ChangedSinceShown);
    // The process that decided before the change comes too late with its write.
    let late = story.commit(&early.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Guard(_)))),
        "{late:?}"
    );
    assert_eq!(story.record(request).reviews.len(), 0);
    // A team is a flat list of people: there is no way to write one inside another.
    let nested = br#"{"members":["reviewers"],"team":"owners"}"#;
    assert!(canonical::from_canonical_bytes::<TeamSet>(nested).is_err());
    // What the signer was entitled to stands in the decision.
    let told = story.approve("eve", request).unwrap();
    let mut attachments = told.write.leaf.attachments.iter();
    let authority = attachments.find(|attachment| attachment.name == "authority");
    let authority = String::from_utf8_lossy(&authority.unwrap().bytes).into_owned();
    assert!(authority.contains("reviewers"), "{authority}");
}

/// Every door through which a human can decide on a request, or act on it.
fn doors(story: &mut Story, name: &str, request: RequestId) -> Vec<(String, Result<Told, No>)> {
    let mut answers = Vec::new();
    for act in [ReviewAct::Approve, ReviewAct::Deny] {
        let screen = story.open(name, request);
        let review = story.review(&screen, |context, _| context.act = act);
        answers.push((format!("review {act:?}"), story.tell(review)));
    }
    for kind in [
        ActKind::Ask,
        ActKind::Claim,
        ActKind::Release,
        ActKind::Escalate,
        ActKind::Deny,
        ActKind::Suspicious,
    ] {
        let by = ActBy::Human(human(name));
        let intent = Intent::Act { by, kind, request };
        answers.push((format!("{kind:?}"), story.tell(intent)));
    }
    answers
}

#[test]
fn a10_nobody_of_the_requester_set_decides_through_any_door() {
    // Who stands behind a workload's request: owner and backup, whoever proposed its key, a custodian, an initiator.
    let mut story = Story::dev();
    story.activate(says("db.write", "hold", &[6]));
    let mut tended = story.workload("bot-1");
    tended.custodians = [human("ann")].into();
    tended.jwk = story.new_jwk();
    story.change("ann", "nhi.create", &tended);
    story.enrolled_again("bot-1", &tended.jwk);
    let task = story.start_with("bot-1", Some((human("bob"), false)), None);
    let intent = story.submission("bot-1", task, "db.write");
    let request = story.submitted(intent);
    let set = story.record(request).requester.set();
    let behind = ["ann", "bob", "cem", "dia"];
    assert_eq!(set, behind.map(human).into());
    for name in behind {
        for (door, answer) in doors(&mut story, name, request) {
            let why = answer.expect_err(&format!("{name} came through {door}"));
            assert_eq!(why, No::Refused(Refusal::OwnRequest.to_string()), "{door}");
        }
    }
    // The author of a change of the gate, and whoever gains by it.
    let intent = story.proposal("ann", "nhi.create", &tended);
    let request = story.submitted(intent);
    for name in ["ann", "cem", "dia"] {
        for (door, answer) in doors(&mut story, name, request) {
            let why = answer.expect_err(&format!("{name} came through {door}"));
            assert_eq!(why, No::Refused(Refusal::OwnRequest.to_string()), "{door}");
        }
    }
    assert_eq!(story.record(request).state, State::Held);
}

#[test]
fn a12_a_review_does_not_resurrect_what_was_denied() {
    // Both reviewers have read, or even decided, before the other one's write.
    for denies_first in [true, false] {
        let mut story = Story::dev();
        let request = story.submit("bot-1", "db.write");
        let (one, two) = (story.open("bob", request), story.open("eve", request));
        let approve = story.review(&one, |_, _| {});
        let deny = story.review(&two, |context, _| context.act = ReviewAct::Deny);
        let approve = story.load(0, approve).unwrap();
        let deny = story.load(1, deny).unwrap();
        let approved = story.decide(&approve).unwrap();
        let denied = story.decide(&deny).unwrap();
        let (first, second) = if denies_first {
            ((deny, denied), (approve, approved))
        } else {
            ((approve, approved), (deny, denied))
        };
        let told = story.commit(&first.0.intent, first.1).unwrap();
        let state = told.record().state;
        let lost = story.commit(&second.0.intent, second.1);
        assert!(
            matches!(lost, Err(No::Conflict(Conflict::Guard(_)))),
            "{lost:?}"
        );
        assert_eq!(story.record(request).state, state);
        // Whoever lost reads again, and finds it decided.
        let again = story.tell(second.0.intent);
        let decided = Refusal::WrongState {
            state: state.name(),
        };
        refused(again, &decided);
        if denies_first {
            refused(story.redeem(request), &decided);
        }
    }
}

/// Where a redeemer's process dies.
const STAGES: [&str; 5] = ["never", "read", "decided", "written", "told"];

#[test]
fn a13_sixty_four_redeemers_release_it_once_whatever_crashes() {
    for crashes in STAGES {
        for survivor in [0, 31, 63] {
            let mut story = Story::dev();
            let request = story.submit("bot-1", "db.write");
            story.approve("bob", request).unwrap();
            // All of them have read before anybody writes.
            let waiting: Vec<InHand> = (0..64)
                .map(|number| {
                    let redeem = story.redemption(request);
                    story.load(number % 2, redeem).unwrap()
                })
                .collect();
            let (mut written, mut out) = (0, 0);
            for (number, in_hand) in waiting.iter().enumerate() {
                let lives = number == survivor;
                if crashes == "read" && !lives {
                    continue;
                }
                let decided = story.decide(in_hand).unwrap();
                if crashes == "decided" && !lives {
                    continue;
                }
                match story.commit(&in_hand.intent, decided) {
                    Ok(told) => {
                        written += 1;
                        // Stored, and the process dies before it hears of it or before it calls anybody.
                        let heard = lives || !matches!(crashes, "written" | "told");
                        out += u32::from(heard && told.is_let_out());
                    }
                    Err(No::Conflict(Conflict::Guard(_))) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            assert_eq!(written, 1, "{crashes}, {survivor}");
            assert!(out <= 1, "{crashes}, {survivor}");
            assert_eq!(story.record(request).state, State::Executing);
            // And nobody who comes later gets it, whatever became of the first.
            for _ in 0..3 {
                refused(
                    story.redeem(request),
                    &Refusal::WrongState { state: "executing" },
                );
            }
        }
    }
}

#[test]
fn a22_a_rule_that_is_switched_off_and_on_again_is_asked_each_time() {
    // Held, then policy would allow it, then it holds more: what counts is the bundle of the moment.
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let old = story.review(&screen, |_, _| {});
    story.activate(says("db.write", "allow", &[]));
    // The switched-off rule does not let out what is pending.
    refused(
        story.redeem(request),
        &Refusal::WrongState { state: "held" },
    );
    // What was signed under the old bundle is not what stands now.
    refused(story.tell(old.clone()), &Refusal::ChangedSinceShown);
    story.activate(says("db.write", "hold", &[0, 1]));
    refused(story.tell(old), &Refusal::ChangedSinceShown);
    let reheld = story.approve("eve", request).unwrap();
    assert_eq!(reheld.record().state, State::Held);
    assert!(
        reheld.record().reviews.is_empty(),
        "reviews of the old requirement are void"
    );
    // Between approval and use as well.
    story.activate(says("db.write", "hold", &[0]));
    let request = story.submit("bot-0", "db.write");
    story.approve("cem", request).unwrap();
    story.activate(says("db.write", "hold", &[0, 1, 3]));
    let again = story.redeem(request).unwrap();
    assert!(!again.is_let_out());
    assert_eq!(again.record().state, State::Held);
}

#[test]
fn what_is_asked_again_says_why_now() {
    let mut story = Story::dev();
    story.activate(says("db.write", "hold", &[0]));
    let request = story.submit("bot-0", "db.write");
    let first = story.record(request).reasons;
    // Asked again at a review: the reasons are those of the new checkpoints.
    story.activate(says("db.write", "hold", &[0, 1]));
    let reheld = story.approve("eve", request).unwrap();
    let second = reheld.record().reasons.clone();
    assert!(
        first.len() == 1 && second.len() == 2,
        "{first:?} {second:?}"
    );

    // The same between approval and use.
    story.activate(says("db.write", "hold", &[0]));
    let request = story.submit("bot-0", "db.write");
    story.approve("cem", request).unwrap();
    assert_eq!(story.record(request).reasons, first);
    story.activate(says("db.write", "hold", &[0, 1]));
    assert_eq!(story.redeem(request).unwrap().record().reasons, second);

    // And where policy denies it by then.
    story.activate(says("db.write", "hold", &[0]));
    let request = story.submit("bot-0", "db.write");
    story.approve("cem", request).unwrap();
    story.activate(says("db.write", "deny", &[]));
    let denied = story.redeem(request).unwrap();
    assert_eq!(denied.record().state, State::Denied);
    assert_eq!(denied.record().reasons, ["deny"]);
}

#[test]
fn a22_two_gates_decide_by_one_bundle() {
    let mut story = Story::dev();
    let task = story.start("bot-0");
    let allowed = story.submission("bot-0", task, "mail.send");
    // One process has read the old bundle and is slow to write.
    let slow = story.load(1, allowed).unwrap();
    let decided = story.decide(&slow).unwrap();
    story.activate(says("mail.send", "hold", &[0]));
    let late = story.commit(&slow.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Guard(_)))),
        "{late:?}"
    );
    let again = story.tell_to(1, slow.intent).unwrap();
    assert_eq!(again.record().state, State::Held);
}

#[test]
fn a24_what_was_approved_is_what_runs_in_every_field() {
    type Swap = fn(&mut Envelope);
    let swaps: [(&str, Swap); 9] = [
        ("descriptor", |envelope| {
            envelope.descriptor.id = "mail.send".parse().unwrap();
        }),
        ("descriptor hash", |envelope| {
            envelope.descriptor.hash = Hash::of(b"another");
        }),
        ("workload", |envelope| {
            envelope.workload = "bot-0".parse().unwrap();
        }),
        ("task", |envelope| envelope.task = None),
        ("target", |envelope| {
            envelope.target = "mail".parse().unwrap();
        }),
        ("resource", |envelope| {
            envelope.resource = "shop/customers".parse().unwrap();
        }),
        ("duration", |envelope| envelope.duration_seconds += 1),
        ("caps", |envelope| {
            envelope.caps.insert("rows".to_owned(), 51);
        }),
        ("precondition", |envelope| {
            envelope.precondition = Some("rows=1".to_owned());
        }),
    ];
    for (what, swap) in swaps {
        let mut story = Story::believing_rows(true);
        let request = story.submit("bot-1", "db.write");
        story.approve("bob", request).unwrap();
        // The row names another action; its digest is the signed one, or the one of the other action.
        for with_its_digest in [false, true] {
            story.edit(Table::Request, &request, |record: &mut RequestRecord| {
                if !with_its_digest {
                    swap(&mut record.envelope);
                } else {
                    let bytes = canonical::to_bytes(&record.envelope).unwrap();
                    record.digest = Action::digest_of(&bytes);
                    record.request_hash = record.computed_request_hash();
                }
            });
            let answer = story.redeem(request);
            let let_out = answer.as_ref().is_ok_and(Told::is_let_out);
            assert!(!let_out, "{what}: {answer:?}");
        }
    }
    // Other bytes under the approved envelope.
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let record = story.record(request);
    let envelope = canonical::to_bytes(&record.envelope).unwrap();
    let other = Action::rebuild(&envelope, b"{\"n\":2}".to_vec(), record.digest);
    assert!(other.is_err(), "the envelope names its payload");
}

#[test]
fn a26_a_reviewer_without_force_at_use_approved_nothing() {
    type Loses = fn(&mut Story);
    let losses: [(&str, Loses); 2] = [
        ("key", |story| story.revoke_key("bob")),
        ("team", |story| {
            let without_bob = TeamSet {
                team: "reviewers".parse().unwrap(),
                members: ["cem", "dia", "eve"].map(human).into(),
            };
            story.change("ann", "team.set", &without_bob);
        }),
    ];
    for (what, loses) in losses {
        let mut story = Story::dev();
        let request = story.submit("bot-1", "db.write");
        story.approve("bob", request).unwrap();
        // A process that proved it before is too late with its write.
        let redeem = story.redemption(request);
        let early = story.load(1, redeem).unwrap();
        let proven = story.decide(&early).unwrap();
        loses(&mut story);
        let late = story.commit(&early.intent, proven);
        assert!(
            matches!(late, Err(No::Conflict(Conflict::Guard(_)))),
            "{what}: {late:?}"
        );
        let told = story.redeem(request).unwrap();
        assert!(!told.is_let_out(), "{what}");
        assert_eq!(told.record().state, State::Held, "{what}");
    }
}

#[test]
fn a27_a_flood_of_requests_pauses_the_workload_and_nobody_else() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let most = story.settings().open_holds_max;
    let (mut held, mut denied) = (0_u64, 0_u64);
    for _ in 0..10_000 {
        let intent = story.submission("bot-1", task, "db.write");
        let request = match story.tell(intent) {
            Ok(told) => told.record().id,
            Err(no) => panic!("{no:?}"),
        };
        match story.record(request).state {
            State::Held => held += 1,
            State::Denied => denied += 1,
            other => panic!("it is {}", other.name()),
        }
    }
    assert_eq!((held, denied), (most, 10_000 - most));
    // The flood stops at its source: not even a read of this workload passes, and everybody else goes on.
    let read = story.submission("bot-1", task, "db.read");
    let read = story.submitted(read);
    assert_eq!(story.record(read).state, State::Denied);
    let other = story.submit("bot-0", "db.write");
    assert_eq!(story.record(other).state, State::Held);
    let other = story.submit("bot-2", "db.read");
    assert!(story.redeem(other).unwrap().is_let_out());
}
