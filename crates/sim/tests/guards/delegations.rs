//! Deciding for somebody who is away: what may be given, when it counts, and that it counts once.

use gatehold_core::commit::{Conflict, Guard, Table};
use gatehold_core::delegation::Moment;
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::quorum::Void;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::review::ReviewError;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::trust::change::{ConfigChange, TeamSet};
use gatehold_core::trust::{
    Chain, DelegationReason, DelegationStatement, Evidence, SignedDelegation, TrustError,
};
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::story::delegations::reason;
use gatehold_sim::simulator::story::{No, Story};
use gatehold_sim::simulator::work::Intent;

use crate::count::{counted, signed};
use crate::{refused, says};

/// Bob, a reviewer, is away, and lets ann decide, who is none.
fn away(story: &mut Story) -> DelegationStatement {
    story.statement("bob", "ann", &["reviewers"])
}

/// Bob is away, and ann decides for him.
fn lent() -> (Story, Hash) {
    let mut story = Story::dev();
    let statement = away(&mut story);
    let id = story.delegate(statement);
    (story, id)
}

/// The same, with something that waits for a reviewer.
fn lent_and_asked() -> (Story, RequestId) {
    let (mut story, _) = lent();
    let request = story.submit("bot-1", "db.write");
    (story, request)
}

/// What the chain says to a delegation of bob's that was changed like this, and signed by him.
fn checked(
    story: &mut Story,
    change: impl FnOnce(&mut DelegationStatement),
) -> Result<(), TrustError> {
    let mut statement = away(story);
    change(&mut statement);
    let directory: Directory = story.directory();
    story.promised("bob", statement).check(&directory)
}

#[track_caller]
fn form(answer: Result<(), TrustError>) {
    assert!(matches!(answer, Err(TrustError::Form(_))), "{answer:?}");
}

#[track_caller]
fn contradicts(answer: Result<(), TrustError>) {
    let contradicts = matches!(answer, Err(TrustError::Contradiction(_)));
    assert!(contradicts, "{answer:?}");
}

#[test]
fn whoever_decides_for_a_reviewer_fills_the_seat_and_it_is_let_out() {
    let (mut story, id) = lent();
    let request = story.submit("bot-1", "db.write");
    let told = story.approve("ann", request).unwrap();
    assert_eq!(told.record().state, State::Redeemable);
    let named = |event| matches!(event, gatehold_core::entry::Event::Reviewed { delegations, .. } if delegations == [id].into());
    let entry = gatehold_core::entry::Entry::from_bytes(&told.write.leaf.record).unwrap();
    assert!(named(entry.event), "the review says by which delegation");
    assert!(story.redeem(request).unwrap().is_let_out());
}

#[test]
fn a_delegation_is_for_this_gate() {
    let mut story = Story::dev();
    assert_eq!(checked(&mut story, |_| {}), Ok(()));
    form(checked(&mut story, |said| {
        said.gate = "dev.other".parse().unwrap()
    }));
    form(checked(&mut story, |said| {
        said.type_ = "gatehold/other/v1".to_owned()
    }));
}

#[test]
fn a_delegation_is_signed_by_whoever_is_away() {
    let mut story = Story::dev();
    let statement = away(&mut story);
    let directory = story.directory();
    let by_another = story.promised("ann", statement).check(&directory);
    assert!(
        matches!(by_another, Err(TrustError::Signature { .. })),
        "{by_another:?}"
    );
}

#[test]
fn a_plain_key_gives_nothing_in_production() {
    let mut story = Story::production();
    let statement = story.statement("eve", "ann", &["reviewers"]);
    let directory = story.directory();
    let plain = story.promised("eve", statement).check(&directory);
    assert!(
        matches!(plain, Err(TrustError::Signature { .. })),
        "{plain:?}"
    );
    assert_eq!(checked(&mut story, |_| {}), Ok(()));
}

#[test]
fn it_is_given_to_somebody_else_who_is_there() {
    let mut story = Story::dev();
    contradicts(checked(&mut story, |said| said.to = human("bob")));
    contradicts(checked(&mut story, |said| {
        said.to = "ann@evil.example".parse().unwrap()
    }));
    story.revoke_key("ann");
    contradicts(checked(&mut story, |_| {}));
}

