//! A review as it arrives: by somebody who may, about what they were shown, no wider than what was asked.

use gatehold_core::decide::{ActBy, ActKind, Claims, Command, HANDLED_MAX};
use gatehold_core::ids::RequestId;
use gatehold_core::reason::ReasonError;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::review::{ReviewAct, ReviewError};
use gatehold_core::signed_body::SignedBody;
use gatehold_core::signer::Signer;
use gatehold_core::tier::Tier;
use gatehold_core::view::View;
use gatehold_sim::simulator::people::human;
use gatehold_sim::simulator::story::{No, Story, Told};
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
fn what_is_signed_is_the_view_that_was_shown() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |context, _| {
        context.view_hash = View::hash_of(b"another view");
    });
    refused(story.tell(review), &Refusal::ChangedSinceShown);
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
fn on_red_the_question_about_the_action_is_answered() {
    let mut story = Story::dev();
    red(&mut story);
    let request = story.submit("bot-1", "db.write");
    let asked = story.record(request).fact_challenge();
    for wrong in [None, Some("something else".to_owned())] {
        let mut screen = story.open("bob", request);
        screen.fact = match wrong {
            None => ("fact.of-another-kind".to_owned(), asked.answer.clone()),
            Some(answer) => (asked.id.clone(), answer),
        };
        let review = story.review(&screen, |_, _| {});
        refused(story.tell(review), &Refusal::Fact(asked.id.clone()));
    }
    story.approve("bob", request).unwrap();
}

/// From now on a write is red.
fn red(story: &mut Story) {
    story.activate(|rules| {
        let write = rules.answers.get_mut("db.write");
        write.expect("a kind of action").tier = Tier::Red;
    });
}

#[test]
fn on_red_whoever_approves_or_narrows_says_why() {
    let mut story = Story::dev();
    red(&mut story);
    let request = story.submit("bot-1", "db.write");
    for (because, why) in [
        ("", ReasonError::Missing),
        (" \n", ReasonError::Unseen),
        ("\u{200b}\u{3164}", ReasonError::Unseen),
        ("ok", ReasonError::Short),
        ("checked \u{1b}[2J", ReasonError::Control(0x1b)),
        (&"y".repeat(2_001), ReasonError::Long),
    ] {
        for lower in [0, 60] {
            let mut screen = story.open("bob", request);
            because.clone_into(&mut screen.because);
            let review = story.review(&screen, |context, _| context.limits.ttl_seconds -= lower);
            refused(story.tell(review), &Refusal::Reason(why.clone()));
        }
    }
    story.approve("bob", request).unwrap();
    // Ending it is the safe direction: nobody has to say why.
    let another = story.submit("bot-1", "db.write");
    let mut screen = story.open("bob", another);
    screen.because.clear();
    let denied = story.review(&screen, |context, _| context.act = ReviewAct::Deny);
    ends_as(story.tell(denied), State::Denied);
}

#[test]
fn what_rises_while_it_is_held_is_held_again_whoever_approves() {
    for (dev, tier, rises) in [
        (true, Tier::Red, true),
        // A development gate asks for no more at amber.
        (true, Tier::Amber, false),
        (false, Tier::Amber, true),
    ] {
        let mut story = if dev {
            Story::dev()
        } else {
            Story::production()
        };
        story.activate(says("db.write", "hold", &[1]));
        let request = story.submit("bot-2", "db.write");
        let mut screen = story.open("bob", request);
        screen.because.clear();
        let unsaid = story.review(&screen, |_, _| {});
        ends_as(story.tell(unsaid.clone()), State::Held);
        story.pass(60);
        let before = story.record(request);
        story.activate(|rules| {
            let write = rules.answers.get_mut("db.write").expect("a kind of action");
            write.tier = tier;
        });
        if !rises {
            refused(story.approve("bob", request), &Refusal::AlreadyDecided);
            ends_as(story.approve("cem", request), State::Redeemable);
            continue;
        }
        // Also whoever decided already: what they approved was something smaller.
        ends_as(story.approve("bob", request), State::Held);
        let after = story.record(request);
        assert!(after.reviews.is_empty(), "what was approved is void");
        assert_eq!((before.tier, after.tier), (Tier::Green, tier));
        let [before, after] = [before, after].map(|record| record.held.unwrap());
        assert_eq!(before.requirement, after.requirement);
        assert!(after.decide_by > before.decide_by, "the time begins anew");
        refused(story.tell(unsaid), &Refusal::ChangedSinceShown);
        ends_as(story.approve("bob", request), State::Held);
        ends_as(story.approve("cem", request), State::Redeemable);
        assert!(story.redeem(request).unwrap().is_let_out());
    }
}

