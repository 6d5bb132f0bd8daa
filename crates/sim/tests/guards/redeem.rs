//! Redemption: its own grant, within its window, in a task that is open, and past no stop.

use gatehold_core::commit::Table;
use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::hash::Hash;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::task::{Boundary, Task};
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::rules::ACTIONS;
use gatehold_sim::simulator::story::Story;
use gatehold_sim::simulator::work::Intent;

use crate::refused;

#[test]
fn a_grant_of_another_action_permits_nothing() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    let grant = story.record(request).grant.unwrap();
    story.edit(Table::Grant, &grant, |grant: &mut Grant| {
        grant.digest = Hash::of(b"another");
    });
    refused(story.redeem(request), &Refusal::NotProven(""));
}

#[test]
fn a_grant_that_has_ended_permits_nothing() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    let grant = story.record(request).grant.unwrap();
    story.edit(Table::Grant, &grant, |grant: &mut Grant| {
        grant.state = GrantState::Ended;
    });
    refused(story.redeem(request), &Refusal::TooLate("the grant"));
}

#[test]
fn a_paused_workload_uses_nothing_that_was_allowed_before() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let allowed = story.submission("bot-1", task, "mail.send");
    let allowed = story.submitted(allowed);
    let odd = story.submission("bot-1", task, "db.write");
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
    refused(story.redeem(allowed), &Refusal::Stopped("workload_paused"));
}

#[test]
fn a_purpose_does_not_change_under_a_request() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    let task = story.record(request).envelope.task.unwrap();
    story.edit(Table::Task, &task, |task: &mut Task| {
        task.purpose = Hash::of(b"another");
    });
    refused(
        story.redeem(request),
        &Refusal::Task("it has another purpose"),
    );
}

#[test]
fn nothing_is_used_after_the_time_of_its_task() {
    let mut story = Story::dev();
    let not_after = story.shelf().now().plus_seconds(60);
    let task = story.start_with("bot-0", None, Some(until(not_after)));
    let intent = story.submission("bot-0", task, "mail.send");
    let request = story.submitted(intent);
    story.pass(61);
    refused(story.redeem(request), &Refusal::Task("its time is over"));
}

#[test]
fn a_window_that_people_signed_ends_when_they_said() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "db.write");
    let now = story.shelf().now();
    let screen = story.open("bob", request);
    let review = story.review(&screen, |context, _| {
        context.limits.not_after = now.plus_seconds(30);
    });
    story.tell(review).unwrap();
    let grant = story.record(request).grant.unwrap();
    story.edit(Table::Grant, &grant, |grant: &mut Grant| {
        grant.limits.not_after = now.plus_seconds(600);
        grant.expires_at = now.plus_seconds(600);
    });
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.limits.not_after = now.plus_seconds(600);
    });
    story.pass(31);
    refused(
        story.redeem(request),
        &Refusal::TooLate("the window of the decision"),
    );
}

#[test]
fn what_is_held_cannot_be_used() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    refused(
        story.redeem(request),
        &Refusal::WrongState { state: "held" },
    );
}

#[test]
fn nothing_is_used_after_its_time() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    story.approve("bob", request).unwrap();
    story.pass(1_201);
    refused(
        story.redeem(request),
        &Refusal::TooLate("the time to use it"),
    );
}

fn until(not_after: gatehold_core::time::Timestamp) -> Boundary {
    Boundary {
        descriptors: ACTIONS.map(|name| name.parse().unwrap()).into(),
        targets: ["db".parse().unwrap()].into(),
        resources: Default::default(),
        steps: 100,
        not_after,
    }
}
