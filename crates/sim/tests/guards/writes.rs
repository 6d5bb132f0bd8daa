//! What a write insists on, besides the versions of its rows: keys that exist once, counters, and the store's clock.

use gatehold_core::commit::{Conflict, Guard, RowKey, Table};
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::directory::Lifecycle;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::task::Boundary;
use gatehold_core::trust::change::TeamSet;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::rules::ACTIONS;
use gatehold_sim::simulator::story::{No, Story, Told};
use gatehold_sim::simulator::work::Intent;

use crate::{refused, says};

/// A key that exists once was there already.
#[track_caller]
fn once(answer: Result<Told, No>) {
    let taken = matches!(
        &answer,
        Err(No::Conflict(Conflict::Guard(Guard::Absent(..))))
    );
    assert!(taken, "this counts once: {answer:?}");
}

#[track_caller]
fn too_late(answer: Result<Told, No>) {
    let late = matches!(&answer, Err(No::Conflict(Conflict::Deadline)));
    assert!(late, "the time was over: {answer:?}");
}

#[track_caller]
fn overtaken(answer: Result<Told, No>) {
    let overtaken = matches!(&answer, Err(No::Conflict(Conflict::Guard(_))));
    assert!(overtaken, "the world had changed: {answer:?}");
}

#[test]
fn a_request_put_back_is_not_claimed_again() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    let grant = story.record(request).grant.unwrap();
    assert!(story.redeem(request).unwrap().is_let_out());
    story.put_back(&RowKey::new(Table::Request, &request));
    story.put_back(&RowKey::new(Table::Grant, &grant));
    once(story.redeem(request));
}

#[test]
fn a_change_put_back_is_not_applied_again() {
    let mut story = Story::believing_rows(true);
    let set = TeamSet {
        team: "owners".parse().unwrap(),
        members: [human("ann"), human("bob")].into(),
    };
    let request = story.change("ann", "team.set", &set);
    let grant = story.record(request).grant.unwrap();
    story.put_back(&RowKey::new(Table::Request, &request));
    story.put_back(&RowKey::new(Table::Grant, &grant));
    once(story.redeem(request));
}

#[test]
fn one_call_redeems_one_request() {
    let mut story = Story::dev();
    let (one, two) = (
        story.submit("bot-0", "mail.send"),
        story.submit("bot-0", "mail.send"),
    );
    let call = story.call("bot-0");
    let redeem = |request| Intent::Redeem {
        call: call.clone(),
        request,
    };
    assert!(story.tell(redeem(one)).unwrap().is_let_out());
    once(story.tell(redeem(two)));
}

#[test]
fn one_call_takes_one_request_back() {
    let mut story = Story::dev();
    let [one, two] = [0, 1].map(|_| story.submit("bot-1", "db.write"));
    let call = story.call("bot-1");
    let withdraw = |request| Intent::Withdraw {
        call: call.clone(),
        request,
    };
    assert!(story.tell(withdraw(one)).is_ok());
    once(story.tell(withdraw(two)));
}

#[test]
fn one_call_answers_one_request() {
    let mut story = Story::dev();
    let [one, two] = [0, 1].map(|_| story.submit("bot-1", "db.write"));
    let call = story.call("bot-1");
    for request in [one, two] {
        let ask = Intent::Act {
            by: ActBy::Human(human("bob")),
            kind: ActKind::Ask,
            request,
        };
        assert!(story.tell(ask).is_ok());
    }
    let answer = |request| Intent::Act {
        by: ActBy::Requester {
            key: call.key,
            nonce: call.nonce(),
        },
        kind: ActKind::Answer,
        request,
    };
    assert!(story.tell(answer(one)).is_ok());
    once(story.tell(answer(two)));
}

#[test]
fn one_call_ends_one_request_that_policy_forbids_by_now() {
    let mut story = Story::dev();
    let [one, two] = [0, 1].map(|_| story.submit("bot-0", "mail.send"));
    story.activate(says("mail.send", "deny", &[]));
    let call = story.call("bot-0");
    let redeem = |request| Intent::Redeem {
        call: call.clone(),
        request,
    };
    assert!(!story.tell(redeem(one)).unwrap().is_let_out());
    once(story.tell(redeem(two)));
}

#[test]
fn a_review_of_a_request_put_back_is_not_stored_again() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, _| {});
    assert!(story.tell(review.clone()).is_ok());
    story.put_back(&RowKey::new(Table::Request, &request));
    once(story.tell(review));
}

#[test]
fn the_last_free_hold_is_taken_once() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    for _ in 1..story.settings().open_holds_max {
        let intent = story.submission("bot-1", task, "db.write");
        story.submitted(intent);
    }
    let in_hand = [0, 1].map(|process| {
        let intent = story.submission("bot-1", task, "db.write");
        story.load(process, intent).unwrap()
    });
    let [one, two] = in_hand.map(|in_hand| (story.decide(&in_hand).unwrap(), in_hand.intent));
    assert!(story.commit(&one.1, one.0).is_ok());
    overtaken(story.commit(&two.1, two.0));
}

#[test]
fn whoever_is_too_late_to_decide_is_too_late_to_begin_the_time_anew() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    story.activate(says("db.write", "hold", &[0, 1]));
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, _| {});
    let in_hand = story.load(0, review).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(601);
    too_late(story.commit(&in_hand.intent, decided));
}

