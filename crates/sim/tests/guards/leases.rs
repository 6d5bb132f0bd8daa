//! Leases: handed over once and in time, ended by somebody known, gone only by the one way there is.

use gatehold_core::commit::{Conflict, Table};
use gatehold_core::directory::Lifecycle;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::{GrantId, HumanId};
use gatehold_core::lease::{LeaseEvent, OVERDUE_SECONDS};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::task::Chain;
use gatehold_core::trust::change::NhiCreate;
use gatehold_core::workload::WorkloadAssurance;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::rules::Rules;
use gatehold_sim::simulator::story::{No, Story};
use gatehold_sim::simulator::target::ACCESS;
use gatehold_sim::simulator::work::Intent;

use crate::{refused, says};

/// A credential whose making is claimed, and of which nothing more is known.
fn claimed(story: &mut Story) -> GrantId {
    let task = story.start("bot-0");
    story.claim_access("bot-0", task).1
}

fn state(story: &Story, grant: GrantId) -> GrantState {
    story.row::<Grant>(Table::Grant, &grant).unwrap().state
}

#[test]
fn the_step_of_a_lease_is_about_the_request_that_its_grant_came_from() {
    let mut story = Story::believing_rows(true);
    let task = story.start("bot-0");
    let (request, grant) = story.claim_access("bot-0", task);
    let (_, other) = story.claim_access("bot-0", task);
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.grant = Some(other);
    });
    refused(
        story.lease_step(grant, LeaseEvent::Ended),
        &Refusal::NotProven("grant"),
    );
}

#[test]
fn a_lease_goes_no_way_but_its_own() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    let wrong = |state| Refusal::WrongState { state };
    for early in [
        LeaseEvent::Overdue,
        LeaseEvent::Verified,
        LeaseEvent::Returned,
    ] {
        refused(story.lease_step(grant, early), &wrong("active"));
    }
    story.lease_step(grant, LeaseEvent::Issued).unwrap();
    story.lease_step(grant, LeaseEvent::Ended).unwrap();
    for late in [LeaseEvent::Issued, LeaseEvent::Ended, LeaseEvent::Returned] {
        refused(story.lease_step(grant, late), &wrong("revoking"));
    }
    story.target_has_nothing(grant);
    story.lease_step(grant, LeaseEvent::Verified).unwrap();
    assert_eq!(state(&story, grant), GrantState::Revoked);
    for over in [LeaseEvent::Issued, LeaseEvent::Ended, LeaseEvent::Verified] {
        refused(story.lease_step(grant, over), &wrong("revoked"));
    }
    // And back again, as often as its target has it.
    story.lease_step(grant, LeaseEvent::Returned).unwrap();
    assert_eq!(state(&story, grant), GrantState::Revoking);
    assert_eq!(story.lease(grant).returned, 1);
}

#[test]
fn a_credential_is_handed_over_once() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    story.lease_step(grant, LeaseEvent::Issued).unwrap();
    refused(
        story.lease_step(grant, LeaseEvent::Issued),
        &Refusal::WrongState { state: "active" },
    );
}

#[test]
fn a_credential_that_nobody_waits_for_is_not_handed_over() {
    let mut story = Story::believing_rows(true);
    let task = story.start("bot-0");
    let (request, grant) = story.claim_access("bot-0", task);
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.state = State::Unknown;
    });
    refused(
        story.lease_step(grant, LeaseEvent::Issued),
        &Refusal::WrongState { state: "unknown" },
    );
}

#[test]
fn a_credential_that_was_made_after_its_time_is_not_handed_over() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    story.pass(301);
    refused(
        story.lease_step(grant, LeaseEvent::Issued),
        &Refusal::TooLate("the lease"),
    );
    // Nor by a process whose clock is behind.
    story.skew(0, -300);
    let late = story.lease_step(grant, LeaseEvent::Issued);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Deadline))),
        "{late:?}"
    );
}

#[test]
fn a_credential_whose_making_is_stored_after_its_time_is_not_handed_over() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    let issued = story.step_of(grant, LeaseEvent::Issued, None);
    let in_hand = story.load(0, issued).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.pass(301);
    let late = story.commit(&in_hand.intent, decided);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Deadline))),
        "{late:?}"
    );
}

