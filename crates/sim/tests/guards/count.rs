//! Counting reviews: each wrong kind is void, and says why.

use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::directory::Directory;
use gatehold_core::ids::RequestId;
use gatehold_core::quorum::{Question, Quorum, Void, count};
use gatehold_core::review::{ReviewAct, Subject, UnverifiedReview};
use gatehold_core::tier::Tier;
use gatehold_core::trust::change::TeamSet;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::story::Story;
use gatehold_sim::simulator::work::Intent;

use crate::says;

pub(crate) fn signed(story: &mut Story, name: &str, request: RequestId) -> UnverifiedReview {
    let screen = story.open(name, request);
    let Intent::Review { review, .. } = story.review(&screen, |_, _| {}) else {
        panic!("a review is a review");
    };
    let (record, directory) = (story.record(request), story.directory());
    let requirement = &record.held.as_ref().unwrap().requirement;
    let moment = Moment {
        now: story.shelf().now(),
        task: record.envelope.task,
    };
    let lending = Lending::new(&directory, requirement, &record.requester, moment);
    review.kept(&lending)
}

pub(crate) fn counted(
    story: &mut Story,
    request: RequestId,
    reviews: &[UnverifiedReview],
) -> Quorum {
    let tier = story.record(request).tier;
    counted_at(story, request, tier, reviews)
}

fn counted_at(
    story: &mut Story,
    request: RequestId,
    tier: Tier,
    reviews: &[UnverifiedReview],
) -> Quorum {
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
        tier,
        requester: &record.requester,
        directory: &directory,
        moment: Moment {
            now: story.shelf().now(),
            task: record.envelope.task,
        },
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
fn b09_a_passkey_fills_no_seat_where_a_terminal_is_demanded_whoever_stored_it() {
    let mut story = Story::production();
    story.activate(says("db.write", "hold", &[2]));
    let request = story.submit("bot-2", "db.write");
    let [bob, cem, dia] = ["bob", "cem", "dia"].map(|name| signed(&mut story, name, request));
    let one = counted(&mut story, request, &[bob.clone(), cem]);
    assert!(one.approvals.len() == 2 && !one.met);
    assert!(counted(&mut story, request, &[bob, dia]).met);
}

#[test]
fn on_red_what_was_signed_without_a_reason_does_not_count_whoever_stored_it() {
    let mut story = Story::dev();
    let request = story.submit("bot-2", "db.write");
    let mut screen = story.open("bob", request);
    screen.because.clear();
    let Intent::Review { review: unsaid, .. } = story.review(&screen, |_, _| {}) else {
        panic!("a review is a review");
    };
    let said = ["bob", "dia"].map(|name| signed(&mut story, name, request));
    assert!(counted(&mut story, request, std::slice::from_ref(&unsaid)).met);
    let at = |story: &mut Story, reviews: &[UnverifiedReview]| {
        counted_at(story, request, Tier::Red, reviews)
    };
    let quorum = at(&mut story, &[unsaid.clone(), said[1].clone()]);
    assert_eq!(quorum.void, [(0, Void::NoReason)]);
    assert!(!quorum.met, "red takes two people");
    assert!(at(&mut story, &said).met);
    // A denial counts as it is.
    let Intent::Review { review: denial, .. } = story.review(&screen, |context, _| {
        context.act = ReviewAct::Deny;
    }) else {
        panic!("a review is a review");
    };
    assert!(at(&mut story, &[denial]).denial.is_some());
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

#[test]
fn a_change_of_the_gate_takes_two_people_whatever_its_checkpoint_asks() {
    let mut story = Story::dev();
    let change = TeamSet {
        team: "owners".parse().unwrap(),
        members: [human("ann"), human("bob")].into(),
    };
    let intent = story.proposal("ann", "team.set", &change);
    let request = story.submitted(intent);
    let reviews = ["bob", "cem"].map(|name| signed(&mut story, name, request));
    let directory: Directory = story.directory();
    let record = story.record(request);
    let held = record.held.as_ref().unwrap();
    let mut checkpoints: Vec<Checkpoint> = held.requirement.clone().into();
    for alternative in checkpoints.iter_mut().flat_map(|c| &mut c.alternatives) {
        alternative.seats = std::num::NonZeroU8::MIN;
    }
    let weak = Requirement::new(checkpoints).unwrap();
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
        requirement: &weak,
        tier: Tier::Green,
        requester: &record.requester,
        directory: &directory,
        moment: Moment {
            now: story.shelf().now(),
            task: None,
        },
    };
    let one = count(&question, &reviews[..1]);
    assert!(one.approvals.len() == 1 && !one.met, "one is never enough");
    assert!(count(&question, &reviews).met);
}
