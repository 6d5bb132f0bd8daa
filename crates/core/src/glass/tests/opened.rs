//! What core decides: the one write that opens, and what is let out by it.

use super::*;
use crate::commit::{CounterKey, Guard, LeafKind, UniqueKey};
use crate::decide::{GLASS_BROKEN, GLASS_USED, glass_key};
use crate::elsewhere::{self, NotElsewhere, Shown};
use crate::entry::Event;
use crate::grant::Grant;
use crate::lease::{Lease, Plan, Recipe, RevocationClass};
use crate::request::DecidedBy;
use crate::review::ReviewAct;

fn opened() -> (House, Grant) {
    let house = House::new();
    let signed = house.signed(|_| {});
    house.opened(signed)
}

#[track_caller]
fn refused(answer: Result<(crate::commit::Write, Sealed), Refusal>, why: &Refusal) {
    assert_eq!(answer.err().as_ref(), Some(why));
}

fn refuses(answer: Result<(crate::commit::Write, Sealed), Refusal>, word: &str) {
    let said = answer.err().map(|refusal| refusal.to_string());
    assert!(
        said.as_ref().is_some_and(|said| said.contains(word)),
        "{said:?}"
    );
}

#[test]
fn a25_one_write_opens_counts_and_tells_everybody() {
    let house = House::new();
    let signed = house.signed(|_| {});
    let id = signed.id();
    let (write, sealed) = house.open(signed).unwrap();
    let next = sealed.preview().unwrap();
    assert_eq!(next.state, State::Redeemable);
    assert_eq!(next.decided_by, Some(DecidedBy::BreakGlass));
    assert_eq!(
        (next.limits.ttl_seconds, next.limits.caps["rows"]),
        (120, 10)
    );
    assert_eq!(write.leaf.kind, LeafKind::BreakGlass);
    assert_eq!(
        write.deadline,
        Some(NOW.plus_seconds(600).min(house.held().decide_by))
    );
    let once = Guard::Absent(UniqueKey(glass_key(&id)), None);
    let counted = Guard::Below(CounterKey("glass:openings".to_owned()), 1);
    assert!(write.guards.contains(&once), "{:?}", write.guards);
    assert!(write.guards.contains(&counted), "{:?}", write.guards);
    assert_eq!(write.outbox[0].topic, GLASS_BROKEN);
    let names: Vec<_> = write.leaf.attachments.iter().map(|one| one.name).collect();
    assert_eq!(names, ["glass", "answers"]);
    let entry = Entry::from_bytes(&write.leaf.record).unwrap();
    let Event::BrokeGlass {
        signers, review_by, ..
    } = entry.event
    else {
        panic!("it breaks the glass");
    };
    assert_eq!(signers, humans(&["gus", "gia"]));
    assert_eq!(review_by, NOW.plus_seconds(86_400));
}

#[test]
fn it_lasts_no_longer_than_it_was_signed_for() {
    let house = House::new();
    let soon = house.signed(|statement| statement.use_by = NOW.plus_seconds(5));
    let (write, _) = house.open(soon).unwrap();
    assert_eq!(write.deadline, Some(NOW.plus_seconds(5)));
}

#[test]
fn what_is_not_held_or_too_late_is_not_opened() {
    let mut house = House::new();
    let signed = house.signed(|_| {});
    let late = NOW.plus_seconds(501);
    let opening = BreakGlassNow {
        glass: house.signed(|statement| {
            statement.created_at = late;
            statement.use_by = late.plus_seconds(60);
        }),
        answers: answers(),
    };
    let command = Command::BreakGlass(Box::new(opening));
    let over = house.ask(command, &house.verdict(), None, late);
    refused(over, &Refusal::TooLate("the time to decide"));
    house.record.state = State::Denied;
    refused(house.open(signed), &Refusal::WrongState { state: "denied" });
}

#[test]
fn whoever_decides_is_asked_first() {
    let house = House::new();
    let early = HELD.plus_seconds(299);
    let opening = BreakGlassNow {
        glass: house.signed(|statement| {
            statement.created_at = early;
            statement.use_by = early.plus_seconds(600);
        }),
        answers: answers(),
    };
    let command = Command::BreakGlass(Box::new(opening));
    refuses(
        house.ask(command, &house.verdict(), None, early),
        "and not before",
    );
}

