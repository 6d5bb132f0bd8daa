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

/// A new key of eve, a first passkey in production, that two people approved and nobody applied. Also once she is back.
#[test]
fn a_key_that_was_approved_before_its_holder_was_gone_is_not_enrolled() {
    for (production, back) in [(false, false), (true, false), (false, true), (true, true)] {
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
        let gone = story.suspend("eve");
        if back {
            let word = story.back_from("eve", gone);
            story.tell(word).unwrap();
        }
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

/// What was asked for knowing that its holder is gone is not void once they are back, and is once they are gone again.
#[test]
fn a_key_that_was_asked_for_under_the_suspension_that_was_said_last_is_enrolled_and_no_other() {
    for (back, again) in [(true, false), (false, true), (true, true)] {
        let mut story = Story::dev();
        let gone = story.suspend("bob");
        let key = Key::software([7; 32]);
        let name = key.thumbprint;
        let payload = story.new_key_of("bob", key, Some(gone));
        let asked = story.proposal_of("ann", "human.enrol", payload);
        let request = story.submitted(asked);
        for name in ["cem", "dia"] {
            story.approve(name, request).unwrap();
        }
        if back {
            let word = story.back_from("bob", gone);
            story.tell(word).unwrap();
        }
        if again {
            story.suspend("bob");
            refused_because(story.redeem(request), "since it was asked for");
        } else {
            story.redeem(request).unwrap();
            assert!(story.directory().key(&human("bob"), &name).is_some());
        }
    }
}

/// Whoever names what nobody said, or nothing where something was said, enrols nobody.
#[test]
fn a_key_is_enrolled_only_by_who_names_what_was_said_last() {
    let mut story = Story::dev();
    let of_another = story.suspend("cem");
    let payload = story.new_key_of("bob", Key::software([7; 32]), Some(of_another));
    let asked = story.proposal_of("ann", "human.enrol", payload);
    let request = story.submitted(asked);
    for name in ["dia", "eve"] {
        story.approve(name, request).unwrap();
    }
    refused_because(story.redeem(request), "never said that they are gone");
}

#[test]
fn an_open_screen_stays_as_it_is_while_somebody_who_is_gone_is_said_to_be_so_again() {
    let mut story = Story::dev();
    story.suspend("eve");
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("bob", request);
    let review = story.review(&screen, |_, _| {});
    story.suspend("eve");
    story.tell(review).unwrap();
    // What takes something from anybody is read first.
    let request = story.submit("bot-1", "db.write");
    let screen = story.open("cem", request);
    let review = story.review(&screen, |_, _| {});
    story.suspend("dia");
    refused_because(story.tell(review), "changed since it was opened");
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