#[test]
fn what_policy_would_allow_by_now_is_held_again_at_what_held_it_when_it_rises() {
    let mut story = Story::dev();
    story.activate(says("db.write", "hold", &[1]));
    let request = story.submit("bot-2", "db.write");
    let held = story.record(request).held.unwrap().requirement;
    ends_as(story.approve("bob", request), State::Held);
    story.activate(says("db.write", "allow", &[]));
    red(&mut story);
    ends_as(story.approve("cem", request), State::Held);
    let again = story.record(request);
    assert_eq!((again.tier, again.reviews.len()), (Tier::Red, 0));
    assert_eq!(again.held.unwrap().requirement, held);
}

#[test]
fn what_was_held_as_red_is_approved_with_a_reason_when_it_is_red_no_more() {
    let mut story = Story::dev();
    red(&mut story);
    let request = story.submit("bot-1", "db.write");
    story.activate(|rules| {
        let write = rules.answers.get_mut("db.write");
        write.expect("a kind of action").tier = Tier::Green;
    });
    let mut screen = story.open("bob", request);
    screen.because.clear();
    let unsaid = story.review(&screen, |_, _| {});
    refused(story.tell(unsaid), &Refusal::Reason(ReasonError::Missing));
    ends_as(story.approve("bob", request), State::Redeemable);
}

#[test]
fn what_is_signed_says_whether_there_is_a_reason() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let other = Refusal::Review(ReviewError::Other("reason"));
    for because in ["", "looked at it"] {
        let mut screen = story.open("bob", request);
        because.clone_into(&mut screen.because);
        let review = story.review(&screen, |context, _| context.reasoned = !context.reasoned);
        refused(story.tell(review), &other);
    }
    // It is not red: nothing need be said, where what is signed says so.
    let mut screen = story.open("bob", request);
    screen.because.clear();
    let review = story.review(&screen, |_, _| {});
    story.tell(review).unwrap();
}

#[test]
fn b03_a_software_key_that_sets_user_verification_does_not_count_where_attested_is_required() {
    // Of the owners the maker of ann's key vouches for it. Bob's and cem's are software that says it had verified somebody, in a
    // terminal and in a browser. Once the floor of red alone asks for more, and once the checkpoint itself.
    for checkpoint in [3, 7] {
        let mut story = Story::production();
        story.activate(|rules| {
            let write = rules.answers.get_mut("db.write").expect("a kind of action");
            write.tier = Tier::Red;
            write.checkpoints = [checkpoint].into();
        });
        for (workload, name) in [("bot-1", "bob"), ("bot-0", "cem")] {
            let request = story.submit(workload, "db.write");
            ends_as(story.approve(name, request), State::Held);
            refused(
                story.redeem(request),
                &Refusal::WrongState { state: "held" },
            );
        }
        let request = story.submit("bot-1", "db.write");
        ends_as(story.approve("ann", request), State::Redeemable);
    }
    // Nor do two of them, where nothing but attested will do.
    let mut story = Story::production();
    story.activate(says("db.write", "hold", &[7]));
    let request = story.submit("bot-2", "db.write");
    for name in ["bob", "cem"] {
        ends_as(story.approve(name, request), State::Held);
    }
    refused(
        story.redeem(request),
        &Refusal::WrongState { state: "held" },
    );
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
fn b09_where_a_terminal_is_demanded_a_passkey_approves_nothing_and_still_denies() {
    let mut story = Story::production();
    story.activate(says("db.write", "hold", &[2]));
    let request = story.submit("bot-2", "db.write");
    let asked = Refusal::Signer { asked: Signer::Cli };
    refused(story.approve("cem", request), &asked);
    story.approve("bob", request).unwrap();
    ends_as(story.deny("cem", request), State::Denied);
}

#[test]
fn what_policy_forbids_by_the_time_of_the_review_ends() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    story.activate(says("db.write", "deny", &[]));
    ends_as(story.approve("bob", request), State::Denied);
}

#[test]
fn nothing_is_decided_after_its_time() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, _| {});
    story.pass(601);
    refused(story.tell(review), &Refusal::TooLate("the time to decide"));
}