#[test]
fn a_statement_from_tomorrow_is_refused() {
    let house = House::new();
    let ahead = house.signed(|statement| {
        statement.created_at = NOW.plus_seconds(61);
        statement.use_by = NOW.plus_seconds(600);
    });
    refuses(house.open(ahead), "a clock that is ahead");
}

#[test]
fn policy_is_asked_as_ever() {
    let house = House::new();
    let told = |policy: &Evaluated| {
        let opening = BreakGlassNow {
            glass: house.signed(|_| {}),
            answers: answers(),
        };
        house.ask(Command::BreakGlass(Box::new(opening)), policy, None, NOW)
    };
    refuses(
        told(&evaluated(Verdict::Deny, Tier::Amber)),
        "policy forbids it",
    );
    let more = one(checkpoint("another", Some(offered())));
    refused(
        told(&evaluated(Verdict::Hold(more), Tier::Amber)),
        &Refusal::ChangedSinceShown,
    );
    let (verdict, mut trace) = house.verdict().into_parts();
    trace.bundle = Hash::of(b"older");
    refused(told(&Evaluated::new(verdict, trace)), &Refusal::Stale);
}

#[test]
fn it_is_answered_and_says_why() {
    let house = House::new();
    let open = |answers: Answers, hash: Hash| {
        let glass = house.signed(|statement| statement.answers_hash = hash);
        let opening = BreakGlassNow { glass, answers };
        house.ask(
            Command::BreakGlass(Box::new(opening)),
            &house.verdict(),
            None,
            NOW,
        )
    };
    refused(
        open(answers(), Hash::of(b"other words")),
        &Refusal::ChangedSinceShown,
    );
    let silent = Answers {
        justification: String::new(),
        ..answers()
    };
    let hash = silent.hash().unwrap();
    refuses(open(silent, hash), "says why");
}

#[test]
fn what_two_people_opened_is_let_out_once_as_break_glass() {
    let (house, grant) = opened();
    let (write, sealed) = house.redeem(&grant, NOW).unwrap();
    assert!(let_out(&sealed));
    assert!(write.deadline <= Some(NOW.plus_seconds(600)));
    assert_eq!(write.outbox[0].topic, GLASS_USED);
    let Release::Approved(approved, next) = released(&write, sealed) else {
        panic!("it is let out");
    };
    assert_eq!(approved.decided_by(), DecidedBy::BreakGlass);
    assert_eq!(approved.reviewers(), [human("gia"), human("gus")]);
    assert_eq!(
        approved.glass(),
        house.record.glass.as_ref().map(SignedGlass::id)
    );
    assert_eq!(approved.limits().caps["rows"], 10);
    assert_eq!(next.state, State::Executing);
}

#[test]
fn a_signed_row_that_no_leaf_knows_lets_nothing_out() {
    let (mut house, grant) = opened();
    house.openings = Restraints::default();
    refused(house.redeem(&grant, NOW), &Refusal::NotProven("opening"));
}

#[test]
fn a25_what_a_leaf_knows_of_opens_nothing_again() {
    let house = House::new();
    let signed = house.signed(|_| {});
    let before = house.record.clone();
    let (mut house, _) = house.opened(signed.clone());
    // Somebody puts the row back, and takes away the mark that it was used.
    house.record = before;
    refused(house.open(signed), &Refusal::Replayed);
    let anew = house.signed(|statement| statement.nonce = "two".to_owned());
    assert!(house.open(anew).is_ok(), "another statement is another one");
}

#[test]
fn what_is_stopped_is_not_opened() {
    let house = House::new();
    let opening = BreakGlassNow {
        glass: house.signed(|_| {}),
        answers: answers(),
    };
    let stops = Versioned {
        value: Stops {
            everything: true,
            ..Stops::default()
        },
        version: 1,
    };
    let (pause, settings) = (Versioned::<Pause>::default(), Settings::default());
    let verdict = house.verdict();
    let world = World {
        policy: Some(&verdict),
        ..house.world(&stops, &pause, &settings)
    };
    let about = Record::Request {
        record: &house.record,
        version: 1,
        action: None,
        grant: None,
    };
    let command = Command::BreakGlass(Box::new(opening));
    let answer = decide(about, command, &world, &fresh(), NOW);
    assert!(matches!(answer, Err(Refusal::Stopped(_))), "{answer:?}");
}

