//! Proof at the moment of use: whatever stands in the rows by then, only what was asked for and signed gets out.

use gatehold_core::commit::Table;
use gatehold_core::decide::Release;
use gatehold_core::directory::Lifecycle;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::review::ReviewAct;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::story::{Story, id_of};
use gatehold_sim::simulator::work::Intent;

use crate::{ends_as, refused, says};

fn damaged() -> Refusal {
    Refusal::NotProven("")
}

#[test]
fn an_edited_envelope_lets_nothing_out() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.envelope.caps.insert("rows".to_owned(), 1_000_000);
    });
    refused(story.redeem(request), &damaged());
}

#[test]
fn a_row_with_wider_limits_lets_out_no_more_than_was_asked_for() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    let asked = story.record(request).limits;
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.limits.ttl_seconds = 86_400;
        record.limits.uses = 9;
        record.limits.caps.insert("rows".to_owned(), 1_000_000);
    });
    let told = story.redeem(request).expect("it is allowed");
    let Some(Release::Approved(approved, _)) = told.release else {
        panic!("it is let out");
    };
    assert!(approved.limits().within(&asked), "{:?}", approved.limits());
}

#[test]
fn an_edited_requester_lets_nothing_out() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        if let Requester::Workload { owner, .. } = &mut record.requester {
            *owner = human("nobody");
        }
    });
    refused(story.redeem(request), &damaged());
}

#[test]
fn a_row_from_which_the_owner_was_taken_away_does_not_free_the_owner() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "db.write");
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        if let Requester::Workload {
            owner,
            backup,
            proposer,
            ..
        } = &mut record.requester
        {
            *owner = human("nobody");
            *backup = human("nobody");
            *proposer = human("nobody");
        }
        record.request_hash = record.computed_request_hash();
    });
    let own = story.workload("bot-1").owner;
    refused(story.approve(own.subject(), request), &Refusal::OwnRequest);
}

#[test]
fn a_row_cannot_hand_one_workloads_action_to_another() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-0", "mail.send");
    let thief = story.key_of("bot-1");
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        if let Requester::Workload { id, key, .. } = &mut record.requester {
            *id = id_of("bot-1");
            *key = thief;
        }
        record.request_hash = record.computed_request_hash();
    });
    refused(story.redeem(request), &damaged());
}

#[test]
fn a_suspended_workload_uses_nothing() {
    let mut story = Story::dev();
    let request = story.submit("bot-0", "mail.send");
    let mut suspended = story.workload("bot-0");
    suspended.lifecycle = Lifecycle::Suspended;
    story.change("ann", "nhi.create", &suspended);
    refused(story.redeem(request), &Refusal::UnknownPrincipal);
}

#[test]
fn what_policy_forbids_by_now_ends() {
    let mut story = Story::dev();
    let request = story.submit("bot-0", "mail.send");
    story.activate(says("mail.send", "deny", &[]));
    ends_as(story.redeem(request), State::Denied);
}

#[test]
fn what_policy_holds_by_now_is_held() {
    let mut story = Story::dev();
    let request = story.submit("bot-0", "mail.send");
    story.activate(says("mail.send", "hold", &[0]));
    ends_as(story.redeem(request), State::Held);
}

#[test]
fn another_requirement_under_the_signed_hash_is_refused() {
    let mut story = Story::believing_rows(true);
    story.activate(says("db.write", "hold", &[6]));
    let strict = story.submit("bot-1", "db.write");
    story.activate(says("db.write", "hold", &[0]));
    let request = story.submit("bot-1", "db.write");
    assert!(story.approve("bob", request).is_ok());
    let other = story.record(strict).held.unwrap().requirement;
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.held.as_mut().unwrap().requirement = other;
    });
    refused(story.redeem(request), &damaged());
}

#[test]
fn what_nobody_signed_for_is_held_again() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    assert!(story.approve("bob", request).is_ok());
    story.activate(says("db.write", "hold", &[0, 1]));
    ends_as(story.redeem(request), State::Held);
}

#[test]
fn a_denial_among_the_reviews_ends_it() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("eve", request);
    let denial = story.review(&screen, |context, _| context.act = ReviewAct::Deny);
    assert!(story.approve("bob", request).is_ok());
    let Intent::Review { review, .. } = denial else {
        panic!("a review is a review");
    };
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.reviews.push(review);
    });
    ends_as(story.redeem(request), State::Denied);
}

#[test]
fn a_reviewer_without_force_fills_no_seat_at_use() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    assert!(story.approve("bob", request).is_ok());
    story.revoke_key("bob");
    ends_as(story.redeem(request), State::Held);
}

#[test]
fn more_time_than_people_signed_for_lets_nothing_out() {
    let mut story = Story::believing_rows(true);
    let request = story.submit("bot-1", "db.write");
    assert!(story.approve("bob", request).is_ok());
    story.edit(Table::Request, &request, |record: &mut RequestRecord| {
        record.spend_by = record.spend_by.plus_seconds(3_600);
    });
    refused(story.redeem(request), &damaged());
}
