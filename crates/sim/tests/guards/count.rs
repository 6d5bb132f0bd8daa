//! Counting reviews: each wrong kind is void, and says why.

use gatehold_core::directory::Directory;
use gatehold_core::ids::RequestId;
use gatehold_core::quorum::{Question, Quorum, Void, count};
use gatehold_core::review::{Subject, UnverifiedReview};
use gatehold_sim::simulator::story::Story;
use gatehold_sim::simulator::work::Intent;

fn signed(story: &mut Story, name: &str, request: RequestId) -> UnverifiedReview {
    let screen = story.open(name, request);
    match story.review(&screen, |_, _| {}) {
        Intent::Review { review, .. } => review,
        _ => panic!("a review is a review"),
    }
}

fn counted(story: &mut Story, request: RequestId, reviews: &[UnverifiedReview]) -> Quorum {
    let directory: Directory = story.directory();
    let record = story.record(request);
    let held = record.held.as_ref().unwrap();
    let question = Question {
        subject: Subject {
            gate: &directory.origin,
            request: record.id,
            request_hash: record.request_hash,
            digest: record.digest,
            display_hash: record.display_hash,
            requirement_hash: held.requirement_hash,
            spend_by: record.spend_by,
        },
        requirement: &held.requirement,
        tier: record.tier,
        requester: &record.requester,
        directory: &directory,
    };
    count(&question, reviews)
}

#[test]
fn a_review_by_somebody_who_counts_fills_the_seat() {
    let mut story = Story::production();
    let request = story.submit("bot-1", "db.write");
    let review = signed(&mut story, "bob", request);
    let quorum = counted(&mut story, request, &[review]);
    assert!(quorum.met && quorum.void.is_empty());
}

#[test]
fn nobody_counts_on_their_own_request() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let own = signed(&mut story, "cem", request);
    let quorum = counted(&mut story, request, &[own]);
    assert_eq!(quorum.void, [(0, Void::OwnRequest)]);
    assert!(!quorum.met);
}

#[test]
fn a_plain_key_does_not_count_in_production() {
    let mut story = Story::production();
    let request = story.submit("bot-1", "db.write");
    let plain = signed(&mut story, "eve", request);
    let quorum = counted(&mut story, request, &[plain]);
    assert_eq!(quorum.void, [(0, Void::Software)]);
}

#[test]
fn who_is_not_entitled_does_not_count() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let stranger = signed(&mut story, "ann", request);
    let quorum = counted(&mut story, request, &[stranger]);
    assert_eq!(quorum.void, [(0, Void::NotEntitled)]);
}

#[test]
fn one_person_counts_once() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let (one, two) = (
        signed(&mut story, "bob", request),
        signed(&mut story, "bob", request),
    );
    let quorum = counted(&mut story, request, &[one, two]);
    assert_eq!(quorum.void, [(1, Void::Repeated)]);
    assert_eq!(quorum.approvals.len(), 1);
}