#[test]
fn what_does_not_verify_any_more_waits_for_people_again() {
    let house = House::new();
    let soon = house.signed(|statement| statement.use_by = NOW.plus_seconds(60));
    let (mut house, grant) = house.opened(soon);
    let again = |house: &House, now: Timestamp| {
        let (_, sealed) = house.redeem(&grant, now).unwrap();
        let next = sealed.preview().unwrap();
        assert_eq!((next.state, next.glass.as_ref()), (State::Held, None));
    };
    again(&house, NOW.plus_seconds(61));
    house.directory.glass.remove(&print("gia", true));
    again(&house, NOW);
}

#[test]
fn more_time_than_was_signed_for_is_damage() {
    let (mut house, grant) = opened();
    house.record.spend_by = house.record.spend_by.plus_seconds(3_600);
    refused(house.redeem(&grant, NOW), &Refusal::NotProven("spend_by"));
}

#[test]
fn no_credential_is_handed_out_behind_glass() {
    let (house, grant) = opened();
    refuses(
        house.redeem_with(&grant, Some(plan()), NOW),
        "no credential",
    );
}

fn plan() -> Plan {
    let text = || "one".to_owned();
    Plan {
        recipe: Recipe {
            broker: text(),
            handle: text(),
            entitlement: text(),
            parts: BTreeMap::new(),
        },
        class: RevocationClass::Immediate,
    }
}

#[test]
fn an_executor_of_its_own_makes_no_credential_behind_glass() {
    let (house, _) = opened();
    let shown = Shown {
        record: &house.record,
        action: action(),
        signed_at: HELD,
        evaluated: &house.verdict(),
        directory: &house.directory,
        now: NOW,
    };
    let approved = elsewhere::prove(shown).unwrap();
    let target = house.record.envelope.target.clone();
    let asked = Lease::planned(plan(), target, NOW.plus_seconds(1));
    let made = elsewhere::lease(&approved, plan(), &asked, (HELD, NOW), &house.directory);
    assert!(
        matches!(made, Err(NotElsewhere::NoCredential(_))),
        "{made:?}"
    );
}

#[test]
fn a_no_is_not_behind_glass() {
    let mut team = checkpoint("production", Some(offered()));
    team.eligible.humans.insert(human("ada"));
    let house = House::held_at(&one(team));
    let signed = house.signed(|_| {});
    let (mut house, grant) = house.opened(signed);
    let denial = denial(&house);
    house.record.reviews.push(denial);
    let (_, sealed) = house.redeem(&grant, NOW).unwrap();
    assert_eq!(sealed.preview().unwrap().state, State::Denied);
}

/// What ada signs who says no.
fn denial(house: &House) -> crate::review::UnverifiedReview {
    let record = &house.record;
    let key = print("ada", false);
    let authority = house.directory.authority(&human("ada"), &key).unwrap();
    let context = crate::review::ReviewContext {
        type_: crate::review::REVIEW_TYPE.to_owned(),
        gate: house.directory.origin.clone(),
        request: record.id,
        request_hash: record.request_hash,
        digest: record.digest,
        display_hash: record.display_hash,
        view_hash: Hash::of(b"view"),
        requirement_hash: house.held().requirement_hash,
        policy: house.directory.bundle,
        act: ReviewAct::Deny,
        limits: record.limits.clone(),
        answers_hash: answers().hash().unwrap(),
        reasoned: true,
        reviewer: crate::review::ReviewerRef {
            issuer: "corp.example".to_owned(),
            subject: "ada".to_owned(),
            key,
            authority_hash: authority.hash(),
        },
        review_nonce: "nonce".to_owned(),
        issued_at: NOW,
        decide_by: house.held().decide_by,
        spend_by: record.spend_by,
    };
    let context = String::from_utf8(context.to_bytes().unwrap()).unwrap();
    let signature = sign_software(
        &seed("ada", false),
        crate::review::REVIEW_TYPE,
        context.as_bytes(),
    );
    crate::review::UnverifiedReview::new(context, signature.unwrap())
}