#[test]
fn only_ones_own_teams_are_given_and_none_that_came_from_another() {
    let (mut story, _) = lent();
    let onwards = story.statement("ann", "dia", &["reviewers"]);
    let directory = story.directory();
    contradicts(story.promised("ann", onwards).check(&directory));
}

#[test]
fn it_names_some_teams_and_no_empty_list() {
    let mut story = Story::dev();
    form(checked(&mut story, |said| said.teams.clear()));
    form(checked(&mut story, |said| {
        said.checkpoints = Some([].into())
    }));
}

#[test]
fn what_is_signed_and_what_is_said_of_it_are_short() {
    let mut story = Story::dev();
    form(checked(&mut story, |said| {
        said.nonce = "0".repeat(17 << 10)
    }));
    for (bytes, wrong) in [(1_000, false), (1_001, true)] {
        let reason = DelegationReason {
            text: "x".repeat(bytes),
            salt: "ab".to_owned(),
        };
        let reason = reason.to_bytes().unwrap();
        let said = DelegationReason::check(&reason, DelegationReason::hash_of(&reason));
        assert_eq!(said.is_err(), wrong, "{bytes} bytes: {said:?}");
    }
}

#[test]
fn it_ends_after_it_begins_and_within_thirty_days() {
    let mut story = Story::dev();
    let day = 86_400;
    for (days, wrong) in [(30, false), (31, true)] {
        let said = checked(&mut story, |said| {
            said.not_after = said.created_at.plus_seconds(days * day);
        });
        assert_eq!(said.is_err(), wrong, "{days} days: {said:?}");
    }
    form(checked(&mut story, |said| said.not_before = said.not_after));
}

#[test]
fn a_person_has_few_delegations_and_those_that_are_over_are_none() {
    let mut story = Story::dev();
    for _ in 0..8 {
        let statement = away(&mut story);
        story.delegate(statement);
    }
    contradicts(checked(&mut story, |_| {}));
    story.pass(3_700);
    let statement = away(&mut story);
    story.delegate(statement);
    assert_eq!(story.directory().delegations.len(), 1);
}

#[test]
fn one_that_was_ended_does_not_come_back() {
    let (mut story, id) = lent();
    let end = story.end_of(id, &["bob"]);
    story.tell(Intent::EndDelegation { end }).unwrap();
    let mut chain = Chain::default();
    let links = story.links();
    for (leaf, evidence) in &links {
        chain.add(*leaf, evidence, None).unwrap();
    }
    assert!(chain.directory().unwrap().delegations.is_empty());
    let given = |(_, evidence): &&(u64, Evidence)| matches!(evidence, Evidence::Delegation(_));
    let (leaf, given) = links.iter().find(given).unwrap();
    let again = chain.add(leaf + 100, given, None);
    assert_eq!(again, Err(TrustError::Repeated));
}

#[test]
fn a_signed_delegation_is_recorded_once() {
    let mut story = Story::dev();
    let statement = away(&mut story);
    let delegation = story.promised("bob", statement);
    let hand_in = |delegation: &SignedDelegation| Intent::Delegate {
        delegation: delegation.clone(),
        reason: reason(),
    };
    story.tell(hand_in(&delegation)).unwrap();
    let end = story.end_of(delegation.id(), &["ann"]);
    story.tell(Intent::EndDelegation { end }).unwrap();
    let again = story.tell(hand_in(&delegation));
    assert!(
        matches!(again, Err(No::Conflict(Conflict::Guard(Guard::Absent(..))))),
        "{again:?}"
    );
}

#[test]
fn a_delegation_is_recorded_when_it_was_signed_with_what_was_said() {
    let mut story = Story::dev();
    let claims = |answer: Result<_, No>| match answer {
        Err(No::Refused(said)) => said,
        other => panic!("this should have been refused: {other:?}"),
    };
    let mut old = away(&mut story);
    old.not_after = old.created_at.plus_seconds(86_400);
    let delegation = story.promised("bob", old);
    let hand_in = |delegation, reason| Intent::Delegate { delegation, reason };
    let other = story.tell(hand_in(
        delegation.clone(),
        b"{\"salt\":\"cd\",\"text\":\"\"}".to_vec(),
    ));
    assert!(claims(other).contains("not the one that was signed"));
    story.pass(3_700);
    let late = story.tell(hand_in(delegation, reason()));
    assert!(claims(late).contains("too long ago"));
}