#[test]
fn a_change_is_not_applied_after_its_time() {
    let mut story = Story::dev();
    let set = TeamSet {
        team: "owners".parse().unwrap(),
        members: [human("ann"), human("bob")].into(),
    };
    let intent = story.proposal("ann", "team.set", &set);
    let request = story.submitted(intent);
    for name in ["bob", "cem"] {
        story.approve(name, request).unwrap();
    }
    let redeem = story.redemption(request);
    let in_hand = story.load(0, redeem).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(1_201);
    too_late(story.commit(&in_hand.intent, decided));
}

#[test]
fn a_pause_between_reading_and_writing_stops_the_write() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let odd = story.submission("bot-1", task, "db.write");
    let odd = story.submitted(odd);
    let intent = story.submission("bot-1", task, "db.read");
    let in_hand = story.load(0, intent).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    let suspicious = Intent::Act {
        by: ActBy::Human(human("bob")),
        kind: ActKind::Suspicious,
        request: odd,
    };
    assert_eq!(
        story.tell(suspicious).unwrap().record().state,
        State::Denied
    );
    overtaken(story.commit(&in_hand.intent, decided));
}

/// Nobody could resume a person: one reviewer would bar the others from every change of the gate, lifting a stop included.
#[test]
fn a_person_whose_change_looks_odd_is_denied_and_not_paused() {
    let mut story = Story::dev();
    let set = TeamSet {
        team: "owners".parse().unwrap(),
        members: [human("ann"), human("bob")].into(),
    };
    let odd = story.proposal("ann", "team.set", &set);
    let odd = story.submitted(odd);
    let suspicious = Intent::Act {
        by: ActBy::Human(human("bob")),
        kind: ActKind::Suspicious,
        request: odd,
    };
    assert_eq!(
        story.tell(suspicious).unwrap().record().state,
        State::Denied
    );
    let again = story.proposal("ann", "team.set", &set);
    assert_eq!(story.tell(again).unwrap().record().state, State::Held);
}

#[test]
fn one_call_ends_one_task() {
    let mut story = Story::dev();
    let tasks = [story.start("bot-0"), story.start("bot-0")];
    let call = story.call("bot-0");
    let [one, two] = tasks.map(|task| Intent::EndTask {
        call: call.clone(),
        task,
    });
    assert!(story.tell(one).is_ok());
    once(story.tell(two));
}

#[test]
fn a_suspended_workload_begins_no_task() {
    let mut story = Story::dev();
    let mut suspended = story.workload("bot-0");
    suspended.lifecycle = Lifecycle::Suspended;
    story.change("ann", "nhi.create", &suspended);
    let call = story.call("bot-0");
    let start = Intent::StartTask {
        call,
        on_behalf_of: None,
        boundary: None,
    };
    refused(
        story.tell(start),
        &Refusal::NotYours("the workload is not active"),
    );
}

#[test]
fn who_asks_after_the_time_of_the_task_is_told_so() {
    let mut story = Story::dev();
    let boundary = Boundary {
        descriptors: ACTIONS.map(|name| name.parse().unwrap()).into(),
        targets: ["db".parse().unwrap()].into(),
        resources: Default::default(),
        steps: 100,
        not_after: story.shelf().now().plus_seconds(60),
    };
    let task = story.start_with("bot-0", None, Some(boundary));
    story.pass(61);
    let intent = story.submission("bot-0", task, "db.read");
    refused(story.tell(intent), &Refusal::Task("its time is over"));
}

#[test]
fn who_asks_in_time_and_is_written_after_the_task_has_asked_too_late() {
    let mut story = Story::dev();
    let boundary = Boundary {
        descriptors: ACTIONS.map(|name| name.parse().unwrap()).into(),
        targets: ["db".parse().unwrap()].into(),
        resources: Default::default(),
        steps: 100,
        not_after: story.shelf().now().plus_seconds(60),
    };
    let task = story.start_with("bot-0", None, Some(boundary));
    let intent = story.submission("bot-0", task, "db.read");
    let in_hand = story.load(0, intent).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(61);
    too_late(story.commit(&in_hand.intent, decided));
}

#[test]
fn a_workload_whose_time_ends_between_deciding_and_writing_does_nothing() {
    let mut story = Story::dev();
    let allowed = story.submit("bot-0", "mail.send");
    let mut ending = story.workload("bot-0");
    ending.not_after = story.shelf().now().plus_seconds(50);
    story.change("ann", "nhi.create", &ending);
    let task = story.start("bot-0");
    let call = story.call("bot-0");
    let start = Intent::StartTask {
        call,
        on_behalf_of: None,
        boundary: None,
    };
    let submit = story.submission("bot-0", task, "db.read");
    let redeem = story.redemption(allowed);
    let in_hand = [start, submit, redeem].map(|intent| story.load(0, intent).unwrap());
    let decided = in_hand.map(|in_hand| (story.decide(&in_hand).unwrap(), in_hand.intent));
    story.pass(51);
    for (decided, intent) in decided {
        too_late(story.commit(&intent, decided));
    }
}

#[test]
fn who_left_the_team_between_reading_and_writing_does_not_act_in_it() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let act = Intent::Act {
        by: ActBy::Human(human("bob")),
        kind: ActKind::Deny,
        request,
    };
    let in_hand = story.load(0, act).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    let without = TeamSet {
        team: "reviewers".parse().unwrap(),
        members: [human("cem"), human("dia"), human("eve")].into(),
    };
    story.change("ann", "team.set", &without);
    overtaken(story.commit(&in_hand.intent, decided));
}