#[test]
fn an_act_is_about_something_that_is_held() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    story.approve("bob", request).unwrap();
    let act = Intent::Act {
        by: ActBy::Human(human("eve")),
        kind: ActKind::Deny,
        request,
    };
    let decided = Refusal::WrongState {
        state: "redeemable",
    };
    refused(story.tell(act), &decided);
}

#[test]
fn a_claim_is_no_lock_and_is_released_by_whoever_made_it() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let acts = |name: &str, kind: ActKind| Intent::Act {
        by: ActBy::Human(human(name)),
        kind,
        request,
    };
    let not_yours = Refusal::NotYours("only whoever claimed it releases it");
    refused(story.tell(acts("bob", ActKind::Release)), &not_yours);
    story.tell(acts("bob", ActKind::Claim)).unwrap();
    assert_eq!(story.record(request).claimed_by, Some(human("bob")));
    refused(story.tell(acts("eve", ActKind::Release)), &not_yours);
    let already = Refusal::NotYours("you have claimed it already");
    refused(story.tell(acts("bob", ActKind::Claim)), &already);
    // Somebody else takes it over, and then it is theirs to release.
    story.tell(acts("eve", ActKind::Claim)).unwrap();
    refused(story.tell(acts("bob", ActKind::Release)), &not_yours);
    story.tell(acts("eve", ActKind::Release)).unwrap();
    assert_eq!(story.record(request).claimed_by, None);
    // Nor does it keep anybody from deciding.
    story.tell(acts("eve", ActKind::Claim)).unwrap();
    story.approve("bob", request).unwrap();
    assert_eq!(story.record(request).state.name(), "redeemable");
}

#[test]
fn people_hand_a_request_about_so_often_and_no_more() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let mut act = |name: &str, kind: ActKind| {
        let by = ActBy::Human(human(name));
        story.tell(Intent::Act { by, kind, request }).map(drop)
    };
    for turn in 0..HANDLED_MAX {
        let (name, kind) = match turn % 4 {
            0 => ("bob", ActKind::Claim),
            1 => ("eve", ActKind::Claim),
            2 => ("eve", ActKind::Release),
            _ => ("eve", ActKind::Escalate),
        };
        act(name, kind).unwrap();
    }
    for kind in [ActKind::Claim, ActKind::Escalate] {
        let more = act("bob", kind).unwrap_err();
        let No::Refused(why) = more else {
            panic!("{more:?}");
        };
        assert!(why.contains("64 times"), "{why}");
    }
    // What decides it is not among them.
    act("bob", ActKind::Deny).unwrap();
}

#[test]
fn the_signed_body_asks_for_what_is_decided_on() {
    let mut story = Story::dev();
    let task = story.start("bot-1");
    let (one, other) = (
        story.submission("bot-1", task, "db.read"),
        story.submission("bot-1", task, "db.read"),
    );
    let Intent::Submit { action, .. } = &other else {
        panic!("a submission is one");
    };
    let other = SignedBody::write(action, &Claims::default());
    let in_hand = story.load(0, one).unwrap();
    let decided = story.decide_changed(&in_hand, |command| {
        if let Command::Submit(submission) = command {
            submission.body = Some(other);
        }
    });
    assert!(matches!(decided, Err(No::Refused(_))));
    assert!(story.decide(&in_hand).is_ok());
}

/// Whoever holds this workload's key answers.
fn answered_by(story: &mut Story, workload: &str, request: RequestId) -> Result<Told, No> {
    let call = story.call(workload);
    story.tell(Intent::Act {
        by: ActBy::Requester {
            key: call.key,
            nonce: call.nonce(),
        },
        kind: ActKind::Answer,
        request,
    })
}

fn asked(story: &mut Story, request: RequestId) {
    let ask = Intent::Act {
        by: ActBy::Human(human("bob")),
        kind: ActKind::Ask,
        request,
    };
    assert!(story.tell(ask).is_ok());
}

#[test]
fn only_the_key_that_asked_answers() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    asked(&mut story, request);
    refused(
        answered_by(&mut story, "bot-0", request),
        &Refusal::NoSuchRequest,
    );
}

#[test]
fn an_answer_disarms_the_screens_that_were_opened_before_it() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    asked(&mut story, request);
    let screen = story.open("bob", request);
    assert!(answered_by(&mut story, "bot-1", request).is_ok());
    let review = story.review(&screen, |_, _| {});
    refused(story.tell(review), &Refusal::ChangedSinceShown);
}