#[test]
fn the_end_is_for_this_gate_and_signed_by_one_of_the_two_or_by_two_others() {
    let (mut story, id) = lent();
    let directory = story.directory();
    for (by, holds) in [
        (&["bob"][..], true),
        (&["ann"], true),
        (&["cem", "dia"], true),
        (&["cem"], false),
        (&[], false),
    ] {
        let said = story.end_of(id, by).check(&directory);
        assert_eq!(said.is_ok(), holds, "{by:?}: {said:?}");
    }
    let mut forged = story.end_of(id, &["bob"]);
    forged.signatures[0].signature = story.end_of(id, &["cem"]).signatures[0].signature.clone();
    let said = forged.check(&directory);
    assert!(
        matches!(said, Err(TrustError::Signature { .. })),
        "{said:?}"
    );
}

#[test]
fn an_end_of_another_gate_ends_nothing() {
    let (mut story, id) = lent();
    let mut directory = story.directory();
    let end = story.end_of(id, &["bob"]);
    assert_eq!(end.check(&directory), Ok(()));
    directory.origin = "dev.other".parse().unwrap();
    form(end.check(&directory));
}

#[test]
fn it_counts_within_its_time_alone() {
    let mut story = Story::dev();
    let statement = away(&mut story);
    let (begins, ends) = (statement.not_before, statement.not_after);
    story.delegate(statement);
    let request = story.submit("bot-1", "db.write");
    let task = story.record(request).envelope.task;
    let mut at = |millis: i64| {
        let now = gatehold_core::time::Timestamp::from_millis(millis);
        story.given_at("ann", request, Moment { now, task }).len()
    };
    assert_eq!([begins, ends].map(|now| at(now.millis())), [1, 1]);
    assert_eq!([at(begins.millis() - 1), at(ends.millis() + 1)], [0, 0]);
}

#[test]
fn it_ends_with_the_key_that_signed_it() {
    let (mut story, request) = lent_and_asked();
    assert_eq!(story.given("ann", request).len(), 1);
    story.revoke_key("bob");
    assert_eq!(story.given("ann", request), []);
}

#[test]
fn a_review_for_somebody_whose_key_was_revoked_lets_nothing_out() {
    let (mut story, request) = lent_and_asked();
    story.approve("ann", request).unwrap();
    story.revoke_key("bob");
    let told = story.redeem(request).unwrap();
    assert!(!told.is_let_out());
    assert_eq!(told.record().state, State::Held);
}

#[test]
fn it_ends_with_the_membership_it_rests_on() {
    let (mut story, request) = lent_and_asked();
    let without = TeamSet {
        team: "reviewers".parse().unwrap(),
        members: ["cem", "dia", "eve"].map(human).into(),
    };
    story.change("ann", "team.set", &without);
    assert_eq!(story.given("ann", request), []);
    let refusal = story.approve("ann", request);
    refused(refusal, &Refusal::NotEntitled);
}

#[test]
fn nobody_is_given_a_seat_by_whoever_asked() {
    let mut story = Story::dev();
    let statement = story.statement("cem", "ann", &["reviewers"]);
    story.delegate(statement);
    let own = story.submit("bot-1", "db.write");
    assert_eq!(story.given("ann", own), [], "cem owns it");
    refused(story.approve("ann", own), &Refusal::NotEntitled);
}

#[test]
fn one_task_is_one_task_and_ends_with_it() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let statement = DelegationStatement {
        task: Some(task),
        ..away(&mut story)
    };
    story.delegate(statement);
    let intent = story.submission("bot-1", task, "db.write");
    let inside = story.submitted(intent);
    let outside = story.submit("bot-1", "db.write");
    assert_eq!(story.given("ann", inside).len(), 1);
    assert_eq!(story.given("ann", outside), []);
    story.approve("ann", inside).unwrap();
    let call = story.call("bot-1");
    let told = story.tell(Intent::EndTask { call, task });
    assert!(told.is_ok());
    let ended: Task = story.row(Table::Task, &task).unwrap();
    assert_eq!(ended.state, TaskState::Ended);
    assert!(story.redeem(inside).is_err(), "its task has ended");
}

