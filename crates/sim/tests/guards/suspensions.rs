//! People who are gone: the word that they are back ends what it was heard of, and a key that was asked for before gives nothing.

use gatehold_core::commit::Conflict;
use gatehold_core::request::State;
use gatehold_core::trust::TrustError;
use gatehold_sim::simulator::people::{Key, human};
use gatehold_sim::simulator::story::{No, Story, Told};
use gatehold_sim::simulator::work::Intent;

#[track_caller]
fn refused_because(answer: Result<Told, No>, why: &str) {
    match answer {
        Err(No::Refused(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("this should have been refused: {other:?}"),
    }
}

/// A new key of eve, a first passkey in production, that two people approved and nobody applied.
#[test]
fn a_key_that_was_approved_before_its_holder_was_gone_is_not_enrolled() {
    for production in [false, true] {
        let (mut story, key) = if production {
            (Story::production(), Key::passkey([7; 32]))
        } else {
            (Story::dev(), Key::software([7; 32]))
        };
        let name = key.thumbprint;
        let payload = story.new_key_of("eve", key, None);
        let asked = story.proposal_of("ann", "human.enrol", payload);
        let request = story.submitted(asked);
        for name in ["bob", "cem"] {
            story.approve(name, request).unwrap();
        }
        assert_eq!(story.record(request).state, State::Redeemable);
        let executed = story.executed(request);
        assert_eq!(executed.check(&story.directory()), Ok(()));
        story.suspend("eve");
        refused_because(story.redeem(request), "since it was asked for");
        let directory = story.directory();
        assert!(directory.key(&human("eve"), &name).is_none());
        // Nor where somebody who writes to the database appends it.
        let appended = executed.check(&directory);
        assert!(
            matches!(appended, Err(TrustError::Contradiction(_))),
            "{appended:?}"
        );
    }
}

#[test]
fn a_key_that_people_enrol_knowing_that_its_holder_is_gone_counts() {
    let mut story = Story::dev();
    let gone = story.suspend("bob");
    let key = Key::software([7; 32]);
    let name = key.thumbprint;
    let payload = story.new_key_of("bob", key, Some(gone));
    let asked = story.proposal_of("ann", "human.enrol", payload);
    story.carry_out(asked);
    assert!(story.directory().key(&human("bob"), &name).is_some());
    // Said again, it is taken with the others.
    story.suspend("bob");
    assert!(story.directory().is_suspended(&human("bob")));
}

#[test]
fn a_key_that_was_asked_for_under_another_suspension_or_none_that_stands_is_not_enrolled() {
    for back in [false, true] {
        let mut story = Story::dev();
        let gone = story.suspend("bob");
        let payload = story.new_key_of("bob", Key::software([7; 32]), Some(gone));
        let asked = story.proposal_of("ann", "human.enrol", payload);
        let request = story.submitted(asked);
        for name in ["cem", "dia"] {
            story.approve(name, request).unwrap();
        }
        if back {
            let word = story.back_from("bob", gone);
            story.tell(word).unwrap();
        } else {
            story.suspend("bob");
        }
        refused_because(story.redeem(request), "since it was asked for");
    }
}

/// Wherever it is on its way while the provider says again that they are gone: heard, read, or decided.
#[test]
fn the_word_that_somebody_is_back_ends_only_what_it_was_heard_of() {
    let gone = || Intent::Suspend {
        human: human("bob"),
        removed: false,
    };
    let mut story = Story::dev();
    let first = story.suspend("bob");
    let heard = story.back_from("bob", first);
    story.suspend("bob");
    refused_because(story.tell(heard.clone()), "is not suspended by that");

    let second = story.directory().suspended_by(&human("bob")).unwrap();
    let heard = story.back_from("bob", second);
    let in_hand = story.load(0, heard.clone()).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    story.tell_to(1, gone()).unwrap();
    let overtaken = story.commit(&heard, decided);
    assert!(
        matches!(overtaken, Err(No::Conflict(Conflict::Guard(_)))),
        "{overtaken:?}"
    );
    refused_because(story.tell(heard), "is not suspended by that");
    assert!(story.directory().is_suspended(&human("bob")));

    // The other way round: what says that they are gone is overtaken, and said again over it.
    let third = story.directory().suspended_by(&human("bob")).unwrap();
    let in_hand = story.load(0, gone()).unwrap();
    let decided = story.decide(&in_hand).unwrap();
    let heard = story.back_from("bob", third);
    story.tell_to(1, heard).unwrap();
    let overtaken = story.commit(&in_hand.intent, decided);
    assert!(matches!(overtaken, Err(No::Conflict(_))), "{overtaken:?}");
    story.tell(gone()).unwrap();
    assert!(story.directory().is_suspended(&human("bob")));
}

#[test]
fn what_somebody_signed_before_they_were_gone_and_since_decides_nothing() {
    let mut story = Story::dev();
    let request = story.submit("bot-1", "db.write");
    let told = story.approve("bob", request).unwrap();
    assert_eq!(told.record().state, State::Redeemable);
    let gone = story.suspend("bob");
    let early = story.redeem(request);
    assert!(!early.is_ok_and(|told| told.is_let_out()));
    let word = story.back_from("bob", gone);
    story.tell(word).unwrap();

    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, _| {});
    story.suspend("bob");
    let during = story.tell(review);
    assert!(matches!(during, Err(No::Refused(_))), "{during:?}");
}
