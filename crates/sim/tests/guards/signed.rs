//! What was signed: a context in which one member is another proves nothing about this request.

use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::hash::Hash;
use gatehold_core::review::{
    Answers, ReviewContext, ReviewError, Subject, UnverifiedReview, VerifiedReview,
};
use gatehold_sim::simulator::story::Story;
use gatehold_sim::simulator::work::Intent;

type Swap = fn(&mut ReviewContext, &mut Answers);

#[test]
fn a_context_with_one_member_swapped_proves_nothing() {
    let swaps: [(&str, Swap); 8] = [
        ("kind of document", |context, _| {
            context.type_ = "another/v1".to_owned();
        }),
        ("gate", |context, _| {
            context.gate = "dev.other".parse().unwrap();
        }),
        ("request", |context, _| {
            context.request = "req_00000000000000000000000000000001".parse().unwrap();
        }),
        ("submission", |context, _| {
            context.request_hash = Hash::of(b"another");
        }),
        ("action", |context, _| {
            context.digest = Hash::of(b"another");
        }),
        ("rendering", |context, _| {
            context.display_hash = Hash::of(b"another");
        }),
        ("requirement", |context, _| {
            context.requirement_hash = Hash::of(b"another");
        }),
        ("time to spend", |context, _| {
            context.spend_by = context.spend_by.plus_seconds(3_600);
        }),
    ];
    assert!(verified(|_, _| {}).is_ok());
    for (what, swap) in swaps {
        assert_eq!(verified(swap).unwrap_err(), ReviewError::Other(what));
    }
}

fn verified(swap: Swap) -> Result<VerifiedReview, ReviewError> {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let Intent::Review { review, .. } = story.review(&screen, swap) else {
        panic!("a review is a review");
    };
    verify(&mut story, &review, request)
}

fn verify(
    story: &mut Story,
    review: &UnverifiedReview,
    request: gatehold_core::ids::RequestId,
) -> Result<VerifiedReview, ReviewError> {
    let (record, directory) = (story.record(request), story.directory());
    let subject = Subject {
        gate: &directory.origin,
        request,
        request_hash: record.request_hash,
        digest: record.digest,
        display_hash: record.display_hash,
        requirement_hash: record.held.as_ref().unwrap().requirement_hash,
        spend_by: record.spend_by,
    };
    let held = record.held.as_ref().unwrap();
    let moment = Moment {
        now: story.shelf().now(),
        task: record.envelope.task,
    };
    let lending = Lending::new(&directory, &held.requirement, &record.requester, moment);
    VerifiedReview::verify(review, &subject, &lending)
}