#[test]
fn nobody_decides_for_somebody_once_the_task_has_ended() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let statement = DelegationStatement {
        task: Some(task),
        ..away(&mut story)
    };
    story.delegate(statement);
    let intent = story.submission("bot-1", task, "db.write");
    let request = story.submitted(intent);
    let call = story.call("bot-1");
    story.tell(Intent::EndTask { call, task }).unwrap();
    refused(story.approve("ann", request), &Refusal::NotEntitled);
}

#[test]
fn it_counts_at_the_checkpoints_it_names() {
    let mut story = Story::dev();
    for (name, given) in [("one-reviewer", 1), ("two-owners", 0)] {
        let statement = DelegationStatement {
            checkpoints: Some([name.parse().unwrap()].into()),
            ..away(&mut story)
        };
        let id = story.delegate(statement);
        let request = story.submit("bot-1", "db.write");
        assert_eq!(story.given("ann", request).len(), given, "{name}");
        let end = story.end_of(id, &["bob"]);
        story.tell(Intent::EndDelegation { end }).unwrap();
    }
}

#[test]
fn nobody_changes_the_gate_for_another() {
    let mut story = Story::dev();
    let without = TeamSet {
        team: "everyone".parse().unwrap(),
        members: ["ann", "bob", "cem", "dia"].map(human).into(),
    };
    story.change("ann", "team.set", &without);
    let statement = story.statement("bob", "eve", &["everyone"]);
    story.delegate(statement);
    let intent = story.proposal("ann", "team.set", &without);
    let request = story.submitted(intent);
    assert_eq!(story.given("eve", request), []);
    refused(story.approve("eve", request), &Refusal::NotEntitled);
}

#[test]
fn where_whoever_was_away_decides_nobody_decides_for_them() {
    let (mut story, request) = lent_and_asked();
    let reviews = ["ann", "bob"].map(|name| signed(&mut story, name, request));
    let quorum = counted(&mut story, request, &reviews);
    assert_eq!(quorum.void, [(0, Void::Returned)]);
    assert_eq!(quorum.approvals.len(), 1);
    assert!(quorum.met);
}

#[test]
fn a_review_for_somebody_is_not_committed_after_that_has_ended() {
    let mut story = Story::dev();
    let mut statement = away(&mut story);
    statement.not_after = statement.created_at.plus_seconds(60);
    story.delegate(statement);
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("ann", request);
    let intent = story.review(&screen, |_, _| {});
    let in_hand = story.load(0, intent).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(61);
    let late = story.commit(&in_hand.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Deadline))),
        "{late:?}"
    );
}

#[test]
fn nothing_is_claimed_after_what_it_rests_on_has_ended() {
    let mut story = Story::dev();
    let mut statement = away(&mut story);
    statement.not_after = statement.created_at.plus_seconds(60);
    story.delegate(statement);
    let request = story.submit("bot-1", "db.write");
    story.approve("ann", request).unwrap();
    let intent = story.redemption(request);
    let in_hand = story.load(0, intent).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(61);
    let late = story.commit(&in_hand.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Deadline))),
        "{late:?}"
    );
    let told = story.redeem(request).unwrap();
    assert_eq!(told.record().state, State::Held, "people decide again");
}

/// A team has these members from now on.
fn team(story: &mut Story, team: &str, members: &[&str]) {
    let set = TeamSet {
        team: team.parse().unwrap(),
        members: members.iter().map(|name| human(name)).collect(),
    };
    story.change("ann", "team.set", &set);
}

#[test]
fn a_review_that_was_signed_before_a_delegation_is_not_by_it() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let before = signed(&mut story, "ann", request);
    let statement = away(&mut story);
    story.delegate(statement);
    let quorum = counted(&mut story, request, &[before]);
    assert_eq!(quorum.void, [(0, Void::NotEntitled)]);
    let since = signed(&mut story, "ann", request);
    assert!(counted(&mut story, request, &[since]).met);
}