#[test]
fn a_credential_that_was_made_after_its_task_is_not_handed_over() {
    let mut story = Story::dev();
    let task = story.start("bot-0");
    let (_, grant) = story.claim_access("bot-0", task);
    let call = story.call("bot-0");
    story.tell(Intent::EndTask { call, task }).unwrap();
    refused(
        story.lease_step(grant, LeaseEvent::Issued),
        &Refusal::Task("it has ended"),
    );
}

/// Whoever asked was suspended while it was made.
#[test]
fn a_credential_is_not_handed_to_a_key_that_lost_its_force() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    let suspended = NhiCreate {
        lifecycle: Lifecycle::Suspended,
        ..story.workload("bot-0")
    };
    story.change("ann", "nhi.create", &suspended);
    refused(
        story.lease_step(grant, LeaseEvent::Issued),
        &Refusal::UnknownPrincipal,
    );
}

#[test]
fn nobody_who_is_unknown_ends_a_lease() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    let stranger = HumanId::new("evil.example", "ann").unwrap();
    let ended = story.step_of(grant, LeaseEvent::Ended, Some(stranger));
    refused(story.tell(ended), &Refusal::NotEntitled);
    let ended = story.step_of(grant, LeaseEvent::Ended, Some(human("bob")));
    story.tell(ended).unwrap();
    assert_eq!(state(&story, grant), GrantState::Revoking);
}

#[test]
fn people_are_told_once_that_a_lease_is_overdue_and_not_before_it_is() {
    let mut story = Story::dev();
    let grant = claimed(&mut story);
    story.lease_step(grant, LeaseEvent::Ended).unwrap();
    let wrong = Refusal::WrongState { state: "revoking" };
    story.pass(i64::from(OVERDUE_SECONDS) - 1);
    refused(story.lease_step(grant, LeaseEvent::Overdue), &wrong);
    story.pass(1);
    story.lease_step(grant, LeaseEvent::Overdue).unwrap();
    refused(story.lease_step(grant, LeaseEvent::Overdue), &wrong);
}

#[test]
fn a_workload_that_shares_its_host_is_given_no_credential() {
    let mut story = Story::dev();
    let local = NhiCreate {
        assurance: WorkloadAssurance::Local,
        ..story.workload("bot-0")
    };
    story.change("ann", "nhi.create", &local);
    let request = story.submit("bot-0", ACCESS);
    refused(
        story.redeem(request),
        &Refusal::NotYours("a credential is handed to a workload whose key is its own"),
    );
}

/// Policy says no, and a credential lives.
fn denied(story: &mut Story) -> GrantId {
    let grant = claimed(story);
    story.lease_step(grant, LeaseEvent::Issued).unwrap();
    story.activate(says(ACCESS, "deny", &[]));
    grant
}

#[test]
fn what_lives_is_asked_about_under_the_active_bundle_alone() {
    let mut story = Story::dev();
    let grant = denied(&mut story);
    let intent = story.asking_again(grant);
    let mut in_hand = story.load(0, intent).unwrap();
    let old = Rules::first(true);
    in_hand.loaded.evaluated = Some(old.evaluate(ACCESS, &Chain::default(), None));
    let answer = story.decide(&in_hand).map(drop);
    let Err(No::Refused(why)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(why, Refusal::Stale.to_string());
    assert_eq!(state(&story, grant), GrantState::Active);

    story.ask_again(grant).unwrap();
    assert_eq!(state(&story, grant), GrantState::Revoking);
}

#[test]
fn what_policy_said_of_a_lease_is_stored_under_the_directory_it_said_it_under() {
    let mut story = Story::dev();
    let grant = denied(&mut story);
    let intent = story.asking_again(grant);
    let in_hand = story.load(0, intent).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.activate(says(ACCESS, "hold", &[0]));
    let late = story.commit(&in_hand.intent, decided).map(drop);
    assert!(
        matches!(late, Err(No::Conflict(Conflict::Guard(_)))),
        "{late:?}"
    );
}
