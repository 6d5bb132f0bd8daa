//! A review as it arrives: by somebody who may, about what they were shown, no wider than what was asked.

use gatehold_core::decide::{ActBy, ActKind};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::story::Story;
use gatehold_sim::simulator::work::Intent;

use crate::{ends_as, refused, says};

#[test]
fn limits_can_only_be_lowered() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |context, _| {
        context.limits.ttl_seconds += 1;
    });
    refused(story.tell(review), &Refusal::Limits);
}

#[test]
fn answers_are_those_that_were_signed() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, answers| {
        "of somebody else".clone_into(&mut answers.justification);
    });
    refused(story.tell(review), &Refusal::ChangedSinceShown);
}

#[test]
fn a_review_answers_the_screen_that_was_opened_for_it() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let (one, two) = (story.open("bob", request), story.open("bob", request));
    let review = story.review(&one, |_, _| {});
    let Intent::Review {
        request,
        review,
        answers,
        ..
    } = review
    else {
        panic!("a review is a review");
    };
    let elsewhere = Intent::Review {
        request,
        review,
        answers,
        screen: two.context.review_nonce,
    };
    refused(story.tell(elsewhere), &Refusal::ChangedSinceShown);
}

#[test]
fn every_criterion_is_answered_with_yes() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let mut screen = story.open("bob", request);
    let criterion = screen.criteria.pop().unwrap();
    let review = story.review(&screen, |_, _| {});
    refused(story.tell(review), &Refusal::Criterion(criterion));
}

#[test]
fn nobody_decides_on_a_request_of_their_own() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    refused(story.approve("cem", request), &Refusal::OwnRequest);
}

#[test]
fn nobody_decides_where_they_are_not_entitled() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    refused(story.approve("ann", request), &Refusal::NotEntitled);
    let act = Intent::Act {
        by: ActBy::Human(human("ann")),
        kind: ActKind::Deny,
        request,
    };
    refused(story.tell(act), &Refusal::NotEntitled);
}

#[test]
fn what_policy_forbids_by_the_time_of_the_review_ends() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    story.activate(says("db.write", "deny", &[]));
    ends_as(story.approve("bob", request), State::Denied);
}