#[test]
fn a_later_delegation_fills_no_seat_with_a_review_that_is_kept() {
    let mut story = Story::dev();
    team(&mut story, "reviewers", &["bob", "cem"]);
    // Ann and eve have a seat at the second of them alone.
    story.activate(says("db.write", "hold", &[0, 5]));
    let request = story.submit("bot-1", "db.write");
    let told = story.approve("ann", request).unwrap();
    assert_eq!(told.record().state, State::Held);
    let statement = away(&mut story);
    story.delegate(statement);
    let told = story.approve("eve", request).unwrap();
    assert_eq!(told.record().state, State::Held, "nobody reviewed for bob");
    let told = story.approve("bob", request).unwrap();
    assert_eq!(told.record().state, State::Redeemable);
}

#[test]
fn what_was_signed_for_others_is_kept_with_the_review_and_is_what_was_signed() {
    let (mut story, request) = lent_and_asked();
    let kept = signed(&mut story, "ann", request);
    let authority = kept.authority.clone().unwrap();
    let mut without = kept.clone();
    without.authority = None;
    let quorum = counted(&mut story, request, &[without]);
    assert_eq!(quorum.void, [(0, Void::NotEntitled)]);
    let mut wider = kept.clone();
    wider.authority = Some(authority.replace("\"reviewers\"", "\"owners\",\"reviewers\""));
    let quorum = counted(&mut story, request, &[wider]);
    let another = Void::Review(ReviewError::Other("authority"));
    assert_eq!(quorum.void, [(0, another)]);
    assert!(counted(&mut story, request, &[kept]).met);
    // Of whoever decides for themselves nothing is kept.
    assert_eq!(signed(&mut story, "bob", request).authority, None);
}

#[test]
fn an_authority_that_no_row_could_keep_is_refused() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let mut long = signed(&mut story, "bob", request);
    long.authority = Some(" ".repeat((64 << 10) + 1));
    let quorum = counted(&mut story, request, &[long]);
    let form = matches!(&quorum.void[..], [(0, Void::Review(ReviewError::Form(_)))]);
    assert!(form, "{:?}", quorum.void);
}

#[test]
fn one_signature_is_not_for_oneself_and_for_another() {
    let mut story = Story::dev();
    team(&mut story, "reviewers", &["bob", "dia"]);
    // Cem has a seat by name at the second of them, and bob's at the first.
    story.activate(says("db.write", "hold", &[0, 4]));
    let statement = story.statement("bob", "cem", &["reviewers"]);
    story.delegate(statement);
    let request = story.submit("bot-2", "db.write");
    let told = story.approve("cem", request).unwrap();
    assert_eq!(told.record().state, State::Held);
    let told = story.approve("dia", request).unwrap();
    assert_eq!(told.record().state, State::Redeemable);
    assert!(story.redeem(request).unwrap().is_let_out());
}

#[test]
fn what_a_passkey_signed_ends_with_the_pages_that_may_ask_it() {
    let mut story = Story::production();
    team(&mut story, "reviewers", &["bob", "cem", "eve"]);
    let statement = story.statement("cem", "dia", &["reviewers"]);
    story.delegate(statement);
    let request = story.submit("bot-2", "db.write");
    assert_eq!(story.given("dia", request).len(), 1);
    let none = ConfigChange { consoles: vec![] };
    story.change("ann", "config.change", &none);
    assert_eq!(story.given("dia", request), []);
    refused(story.approve("dia", request), &Refusal::NotEntitled);
}

#[test]
fn a_decision_is_not_committed_after_what_an_earlier_review_rests_on_has_ended() {
    let mut story = Story::dev();
    team(&mut story, "reviewers", &["bob", "cem"]);
    team(&mut story, "owners", &["cem", "eve"]);
    story.activate(says("db.write", "hold", &[0, 3]));
    let mut statement = away(&mut story);
    statement.not_after = statement.created_at.plus_seconds(60);
    story.delegate(statement);
    let request = story.submit("bot-1", "db.write");
    let told = story.approve("ann", request).unwrap();
    assert_eq!(told.record().state, State::Held);
    let screen = story.open("eve", request);
    let intent = story.review(&screen, |_, _| {});
    let in_hand = story.load(0, intent).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(61);
    let late = story.commit(&in_hand.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Deadline))),
        "{late:?}"
    );
    let told = story.approve("eve", request).unwrap();
    assert_eq!(told.record().state, State::Held, "one seat is open again");
}
